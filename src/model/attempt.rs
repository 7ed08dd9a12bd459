//! One POST to a target: when, how long, and what came back.

use super::Timestamp;
use std::net::IpAddr;
use std::time::Duration;

/// One attempt, finished. That it failed is data, not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first of its notification, counting every trigger.
    pub number: u16,
    /// Who asked for it.
    pub trigger: Trigger,
    /// When it began.
    pub started_at: Timestamp,
    /// From the start to the end of what was read of the answer, microseconds.
    pub duration_us: u32,
    /// The phases that were reached.
    pub timings: Timings,
    /// The address that was dialled.
    pub remote_ip: Option<IpAddr>,
    /// The version of TLS that was agreed on.
    pub tls: Option<TlsVersion>,
    /// What came back.
    pub result: AttemptResult,
    /// When the next automatic attempt was to follow, as decided then.
    pub next_attempt_at: Option<Timestamp>,
}

impl Attempt {
    /// Forgets what the target said in its answer, which may hold what it was sent; its status stays.
    pub fn forget_answer(&mut self) {
        if let AttemptResult::Response(response) = &mut self.result {
            response.body = Vec::new();
            response.location = None;
        }
    }
}

/// Who asked for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// The schedule.
    Automatic,
    /// A person, by resending.
    Manual,
    /// A person, by testing the webhook.
    Test,
}

impl Trigger {
    /// The word of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "AUTOMATIC",
            Self::Manual => "MANUAL",
            Self::Test => "TEST",
        }
    }
}

/// How long each phase took, in microseconds; `None` for one that was not reached or, on a connection kept alive, not needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Resolving the name.
    pub dns_us: Option<u32>,
    /// Connecting to the address.
    pub connect_us: Option<u32>,
    /// The TLS handshake.
    pub tls_us: Option<u32>,
    /// From sending the request to the head of the response.
    pub first_byte_us: Option<u32>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// A response; a 2XX confirms, everything else is an error.
    Response(Response),
    /// No response.
    Error(AttemptError),
}

impl AttemptResult {
    /// Whether a 2XX came: the guide's confirmation.
    pub fn confirms(&self) -> bool {
        matches!(self, Self::Response(response) if (200..300).contains(&response.status))
    }

    /// The status of the response, where there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Response(response) => Some(response.status),
            Self::Error(_) => None,
        }
    }
}

/// The part of a response that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// The first [`Response::KEPT_BODY_BYTES`] of its body.
    pub body: Vec<u8>,
    /// How long it asked us to stay away, in `Retry-After` of a 429 or 503.
    pub retry_after: Option<Duration>,
    /// Where a redirect pointed. Never followed; shown so that the merchant can change the target.
    pub location: Option<String>,
}

impl Response {
    /// How much of a response's body is kept.
    pub const KEPT_BODY_BYTES: usize = 1024;
    /// How much of it is read before the connection is dropped.
    pub const READ_BODY_BYTES: usize = 16 * 1024;
}

/// Why there was no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptError {
    /// What kind of failure.
    pub code: ErrorCode,
    /// One sentence a shop owner understands, in English.
    pub message: String,
    /// The same in Portuguese.
    pub message_pt: String,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsVersion {
    /// 1.2, RFC 5246.
    V1_2,
    /// 1.3, RFC 8446.
    V1_3,
}

impl TlsVersion {
    /// As the API says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
        }
    }
}

/// The kinds of failure without a response: a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The name has no address, or the resolver failed.
    DnsFailed,
    /// Every address behind the name is one the egress guard refuses.
    BlockedTarget,
    /// Nothing listens there.
    ConnectRefused,
    /// No connection within the connect timeout.
    ConnectTimeout,
    /// The network or host could not be reached.
    ConnectFailed,
    /// The certificate or the handshake was not acceptable.
    TlsFailed,
    /// The connection broke before a response was complete.
    Reset,
    /// No response within the timeout.
    Timeout,
    /// What came back was not HTTP, or its head was too large.
    BadResponse,
    /// The daemon itself could not make the attempt.
    Internal,
}

impl ErrorCode {
    /// Every code there is.
    pub const ALL: [Self; 10] = [
        Self::DnsFailed,
        Self::BlockedTarget,
        Self::ConnectRefused,
        Self::ConnectTimeout,
        Self::ConnectFailed,
        Self::TlsFailed,
        Self::Reset,
        Self::Timeout,
        Self::BadResponse,
        Self::Internal,
    ];

    /// The word of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DnsFailed => "dns_failed",
            Self::BlockedTarget => "blocked_target",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectFailed => "connect_failed",
            Self::TlsFailed => "tls_failed",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::BadResponse => "bad_response",
            Self::Internal => "internal",
        }
    }

    /// Reads what [`ErrorCode::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// Whether the target could not be spoken to at all, so that its lane shrinks to one probe.
    pub const fn is_unreachable(self) -> bool {
        match self {
            Self::DnsFailed
            | Self::ConnectRefused
            | Self::ConnectTimeout
            | Self::ConnectFailed
            | Self::TlsFailed
            | Self::Reset
            | Self::Timeout
            | Self::BlockedTarget => true,
            Self::BadResponse | Self::Internal => false,
        }
    }
}
