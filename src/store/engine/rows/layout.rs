//! Which block a row is in: arithmetic on its key, and nothing else.

use crate::store::engine::rows::base::MAX_SLED_ROW_BYTES;
use crate::store::engine::rows::block::{CHECKSUM_BYTES, MAX_STORED_BYTES};
use crate::store::error::EngineError;
use crate::store::hex::hex;

/// The first byte of the rows that stand beside their blocks; the key follows it. No table has it, nor a higher one.
pub(crate) const OVERFLOW: u8 = 0xf0;
/// The first byte of the blocks that were damaged and put aside, as they stood there; the block's key follows, and a
/// checksum of what was stored.
pub(crate) const ASIDE: u8 = 0xf1;
/// The key of the row that says which store this is, and of which format. It is written once, before any other, and
/// read before anything else is known: it isn't sealed, and its writer gives it a checksum of its own.
pub(crate) const IDENTITY: &[u8] = &[0xfe];
/// The key of the position row.
pub(crate) const POSITION: &[u8] = &[0xff];
/// The longest key that a row may have.
pub(crate) const MAX_KEY_BYTES: usize = 1024;

/// How the rows of a table lie in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// How many bits of a key name its block, the table's byte among them. Every key of the table is at least as long.
    pub(crate) bits: u16,
}

/// The shape of a table, by its byte; `None` for a table of plain rows. A table's shape never changes.
pub(crate) type Layout = fn(u8) -> Option<Shape>;

impl Shape {
    /// The length of a block's key in sled.
    pub(crate) const fn key_bytes(self) -> usize {
        self.bits.div_ceil(8) as usize
    }

    /// Where the part of a row's key begins that a block holds: the byte that its name ends in is in both.
    pub(crate) const fn inner_at(self) -> usize {
        (self.bits / 8) as usize
    }

    /// The bits of the last byte of a block's key that name it.
    const fn mask(self) -> u8 {
        match self.bits % 8 {
            0 => u8::MAX,
            bits => !(u8::MAX >> bits),
        }
    }

    /// The key in sled of the block that a key is in; `None` for one that is shorter than a block's name.
    pub(crate) fn block_of(self, key: &[u8]) -> Option<Vec<u8>> {
        let mut block = key.get(..self.key_bytes())?.to_vec();
        *block.last_mut()? &= self.mask();
        Some(block)
    }

    /// Whether a key is in the block of that key in sled.
    pub(crate) fn is_in(self, block: &[u8], key: &[u8]) -> bool {
        let (Some((last, front)), Some(key)) = (block.split_last(), key.get(..self.key_bytes())) else {
            return false;
        };
        key.starts_with(front) && key[front.len()] & self.mask() == *last
    }

    /// The key of the block after this one.
    pub(crate) fn next(self, block: &[u8]) -> Vec<u8> {
        let mut next = block.to_vec();
        let mut add = self.mask().wrapping_neg().max(1);
        for byte in next.iter_mut().rev() {
            let (sum, carried) = byte.overflowing_add(add);
            *byte = sum;
            if !carried {
                break;
            }
            add = 1;
        }
        next
    }
}

/// The least key in sled whose row, plain or block, may hold `key` or a later one.
pub(crate) fn lowest(layout: Layout, key: &[u8]) -> Vec<u8> {
    key.first().and_then(|table| layout(*table)).and_then(|shape| shape.block_of(key)).unwrap_or_else(|| key.to_vec())
}

/// The key in sled of a row that stands beside its block.
pub(crate) fn beside(key: &[u8]) -> Vec<u8> {
    [&[OVERFLOW], key].concat()
}

/// The key in sled of a damaged block that is put aside. The same bytes have the same one: what a crash cuts off is
/// done again.
pub(crate) fn aside(block: &[u8], stored: &[u8]) -> Vec<u8> {
    [&[ASIDE], block, &crc32fast::hash(stored).to_be_bytes()].concat()
}

/// Checks that a row can be stored.
pub(crate) fn check_row(layout: Layout, key: &[u8], value_bytes: usize) -> Result<(), EngineError> {
    let refused = |why: String| Err(EngineError::Refused(format!("row {}: {why}", hex(key))));
    match key.first() {
        None => return refused("it has no key".to_owned()),
        Some(table) if *table >= OVERFLOW => return refused("its table is the engine's own".to_owned()),
        Some(table) if layout(*table).is_some_and(|shape| key.len() < shape.key_bytes()) => {
            return refused("it is shorter than the name of its block".to_owned());
        }
        Some(_) => {}
    }
    if key.len() > MAX_KEY_BYTES || key.len() + value_bytes > MAX_ROW_BYTES {
        return refused(format!("{} bytes of key and {value_bytes} of value are too many", key.len()));
    }
    Ok(())
}

/// The most bytes that a row may have, key and value together: with the byte in front of an overflow row and its
/// checksum it is as much as a row of sled may have.
pub(crate) const MAX_ROW_BYTES: usize = MAX_SLED_ROW_BYTES - 1 - CHECKSUM_BYTES;

/// What a block that is put aside takes besides: the byte and the checksum in its key, and a checksum of its own.
const ASIDE_BYTES: usize = 1 + 2 * CHECKSUM_BYTES;
// A full block is a row that sled never puts into a file of its own, nor one that is put aside.
const _: () = assert!(MAX_STORED_BYTES + MAX_KEY_BYTES + ASIDE_BYTES <= MAX_SLED_ROW_BYTES);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_follow_each_other_without_a_gap() {
        for bits in [8, 12, 13, 15, 16, 17] {
            let shape = Shape { bits };
            let mut keys = (0..=u32::from(u16::MAX) * 16).step_by(7).map(|n| (n << 8).to_be_bytes());
            let mut before: Option<Vec<u8>> = None;
            for key in &mut keys {
                let block = shape.block_of(&key).unwrap();
                assert!(shape.is_in(&block, &key), "{bits} {key:?} {block:?}");
                assert!(
                    *block <= key[..] && key[..] < *shape.next(&block) || key[0] == 255,
                    "{bits} {key:?} {block:?}"
                );
                if let Some(before) = before.filter(|before| *before != block) {
                    assert!(!shape.is_in(&before, &key));
                    assert!(shape.next(&before) <= block, "{bits} {before:?} {block:?}");
                }
                before = Some(block);
            }
        }
        assert_eq!(Shape { bits: 13 }.next(&[1, 0xf8]), [2, 0]);
        assert_eq!(Shape { bits: 16 }.next(&[1, 0xff]), [2, 0]);
        assert_eq!(Shape { bits: 15 }.next(&[1, 0xfc]), [1, 0xfe]);
    }
}
