//! What each change is, in rows.

pub(crate) mod access;
pub(crate) mod accounts;
pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod audit_retirement;
pub(crate) mod backfill;
pub(crate) mod bring_forward;
pub(crate) mod bulk_jobs;
pub(crate) mod bulk_resend;
pub(crate) mod change;
pub(crate) mod clock_steps;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod idempotency;
pub(crate) mod job_queue;
pub(crate) mod jobs;
pub(crate) mod ledger;
pub(crate) mod notifications;
pub(crate) mod ordering;
pub(crate) mod own_events;
pub(crate) mod retention;
pub(crate) mod retirement;
pub(crate) mod rows;
pub(crate) mod sweep;
pub(crate) mod tokens;
pub(crate) mod webhooks;
