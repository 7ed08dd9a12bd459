//! A loss that is accepted in the middle of a checkpoint.

use super::histories::{Random, random_step, seeds};
use super::rig::{Rig, START, wait};
use crate::clock::Clock;
use crate::model::{AccountNo, NotificationKey, Seq, WebhookNo};
use crate::store::CreateAccount;
use crate::store::commit_queue::commit_queue;
use crate::store::committer::Committer;
use crate::store::engine::journal::{Copies, Frame, Identity, Journal, MemoryDisk, Settings};
use crate::store::engine::rows::memory::{Fault, MemoryBase};
use crate::store::engine::{JournalWriter, Limits, RowStore, Tree, Writer as _};
use crate::store::error::StoreError;
use crate::store::format::FORMAT;
use crate::store::handle::{MAX_WAITING_COMMITS, Store};
use crate::store::lifecycle::files::read_head;
use crate::store::lifecycle::{repair, verify};
use crate::store::limits::Limits as StoreLimits;
use crate::store::schema::keys;
use crate::store::schema::layout::layout;
use crate::store::schema::record::{self, FormatV1, HeadV1};
use crate::store::schema::references::References;
use crate::store::schema::table::{
    ACCOUNT, BY_STATE, BY_WEBHOOK, EVENT, HEAD, META, NOTIFICATION, RETRY, TOKEN, TYPE, UNTRIED, WEBHOOK, WEBHOOK_ID,
};
use crate::store::state::Shared;
use crate::store::updates::StoreUpdate;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

const FORMAT_OF_ALL: FormatV1 = FormatV1 { format: FORMAT, id_key: [7; 32], life: [0; 8] };

/// Every commit of a store with a history, and which store that is. It makes no checkpoints: its journal has all.
fn history(seed: u64, steps: usize) -> (Vec<Frame>, FormatV1) {
    let (base, disk, format) = (Arc::new(MemoryBase::default()), MemoryDisk::new(), FORMAT_OF_ALL);
    let opened = JournalWriter::open(base, Arc::new(disk.clone()), identity(&format), layout, false);
    let (mut writer, _) = opened.unwrap_or_else(|error| panic!("{error:?}"));
    let row = (keys::meta("format").into(), Some(record::encode_format(&format).into()));
    writer.append(1, 0, vec![row]).unwrap();
    writer.sync(Duration::ZERO).unwrap();
    let (dir, clock, told) = (tempfile::tempdir().unwrap(), Clock::manual(START), Arc::new(Mutex::new(Vec::new())));
    let (tree, path) = (writer.engine.clone(), dir.path().to_owned());
    let shared = Shared::over(tree, &format, &HeadV1::default(), path, StoreLimits::default(), clock.clone());
    let (shared, _) = shared.unwrap();
    let shared = Arc::new(shared);
    let heard = told.clone();
    let hear = Box::new(move |updates: Vec<StoreUpdate>| heard.lock().unwrap().extend(updates));
    let mut committer = Committer::load(shared.clone(), Box::new(writer), hear, &format, None).unwrap();
    let (commits, receiver) = commit_queue();
    let thread = std::thread::spawn(move || committer.run(&receiver));
    let store = Store { shared, commits, places: Arc::new(Semaphore::new(MAX_WAITING_COMMITS)) };
    let account = wait(store.commit(CreateAccount { name: "main".to_owned() })).unwrap();
    let rig = Rig { dir, store, clock, told, thread, account };

    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    (0..steps).for_each(|_| random_step(&rig, &mut random));
    drop(rig.close());
    let disk = disk.kill();
    let copies = Copies::of(&disk, identity(&format), 0).unwrap();
    let (mut frames, mut found) = (copies.frames(), Vec::new());
    while let Some((frame, _)) = frames.next().unwrap() {
        found.push(frame);
    }
    (found, format)
}

fn identity(format: &FormatV1) -> Identity {
    Identity { store: format.store_id(), format: FORMAT }
}

fn rows_of(base: Arc<MemoryBase>, frames: &[Frame], format: &FormatV1) -> RowStore<Arc<MemoryBase>> {
    let rows = RowStore::open(base, layout, format.store_id(), Limits::default()).unwrap();
    rows.begin().unwrap();
    for frame in frames {
        rows.load(frame.commit, &frame.rows).unwrap();
    }
    rows
}

fn journal_of(frames: &[Frame], format: &FormatV1) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let settings = Settings { segment_bytes: 1 << 20, held_bytes: 0, random: Box::new(|| 7) };
    let (mut journal, _) = Journal::create(Arc::new(disk.clone()), identity(format), settings, 0).unwrap();
    for frame in frames {
        journal.append(frame.commit, frame.time_ms, &frame.rows).unwrap();
    }
    journal.sync(Duration::ZERO).unwrap();
    disk.kill()
}

/// A base that has everything up to `position`, and of a checkpoint of all the rest what it wrote before its call of
/// that number failed; `None` where it has fewer calls.
fn cut_off(frames: &[Frame], format: &FormatV1, position: usize, call: u64, left: usize) -> Option<Arc<MemoryBase>> {
    let base = Arc::new(MemoryBase::default());
    let rows = rows_of(base.clone(), &frames[..position], format);
    rows.set_durable(frames.len() as u64, 0);
    rows.freeze();
    while !rows.checkpoint_step().unwrap().done {}
    for frame in &frames[position..] {
        rows.load(frame.commit, &frame.rows).unwrap();
    }
    rows.freeze();
    base.fail_after(call, Fault::After);
    loop {
        match rows.checkpoint_step() {
            Ok(step) if step.done => return None,
            Ok(_) => {}
            Err(_) => break,
        }
    }
    base.crash(base.unsynced() * left / 2);
    Some(base)
}

type Rows = (BTreeSet<(AccountNo, Seq)>, BTreeSet<NotificationKey>);

/// The events and notifications that there are.
fn kept(tree: &dyn Tree) -> Rows {
    let number = |key: &[u8], at| Seq(keys::u64_at(key, at).unwrap());
    let keys_of = |prefix: &[u8]| tree.scan(prefix).keys().map(|key| key.unwrap().to_vec()).collect::<Vec<_>>();
    let events = keys_of(&keys::all_events()).into_iter();
    let events = events.map(|key| (AccountNo(keys::u32_at(&key, 1).unwrap()), number(&key, 5))).collect();
    let notification = |key: &[u8], webhook, seq| NotificationKey {
        webhook: WebhookNo(keys::u32_at(key, webhook).unwrap()),
        seq: number(key, seq),
    };
    let untried = keys_of(&keys::all_untried()).into_iter().map(|key| notification(&key, 5, 9));
    let recorded = keys_of(&keys::all_notifications()).into_iter().map(|key| notification(&key, 13, 5));
    (events, untried.chain(recorded).collect())
}

type Writer = JournalWriter<Arc<MemoryBase>>;

/// Opens it, and repairs it if that is to be done; whether that changed anything.
fn open(
    base: &Arc<MemoryBase>,
    disk: &MemoryDisk,
    format: &FormatV1,
    accept: bool,
) -> Result<(Writer, bool), StoreError> {
    let opened = JournalWriter::open(base.clone(), Arc::new(disk.clone()), identity(format), layout, accept);
    let (mut writer, _) = opened.map_err(|error| StoreError::Failed(std::io::Error::other(format!("{error:?}"))))?;
    let mut changed = false;
    if writer.is_unrepaired() {
        let mut head = read_head(&*writer.engine)?;
        let repaired = repair::after_loss(&mut writer, &References::new(&format.id_key), &mut head)?;
        assert_eq!(repaired.unreadable, 0);
        changed = repaired.mended > 0 || !repaired.dropped.is_empty();
    }
    Ok((writer, changed))
}

/// All rows agree, the counts are right, and what both sides of the loss have is there.
fn check(writer: &Writer, format: &FormatV1, before: &Rows, after: &Rows) {
    let tree = &*writer.engine;
    let report = verify::verify(tree, &References::new(&format.id_key), Seq(u64::MAX), |_| {});
    assert!(report.is_sound(), "{report}");
    let (events, notifications) = kept(tree);
    // All of it may have been moved but for the position row, and nothing of the journal counts behind that: then
    // nothing is lost.
    let is_whole = (&events, &notifications) == (&after.0, &after.1);
    assert!(events.is_subset(&before.0) || is_whole, "events that are lost are there");
    assert!(before.0.intersection(&after.0).all(|event| events.contains(event)), "events are gone that aren't lost");
    let wanted = before.1.intersection(&after.1).filter(|key| events.iter().any(|(_, seq)| *seq == key.seq));
    assert!(wanted.into_iter().all(|key| notifications.contains(key)), "notifications are gone that aren't lost");
    let head = record::decode_head(&tree.get(&keys::head()).unwrap().unwrap()).unwrap();
    assert_eq!((head.events, head.notifications), (events.len() as u64, notifications.len() as u64));
    assert!(head.seq > after.0.iter().map(|(_, seq)| seq.0).max().unwrap_or(0), "no number is given twice");
    assert!(!writer.is_unrepaired());
}

#[test]
fn a_loss_that_is_accepted_in_the_middle_of_a_checkpoint_leaves_rows_that_agree() {
    let (mut repaired, mut changed, mut cut_off_repairs) = (0, 0, 0);
    for seed in seeds(1) {
        let (frames, format) = history(seed, 90);
        let mut random = Random(seed + 77);
        let kept_at = |commit: usize| kept(&rows_of(Arc::default(), &frames[..commit], &format));
        let after = kept_at(frames.len());
        for round in 1..6 {
            let position = frames.len() * round / 7;
            // The last commit that is left; that of the position now and then.
            let last = position + random.below(2) * random.below(frames.len() - position);
            let (before, disk) = (kept_at(last), journal_of(&frames[..last], &format));
            // Every seventh call, another one for each seed.
            for call in (seed % 7..).step_by(7) {
                let Some(base) = cut_off(&frames, &format, position, call, random.below(3)) else { break };
                let disk = disk.kill();
                let told = format!("seed {seed}, position {position}, last {last}, call {call}");
                let result = std::panic::catch_unwind(|| {
                    // Now and then the repair is cut off too, and done by the next start, which accepts nothing.
                    let mut random = Random(seed * 1000 + call + 1);
                    if random.below(3) == 0 {
                        base.fail_after(random.below(400) as u64, Fault::Before);
                        let _ = open(&base, &disk, &format, true);
                        if !base.fail_no_more() {
                            base.crash(random.below(base.unsynced() + 1));
                            let disk = disk.kill();
                            let writer = open(&base, &disk, &format, false);
                            let (writer, _) = writer.or_else(|_| open(&base, &disk, &format, true)).unwrap();
                            check(&writer, &format, &before, &after);
                            return (true, false);
                        }
                        return (false, false);
                    }
                    let (writer, changed) = open(&base, &disk, &format, true).unwrap();
                    check(&writer, &format, &before, &after);
                    (false, changed)
                });
                let Ok((was_cut_off, has_changed)) = result else { panic!("{told}") };
                repaired += 1;
                changed += u64::from(has_changed);
                cut_off_repairs += u64::from(was_cut_off);
            }
        }
    }
    println!("{repaired} repairs, {changed} changed something, {cut_off_repairs} were cut off");
    assert!(repaired > 50 && changed > 20 && cut_off_repairs > 10);
}

/// Damages a row of sled, one way or another.
fn damage(base: &MemoryBase, key: &[u8], stored: &[u8], random: &mut Random) {
    let mut damaged = stored.to_vec();
    let at = random.below(damaged.len());
    match random.below(4) {
        0 => return base.damage(key, None),
        1 => damaged.truncate(at),
        _ => damaged[at] ^= 1 << random.below(8),
    }
    base.damage(key, Some(damaged.into()));
}

#[test]
fn damage_that_is_accepted_is_given_up_and_the_rest_agrees() {
    let (mut lost, mut put_aside, mut refused, mut cut_off) = (0, 0, 0, 0);
    for seed in seeds(1) {
        let (frames, format) = history(seed, 90);
        let all = kept(&rows_of(Arc::default(), &frames, &format));
        for round in 0..60 {
            let mut random = Random(seed * 1000 + round + 1);
            let position = frames.len() / 2 + random.below(frames.len() / 2 + 1);
            let base = Arc::new(MemoryBase::default());
            let rows = rows_of(base.clone(), &frames[..position], &format);
            rows.freeze();
            while !rows.checkpoint_step().unwrap().done {}
            let stored: Vec<_> = base.rows().into_iter().filter(|(key, _)| key[0] != 0xff).collect();
            let mut damaged = BTreeSet::new();
            for _ in 0..=random.below(4) {
                let (key, stored) = &stored[random.below(stored.len())];
                damage(&base, key, stored, &mut random);
                damaged.insert(key[0]);
            }
            let mut disk = journal_of(&frames, &format);
            // Now and then a checkpoint meets it first.
            if random.below(2) == 0 {
                let rows = rows_of(base.clone(), &[], &format);
                frames[position..].iter().for_each(|frame| rows.load(frame.commit, &frame.rows).unwrap());
                rows.freeze();
                while let Ok(step) = rows.checkpoint_step() {
                    put_aside += step.put_aside.len();
                    if step.done {
                        break;
                    }
                }
            }
            let told = format!("seed {seed}, round {round}, damaged {damaged:02x?}");
            let is_cut_off = random.below(4) == 0;
            if is_cut_off {
                base.fail_after(random.below(300) as u64, Fault::Before);
                let _ = open(&base, &disk, &format, true);
                if !base.fail_no_more() {
                    base.crash(random.below(base.unsynced() + 1));
                    cut_off += 1;
                }
                disk = disk.kill();
            }
            match open(&base, &disk, &format, true) {
                Ok((writer, _)) => {
                    let tree = &*writer.engine;
                    let report = verify::verify(tree, &References::new(&format.id_key), Seq(u64::MAX), |_| {});
                    assert!(report.is_sound(), "{told}: {report}");
                    let left = kept(tree);
                    assert!(left.0.is_subset(&all.0) && left.1.is_subset(&all.1), "{told}");
                    // Each damage takes a block of eight events at most.
                    let gone = all.0.len() - left.0.len();
                    assert!(gone <= 5 * 8, "{told}: {gone} of {} events are gone", all.0.len());
                    lost += gone;
                    let head = record::decode_head(&tree.get(&keys::head()).unwrap().unwrap()).unwrap();
                    assert_eq!((head.events, head.notifications), (left.0.len() as u64, left.1.len() as u64), "{told}");
                    assert!(!writer.is_unrepaired());
                }
                // Nothing could be made of the rest.
                Err(error) => {
                    let reason = error.to_string();
                    assert!(damaged.iter().any(|table| [META, ACCOUNT, HEAD].contains(table)), "{told}: {reason}");
                    refused += 1;
                }
            }
        }
    }
    println!("{lost} events lost, {put_aside} blocks put aside before, {refused} refused, {cut_off} cut off");
    assert!(lost > 20 && put_aside > 5 && refused > 0 && cut_off > 3);
}

#[test]
fn a_page_that_sled_cannot_read_is_passed_over_and_the_store_starts_then_and_later() {
    let (frames, format) = history(3, 60);
    let whole = rows_of(Arc::default(), &frames, &format);
    whole.freeze();
    while !whole.checkpoint_step().unwrap().done {}
    let whole = whole.into_base().rows();
    for table in [TOKEN, WEBHOOK, WEBHOOK_ID, EVENT, TYPE, NOTIFICATION, BY_WEBHOOK, UNTRIED, RETRY, BY_STATE] {
        let Some((key, _)) = whole.iter().find(|(key, _)| key[0] == table) else { continue };
        let base = Arc::new(MemoryBase::default());
        for (key, value) in &whole {
            base.damage(key, Some(value.clone()));
        }
        base.corrupt(key);
        let disk = journal_of(&frames[..frames.len() - 5], &format);
        // The loss is accepted once; the second start is one like any other.
        for (accept, was_unrepaired) in [(true, true), (false, false)] {
            let opened =
                JournalWriter::open(base.clone(), Arc::new(disk.clone()), identity(&format), layout, accept).unwrap();
            let mut writer = opened.0;
            assert_eq!(writer.is_unrepaired(), was_unrepaired);
            if was_unrepaired {
                let mut head = read_head(&*writer.engine).unwrap();
                let repaired = repair::after_loss(&mut writer, &References::new(&format.id_key), &mut head);
                assert!(repaired.unwrap().unreadable > 0, "{table:#04x}");
                assert!(!writer.is_unrepaired());
            }
        }
    }
}
