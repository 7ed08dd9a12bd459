use crate::store::engine::journal::disk::{FolderDisk, MemoryDisk};
use crate::store::engine::journal::segment::read_closed;
use crate::store::engine::journal::*;
use crate::store::engine::tree::Slice;

const IDENTITY: Identity = Identity { store: [7; 16], format: 1 };

fn settings(segment_bytes: u64) -> Settings {
    let mut salt = 0;
    let random = move || {
        salt += 1;
        salt
    };
    Settings { segment_bytes, held_bytes: 0, random: Box::new(random) }
}

fn rows(bytes: usize) -> Vec<RowWrite> {
    vec![("key".into(), Some(Slice::from(vec![1; bytes])))]
}

#[test]
fn on_a_real_folder_too() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(FolderDisk::open(&folder.path().join("journal")).unwrap());
    let (mut journal, recovered) = Journal::create(Arc::clone(&disk), IDENTITY, settings(500), 0).unwrap();
    assert_eq!((recovered.last_commit, recovered.epoch), (0, 1));
    for commit in 1..=20 {
        journal.append(commit, commit * 10, &rows(100)).unwrap();
        assert_eq!(journal.sync(Duration::ZERO).unwrap(), commit);
    }
    assert_eq!(journal.sync_marker_in(Duration::ZERO), Some(Duration::from_secs(1)));
    journal.sync_marker(Duration::from_secs(2)).unwrap();
    assert_eq!(journal.sync_marker_in(Duration::ZERO), None);
    let closed = journal.closed().segments();
    assert_eq!(closed.len(), 6);
    assert_eq!(read_closed(&*disk, &closed[1].name).unwrap().count(), 3);
    drop(journal);
    let mut replayed = Vec::new();
    let replay = |frame: Frame| {
        replayed.push((frame.commit, frame.time_ms, frame.rows == rows(100)));
        Ok(())
    };
    let (journal, recovered) =
        Journal::open(Arc::clone(&disk), IDENTITY, settings(500), Held::at(4), false, replay).unwrap();
    assert_eq!((recovered.last_commit, recovered.epoch, recovered.replayed), (20, 2, 16));
    assert_eq!(replayed, (5..=20).map(|commit| (commit, commit * 10, true)).collect::<Vec<_>>());
    // What was held elsewhere went with the start, the rest goes when it is.
    assert_eq!(journal.closed().first_commit(), 4);
    assert_eq!(journal.closed().retire(20, Keep::Much).unwrap(), 6);
    assert_eq!(disk.list().unwrap(), ["00000008.journal", "marker"]);
}

#[test]
fn what_is_refused_writes_nothing_and_fails_nothing() {
    let disk = MemoryDisk::new();
    let (mut journal, _) = Journal::create(Arc::new(disk.clone()), IDENTITY, settings(1 << 30), 7).unwrap();
    let calls = disk.calls();
    journal.rotate().unwrap();
    for commit in [0, 7, 9] {
        let error = journal.append(commit, 0, &[]).unwrap_err();
        assert!(matches!(error, EngineError::OutOfOrder { expected: 8, got } if got == commit));
    }
    let large = journal.append(8, 0, &rows(frame::MAX_BODY_BYTES)).unwrap_err();
    assert!(matches!(large, EngineError::TooLarge { .. }));
    assert_eq!(journal.sync(Duration::ZERO).unwrap(), 7);
    assert_eq!(disk.calls(), calls);
    journal.append(8, 0, &[]).unwrap();
    assert_eq!((journal.last_commit(), journal.sync(Duration::ZERO).unwrap()), (8, 8));
}

/// The committer's thread has it, the checkpoint's and readers' the closed segments.
#[test]
fn threads_can_have_it() {
    fn sent<T: Send>() {}
    fn shared<T: Send + Sync>() {}
    sent::<Journal>();
    shared::<Closed>();
    shared::<crate::store::engine::journal::closed::Hold>();
}

/// With the commit that finds it full, and the one before that finds room.
#[test]
fn a_segment_is_closed_at_its_limit() {
    let first = (segment::HEADER_BYTES + frame::HEAD_BYTES + frame::CRC_BYTES) as u64;
    for (limit, closed) in [(first, 1), (first + 1, 0)] {
        let (mut journal, _) = Journal::create(Arc::new(MemoryDisk::new()), IDENTITY, settings(limit), 0).unwrap();
        journal.append(1, 0, &[]).unwrap();
        assert_eq!(journal.closed().segments().len(), 0);
        journal.append(2, 0, &[]).unwrap();
        assert_eq!(journal.closed().segments().len(), closed);
    }
}

/// A group of the largest kind takes no second copy of itself.
#[test]
fn a_large_group_is_written_in_pieces() {
    let disk = MemoryDisk::new();
    let (mut journal, _) = Journal::create(Arc::new(disk.clone()), IDENTITY, settings(1 << 30), 0).unwrap();
    let rows: Vec<RowWrite> =
        (0..256_u32).map(|nth| ((&nth.to_be_bytes()).into(), Some(vec![1; 16_384].into()))).collect();
    journal.append(1, 0, &rows).unwrap();
    assert!(journal.piece.capacity() <= 512 * 1024, "{}", journal.piece.capacity());
    journal.sync(Duration::ZERO).unwrap();
    drop(journal);
    let replay = |frame: Frame| {
        assert_eq!(frame.rows, rows);
        Ok(())
    };
    assert_eq!(
        Journal::open(Arc::new(disk), IDENTITY, settings(1 << 30), Held::at(0), false, replay).unwrap().1.replayed,
        1
    );
}

/// The open segment is read up to what was written when it began, and what is damaged in it is named.
#[test]
fn a_check_reads_the_open_segment_too() {
    let disk = MemoryDisk::new();
    let (mut journal, _) = Journal::create(Arc::new(disk.clone()), IDENTITY, settings(1 << 30), 0).unwrap();
    let closed = journal.closed().clone();
    assert_eq!(closed.check(), Vec::<String>::new(), "one without a commit");
    for commit in 1..=3 {
        journal.append(commit, 0, &rows(100)).unwrap();
        assert_eq!(closed.check(), Vec::<String>::new());
    }
    let (name, whole) = (segment::name(1), disk.contents(&segment::name(1)).unwrap());
    // What stands behind it is being written.
    disk.put(&name, Some([&whole[..], b"half of a frame"].concat()));
    assert_eq!(closed.check(), Vec::<String>::new());
    let mut damaged = whole.clone();
    let last = damaged.len() - 50;
    damaged[last] ^= 1;
    for (contents, what) in [
        (damaged, "commit 3 is damaged or missing in 00000001.journal, at byte "),
        (whole[..last].to_vec(), "commit 3 is damaged or missing in 00000001.journal, at byte "),
        (whole[1..].to_vec(), "00000001.journal doesn't begin as a segment does"),
    ] {
        disk.put(&name, Some(contents));
        let findings = closed.check();
        assert!(
            findings.len() == 1 && findings[0].starts_with("the journal: ") && findings[0].contains(what),
            "{findings:?}"
        );
    }
    // Files that nobody has any more.
    disk.put(&name, None);
    assert_eq!(closed.check().len(), 1);
    closed.forget();
    assert_eq!(closed.check(), Vec::<String>::new());
}
