//! Backups: the file format, and writing one while the store is open or closed.

pub(crate) mod destination;
pub(crate) mod format;
pub(crate) mod live;
pub(crate) mod new_file;
pub(crate) mod offline;
