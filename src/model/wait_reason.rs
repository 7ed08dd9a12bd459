//! Why a webhook's pending notifications are not attempted at once.

use super::Timestamp;

/// What delays the automatic attempts of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// Its target asked for a pause with `Retry-After`, until this moment.
    RetryAfter(Timestamp),
    /// Its own rate limit, until this moment.
    RateLimit(Timestamp),
    /// This machine could not make the last attempt (no file descriptor, no memory, no port); it tries again at this
    /// moment.
    LocalFault(Timestamp),
    /// Its target could not be reached: one attempt at a time probes it.
    Unreachable,
    /// Its maximum number of attempts is in flight.
    InFlightLimit,
    /// The disk has no space for outcomes: no webhook's notifications are attempted.
    DiskFull,
    /// The memory that holds what was recorded and isn't in sled yet has no space for outcomes, since the disk can't
    /// keep up or what stands there can't be read: no webhook's notifications are attempted.
    MemoryFull,
}

impl WaitReason {
    /// When the delay ends, if that is known.
    pub const fn until(self) -> Option<Timestamp> {
        match self {
            Self::RetryAfter(until) | Self::RateLimit(until) | Self::LocalFault(until) => Some(until),
            Self::Unreachable | Self::InFlightLimit | Self::DiskFull | Self::MemoryFull => None,
        }
    }
}
