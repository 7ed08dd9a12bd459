//! How long the machine has run: a clock that a restart of the process doesn't begin anew, and that nobody can step.

use std::sync::LazyLock;
use std::time::Duration;

/// How long the machine had run at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uptime {
    /// Which of the machine's starts it is counted from; empty where the system doesn't say.
    pub boot: String,
    /// Time since that start, the time that the machine slept included.
    pub ran: Duration,
}

impl Uptime {
    /// The machine's.
    pub(super) fn of_machine() -> Self {
        let at = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(at.tv_sec).unwrap_or_default();
        let nanos = u32::try_from(at.tv_nsec).unwrap_or_default();
        Self { boot: BOOT.clone(), ran: Duration::new(seconds, nanos) }
    }

    /// That of a machine whose clock tests own, so long after it was made.
    pub(super) fn of_manual(ran: Duration) -> Self {
        Self { boot: "manual".to_owned(), ran }
    }
}

static BOOT: LazyLock<String> = LazyLock::new(|| {
    let read = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let id = read.trim();
    let good = id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if good { id.to_owned() } else { String::new() }
});
