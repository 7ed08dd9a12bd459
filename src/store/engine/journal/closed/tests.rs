use super::*;
use crate::store::engine::journal::disk::MemoryDisk;

fn open(number: u64, first_commit: u64, bytes: u64) -> OpenSegment {
    OpenSegment { number, first_commit, bytes }
}

/// Ten segments of ten commits and a hundred bytes each, from commit 1 on.
fn closed(held_bytes: u64) -> (MemoryDisk, Closed) {
    let disk = MemoryDisk::new();
    let segments: Vec<ClosedSegment> = (0..10)
        .map(|nth| ClosedSegment {
            name: nth.to_string(),
            number: nth,
            first_commit: nth * 10 + 1,
            last_commit: nth * 10 + 10,
            bytes: 100,
        })
        .collect();
    for segment in &segments {
        disk.put(&segment.name, Some(vec![0; 100]));
    }
    let closed = Closed::new(Arc::new(disk.clone()), held_bytes, segments, open(10, 101, 7));
    (disk, closed)
}

#[test]
fn a_segment_goes_once_its_last_commit_is_held_elsewhere() {
    let (disk, closed) = closed(0);
    assert_eq!((closed.first_commit(), closed.bytes()), (1, 1007));
    assert_eq!(closed.retire(9, Keep::Much).unwrap(), 0);
    assert_eq!(closed.retire(10, Keep::Much).unwrap(), 1);
    assert_eq!((closed.first_commit(), closed.bytes()), (11, 907));
    assert_eq!(closed.retire(39, Keep::Much).unwrap(), 2);
    let left = closed.segments();
    assert_eq!(left.iter().map(|segment| &segment.name).collect::<Vec<_>>(), ["3", "4", "5", "6", "7", "8", "9"]);
    // Durable: the folder was synced.
    assert!(disk.cut_power(|_| 0).contents("2").is_none());
    assert_eq!(closed.retire(u64::MAX, Keep::Much).unwrap(), 7);
    assert_eq!((closed.first_commit(), closed.bytes()), (101, 7));
    closed.set_open_bytes(9);
    let segment = ClosedSegment { name: "x".into(), number: 11, first_commit: 101, last_commit: 103, bytes: 50 };
    closed.add(segment, open(12, 104, 8));
    assert_eq!((closed.first_commit(), closed.bytes()), (101, 58));
}

#[test]
fn what_is_held_stays_up_to_the_limit() {
    let (_, closed) = closed(250);
    let (early, late) = (closed.hold(15).unwrap(), closed.hold(45).unwrap());
    assert_eq!(closed.retire(30, Keep::Much).unwrap(), 1);
    assert_eq!(closed.first_commit(), 11);
    assert!(early.check().is_ok());
    // Three segments that only the hold keeps are too many: it is broken, and the later one's are kept.
    assert_eq!(closed.retire(40, Keep::Much).unwrap(), 3);
    assert!(late.check().is_ok());
    let text = early.check().unwrap_err().to_string();
    assert!(text.contains("commit 15") && text.contains("limit"), "{text}");
    assert_eq!(closed.first_commit(), 41);
    // Exactly the limit's worth, and one more.
    assert_eq!(closed.retire(60, Keep::Much).unwrap(), 0);
    assert!(late.check().is_ok());
    assert!(matches!(closed.hold(40), Err(EngineError::Gone { commit: 40, .. })));
    drop(late);
    assert_eq!(closed.retire(60, Keep::Much).unwrap(), 2);
    // The next one that is not there yet can be held.
    let next = closed.hold(101).unwrap();
    assert_eq!(closed.retire(100, Keep::Much).unwrap(), 4);
    assert!(next.check().is_ok());
}

#[test]
fn a_disk_that_is_almost_full_keeps_little_for_holds_and_the_sentence_says_so() {
    let disk = MemoryDisk::new();
    let segment = |nth: u64| ClosedSegment {
        name: nth.to_string(),
        number: nth,
        first_commit: nth + 1,
        last_commit: nth + 1,
        bytes: LITTLE_BYTES / 2,
    };
    let closed = Closed::new(Arc::new(disk.clone()), u64::MAX, (0..4).map(segment), open(4, 5, 7));
    let (early, late) = (closed.hold(1).unwrap(), closed.hold(3).unwrap());
    assert_eq!(closed.retire(4, Keep::Much).unwrap(), 0);
    // Just as much as is kept.
    assert_eq!(closed.retire(2, Keep::Little).unwrap(), 0);
    assert!(early.check().is_ok());
    assert_eq!(closed.retire(4, Keep::Little).unwrap(), 2);
    let text = early.check().unwrap_err().to_string();
    assert!(text.contains("commit 1:") && text.contains("almost full") && text.contains("make room"), "{text}");
    assert!(late.check().is_ok() && closed.first_commit() == 3);
    // Never more than the settings allow.
    assert_eq!((Keep::Little.bytes(5), Keep::Much.bytes(5)), (5, 5));
}
