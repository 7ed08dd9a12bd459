//! delivery
mod lane;
pub mod scheduler;
