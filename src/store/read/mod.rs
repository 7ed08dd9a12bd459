//! What callers ask of the store.

pub(crate) mod accounts;
pub(crate) mod alerts;
mod audit;
pub(crate) mod backlog;
pub(crate) mod due;
mod erasures;
pub(crate) mod history;
pub(crate) mod lists;
pub(crate) mod outcomes;
pub(crate) mod owed;
pub(crate) mod point;
