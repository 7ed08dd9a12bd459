//! Which rows stand together in sled.

use crate::store::engine::Shape;
use crate::store::schema::table::{BY_RESPONSE, BY_STATE, BY_WEBHOOK, EVENT, NOTIFICATION, REFERENCE, TYPE, UNTRIED};

/// How many bits the fields of a key have.
const TABLE: u16 = 8;
const ACCOUNT: u16 = 32;
const WEBHOOK: u16 = 32;
const TYPE_NO: u16 = 32;
const STATE: u16 = 8;
const STATUS: u16 = 16;
const SEQ: u16 = 64;
/// Eight events stand in one block, each a kilobyte or two.
const EVENTS_SHIFT: u16 = 3;
/// The notifications of 32 events do.
const NOTIFICATIONS_SHIFT: u16 = 5;
/// So do the rows of 256 events in an index that is in the order of commit: the block holds a byte of each key.
const INDEX_SHIFT: u16 = 8;
/// References stand in 1024 blocks for every 65,536 events, by their hash.
const PARTITION: u16 = 48;
const BUCKET: u16 = 10;

/// How the rows of a table lie in blocks; `None` for those that are a row of sled each, since they are few or die
/// young. It is part of the format.
pub(crate) fn layout(table: u8) -> Option<Shape> {
    match table {
        EVENT => Some(Shape { bits: TABLE + ACCOUNT + SEQ - EVENTS_SHIFT }),
        NOTIFICATION => Some(Shape { bits: TABLE + ACCOUNT + SEQ - NOTIFICATIONS_SHIFT }),
        TYPE => Some(Shape { bits: TABLE + ACCOUNT + TYPE_NO + SEQ - INDEX_SHIFT }),
        REFERENCE => Some(Shape { bits: TABLE + ACCOUNT + PARTITION + BUCKET }),
        BY_WEBHOOK => Some(Shape { bits: TABLE + WEBHOOK + SEQ - INDEX_SHIFT }),
        UNTRIED => Some(Shape { bits: TABLE + ACCOUNT + WEBHOOK + SEQ - INDEX_SHIFT }),
        BY_STATE => Some(Shape { bits: TABLE + ACCOUNT + STATE + WEBHOOK + SEQ - INDEX_SHIFT }),
        BY_RESPONSE => Some(Shape { bits: TABLE + ACCOUNT + STATUS + WEBHOOK + SEQ - INDEX_SHIFT }),
        _ => None,
    }
}
