//! When attempts are made: the scheduler's pure core, and the engine that carries out what it decides.

pub mod engine;
pub(crate) mod lane;
pub mod scheduler;
pub mod status;
pub mod wheel;
