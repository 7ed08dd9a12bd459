//! Filters as ranges of index rows in the order of commit, and their merge.

pub(crate) mod keyed;
pub(crate) mod merge;
pub(crate) mod owed;
pub(crate) mod point;
pub(crate) mod ranges;
pub(crate) mod search;
pub(crate) mod spans;
pub(crate) mod walk;
