//! The bytes of a block: a small sorted map, prefix-coded, compressed where that is shorter.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version in the lower half; [`LZ4`], [`OVERFLOWS`], [`HAS_LOST`] |
//! | 2 | how many rows |
//! | 2 | how long the rows are, uncompressed |
//! | … | the rows |
//! | 4 | CRC32 over the store's id, the key in sled and all of the above |
//!
//! A row: 0 where the three lengths that follow are those of the row before, else 1 + how many bytes of the key it
//! shares with the row before, then how many bytes of key and of value follow, each a varint; then those bytes.
//!
//! What fits is counted *before* compression and with all three lengths in front of each row: at most
//! [`MAX_PLAIN_BYTES`]. So it doesn't depend on how well rows compress, and a block that rows are only taken from
//! always fits: a row that goes gives back at least as many bytes as the key of its successor grows by.

use crate::store::engine::tree::Slice;
use crate::store::error::EngineError;
use std::borrow::Cow;
use std::ops::Range;

/// The most bytes of rows in a block, uncompressed.
pub(crate) const MAX_PLAIN_BYTES: usize = 24 * 1024;
/// The most bytes that a value and the inner part of its key may have in a block: eight such rows always fit.
pub(crate) const MAX_IN_BLOCK_BYTES: usize = MAX_PLAIN_BYTES / 8 - MAX_ROW_HEAD_BYTES;
/// The three varints in front of a row, each of two bytes at most.
const MAX_ROW_HEAD_BYTES: usize = 6;
/// What stands behind every row of sled.
pub(crate) const CHECKSUM_BYTES: usize = 4;
const HEAD_BYTES: usize = 5;
/// Rows shorter than this aren't tried to be compressed.
const LEAST_TO_COMPRESS: usize = 64;
const VERSION: u8 = 1;
/// The rows are compressed.
const LZ4: u8 = 0x10;
/// There may be rows of this block beside it.
const OVERFLOWS: u8 = 0x20;
/// Rows that were in this block are lost: a row that isn't there may have been one of them.
const HAS_LOST: u8 = 0x40;

/// The most bytes that a block is stored in.
pub(crate) const MAX_STORED_BYTES: usize = MAX_PLAIN_BYTES + HEAD_BYTES + CHECKSUM_BYTES;
const _: () = assert!(MAX_PLAIN_BYTES <= u16::MAX as usize);

/// Which store a row belongs to: a row of another one is damage.
pub(crate) type StoreId = [u8; 16];

/// The checksum of a row of sled.
pub(crate) fn checksum(store: StoreId, key: &[u8], parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&store);
    hasher.update(key);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// A plain row as it stands in sled.
pub(crate) fn seal(store: StoreId, key: &[u8], value: &[u8]) -> Slice {
    let mut stored = Vec::with_capacity(value.len() + CHECKSUM_BYTES);
    stored.extend_from_slice(value);
    stored.extend_from_slice(&checksum(store, key, &[value]).to_le_bytes());
    stored.into()
}

/// What stands in front of a row's checksum, once it has been checked.
pub(crate) fn unseal<'s>(store: StoreId, key: &[u8], stored: &'s [u8]) -> Result<&'s [u8], EngineError> {
    let Some((value, claimed)) = stored.split_last_chunk::<CHECKSUM_BYTES>() else {
        return Err(EngineError::damaged(key, "it is too short"));
    };
    if checksum(store, key, &[value]) != u32::from_le_bytes(*claimed) {
        return Err(EngineError::damaged(key, "its checksum doesn't fit"));
    }
    Ok(value)
}

/// The checksum that a row of sled carries, unchecked.
pub(crate) fn stored_checksum(stored: &[u8]) -> u32 {
    stored.last_chunk::<CHECKSUM_BYTES>().map_or(0, |claimed| u32::from_le_bytes(*claimed))
}

/// A block whose checksum was right, its rows uncompressed and not looked at yet.
#[derive(Debug)]
pub(crate) struct Block {
    plain: Vec<u8>,
    rows: u16,
    /// Whether there may be rows of this block beside it.
    pub(crate) overflows: bool,
    /// Whether rows of it are lost.
    pub(crate) has_lost: bool,
}

impl Block {
    /// Reads what sled holds under `key`. Damage is an error that names the key.
    pub(crate) fn decode(store: StoreId, key: &[u8], stored: &[u8]) -> Result<Self, EngineError> {
        let bytes = unseal(store, key, stored)?;
        let damaged = |why: &str| EngineError::damaged(key, why);
        let Some((&[head, r0, r1, p0, p1], rows)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
            return Err(damaged("it is too short for a block"));
        };
        if head & 0xf != VERSION || head & !(0xf | LZ4 | OVERFLOWS | HAS_LOST) != 0 {
            return Err(damaged("it has another version"));
        }
        let length = usize::from(u16::from_le_bytes([p0, p1]));
        if length > MAX_PLAIN_BYTES {
            return Err(damaged("it claims to be longer than a block is"));
        }
        let plain = if head & LZ4 == 0 {
            rows.to_vec()
        } else {
            let mut plain = vec![0; length];
            let filled = lz4_flex::block::decompress_into(rows, &mut plain);
            plain.truncate(filled.map_err(|error| damaged(&error.to_string()))?);
            plain
        };
        if plain.len() != length {
            return Err(damaged("it isn't as long as it claims"));
        }
        let (overflows, has_lost) = (head & OVERFLOWS != 0, head & HAS_LOST != 0);
        Ok(Self { plain, rows: u16::from_le_bytes([r0, r1]), overflows, has_lost })
    }

    /// The value of the row with this inner key. Rows behind it aren't looked at.
    pub(crate) fn get(&self, inner: &[u8]) -> Result<Option<&[u8]>, Malformed> {
        let mut walk = Walk::new(&self.plain);
        while let Some(value) = walk.next()? {
            match walk.key[..].cmp(inner) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => return Ok(Some(&self.plain[value])),
                std::cmp::Ordering::Greater => break,
            }
        }
        Ok(None)
    }

    /// All its rows, with their keys put together again.
    pub(crate) fn open(self) -> Result<Opened, Malformed> {
        let mut opened = Opened { keys: Vec::new(), rows: Vec::with_capacity(self.rows.into()), block: self };
        let mut walk = Walk::new(&opened.block.plain);
        while let Some(value) = walk.next()? {
            let begins = opened.rows.last().map_or(0, |row: &RowAt| row.key.end);
            if !opened.rows.is_empty() && walk.key[..] <= opened.keys[opened.rows[opened.rows.len() - 1].key.clone()] {
                return Err(Malformed);
            }
            opened.keys.extend_from_slice(&walk.key);
            opened.rows.push(RowAt { key: begins..opened.keys.len(), value });
        }
        if opened.rows.len() != usize::from(opened.block.rows) {
            return Err(Malformed);
        }
        Ok(opened)
    }
}

/// Rows that no block of ours has, below a checksum that is right.
#[derive(Debug)]
pub(crate) struct Malformed;

impl Malformed {
    /// The error of the block with this key in sled.
    pub(crate) fn of(key: &[u8]) -> impl FnOnce(Self) -> EngineError {
        move |Self| EngineError::damaged(key, "its rows aren't those of a block")
    }
}

#[derive(Debug)]
struct RowAt {
    key: Range<usize>,
    value: Range<usize>,
}

/// A block with an index of its rows.
#[derive(Debug)]
pub(crate) struct Opened {
    block: Block,
    keys: Vec<u8>,
    rows: Vec<RowAt>,
}

impl Opened {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn overflows(&self) -> bool {
        self.block.overflows
    }

    /// Whether rows of it are lost: one that isn't there may have been.
    pub(crate) fn has_lost(&self) -> bool {
        self.block.has_lost
    }

    /// The inner key of a row.
    pub(crate) fn key(&self, at: usize) -> &[u8] {
        &self.keys[self.rows[at].key.clone()]
    }

    pub(crate) fn value(&self, at: usize) -> &[u8] {
        &self.block.plain[self.rows[at].value.clone()]
    }

    /// The value of the row with this inner key.
    pub(crate) fn get(&self, inner: &[u8]) -> Option<&[u8]> {
        let at = self.lower_bound(inner);
        (at < self.len() && self.key(at) == inner).then(|| self.value(at))
    }

    /// The first row whose inner key isn't below this one.
    pub(crate) fn lower_bound(&self, inner: &[u8]) -> usize {
        self.rows.partition_point(|row| self.keys[row.key.clone()] < *inner)
    }
}

/// Walks over rows, one after the other.
struct Walk<'p> {
    plain: &'p [u8],
    at: usize,
    key: Vec<u8>,
    lengths: (usize, usize, usize),
}

impl<'p> Walk<'p> {
    fn new(plain: &'p [u8]) -> Self {
        Self { plain, at: 0, key: Vec::with_capacity(32), lengths: (0, 0, 0) }
    }

    fn varint(&mut self) -> Result<usize, Malformed> {
        let low = usize::from(*self.plain.get(self.at).ok_or(Malformed)?);
        self.at += 1;
        if low < 0x80 {
            return Ok(low);
        }
        let high = usize::from(*self.plain.get(self.at).ok_or(Malformed)?);
        self.at += 1;
        Ok(low & 0x7f | high << 7)
    }

    /// Where the next row's value is; its key is in `key`.
    fn next(&mut self) -> Result<Option<Range<usize>>, Malformed> {
        if self.at == self.plain.len() {
            return Ok(None);
        }
        if let Some(shared) = self.varint()?.checked_sub(1) {
            self.lengths = (shared, self.varint()?, self.varint()?);
        }
        let (shared, rest, value) = self.lengths;
        let value_at = self.at + rest;
        let end = value_at + value;
        if shared > self.key.len() || end > self.plain.len() {
            return Err(Malformed);
        }
        self.key.truncate(shared);
        self.key.extend_from_slice(&self.plain[self.at..value_at]);
        self.at = end;
        Ok(Some(value_at..end))
    }
}

/// A row that goes into a block.
#[derive(Debug)]
pub(crate) struct Item<'r> {
    pub(crate) inner: &'r [u8],
    pub(crate) value: &'r [u8],
    /// Whether this write is what puts it there: it may stand elsewhere instead. The others may not: no journal holds
    /// them any more.
    pub(crate) is_new: bool,
}

/// The rows of a block in bytes, uncompressed, and how many they count as: sorted by their keys, none twice.
pub(crate) fn plain_of(items: &[Item<'_>]) -> (Vec<u8>, usize) {
    let mut counted = 0;
    let mut plain = Vec::with_capacity(items.iter().map(|item| item.inner.len() + item.value.len() + 3).sum());
    let (mut before, mut lengths): (&[u8], _) = (&[], None);
    for item in items {
        let shared = before.iter().zip(item.inner).take_while(|(a, b)| a == b).count();
        let of_this = (shared, item.inner.len() - shared, item.value.len());
        let head = [of_this.0 + 1, of_this.1, of_this.2];
        counted += head.map(|n| 1 + usize::from(n >= 0x80)).iter().sum::<usize>() + of_this.1 + of_this.2;
        if lengths == Some(of_this) {
            plain.push(0);
        } else {
            for n in head {
                put_varint(&mut plain, n);
            }
            lengths = Some(of_this);
        }
        plain.extend_from_slice(&item.inner[shared..]);
        plain.extend_from_slice(item.value);
        before = item.inner;
    }
    (plain, counted)
}

/// At most two bytes: nothing in a block is longer than 2^15.
fn put_varint(out: &mut Vec<u8>, n: usize) {
    // The lower seven or eight bits; what is cut off is meant to be.
    #[allow(clippy::cast_possible_truncation)]
    if n < 0x80 {
        out.push(n as u8);
    } else {
        out.extend_from_slice(&[n as u8 | 0x80, (n >> 7) as u8]);
    }
}

/// A block as it stands in sled. `plain` is at most [`MAX_PLAIN_BYTES`] long.
pub(crate) fn encode(store: StoreId, key: &[u8], plain: &[u8], rows: usize, overflows: bool, has_lost: bool) -> Slice {
    let compressed = (plain.len() >= LEAST_TO_COMPRESS).then(|| lz4_flex::block::compress(plain));
    let (body, lz4) = match compressed {
        Some(compressed) if compressed.len() < plain.len() => (Cow::Owned(compressed), LZ4),
        _ => (Cow::Borrowed(plain), 0),
    };
    let short = |n: usize| u16::try_from(n).expect("a block has at most 24 KiB of rows, each of two bytes or more");
    let mut stored = Vec::with_capacity(HEAD_BYTES + body.len() + CHECKSUM_BYTES);
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    stored.push(VERSION | lz4 | flag(overflows, OVERFLOWS) | flag(has_lost, HAS_LOST));
    stored.extend_from_slice(&short(rows).to_le_bytes());
    stored.extend_from_slice(&short(plain.len()).to_le_bytes());
    stored.extend_from_slice(&body);
    stored.extend_from_slice(&checksum(store, key, &[&stored]).to_le_bytes());
    stored.into()
}

#[cfg(test)]
mod tests;
