//! When attempts are made: the scheduler's pure core, and the engine that carries out what it decides.

pub(crate) mod driver;
pub mod engine;
pub mod engine_status;
pub(crate) mod lane;
pub mod message;
pub(crate) mod pacing;
pub(crate) mod queue;
pub mod scheduler;
pub mod wheel;
