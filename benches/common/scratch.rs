//! What a bench leaves lying about while it runs, and how all of it goes: at the end, at a panic, at Ctrl-C.
//!
//! `Drop` does it at the end and in a panic. A signal unwinds nothing, so one thread waits for signals with a list of
//! what there is. Should the bench itself be killed, its children still go (see `child`); the folder stays.

use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

static MESS: Mutex<Mess> = Mutex::new(Mess { children: Vec::new(), folders: Vec::new() });

struct Mess {
    children: Vec<u32>,
    folders: Vec<PathBuf>,
}

/// The thread that cleans up after a signal keeps this and ends the process: what is dropped meanwhile waits here and
/// does no harm.
fn mess() -> MutexGuard<'static, Mess> {
    MESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A child that must not outlive the bench.
pub(super) fn enlist(child: u32) {
    mess().children.push(child);
}

/// It has ended and has been waited for: its number may be anybody's from now on.
pub(super) fn strike_off(child: u32) {
    mess().children.retain(|other| *other != child);
}

/// Cleans up and exits at SIGINT, SIGTERM and SIGHUP. To be called once, before anything is started.
pub(crate) fn clean_up_at_signals() {
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let of = |kind| signal(kind).unwrap();
            let (mut interrupt, mut terminate, mut hangup) =
                (of(SignalKind::interrupt()), of(SignalKind::terminate()), of(SignalKind::hangup()));
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        let mess = mess();
        for child in &mess.children {
            if let Some(pid) = i32::try_from(*child).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        for folder in &mess.folders {
            // A child that is being killed may still make a file in it.
            let _ = (0..20).find(|_| {
                std::thread::sleep(std::time::Duration::from_millis(20));
                std::fs::remove_dir_all(folder).is_ok()
            });
        }
        std::process::exit(130);
    });
}

/// A folder that goes away with this value.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    /// In Cargo's folder for such files, which stands on a disk where `/tmp` may be memory; there a sync costs nothing.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        mess().folders.push(folder.path().to_owned());
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        mess().folders.retain(|other| other != self.0.path());
    }
}
