//! Which rows stand together in sled.

use crate::store::engine::Shape;
use crate::store::schema::table::{EVENT, NOTIFICATION};

/// How many bits the fields of a key have.
const TABLE: u16 = 8;
const ACCOUNT: u16 = 32;
const SEQ: u16 = 64;
/// Eight events stand in one block, each a kilobyte or two.
const EVENTS_SHIFT: u16 = 3;
/// The notifications of 32 events do.
const NOTIFICATIONS_SHIFT: u16 = 5;

/// How the rows of a table lie in blocks; `None` for those that are a row of sled each, since they are few or die
/// young. It is part of the format.
pub(crate) fn layout(table: u8) -> Option<Shape> {
    match table {
        EVENT => Some(Shape { bits: TABLE + ACCOUNT + SEQ - EVENTS_SHIFT }),
        NOTIFICATION => Some(Shape { bits: TABLE + ACCOUNT + SEQ - NOTIFICATIONS_SHIFT }),
        _ => None,
    }
}
