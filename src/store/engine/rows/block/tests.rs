use super::*;
use proptest::prelude::*;

const STORE: StoreId = [7; 16];

fn items(rows: &[(Vec<u8>, Vec<u8>)]) -> Vec<Item<'_>> {
    rows.iter().map(|(inner, value)| Item { inner, value, is_new: true }).collect()
}

fn stored(key: &[u8], rows: &[(Vec<u8>, Vec<u8>)], overflows: bool) -> Slice {
    let items = items(rows);
    encode(STORE, key, &plain_of(&items).0, items.len(), overflows, false)
}

fn rows() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    let key = prop_oneof![
        proptest::collection::vec(0_u8..3, 1..6),
        proptest::collection::vec(any::<u8>(), 1..40),
        (0_u8..4, 120_usize..140).prop_map(|(byte, length)| vec![byte; length]),
    ];
    let value = prop_oneof![
        Just(vec![]),
        proptest::collection::vec(any::<u8>(), 0..20),
        (any::<u8>(), 100_usize..300).prop_map(|(byte, length)| vec![byte; length]),
    ];
    proptest::collection::btree_map(key, value, 0..40).prop_map(|rows| rows.into_iter().collect())
}

proptest! {
    #[test]
    fn a_block_reads_as_it_was_written(rows in rows(), overflows: bool, other: Vec<u8>) {
        let key = b"the block";
        let stored = stored(key, &rows, overflows);
        let block = Block::decode(STORE, key, &stored).unwrap();
        for (inner, value) in &rows {
            prop_assert_eq!(block.get(inner).unwrap(), Some(&value[..]));
        }
        let has_other = rows.iter().any(|(inner, _)| *inner == other);
        prop_assert_eq!(block.get(&other).unwrap().is_some(), has_other);
        prop_assert_eq!(block.overflows, overflows);
        let opened = block.open().unwrap();
        prop_assert_eq!(opened.len(), rows.len());
        for (at, (inner, value)) in rows.iter().enumerate() {
            prop_assert_eq!((opened.key(at), opened.value(at)), (&inner[..], &value[..]));
            prop_assert_eq!(opened.lower_bound(inner), at);
        }
    }

    /// What rows are only taken from always fits, whatever is taken.
    #[test]
    fn a_row_that_goes_makes_no_block_longer(rows in rows(), at: prop::sample::Index) {
        let items = items(&rows);
        let (plain, counted) = plain_of(&items);
        prop_assert!(plain.len() <= counted);
        if !rows.is_empty() {
            let mut fewer = rows.clone();
            fewer.remove(at.index(rows.len()));
            let fewer: Vec<Item<'_>> = fewer.iter().map(|(inner, value)| Item { inner, value, is_new: true }).collect();
            prop_assert!(plain_of(&fewer).1 < counted);
        }
    }

    /// A checksum that is right doesn't have to mean a block of ours: nothing panics, nothing is read beyond its end.
    #[test]
    fn any_bytes_below_a_right_checksum_are_an_error_or_rows(bytes: Vec<u8>, head in 0_u8..64) {
        let key = b"k";
        let bytes = [vec![head], bytes].concat();
        if let Ok(block) = Block::decode(STORE, key, &seal(STORE, key, &bytes)) {
            let _ = block.get(&[1]);
            let _ = block.open();
        }
    }
}

#[test]
fn any_byte_that_is_flipped_is_an_error_that_names_the_block() {
    let rows: Vec<_> = (0..50_u8).map(|n| (vec![1, n], vec![n / 7; usize::from(n)])).collect();
    let key = [0x10, 1, 2, 3];
    for stored in [stored(&key, &rows, false), stored(&key, &rows[..3], true)] {
        assert!(Block::decode(STORE, &key, &stored).is_ok());
        for at in 0..stored.len() {
            for bit in 0..8 {
                let mut damaged = stored.to_vec();
                damaged[at] ^= 1 << bit;
                let error = Block::decode(STORE, &key, &damaged).unwrap_err();
                assert!(error.to_string().contains("10010203"), "{error}");
            }
            assert!(Block::decode(STORE, &key, &stored[..at]).is_err());
        }
        assert!(Block::decode(STORE, &[0x10, 1, 2, 4], &stored).is_err(), "under another key");
        assert!(Block::decode([8; 16], &key, &stored).is_err(), "in another store");
    }
}

#[test]
fn a_claimed_length_is_checked_before_it_is_allocated() {
    let bytes = [VERSION | LZ4, 1, 0, 0xff, 0xff, 0, 0, 0];
    assert!(Block::decode(STORE, b"k", &seal(STORE, b"k", &bytes)).is_err());
}

/// Eight rows of the largest size that a block takes fit, and so do memberships and notifications in the numbers that
/// carteiro's layout puts into one.
#[test]
fn the_blocks_of_the_layout_fit() {
    let of = |count: usize, value: usize| -> Vec<(Vec<u8>, Vec<u8>)> {
        (0..count).map(|n| (u16::try_from(n).unwrap().to_be_bytes().to_vec(), vec![9; value])).collect()
    };
    let counted = |rows: &[(Vec<u8>, Vec<u8>)]| plain_of(&items(rows)).1;
    assert!(counted(&of(8, MAX_IN_BLOCK_BYTES - 2)) <= MAX_PLAIN_BYTES);
    assert!(counted(&of(9, MAX_IN_BLOCK_BYTES - 2)) > MAX_PLAIN_BYTES);
    assert!(counted(&of(128, 180)) <= MAX_PLAIN_BYTES);
    let (plain, _) = plain_of(&items(&of(256, 0)));
    assert!(plain.len() < 600, "a membership is two bytes: {}", plain.len());
}
