//! README.md and the guides under docs/, in both languages, run as printed: commands, receivers, configs; and held to
//! the code where they list what it has.
//!
//! Only addresses and folders are replaced, since tests pick free ones. What isn't run stands in [`commands::COMMANDS`]
//! with its reason; where a program is missing, that is said and the rest is run.

mod backup;
pub(crate) mod blocks;
mod calls;
mod commands;
mod configs;
mod first;
mod nginx;
mod operate;
mod outbox;
mod package;
pub(crate) mod place;
mod receivers;
mod tables;
mod twins;
