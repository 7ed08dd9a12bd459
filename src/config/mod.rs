//! TOML, environment and flags → a [`Config`] that can't be wrong.
//!
//! `settings.rs` says everything about a setting, once: its name, what it does, its default, its range, whether a
//! reload takes it up. Structs, reading, overriding, printing and `config.example.toml` all follow that table. This
//! module knows files and names of variables; it doesn't know what any setting is for.

mod allow;
mod channel_rules;
mod draft;
mod error;
mod extra_types;
mod files;
mod findings;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod heartbeat;
mod kept_bytes;
mod keys;
mod limits;
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

pub(crate) use error::Lines;
pub(crate) use value::{RawValue, clipped, entries, is_bare, plain, quote};

pub use allow::{AllowRule, AllowRuleError};
pub use error::{ConfigError, ConfigErrors, Location};
pub use heartbeat::Heartbeat;
pub use kept_bytes::KeptBytes;
pub use limits::{MAX_ACCOUNTS, MAX_BATCH_BODY_BYTES, MAX_CLIENT_CERTIFICATES};
pub use load::Loaded;
pub use origin::Origin;
pub use print::example;
pub use settings::{
    Account, AlertChannels, AlertDiscord, AlertEmail, AlertNtfy, AlertSlack, AlertTelegram, AlertWebhook, Alerts,
    Audit, Catalogue, Cli, ClientCertificate, Config, Delivery, Egress, Format, Log, Panel, Server, Store,
};
