//! What is recorded can't be moved into sled, and memory is bounded: what grows is refused, and the rest goes on.

use crate::clock::Clock;
use crate::model::{
    AccountNo, AttemptResult, Event, NotificationKey, Seq, Status, Trigger, Verdict, WaitReason, Webhook,
};
use crate::store::commit_queue::commit_queue;
use crate::store::committer::Committer;
use crate::store::engine::journal::{Disk as _, Identity, MemoryDisk};
use crate::store::engine::rows::memory::{Call, MemoryBase};
use crate::store::engine::{JournalWriter, Tree as _, Writer as _};
use crate::store::error::StoreError;
use crate::store::format::FORMAT;
use crate::store::handle::{MAX_WAITING_COMMITS, Store};
use crate::store::limits::Limits;
use crate::store::schema::layout::layout;
use crate::store::schema::record::{FormatV1, HeadV1};
use crate::store::schema::table::EVENT;
use crate::store::schema::{keys, record};
use crate::store::state::Shared;
use crate::store::tests::rig::{START, attempt, event, paid, wait, webhook};
use crate::store::{
    ChangeError, CreateAccount, DeleteWebhook, EraseEvent, RecordEvents, RecordOutcome, Registration,
    ResendNotification,
};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long a group waits for room, with some to spare.
const PATIENCE: Duration = Duration::from_secs(10);
/// What may be in memory, both overlays together, with some to spare.
const MOST_BYTES: usize = 40 << 20;

/// A disk below sled that can be made to stand still.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn set_closed(&self, closed: bool) {
        *self.0.0.lock().unwrap() = closed;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |closed| *closed).unwrap());
    }
}

/// A store over files in memory, with threads of its own.
pub(super) struct Busy {
    pub(super) store: Store,
    thread: JoinHandle<()>,
    pub(super) account: AccountNo,
    pressure: Box<dyn Fn() -> usize + Send + Sync>,
    pub(super) base: Arc<MemoryBase>,
    disk: MemoryDisk,
    folder: tempfile::TempDir,
    ask: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Busy {
    pub(super) fn start(base: Arc<MemoryBase>, disk: MemoryDisk) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let format = FormatV1 { format: FORMAT, id_key: [7; 32], life: [0; 8] };
        let identity = Identity { store: format.store_id(), format: FORMAT };
        let opened = JournalWriter::open(base.clone(), Arc::new(disk.clone()), identity, layout, false);
        let (mut writer, _) = opened.unwrap_or_else(|error| panic!("{error:?}"));
        let (tree, engine) = (writer.engine.clone(), writer.engine.clone());
        let pressure = Box::new(move || engine.rows.pressure());
        if !tree.contains(&keys::meta("format")).unwrap() {
            let row = (keys::meta("format").into(), Some(record::encode_format(&format).into()));
            writer.append(writer.last_commit() + 1, 0, vec![row]).unwrap();
            writer.sync(Duration::ZERO).unwrap();
        }
        let head = tree.get(&keys::head()).unwrap();
        let head = head.map_or(HeadV1::default(), |head| record::decode_head(&head).unwrap());
        let clock = Clock::manual(START);
        let shared = Shared::over(tree, &format, &head, folder.path().to_owned(), Limits::default(), clock);
        let (shared, clock) = shared.unwrap();
        let shared = Arc::new(shared);
        let (commits, receiver) = commit_queue();
        writer.start_checkpoints(Arc::clone(&shared.space), |_| "a table").unwrap();
        let engine = writer.engine.clone();
        let ask = Box::new(move || {
            let last = engine.rows.published();
            engine.pace.update(|state| state.asked = last);
            engine.rows.synced_position() >= last
        });
        let mut committer =
            Committer::load(shared.clone(), Box::new(writer), Box::new(|_| {}), &format, clock.as_ref()).unwrap();
        let thread = std::thread::spawn(move || committer.run(&receiver));
        let store = Store { shared, commits, places: Arc::new(Semaphore::new(MAX_WAITING_COMMITS)) };
        let account = wait(store.commit(CreateAccount { name: "main".to_owned() })).unwrap();
        Self { store, thread, account, pressure, base, disk, folder, ask }
    }

    /// One whose checkpoints stand still while the gate is closed.
    fn gated() -> (Self, Gate) {
        let (busy, gate) = (Self::start(Arc::default(), MemoryDisk::new()), Gate::default());
        let passing = gate.clone();
        busy.base.watch(Some(Arc::new(move |call| {
            if call == Call::Sync {
                passing.pass();
            }
        })));
        (busy, gate)
    }

    pub(super) fn stop(self) -> (Arc<MemoryBase>, MemoryDisk) {
        let Self { store, thread, base, disk, folder, .. } = self;
        wait(store.stop()).unwrap();
        drop((store, folder));
        thread.join().unwrap();
        (base, disk.kill())
    }

    pub(super) fn register(&self) -> Arc<Webhook> {
        wait(self.store.commit(Registration::from(webhook(self.account, &["*"])))).unwrap().webhook
    }

    /// Waits until all that is visible is in sled.
    pub(super) fn move_into_sled(&self) {
        eventually("it is in sled", || (self.ask)());
    }

    /// Records about a megabyte at once.
    pub(super) fn record_much(&self) -> Result<Vec<Event>, StoreError> {
        let much = format!(r#"{{"pad":"{}"}}"#, "x".repeat(10_000));
        let events = (0..100).map(|_| event("ORDER.PAID", &much)).collect();
        match wait(self.store.commit(RecordEvents { account: self.account, events, key: None })) {
            Ok(accepted) => Ok(accepted.into_iter().map(|accepted| accepted.event).collect()),
            Err(ChangeError::Store(error)) => Err(error),
            Err(ChangeError::Refused(refusal)) => panic!("{refusal:?}"),
        }
    }

    pub(super) fn record(&self, count: usize) -> Vec<Event> {
        let events = (0..count).map(|_| paid()).collect();
        let accepted = wait(self.store.commit(RecordEvents { account: self.account, events, key: None })).unwrap();
        accepted.into_iter().map(|accepted| accepted.event).collect()
    }

    /// Records until it is refused, and how many events that were: within a bound.
    fn fill(&self) -> u64 {
        let mut recorded = 0;
        loop {
            match self.record_much() {
                Ok(events) => recorded += events.len() as u64,
                Err(StoreError::Busy) => return recorded,
                Err(error) => panic!("{error}"),
            }
            assert!(recorded * 10_000 < MOST_BYTES as u64, "more is taken than may be in memory");
        }
    }

    /// Takes in the outcomes of a few attempts that were in flight, a failed one for each of these notifications.
    fn fail(&self, keys: &[NotificationKey]) {
        let last = keys[keys.len() - 1];
        let attempts = || self.store.notification(self.account, last).unwrap().unwrap().attempts;
        let before = attempts();
        for key in keys {
            self.store.record_outcome(long_answer(self.account, *key));
        }
        eventually("the outcomes are recorded", || attempts() > before);
    }

    fn erase(&self, seq: Seq) {
        wait(self.store.commit(EraseEvent { account: self.account, seq, external_id: false })).unwrap().unwrap();
    }

    pub(super) fn confirm(&self, key: NotificationKey) {
        self.end(key, 200, Verdict::Confirmed, Status::Delivered);
    }

    /// Its last automatic attempt is answered with a 500.
    pub(super) fn exhaust(&self, key: NotificationKey) {
        self.end(key, 500, Verdict::Exhausted, Status::Failed);
    }

    fn end(&self, key: NotificationKey, status: u16, verdict: Verdict, then: Status) {
        self.store.record_outcome(RecordOutcome {
            account: self.account,
            key,
            attempt: attempt(Trigger::Automatic, Some(status)),
            verdict,
            gap: Duration::ZERO,
            requested_at: None,
            webhook_updated_at: START,
        });
        eventually("the outcome is recorded", || self.status(key) == then);
    }

    pub(super) fn status(&self, key: NotificationKey) -> Status {
        self.store.notification(self.account, key).unwrap().unwrap().status(true, false)
    }

    /// What grows is refused at once, and the rest goes on.
    fn is_busy(&self, webhook: &Webhook, pending: &[Event]) {
        let key = |event: &Event| NotificationKey { seq: event.seq, webhook: webhook.no };
        let begun = Instant::now();
        assert!(matches!(self.record_much(), Err(StoreError::Busy)));
        let resend = ResendNotification { account: self.account, key: key(&pending[0]), in_flight: None };
        assert!(matches!(wait(self.store.commit(resend)), Err(ChangeError::Store(StoreError::Busy))));
        self.confirm(key(&pending[0]));
        self.erase(pending[1].seq);
        assert_eq!(self.status(key(&pending[1])), Status::Cancelled);
        assert!(begun.elapsed() < PATIENCE, "nobody waits once it is known: {:?}", begun.elapsed());
    }
}

pub(super) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(40), "did not come about: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Takes ten seconds: as long as a group waits for room.
#[test]
fn what_grows_is_refused_while_sled_s_disk_stands_still_and_taken_once_it_goes_on() {
    let (busy, gate) = Busy::gated();
    let webhook = busy.register();
    let pending = busy.record(8);
    gate.set_closed(true);
    let recorded = 8 + busy.fill();
    assert!(recorded * 10_000 > 8 << 20, "an overlay's worth is taken: {recorded}");
    busy.is_busy(&webhook, &pending);
    wait(busy.store.commit(DeleteWebhook { account: busy.account, id: webhook.id })).unwrap();
    gate.set_closed(false);
    let mut more = 0;
    eventually("it is taken again", || {
        more = busy.record_much().map_or(0, |events| events.len() as u64);
        more > 0
    });
    assert_eq!(busy.store.stats().events, recorded + more, "all that was acknowledged, and nothing that was refused");
    let report = busy.store.verify(|_| {});
    assert!(report.is_sound(), "{report}");
    busy.stop();
}

/// Outcomes that nobody waits for once filled the memory while they weren't durable yet. No checkpoint may take them
/// then, and the committer waited for one before it synced them: ten seconds long, and then it refused what grows.
#[test]
fn outcomes_that_fill_the_memory_are_synced_before_anybody_waits_for_room() {
    let busy = Busy::start(Arc::default(), MemoryDisk::new());
    let webhook = busy.register();
    let events: Vec<Event> = (0..4).flat_map(|_| busy.record(500)).collect();
    for event in &events {
        busy.store.record_outcome(long_answer(busy.account, NotificationKey { seq: event.seq, webhook: webhook.no }));
    }
    let begun = Instant::now();
    busy.record(1);
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    eventually("the outcomes are recorded", || {
        let key = |event: &Event| NotificationKey { seq: event.seq, webhook: webhook.no };
        busy.status(key(&events[1999])) == Status::Retrying
    });
    busy.stop();
}

/// Takes ten seconds: as long as a group waits for room.
#[test]
fn outcomes_are_recorded_while_what_grows_waits_for_room() {
    let (busy, gate) = Busy::gated();
    let webhook = busy.register();
    let pending: Vec<Event> = (0..6).flat_map(|_| busy.record(500)).collect();
    gate.set_closed(true);
    std::thread::scope(|scope| {
        let filling = scope.spawn(|| busy.fill());
        for event in &pending {
            if filling.is_finished() {
                break;
            }
            let begun = Instant::now();
            busy.confirm(NotificationKey { seq: event.seq, webhook: webhook.no });
            assert!(begun.elapsed() < PATIENCE / 2, "an outcome waited for {:?}", begun.elapsed());
        }
    });
    gate.set_closed(false);
    busy.stop();
}

/// An erasure is to be done within seconds, whatever comes between.
#[test]
fn an_erasure_that_a_start_finds_undone_is_done_at_once() {
    let (busy, gate) = Busy::gated();
    let events = busy.record(3);
    busy.move_into_sled();
    gate.set_closed(true);
    busy.erase(events[0].seq);
    let segments = |disk: &MemoryDisk| disk.list().unwrap().len();
    let holds = |disk: &MemoryDisk| {
        let mut files = disk.list().unwrap().into_iter().filter_map(|name| disk.contents(&name));
        files.any(|bytes| bytes.windows(6).any(|window| window == b"wanted"))
    };
    let wanted = event("ORDER.PAID", r#"{"cpf":"wanted"}"#);
    let recorded =
        wait(busy.store.commit(RecordEvents { account: busy.account, events: vec![wanted], key: None })).unwrap();
    busy.erase(recorded[0].event.seq);
    // The machine dies before any checkpoint has done it.
    let (disk, base) = (busy.disk.kill(), Arc::new(MemoryBase::default()));
    assert!(holds(&disk) && segments(&disk) > 2);
    busy.base.rows().into_iter().for_each(|(key, value)| base.damage(&key, Some(value)));
    gate.set_closed(false);
    busy.stop();
    let begun = Instant::now();
    let busy = Busy::start(base, disk);
    eventually("it is done", || !holds(&busy.disk));
    assert!(begun.elapsed() < Duration::from_secs(15), "as soon as before: {:?}", begun.elapsed());
    // And it was done: the next start has nothing to do.
    let (base, disk) = busy.stop();
    assert!(!holds(&disk));
    let busy = Busy::start(base, disk);
    assert!(busy.store.event(busy.account, recorded[0].event.seq).unwrap().unwrap().0.erased_at.is_some());
    busy.stop();
}

/// A failed attempt with ten kilobytes of an answer.
fn long_answer(account: AccountNo, key: NotificationKey) -> RecordOutcome {
    let mut attempt = attempt(Trigger::Automatic, Some(500));
    if let AttemptResult::Response(response) = &mut attempt.result {
        response.body = (0..10_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    }
    RecordOutcome {
        account,
        key,
        attempt,
        verdict: Verdict::RetryAt(START.plus(Duration::from_secs(60))),
        gap: Duration::from_secs(60),
        requested_at: None,
        webhook_updated_at: START,
    }
}

/// Takes ten seconds: as long as a group waits for room.
#[test]
fn beside_a_stuck_checkpoint_background_work_stops_and_then_attempts_do_so_that_memory_is_bounded() {
    let (busy, gate) = Busy::gated();
    // Nobody is subscribed to them: retention may have them at once.
    busy.record(100);
    let (tried, deleted) = (busy.register(), busy.register());
    let pending: Vec<Event> = (0..6).flat_map(|_| busy.record(500)).collect();
    gate.set_closed(true);
    let recorded = 3100 + busy.fill();
    let mut keys = pending.iter().cycle().map(|event| NotificationKey { seq: event.seq, webhook: tried.no });
    let mut fail_some = || {
        let keys: Vec<NotificationKey> = keys.by_ref().take(64).collect();
        busy.fail(&keys);
    };
    let pressure = || (busy.pressure)();
    while pressure() < 200 {
        fail_some();
    }
    busy.store.set_limits(Limits { retention_bytes: Some(1), ..Limits::default() });
    assert!(wait(busy.store.commit(DeleteWebhook { account: busy.account, id: deleted.id })).unwrap());
    let attempted = NotificationKey { seq: pending[2999].seq, webhook: deleted.no };
    while busy.store.holds_attempts().is_none() {
        assert!(pressure() < 430, "attempts go on: {}", pressure());
        fail_some();
    }
    assert_eq!(busy.store.holds_attempts(), Some(WaitReason::MemoryFull));
    assert!(matches!(busy.store.full(), Some(StoreError::Busy)));
    assert_eq!((busy.store.stats().events, busy.status(attempted)), (recorded, Status::Pending));
    // Nobody tries any more, and it stays so, however often the committer goes round.
    assert!((400..450).contains(&pressure()), "{}", pressure());
    for event in &pending[..8] {
        busy.erase(event.seq);
    }
    assert!(pressure() < 450, "{}", pressure());
    assert_eq!((busy.store.stats().events, busy.status(attempted)), (recorded, Status::Pending));
    gate.set_closed(false);
    eventually("attempts may be made", || busy.store.holds_attempts().is_none());
    eventually("retention goes on", || busy.store.stats().events <= recorded - 100);
    eventually("the job goes on", || busy.status(attempted) == Status::Cancelled);
    let report = busy.store.verify(|_| {});
    assert!(report.is_sound(), "{report}");
    busy.stop();
}

#[test]
fn a_block_that_can_t_be_read_makes_no_crash_loop_and_memory_and_journal_stay_bounded() {
    let busy = Busy::start(Arc::default(), MemoryDisk::new());
    let webhook = busy.register();
    let first = busy.record(20);
    // Has what there is moved into sled.
    busy.erase(first[0].seq);
    let last_block = |base: &MemoryBase| base.rows().into_iter().rfind(|(key, _)| key[0] == EVENT);
    eventually("it is in sled", || last_block(&busy.base).is_some());
    eventually("the journal goes", || busy.store.shared.tree.size_on_disk().unwrap() < 60_000);
    let (block, _) = last_block(&busy.base).unwrap();
    busy.base.fail_reads_of(Some(&block));
    // Its block has to be written anew.
    let next = busy.record(1).remove(0);
    assert_eq!(next.seq.0 / 8, first[19].seq.0 / 8);
    let mut recorded = 21 + busy.fill();
    busy.is_busy(&webhook, &first[1..3]);
    let journal = busy.store.shared.tree.size_on_disk().unwrap();
    assert!(journal < MOST_BYTES as u64, "{journal}");
    assert!(busy.store.event(busy.account, first[19].seq).is_err(), "who asks for what stands there gets an error");
    assert!(busy.store.event(busy.account, first[5].seq).unwrap().is_some());

    // A start meets it again, and takes no more than before.
    let (base, disk) = busy.stop();
    let busy = Busy::start(base, disk);
    assert_eq!(busy.store.stats().events, recorded);
    recorded += busy.fill();
    busy.is_busy(&webhook, &first[3..5]);
    assert!(busy.store.shared.tree.size_on_disk().unwrap() < MOST_BYTES as u64);
    // It can be read again.
    busy.base.fail_reads_of(None);
    eventually("it is taken again", || match busy.record_much() {
        Ok(events) => {
            recorded += events.len() as u64;
            true
        }
        Err(_) => false,
    });
    assert_eq!(busy.store.stats().events, recorded);
    eventually("the journal goes", || busy.disk.list().unwrap().len() < 4);
    let report = busy.store.verify(|_| {});
    assert!(report.is_sound(), "{report}");
    busy.stop();
}
