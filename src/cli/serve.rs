//! `carteiro serve`: the daemon in the foreground, its signals, and the service manager's notifications.

use super::check_config::service_user;
use super::error::CliError;
use super::exit::{BAD_CONFIG, FAILED, TRY_LATER, complain};
use super::log::{self, LevelHandle};
use super::output::write_line;
use super::settings::{ConfigArgs, load_file};
use crate::clock::Clock;
use crate::config::{Config, Loaded};
use crate::control::Reloaded;
use crate::daemon::{Daemon, Error, StartOptions};
use crate::model::localized;
use crate::store::OpenError;
use clap::{Args, ValueHint};
use sd_notify::NotifyState;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// How long the end waits for threads that are blocked in the system (a lookup, a read).
const SHUTDOWN_WAIT: Duration = Duration::from_secs(2);

#[derive(Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    file: ConfigArgs,
    /// The address to listen on, instead of `server.listen`
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The data folder, instead of `store.path`
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    data: Option<String>,
    /// Start on a store that is damaged or has lost data, and go on with what is left; give it for one start only
    #[arg(long)]
    accept_data_loss: bool,
}

pub(crate) fn serve(args: &ServeArgs) -> Result<(), CliError> {
    let loaded = load_file(args.file.file().as_deref(), &flags(args))?;
    refuse_to_make_roots(args.file.file().as_deref(), &loaded.config)?;
    let level = log::start(&loaded.config.log);
    let inherited = inherited_socket().map_err(|error| CliError::bad_config(Error::InheritedSocket(error)))?;
    // Whatever the shell's says: the store holds secrets.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let runtime = super::client::multi_thread_runtime()?;
    let served = runtime.block_on(run(args, loaded, inherited, &level));
    runtime.shutdown_timeout(SHUTDOWN_WAIT);
    served
}

/// Root doesn't make the data folder of the package's service: its user could not use it.
fn refuse_to_make_roots(file: Option<&Path>, config: &Config) -> Result<(), CliError> {
    let data = &config.store.path;
    match service_user(None, file, config)? {
        Some(user) if !data.exists() => {
            let (data, user) = (data.display(), user.name);
            Err(CliError::bad_config(localized!(
                "root would make {data} its own, and {user}, as whom the service runs, could not use it: `sudo \
                 systemctl start carteiro.service`; without systemd, `sudo install -d -o {user} -g {user} -m 700 \
                 {data}`, then `sudo -u {user} carteiro serve`",
                "o root criaria {data} como seu, e {user}, com o qual o serviço roda, não conseguiria usá-la: `sudo \
                 systemctl start carteiro.service`; sem systemd, `sudo install -d -o {user} -g {user} -m 700 {data}` \
                 e depois `sudo -u {user} carteiro serve`"
            )))
        }
        _ => Ok(()),
    }
}

fn flags(args: &ServeArgs) -> Vec<(&'static str, String)> {
    let listen = args.listen.clone().map(|listen| ("server.listen", listen));
    let data = args.data.clone().map(|data| ("store.path", data));
    listen.into_iter().chain(data).collect()
}

/// The socket that the service manager listens on for us, if it does (`sd_listen_fds(3)`). To be called while there is
/// one thread: the variables that announce it are removed from the environment.
fn inherited_socket() -> io::Result<Option<std::net::TcpListener>> {
    let mut handed = listenfd::ListenFd::from_env();
    match handed.len() {
        0 => Ok(None),
        1 => handed.take_tcp_listener(0),
        more => Err(io::Error::other(format!("there are {more}"))),
    }
}

/// The exit code of a daemon that didn't start.
fn code(error: &Error) -> u8 {
    match error {
        Error::BadFile { .. }
        | Error::InheritedSocket(_)
        | Error::OtherSocket { .. }
        | Error::Store(OpenError::NotRoots { .. }) => BAD_CONFIG,
        Error::Store(error) if error.is_passing() => TRY_LATER,
        Error::Store(_) | Error::Listen(..) | Error::Stalled(_) => FAILED,
    }
}

async fn run(
    args: &ServeArgs,
    loaded: Loaded,
    inherited: Option<std::net::TcpListener>,
    level: &LevelHandle,
) -> Result<(), CliError> {
    // Before anything starts, so that an early signal doesn't kill the process.
    let (Ok(mut term), Ok(mut int), Ok(mut hup)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
    else {
        return Err(CliError::failed(localized!(
            "signals can't be caught on this system",
            "não foi possível tratar sinais neste sistema"
        )));
    };
    let (reload_sender, mut reloads) = mpsc::channel(1);
    let options =
        StartOptions { accept_data_loss: args.accept_data_loss, listener: inherited, reloads: Some(reload_sender) };
    // A task of its own, since opening the store holds this thread.
    let asking = tokio::spawn(ask_for_more_time());
    let daemon = Daemon::start(&loaded.config, Clock::System, options).await;
    asking.abort();
    let daemon = daemon.map_err(|error| CliError::new(code(&error), super::settings::located(&loaded, &error)))?;
    let serving = format!("serving on {}", daemon.address);
    tell(&[NotifyState::Ready, NotifyState::Status(&serving)]);
    if daemon.is_first_start {
        greet(&daemon).await;
    }
    let mut watchdog = watchdog();
    let mut reloader = Reloader { args, file: args.file.file(), loaded, daemon: &daemon, level };
    let failure = loop {
        tokio::select! {
            _ = term.recv() => break None,
            _ = int.recv() => break None,
            // The log and the service manager have the result.
            _ = hup.recv() => drop(reloader.reload("SIGHUP")),
            Some(caller) = reloads.recv() => {
                let result = reloader.reload("the control socket");
                // For a caller that didn't wait, the log has the result.
                let _ = caller.send(result);
            }
            _ = watchdog.tick() => if daemon.is_alive() {
                tell(&[NotifyState::Watchdog]);
            },
            error = daemon.failed() => break Some(error),
        }
    };
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
    drop(reloads);
    if let Some(error) = failure {
        // At once: what still runs must not acknowledge anything, and nothing may be dropped, since the store would be
        // flushed.
        tracing::error!(%error, "carteiro stops");
        complain(error);
        std::process::exit(i32::from(FAILED));
    }
    tracing::info!("stopping");
    daemon.stop().await.map_err(CliError::failed)?;
    tracing::info!("stopped");
    Ok(())
}

/// Tells the person who starts it for the first time how to get in. A log is kept, and read by others: it has no link.
async fn greet(daemon: &Daemon) {
    if !daemon.service.has_panel() {
        return;
    }
    if !io::stdout().is_terminal() {
        tracing::info!("to sign in to the panel, open the link that `carteiro panel-link` prints");
    } else if let Some(link) = daemon.panel_link().await {
        // A terminal that is gone by now doesn't end the daemon.
        let _ = write_line(format_args!(
            "Open the panel with this link; it signs in once, within 15 minutes:\n{link}\nFor another: carteiro \
             panel-link"
        ));
    }
}

/// What a reload changes.
struct Reloader<'a> {
    args: &'a ServeArgs,
    /// That of the start: an installed config that is gone since must not become the defaults.
    file: Option<PathBuf>,
    loaded: Loaded,
    daemon: &'a Daemon,
    level: &'a LevelHandle,
}

impl Reloader<'_> {
    /// All or nothing: a config with a problem changes nothing, and what needs a restart is named, in the log too.
    fn reload(&mut self, by: &str) -> Result<Reloaded, String> {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            // Without the time, systemd 253 and newer would take it as a fault of ours.
            Err(error) => tracing::warn!(%error, "the service manager could not be notified of a reload"),
        }
        let result = self.apply(by);
        let serving = match &result {
            Ok(_) => format!("serving on {}", self.daemon.address),
            Err(_) => format!(
                "serving on {}; the last reload was refused, the config before it is in force",
                self.daemon.address
            ),
        };
        tell(&[NotifyState::Ready, NotifyState::Status(&serving)]);
        result
    }

    fn apply(&mut self, by: &str) -> Result<Reloaded, String> {
        let refused = |why: &dyn std::fmt::Display| {
            tracing::error!(problems = %why, by, "the config was not reloaded");
            format!("the config was not reloaded: {why}")
        };
        let flags = flags(self.args);
        let new = crate::config::Config::load(self.file.as_deref(), super::settings::environment(), &flags);
        let new = new.map_err(|problems| refused(&problems))?;
        // The files it names too, those that only a restart takes up among them: that restart would fail.
        let checked = crate::daemon::check_files(&new.config, Clock::System.now());
        let problems = checked.problems.into_iter().chain(self.daemon.check_listen(new.config.server.listen).err());
        let problems: Vec<String> = problems.map(|problem| super::settings::located(&new, &problem)).collect();
        if !problems.is_empty() {
            return Err(refused(&problems.join("\n")));
        }
        let restart = self.loaded.changes_needing_restart(&new);
        let config = self.loaded.config.reloaded(&new.config);
        let warnings = self.daemon.reload(&config).map_err(|error| refused(&error))?;
        self.level.set(config.log.level);
        self.loaded.config = config;
        if restart.is_empty() {
            tracing::info!(by, "config reloaded");
        } else {
            let restart = restart.join(", ");
            tracing::warn!(restart, by, "config reloaded; these changes need a restart");
        }
        Ok(Reloaded { needs_restart: restart.into_iter().map(str::to_owned).collect(), warnings })
    }
}

/// Asks the service manager for more time, again and again until it is aborted: opening a large store that was cut off,
/// and mending what an accepted loss has left of one, may take longer than `TimeoutStartSec`, and begin anew after it.
/// Once it is to stop it asks no more: `TimeoutStopSec` would be extended too.
async fn ask_for_more_time() {
    /// How much is asked for, in microseconds, and how often.
    const EACH: u32 = 120_000_000;
    const EVERY: Duration = Duration::from_secs(30);
    /// Longer than any store takes: what hangs is to be seen one day.
    const TIMES: u32 = 12 * 3600 / 30;
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return;
    };
    for _ in 0..TIMES {
        tokio::select! {
            _ = term.recv() => return,
            _ = int.recv() => return,
            () = tokio::time::sleep(EVERY) => {
                tell(&[NotifyState::ExtendTimeoutUsec(EACH), NotifyState::Status("opening the store")]);
            }
        }
    }
}

/// Ticks at half of what the service manager asks for; hardly ever where it asks for nothing.
fn watchdog() -> tokio::time::Interval {
    const NEVER: Duration = Duration::from_secs(24 * 3600);
    let period = sd_notify::watchdog_enabled().map_or(NEVER, |limit| limit / 2);
    let mut interval = tokio::time::interval(period.max(Duration::from_millis(100)));
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    interval
}

/// Without a service manager there is nobody to tell.
fn tell(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}
