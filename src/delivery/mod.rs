//! HTTP out: notifications become attempts, and what a target answers becomes their outcomes.
//!
//! [`schedule`] decides who is attempted when, [`transport`] makes one attempt, and `failure` says in words why one
//! failed. It accepts no connections and creates no notifications.

mod delivery_handle;
pub mod egress;
mod failure;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod redact;
mod response_head;
pub mod schedule;
#[cfg(test)]
mod simulation;
pub mod transport;

pub use delivery_handle::DeliveryHandle;
pub use failure::{Advice, advice, fact, why};
