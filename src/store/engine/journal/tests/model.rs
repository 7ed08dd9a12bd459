//! What a journal must be like: a list of frames, and how many of them were acknowledged.

use crate::store::engine::journal::closed::Hold;
use crate::store::engine::journal::disk::{Disk, MemoryDisk};
use crate::store::engine::journal::error::RecoverError;
use crate::store::engine::journal::frame::Frame;
use crate::store::engine::journal::recover::Recovered;
use crate::store::engine::journal::segment::{Identity, read_closed};
use crate::store::engine::journal::{Journal, Keep, Settings};
use crate::store::engine::reached::{Held, Reached};
use crate::store::error::EngineError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(super) const IDENTITY: Identity = Identity { store: [7; 16], format: 1 };

/// Numbers that a seed repeats.
#[derive(Clone)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    #[allow(clippy::cast_possible_truncation, reason = "small numbers")]
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// How many times a journal was opened, and refused.
pub(super) static OPENED: AtomicU64 = AtomicU64::new(0);
pub(super) static REFUSED: AtomicU64 = AtomicU64::new(0);

pub(super) fn settings(segment_bytes: u64) -> Settings {
    static SALTS: AtomicU64 = AtomicU64::new(1);
    let random = || Random(SALTS.fetch_add(1, Ordering::Relaxed)).next();
    Settings { segment_bytes, held_bytes: 4000, random: Box::new(random) }
}

/// What a store knows besides its journal.
#[derive(Clone, Default)]
pub(super) struct Model {
    /// The frames that were appended, the first being commit 1.
    pub(super) appended: Vec<Frame>,
    /// The last commit that was acknowledged.
    pub(super) acknowledged: u64,
    /// The last commit whose rows are held elsewhere.
    pub(super) position: u64,
    /// How far the journal is known to have come.
    pub(super) reached: Reached,
    /// Whether a loss was accepted, and not seen to.
    pub(super) is_unrepaired: bool,
    /// Whether it is noted that there is a journal.
    pub(super) created: bool,
    pub(super) now: Duration,
    pub(super) segment_bytes: u64,
    pub(super) made: u64,
}

impl Model {
    pub(super) fn new(segment_bytes: u64) -> Self {
        Self { segment_bytes, ..Self::default() }
    }

    /// Opens the journal, or makes it; what was replayed, too.
    pub(super) fn open(
        &self,
        disk: &MemoryDisk,
        accept: bool,
    ) -> Result<(Journal, Recovered, Vec<Frame>), RecoverError> {
        let (disk, settings) = (Arc::new(disk.clone()), settings(self.segment_bytes));
        let mut replayed = Vec::new();
        let opened = if self.created {
            let held = Held { is_unrepaired: self.is_unrepaired, ..Held::new(self.position, self.reached) };
            Journal::open(disk, IDENTITY, settings, held, accept, |frame| {
                replayed.push(frame);
                Ok(())
            })
        } else {
            Journal::create(disk, IDENTITY, settings, 0)
        };
        match opened {
            Ok(_) => OPENED.fetch_add(1, Ordering::Relaxed),
            Err(_) => REFUSED.fetch_add(1, Ordering::Relaxed),
        };
        opened.map(|(journal, recovered)| (journal, recovered, replayed))
    }

    /// Whether what was replayed is what must be: all that was acknowledged, in order, and nothing that wasn't
    /// appended.
    pub(super) fn check(&self, recovered: &Recovered, replayed: &[Frame]) {
        self.check_from(self.acknowledged, recovered, replayed);
    }

    /// The same where no more than this must be there.
    pub(super) fn check_from(&self, least: u64, recovered: &Recovered, replayed: &[Frame]) {
        let last = recovered.last_commit;
        assert!(last >= least, "{last} is left of {least} acknowledged");
        assert!(last as usize <= self.appended.len(), "{last} of {} appended", self.appended.len());
        assert!(replayed == &self.appended[self.position as usize..last as usize], "others than those appended");
        assert_eq!(recovered.replayed, last - self.position);
    }

    /// Goes on from what was recovered.
    pub(super) fn go_on(&mut self, recovered: &Recovered) {
        self.created = true;
        self.appended.truncate(recovered.last_commit as usize);
        self.acknowledged = recovered.last_commit;
    }

    pub(super) fn append(&mut self, journal: &mut Journal, rows: usize, bytes: usize) -> Result<(), EngineError> {
        self.made += 1;
        let row = |nth: usize| {
            let key = format!("{}/{nth}", self.made);
            let value = (nth % 3 != 2).then(|| vec![nth as u8; bytes].into());
            (key.as_bytes().into(), value)
        };
        let commit = self.appended.len() as u64 + 1;
        let frame = Frame { commit, time_ms: 1_000_000 + self.made, rows: (0..rows).map(row).collect() };
        // Before it is written: a crash may leave it.
        self.appended.push(frame.clone());
        journal.append(commit, frame.time_ms, &frame.rows)
    }

    pub(super) fn sync(&mut self, journal: &mut Journal) -> Result<(), EngineError> {
        self.acknowledged = journal.sync(self.now)?;
        assert_eq!(self.acknowledged as usize, self.appended.len());
        journal.sync_marker(self.now)
    }

    /// Does something with an open journal.
    pub(super) fn act(
        &mut self,
        journal: &mut Journal,
        holds: &mut Vec<Hold>,
        random: &mut Random,
    ) -> Result<(), EngineError> {
        match random.below(20) {
            0..=8 => {
                let bytes = [0, 10, 100, 700, 5000][random.below(5)];
                self.append(journal, random.below(4), bytes)
            }
            9..=14 => {
                self.now += Duration::from_millis(random.next() % 700);
                self.sync(journal)
            }
            15 => journal.rotate(),
            16 | 17 => {
                // A checkpoint takes what is durable, and is synced itself.
                let more = self.acknowledged - self.position;
                self.position += random.next() % (more + 1);
                if self.acknowledged as usize == self.appended.len() {
                    let line = if self.acknowledged == 0 { 0 } else { journal.line() };
                    self.reached = Reached { commit: self.acknowledged, line, ..self.reached };
                }
                journal.closed().retire(self.position, Keep::Much)?;
                let first = journal.closed().first_commit();
                assert!(first <= self.position + 1);
                for hold in holds.iter().filter(|hold| hold.check().is_ok()) {
                    assert!(first <= hold.commit());
                }
                Ok(())
            }
            18 => {
                let first = journal.closed().first_commit();
                holds.push(journal.closed().hold(first + random.next() % 3)?);
                Ok(())
            }
            _ => {
                holds.pop();
                journal.sync_marker(self.now)
            }
        }
    }

    /// Whether each closed segment is what it says it is, and all follow on one another.
    pub(super) fn check_closed(&self, journal: &Journal, disk: &MemoryDisk) {
        let mut next = journal.closed().first_commit();
        for segment in journal.closed().segments() {
            assert_eq!(segment.first_commit, next);
            assert_eq!(segment.bytes, disk.contents(&segment.name).unwrap().len() as u64);
            for frame in read_closed(disk, &segment.name).unwrap() {
                assert_eq!(frame.unwrap(), self.appended[next as usize - 1]);
                next += 1;
            }
            assert_eq!(segment.last_commit + 1, next);
        }
        assert!(next <= journal.last_commit() + 1);
        let names = disk.list().unwrap();
        assert_eq!(names.len(), journal.closed().segments().len() + 2, "{names:?}");
    }

    /// A journal with a life behind it that goes until a call fails, or for so many steps; what ended it.
    pub(super) fn live(
        &mut self,
        disk: &MemoryDisk,
        steps: usize,
        random: &mut Random,
    ) -> Result<Option<Journal>, EngineError> {
        let Ok((mut journal, recovered, replayed)) = self.open(disk, false) else { return Ok(None) };
        self.check(&recovered, &replayed);
        self.go_on(&recovered);
        let mut holds = Vec::new();
        for _ in 0..steps {
            self.act(&mut journal, &mut holds, random)?;
        }
        Ok(Some(journal))
    }
}
