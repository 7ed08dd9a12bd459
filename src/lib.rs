//! carteiro
pub mod api;
pub mod clock;
pub mod delivery;
pub mod model;
pub mod random;
pub mod service;
pub mod store;
pub mod wheel;
