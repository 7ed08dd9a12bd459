//! A data folder's life: opening it, verifying it, restoring into it, and looking at it while no daemon runs.

pub(crate) mod counts;
pub(crate) mod files;
pub(crate) mod offline;
pub(crate) mod open;
pub(crate) mod owner;
pub(crate) mod readable;
pub(crate) mod repair;
pub(crate) mod replay;
pub(crate) mod restore;
pub(crate) mod verify;
