//! carteiro
pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod delivery;
pub mod model;
pub mod random;
pub mod service;
pub mod store;
pub mod wheel;
