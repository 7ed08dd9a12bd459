//! README.md and LEIAME.md, run as printed: commands, receivers, configs; and held to the code where they list what it has.
//!
//! Only addresses and folders are replaced, since tests pick free ones. What isn't run stands in [`commands::COMMANDS`] with its
//! reason; where a program is missing, that is said and the rest is run.

#![allow(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]
#![allow(clippy::needless_pass_by_value, reason = "a literal that is passed on reads better without its &")]

mod backup;
mod blocks;
mod calls;
mod commands;
mod configs;
mod first;
#[allow(dead_code, reason = "the black-box tests use the rest of it")]
#[path = "../it/harness.rs"]
mod harness;
mod nginx;
mod outbox;
mod place;
mod receivers;
mod tables;
mod twins;
