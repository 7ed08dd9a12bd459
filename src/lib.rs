//! carteiro
pub mod clock;
pub mod model;
pub mod random;
pub mod store;
