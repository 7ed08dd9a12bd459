//! What `end_to_end` measures, a section each.

pub(crate) mod delivery;
pub(crate) mod fairness;
pub(crate) mod footprint;
pub(crate) mod limits;
pub(crate) mod storing;

use crate::common::daemon::Daemon;
use crate::common::load::{Load, Posted};
use crate::common::options::Options;
use crate::common::procfs::Usage;
use crate::common::report::Report;
use crate::common::sink::Sink;
use crate::common::stats::rate;
use limits::Limits;
use std::time::Duration;

/// What the sections share.
pub(crate) struct Bench {
    pub(crate) options: Options,
    pub(crate) report: Report,
    pub(crate) limits: Limits,
    pub(crate) sink: Sink,
}

/// How long after the last delivery the daemon is left alone, so that what the outcomes cost is counted: they are made
/// durable within a tenth of a second.
pub(crate) const SETTLING: Duration = Duration::from_millis(300);

/// The type of every event that is posted.
pub(crate) const PAID: &str = "PAYMENT.PAID";

/// Events for a daemon, one a request.
pub(crate) fn events(daemon: &Daemon, connections: usize, count: u64) -> Load {
    posts(&daemon.address, &daemon.token, connections, count)
}

/// Events for a daemon or relay that listens at an address and takes what carteiro takes.
pub(crate) fn posts(address: &str, token: &str, connections: usize, count: u64) -> Load {
    Load {
        address: address.to_owned(),
        path: "/api/events".to_owned(),
        token: token.to_owned(),
        event_type: PAID.to_owned(),
        connections,
        count,
        batch: None,
        rate: None,
        first: 0,
        log: None,
    }
}

/// Deliveries from the first post to the last arrival.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    pub(crate) posted: Posted,
    pub(crate) per_s: f64,
    /// What the daemon or relay used up, its outcomes made durable.
    pub(crate) usage: Usage,
    pub(crate) count: u64,
}

impl Delivered {
    pub(crate) fn cpu_s_per_10k(&self) -> f64 {
        self.usage.cpu_s * 10_000.0 / self.count as f64
    }
}

/// Posts to a daemon or relay, whose `usage` is given, and whose every event goes to `targets` targets of the sink;
/// after a warm-up of a tenth as much.
pub(crate) fn deliver(usage: impl Fn() -> Usage, sink: &mut Sink, load: &Load, targets: u64) -> Delivered {
    sink.reset();
    let warm_up = Load { count: (load.count / 10).max(100), first: 1_000_000_000, log: None, ..load.clone() };
    warm_up.run();
    sink.wait_for(warm_up.count * targets);
    sink.reset();
    std::thread::sleep(SETTLING);
    let before = usage();
    let posted = load.run();
    let count = load.count * targets;
    let tally = sink.wait_for(count);
    std::thread::sleep(SETTLING);
    Delivered { per_s: rate(count, posted.first_us, tally.last_us), usage: usage() - before, posted, count }
}
