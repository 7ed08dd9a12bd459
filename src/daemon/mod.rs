//! The daemon: what starts in which order, what is wired to what, and how it all stops. No business rules.
//!
//! Start: config, store, engine, listener, READY. Stop: let attempts in flight end within the grace time and leave the rest owed,
//! while calls are still answered; then accept nobody new, finish requests, a last sync. In this order because a slow target may
//! take all of the grace time, and callers would have to wait as long for the next start.

use crate::api::{Certificate, CertificateError, Ingress, Pages, Server};
use crate::body::Body;
use crate::clock::Clock;
use crate::config::Config;
use crate::control::{self, backups};
use crate::delivery::egress::{Allowed, Guard};
use crate::delivery::schedule::engine::{Engine, EngineSettings};
use crate::delivery::schedule::status::Status;
use crate::delivery::transport::client::{Client, ClientSettings};
use crate::model::{
    AttemptError, DisableRule, Localized, NotificationKey, ProxyUrl, ProxyUrlError, Scope, Scopes, TargetUrl,
    TokenHash, WaitReason, Webhook,
};
use crate::panel::Panel;
use crate::service::{Account, By, Caller, Policy, Service};
use crate::store::{Opened, Store, StoreError, StoreSettings, Token};
use crate::tls::client as tls;
use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use zeroize::Zeroizing;

/// Why the daemon did not start, or could not go on.
#[derive(Debug)]
pub enum Error {
    /// The store could not be opened.
    Store(StoreError),
    /// The address could not be listened on.
    Listen(SocketAddr, io::Error),
    /// The socket that the service manager handed over can't be served.
    Handed(io::Error),
    /// A file the config names can't be used.
    File(PathBuf, io::Error),
    /// A file of certificates can't be used.
    Tls(tls::TlsError),
    /// A file of the server's certificate can't be used.
    Certificate(CertificateError),
    /// A token file holds nothing that can be a token.
    Token(PathBuf),
    /// The proxy's file holds no URL of a proxy.
    Proxy(PathBuf, ProxyUrlError),
    /// The committer has been at one change for this long.
    Stuck(Duration),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Listen(address, error) => {
                write!(f, "can't listen on {address}: {error}; stop what holds it or change `server.listen`")
            }
            Self::Handed(error) => write!(
                f,
                "the socket handed over at the start can't be served: {error}; the socket unit must have one ListenStream=, a TCP address"
            ),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Tls(error) => error.fmt(f),
            Self::Certificate(error) => error.fmt(f),
            Self::Token(path) => write!(
                f,
                "{} must hold an access token of {MIN_TOKEN_BYTES} to {MAX_TOKEN_BYTES} visible characters on one line",
                path.display()
            ),
            Self::Proxy(path, error) => write!(f, "{} must hold {error}, on one line", path.display()),
            Self::Stuck(span) => write!(
                f,
                "a change has not become durable for {} s: the disk does not answer; nothing after it was acknowledged",
                span.as_secs()
            ),
        }
    }
}

impl std::error::Error for Error {}

/// The shortest token an `admin_token_file` may hold.
const MIN_TOKEN_BYTES: usize = 20;
/// And the longest: what the API looks at.
const MAX_TOKEN_BYTES: usize = crate::api::MAX_TOKEN_BYTES;

/// How to start a daemon, besides its config.
#[derive(Default)]
pub struct StartOptions {
    /// A store that has lost something is taken as it is.
    pub accept_what_is_left: bool,
    /// A socket that listens already, and goes on doing so when this process has ended; `server.listen` is not looked at.
    pub listener: Option<std::net::TcpListener>,
    /// Where those are sent who ask for a reload over the control socket.
    pub reloads: Option<mpsc::Sender<control::Reload>>,
}

/// A running daemon.
pub struct Daemon {
    /// The verbs, for whoever runs inside the same process.
    pub service: Arc<Service>,
    /// The address that is listened on, its port known.
    pub address: SocketAddr,
    /// One caller for each account of the config, allowed everything.
    pub callers: Vec<Caller>,
    store: Store,
    client: Client,
    engine: Engine,
    health: Arc<Health>,
    ingress: Arc<Ingress>,
    server: tokio::task::JoinHandle<()>,
    control: Option<tokio::task::JoinHandle<()>>,
    backups: Option<tokio::task::JoinHandle<()>>,
    judge: tokio::task::JoinHandle<()>,
    certificate: tokio::task::JoinHandle<()>,
    uses: tokio::task::JoinHandle<()>,
    stop_server: watch::Sender<bool>,
    committer: std::thread::JoinHandle<()>,
    commit_timeout: Duration,
    grace: Duration,
}

impl Daemon {
    /// Starts everything. On return requests are served and what is owed is being delivered.
    pub async fn start(config: &Config, clock: Clock, options: StartOptions) -> Result<Self, Error> {
        let client = Client::new(client_settings(config)?, clock.clone());
        let certificate = Certificate::of(&config.server).map_err(Error::Certificate)?;
        let ingress = Ingress::new(config.server.clone(), certificate, room_for_connections(config));
        let (tell, feed) = mpsc::unbounded_channel();
        let opening = StoreSettings {
            path: config.store.path.clone(),
            cache_bytes: config.store.cache,
            backup_dir: config.store.backup_dir.clone(),
            limits: limits(config),
            accept_what_is_left: options.accept_what_is_left,
            clock: clock.clone(),
        };
        let opened = tokio::task::spawn_blocking(move || {
            Store::open(opening, move |told| {
                // An engine that is gone needs no word: what is owed stands in the store.
                let _ = tell.send(told);
            })
        });
        let opened = opened.await.unwrap_or_else(|panic| Err(StoreError::OpenFailed(panic.to_string())));
        let Opened { store, created, thread: committer } = opened.map_err(Error::Store)?;
        tracing::info!(path = %store.path().display(), created, "store open");
        store.set_default_retry(config.delivery.retry());
        store.set_extra_types(extra_types(config));
        let accounts = accounts(config, &store).await?;
        hold_absent(&store, &accounts)?;
        let callers = accounts.iter().map(|account| Caller {
            account: account.no,
            env: account.env.clone(),
            scopes: Scopes::ADMIN,
            by: By::Daemon,
        });
        let callers = callers.collect();
        let engine =
            Engine::start(store.clone(), client.clone(), engine_settings(config), clock.clone(), store.durable(), feed);
        let health = Arc::new(Health { status: engine.status.clone(), store: store.clone(), client: client.clone() });
        let service =
            Arc::new(Service::new(store.clone(), clock.clone(), health.clone(), accounts.clone(), policy(config)));
        first_tokens(&service, &store, &accounts).await?;
        let (listener, address) = listener(config.server.listen, options.listener).await?;
        for warning in warnings(config, ingress.certificate().as_deref(), address, clock.now()) {
            tracing::warn!("{warning}");
        }
        let (stop_server, stopping) = watch::channel(false);
        let control = match control::listen(store.path()) {
            Ok(listener) => {
                Some(tokio::spawn(control::run(listener, store.clone(), options.reloads, stopping.clone())))
            }
            // Deliveries don't depend on it; backups and verification of the running store do.
            Err(error) => {
                tracing::error!(%error, socket = %control::path(store.path()).display(), "the control socket can't be made");
                None
            }
        };
        let backups = backups::schedule(&config.store, store.clone(), clock.clone(), stopping.clone());
        let backups = backups.map(tokio::spawn);
        let judge = tokio::spawn(judge_webhooks(service.clone(), stopping.clone()));
        let uses = tokio::spawn(keep_token_uses(service.clone(), stopping.clone()));
        let certificate = tokio::spawn(ingress.clone().watch_certificate(clock, stopping.clone()));
        let grace = config.server.shutdown_grace;
        let pages = config.panel.enabled.then(|| pages(service.clone(), ingress.clone(), stopping.clone()));
        let server = tokio::spawn(Server::new(listener, service.clone(), ingress.clone(), pages).run(stopping, grace));
        tracing::info!(%address, "listening");
        Ok(Self {
            service,
            address,
            callers,
            store,
            client,
            engine,
            health,
            ingress,
            server,
            control,
            backups,
            judge,
            certificate,
            uses,
            stop_server,
            committer,
            commit_timeout: config.store.commit_timeout,
            grace,
        })
    }

    /// Takes up what a new config changes without a restart. All or nothing: on an error everything stays as it was.
    pub fn reload(&self, config: &Config) -> Result<(), Error> {
        let settings = client_settings(config)?;
        let certificate = Certificate::of(&config.server).map_err(Error::Certificate)?;
        self.client.replace(settings);
        self.engine.reload(engine_settings(config));
        self.service.set_policy(policy(config));
        self.store.set_limits(limits(config));
        self.store.set_default_retry(config.delivery.retry());
        self.store.set_extra_types(extra_types(config));
        self.ingress.replace(config.server.clone(), certificate);
        for warning in warnings(config, self.ingress.certificate().as_deref(), self.address, self.service.now()) {
            tracing::warn!("{warning}");
        }
        Ok(())
    }

    /// Resolves when the store has been at one change for too long, and the process must end where it stands: nothing may be
    /// dropped, since the store would be flushed. A change that fails doesn't come here: the store itself ends the process.
    pub async fn failed(&self) -> Error {
        let mut look = tokio::time::interval(WATCH_EVERY);
        loop {
            look.tick().await;
            let stuck = self.store.stuck_for();
            if stuck > self.commit_timeout {
                return Error::Stuck(stuck);
            }
        }
    }

    /// Stops, in order; what could not end within the grace time stays owed.
    pub async fn stop(mut self) -> Result<(), Error> {
        let asked = Instant::now();
        let cut_off = self.engine.stop(self.grace).await;
        if cut_off > 0 {
            tracing::warn!(cut_off, "attempts were cut off at the end of the grace time; they stay owed");
        }
        let _ = self.stop_server.send(true);
        // Attempts may have used all of it up; requests must not be cut off for that.
        let left = self.grace.saturating_sub(asked.elapsed()).max(self.grace / 4);
        match tokio::time::timeout(left, &mut self.server).await {
            Ok(Ok(())) => {}
            Ok(Err(panic)) => tracing::error!(%panic, "the server panicked"),
            Err(_) => {
                self.server.abort();
                tracing::warn!("connections were cut off at the end of the grace time");
            }
        }
        let tasks = [self.control, self.backups, Some(self.judge), Some(self.certificate), Some(self.uses)];
        // Requests have been served until now. A disk that doesn't answer may hold up any of these.
        let stopped = async {
            for task in tasks.into_iter().flatten() {
                if let Err(panic) = task.await {
                    tracing::error!(%panic, "a task of the daemon panicked");
                }
            }
            self.service.keep_token_uses().await;
            self.service.keep_record().await;
            self.store.stop().await
        };
        let stopped = tokio::time::timeout(self.commit_timeout, stopped).await;
        let Ok(stopped) = stopped else {
            return Err(Error::Stuck(self.store.stuck_for()));
        };
        drop((self.service, self.store));
        // It has answered, or is gone: there is nothing left to wait for but its last instructions.
        let _ = tokio::task::spawn_blocking(move || self.committer.join()).await;
        stopped.map_err(Error::Store)
    }

    /// Whether committer and engine make progress: what a watchdog's tick stands for.
    pub fn is_alive(&self) -> bool {
        self.health.stuck(self.commit_timeout).is_none()
    }
}

/// What to accept connections from: the socket that was handed over, else one of our own.
async fn listener(
    listen: SocketAddr,
    handed: Option<std::net::TcpListener>,
) -> Result<(TcpListener, SocketAddr), Error> {
    if let Some(handed) = handed {
        handed.set_nonblocking(true).map_err(Error::Handed)?;
        let listener = TcpListener::from_std(handed).map_err(Error::Handed)?;
        let address = listener.local_addr().map_err(Error::Handed)?;
        tracing::info!(%address, "the service manager's socket is served; server.listen is not looked at");
        return Ok((listener, address));
    }
    let listener = TcpListener::bind(listen).await.map_err(|error| Error::Listen(listen, error))?;
    let address = listener.local_addr().map_err(|error| Error::Listen(listen, error))?;
    Ok((listener, address))
}

/// How often it is looked at whether a webhook is to be disabled.
const JUDGE_EVERY: Duration = Duration::from_secs(1);

async fn judge_webhooks(service: Arc<Service>, mut stopping: watch::Receiver<bool>) {
    let mut look = tokio::time::interval(JUDGE_EVERY);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            _ = look.tick() => {}
        }
        service.judge_webhooks().await;
    }
}

/// How often it is stored when tokens were last used, and what came of attempts.
const KEEP_USES_EVERY: Duration = Duration::from_secs(60);

async fn keep_token_uses(service: Arc<Service>, mut stopping: watch::Receiver<bool>) {
    let mut keep = tokio::time::interval(KEEP_USES_EVERY);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            _ = keep.tick() => {}
        }
        service.keep_token_uses().await;
        service.keep_record().await;
    }
}

/// How often the committer is looked at.
const WATCH_EVERY: Duration = Duration::from_millis(500);

/// What is told at once of a committer that takes its time; the process ends only after `store.commit_timeout`.
const SLOW_COMMIT: Duration = Duration::from_secs(10);

struct Health {
    status: Arc<Status>,
    store: Store,
    client: Client,
}

impl crate::service::Engine for Health {
    fn is_in_flight(&self, key: NotificationKey, attempts: u16) -> bool {
        self.status.is_in_flight(key, attempts)
    }

    fn wait(&self, webhook: &Webhook, most: usize, now: crate::model::Timestamp) -> Option<WaitReason> {
        self.status.wait(webhook, most, now)
    }

    fn in_flight(&self) -> usize {
        self.status.in_flight_now()
    }

    fn attempts(&self) -> &crate::stats::AttemptMetrics {
        &self.status.attempts
    }

    fn not_ready(&self) -> Option<Localized> {
        let full = |full: StoreError| Localized {
            en: full.to_string(),
            pt: "o disco está quase cheio: libere espaço, e o daemon continua sozinho".to_owned(),
        };
        self.stuck(SLOW_COMMIT).or_else(|| self.store.full().map(full))
    }

    fn refusal<'a>(&'a self, target: &'a TargetUrl) -> Pin<Box<dyn Future<Output = Option<AttemptError>> + Send + 'a>> {
        Box::pin(async { self.client.refusal(target).await })
    }
}

impl Health {
    /// What makes no progress, if anything does; a commit may take `most`.
    fn stuck(&self, most: Duration) -> Option<Localized> {
        if !self.store.is_alive() {
            return Some(Localized::new("the store has stopped", "o armazenamento parou"));
        }
        if self.store.stuck_for() > most {
            return Some(Localized::new(
                "the store makes no progress: its disk does not answer",
                "o armazenamento não avança: o disco não responde",
            ));
        }
        let dead = !self.status.is_alive();
        dead.then(|| Localized::new("the delivery engine makes no progress", "o motor de entregas não avança"))
    }
}

/// The panel, as the API's server calls it.
struct PanelPages(Panel);

impl Pages for PanelPages {
    fn has(&self, path: &str) -> bool {
        Panel::has(path)
    }

    fn knows(&self, head: &http::request::Parts, secure: bool) -> Option<crate::service::Caller> {
        self.0.knows(&head.headers, secure)
    }

    fn answer<'a>(
        &'a self,
        request: http::Request<bytes::Bytes>,
        from: IpAddr,
        secure: bool,
    ) -> Pin<Box<dyn Future<Output = http::Response<Body>> + Send + 'a>> {
        Box::pin(self.0.answer(request, from, secure))
    }
}

fn pages(service: Arc<Service>, ingress: Arc<Ingress>, stopping: watch::Receiver<bool>) -> Arc<dyn Pages> {
    Arc::new(PanelPages(Panel::new(service, Box::new(move |address| ingress.wrong_token(address)), stopping)))
}

/// File descriptors beside those of connections and attempts: the store's, the log's, lookups.
const OTHER_DESCRIPTORS: u64 = 64;

/// Takes as many file descriptors as this process may have: systems give 1,024 at first for the sake of programs that use `select`,
/// and slow callers must not leave deliveries without. Returns how many are there for connections.
fn room_for_connections(config: &Config) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let asked = u64::from(config.server.max_connections);
    let others = config.delivery.max_in_flight as u64 + OTHER_DESCRIPTORS;
    let Some(limit) = getrlimit(Resource::Nofile).current else {
        return usize::MAX;
    };
    // However few there are, nobody could come in without any.
    let left = limit.saturating_sub(others).max(limit / 4);
    if left < asked {
        tracing::warn!(
            limit,
            connections = left,
            "there are not enough file descriptors for `server.max_connections` beside `delivery.max_in_flight`: raise LimitNOFILE of \
             the systemd unit (or `ulimit -Hn`), or lower one of the two"
        );
    }
    usize::try_from(left).unwrap_or(usize::MAX)
}

fn extra_types(config: &Config) -> impl Iterator<Item = crate::model::EventType> + '_ {
    config.catalogue.extra.iter().map(|extra| extra.event_type.clone())
}

fn limits(config: &Config) -> crate::store::Limits {
    crate::store::Limits {
        retention: config.store.retention,
        retention_bytes: config.store.retention_bytes,
        keep_at_least: config.delivery.idempotency_window,
        min_free: config.store.min_free,
    }
}

fn client_settings(config: &Config) -> Result<ClientSettings, Error> {
    let allow = config.egress.allow.iter();
    let allow = allow.map(|rule| Allowed { net: rule.net(), prefix: rule.prefix(), port: rule.port() }).collect();
    Ok(ClientSettings {
        timeout: config.delivery.timeout,
        connect_timeout: config.delivery.connect_timeout,
        allow_http: config.egress.allow_http,
        guard: Guard::new(allow),
        proxy: proxy(config)?,
        tls: tls::client_config(config.egress.extra_ca_file.as_deref()).map_err(Error::Tls)?,
    })
}

fn proxy(config: &Config) -> Result<Option<ProxyUrl>, Error> {
    let Some(path) = &config.egress.proxy_file else {
        return Ok(config.egress.proxy.clone());
    };
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|error| Error::File(path.to_owned(), error))?);
    ProxyUrl::parse(text.trim()).map(Some).map_err(|error| Error::Proxy(path.to_owned(), error))
}

fn engine_settings(config: &Config) -> EngineSettings {
    EngineSettings {
        retry: config.delivery.retry(),
        retry_after_cap: config.delivery.retry_after_cap,
        max_in_flight: config.delivery.max_in_flight,
        max_in_flight_per_webhook: usize::from(config.delivery.max_in_flight_per_webhook),
    }
}

fn policy(config: &Config) -> Policy {
    Policy {
        retry: config.delivery.retry(),
        max_in_flight_per_webhook: config.delivery.max_in_flight_per_webhook,
        idempotency_window: config.delivery.idempotency_window,
        secret_overlap: config.delivery.secret_overlap,
        strict_types: config.catalogue.strict,
        extra_types: config.catalogue.extra.clone(),
        disable: DisableRule { after: config.delivery.disable_after, on_gone: config.delivery.disable_on_gone },
    }
}

async fn accounts(config: &Config, store: &Store) -> Result<Vec<Account>, Error> {
    let mut accounts = Vec::with_capacity(config.account.len());
    for account in &config.account {
        let admin_token = match &account.admin_token_file {
            None => None,
            Some(path) => Some(token_of(path)?),
        };
        let no = store.account(account.name.clone()).await.map_err(Error::Store)?;
        accounts.push(Account { no, name: account.name.clone(), env: account.env.as_str().into(), admin_token });
    }
    Ok(accounts)
}

/// Holds the deliveries of the accounts that the config lacks, and says so: nobody else would hear of them.
fn hold_absent(store: &Store, accounts: &[Account]) -> Result<(), Error> {
    let present: Vec<_> = accounts.iter().map(|account| account.no).collect();
    store.hold_all_but(&present).map_err(Error::Store)?;
    if let Err(error) = store.keep_account_names() {
        tracing::warn!(%error, "the names of the accounts can't be written down for `check-config`");
    }
    let names: Vec<&str> = accounts.iter().map(|account| account.name.as_str()).collect();
    let stored = store.account_names().map_err(Error::Store)?;
    for warning in control::accounts::absent(stored.iter().map(|(_, name)| name.as_str()), &names) {
        tracing::warn!("{warning}");
    }
    Ok(())
}

/// The accounts that the store beside a config has and the config lacks, in sentences, as a daemon last left it.
pub fn absent_accounts(config: &Config) -> Vec<String> {
    let stored = match crate::store::names_beside(&config.store.path) {
        Ok(stored) => stored,
        Err(error) => {
            return vec![format!(
                "the accounts of the store in {} can't be read: {error}",
                config.store.path.display()
            )];
        }
    };
    let names: Vec<&str> = config.account.iter().map(|account| account.name.as_str()).collect();
    control::accounts::absent(stored.iter().map(String::as_str), &names)
}

fn token_of(path: &Path) -> Result<TokenHash, Error> {
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|error| Error::File(path.to_owned(), error))?);
    let token = text.trim();
    let good =
        (MIN_TOKEN_BYTES..=MAX_TOKEN_BYTES).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    if good { Ok(TokenHash::of(token)) } else { Err(Error::Token(path.to_owned())) }
}

/// An account that nobody could get into gets an admin token, in a file that only the daemon's user can read. The file is
/// durable before the token is: a crash in between leaves a file that the next start overwrites, never a token nobody has.
async fn first_tokens(service: &Service, store: &Store, accounts: &[Account]) -> Result<(), Error> {
    for account in accounts {
        let now = service.now();
        let admin = |token: &Token| token.scopes.allows(Scope::Admin) && token.expires_at.is_none_or(|end| now < end);
        if account.admin_token.is_some() || store.tokens(account.no).iter().any(admin) {
            continue;
        }
        let path = control::admin_token_file(store.path(), &account.name);
        let failed = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let token = crate::model::AccessToken::from_random(crate::random::bytes(), crate::random::bytes());
        write_secret(&path, &token.reveal()).map_err(|error| Error::Store(StoreError::Io(failed(error))))?;
        let kept = service.keep_token(account.no, &By::Daemon, "admin".to_owned(), Scopes::ADMIN, None, &token).await;
        if let Err(error) = kept {
            return Err(match error {
                crate::service::Error::Store(error) => Error::Store(error),
                _ => Error::Store(StoreError::Stopped),
            });
        }
        tracing::info!(account = account.name, path = %path.display(), "an admin token was made; it stands in this file");
    }
    Ok(())
}

/// What is wrong with the files that a config names, as the daemon would find it at its start: all of it.
pub fn check_files(config: &Config) -> Vec<Error> {
    let ca = tls::client_config(config.egress.extra_ca_file.as_deref()).err().map(Error::Tls);
    let certificate = Certificate::of(&config.server).err().map(Error::Certificate);
    let tokens = config.account.iter().filter_map(|account| account.admin_token_file.as_deref());
    let tokens = tokens.filter_map(|path| token_of(path).err());
    ca.into_iter().chain(certificate).chain(proxy(config).err()).chain(tokens).collect()
}

/// What works and is unwise, in sentences; said at the start and by `check-config`. What can't be used at all is left to others.
pub fn warnings(
    config: &Config,
    certificate: Option<&Certificate>,
    address: SocketAddr,
    now: crate::model::Timestamp,
) -> Vec<String> {
    match certificate {
        Some(certificate) => certificate.warnings(&config.server, now),
        None if !address.ip().is_loopback() => vec![format!(
            "ANYONE ON THE NETWORK CAN READ TOKENS AND PAYLOADS: {address} is not loopback and speaks plain HTTP; set \
             `server.tls_cert` and `server.tls_key`, or listen on 127.0.0.1 behind a proxy with TLS"
        )],
        None => Vec::new(),
    }
}

fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let beside = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}
