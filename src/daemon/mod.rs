//! The daemon: what starts in which order, what is wired to what, and how everything stops. No business rules.
//!
//! Start: config, store, engine, service, listener, background tasks. Stop: attempts in flight get the grace time to
//! end and the rest stays pending, while calls are still answered; then no connection is accepted, requests finish, and
//! the store syncs a last time. In this order because a slow target may take all of the grace time, and callers would
//! have to wait as long for the next start.

mod accounts;
mod admin_token;
mod alerting;
mod endpoint;
mod error;
mod file_descriptors;
mod panel_links;
mod permissions;
mod settings;

pub use accounts::absent_accounts;
pub use error::Error;
pub use permissions::check_permissions;
pub use settings::{CheckedFiles, check_files};

use crate::alerts::channels::Channels;
use crate::alerts::engine::Alerts;
use crate::alerts::heartbeat::HeartbeatSender;
use crate::api::Api;
use crate::clock::Clock;
use crate::config::Config;
use crate::control::{self, backups};
use crate::delivery::DeliveryHandle;
use crate::delivery::schedule::engine::Engine;
use crate::delivery::transport::client::Client;
use crate::http::{Handler, Ingress, Server};
use crate::model::{Localized, Timestamp};
use crate::panel::Panel;
use crate::service::{By, Caller, Service};
use crate::shutdown;
use crate::store::{EngineError, Limits, Opened, Store, StoreSettings};
use panel_links::PanelLinks;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Interval between checks for webhooks to disable.
const DISABLE_INTERVAL: Duration = Duration::from_secs(1);
/// The file in the data folder that says who is signed in to the panel. It is no part of the store, nor of its backups.
const SESSIONS_FILE: &str = "sessions";
/// Interval between writes of when tokens and sessions were last used and of the recent outcomes.
const SAVE_INTERVAL: Duration = Duration::from_secs(60);
/// Interval between checks for a committer that makes no progress.
const STALL_INTERVAL: Duration = Duration::from_millis(500);

/// How to start a daemon, besides its config.
#[derive(Default)]
pub struct StartOptions {
    /// Start on what is left of a store that has lost something.
    pub accept_data_loss: bool,
    /// A socket that listens already, and goes on doing so after this process. It must be at `server.listen`, or the
    /// daemon doesn't start: an operator who has set another address believes that it is in force.
    pub listener: Option<std::net::TcpListener>,
    /// Receives the requests for a reload that come over the control socket.
    pub reloads: Option<mpsc::Sender<control::Reload>>,
}

/// A running daemon.
pub struct Daemon {
    /// For callers inside the same process.
    pub service: Arc<Service>,
    alerts: Arc<Alerts>,
    /// The address that is listened on, its port known.
    pub address: SocketAddr,
    /// Whether the service manager listens on it.
    is_handed_over: bool,
    /// One caller for each account of the config, with every scope.
    pub callers: Vec<Caller>,
    /// Whether an admin token was made just now, which nobody has seen yet.
    pub is_first_start: bool,
    links: PanelLinks,
    panel: Option<Arc<Panel>>,
    store: Store,
    client: Client,
    channels: Arc<Channels>,
    engine: Engine,
    ingress: Arc<Ingress>,
    server: JoinHandle<()>,
    /// They end once `stop_tasks` says true.
    tasks: Vec<JoinHandle<()>>,
    stop_tasks: watch::Sender<bool>,
    committer: std::thread::JoinHandle<()>,
    commit_timeout: Duration,
    grace: Duration,
}

impl Daemon {
    /// Starts everything. On return requests are served and pending notifications are delivered.
    pub async fn start(config: &Config, clock: Clock, options: StartOptions) -> Result<Self, Error> {
        // What the config and its files can be refused for comes before the store is touched.
        let is_handed_over = options.listener.is_some();
        if let Some(listener) = &options.listener {
            check_handed_over(listener.local_addr().map_err(Error::InheritedSocket)?, config.server.listen)?;
        }
        let client_settings = settings::client(config)?;
        let channels = settings::channels(config)?;
        let client = Client::new(client_settings.clone(), clock.clone());
        let certificate = settings::certificate(config)?;
        let connections = file_descriptors::for_connections(config);
        let ingress = Ingress::new(config.server.clone(), certificate, connections);

        let (updates, store_updates) = mpsc::unbounded_channel();
        let opening = StoreSettings {
            path: config.store.path.clone(),
            cache_bytes: config.store.cache,
            limits: Limits::of(config),
            accept_data_loss: options.accept_data_loss,
            clock: clock.clone(),
        };
        let opened = tokio::task::spawn_blocking(move || {
            Store::open(opening, move |update| {
                // An engine that has stopped needs none: what is pending is in the store.
                let _ = updates.send(update);
            })
        });
        let opened = opened.await.unwrap_or_else(|panic| Err(EngineError::of_panic(panic).into()));
        let Opened { store, created, thread: committer } = opened?;
        tracing::info!(path = %store.path().display(), created, "store open");
        store.configure(config);
        let accounts = accounts::configured(config, &store).await?;
        accounts::hold_absent(&store, &accounts)?;
        client.know_accounts(accounts.iter().map(|account| (account.no, account.name.clone())));

        let delivery = config.delivery.clone();
        let engine =
            Engine::start(store.clone(), client.clone(), delivery, clock.clone(), store.durable(), store_updates);
        let delivery = DeliveryHandle { status: engine.status.clone(), client: client.clone() };

        let numbers = accounts.iter().map(|account| account.no).collect();
        let channels = Arc::new(Channels::new(channels, numbers, client_settings, clock.clone()));
        let (alerts, teller) = alerting::open(
            store.clone(),
            clock.clone(),
            delivery.clone(),
            ingress.clone(),
            channels.clone(),
            (config, accounts.as_slice()),
        )
        .await?;
        let service =
            Service::new(store.clone(), clock.clone(), delivery, channels.clone(), accounts.clone(), config.clone());
        let service = Arc::new(service);
        service.set_alerts(alerts.clone());
        let is_first_start = admin_token::make_missing(&service, &store, &accounts).await?;
        let callers = accounts.iter().map(|account| account.admin(By::Daemon)).collect();

        let (listener, address) = match options.listener {
            Some(inherited) => inherit(inherited).map_err(Error::InheritedSocket)?,
            None => bind(config.server.listen).await.map_err(|error| Error::Listen(config.server.listen, error))?,
        };
        for warning in warnings(&ingress, &client, address, clock.now()) {
            tracing::warn!("{warning}");
        }

        let panel = config.panel.enabled.then(|| {
            let file = store.path().join(SESSIONS_FILE);
            Arc::new(Panel::new(service.clone(), &file, store.id(), clock.clone()))
        });

        let (stop_tasks, stopping) = watch::channel(false);
        let links = PanelLinks { service: service.clone(), address, ingress: ingress.clone() };
        let first_account = accounts.first().map(|account| account.no);
        let services = control::Services {
            reloads: options.reloads,
            panel_link: links.clone().for_control(),
            first_account,
            endpoint: endpoint::tell(address, ingress.clone()),
            clock: clock.clone(),
        };
        let control = control_socket(&store, services, &stopping);
        let backups = backups::schedule(&config.store, store.clone(), clock.clone(), stopping.clone());
        let disable = service.clone();
        let well = service.clone();
        let heartbeat = HeartbeatSender::new(
            channels.client(),
            alerts.shared_config(),
            Box::new(move || well.not_ready().is_none()),
        );
        let (save, panel_to_save) = (service.clone(), panel.clone());
        let tasks = [
            control,
            backups.map(tokio::spawn),
            Some(tokio::spawn(every(DISABLE_INTERVAL, stopping.clone(), move || disable_webhooks(disable.clone())))),
            Some(tokio::spawn(every(SAVE_INTERVAL, stopping.clone(), move || {
                save_statistics(save.clone(), panel_to_save.clone())
            }))),
            Some(tokio::spawn(client.clone().watch_certificates(clock.clone(), stopping.clone()))),
            Some(tokio::spawn(ingress.clone().watch_certificate(clock, stopping.clone()))),
            Some(tokio::spawn(teller.run(stopping.clone()))),
            Some(tokio::spawn(heartbeat.run(stopping.clone()))),
        ];
        let grace = config.server.shutdown_grace;
        let pages = panel.clone().map(|panel| panel as Arc<dyn Handler>);
        let handlers = pages.into_iter().chain([Arc::new(Api::new(service.clone())) as Arc<dyn Handler>]).collect();
        let server = tokio::spawn(Server::new(listener, ingress.clone(), handlers).run(stopping, grace));
        tracing::info!(%address, "listening");

        Ok(Self {
            service,
            alerts,
            address,
            is_handed_over,
            callers,
            is_first_start,
            links,
            panel,
            store,
            client,
            channels,
            engine,
            ingress,
            server,
            tasks: tasks.into_iter().flatten().collect(),
            stop_tasks,
            committer,
            commit_timeout: config.store.commit_timeout,
            grace,
        })
    }

    /// Applies what a new config changes without a restart. All or nothing: after an error everything is as it was.
    /// Gives what has ceased to work by it, which is in the log too.
    pub fn reload(&self, config: &Config) -> Result<Vec<Localized>, Error> {
        let client = settings::client(config)?;
        let channels = settings::channels(config)?;
        let certificate = settings::certificate(config)?;
        self.channels.replace(channels, client.clone());
        self.client.replace(client);
        self.engine.reload(config.delivery.clone());
        self.service.set_config(config.clone());
        self.alerts.configure(config);
        self.store.configure(config);
        self.ingress.replace(config.server.clone(), certificate);
        let warnings = warnings(&self.ingress, &self.client, self.address, self.service.now());
        let without = self.service.without_their_certificate();
        for warning in warnings.iter().chain(without.iter().map(|warning| &warning.en)) {
            tracing::warn!("{warning}");
        }
        Ok(without)
    }

    /// Whether a start with this `server.listen` would be refused, because the service manager listens elsewhere.
    pub fn check_listen(&self, listen: SocketAddr) -> Result<(), Error> {
        if self.is_handed_over { check_handed_over(self.address, listen) } else { Ok(()) }
    }

    /// A link that signs in to the panel once, as an admin of the config's first account; `None` without a panel.
    pub async fn panel_link(&self) -> Option<String> {
        self.links.make("", By::Daemon).await.ok().map(|link| link.url)
    }

    /// Resolves when one change has taken the store longer than `store.commit_timeout`. The process must then exit
    /// without dropping anything, since that would flush the store. For a change that failed, the store itself ends the
    /// process.
    pub async fn failed(&self) -> Error {
        let mut interval = tokio::time::interval(STALL_INTERVAL);
        loop {
            interval.tick().await;
            let stalled = self.store.stuck_for();
            if stalled > self.commit_timeout {
                return Error::Stalled(stalled);
            }
        }
    }

    /// Whether committer and engine make progress: the service manager's watchdog is notified as long as they do.
    pub fn is_alive(&self) -> bool {
        self.service.without_progress(self.commit_timeout).is_none()
    }

    /// Stops, in order; attempts that don't end within the grace time stay pending.
    pub async fn stop(mut self) -> Result<(), Error> {
        let began = Instant::now();
        let cut_off = self.engine.stop(self.grace).await;
        if cut_off > 0 {
            tracing::warn!(cut_off, "attempts were cut off at the end of the grace time; they stay pending");
        }

        let _ = self.stop_tasks.send(true);
        // Attempts may have used up all of the grace time; requests must not be cut off for that.
        let left = self.grace.saturating_sub(began.elapsed()).max(self.grace / 4);
        match tokio::time::timeout(left, &mut self.server).await {
            Ok(Ok(())) => {}
            Ok(Err(panic)) => tracing::error!(%panic, "the server panicked"),
            Err(_) => {
                self.server.abort();
                tracing::warn!("connections were cut off at the end of the grace time");
            }
        }

        // A disk that doesn't answer may block any of these.
        let stopped = async {
            for task in self.tasks {
                if let Err(panic) = task.await {
                    tracing::error!(%panic, "a task of the daemon panicked");
                }
            }
            save_statistics(self.service.clone(), self.panel.clone()).await;
            self.store.stop().await
        };
        let Ok(stopped) = tokio::time::timeout(self.commit_timeout, stopped).await else {
            return Err(Error::Stalled(self.store.stuck_for()));
        };
        drop((self.alerts, self.service, self.links, self.panel, self.store));
        // It has answered or panicked: only its last instructions are waited for.
        let _ = tokio::task::spawn_blocking(move || self.committer.join()).await;
        Ok(stopped?)
    }
}

/// What works and is unwise, as it is in force.
fn warnings(ingress: &Ingress, client: &Client, address: SocketAddr, now: Timestamp) -> Vec<String> {
    settings::warnings(ingress.certificate().as_deref(), &client.client_certificates(), address, now)
}

/// Refuses a socket at another address than `server.listen`. An IPv4 address is the same in IPv6's form of it, and port
/// 0 asks for any. 0.0.0.0 and [::] are not the same: the second lets IPv6 in as well.
fn check_handed_over(handed: SocketAddr, listen: SocketAddr) -> Result<(), Error> {
    let same_ip = handed.ip().to_canonical() == listen.ip().to_canonical();
    let same_port = listen.port() == 0 || handed.port() == listen.port();
    if same_ip && same_port { Ok(()) } else { Err(Error::OtherSocket { handed, listen }) }
}

fn inherit(socket: std::net::TcpListener) -> std::io::Result<(TcpListener, SocketAddr)> {
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from_std(socket)?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "using the service manager's socket");
    Ok((listener, address))
}

async fn bind(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves the control socket. Without it deliveries go on; backups and verification of the running store don't.
fn control_socket(
    store: &Store,
    services: control::Services,
    stopping: &watch::Receiver<bool>,
) -> Option<JoinHandle<()>> {
    match control::listen(store.path()) {
        Ok(listener) => Some(tokio::spawn(control::run(listener, store.clone(), services, stopping.clone()))),
        Err(error) => {
            tracing::error!(%error, socket = %control::path(store.path()).display(), "can't create the control socket");
            None
        }
    }
}

/// Does the work at once and then at each interval, until the daemon stops.
async fn every<F: Future<Output = ()>>(interval: Duration, mut stopping: watch::Receiver<bool>, work: impl Fn() -> F) {
    let mut interval = tokio::time::interval(interval);
    loop {
        tokio::select! {
            () = shutdown::requested(&mut stopping) => return,
            _ = interval.tick() => {}
        }
        work().await;
    }
}

async fn disable_webhooks(service: Arc<Service>) {
    service.disable_failing().await;
}

async fn save_statistics(service: Arc<Service>, panel: Option<Arc<Panel>>) {
    service.keep_token_uses().await;
    service.save_history().await;
    if let Some(panel) = panel {
        panel.save_sessions().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_taken_at_the_address_of_the_config_alone() {
        let same =
            |handed: &str, listen: &str| check_handed_over(handed.parse().unwrap(), listen.parse().unwrap()).is_ok();
        for (handed, listen) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("[::ffff:127.0.0.1]:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::]:8080"),
            ("0.0.0.0:443", "0.0.0.0:443"),
            ("127.0.0.1:4711", "127.0.0.1:0"),
        ] {
            assert!(same(handed, listen), "{handed} is {listen}");
        }
        for (handed, listen) in [
            ("127.0.0.1:8080", "0.0.0.0:8080"),
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "0.0.0.0:8080"),
            ("[::1]:8080", "127.0.0.1:8080"),
            ("127.0.0.1:8080", "127.0.0.1:8081"),
            ("127.0.0.1:4711", "0.0.0.0:0"),
        ] {
            assert!(!same(handed, listen), "{handed} is not {listen}");
        }
    }
}
