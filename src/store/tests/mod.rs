//! The store as its callers see it, on a real folder, with a clock set by hand.

mod alerts;
mod auditing;
mod backfills;
mod busy;
mod clock;
mod erasures;
mod forgetting;
mod histories;
mod idempotency;
mod index_rows;
mod jobs;
mod keeping;
mod outcomes;
mod own_events;
mod put_aside;
mod recording;
mod references;
mod repair;
mod retention;
pub(crate) mod rig;
mod searching;
mod speed;
mod verifying;
mod visible;
