//! One POST to a target: when, how long, and with which result.

use super::words::words;
use super::{KeptHead, SentRequest, Timestamp};
use serde::Serialize;
use std::net::IpAddr;
use std::time::Duration;

/// One attempt, finished. That it failed is data, not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first of its notification, counting every trigger.
    pub number: u16,
    /// Who requested it.
    pub trigger: Trigger,
    /// When it began.
    pub started_at: Timestamp,
    /// From the start to the end of what was read of the answer, microseconds.
    pub duration_us: u32,
    /// The phases that were reached.
    pub timings: Timings,
    /// The address that was dialled.
    pub remote_ip: Option<IpAddr>,
    /// The version of TLS that was agreed on, also where an earlier attempt had made the connection; `None` without
    /// TLS.
    pub tls: Option<TlsVersion>,
    /// What was sent; `None` where no request came about.
    pub request: Option<Box<SentRequest>>,
    /// The result.
    pub result: AttemptResult,
    /// When the next automatic attempt was to follow, as decided then.
    pub next_attempt_at: Option<Timestamp>,
}

#[cfg(test)]
impl Attempt {
    /// An attempt of which a test needs no more: with the number 0, a microsecond long.
    pub(crate) fn bare(trigger: Trigger, started_at: Timestamp, result: AttemptResult) -> Self {
        Self {
            number: 0,
            trigger,
            started_at,
            duration_us: 1,
            timings: Timings::default(),
            remote_ip: None,
            tls: None,
            request: None,
            result,
            next_attempt_at: None,
        }
    }
}

#[cfg(test)]
impl AttemptResult {
    /// An answer that is nothing but a status.
    pub(crate) fn of_status(status: u16) -> Self {
        Self::Response(Response { status, body: vec![], retry_after: None, location: None, head: KeptHead::default() })
    }
}

impl Attempt {
    /// Removes what the target answered, which may repeat the payload. The status stays.
    pub fn forget_answer(&mut self) {
        if let AttemptResult::Response(response) = &mut self.result {
            response.body = Vec::new();
            response.location = None;
            response.head = KeptHead::default();
        }
    }
}

words! {
    /// Who requested an attempt.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Trigger {
        /// The schedule.
        Automatic = "AUTOMATIC",
        /// A person, by resending.
        Manual = "MANUAL",
        /// A person, by testing the webhook.
        Test = "TEST",
    }
}

/// How long each phase took, in microseconds; `None` for one that was not reached or, on a connection kept alive, not
/// needed.
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

/// The result of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// A response; a 2XX confirms, everything else is an error.
    Response(Response),
    /// No response.
    Error(AttemptError),
}

impl AttemptResult {
    /// Whether the target answered 2XX: the guide's confirmation.
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

/// The part of a response that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// The first [`Response::KEPT_BODY_BYTES`] of its body, as UTF-8 where it declares another charset that is known.
    pub body: Vec<u8>,
    /// How long it asked us to stay away, in `Retry-After` of a 429 or 503.
    pub retry_after: Option<Duration>,
    /// Where a redirect pointed. Never followed; shown so that the merchant can change the target.
    pub location: Option<String>,
    /// Its headers.
    pub head: KeptHead,
}

impl Response {
    /// How much of a response's body is stored.
    pub const KEPT_BODY_BYTES: usize = 1024;
    /// How much of it is read before the connection is dropped.
    pub const READ_BODY_BYTES: usize = 16 * 1024;
}

/// Why an attempt failed; the API writes it as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttemptError {
    /// What kind of failure.
    pub code: ErrorCode,
    /// One sentence a shop owner understands, in English.
    pub message: String,
    /// The same in Portuguese.
    pub message_pt: String,
}

impl AttemptError {
    /// How long a sentence may be in either language: enough to hold a target, and both fit into a record. A sentence
    /// may quote what a target sent, such as a certificate's odd contents, and that has no end of its own.
    pub const MAX_MESSAGE_BYTES: usize = 4096;
}

words! {
    /// A version of TLS.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum TlsVersion {
        /// 1.2, RFC 5246.
        V1_2 = "1.2",
        /// 1.3, RFC 8446.
        V1_3 = "1.3",
    }
}

words! {
    /// The kinds of failure: a closed set. The last four tell of a response that does not confirm; they follow from its
    /// status whenever it is read, and are never stored.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum ErrorCode {
        /// The name doesn't exist, or has no address.
        DnsNotFound = "dns_not_found",
        /// The resolver failed or took too long, so that nothing is known of the name.
        DnsFailed = "dns_failed",
        /// Every address behind the name is one the egress guard refuses.
        BlockedTarget = "blocked_target",
        /// Nothing listens there.
        ConnectRefused = "connect_refused",
        /// No connection within the connect timeout.
        ConnectTimeout = "connect_timeout",
        /// The network or host could not be reached.
        ConnectFailed = "connect_failed",
        /// The config has no client certificate of the webhook's, or not for its account or target.
        ClientCertificateMissing = "client_certificate_missing",
        /// The target doesn't take the webhook's client certificate.
        ClientCertificateRefused = "client_certificate_refused",
        /// The outbound proxy could not be reached, or does not answer as one.
        ProxyFailed = "proxy_failed",
        /// The outbound proxy would not or could not connect to the target.
        ProxyRefused = "proxy_refused",
        /// The certificate comes from nobody who is trusted, or was revoked.
        TlsUntrusted = "tls_untrusted",
        /// The certificate has expired.
        TlsExpired = "tls_expired",
        /// The certificate's time has not begun.
        TlsNotYetValid = "tls_not_yet_valid",
        /// The certificate is for another name.
        TlsNameMismatch = "tls_name_mismatch",
        /// No version of TLS and no cipher that both sides speak.
        TlsNoCommonCipher = "tls_no_common_cipher",
        /// The TLS handshake failed in any other way.
        TlsFailed = "tls_failed",
        /// The connection broke before a response was complete.
        Reset = "reset",
        /// No response within the timeout.
        Timeout = "timeout",
        /// The answer was not HTTP, or its head was too large.
        BadResponse = "bad_response",
        /// The daemon itself could not make the attempt.
        Internal = "internal",
        /// A 3XX. Never followed.
        Redirect = "redirect",
        /// A 4XX.
        Http4xx = "http_4xx",
        /// A 5XX.
        Http5xx = "http_5xx",
        /// A status outside 200 to 599.
        BadStatus = "bad_status",
    }
}

impl ErrorCode {
    /// What a result that doesn't confirm is; `None` for one that does.
    pub fn of(result: &AttemptResult) -> Option<Self> {
        match result {
            AttemptResult::Error(error) => Some(error.code),
            AttemptResult::Response(response) => match response.status {
                200..300 => None,
                300..400 => Some(Self::Redirect),
                400..500 => Some(Self::Http4xx),
                500..600 => Some(Self::Http5xx),
                _ => Some(Self::BadStatus),
            },
        }
    }

    /// Whether the target could not be spoken to at all, so that its lane shrinks to one probe.
    pub const fn is_unreachable(self) -> bool {
        match self {
            Self::DnsNotFound
            | Self::DnsFailed
            | Self::BlockedTarget
            | Self::ConnectRefused
            | Self::ConnectTimeout
            | Self::ConnectFailed
            | Self::ClientCertificateMissing
            | Self::ClientCertificateRefused
            | Self::ProxyFailed
            | Self::ProxyRefused
            | Self::TlsUntrusted
            | Self::TlsExpired
            | Self::TlsNotYetValid
            | Self::TlsNameMismatch
            | Self::TlsNoCommonCipher
            | Self::TlsFailed
            | Self::Reset
            | Self::Timeout => true,
            Self::BadResponse | Self::Internal | Self::Redirect | Self::Http4xx | Self::Http5xx | Self::BadStatus => {
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stores keep the words. Those of format 1 knew fewer kinds, under words that must mean something for ever.
    #[test]
    fn words_read_back_and_those_of_older_stores_still_do() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(code));
        }
        for word in [
            "dns_failed",
            "blocked_target",
            "connect_refused",
            "connect_timeout",
            "connect_failed",
            "tls_failed",
            "reset",
            "timeout",
            "bad_response",
            "internal",
        ] {
            assert!(ErrorCode::parse(word).is_some(), "{word}");
        }
        assert_eq!(ErrorCode::parse("tls"), None);
    }

    #[test]
    fn only_what_answered_or_was_never_asked_counts_as_reached() {
        let reached: Vec<&str> =
            ErrorCode::ALL.into_iter().filter(|code| !code.is_unreachable()).map(ErrorCode::as_str).collect();
        assert_eq!(reached, ["bad_response", "internal", "redirect", "http_4xx", "http_5xx", "bad_status"]);
    }
}
