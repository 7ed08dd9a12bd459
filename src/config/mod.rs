//! TOML, environment and flags → a [`Config`] that can't be wrong.
//!
//! `settings.rs` says everything about a setting, once: its name, what it does, its default, its range, whether a
//! reload takes it up. Structs, reading, overriding, printing and `config.example.toml` all follow that table. This
//! module knows files and names of variables; it doesn't know what any setting is for.

mod allow;
mod error;
mod extra_types;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod keys;
mod load;
mod origin;
mod print;
mod settings;
mod size;
mod toml_file;
mod value;
mod value_types;

#[cfg(test)]
mod tests;

pub use allow::{AllowRule, AllowRuleError};
pub use error::{ConfigError, ConfigErrors, Location};
pub use load::{Loaded, Source};
pub use origin::Origin;
pub use print::example;
pub use settings::{Account, Catalogue, Config, Delivery, Egress, Format, Level, Log, Panel, Server, Store};

/// The longest body of `POST /api/events/batch`, whatever `server.max_body` says: a batch is bounded as the API
/// promises it.
pub const MAX_BATCH_BODY_BYTES: usize = 16 * 1024 * 1024;

/// The most accounts one daemon serves: each is a row in memory and a label in the metrics.
pub const MAX_ACCOUNTS: usize = 1000;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
