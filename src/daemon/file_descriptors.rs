//! How many connections the process has file descriptors for.

use crate::config::Config;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// File descriptors beside those of connections and attempts: the store's, the log's, lookups.
const OTHER_DESCRIPTORS: u64 = 64;

/// Raises the soft limit to the hard one, and returns how many connections that leaves descriptors for. The soft limit
/// is often 1,024, for the sake of programs that use `select`; slow callers must not leave deliveries without
/// descriptors.
pub(crate) fn for_connections(config: &Config) -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let Some(limit) = getrlimit(Resource::Nofile).current else {
        return usize::MAX;
    };
    let others = config.delivery.max_in_flight as u64 + OTHER_DESCRIPTORS;
    // Without any, nobody could connect, however few there are.
    let left = limit.saturating_sub(others).max(limit / 4);
    if left < u64::from(config.server.max_connections) {
        tracing::warn!(
            limit,
            connections = left,
            "there are not enough file descriptors for `server.max_connections` beside `delivery.max_in_flight`: \
             raise LimitNOFILE of the systemd unit (or `ulimit -Hn`), or lower one of the two"
        );
    }
    usize::try_from(left).unwrap_or(usize::MAX)
}
