//! `carteiro serve`: the daemon in the foreground, its signals, and what the service manager is told.

use super::log::{self, LevelHandle};
use super::{BAD_CONFIG, DONE, FAILED, ServeArgs, complain, load};
use crate::clock::Clock;
use crate::config::Loaded;
use crate::daemon::{Daemon, Error};
use sd_notify::NotifyState;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long threads that are stuck in the system (a lookup, a read) are waited for at the end.
const LAST_WAIT: Duration = Duration::from_secs(2);

pub(super) fn serve(args: &ServeArgs) -> u8 {
    let loaded = match load(&args.file, &flags(args)) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let level = log::start(&loaded.config.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!("the runtime could not be started: {error}"));
            return FAILED;
        }
    };
    let code = runtime.block_on(run(args, loaded, &level));
    runtime.shutdown_timeout(LAST_WAIT);
    code
}

fn flags(args: &ServeArgs) -> Vec<(&'static str, String)> {
    let listen = args.listen.clone().map(|listen| ("server.listen", listen));
    let data = args.data.clone().map(|data| ("store.path", data));
    listen.into_iter().chain(data).collect()
}

async fn run(args: &ServeArgs, mut loaded: Loaded, level: &LevelHandle) -> u8 {
    // Before anything starts, so that a signal that comes early is not fatal by default.
    let (Ok(mut term), Ok(mut int), Ok(mut hup)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
    else {
        complain("signals can't be caught on this system");
        return FAILED;
    };
    let mut daemon = match Daemon::start(&loaded.config, Clock::System, args.accept_what_is_left).await {
        Ok(daemon) => daemon,
        Err(error) => {
            complain(&error);
            return match &error {
                Error::File(..) | Error::Tls(_) | Error::Certificate(_) | Error::Token(_) | Error::Proxy(..) => {
                    BAD_CONFIG
                }
                Error::Store(error) if error.is_passing() => super::TRY_LATER,
                Error::Store(_) | Error::Listen(..) | Error::Committer(_) | Error::Stuck(_) => FAILED,
            };
        }
    };
    tell(&[NotifyState::Ready]);
    let mut watchdog = watchdog();
    let failure = loop {
        tokio::select! {
            _ = term.recv() => break None,
            _ = int.recv() => break None,
            _ = hup.recv() => reload(args, &mut loaded, &daemon, level),
            _ = watchdog.tick() => if daemon.is_alive() {
                tell(&[NotifyState::Watchdog]);
            },
            error = daemon.failed() => break Some(error),
        }
    };
    tell(&[NotifyState::Stopping]);
    if let Some(error) = failure {
        // Whatever still runs must not acknowledge anything: there is nothing to wait for.
        tracing::error!(%error, "carteiro stops");
        complain(error);
        return FAILED;
    }
    tracing::info!("stopping");
    match daemon.stop().await {
        Ok(()) => {
            tracing::info!("stopped");
            DONE
        }
        Err(error) => {
            complain(error);
            FAILED
        }
    }
}

/// All or nothing: a config with a problem changes nothing, and what needs a restart is named.
fn reload(args: &ServeArgs, loaded: &mut Loaded, daemon: &Daemon, level: &LevelHandle) {
    let new = match crate::config::Config::load(args.file.config.as_deref(), super::environment(), &flags(args)) {
        Ok(new) => new,
        Err(problems) => return tracing::error!(%problems, "the config was not reloaded"),
    };
    let restart = loaded.changes_needing_restart(&new);
    let config = loaded.config.reloaded(&new.config);
    if let Err(error) = daemon.reload(&config) {
        return tracing::error!(%error, "the config was not reloaded");
    }
    level.set(config.log.level);
    if restart.is_empty() {
        tracing::info!("config reloaded");
    } else {
        tracing::warn!(restart = restart.join(", "), "config reloaded; these changes need a restart");
    }
    loaded.config = config;
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
