//! carteiro records a shop's events, finds the webhooks subscribed to each, and POSTs a notification to each target
//! until one attempt is confirmed. One process, one binary, one data folder.
//!
//! This crate is that program, not a library for others: its API follows the program's needs. `docs/architecture.md` in
//! the repository is the longer map, with the files that an event enters.
//!
//! # Layers
//!
//! A module imports from lower layers only; `tests/tidy.rs` fails otherwise.
//!
//! | layer | module | what it does |
//! |---|---|---|
//! | 8 | [`cli`] | the commands, their output and exit codes |
//! | 7 | [`daemon`] | wires everything, starts and stops it in order |
//! | 6 | [`api`] | the JSON API: routes, tokens, fields, shapes |
//! | 6 | [`panel`] | the HTML pages |
//! | 5 | [`service`] | the verbs: what a merchant can do, each checked and stored |
//! | 5 | [`control`] | the operator's socket in the data folder: backup, verify, reload |
//! | 4 | [`alerts`] | messages to people, and the channels they go by |
//! | 3 | [`http`] | the server that [`api`] and [`panel`] are handlers of |
//! | 3 | [`delivery`] | attempts: when, how, and their results |
//! | 2 | [`store`] | records and indexes, atomic changes, backups |
//! | 1 | [`config`] | files, environment and flags become a valid configuration |
//! | 1 | [`stats`] | counters and histograms of the process, outcomes of attempts by the hour |
//! | 0 | [`model`] | the nouns and their rules, as plain values |
//! | 0 | [`clock`], [`random`], [`shutdown`] | the time, random bytes, accepting connections until the signal to stop |
//! | 0 | [`atomic_file`], [`gather`], [`suggest`], [`tls`] | files replaced whole, small maps, the nearest word, TLS |
//!
//! # The path of an event
//!
//! 1. [`http`] reads the request; [`api`] finds route and caller and parses the body into types of [`model`].
//! 2. [`service`] checks it and hands the [`store`] one change.
//! 3. The store's one committer matches the subscriptions as they are at that instant and writes the event, its
//!    notifications and their index rows as one atomic batch. Once that is synced, [`delivery`] receives the update,
//!    and right after it the caller the answer.
//! 4. Each webhook has a lane of its own in [`delivery`], which makes attempts until one is confirmed or the schedule
//!    ends. The store records every outcome and says what is pending next.
//!
//! # Guarantees
//!
//! - A change that was answered with success survives a power cut. A failed write or sync ends the process.
//! - Delivery is at least once: a crash can repeat an attempt, under the same `webhook-id`, and loses none.
//! - A slow or hostile target delays no other; every buffer, queue and body is bounded.

#[cfg(test)]
#[path = "../tests/it/deadline.rs"]
mod a_deadline;
pub mod alerts;
pub mod api;
pub mod atomic_file;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod daemon;
pub mod delivery;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod gather;
pub mod http;
pub mod model;
pub mod panel;
pub mod random;
pub mod service;
pub mod shutdown;
pub mod stats;
pub mod store;
pub mod suggest;
pub mod tls;
