//! Each rule of `recover` by itself: what is refused with which sentence, what an accepted loss leaves, and
//! what is repaired.

use super::crashes::images;
use super::model::{IDENTITY, Model, Random, settings};
use crate::store::engine::journal::Journal;
use crate::store::engine::journal::disk::{Disk, Fault, MemoryDisk, write_all};
use crate::store::engine::journal::error::{Damage, RecoverError};
use crate::store::engine::journal::frame;
use crate::store::engine::journal::marker::{self, Mark, Marker};
use crate::store::engine::journal::recover::Recovered;
use crate::store::engine::journal::segment::{self, Beginning, Header, Identity, Place, SEAL_BYTES, read_closed};
use crate::store::engine::reached::{Held, Reached};
use std::sync::Arc;

/// Segments 1 (commits 1..=5), 2 (6..=10) and 3 (11..=13), all of it acknowledged.
fn rig() -> (MemoryDisk, Model) {
    let disk = MemoryDisk::new();
    let mut model = Model::new(1 << 20);
    let (mut journal, recovered, _) = model.open(&disk, false).unwrap();
    model.go_on(&recovered);
    for commit in 1..=13 {
        model.append(&mut journal, 2, 20).unwrap();
        model.sync(&mut journal).unwrap();
        if commit % 5 == 0 {
            journal.rotate().unwrap();
        }
    }
    model.sync(&mut journal).unwrap();
    // Whatever was written is durable, the marker too.
    (disk.cut_power(|n| n - 1), model)
}

fn names(disk: &MemoryDisk) -> Vec<(String, Vec<u8>)> {
    let names = disk.list().unwrap();
    names.into_iter().map(|name| (name.clone(), disk.contents(&name).unwrap())).collect()
}

fn header(disk: &MemoryDisk, name: &str) -> Header {
    let Beginning::Header(header) = segment::read_header(&*disk.open(name).unwrap()).unwrap() else { panic!() };
    header
}

/// Where the frame of a commit begins; the end's place for the one after the last.
fn place(disk: &MemoryDisk, name: &str, commit: u64) -> Place {
    let header = header(disk, name);
    let mut place = header.place();
    while place.last + 1 < commit {
        let step = segment::step(&*disk.open(name).unwrap(), &header, &mut place, &mut Vec::new()).unwrap();
        assert!(matches!(step, segment::Step::Frame(_)));
    }
    place
}

/// How far the journal of [`rig`] has come.
fn found(disk: &MemoryDisk) -> Reached {
    Reached { epoch: 1, commit: 13, line: place(disk, THIRD, 14).line }
}

fn flip(disk: &MemoryDisk, name: &str, at: u64) {
    let mut contents = disk.contents(name).unwrap();
    contents[at as usize] ^= 0x10;
    disk.put(name, Some(contents));
}

/// It is refused for this, untouched; and once the loss is accepted, the commits up to `left` are there, the next one
/// has the number after `known`, and the journal goes on without being asked again.
fn refused(disk: &MemoryDisk, model: &Model, damage: &Damage, left: u64, known: u64) {
    let before = names(disk);
    let Err(error) = model.open(disk, false) else { panic!("opened with {damage:?}") };
    let RecoverError::Damage(met) = &error else { panic!("{error}") };
    assert_eq!(met, damage);
    assert_eq!(names(disk), before, "touched");
    let text = error.to_string();
    assert!(text.contains("carteiro restore FILE") && text.contains("--accept-data-loss"), "{text}");

    let position = model.position as usize;
    let expected = &model.appended[position.min(left as usize)..left as usize];
    let whole = disk.kill();
    model.open(&whole, true).unwrap();
    let later = Model { is_unrepaired: true, ..model.clone() };
    let opened = |disk: &MemoryDisk| later.open(disk, false).or_else(|_| later.open(disk, true)).unwrap();
    for call in 0..whole.calls() {
        // Cut off, it is accepted by then, or can be accepted again.
        let cut_off = disk.kill();
        cut_off.fail(call, Fault::Crash);
        assert!(model.open(&cut_off, true).is_err());
        for image in images(&cut_off, 4, &mut Random(call)) {
            // The next start may be cut off too.
            let again = image.kill();
            again.fail(call * 7 % whole.calls(), Fault::Crash);
            let _ = later.open(&again, false).or_else(|_| later.open(&again, true));
            let twice = images(&again, 1, &mut Random(call));
            for image in std::iter::once(image).chain(twice) {
                let (_, recovered, replayed) = opened(&image);
                assert_eq!((recovered.last_commit, &replayed[..]), (known, expected));
            }
        }
    }

    let (mut journal, recovered, replayed) = model.open(disk, true).unwrap();
    assert_eq!(recovered.lost.as_ref(), Some(damage));
    assert_eq!(recovered.last_commit, known);
    assert_eq!(replayed, expected);
    let Recovered { epoch, last_commit: commit, line, .. } = recovered;
    let noted = Model { reached: Reached { epoch, commit, line }, ..model.clone() };
    journal.append(known + 1, 5, &[]).unwrap();
    journal.sync(model.now).unwrap();
    journal.rotate().unwrap();
    journal.append(known + 2, 5, &[]).unwrap();
    journal.sync(model.now).unwrap();
    drop(journal);
    let cut = disk.cut_power(|_| 0);
    let (journal, recovered, replayed) = noted.open(&cut, false).unwrap();
    assert_eq!((recovered.last_commit, &recovered.lost), (known + 2, &None));
    let numbers: Vec<u64> = replayed.iter().map(|frame| frame.commit).collect();
    let expected: Vec<u64> = (model.position + 1..=left).chain([known + 1, known + 2]).collect();
    assert_eq!(numbers, expected);
    let mut closed = journal.closed().segments().into_iter().map(|segment| segment.name);
    assert!(closed.all(|name| read_closed(&cut, &name).unwrap().all(|frame| frame.is_ok())));
}

const FIRST: &str = "00000001.journal";
const SECOND: &str = "00000002.journal";
const THIRD: &str = "00000003.journal";

#[test]
fn a_journal_or_a_marker_that_is_gone() {
    let (disk, model) = rig();
    disk.put(marker::NAME, None);
    refused(&disk, &model, &Damage::MarkerGone, 13, 13);
    let (disk, model) = rig();
    disk.put(marker::NAME, Some(vec![0; 8192]));
    refused(&disk, &model, &Damage::MarkerDamaged, 13, 13);
    let (disk, model) = rig();
    for name in [FIRST, SECOND, THIRD] {
        disk.put(name, None);
    }
    refused(&disk, &model, &Damage::JournalGone, 0, 13);
    let (disk, model) = (MemoryDisk::new(), Model { created: true, ..Model::new(1000) });
    refused(&disk, &model, &Damage::JournalGone, 0, 0);
}

#[test]
fn a_segment_that_is_missing_or_there_twice() {
    for (name, number, left) in [(SECOND, 2, 5), (THIRD, 3, 10)] {
        let (disk, model) = rig();
        disk.put(name, None);
        let named_by = if number == 2 { THIRD } else { SECOND };
        refused(&disk, &model, &Damage::Missing { number, named_by: named_by.into() }, left, 13);
    }
    // The first one: nothing begins at commit 1.
    let (disk, model) = rig();
    disk.put(FIRST, None);
    refused(&disk, &model, &Damage::TooOld { oldest: 6, position: 0 }, 0, 13);
    // And where it isn't needed it isn't missed.
    for position in [5, 7, 13] {
        let (disk, mut model) = rig();
        disk.put(FIRST, None);
        model.position = position;
        let (_, recovered, replayed) = model.open(&disk, false).unwrap();
        model.check(&recovered, &replayed);
    }
    let (disk, model) = rig();
    disk.put("another.journal", disk.contents(SECOND));
    refused(&disk, &model, &Damage::Twice { name: "another.journal".into(), number: 2 }, 13, 13);
    // The marker names one that isn't there, nor is said to have been by anything else.
    let (disk, model) = rig();
    Marker::create(&disk, Mark { store: IDENTITY.store, commit: 13, segment: 4 }).unwrap();
    refused(&disk, &model, &Damage::Missing { number: 4, named_by: marker::NAME.into() }, 13, 13);
}

#[test]
fn a_header_that_is_not_whole_or_not_ours() {
    let (disk, model) = rig();
    flip(&disk, SECOND, 40);
    refused(&disk, &model, &Damage::Header { name: SECOND.into() }, 5, 13);
    let (disk, model) = rig();
    disk.put("00000004.journal", Some(Vec::new()));
    refused(&disk, &model, &Damage::Header { name: "00000004.journal".into() }, 13, 13);
    // Whatever is accepted:
    let (disk, model) = rig();
    let open = |identity, disk: &MemoryDisk| {
        let opened = Journal::open(Arc::new(disk.clone()), identity, settings(1000), Held::at(0), true, |_| Ok(()));
        opened.map(drop).unwrap_err()
    };
    let another = open(Identity { store: [8; 16], ..IDENTITY }, &disk);
    assert!(matches!(another, RecoverError::AnotherStore { .. }), "{another}");
    let later = open(Identity { format: 2, ..IDENTITY }, &disk);
    assert!(matches!(later, RecoverError::Format { found: 1, .. }), "{later}");
    let mut contents = disk.contents(SECOND).unwrap();
    contents[8] = 9;
    disk.put(SECOND, Some(contents.clone()));
    // A version that was damaged is none.
    assert!(matches!(model.open(&disk, false), Err(RecoverError::Damage(Damage::Header { .. }))));
    let end = segment::HEADER_BYTES - 4;
    let crc = crc32fast::hash(&contents[..end]).to_be_bytes();
    contents[end..segment::HEADER_BYTES].copy_from_slice(&crc);
    disk.put(SECOND, Some(contents));
    assert!(matches!(model.open(&disk, true), Err(RecoverError::Format { found: 9, .. })));
}

#[test]
fn a_frame_that_was_durable() {
    // By the successor's header, by the next frame's head, by the marker.
    for (name, commit, marked) in [(SECOND, 8, true), (THIRD, 12, false), (THIRD, 13, true)] {
        for part in [0, 20, frame::HEAD_BYTES as u64 + 3] {
            let (disk, model) = rig();
            if !marked {
                Marker::create(&disk, Mark { store: IDENTITY.store, commit: 3, segment: 1 }).unwrap();
            }
            let at = place(&disk, name, commit).at;
            flip(&disk, name, at + part);
            let known = if marked { 13 } else { 13.max(commit) };
            let damage = match commit {
                13 => Damage::MarkerAhead { found: 12, acknowledged: 13 },
                _ => Damage::Frame { name: name.into(), at, commit },
            };
            refused(&disk, &model, &damage, commit - 1, known);
            let kept = disk.contents(&format!("{name}.lost"));
            assert!(kept.is_some(), "what is cut off is kept");
        }
    }
    // Nothing but itself calls the last one durable: the limit.
    let (disk, model) = rig();
    Marker::create(&disk, Mark { store: IDENTITY.store, commit: 12, segment: 3 }).unwrap();
    flip(&disk, THIRD, place(&disk, THIRD, 13).at + 50);
    let (_, recovered, replayed) = model.open(&disk, false).unwrap();
    model.check_from(12, &recovered, &replayed);
    assert!(recovered.torn_bytes > 0);
}

#[test]
fn rows_that_are_ahead_of_the_journal() {
    let (disk, mut model) = rig();
    model.position = 14;
    let (found, known) = (found(&disk), Reached { epoch: 0, commit: 14, line: 0 });
    refused(&disk, &model, &Damage::Older { found, known }, 13, 14);
}

/// An old copy of the folder, whose marker says the same as it does, beside rows that are newer.
#[test]
fn a_journal_that_has_not_come_as_far_as_it_is_known_to_have() {
    let (old, mut model) = rig();
    let newer = old.kill();
    assert_eq!(model.open(&newer, false).unwrap().1.epoch, 2);
    model.reached = Reached { epoch: 2, commit: 13, line: 0 };
    let found = found(&old);
    refused(&old, &model, &Damage::Older { found, known: model.reached }, 13, 13);
    let (_, recovered, _) = model.open(&newer, false).unwrap();
    assert_eq!((recovered.epoch, recovered.last_commit), (3, 13));
    // Of the same start, and of an earlier moment; with and without rows of that moment.
    for position in [0, 12] {
        let (old, mut model) = rig();
        (model.reached, model.position) = (Reached { epoch: 1, commit: 20, line: 3 }, position);
        refused(&old, &model, &Damage::Older { found: self::found(&old), known: model.reached }, 13, 20);
    }
    // A start that was accepted counts on.
    let (disk, mut model) = rig();
    model.reached = Reached { epoch: 7, commit: 13, line: 0 };
    assert_eq!(model.open(&disk, true).unwrap().1.epoch, 8);
}

/// Two copies of one folder that were both started, and the journal of one beside the rows of the other.
#[test]
fn the_journal_of_a_copy_that_went_its_own_way() {
    let (disk, model) = rig();
    let mut copies = [(disk.kill(), model.clone()), (disk.kill(), model)];
    for (disk, model) in &mut copies {
        let (mut journal, recovered, _) = model.open(disk, false).unwrap();
        model.go_on(&recovered);
        model.append(&mut journal, 3, 10).unwrap();
        model.sync(&mut journal).unwrap();
        model.reached = Reached { epoch: recovered.epoch, commit: 14, line: journal.line() };
        // Later starts of either know the line by what their segments say of those before them.
        for _ in 15..17 {
            drop(journal);
            (journal, ..) = model.open(disk, false).unwrap();
            model.append(&mut journal, 1, 10).unwrap();
            model.sync(&mut journal).unwrap();
        }
    }
    let [(one, own), (other, _)] = &mut copies;
    // Whatever of it is in the rows already.
    for position in [0, 12, 14] {
        own.position = position;
        let (_, recovered, replayed) = own.open(&one.kill(), false).unwrap();
        own.check(&recovered, &replayed);
        refused(&other.kill(), own, &Damage::Apart { commit: 14 }, position, 16);
    }
    // A copy that has lost the commit that is known, and never gives its number again.
    let (disk, model) = rig();
    flip(&disk, SECOND, place(&disk, SECOND, 9).at + 50);
    model.open(&disk, true).unwrap();
    let line = place(&rig().0, THIRD, 12).line ^ 1;
    for commit in [9, 11, 13] {
        let one = Model { reached: Reached { epoch: 1, commit, line }, ..model.clone() };
        let Err(RecoverError::Damage(met)) = one.open(&disk.kill(), false) else { panic!("opened at {commit}") };
        assert_eq!(met, Damage::Apart { commit });
    }
    // Before they went apart, either is a continuation.
    own.reached = Reached { commit: 13, ..own.reached };
    own.reached.line = 0;
    assert_eq!(own.open(&other.kill(), false).unwrap().1.last_commit, 16);
}

#[test]
fn seals_and_headers_that_say_otherwise() {
    // A seal of another last commit.
    let (disk, model) = rig();
    let end = place(&disk, SECOND, 11);
    let forged = Place { last: 11, ..end };
    segment::seal(&*disk.open(SECOND).unwrap(), header(&disk, SECOND).salt, &forged, 3).unwrap();
    refused(&disk, &model, &Damage::Disagrees { name: SECOND.into(), with: "its seal" }, 10, 13);
    // A seal of another successor.
    let (disk, model) = rig();
    let end = place(&disk, SECOND, 11);
    segment::seal(&*disk.open(SECOND).unwrap(), header(&disk, SECOND).salt, &end, 4).unwrap();
    refused(&disk, &model, &Damage::Disagrees { name: SECOND.into(), with: "its seal" }, 10, 13);
    // One that ends before its successor says so.
    let (disk, model) = rig();
    let early = place(&disk, SECOND, 10);
    segment::seal(&*disk.open(SECOND).unwrap(), header(&disk, SECOND).salt, &early, 3).unwrap();
    let with = "its seal together with its successor";
    refused(&disk, &model, &Damage::Disagrees { name: SECOND.into(), with }, 9, 13);
    // A successor of another segment of that number.
    let (disk, model) = rig();
    let old = header(&disk, THIRD);
    let forged = Header { predecessor_crc: old.predecessor_crc ^ 1, ..old };
    disk.remove(THIRD).unwrap();
    segment::begin(&disk, &forged, |_, _| Ok(())).unwrap();
    refused(&disk, &model, &Damage::Disagrees { name: SECOND.into(), with: "the header of its successor" }, 10, 13);
}

#[test]
fn an_interrupted_rotation_is_completed() {
    let (disk, model) = rig();
    // The successor is there and the seal isn't, or half of it; and one that isn't ready.
    let whole = disk.contents(SECOND).unwrap();
    for cut in [1, 10, SEAL_BYTES] {
        disk.put(SECOND, Some(whole[..whole.len() - cut].to_vec()));
        disk.put("00000004.journal.new", Some(vec![1, 2, 3]));
        let image = disk.kill();
        let (journal, recovered, replayed) = model.open(&image, false).unwrap();
        model.check(&recovered, &replayed);
        assert_eq!(image.contents(SECOND).unwrap(), whole);
        model.check_closed(&journal, &image);
    }
}

#[test]
fn names_are_not_authoritative() {
    let (disk, model) = rig();
    for (from, to) in [(FIRST, "x"), (SECOND, FIRST), (THIRD, "00000009.journal"), ("x", "a.journal")] {
        disk.rename(from, to).unwrap();
    }
    let (journal, recovered, replayed) = model.open(&disk, false).unwrap();
    model.check(&recovered, &replayed);
    model.check_closed(&journal, &disk);
    assert_eq!(journal.open_segment().0, 10, "no name is taken twice");
}

#[test]
fn what_is_not_known_to_be_durable_is_copied() {
    let (disk, mut model) = rig();
    let (mut journal, recovered, _) = model.open(&disk, false).unwrap();
    assert_eq!((recovered.copied, recovered.epoch), (0, 2));
    for _ in 0..3 {
        model.append(&mut journal, 1, 9).unwrap();
    }
    drop(journal);
    let old = disk.kill();
    let (journal, recovered, replayed) = model.open(&disk, false).unwrap();
    model.check(&recovered, &replayed);
    assert_eq!((recovered.copied, recovered.last_commit, recovered.epoch), (3, 16, 3));
    model.go_on(&recovered);
    // Durable with its return; the end of the old segment no longer counts.
    let last = journal.closed().segments().pop().unwrap();
    assert_eq!((last.first_commit, last.last_commit), (14, 13));
    assert!(last.bytes < old.contents(&last.name).unwrap().len() as u64);
    let (_, recovered, replayed) = model.open(&disk.cut_power(|_| 0), false).unwrap();
    model.check(&recovered, &replayed);
}

#[test]
fn what_a_replay_refuses_is_refused() {
    let (disk, model) = rig();
    let before = names(&disk);
    let refuse = |_| Err(crate::store::error::EngineError::FailedBefore);
    let opened =
        Journal::open(Arc::new(disk.clone()), IDENTITY, settings(1000), Held::at(model.position), false, refuse)
            .map(drop);
    assert!(matches!(opened, Err(RecoverError::Replay(_))));
    assert_eq!(names(&disk), before);
}

#[test]
fn a_new_journal_takes_no_others_place() {
    let (disk, _) = rig();
    let create = |disk: &MemoryDisk, identity| {
        Journal::create(Arc::new(disk.clone()), identity, settings(1000), 40).map(|(journal, _)| journal)
    };
    assert!(matches!(create(&disk, IDENTITY), Err(RecoverError::NotEmpty { .. })));
    let other = Identity { store: [9; 16], ..IDENTITY };
    assert!(matches!(create(&disk, other), Err(RecoverError::AnotherStore { .. })));
    // After a restore it begins behind the backup; and as long as nobody noted it, it can be made again.
    let disk = MemoryDisk::new();
    for _ in 0..2 {
        assert_eq!(create(&disk, IDENTITY).unwrap().last_commit(), 40);
    }
    let mut journal = create(&disk, IDENTITY).unwrap();
    journal.append(41, 0, &[]).unwrap();
    assert!(matches!(create(&disk, IDENTITY), Err(RecoverError::NotEmpty { .. })));
    let opened = Journal::open(Arc::new(disk), IDENTITY, settings(1000), Held::at(40), false, |_| Ok(()));
    assert_eq!(opened.unwrap().1.last_commit, 41);
}

/// What a customer writes into a payload is no frame.
#[test]
fn a_payload_that_holds_a_journal_is_a_payload() {
    let (disk, mut model) = rig();
    let payload = disk.contents(THIRD).unwrap();
    let (mut journal, recovered, _) = model.open(&disk, false).unwrap();
    model.go_on(&recovered);
    let (commit, number) = (model.appended.len() as u64 + 1, journal.open_segment().0);
    journal.append(commit, 0, &[(b"key".into(), Some(payload.into()))]).unwrap();
    drop(journal);
    // Torn, so that what is behind its beginning is looked through.
    let name = segment::name(number);
    let file = disk.open(&name).unwrap();
    write_all(&*file, &[0xee], header(&disk, &name).place().at + 8).unwrap();
    let (_, recovered, replayed) = model.open(&disk, false).unwrap();
    model.check(&recovered, &replayed);
    assert_eq!(recovered.last_commit, commit - 1);
}
