//! Children of a bench: its own program in another role, or a program that is measured.

use super::{load, relay, scratch, sink};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

const ROLE: &str = "--role=";

/// Plays the role this process was started for, if it is a child; then there is nothing more to do. First thing in a
/// `main`.
pub(crate) fn played_a_role() -> bool {
    let mut arguments = std::env::args().skip(1);
    let Some(role) = arguments.next().and_then(|first| first.strip_prefix(ROLE).map(str::to_owned)) else {
        return false;
    };
    let parent = arguments.next().unwrap_or_default();
    end_with(&parent);
    match role.as_str() {
        "sink" => sink::serve(),
        "load" => load::serve(&arguments.next().unwrap_or_default()),
        "relay" => relay::serve(&arguments.next().unwrap_or_default()),
        "run" => {
            let program = arguments.next().unwrap_or_default();
            panic!("{program}: {}", Command::new(&program).args(arguments).exec());
        }
        other => panic!("no such role: {other}"),
    }
    true
}

/// The kernel kills this process when its parent dies, however that dies. It holds over `exec`, which is why a program
/// that knows nothing of it is started through us.
fn end_with(parent: &str) {
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    // It may have died before that.
    if getppid().map(Pid::as_raw_nonzero).map(|pid| pid.to_string()).as_deref() != Some(parent) {
        std::process::exit(1);
    }
}

/// This program again, as a child in a role. Start it on the main thread: the kernel takes the thread for the parent.
pub(crate) fn in_role(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(format!("{ROLE}{role}")).arg(std::process::id().to_string());
    command
}

/// A child that is killed and waited for when this value goes.
pub(crate) struct Guarded(pub(crate) Child);

impl Guarded {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        scratch::enlist(child.id());
        Self(child)
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        scratch::strike_off(self.0.id());
    }
}
