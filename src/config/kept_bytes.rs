//! How much is kept: `store.retention_bytes`.

use super::value::{NO_HINT, RawValue, ValueError, ValueType, quote};
use super::value_types::Size;
use crate::model::{Localized, localized};

/// How many bytes of events and notifications are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptBytes {
    /// As many as the disk has room for: the store works it out at the start.
    ForDisk,
    /// However many there are.
    All,
    /// So many.
    AtMost(u64),
}

/// "auto", "none", or a size.
pub(crate) struct KeptBytesType(pub(crate) Size);

impl ValueType<KeptBytes> for KeptBytesType {
    fn expected(&self) -> Localized {
        let Localized { en, pt } = ValueType::<u64>::expected(&self.0);
        localized!("\"auto\", {en}, or \"none\"", "\"auto\", {pt}, ou \"none\"")
    }

    fn read(&self, raw: RawValue<'_>) -> Result<KeptBytes, Vec<ValueError>> {
        match raw.text() {
            Some("auto") => Ok(KeptBytes::ForDisk),
            Some("none") => Ok(KeptBytes::All),
            // Its own sentence would not name the words.
            _ => self.0.read(raw).map(KeptBytes::AtMost).map_err(|_| self.refuse(raw, NO_HINT)),
        }
    }

    fn show(&self, value: &KeptBytes) -> String {
        match value {
            KeptBytes::ForDisk => quote("auto"),
            KeptBytes::All => quote("none"),
            KeptBytes::AtMost(bytes) => self.0.show(bytes),
        }
    }
}
