//! carteiro keeps every event a shop records, finds the webhooks subscribed to it, and POSTs a notification to each
//! target until it confirms.
//!
//! One process, one binary, one data folder. Read the house from the bottom: a room may import what stands below it, never
//! above. `tests/tidy.rs` holds the doors.
//!
//! | floor | room | knows | must not know |
//! |---|---|---|---|
//! | 7 | [`cli`] | the commands; exit codes; turning errors into sentences | how anything works |
//! | 6 | [`daemon`] | start order, wiring, readiness, shutdown | business rules |
//! | 5 | [`api`] | the API: routes, tokens, JSON shapes | sled, hyper |
//! | 5 | [`panel`] | the pages people look at | the same |
//! | 4 | [`control`] | backups and verification of a running store, over a socket in its folder | HTTP, accounts |
//! | 4 | [`service`] | the verbs, each checked and stored | requests |
//! | 3 | [`http`] | HTTP in: connections, TLS, bodies, answers; what [`api`] and [`panel`] are handlers of | accounts' data |
//! | 3 | [`delivery`] | HTTP out: scheduler, lanes, one attempt, egress guard, signing | HTTP in, service |
//! | 2 | [`store`] | sled and bincode, alone in the whole program | HTTP, tokio tasks, policy |
//! | 1 | [`config`] | TOML and the environment to a `Config` that can't be wrong | everything else |
//! | 1 | [`stats`] | what is counted and timed | who asks |
//! | 0 | [`model`] | the nouns and their rules, pure | I/O, async, clocks |
//! | 0 | [`clock`], [`random`], [`shutdown`], [`atomic_file`] | the time; random bytes; the sign to stop; a file replaced whole | everything else |
//! | 0 | [`tls`] | TLS settings; what certificates say | connections, sentences |
//!
//! # The path of an event
//!
//! `POST /api/events` → [`api`] parses it into model types → [`service`] hands the store a commit → the store's one committer
//! matches the subscriptions as they are at that instant, writes event, notifications and index rows as one batch, flushes,
//! syncs, answers, and tells [`delivery`] → the lane of each webhook makes attempts until one is confirmed, and the store
//! takes in each outcome.
//!
//! What is deliberately absent: a second process, a network database, worker pools shared by all targets (one slow receiver
//! would stall the rest), leases on what is in flight (a due row lives until its outcome commits, so a crash means
//! redelivery).

#[cfg(test)]
#[path = "../tests/it/deadline.rs"]
mod a_deadline;
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
