//! What the store refuses to open, what it backs up, and what it does on a full disk.

use crate::clock::Clock;
use crate::model::{Event, NotificationKey, Seq, Status, Trigger, Verdict, Webhook};
use crate::store::backup::format as backup;
use crate::store::backup::format::check;
use crate::store::backup::live::write_pieces;
use crate::store::engine::disk_space::DiskLevel;
use crate::store::engine::{Base as _, IDENTITY, SledBase};
use crate::store::error::StoreError;
use crate::store::format::FORMAT;
use crate::store::handle::Store;
use crate::store::lifecycle::open::StoreSettings;
use crate::store::lifecycle::restore::restore;
use crate::store::limits::Limits;
use crate::store::schema::record;
use crate::store::tests::rig::{Rig, START, attempt, event, paid, wait, webhook};
use crate::store::updates::StoreUpdate;
use crate::store::{
    ChangeError, CreateAccount, DeleteWebhook, EraseEvent, RecordEvents, Registration, ResendNotification,
};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(super) fn first(event: &Event, webhook: &Webhook) -> NotificationKey {
    NotificationKey { seq: event.seq, webhook: webhook.no }
}

fn settings(path: &Path, clock: &Clock) -> StoreSettings {
    StoreSettings {
        path: path.to_owned(),
        cache_bytes: 8 << 20,
        limits: Limits::default(),
        accept_data_loss: false,
        clock: clock.clone(),
    }
}

fn refused(path: &Path) -> String {
    match Store::open(settings(path, &Clock::manual(START)), |_| {}) {
        Ok(_) => panic!("it opened"),
        Err(error) => error.to_string(),
    }
}

/// A store with a hundred events, closed; its folder.
fn closed() -> (tempfile::TempDir, PathBuf) {
    let rig = Rig::new();
    rig.register(&["*"]);
    for n in 0..100 {
        rig.accept(vec![event("PAYMENT.PAID", &format!(r#"{{"id":"r{n}","pad":"{}"}}"#, "x".repeat(200)))]);
    }
    let path = rig.store.path().to_owned();
    (rig.close(), path)
}

#[test]
fn a_store_that_lost_its_end_its_beginning_or_all_of_it_is_refused_and_told_what_to_do() {
    for damage in ["db cut to nothing", "db gone", "db half gone", "db of another store", "marker torn", "an older db"]
    {
        let (dir, path) = closed();
        let (db, marker) = (path.join("db"), path.join("journal/marker"));
        match damage {
            "db cut to nothing" => std::fs::write(&db, b"").unwrap(),
            "db gone" => std::fs::remove_file(&db).unwrap(),
            "db half gone" => {
                let length = std::fs::metadata(&db).unwrap().len();
                File::options().write(true).open(&db).unwrap().set_len(length / 2).unwrap();
            }
            "db of another store" => {
                let (_other, from) = closed();
                std::fs::copy(from.join("db"), &db).unwrap();
                for snapshot in std::fs::read_dir(&path).unwrap() {
                    let snapshot = snapshot.unwrap().path();
                    if snapshot.file_name().unwrap().to_str().unwrap().starts_with("snap") {
                        std::fs::remove_file(snapshot).unwrap();
                    }
                }
            }
            "marker torn" => std::fs::write(&marker, vec![7; 8192]).unwrap(),
            "half of a copy" => {
                // What a copy that was cut off leaves: the beginning of `db`, and no marker yet.
                std::fs::remove_file(&marker).unwrap();
                let half = std::fs::metadata(&db).unwrap().len() / 2;
                File::options().write(true).open(&db).unwrap().set_len(half).unwrap();
            }
            "all but a token" => {
                std::fs::remove_file(&marker).unwrap();
                std::fs::remove_file(&db).unwrap();
                std::fs::write(path.join("admin-token"), "ctr_x").unwrap();
            }
            _ => {
                // What was there before the last events, as a folder restored by hand would be.
                let copy = dir.path().join("copy");
                std::fs::create_dir(&copy).unwrap();
                for file in std::fs::read_dir(&path).unwrap() {
                    let file = file.unwrap();
                    if file.file_type().unwrap().is_file() {
                        std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
                    }
                }
                let opened = Store::open(settings(&path, &Clock::manual(START)), |_| {}).unwrap();
                let account = wait(opened.store.commit(CreateAccount { name: "main".to_owned() })).unwrap();
                wait(opened.store.commit(RecordEvents { account, events: vec![paid()], key: None })).unwrap();
                // What is erased must not stay in the journal: all of it is moved into sled.
                let first = path.join("journal/00000001.journal");
                assert!(first.exists());
                wait(opened.store.commit(EraseEvent { account, seq: Seq(1), external_id: false })).unwrap();
                let deadline = Instant::now() + Duration::from_secs(30);
                while first.exists() {
                    assert!(Instant::now() < deadline, "the journal keeps what was erased");
                    std::thread::sleep(Duration::from_millis(10));
                }
                wait(opened.store.stop()).unwrap();
                drop(opened.store);
                opened.thread.join().unwrap();
                for file in std::fs::read_dir(&path).unwrap() {
                    let file = file.unwrap();
                    let name = file.file_name().into_string().unwrap();
                    if name.starts_with("snap") || name == "db" {
                        std::fs::remove_file(file.path()).unwrap();
                    }
                }
                for file in std::fs::read_dir(&copy).unwrap() {
                    let file = file.unwrap();
                    std::fs::copy(file.path(), path.join(file.file_name())).unwrap();
                }
            }
        }
        let said = refused(&path);
        assert!(said.contains("carteiro restore FILE"), "{damage}: {said}");
        assert!(refused(&path).contains("carteiro restore FILE"), "{damage}, a second time");
    }
}

#[test]
fn a_store_without_its_marker_is_opened_only_if_told_to() {
    let (_dir, path) = closed();
    std::fs::remove_file(path.join("journal/marker")).unwrap();
    let before = std::fs::read(path.join("db")).unwrap();
    assert!(refused(&path).contains("--accept-data-loss"));
    assert_eq!(std::fs::read(path.join("db")).unwrap(), before, "nothing was touched");
    let accepting = StoreSettings { accept_data_loss: true, ..settings(&path, &Clock::manual(START)) };
    let opened = Store::open(accepting, |_| {}).unwrap();
    assert!(path.join("journal/marker").exists());
    wait(opened.store.stop()).unwrap();
    drop(opened.store);
    opened.thread.join().unwrap();
}

/// No release has written another format than the first yet: an older one is made up here.
#[test]
fn a_store_or_a_backup_of_another_format_is_refused_by_name_and_told_what_to_do() {
    for (format, words) in [
        (FORMAT - 1, ["an older carteiro", "install the one that wrote it"]),
        (FORMAT + 1, ["a newer carteiro", "install the newer one"]),
    ] {
        let (_dir, path) = closed();
        let base = SledBase::open(&path, 1 << 20).unwrap();
        let row = record::FormatV1 { format, id_key: [7; 32], life: [0; 8] };
        base.insert(IDENTITY, record::encode_format(&row).into()).unwrap();
        base.sync().unwrap();
        drop(base);
        let before = std::fs::read(path.join("db")).unwrap();
        let header = backup::Header::new(format, &record::HeadV1::default(), START);
        let file = backup::Writer::new(Vec::new(), &header).unwrap().finish(7).unwrap();
        for said in [refused(&path), check(file.as_slice(), |_| {}).unwrap_err().to_string()] {
            assert!(
                said.contains(&format!("format {format}")) && words.iter().all(|word| said.contains(word)),
                "{said}"
            );
        }
        assert_eq!(std::fs::read(path.join("db")).unwrap(), before, "nothing was touched");
    }
}

// ---- backups ----

pub(super) fn back_up(store: &Store) -> Vec<u8> {
    let pieces = wait(store.backup()).unwrap().expect("no other is under way");
    write_pieces(pieces, Vec::new(), |_| {}).unwrap()
}

fn restored(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let (file, folder) = (dir.path().join("b"), dir.path().join("data"));
    std::fs::write(&file, bytes).unwrap();
    restore(&file, None, &folder, |_, _| {}).unwrap();
    (dir, folder)
}

/// Sleeps a little after every megabyte.
struct Slow(Vec<u8>);
impl io::Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() / 1_000_000 != (self.0.len() + bytes.len()) / 1_000_000 {
            std::thread::sleep(Duration::from_millis(10));
        }
        io::Write::write(&mut self.0, bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_backup_under_load_is_of_one_moment() {
    let rig = Rig::new();
    let webhook = rig.register(&["*"]);
    let big = "y".repeat(40_000);
    for n in 0..300 {
        rig.accept(vec![event("PAYMENT.PAID", &format!(r#"{{"id":"r{n}","pad":"{big}"}}"#))]);
    }
    // The reader of the backup is slow, so that much of it changes behind the committer's back.
    let pieces = wait(rig.store.backup()).unwrap().unwrap();
    assert!(wait(rig.store.backup()).unwrap().is_none(), "one at a time");
    let writer = std::thread::spawn(move || write_pieces(pieces, Slow(Vec::new()), |_| {}).unwrap().0);
    let mut recorded = 0;
    while !writer.is_finished() {
        let new = rig.accept(vec![event("ORDER.PAID", r#"{"id":"new"}"#), event("ORDER.PAID", "{}")]);
        recorded += new.len();
        rig.settle(first(&new[0], &webhook), attempt(Trigger::Automatic, Some(200)), Verdict::Confirmed);
        rig.settle(first(&new[1], &webhook), attempt(Trigger::Automatic, Some(500)), Verdict::RetryAt(START));
        let old = Seq(1 + recorded as u64 % 300);
        wait(rig.store.commit(EraseEvent { account: rig.account, seq: old, external_id: false })).unwrap();
    }
    let bytes = writer.join().unwrap();
    assert!(recorded > 10, "there was load: {recorded}");
    let (_dir, folder) = restored(&bytes);
    let opened = Store::open(settings(&folder, &rig.clock), |_| {}).unwrap();
    let report = opened.store.verify(|_| {});
    assert!(report.is_sound(), "{report}");
    // One moment: a batch of two is there with both or with none.
    let figures = opened.store.stats();
    assert!(figures.events >= 300 && (figures.events - 300).is_multiple_of(2), "{figures:?}");
    assert_eq!(figures.events, figures.notifications);
    wait(opened.store.stop()).unwrap();
    drop(opened.store);
    opened.thread.join().unwrap();
}

#[test]
fn what_is_restored_owes_what_was_owed_and_never_gives_a_number_twice() {
    let rig = Rig::new();
    let webhook = rig.register(&["*"]);
    let events = rig.accept(vec![paid(), paid(), paid()]);
    rig.settle(first(&events[0], &webhook), attempt(Trigger::Automatic, Some(200)), Verdict::Confirmed);
    let bytes = back_up(&rig.store);
    let after = rig.accept(vec![paid()]).remove(0);
    let (_dir, folder) = restored(&bytes);
    let opened = Store::open(settings(&folder, &rig.clock), |_| {}).unwrap();
    let store = opened.store;
    assert_eq!(store.untried_page(rig.account, webhook.no, Seq(0), 9).unwrap(), vec![events[1].seq, events[2].seq]);
    let state = |key| store.notification(rig.account, key).unwrap().unwrap().status(true, false);
    assert_eq!(state(first(&events[0], &webhook)), Status::Delivered);
    let next = wait(store.commit(RecordEvents { account: rig.account, events: vec![paid()], key: None }))
        .unwrap()
        .remove(0)
        .event;
    assert!(next.seq > after.seq);
    let id = |store: &Store, event: &Event| store.notification_id(first(event, &webhook));
    assert_ne!(id(&store, &next), id(&rig.store, &after), "a target would drop it as one it has had");
    assert_eq!(id(&store, &events[1]), id(&rig.store, &events[1]), "what was owed keeps its id");
    assert!(store.verify(|_| {}).is_sound());
    wait(store.stop()).unwrap();
    drop(store);
    opened.thread.join().unwrap();
}

#[test]
fn a_restore_takes_a_whole_backup_and_an_empty_folder_or_nothing() {
    let rig = Rig::new();
    rig.register(&["*"]);
    rig.accept((0..200).map(|n| event("A.B", &format!(r#"{{"id":"{n}"}}"#))).collect());
    let bytes = back_up(&rig.store);
    let dir = tempfile::tempdir().unwrap();
    let (file, folder) = (dir.path().join("b"), dir.path().join("data"));
    let try_it = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        restore(&file, None, &folder, |_, _| {}).unwrap_err().to_string()
    };
    for length in [0, 1, 15, 16, 17, 100, bytes.len() / 2, bytes.len() - 1] {
        assert!(try_it(&bytes[..length]).contains("can't be used"), "cut to {length}");
    }
    let step = bytes.len() / 97;
    for at in (0..bytes.len()).step_by(step) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        assert!(try_it(&flipped).contains("can't be used"), "flipped at {at}");
    }
    assert!(try_it(&[bytes.as_slice(), b"x"].concat()).contains("something follows its end"));
    assert!(!folder.exists(), "nothing was written");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("notes.txt"), "mine").unwrap();
    assert!(try_it(&bytes).contains("not empty"));
    std::fs::remove_file(folder.join("notes.txt")).unwrap();
    // One that was cut off is no store, and is done again from the start.
    std::fs::write(folder.join("restoring"), "").unwrap();
    std::fs::write(folder.join("db"), "half").unwrap();
    assert!(refused(&folder).contains("was cut off"));
    std::fs::write(&file, &bytes).unwrap();
    restore(&file, None, &folder, |_, _| {}).unwrap();
    let opened = Store::open(settings(&folder, &rig.clock), |_| {}).unwrap();
    assert_eq!(opened.store.stats().events, 200);
    wait(opened.store.stop()).unwrap();
}

#[test]
fn no_bytes_make_a_restore_panic_or_take_more_memory_than_they_are() {
    let mut random = 0x9E37_79B9_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for round in 0..2000 {
        let length = usize::try_from(next() % 200).unwrap();
        let mut bytes: Vec<u8> = (0..length).map(|_| next().to_le_bytes()[0]).collect();
        if round % 2 == 0 {
            bytes.splice(0..0, b"CARTEIRO-BACKUP\n\x01\xff\xff\xff\xff".iter().copied());
        }
        assert!(check(bytes.as_slice(), |_| {}).is_err());
    }
}

// ---- progress ----

#[test]
fn a_committer_that_comes_back_no_more_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let waiting = std::sync::Mutex::new(held);
    let opened = Store::open(settings(&dir.path().join("data"), &Clock::System), move |told| {
        if told.iter().any(|told| matches!(told, StoreUpdate::Webhook(_))) {
            // The engine is told on the committer's thread: as good a place to hang as a disk.
            let _ = waiting.lock().unwrap().recv();
        }
    })
    .unwrap();
    let account = wait(opened.store.commit(CreateAccount { name: "main".to_owned() })).unwrap();
    assert!(opened.store.stuck_for() < Duration::from_secs(5));
    let store = opened.store.clone();
    let registering = std::thread::spawn(move || wait(store.commit(Registration::from(webhook(account, &["*"])))));
    let deadline = Instant::now() + Duration::from_secs(30);
    while opened.store.stuck_for() < Duration::from_millis(200) {
        assert!(Instant::now() < deadline, "nobody saw it");
        std::thread::sleep(Duration::from_millis(5));
    }
    release.send(()).unwrap();
    registering.join().unwrap().unwrap();
    wait(opened.store.stop()).unwrap();
    assert_eq!(opened.store.stuck_for(), Duration::ZERO);
}

#[test]
fn a_disk_that_is_almost_full_takes_nothing_new_and_goes_on_when_there_is_room() {
    let rig = Rig::new();
    let webhook = rig.register(&["*"]);
    let recorded = rig.accept(vec![paid()]).remove(0);
    let full = Limits { min_free: u64::MAX, ..Limits::default() };
    rig.store.set_limits(full);
    let accept = || wait(rig.store.commit(RecordEvents { account: rig.account, events: vec![paid()], key: None }));
    assert!(matches!(accept(), Err(ChangeError::Store(StoreError::Full { .. }))));
    assert!(matches!(
        wait(rig.store.commit(ResendNotification {
            account: rig.account,
            key: first(&recorded, &webhook),
            in_flight: None
        })),
        Err(ChangeError::Store(StoreError::Full { .. }))
    ));
    assert!(rig.store.full().is_some() && rig.store.disk_level() == DiskLevel::Critical);
    rig.settle(first(&recorded, &webhook), attempt(Trigger::Automatic, Some(200)), Verdict::Confirmed);
    assert_eq!(
        rig.notification(first(&recorded, &webhook)).status(true, false),
        Status::Delivered,
        "outcomes are kept"
    );
    wait(rig.store.commit(EraseEvent { account: rig.account, seq: recorded.seq, external_id: false })).unwrap();
    rig.store.set_limits(Limits::default());
    assert!(accept().is_ok());
}

// ---- order ----

#[test]
fn one_of_a_resource_has_its_turn_and_the_next_one_when_that_has_ended() {
    let rig = Rig::new();
    let hook = Webhook { ordered: true, ..webhook(rig.account, &["*"]) };
    let hook = wait(rig.store.commit(Registration::from(hook))).unwrap().webhook;
    let of = |resource: &str| event("ORDER.PAID", &format!(r#"{{"id":"{resource}"}}"#));
    // In one batch, and so in one group: the second one's turn depends on what is only staged.
    let events = rig.accept(vec![of("a"), of("a"), of("b"), of("a"), of("a"), paid(), paid()]);
    let key = |n: usize| first(&events[n], &hook);
    let due = || rig.store.untried_page(rig.account, hook.no, Seq(0), 99).unwrap();
    let seqs = |numbers: &[usize]| numbers.iter().map(|n| events[*n].seq).collect::<Vec<_>>();
    assert_eq!(due(), seqs(&[0, 2, 5, 6]), "what has no id waits for nobody");
    let told = rig.told_untried();
    assert_eq!(told, seqs(&[0, 2, 5, 6]));
    // A failure keeps the turn.
    rig.settle(key(0), attempt(Trigger::Automatic, Some(500)), Verdict::RetryAt(START));
    assert_eq!(due(), seqs(&[2, 5, 6]));
    let rig = rig.reopen();
    let due = || rig.store.untried_page(rig.account, hook.no, Seq(0), 99).unwrap();
    assert_eq!(due(), seqs(&[2, 5, 6]));
    let waits_for = |n: usize| rig.store.waits_for(&rig.notification(key(n))).unwrap().map(|event| event.seq);
    assert_eq!((waits_for(3), waits_for(0)), (Some(events[0].seq), None));
    // One that waits, delivered by hand: the turn stays where it is.
    wait(rig.store.commit(ResendNotification { account: rig.account, key: key(3), in_flight: None })).unwrap().unwrap();
    rig.settle(key(3), attempt(Trigger::Manual, Some(200)), Verdict::Confirmed);
    assert_eq!(due(), seqs(&[2, 5, 6]));
    // It has failed for good: the next one's turn. Then erased: the next but the one that is delivered.
    rig.settle(key(0), attempt(Trigger::Automatic, Some(500)), Verdict::Exhausted);
    assert_eq!(due(), seqs(&[1, 2, 5, 6]));
    wait(rig.store.commit(EraseEvent { account: rig.account, seq: events[1].seq, external_id: false })).unwrap();
    assert_eq!(due(), seqs(&[2, 4, 5, 6]));
    rig.check_rows();
    let later = rig.accept(vec![of("a")]).remove(0);
    assert!(rig.notification(first(&later, &hook)).awaits_predecessor);
    // Deleting the webhook cancels what waits as well.
    assert!(wait(rig.store.commit(DeleteWebhook { account: rig.account, id: hook.id })).unwrap());
    rig.finish_jobs();
    assert_eq!(rig.notification(first(&later, &hook)).status(true, false), Status::Cancelled);
    rig.check_rows();
}
