//! The store as its callers see it, on a real folder, with a clock set by hand.

mod busy;
mod clock;
mod histories;
mod idempotency;
mod jobs;
mod keeping;
mod recording;
pub(crate) mod rig;
mod visible;
