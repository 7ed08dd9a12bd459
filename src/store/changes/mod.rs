//! What each change is, in rows.

pub(crate) mod accounts;
pub(crate) mod bring_forward;
pub(crate) mod change;
pub(crate) mod clock_steps;
pub(crate) mod events;
pub(crate) mod idempotency;
pub(crate) mod job_queue;
pub(crate) mod jobs;
pub(crate) mod ledger;
pub(crate) mod notifications;
pub(crate) mod retention;
pub(crate) mod rows;
pub(crate) mod sweep;
pub(crate) mod turns;
pub(crate) mod types;
pub(crate) mod webhooks;
