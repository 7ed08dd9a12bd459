//! What the benches are made of: a load, a sink, the daemon under test, a null relay and the machine's own limits
//! beside it, and the arithmetic.
//!
//! Load, sink and relay are the bench's own program started once more as a child, so that their processor time can be
//! told from the daemon's. Nothing here leaves loopback.

#![expect(dead_code, reason = "no bench needs all of it")]

pub(crate) mod bad;
pub(crate) mod child;
pub(crate) mod clock;
pub(crate) mod daemon;
pub(crate) mod disk;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod options;
pub(crate) mod plot;
pub(crate) mod procfs;
pub(crate) mod relay;
pub(crate) mod report;
pub(crate) mod scratch;
pub(crate) mod sink;
pub(crate) mod stats;
