//! A folder in memory that can lose its power, and whose calls can be made to fail.
//!
//! The crash model, which is harsher than file systems are. Of each file: every page of 4 KiB that was written since
//! the file's last sync has its synced contents or those after any of the writes, each page for itself; the length is
//! any that it had since then. Of the folder: of the changes of names since its last sync any subset took place, in
//! their order. `kill -9` loses nothing, and syncs nothing either.

use super::{Disk, DiskFile};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const PAGE_BYTES: usize = 4096;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process ends in it, or the machine: what it writes may be written, a sync isn't done, and no call after it
    /// comes to anything.
    Crash,
    /// `EIO`, and nothing was done.
    Io,
    /// `ENOSPC` where something is written, after half of it was; another call fails as with [`Fault::Io`].
    Full,
    /// A read or write of fewer bytes than it was to have, which is no error; other calls succeed.
    Short,
}

/// A folder in memory; a clone is the same folder.
#[derive(Clone)]
pub(crate) struct MemoryDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Every file that ever was, those without a name too: an open file doesn't need one.
    files: Vec<FileState>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    unsynced_names: Vec<NameChange>,
    calls: u64,
    fault: Option<(u64, Fault)>,
    crashed: bool,
}

#[derive(Clone)]
enum NameChange {
    Set(String, usize),
    Unset(String),
    Rename { from: String, to: String, file: usize },
}

#[derive(Clone, Default)]
struct FileState {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// What each page was after each write since the last sync.
    pages: BTreeMap<usize, Vec<Vec<u8>>>,
    lengths: Vec<usize>,
}

impl MemoryDisk {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Has the call of this number fail, the first one being 0.
    pub(crate) fn fail(&self, call: u64, fault: Fault) {
        self.state().fault = Some((call, fault));
    }

    /// The folder after `kill -9`: what was written is there, what isn't synced is still not synced. A copy: this one
    /// stays as it is.
    pub(crate) fn kill(&self) -> Self {
        let state = self.state();
        Self(Arc::new(Mutex::new(State {
            files: state.files.clone(),
            names: state.names.clone(),
            synced_names: state.synced_names.clone(),
            unsynced_names: state.unsynced_names.clone(),
            ..State::default()
        })))
    }

    /// The folder after a power cut; `choose(n)` chooses among `0..n` what became of each page, length and name. All
    /// of it is durable then. A copy, too.
    pub(crate) fn cut_power(&self, mut choose: impl FnMut(usize) -> usize) -> Self {
        let state = self.state();
        let mut names = state.synced_names.clone();
        for change in &state.unsynced_names {
            if choose(2) == 1 {
                change.apply(&mut names);
            }
        }
        let files: Vec<FileState> = state.files.iter().map(|file| file.cut_power(&mut choose)).collect();
        Self(Arc::new(Mutex::new(State { files, names: names.clone(), synced_names: names, ..State::default() })))
    }

    /// A file's contents.
    pub(crate) fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        Some(state.files[*state.names.get(name)?].now.clone())
    }

    /// Puts a durable file there, as somebody with a shell does; `None` takes it away.
    pub(crate) fn put(&self, name: &str, contents: Option<Vec<u8>>) {
        let mut state = self.state();
        let Some(contents) = contents else {
            state.names.remove(name);
            state.synced_names.remove(name);
            return;
        };
        state.files.push(FileState { now: contents.clone(), synced: contents, ..FileState::default() });
        let number = state.files.len() - 1;
        state.names.insert(name.to_owned(), number);
        state.synced_names.insert(name.to_owned(), number);
    }

    /// Counts a call; whether it is to be done in full, in part and then fail, or not at all.
    fn call(&self) -> io::Result<(MutexGuard<'_, State>, Option<Fault>)> {
        let mut state = self.state();
        if state.crashed {
            return Err(crashed());
        }
        let number = state.calls;
        state.calls += 1;
        let fault = state.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        if fault == Some(Fault::Io) {
            return Err(io::Error::from_raw_os_error(5));
        }
        state.crashed = fault == Some(Fault::Crash);
        Ok((state, fault))
    }

    fn change_name(&self, change: NameChange) -> io::Result<()> {
        let (mut state, fault) = self.call()?;
        if fault == Some(Fault::Full) {
            return Err(full());
        }
        change.apply(&mut state.names);
        state.unsynced_names.push(change);
        survived(fault)
    }

    fn number(&self, name: &str) -> io::Result<usize> {
        self.state().names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn crashed() -> io::Error {
    io::Error::other("crashed")
}

fn full() -> io::Error {
    io::Error::from_raw_os_error(28)
}

fn survived(fault: Option<Fault>) -> io::Result<()> {
    match fault {
        Some(Fault::Crash) => Err(crashed()),
        Some(Fault::Full) => Err(full()),
        Some(Fault::Io | Fault::Short) | None => Ok(()),
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Set(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Unset(name) => {
                names.remove(name);
            }
            Self::Rename { from, to, file } => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
        }
    }
}

impl FileState {
    fn write(&mut self, bytes: &[u8], at: usize) {
        let end = at + bytes.len();
        if self.now.len() < end {
            self.now.resize(end, 0);
        }
        self.now[at..end].copy_from_slice(bytes);
        for page in at / PAGE_BYTES..end.div_ceil(PAGE_BYTES) {
            let contents = self.now[page * PAGE_BYTES..self.now.len().min((page + 1) * PAGE_BYTES)].to_vec();
            self.pages.entry(page).or_default().push(contents);
        }
        self.lengths.push(self.now.len());
    }

    fn set_len(&mut self, bytes: usize) {
        self.now.resize(bytes, 0);
        // The page that is cut is written anew.
        if let Some(rest) = self.now.chunks(PAGE_BYTES).last().filter(|rest| rest.len() < PAGE_BYTES) {
            self.pages.entry(bytes / PAGE_BYTES).or_default().push(rest.to_vec());
        }
        self.lengths.push(bytes);
    }

    fn sync(&mut self) {
        self.synced = self.now.clone();
        self.pages.clear();
        self.lengths.clear();
    }

    fn cut_power(&self, choose: &mut impl FnMut(usize) -> usize) -> Self {
        let mut left = self.synced.clone();
        for (page, versions) in &self.pages {
            let Some(version) = choose(versions.len() + 1).checked_sub(1) else { continue };
            let at = page * PAGE_BYTES;
            let contents = &versions[version];
            if left.len() < at + contents.len() {
                left.resize(at + contents.len(), 0);
            }
            left[at..at + contents.len()].copy_from_slice(contents);
        }
        let length = choose(self.lengths.len() + 1).checked_sub(1).map_or(self.synced.len(), |nth| self.lengths[nth]);
        left.resize(length, 0);
        Self { now: left.clone(), synced: left, ..Self::default() }
    }
}

impl Disk for MemoryDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let (state, fault) = self.call()?;
        survived(fault)?;
        Ok(state.names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        survived(self.call()?.1)?;
        let number = self.number(name)?;
        Ok(Box::new(MemoryFile { disk: self.clone(), number }))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let number = {
            let mut state = self.state();
            state.files.push(FileState::default());
            state.files.len() - 1
        };
        self.change_name(NameChange::Set(name.to_owned(), number))?;
        Ok(Box::new(MemoryFile { disk: self.clone(), number }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let file = self.number(from)?;
        self.change_name(NameChange::Rename { from: from.to_owned(), to: to.to_owned(), file })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.number(name)?;
        self.change_name(NameChange::Unset(name.to_owned()))
    }

    fn sync(&self) -> io::Result<()> {
        let (mut state, fault) = self.call()?;
        survived(fault)?;
        state.synced_names = state.names.clone();
        state.unsynced_names.clear();
        Ok(())
    }
}

struct MemoryFile {
    disk: MemoryDisk,
    number: usize,
}

impl DiskFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        let (state, fault) = self.disk.call()?;
        survived(fault)?;
        Ok(state.files[self.number].now.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let (state, fault) = self.disk.call()?;
        survived(fault)?;
        let contents = &state.files[self.number].now;
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(contents.len());
        let mut length = buffer.len().min(contents.len() - from);
        if fault == Some(Fault::Short) {
            length = length.div_ceil(2);
        }
        buffer[..length].copy_from_slice(&contents[from..from + length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let (mut state, fault) = self.disk.call()?;
        let at = usize::try_from(at).map_err(|_| full())?;
        let length = if matches!(fault, Some(Fault::Full | Fault::Short)) { bytes.len() / 2 + 1 } else { bytes.len() };
        let length = length.min(bytes.len());
        state.files[self.number].write(&bytes[..length], at);
        survived(fault)?;
        Ok(length)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let (mut state, fault) = self.disk.call()?;
        let bytes = usize::try_from(bytes).map_err(|_| full())?;
        state.files[self.number].set_len(bytes);
        survived(fault)
    }

    fn sync(&self) -> io::Result<()> {
        let (mut state, fault) = self.disk.call()?;
        survived(fault)?;
        state.files[self.number].sync();
        Ok(())
    }
}
