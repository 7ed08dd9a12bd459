//! The library (`faults.c`) and the words by which the test steers it.

use super::super::harness::CARTEIRO;
use super::super::preload;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A kind of call, by its bit in the second word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    Pread,
    Pwrite,
    Read,
    Write,
    Fsync,
    Fdatasync,
    SyncFileRange,
    Truncate,
    Open,
    Rename,
}

impl Call {
    pub(super) const ALL: [Self; 10] = [
        Self::Pread,
        Self::Pwrite,
        Self::Read,
        Self::Write,
        Self::Fsync,
        Self::Fdatasync,
        Self::SyncFileRange,
        Self::Truncate,
        Self::Open,
        Self::Rename,
    ];
}

/// What a call that is struck does instead of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    Io,
    Full,
    Short,
}

/// Which calls are struck.
#[derive(Clone, Copy, Debug)]
pub(super) enum Aim {
    /// So many of a million, by chance.
    Chance(u64),
    /// This one alone, counted from when the shim is armed.
    Nth(u64),
}

/// On which files of the data folder.
#[derive(Clone, Copy, Debug)]
pub(super) enum Files {
    All,
    /// sled's own.
    Db,
    /// Those of the journal.
    Journal,
}

/// The faults of one round.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) calls: Vec<Call>,
    pub(super) fault: Fault,
    pub(super) aim: Aim,
    pub(super) files: Files,
    pub(super) seed: u64,
}

const WORDS: usize = 10;

/// The library, compiled, and its control file.
pub(super) struct Shim {
    library: PathBuf,
    control: PathBuf,
    file: File,
}

impl Shim {
    /// Compiles it into a folder; `None`, and a word of why, where it can't be had.
    pub(super) fn build(test: &str, folder: &Path) -> Option<Self> {
        let library = preload::compile(test, folder, include_str!("faults.c"))?;
        let control = folder.join("control");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&control).unwrap();
        file.write_all_at(&[0; WORDS * 8], 0).unwrap();
        let shim = Self { library, control, file };
        shim.prove(folder);
        Some(shim)
    }

    /// A program whose read is to fail must fail, or the rounds would prove nothing.
    fn prove(&self, folder: &Path) {
        let dir = folder.join("proof");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("c.toml"), "").unwrap();
        let mut check = Command::new(CARTEIRO);
        check.arg("check-config").arg("--config").arg(dir.join("c.toml"));
        check.envs(self.environment(&dir));
        let calls = vec![Call::Open, Call::Read];
        self.arm(&Plan { calls, fault: Fault::Io, aim: Aim::Nth(1), files: Files::All, seed: 0 });
        let output = check.output().unwrap();
        self.disarm();
        assert!(!output.status.success() && self.injected() > 0, "LD_PRELOAD does not reach the daemon");
    }

    /// What the daemon needs in its environment.
    pub(super) fn environment(&self, folder: &Path) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        vec![("LD_PRELOAD", text(&self.library)), ("FAULT_CONTROL", text(&self.control)), ("FAULT_DIR", text(folder))]
    }

    pub(super) fn arm(&self, plan: &Plan) {
        let kinds = plan.calls.iter().fold(0, |bits, call| bits | 1 << *call as u64);
        let errno = match plan.fault {
            Fault::Io => 5,
            Fault::Full => 28,
            Fault::Short => 0,
        };
        let (chance, nth) = match plan.aim {
            Aim::Chance(chance) => (chance, 0),
            Aim::Nth(nth) => (0, nth),
        };
        let words = [0, kinds, errno, chance, nth, plan.seed, 0, 0, 0, plan.files as u64];
        for (at, word) in words.into_iter().enumerate() {
            self.put(at, word);
        }
        self.put(0, 1);
    }

    pub(super) fn disarm(&self) {
        self.put(0, 0);
    }

    pub(super) fn injected(&self) -> u64 {
        self.get(7)
    }

    /// Which kind of call was struck first.
    pub(super) fn first(&self) -> Option<Call> {
        let at = usize::try_from(self.get(8)).unwrap();
        at.checked_sub(1).map(|at| Call::ALL[at])
    }

    fn put(&self, at: usize, word: u64) {
        self.file.write_all_at(&word.to_ne_bytes(), at as u64 * 8).unwrap();
    }

    fn get(&self, at: usize) -> u64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, at as u64 * 8).unwrap();
        u64::from_ne_bytes(bytes)
    }
}
