//! carteiro
pub mod clock;
pub mod config;
pub mod model;
