use super::*;
use crate::store::engine::journal::disk::MemoryDisk;

const MARK: Mark = Mark { store: [7; 16], commit: 41, segment: 3 };

#[test]
fn says_what_was_written_last_and_outlives_one_torn_slot() {
    let disk = MemoryDisk::new();
    assert_eq!(read(&disk).unwrap(), Found::Nothing);
    let mut marker = Marker::create(&disk, MARK).unwrap();
    assert!(matches!(read(&disk).unwrap(), Found::Mark(MARK, _)));
    for commit in 42..50 {
        marker.move_to(commit, 3, Duration::ZERO).unwrap();
        let Found::Mark(mark, _) = read(&disk).unwrap() else { panic!("it is there") };
        assert_eq!(mark, Mark { commit, ..MARK });
    }
    // Not synced yet, and a power cut may take all of it; then none.
    assert!(matches!(read(&disk.cut_power(|_| 0)).unwrap(), Found::Mark(MARK, _)));
    assert_eq!(marker.sync_in(Duration::ZERO), Some(SYNC_EVERY));
    assert!(marker.sync_due(SYNC_EVERY).unwrap());
    assert_eq!(marker.sync_in(Duration::MAX), None);
    assert!(!marker.sync_due(Duration::MAX).unwrap());
    // Either slot alone is enough, and one commit behind at worst.
    let whole = disk.cut_power(|_| 0).contents(NAME).unwrap();
    for slot in 0..2 {
        let mut torn = whole.clone();
        torn[slot * SLOT_BYTES + 26] ^= 1;
        disk.put(NAME, Some(torn));
        let Found::Mark(mark, held) = read(&disk).unwrap() else { panic!("one slot holds") };
        assert!(mark.commit >= 48 && held != slot);
        // Taken up, both hold again.
        Marker::open(&disk, mark, held).unwrap();
        let contents = disk.contents(NAME).unwrap();
        assert_eq!(contents[..SLOT_BYTES], contents[SLOT_BYTES..]);
    }
    for damaged in [vec![0; 8192], Vec::new()] {
        disk.put(NAME, Some(damaged));
        assert_eq!(read(&disk).unwrap(), Found::Damaged);
    }
}

/// The bytes are part of the file format.
#[test]
fn golden_bytes() {
    let hex = crate::store::engine::journal::tests::hex(&encode(MARK)[..USED_BYTES - 4]);
    assert_eq!(hex, format!("636172746569726f02{}00000000000000290000000000000003", "07".repeat(16)));
    assert_eq!(decode(&encode(MARK)), Some(MARK));
}
