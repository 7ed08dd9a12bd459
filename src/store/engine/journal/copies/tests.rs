use super::*;
use crate::store::engine::journal::disk::MemoryDisk;
use crate::store::engine::journal::{Journal, Keep, Settings};
use crate::store::engine::reached::Held;
use crate::store::engine::tree::Slice;
use std::sync::Arc;
use std::time::Duration;

const IDENTITY: Identity = Identity { store: [7; 16], format: 1 };

fn settings(salt: u64) -> Settings {
    let mut salt = salt;
    let random = move || {
        salt += 1;
        salt
    };
    Settings { segment_bytes: 500, held_bytes: 1 << 20, random: Box::new(random) }
}

fn append(journal: &mut Journal, commits: impl Iterator<Item = u64>) {
    for commit in commits {
        let rows = [("key".into(), Some(Slice::from(vec![u8::try_from(commit).unwrap(); 100])))];
        journal.append(commit, commit * 10, &rows).unwrap();
        journal.sync(Duration::ZERO).unwrap();
    }
}

/// Twenty commits in seven segments, the last of which is open.
fn twenty() -> (MemoryDisk, Journal) {
    let disk = MemoryDisk::new();
    let (mut journal, _) = Journal::create(Arc::new(disk.clone()), IDENTITY, settings(0), 0).unwrap();
    append(&mut journal, 1..=20);
    assert_eq!(segments(&disk).len(), 7);
    (disk, journal)
}

fn segments(disk: &MemoryDisk) -> Vec<String> {
    disk.list().unwrap().into_iter().filter(|name| name.ends_with(ENDING)).collect()
}

/// The commits behind one, how they end, and what the marker says; each is as it was appended.
fn read(disk: &MemoryDisk, after: u64) -> (Vec<u64>, Result<CopiesEnd, CopyError>) {
    let mut commits = Vec::new();
    let copies = match Copies::of(disk, IDENTITY, after) {
        Ok(copies) => copies,
        Err(error) => return (commits, Err(error)),
    };
    let mut frames = copies.frames();
    loop {
        match frames.next() {
            Ok(Some((frame, _))) => {
                assert_eq!(frame.rows[0].1.as_ref().unwrap()[..], [u8::try_from(frame.commit).unwrap(); 100]);
                assert!(frame.time_ms >= frame.commit * 10);
                commits.extend((frame.commit > after).then_some(frame.commit));
            }
            Ok(None) => return (commits, Ok(frames.end.unwrap())),
            Err(error) => return (commits, Err(error)),
        }
    }
}

/// What it says of it.
fn sentence(disk: &MemoryDisk, after: u64) -> String {
    read(disk, after).1.unwrap_err().sentence(Path::new("/kept"))
}

fn open(name: &str, torn_bytes: u64) -> CopiesEnd {
    CopiesEnd::Open { name: name.to_owned(), torn_bytes }
}

#[test]
fn all_behind_a_commit_comes_in_order() {
    let (disk, _journal) = twenty();
    for after in 0..=20 {
        let (commits, end) = read(&disk, after);
        assert_eq!((commits, end.unwrap()), ((after + 1..=20).collect(), open("00000007.journal", 0)), "{after}");
    }
    assert_eq!(Copies::of(&disk, IDENTITY, 3).unwrap().acknowledged, Some(20));
    disk.put(marker::NAME, None);
    assert_eq!(Copies::of(&disk, IDENTITY, 3).unwrap().acknowledged, None);
    // Names count for nothing, and older segments may be missing.
    let files: Vec<_> = segments(&disk).into_iter().map(|name| (disk.contents(&name).unwrap(), name)).collect();
    for (nth, (contents, name)) in files.into_iter().enumerate() {
        disk.put(&name, None);
        disk.put(&format!("{}{ENDING}", 9 - nth), Some(contents).filter(|_| nth > 1));
    }
    assert_eq!(read(&disk, 7).0, (8..=20).collect::<Vec<_>>());
    // Without the open one it ends with a segment that is closed.
    disk.put("3.journal", None);
    let (commits, end) = read(&disk, 7);
    assert_eq!((commits, end.unwrap()), ((8..=18).collect(), CopiesEnd::Closed { successor: 7 }));
}

#[test]
fn a_gap_is_named_and_what_comes_before_it_is_whole() {
    let (whole, _journal) = twenty();
    let names = segments(&whole);
    for (nth, name) in names.iter().enumerate().take(6) {
        let disk = whole.kill();
        disk.put(name, None);
        let (commits, end) = read(&disk, 1);
        let before = nth as u64 * 3;
        assert_eq!(commits, (2..=before).collect::<Vec<_>>(), "{name}");
        if nth == 0 {
            assert!(matches!(end, Err(CopyError::TooLate { oldest: 4, after: 1, .. })), "{end:?}");
            assert_eq!(
                sentence(&disk, 1),
                "the backup is of commit 1, and /kept/00000002.journal begins with commit 4: put the segments with \
                 what is between them beside it, or use a later backup"
            );
        } else {
            let next = &names[nth + 1];
            assert_eq!(
                sentence(&disk, 1),
                format!("segment {} is missing, which /kept/{next} follows: put it beside that one", nth + 1)
            );
        }
        // Nobody needs what lies before the commit.
        assert_eq!(read(&disk, before + 3).0, (before + 4..=20).collect::<Vec<_>>());
    }
}

#[test]
fn what_belongs_to_something_else_is_named() {
    let (disk, _journal) = twenty();
    let other = MemoryDisk::new();
    let theirs = Identity { store: [8; 16], ..IDENTITY };
    drop(Journal::create(Arc::new(other.clone()), theirs, settings(90), 0).unwrap());
    disk.put("x.journal", other.contents("00000001.journal"));
    assert_eq!(
        sentence(&disk, 0),
        "/kept/x.journal belongs to another store than the backup, or to this one before or after a restore: take it \
         away"
    );
    let newer = MemoryDisk::new();
    drop(Journal::create(Arc::new(newer.clone()), Identity { format: 9, ..IDENTITY }, settings(90), 0).unwrap());
    disk.put("x.journal", newer.contents("00000001.journal"));
    assert_eq!(
        sentence(&disk, 0),
        "/kept/x.journal has format 9, which this version doesn't read: use the version that wrote it"
    );
    disk.put("x.journal", disk.contents("00000002.journal"));
    assert_eq!(
        sentence(&disk, 0),
        "/kept/00000002.journal and /kept/x.journal are the same segment: take one of them away"
    );
    disk.put("x.journal", Some(b"notes".to_vec()));
    assert_eq!(
        sentence(&disk, 0),
        "/kept/x.journal doesn't begin as a segment does: copy it again, or take it away if it is none"
    );
    for name in segments(&disk) {
        disk.put(&name, None);
    }
    assert_eq!(
        sentence(&disk, 0),
        "/kept has no segment of a journal, which is a file such as 00000001.journal: name the folder that has them"
    );
}

/// Whatever byte is another one: frames come as they were appended, and none is left out in silence but at the end of
/// the segment that was open.
#[test]
fn a_flipped_byte_never_passes_for_the_end_of_what_was_closed() {
    let (whole, _journal) = twenty();
    for with_the_open_one in [true, false] {
        let whole = whole.kill();
        let mut last = 20;
        if !with_the_open_one {
            whole.put("00000007.journal", None);
            last = 18;
        }
        let (mut refused, mut complete, mut cut) = (0, 0, 0);
        for name in segments(&whole) {
            let contents = whole.contents(&name).unwrap();
            for at in 0..contents.len() {
                let disk = whole.kill();
                let mut flipped = contents.clone();
                flipped[at] ^= 0x40;
                disk.put(&name, Some(flipped));
                let (commits, end) = read(&disk, 0);
                assert!(commits.iter().copied().eq(1..=commits.len() as u64), "{name} {at}: {commits:?}");
                match end {
                    Err(_) => refused += 1,
                    Ok(_) if commits.len() == last => complete += 1,
                    Ok(CopiesEnd::Open { torn_bytes, .. }) => {
                        assert!(name == "00000007.journal" && torn_bytes > 0, "{name} {at}");
                        cut += 1;
                    }
                    Ok(end) => panic!("{name} {at}: {end:?}, {commits:?}"),
                }
            }
        }
        // Seals whose successor is there aren't needed.
        assert!(refused > 2000 && complete > 100 && (cut > 0) == with_the_open_one, "{refused} {complete} {cut}");
    }
}

#[test]
fn a_segment_that_was_cut_off_is_refused_unless_it_is_the_last() {
    let (whole, _journal) = twenty();
    for name in segments(&whole) {
        let contents = whole.contents(&name).unwrap();
        for length in segment::HEADER_BYTES..contents.len() {
            let disk = whole.kill();
            disk.put(&name, Some(contents[..length].to_vec()));
            let (commits, end) = read(&disk, 0);
            assert!(commits.iter().copied().eq(1..=commits.len() as u64), "{name} {length}: {commits:?}");
            if name == "00000007.journal" {
                assert!(matches!(end, Ok(CopiesEnd::Open { .. })), "{end:?}");
            } else {
                assert!(end.is_err() || commits.len() == 20, "{name} {length}: {end:?}");
            }
        }
    }
}

/// A start copies the frames that aren't known to be durable into its own segment: those of the old one, copied before,
/// don't count, and are the same.
#[test]
fn starts_and_accepted_losses_are_followed_as_the_store_followed_them() {
    let (disk, mut journal) = twenty();
    append(&mut journal, 21..=23);
    let before = disk.kill();
    drop(journal);
    let replay = |_| Ok(());
    let open = |disk: &MemoryDisk, salt, accept| {
        Journal::open(Arc::new(disk.clone()), IDENTITY, settings(salt), Held::at(0), accept, replay).unwrap().0
    };
    let mut journal = open(&disk, 100, false);
    append(&mut journal, 24..=30);
    let mixed = disk.kill();
    mixed.put("00000007.journal", before.contents("00000007.journal"));
    mixed.put("00000008.journal", disk.contents("00000008.journal"));
    for disk in [&disk, &mixed] {
        assert_eq!(read(disk, 0).0, (1..=30).collect::<Vec<_>>());
        assert_eq!(read(disk, 22).0, (23..=30).collect::<Vec<_>>());
    }
    // A loss that was accepted: what was behind it stays where it was copied to.
    drop(journal);
    let kept: Vec<(String, Vec<u8>)> =
        segments(&disk).into_iter().map(|name| (name.clone(), disk.contents(&name).unwrap())).collect();
    let mut damaged = disk.contents("00000005.journal").unwrap();
    damaged[300] ^= 1;
    disk.put("00000005.journal", Some(damaged));
    let mut journal = open(&disk, 200, true);
    let first = journal.last_commit() + 1;
    assert!(first > 30, "numbers aren't given again: {first}");
    append(&mut journal, first..=first + 5);
    for (name, contents) in kept {
        if disk.contents(&name).is_none() {
            disk.put(&name, Some(contents));
        }
    }
    let (commits, end) = read(&disk, 4);
    let mut expected: Vec<u64> = (5..=13).collect();
    expected.extend(first..=first + 5);
    end.unwrap();
    assert_eq!(commits, expected);
}

/// A generator of numbers whose sequence a seed gives again.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }
}

/// One who copies closed segments as they come, whatever becomes of the store meanwhile: none ever changes, and
/// together they have every commit. With the folder as a crash has left it they have all that counted for the store.
#[test]
fn copies_of_closed_segments_go_on_over_any_crash() {
    for seed in 0..300 {
        let (mut random, mut salt) = (Random(seed), 0);
        let (mut disk, kept) = (MemoryDisk::new(), MemoryDisk::new());
        let mut journal = Journal::create(Arc::new(disk.clone()), IDENTITY, settings(0), 0).unwrap().0;
        // What each commit wrote, what of it is durable, and what is held elsewhere.
        let (mut written, mut durable, mut position, mut made): (Vec<u64>, _, _, u64) = (Vec::new(), 0, 0, 0);
        let mut shipped = 0;
        for _ in 0..60 {
            match random.below(12) {
                0..6 => {
                    made += 1;
                    written.push(made);
                    let rows = [("key".into(), Some(Slice::from(made.to_be_bytes().repeat(12))))];
                    journal.append(written.len() as u64, made, &rows).unwrap();
                }
                6 | 7 => durable = journal.sync(Duration::ZERO).unwrap(),
                8 => {
                    journal.rotate().unwrap();
                    durable = journal.sync(Duration::ZERO).unwrap();
                }
                9 => {
                    position += random.below(usize::try_from(durable - position).unwrap() + 1) as u64;
                    ship(&disk, &kept, &journal);
                    journal.closed().retire(position, Keep::Much).unwrap();
                }
                end => {
                    ship(&disk, &kept, &journal);
                    drop(journal);
                    disk = if end == 10 { disk.kill() } else { disk.cut_power(|of| random.below(of)) };
                    salt += 1000;
                    let opened = Journal::open(
                        Arc::new(disk.clone()),
                        IDENTITY,
                        settings(salt),
                        Held::at(position),
                        false,
                        |_| Ok(()),
                    );
                    let recovered;
                    (journal, recovered) = opened.unwrap();
                    assert!(recovered.last_commit >= durable, "seed {seed}");
                    written.truncate(usize::try_from(recovered.last_commit).unwrap());
                    durable = recovered.last_commit;
                }
            }
            shipped = shipped.max(ship(&disk, &kept, &journal));
        }
        for after in [0, shipped / 2, shipped] {
            let all = &written[usize::try_from(after).unwrap()..usize::try_from(shipped).unwrap()];
            assert_eq!(values(&kept, after), all, "seed {seed}, behind {after}");
        }
        // The folder as it stands, its open segment among it.
        let both = kept.kill();
        for name in segments(&disk) {
            both.put(&name, disk.contents(&name));
        }
        assert_eq!(values(&both, 0), written, "seed {seed}");
    }
}

/// Copies the segments that are closed; the last commit in them.
fn ship(disk: &MemoryDisk, kept: &MemoryDisk, journal: &Journal) -> u64 {
    let closed = journal.closed().segments();
    for segment in &closed {
        let contents = disk.contents(&segment.name).unwrap();
        match kept.contents(&segment.name) {
            Some(before) => assert_eq!(before, contents, "{} has changed", segment.name),
            None => kept.put(&segment.name, Some(contents)),
        }
    }
    closed.last().map_or(0, |last| last.last_commit)
}

/// What the commits behind one wrote.
fn values(disk: &MemoryDisk, after: u64) -> Vec<u64> {
    if segments(disk).is_empty() {
        return Vec::new();
    }
    let copies = Copies::of(disk, IDENTITY, after).unwrap_or_else(|error| panic!("{error:?}"));
    let (mut frames, mut values) = (copies.frames(), Vec::new());
    while let Some((frame, _)) = frames.next().unwrap_or_else(|error| panic!("{error:?}")) {
        let value = frame.rows[0].1.as_ref().unwrap();
        if frame.commit > after {
            assert_eq!(frame.commit, after + 1 + values.len() as u64);
            values.push(u64::from_be_bytes(value[..8].try_into().unwrap()));
        }
    }
    values
}
