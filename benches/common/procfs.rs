//! What the kernel knows of a process.

use std::fs;
use std::ops::Sub;

/// `USER_HZ`: what /proc counts in, whatever the kernel ticks at.
const TICKS_PER_S: f64 = 100.0;

/// What a process has used up since it started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) cpu_s: f64,
    pub(crate) written_bytes: u64,
    /// How often one of its threads gave its processor up because it had to wait.
    pub(crate) waits: u64,
}

impl Usage {
    /// Threads that have ended don't count among the waits.
    pub(crate) fn of(process: u32) -> Self {
        let stat = read(process, "stat");
        // The name stands in parentheses and may hold anything.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
        let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        let waits = threads.filter_map(|thread| {
            number(&fs::read_to_string(thread.path().join("status")).ok()?, "voluntary_ctxt_switches:")
        });
        Self {
            cpu_s: (ticks(11) + ticks(12)) / TICKS_PER_S,
            written_bytes: number(&read(process, "io"), "write_bytes:").unwrap_or(0),
            waits: waits.sum(),
        }
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            cpu_s: self.cpu_s - earlier.cpu_s,
            written_bytes: self.written_bytes - earlier.written_bytes,
            waits: self.waits.saturating_sub(earlier.waits),
        }
    }
}

/// The memory a process holds, with its share of what it shares.
pub(crate) fn pss_mib(process: u32) -> f64 {
    number(&read(process, "smaps_rollup"), "Pss:").unwrap_or(0) as f64 / 1024.0
}

fn read(process: u32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default()
}

fn number(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}
