//! The black box: the built binary, driven over HTTP as a merchant's system drives it, with receivers that behave and
//! receivers that don't. Everything is on loopback and on free ports.

#![allow(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]
#![allow(clippy::needless_pass_by_value, reason = "a literal that is passed on reads better without its &")]

#[path = "deadline.rs"]
mod a_deadline;
mod absent_accounts;
mod accounts;
mod alerts;
mod audit;
mod backfills;
mod bad_input;
mod bodies;
mod cli;
mod client_certificates;
mod clocks;
mod contract;
mod crash;
mod delivery;
mod disabling;
mod docs;
mod egress;
mod erasures;
mod event_types;
mod events;
mod faults;
mod filters;
mod handed_socket;
mod harness;
mod heads;
mod idempotency;
mod ingress;
mod ingress_tls;
mod journals;
mod judged_for_the_user;
mod keeping;
mod lanes;
mod libraries;
mod lifecycle;
mod lost_tokens;
mod monitoring;
mod notifications;
mod owners;
mod panel;
mod powercut;
mod preload;
mod receiver;
mod requests;
mod searching;
mod secrets;
mod signatures;
mod skips;
mod stream;
mod systemd;
mod telling;
mod webhooks;
