//! The position row: which commit sled holds, and what is in sled, so that what sled drops in silence is missed.
//!
//! It is written at the beginning of each piece of a checkpoint, with the piece's **intents** (each row of sled that it
//! is about to write, what it was and what it will be), and at the end of the checkpoint, with the commit. sled loses
//! writes from some point on only, so whatever a crash leaves, the last position row is older than at most the rows
//! that it names: a start looks at them and knows the contents exactly, without reading the store.

use crate::store::engine::reached::Reached;
use crate::store::engine::rows::base::MAX_SLED_ROW_BYTES;
use crate::store::engine::rows::block::{StoreId, seal, stored_checksum, unseal};
use crate::store::engine::rows::layout::{Layout, MAX_KEY_BYTES, OVERFLOW, POSITION};
use crate::store::engine::tree::Slice;
use crate::store::error::EngineError;
use std::collections::BTreeMap;

const VERSION: u8 = 2;
/// The most bytes of intents in a position row, which has to stay a row that sled doesn't spill.
pub(crate) const MAX_INTENT_BYTES: usize = 8 * 1024;
/// What an intent takes besides its key, at most: length, flags, and twice a checksum and a number of rows.
#[cfg(test)]
const INTENT_BYTES: usize = 2 + 1 + 2 * (4 + 4);
/// The row was there before.
const HAS_OLD: u8 = 1;
/// It will be there.
const HAS_NEW: u8 = 2;
/// What it was and what it will be are blocks: the number of their rows follows. Else it is one.
const HAS_ROWS: u8 = 4;
const TALLY_BYTES: usize = 1 + 8 + 8 + 16;

// As many tables as there can be, what is put aside among them, and the most intents with one more key.
const _: () =
    assert!((OVERFLOW as usize + 1) * TALLY_BYTES + MAX_INTENT_BYTES + 2 * MAX_KEY_BYTES <= MAX_SLED_ROW_BYTES);

/// What a row of sled counts as: how many rows it holds, and its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) rows: u32,
    pub(crate) checksum: u32,
}

impl Stamp {
    /// Of a row of sled as it stands there; neither its checksum nor its rows are looked at.
    pub(crate) fn of(layout: Layout, key: &[u8], stored: &[u8]) -> Self {
        let rows = match (key.first().and_then(|table| layout(*table)), stored) {
            (Some(_), &[_, r0, r1, ..]) => u16::from_le_bytes([r0, r1]).into(),
            _ => 1,
        };
        Self { rows, checksum: stored_checksum(stored) }
    }
}

/// What a table holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Its rows.
    pub(crate) rows: u64,
    /// The rows of sled that hold them.
    pub(crate) sled_rows: u64,
    /// The sum, over the rows of sled, of a hash of key and checksum.
    pub(crate) hash: u128,
}

/// What each table holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents(BTreeMap<u8, Tally>);

impl Contents {
    /// A row of sled was that and is this.
    pub(crate) fn change(&mut self, key: &[u8], old: Option<Stamp>, new: Option<Stamp>) {
        let Some(table) = table_of(key) else { return };
        let tally = self.0.entry(table).or_default();
        if let Some(old) = old {
            tally.rows = tally.rows.wrapping_sub(old.rows.into());
            tally.sled_rows = tally.sled_rows.wrapping_sub(1);
            tally.hash = tally.hash.wrapping_sub(hash(key, old.checksum));
        }
        if let Some(new) = new {
            tally.rows = tally.rows.wrapping_add(new.rows.into());
            tally.sled_rows = tally.sled_rows.wrapping_add(1);
            tally.hash = tally.hash.wrapping_add(hash(key, new.checksum));
        }
        if *tally == Tally::default() {
            self.0.remove(&table);
        }
    }

    /// The tables that hold anything.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (u8, Tally)> {
        self.0.iter().map(|(table, tally)| (*table, *tally))
    }

    /// What a table holds.
    pub(crate) fn of(&self, table: u8) -> Tally {
        self.0.get(&table).copied().unwrap_or_default()
    }
}

/// The table whose rows a row of sled holds.
pub(crate) fn table_of(key: &[u8]) -> Option<u8> {
    match key {
        [OVERFLOW, table, ..] | [table, ..] => Some(*table),
        [] => None,
    }
}

/// 128 bits of a row of sled. It stands in files: it never changes. Nobody who could choose keys gains by two that
/// collide; it is chance that it guards against.
fn hash(key: &[u8], checksum: u32) -> u128 {
    let mix = |word: u64| {
        let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    };
    let (mut high, mut low) = (u64::from(checksum) ^ 0x9e37_79b9_7f4a_7c15, key.len() as u64);
    for part in key.chunks(8) {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        let word = u64::from_le_bytes(word);
        high = mix(high.wrapping_add(word).wrapping_mul(0x9fb2_1c65_1e98_df25));
        low = mix(low.rotate_left(23) ^ word).wrapping_add(high);
    }
    u128::from(mix(high ^ low.rotate_left(32))) << 64 | u128::from(mix(low.wrapping_add(u64::from(checksum) << 32)))
}

/// A row of sled that a piece is about to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Intent {
    pub(crate) key: Vec<u8>,
    pub(crate) old: Option<Stamp>,
    pub(crate) new: Option<Stamp>,
}

impl Intent {
    /// What it takes in a position row.
    pub(crate) fn bytes(&self) -> usize {
        let stamp = if self.has_rows() { 4 + 4 } else { 4 };
        2 + self.key.len() + 1 + stamp * self.stamps().count()
    }

    fn stamps(&self) -> impl Iterator<Item = Stamp> {
        [self.old, self.new].into_iter().flatten()
    }

    fn has_rows(&self) -> bool {
        self.stamps().any(|stamp| stamp.rows != 1)
    }

    fn put(&self, out: &mut Vec<u8>) {
        let length = u16::try_from(self.key.len()).expect("a key is short");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&self.key);
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        out.push(
            flag(self.old.is_some(), HAS_OLD) | flag(self.new.is_some(), HAS_NEW) | flag(self.has_rows(), HAS_ROWS),
        );
        for stamp in self.stamps() {
            out.extend_from_slice(&stamp.checksum.to_le_bytes());
            if self.has_rows() {
                out.extend_from_slice(&stamp.rows.to_le_bytes());
            }
        }
    }
}

/// What the position row says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Every commit up to this one is in sled as a whole; later ones may be in part.
    pub(crate) commit: u64,
    /// How far the journal in front of it had come: what is behind `commit` stands there alone.
    pub(crate) reached: Reached,
    /// Whether there may be rows of commits that are lost, or damaged ones: a loss was accepted, and they weren't
    /// looked for yet.
    pub(crate) is_unrepaired: bool,
    /// What sled held before the intents.
    pub(crate) contents: Contents,
    pub(crate) intents: Vec<Intent>,
}

impl Position {
    /// The row as it stands in sled.
    pub(crate) fn encode(&self, store: StoreId) -> Slice {
        let mut out = vec![VERSION];
        out.extend_from_slice(&store);
        for number in [self.commit, self.reached.epoch, self.reached.commit] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.reached.line.to_le_bytes());
        out.push(self.is_unrepaired.into());
        let tables = u16::try_from(self.contents.0.len()).expect("a table is one byte");
        out.extend_from_slice(&tables.to_le_bytes());
        for (table, tally) in &self.contents.0 {
            out.push(*table);
            out.extend_from_slice(&tally.rows.to_le_bytes());
            out.extend_from_slice(&tally.sled_rows.to_le_bytes());
            out.extend_from_slice(&tally.hash.to_le_bytes());
        }
        for intent in &self.intents {
            intent.put(&mut out);
        }
        seal(store, POSITION, &out)
    }

    /// What a row says. One of another store is damage.
    pub(crate) fn decode(store: StoreId, stored: &[u8]) -> Result<Self, EngineError> {
        let bytes = unseal(store, POSITION, stored)?;
        Self::read(store, bytes).ok_or_else(|| EngineError::damaged(POSITION, "it is no position"))
    }

    fn read(store: StoreId, bytes: &[u8]) -> Option<Self> {
        let mut bytes = Reader(bytes);
        if bytes.take::<1>()? != [VERSION] || bytes.take()? != store {
            return None;
        }
        let commit = u64::from_le_bytes(bytes.take()?);
        let (epoch, reached) = (u64::from_le_bytes(bytes.take()?), u64::from_le_bytes(bytes.take()?));
        let reached = Reached { epoch, commit: reached, line: u32::from_le_bytes(bytes.take()?) };
        let is_unrepaired = bytes.take::<1>()? != [0];
        let mut position = Self { commit, reached, is_unrepaired, ..Self::default() };
        for _ in 0..u16::from_le_bytes(bytes.take()?) {
            let [table] = bytes.take()?;
            let rows = u64::from_le_bytes(bytes.take()?);
            let sled_rows = u64::from_le_bytes(bytes.take()?);
            let hash = u128::from_le_bytes(bytes.take()?);
            position.contents.0.insert(table, Tally { rows, sled_rows, hash });
        }
        while !bytes.0.is_empty() {
            let length = usize::from(u16::from_le_bytes(bytes.take()?));
            let (key, rest) = bytes.0.split_at_checked(length)?;
            bytes.0 = rest;
            let [flags] = bytes.take()?;
            let mut stamp = |flag| if flags & flag == 0 { Some(None) } else { bytes.stamp(flags).map(Some) };
            let (old, new) = (stamp(HAS_OLD)?, stamp(HAS_NEW)?);
            position.intents.push(Intent { key: key.to_vec(), old, new });
        }
        Some(position)
    }

    /// The contents as they stand, and no intents any more: `stored` says what a row of sled is now. A row that is
    /// neither what it was nor what it was to be is counted as what it was: `verify` finds it.
    pub(crate) fn resolve(
        &mut self,
        layout: Layout,
        mut stored: impl FnMut(&[u8]) -> Result<Option<Slice>, EngineError>,
    ) -> Result<(), EngineError> {
        for intent in std::mem::take(&mut self.intents) {
            let is = stored(&intent.key)?.map(|stored| Stamp::of(layout, &intent.key, &stored));
            if is == intent.new {
                self.contents.change(&intent.key, intent.old, intent.new);
            }
        }
        Ok(())
    }
}

struct Reader<'b>(&'b [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn stamp(&mut self, flags: u8) -> Option<Stamp> {
        let checksum = u32::from_le_bytes(self.take()?);
        let rows = if flags & HAS_ROWS == 0 { 1 } else { u32::from_le_bytes(self.take()?) };
        Some(Stamp { rows, checksum })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_as_it_was_written_and_belongs_to_its_store() {
        let mut position =
            Position { commit: 7, reached: Reached { epoch: 2, commit: 9, line: 8 }, ..Position::default() };
        position.is_unrepaired = true;
        for key in [&[1, 2, 3][..], &[OVERFLOW, 1, 2], &[2]] {
            let (old, new) = (None, Some(Stamp { rows: 3, checksum: 99 }));
            position.contents.change(key, old, new);
            let one = Some(Stamp { rows: 1, checksum: 5 });
            for (old, new) in [(old, new), (new, one), (one, None), (one, one)] {
                position.intents.push(Intent { key: key.to_vec(), old, new });
            }
        }
        assert_eq!(position.contents.of(1).sled_rows, 2);
        let row = position.encode([1; 16]);
        for intent in &position.intents {
            let mut bytes = Vec::new();
            intent.put(&mut bytes);
            assert!(bytes.len() == intent.bytes() && bytes.len() <= intent.key.len() + INTENT_BYTES);
        }
        assert_eq!(Position::decode([1; 16], &row).unwrap(), position);
        assert!(Position::decode([2; 16], &row).is_err());
        for key in [&[1, 2, 3][..], &[OVERFLOW, 1, 2], &[2]] {
            position.contents.change(key, Some(Stamp { rows: 3, checksum: 99 }), None);
        }
        assert_eq!(position.contents, Contents::default());
    }

    #[test]
    fn hashes_of_like_rows_differ_in_about_half_of_their_bits() {
        let mut least = u32::MAX;
        for n in 0_u32..2000 {
            let (key, next) = (n.to_be_bytes(), (n + 1).to_be_bytes());
            for (a, b) in [(hash(&key, 5), hash(&next, 5)), (hash(&key, n), hash(&key, n + 1))] {
                least = least.min((a ^ b).count_ones());
            }
        }
        assert!(least > 30, "{least}");
    }
}
