//! The format of the store: a number for what its keys and records mean.

use crate::model::{Localized, localized};
/// Why a store or a backup of this format can't be used, and what to do.
pub(crate) fn of_another_format(found: u32) -> Localized {
    if found > FORMAT {
        return localized!(
            "has format {found}, which a newer carteiro wrote; this one reads format {FORMAT} alone: install the newer \
             one",
            "tem o formato {found}, gravado por um carteiro mais novo; este só lê o formato {FORMAT}: instale o mais \
             novo"
        );
    }
    localized!(
        "has format {found}, which an older carteiro wrote; this one reads format {FORMAT} alone: install the one that \
         wrote it, or restore a backup of this format into an empty folder",
        "tem o formato {found}, gravado por um carteiro mais antigo; este só lê o formato {FORMAT}: instale o que o \
         gravou, ou restaure um backup deste formato em uma pasta vazia"
    )
}

/// The format of keys and records that this carteiro writes.
pub(crate) const FORMAT: u32 = 1;
