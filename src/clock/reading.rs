//! What both clocks show at one moment.

use crate::model::Timestamp;
use std::time::Duration;

/// What both clocks show at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock.
    pub wall: Timestamp,
    /// The monotonic clock: how long it has run since a moment of its own. It never steps.
    pub ran: Duration,
}
