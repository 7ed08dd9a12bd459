//! One clock for all processes of a bench.

use rustix::time::{ClockId, clock_gettime};

/// Microseconds of the monotonic clock: the same in every process of one machine, and never set back.
pub(crate) fn now_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1000
}
