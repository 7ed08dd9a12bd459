//! TOML, environment and flags → a [`Config`] that can't be wrong.
//!
//! One table of keys (`keys.rs`) says everything about a setting: its name, what it does, its range, its place in [`Config`],
//! whether a reload takes it up. Reading, overriding, printing and `config.example.toml` all follow that table. This room
//! knows files and names of variables; it doesn't know what any setting is for.

mod allow;
mod file;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod ingress;
mod keys;
mod load;
mod print;
mod problem;
mod raw;
mod suggest;
mod types;
mod units;
mod value_types;

#[cfg(test)]
mod tests;

pub use allow::{AllowRule, AllowRuleError};
pub use ingress::{AddressRange, Origin};
pub use load::{Loaded, Source};
pub use print::example;
pub use problem::{Place, Problem, Problems};

use crate::model::{ExtraType, ProxyUrl, RetryPolicy};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The longest body of `POST /api/events/batch`, whatever `server.max_body` says: a batch is bounded as the API promises it.
pub const MAX_BATCH_BODY_BYTES: usize = 16 * 1024 * 1024;

/// The most accounts one daemon serves: each is a row in memory and a label in the metrics.
pub const MAX_ACCOUNTS: usize = 1000;

/// Every setting. The defaults and what [`Config::load`] makes are within their ranges, one with another.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How calls come in.
    pub server: Server,
    /// Where everything is kept.
    pub store: Store,
    /// The pages for people.
    pub panel: Panel,
    /// How notifications go out.
    pub delivery: Delivery,
    /// Where they may go.
    pub egress: Egress,
    /// What is written to stderr.
    pub log: Log,
    /// At least one, at most [`MAX_ACCOUNTS`]; names are unique.
    pub account: Vec<Account>,
    /// Which event types there are.
    pub catalogue: Catalogue,
}

/// How calls come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where API and panel listen. Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The longest body, in bytes, of any call but the batch one, which has [`MAX_BATCH_BODY_BYTES`].
    pub max_body: usize,
    /// How many connections may be open at once.
    pub max_connections: u32,
    /// How long requests and attempts in flight may take to finish at a stop. May be zero.
    pub shutdown_grace: Duration,
    /// The server's certificate and those that lead from it to an authority, in PEM. Set with `tls_key`, or both are not.
    pub tls_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM.
    pub tls_key: Option<PathBuf>,
    /// How many connections one address may have, an IPv6 /64 being one; loopback and `trusted_proxies` as many as they like.
    pub max_connections_per_address: u32,
    /// How long the TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long a caller may take to send a request's head: on a new connection from its opening on, else from its first byte.
    pub header_timeout: Duration,
    /// How long it may take to send the body.
    pub body_timeout: Duration,
    /// How long it may take no byte of an answer before it is given up.
    pub write_timeout: Duration,
    /// How long a connection is kept between an answer and the first byte of the next request.
    pub idle_timeout: Duration,
    /// Who is believed about the address of the caller behind it.
    pub trusted_proxies: Vec<AddressRange>,
    /// Whose pages may call the API from a browser.
    pub cors_origins: Vec<Origin>,
}

/// The pages for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panel {
    /// Whether there are any.
    pub enabled: bool,
}

/// Where everything is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The data folder. A relative path counts from the working directory.
    pub path: PathBuf,
    /// How many bytes of memory the store may use as its cache.
    pub cache: u64,
    /// How long events are kept.
    pub retention: Option<Duration>,
    /// About how many bytes of events are kept.
    pub retention_bytes: Option<u64>,
    /// How many bytes of the disk must stay free.
    pub min_free: u64,
    /// How long a change may take to become durable.
    pub commit_timeout: Duration,
    /// Where scheduled backups go.
    pub backup_dir: Option<PathBuf>,
    /// How often one is made. Only where there is a `backup_dir`.
    pub backup_every: Option<Duration>,
    /// How many are kept.
    pub backup_keep: u32,
}

/// How notifications go out.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// How long one attempt may take in all.
    pub timeout: Duration,
    /// How long its connection may take. Never above `timeout`.
    pub connect_timeout: Duration,
    /// Made of `schedule`, `max_attempts` and `jitter`: what a webhook has that sets none of its own.
    pub retry: RetryPolicy,
    /// How many attempts may be in flight at once, over all webhooks.
    pub max_in_flight: usize,
    /// How many of one webhook, unless it sets its own.
    pub max_in_flight_per_webhook: u16,
    /// The longest `Retry-After` that is obeyed. Zero: none is.
    pub retry_after_cap: Duration,
    /// For how long an `Idempotency-Key` is remembered.
    pub idempotency_window: Duration,
    /// For how long an old secret signs beside the new one. May be zero.
    pub secret_overlap: Duration,
    /// After how long without a confirmation a webhook may be disabled; never where `None`.
    pub disable_after: Option<Duration>,
    /// Whether a 410 Gone disables it.
    pub disable_on_gone: bool,
}

/// Where notifications may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Egress {
    /// What the protection of private addresses lets through.
    pub allow: Vec<AllowRule>,
    /// Whether a target may be `http://`.
    pub allow_http: bool,
    /// PEM certificates trusted beside the system's.
    pub extra_ca_file: Option<PathBuf>,
    /// The proxy that targets are reached through. Never beside `proxy_file`.
    pub proxy: Option<ProxyUrl>,
    /// A file that holds its URL.
    pub proxy_file: Option<PathBuf>,
}

/// What is written to stderr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least important lines that are written.
    pub level: Level,
    /// Their form.
    pub format: Format,
}

/// How important a line of the log is, the most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something is broken.
    Error,
    /// Something will break if nobody looks.
    Warn,
    /// Changes of state.
    Info,
    /// Every attempt.
    Debug,
    /// Everything.
    Trace,
}

/// The form of the log's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Whoever owns webhooks and events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// 1 to 64 of `a-z 0-9 _ -`, unique among the accounts.
    pub name: String,
    /// The label in `env` of every notification: 1 to 64 visible ASCII characters that need no escape in JSON.
    pub env: String,
    /// A file that holds the account's admin token.
    pub admin_token_file: Option<PathBuf>,
}

/// Which event types there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Whether an event of any other type is refused.
    pub strict: bool,
    /// The shop's own types, beside the guide's, and those of the guide's that it describes otherwise. One that is described
    /// stands here once.
    pub extra: Vec<ExtraType>,
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Config {
    fn default() -> Self {
        Self {
            server: Server::default(),
            panel: Panel::default(),
            store: Store::default(),
            delivery: Delivery::default(),
            egress: Egress::default(),
            log: Log::default(),
            account: vec![Account::default()],
            catalogue: Catalogue::default(),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            max_body: 1024 * 1024,
            max_connections: 1024,
            shutdown_grace: Duration::from_secs(20),
            tls_cert: None,
            tls_key: None,
            max_connections_per_address: 100,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            // Above what proxies keep by default (60 s to 2 min): whoever closes first must not be the one who is asked.
            idle_timeout: Duration::from_secs(150),
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
        }
    }
}

impl Default for Panel {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            path: PathBuf::from("carteiro-data"),
            cache: 32 * MIB,
            retention: Some(90 * DAY),
            retention_bytes: None,
            min_free: 256 * MIB,
            commit_timeout: Duration::from_secs(30),
            backup_dir: None,
            backup_every: None,
            backup_keep: 7,
        }
    }
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(5),
            retry: RetryPolicy::default(),
            max_in_flight: 512,
            max_in_flight_per_webhook: 8,
            retry_after_cap: DAY,
            idempotency_window: DAY,
            secret_overlap: DAY,
            disable_after: None,
            disable_on_gone: false,
        }
    }
}

impl Default for Egress {
    fn default() -> Self {
        Self { allow: Vec::new(), allow_http: true, extra_ca_file: None, proxy: None, proxy_file: None }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: Level::Info, format: Format::Text }
    }
}

impl Default for Account {
    fn default() -> Self {
        Self { name: "default".to_owned(), env: "production".to_owned(), admin_token_file: None }
    }
}
