//! When attempts are made: the scheduler's pure core, and the engine that carries out what it decides.

pub(crate) mod driver;
pub mod engine;
pub(crate) mod lane;
pub mod message;
pub(crate) mod pace;
pub(crate) mod queue;
pub mod scheduler;
pub mod status;
pub mod wheel;
