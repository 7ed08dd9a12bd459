//! stub
use crate::model::{EventType, RetryPolicy};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Config {
    pub server: Server,
    pub store: Store,
    pub delivery: Delivery,
    pub egress: Egress,
    pub log: Log,
    pub account: Vec<Account>,
    pub catalogue: Catalogue,
}
#[derive(Clone, Debug)]
pub struct Server {
    pub listen: SocketAddr,
    pub max_body: usize,
    pub max_connections: u32,
    pub shutdown_grace: Duration,
    pub header_timeout: Duration,
    pub body_timeout: Duration,
}
#[derive(Clone, Debug)]
pub struct Store {
    pub path: PathBuf,
    pub cache: u64,
}
#[derive(Clone, Debug)]
pub struct Delivery {
    pub timeout: Duration,
    pub connect_timeout: Duration,
    pub retry: RetryPolicy,
    pub max_in_flight: usize,
    pub max_in_flight_per_webhook: u16,
    pub retry_after_cap: Duration,
    pub idempotency_window: Duration,
    pub secret_overlap: Duration,
}
#[derive(Clone, Debug)]
pub struct AllowRule {
    pub net: IpAddr,
    pub prefix: u8,
    pub port: Option<u16>,
}
#[derive(Clone, Debug)]
pub struct Egress {
    pub allow: Vec<AllowRule>,
    pub allow_http: bool,
    pub extra_ca_file: Option<PathBuf>,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}
#[derive(Clone, Debug)]
pub struct Log {
    pub level: Level,
    pub format: Format,
}
#[derive(Clone, Debug)]
pub struct Account {
    pub name: String,
    pub env: String,
    pub admin_token_file: Option<PathBuf>,
}
#[derive(Clone, Debug)]
pub struct Catalogue {
    pub strict: bool,
    pub extra: Vec<EventType>,
}
impl Default for Config {
    fn default() -> Self {
        Self {
            server: Server {
                listen: "127.0.0.1:8080".parse().unwrap(),
                max_body: 1 << 20,
                max_connections: 1024,
                shutdown_grace: Duration::from_secs(20),
                header_timeout: Duration::from_secs(30),
                body_timeout: Duration::from_secs(30),
            },
            store: Store { path: "carteiro-data".into(), cache: 64 << 20 },
            delivery: Delivery {
                timeout: Duration::from_secs(15),
                connect_timeout: Duration::from_secs(5),
                retry: RetryPolicy::default(),
                max_in_flight: 512,
                max_in_flight_per_webhook: 8,
                retry_after_cap: Duration::from_secs(86400),
                idempotency_window: Duration::from_secs(86400),
                secret_overlap: Duration::from_secs(86400),
            },
            egress: Egress { allow: vec![], allow_http: true, extra_ca_file: None },
            log: Log { level: Level::Info, format: Format::Text },
            account: vec![Account { name: "default".into(), env: "production".into(), admin_token_file: None }],
            catalogue: Catalogue { strict: false, extra: vec![] },
        }
    }
}
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
}
impl Loaded {
    pub fn changes_needing_restart(&self, _new: &Loaded) -> Vec<&'static str> {
        vec![]
    }
    pub fn effective(&self) -> String {
        String::new()
    }
}
impl Config {
    pub fn reloaded(&self, new: &Config) -> Config {
        new.clone()
    }
    pub fn load(
        _f: Option<&std::path::Path>,
        _e: impl Iterator<Item = (String, String)>,
        flags: &[(&'static str, String)],
    ) -> Result<Loaded, String> {
        let mut c = Config::default();
        for (k, v) in flags {
            match *k {
                "server.listen" => c.server.listen = v.parse().unwrap(),
                _ => c.store.path = v.into(),
            }
        }
        if let Ok(a) = std::env::var("STUB_ALLOW") {
            c.egress.allow.push(AllowRule { net: a.parse().unwrap(), prefix: 8, port: None });
        }
        if let Ok(_) = std::env::var("STUB_FAST") {
            c.delivery.retry = RetryPolicy::new(vec![Duration::from_millis(20)], 20, 0.0).unwrap();
        }
        Ok(Loaded { config: c })
    }
}
