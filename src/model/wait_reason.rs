//! Why what a webhook is owed doesn't leave at once.

use super::Timestamp;

/// What keeps automatic attempts to a webhook from leaving now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// Its target asked for a pause with `Retry-After`, until this moment.
    RetryAfter(Timestamp),
    /// Its own rate limit: the next attempt leaves at this moment.
    RateLimit(Timestamp),
    /// This machine could not make the last attempt (no file descriptor, no memory, no port); it tries again at this moment.
    LocalFault(Timestamp),
    /// Its target could not be reached, and one attempt at a time finds out when it can.
    Unreachable,
    /// As many attempts are in flight as it may have.
    InFlightLimit,
    /// The disk has no room for outcomes: nothing leaves to any target.
    DiskFull,
}

impl WaitReason {
    /// When it ends, as far as that is known.
    pub const fn until(self) -> Option<Timestamp> {
        match self {
            Self::RetryAfter(until) | Self::RateLimit(until) | Self::LocalFault(until) => Some(until),
            Self::Unreachable | Self::InFlightLimit | Self::DiskFull => None,
        }
    }
}
