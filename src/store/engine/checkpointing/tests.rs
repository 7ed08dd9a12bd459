use super::*;
use crate::store::engine::journal::{Identity, Journal, MemoryDisk, Settings};
use crate::store::engine::pace::Pace;
use crate::store::engine::rows::memory::MemoryBase;
use crate::store::engine::rows::{Limits, RowStore, Shape};
use crate::store::engine::tree::Tree as _;
use std::io;
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

/// Takes ten seconds: as long as it waits until it tries again.
#[test]
fn a_block_that_can_t_be_read_is_logged_once_and_neither_ends_the_process_nor_is_passed_over() {
    let base = Arc::new(MemoryBase::default());
    let rows = RowStore::open(base.clone(), |_| Some(Shape { bits: 8 + 29 }), [7; 16], Limits::default()).unwrap();
    let key = |nth: u32| [b"e", &nth.to_be_bytes()[..]].concat();
    let row = |nth| (key(nth).as_slice().into(), Some("a row".into()));
    rows.publish(1, &[row(0), row(8)]).unwrap();
    rows.freeze();
    while !rows.checkpoint_step().unwrap().done {}
    let (block, whole) = base.rows().into_iter().find(|(stored, _)| stored[0] == b'e').unwrap();
    let mut damaged = whole.to_vec();
    damaged[3] ^= 1;
    base.damage(&block, Some(damaged.into()));
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
            tracing::subscriber::with_default(subscriber, || run(&engine, &space));
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
        for words in [
            "can't be moved into sled",
            "safe in the journal",
            "is damaged",
            "carteiro verify",
            "carteiro restore FILE",
        ] {
            assert!(lines[0].contains(words), "{words}: {said}");
        }
        // Readers see what it couldn't write, and an error where the damage is.
        assert_eq!(engine.rows.get(&key(9)).unwrap().as_deref(), Some(&b"a row"[..]));
        assert!(engine.rows.get(&key(0)).is_err());
        assert_eq!(engine.rows.synced_position(), 1);
        // Once it can be read all gets on as if nothing had been.
        base.damage(&block, Some(whole.clone()));
        engine.pace.update(|state| state.stops = true);
    });
    engine.pace.update(|state| (state.stops, state.asked) = (false, 2));
    std::thread::scope(|scope| {
        scope.spawn(|| run(&engine, &space));
        eventually("it is done", || engine.rows.synced_position() == 2);
        engine.pace.update(|state| state.stops = true);
    });
    let layers = engine.rows.layers.read().unwrap();
    assert!(layers.active.is_empty() && layers.frozen.is_none(), "nothing of it is left in memory");
    drop(layers);
    assert_eq!(engine.rows.get(&key(0)).unwrap().as_deref(), Some(&b"a row"[..]));
    assert_eq!(engine.rows.get(&key(1)).unwrap().as_deref(), Some(&b"a row"[..]));
}
