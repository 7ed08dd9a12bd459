//! What stands in the tree: keys, index rows and records.

pub(crate) mod alert_keys;
pub(crate) mod index;
pub(crate) mod keys;
pub(crate) mod layout;
pub(crate) mod record;
pub(crate) mod references;
pub(crate) mod seqs;
pub(crate) mod table;
