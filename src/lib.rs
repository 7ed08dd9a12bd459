//! carteiro
pub mod clock;
pub mod delivery;
pub mod model;
