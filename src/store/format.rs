//! The format of the store: a number for what its keys and records mean.

/// Why a store or a backup of this format can't be used, and what to do.
pub(crate) fn of_another_format(found: u32) -> String {
    let (whose, remedy) = if found > FORMAT {
        ("a newer", "install the newer one")
    } else {
        ("an older", "install the one that wrote it, or restore a backup of this format into an empty folder")
    };
    format!("has format {found}, which {whose} carteiro wrote; this one reads format {FORMAT} alone: {remedy}")
}

/// The format of keys and records that this carteiro writes.
pub(crate) const FORMAT: u32 = 1;
