//! Why what a webhook is owed doesn't leave at once.

use super::Timestamp;

/// What keeps automatic attempts to a webhook from leaving now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Its target asked for a pause with `Retry-After`, until this moment.
    RetryAfter(Timestamp),
    /// Its own rate limit: the next attempt leaves at this moment.
    RateLimit(Timestamp),
    /// This machine could not make the last attempt (no file descriptor, no memory, no port); it tries again at this moment.
    OwnFault(Timestamp),
    /// Its target could not be reached, and one attempt at a time finds out when it can.
    Unreachable,
    /// As many attempts are in flight as it may have.
    NoPlace,
    /// The disk has no room for outcomes: nothing leaves to any target.
    NoRoom,
}

impl Wait {
    /// When it ends, as far as that is known.
    pub const fn until(self) -> Option<Timestamp> {
        match self {
            Self::RetryAfter(until) | Self::RateLimit(until) | Self::OwnFault(until) => Some(until),
            Self::Unreachable | Self::NoPlace | Self::NoRoom => None,
        }
    }
}
