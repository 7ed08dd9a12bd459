use super::*;
use crate::store::engine::journal::{ClosedSegment, Identity, Journal, MemoryDisk, OpenSegment, Settings};
use crate::store::engine::pace::Pace;
use crate::store::engine::rows::memory::{Call, MemoryBase};
use crate::store::engine::rows::{Limits, MAX_PIECE_ROWS, RowStore, Shape};
use crate::store::engine::tree::{RowWrite, Slice, Tree as _};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(30), "did not come about: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn key(nth: u32) -> Vec<u8> {
    [b"e", &nth.to_be_bytes()[..]].concat()
}

fn row(nth: u32) -> RowWrite {
    (key(nth).as_slice().into(), Some("a row".into()))
}

/// Rows 0 and 8, each in a block of its own.
fn two_blocks() -> (Arc<MemoryBase>, RowStore<Arc<MemoryBase>>) {
    let base = Arc::new(MemoryBase::default());
    let rows = RowStore::open(base.clone(), |_| Some(Shape { bits: 8 + 29 }), [7; 16], Limits::default()).unwrap();
    rows.publish(1, &[row(0), row(8)]).unwrap();
    rows.freeze();
    while !rows.checkpoint_step().unwrap().done {}
    (base, rows)
}

/// Takes ten seconds: as long as it waits until it tries again.
#[test]
fn a_block_that_can_t_be_read_is_logged_once_and_neither_ends_the_process_nor_is_passed_over() {
    let (base, rows) = two_blocks();
    let (block, _) = base.rows().into_iter().find(|(stored, _)| stored[0] == b'e').unwrap();
    base.fail_reads_of(Some(&block));
    rows.publish(2, &[row(1), row(9)]).unwrap();

    let settings = Settings { segment_bytes: 500, held_bytes: 0, random: Box::new(|| 5) };
    let identity = Identity { store: [7; 16], format: 1 };
    let (journal, _) = Journal::create(Arc::new(MemoryDisk::new()), identity, settings, 1).unwrap();
    let engine = Engine { rows, closed: journal.closed().clone(), pace: Pace::default() };
    let log = Log::default();
    let space = Space::asking(|| Ok(u64::MAX), 0);
    std::thread::scope(|scope| {
        let written = log.clone();
        let run = || {
            let subscriber = tracing_subscriber::fmt().with_writer(move || written.clone()).with_ansi(false).finish();
            tracing::subscriber::with_default(subscriber, || run(&engine, &space, |_| "a table"));
        };
        let thread = scope.spawn(run);
        engine.pace.update(|state| state.asked = 2);
        eventually("it is stuck", || engine.pace.wait(Duration::ZERO, |state| state.is_stuck));
        // It is tried again, and again.
        let calls = base.calls();
        eventually("it is tried again", || base.calls() > calls);
        assert!(!thread.is_finished(), "it goes on");
        let said = log.text();
        let lines: Vec<&str> = said.lines().filter(|line| line.contains("ERROR")).collect();
        assert_eq!(lines.len(), 1, "{said}");
        for words in ["can't be moved into sled", "safe in the journal", "Input/output error"] {
            assert!(lines[0].contains(words), "{words}: {said}");
        }
        // Readers see what it couldn't write, and an error where the damage is.
        assert_eq!(engine.rows.get(&key(9)).unwrap().as_deref(), Some(&b"a row"[..]));
        assert!(engine.rows.get(&key(0)).is_err());
        assert_eq!(engine.rows.synced_position(), 1);
        // Once it can be read all gets on as if nothing had been.
        base.fail_reads_of(None);
        engine.pace.update(|state| state.stops = true);
    });
    engine.pace.update(|state| (state.stops, state.asked) = (false, 2));
    std::thread::scope(|scope| {
        scope.spawn(|| run(&engine, &space, |_| "a table"));
        eventually("it is done", || engine.rows.synced_position() == 2);
        engine.pace.update(|state| state.stops = true);
    });
    let layers = engine.rows.layers.read().unwrap();
    assert!(layers.active.is_empty() && layers.frozen.is_none(), "nothing of it is left in memory");
    drop(layers);
    assert_eq!(engine.rows.get(&key(0)).unwrap().as_deref(), Some(&b"a row"[..]));
    assert_eq!(engine.rows.get(&key(1)).unwrap().as_deref(), Some(&b"a row"[..]));
}

type TestEngine = Engine<Arc<MemoryBase>>;

/// One with 400 rows of 4000 bytes above an empty base, and how much memory they take.
fn filled(overlay_bytes: impl FnOnce(u64) -> u64) -> (TestEngine, u64) {
    let rows = |limits| RowStore::open(Arc::new(MemoryBase::default()), |_| None, [7; 16], limits).unwrap();
    let written: Vec<RowWrite> =
        (0..400_u32).map(|nth| (Slice::from(&numbered(nth)[..]), Some(vec![1; 4000].into()))).collect();
    let sized = rows(Limits::default());
    sized.publish(1, &written).unwrap();
    let bytes = sized.bytes_to_move();
    let rows = rows(Limits { overlay_bytes: usize::try_from(overlay_bytes(bytes)).unwrap() });
    rows.publish(1, &written).unwrap();
    let settings = Settings { segment_bytes: 500, held_bytes: 1 << 30, random: Box::new(|| 5) };
    let identity = Identity { store: [7; 16], format: 1 };
    let (journal, _) = Journal::create(Arc::new(MemoryDisk::new()), identity, settings, 1).unwrap();
    (Engine { rows, closed: journal.closed().clone(), pace: Pace::default() }, bytes)
}

fn numbered(nth: u32) -> Vec<u8> {
    [b"k", &nth.to_be_bytes()[..]].concat()
}

/// A disk that has as much room as it is told.
#[derive(Clone, Default)]
struct Room {
    free: Arc<AtomicU64>,
    asked: Arc<AtomicU64>,
}

impl Room {
    fn space(&self) -> Space {
        let room = self.clone();
        let ask = move || {
            room.asked.fetch_add(1, Ordering::SeqCst);
            Ok(room.free.load(Ordering::SeqCst))
        };
        Space::asking(ask, 0)
    }

    fn set(&self, bytes: u64) {
        self.free.store(bytes, Ordering::SeqCst);
    }

    /// Until it has been asked twice, so that what the first answer led to is done.
    fn is_asked_again(&self) {
        let asked = self.asked.load(Ordering::SeqCst);
        eventually("it asks for room", || self.asked.load(Ordering::SeqCst) >= asked + 2);
    }
}

/// Has checkpoints made while a test runs, and says what they log.
fn beside_checkpoints(engine: &TestEngine, space: &Space, test: impl FnOnce(&Log)) {
    struct Stops<'e>(&'e Pace);
    impl Drop for Stops<'_> {
        fn drop(&mut self) {
            self.0.update(|state| state.stops = true);
        }
    }
    let log = Log::default();
    let written = log.clone();
    std::thread::scope(|scope| {
        let _stops = Stops(&engine.pace);
        scope.spawn(|| {
            let subscriber = tracing_subscriber::fmt().with_writer(move || written.clone()).with_ansi(false).finish();
            tracing::subscriber::with_default(subscriber, || run(engine, space, |_| "a table"));
        });
        engine.pace.update(|state| state.asked = 1);
        test(&log);
    });
}

/// Takes some seconds: the disk is asked once a second.
#[test]
fn a_checkpoint_begins_with_room_for_all_of_it_and_each_piece_with_room_for_a_piece() {
    let (engine, bytes) = filled(|_| 8 << 20);
    let (base, room) = (engine.rows.base().clone(), Room::default());
    // A backup keeps what sled has.
    let segment =
        ClosedSegment { name: "kept".to_owned(), number: 0, first_commit: 0, last_commit: 0, bytes: 33 << 20 };
    engine.closed.add(segment, OpenSegment { number: 1, first_commit: 1, bytes: 0 });
    let hold = engine.closed.hold(0).unwrap();
    room.set(ROOM + 4 * bytes - 1);
    let space = room.space();
    beside_checkpoints(&engine, &space, |log| {
        room.is_asked_again();
        assert_eq!(space.lacking(), Some(ROOM + 4 * bytes));
        assert!(engine.pace.wait(Duration::ZERO, |state| state.is_stuck));
        assert!(base.rows().is_empty() && !engine.rows.is_frozen(), "it hasn't begun");
        let gone = hold.check().unwrap_err().to_string();
        assert!(gone.contains("almost full") && engine.closed.segments().is_empty(), "{gone}");
        // The first piece takes the room of the second.
        let taken = room.clone();
        base.watch(Some(Arc::new(move |call| {
            if call == Call::Sync {
                taken.set(ROOM - 1);
            }
        })));
        room.set(ROOM + 4 * bytes);
        eventually("a piece is written", || base.rows().len() > 1);
        room.is_asked_again();
        let (written, rows) = (base.written_bytes(), base.rows().len());
        assert!(rows <= MAX_PIECE_ROWS, "{rows}");
        room.is_asked_again();
        assert_eq!(base.written_bytes(), written, "nothing is written without room");
        assert_eq!(space.lacking(), Some(ROOM));
        assert!(engine.pace.wait(Duration::ZERO, |state| state.is_stuck));
        assert!((0..400).all(|nth| engine.rows.get(&numbered(nth)).unwrap().is_some_and(|value| value.len() == 4000)));
        let said = log.text();
        let lines: Vec<&str> = said.lines().filter(|line| line.contains("ERROR")).collect();
        assert!(lines.len() == 1 && lines[0].contains("no room") && lines[0].contains("make room"), "{said}");
        // What has begun needs no more than a piece's.
        base.watch(None);
        room.set(ROOM);
        eventually("it is done", || engine.rows.synced_position() == 1);
        eventually("nothing is stuck", || engine.pace.wait(Duration::ZERO, |state| !state.is_stuck));
        assert_eq!(space.lacking(), None);
    });
    assert_eq!(base.rows().len(), 400 + 1);
    assert!(engine.rows.verify(|_| {}).unwrap().is_empty());
}

/// Takes some seconds: the disk is asked once a second.
#[test]
fn a_memory_that_is_full_lets_a_checkpoint_begin_with_room_for_a_piece_and_never_with_less() {
    // Not full yet.
    let (engine, bytes) = filled(|bytes| bytes.div_ceil(3));
    assert!((200..300).contains(&engine.rows.pressure()), "{bytes}");
    let room = Room::default();
    room.set(ROOM);
    beside_checkpoints(&engine, &room.space(), |_| room.is_asked_again());
    assert!(engine.rows.base().rows().is_empty());
    // Full.
    let (engine, _) = filled(|bytes| bytes / 4);
    assert!(engine.rows.pressure() >= MAX_PRESSURE);
    let room = Room::default();
    room.set(ROOM - 1);
    beside_checkpoints(&engine, &room.space(), |_| {
        room.is_asked_again();
        assert!(engine.rows.base().rows().is_empty());
        room.set(ROOM);
        eventually("it is done", || engine.rows.synced_position() == 1);
    });
}

#[test]
fn a_damaged_block_is_put_aside_and_logged_with_its_table_and_range_and_what_to_do() {
    let (base, rows) = two_blocks();
    let (block, whole) = base.rows().into_iter().find(|(stored, _)| stored[0] == b'e').unwrap();
    let mut damaged = whole.to_vec();
    damaged[6] ^= 1;
    base.damage(&block, Some(damaged.into()));
    rows.publish(2, &[row(1), row(9)]).unwrap();

    let settings = Settings { segment_bytes: 500, held_bytes: 0, random: Box::new(|| 5) };
    let identity = Identity { store: [7; 16], format: 1 };
    let (journal, _) = Journal::create(Arc::new(MemoryDisk::new()), identity, settings, 1).unwrap();
    let engine = Engine { rows, closed: journal.closed().clone(), pace: Pace::default() };
    let (log, room) = (Log::default(), Room::default());
    room.set(1 << 40);
    std::thread::scope(|scope| {
        let written = log.clone();
        scope.spawn(|| {
            let subscriber = tracing_subscriber::fmt().with_writer(move || written.clone()).with_ansi(false).finish();
            let name_of = |key: &[u8]| if key[0] == b'e' { "rows of e" } else { "others" };
            tracing::subscriber::with_default(subscriber, || run(&engine, &room.space(), name_of));
        });
        engine.pace.update(|state| state.asked = 2);
        eventually("it gets on", || engine.rows.synced_position() == 2);
        engine.pace.update(|state| state.stops = true);
    });
    let said = log.text();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    for words in ["rows of e", "from=6500000000 to=6500000008", "put aside", "carteiro verify", "carteiro restore FILE"]
    {
        assert!(lines[0].contains(words), "{words}: {said}");
    }
    assert!(engine.rows.get(&key(0)).unwrap_err().to_string().contains("put aside"));
    assert_eq!(engine.rows.get(&key(1)).unwrap().as_deref(), Some(&b"a row"[..]));
}
