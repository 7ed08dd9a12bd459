//! A base in memory, for tests: it can be made to keep whatever a crash may leave, and each of its calls can fail.

use crate::store::engine::rows::base::{Base, BaseRows};
use crate::store::engine::tree::Slice;
use crate::store::error::EngineError;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails, and nothing was done.
    Before,
    /// It fails, and was done all the same.
    After,
}

/// A call of the base, for an observer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// A read.
    Read,
    /// An insert or a remove.
    Write,
    /// A sync.
    Sync,
}

type Watcher = Arc<dyn Fn(Call) + Send + Sync>;
type ReadWatcher = Arc<dyn Fn() + Send + Sync>;

/// An ordered map that keeps, for each write since the last sync, what it replaced.
#[derive(Default)]
pub(crate) struct MemoryBase {
    inner: Mutex<Inner>,
    watcher: Mutex<Option<Watcher>>,
    /// Is called before each read of a single row.
    reads: Mutex<Option<ReadWatcher>>,
}

#[derive(Default)]
struct Inner {
    rows: BTreeMap<Vec<u8>, Slice>,
    /// What each write that isn't synced replaced.
    unsynced: Vec<(Vec<u8>, Option<Slice>)>,
    written: u64,
    calls: u64,
    /// The row that can't be read.
    unreadable: Option<Vec<u8>>,
    /// The row on a page that sled says is corrupted.
    corrupted: Option<Vec<u8>>,
    fault: Option<(u64, Fault)>,
}

impl Inner {
    fn read(&self, key: &[u8]) -> Result<(), EngineError> {
        if self.corrupted.as_deref() == Some(key) {
            return Err(EngineError::of_panic("corrupted"));
        }
        if self.unreadable.as_deref() == Some(key) { Err(io::Error::from_raw_os_error(5).into()) } else { Ok(()) }
    }
}

impl MemoryBase {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many calls there have been.
    pub(crate) fn calls(&self) -> u64 {
        self.inner().calls
    }

    /// How many writes a crash could take back.
    pub(crate) fn unsynced(&self) -> usize {
        self.inner().unsynced.len()
    }

    /// The call that follows after `calls` more fails, once.
    pub(crate) fn fail_after(&self, calls: u64, fault: Fault) {
        let mut inner = self.inner();
        inner.fault = Some((inner.calls + calls, fault));
    }

    /// Every read of this row fails; none any more.
    pub(crate) fn fail_reads_of(&self, key: Option<&[u8]>) {
        self.inner().unreadable = key.map(<[u8]>::to_vec);
    }

    /// Every read of this row fails as sled's of a corrupted page does.
    pub(crate) fn corrupt(&self, key: &[u8]) {
        self.inner().corrupted = Some(key.to_vec());
    }

    /// No call fails that hasn't yet. Whether one was still to.
    pub(crate) fn fail_no_more(&self) -> bool {
        self.inner().fault.take().is_some()
    }

    /// Is called before each write and sync; its own reads are left out.
    pub(crate) fn watch(&self, watcher: Option<Watcher>) {
        *self.watcher.lock().unwrap_or_else(PoisonError::into_inner) = watcher;
    }

    /// Is called before each read of a single row.
    pub(crate) fn watch_reads(&self, watcher: Option<ReadWatcher>) {
        *self.reads.lock().unwrap_or_else(PoisonError::into_inner) = watcher;
    }

    /// The machine dies: of the writes that were not synced, the first `left` are there.
    pub(crate) fn crash(&self, left: usize) {
        let mut inner = self.inner();
        while inner.unsynced.len() > left {
            if let Some((key, before)) = inner.unsynced.pop() {
                match before {
                    Some(before) => inner.rows.insert(key, before),
                    None => inner.rows.remove(&key),
                };
            }
        }
        inner.unsynced.clear();
        inner.fault = None;
    }

    /// Every row as it stands, to look at and to damage.
    pub(crate) fn rows(&self) -> BTreeMap<Vec<u8>, Slice> {
        self.inner().rows.clone()
    }

    /// Replaces a row behind everybody's back, or takes it away.
    pub(crate) fn damage(&self, key: &[u8], value: Option<Slice>) {
        match value {
            Some(value) => self.inner().rows.insert(key.to_vec(), value),
            None => self.inner().rows.remove(key),
        };
    }

    fn tell(&self, call: Call) {
        let watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(watcher) = watcher {
            watcher(call);
        }
    }

    fn call<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> Result<T, EngineError> {
        let mut inner = self.inner();
        let number = inner.calls;
        inner.calls += 1;
        let fault = inner.fault.take_if(|(at, _)| *at == number).map(|(_, fault)| fault);
        let failed = || Err(io::Error::from_raw_os_error(5).into());
        match fault {
            Some(Fault::Before) => failed(),
            Some(Fault::After) => {
                work(&mut inner);
                failed()
            }
            None => Ok(work(&mut inner)),
        }
    }

    fn write(&self, key: &[u8], value: Option<Slice>) -> Result<(), EngineError> {
        self.tell(Call::Write);
        self.call(|inner| {
            inner.written += (key.len() + value.as_ref().map_or(0, |value| value.len())) as u64;
            let before = match value {
                Some(value) => inner.rows.insert(key.to_vec(), value),
                None => inner.rows.remove(key),
            };
            inner.unsynced.push((key.to_vec(), before));
        })
    }

    /// Rows one by one, each looked up anew; an error ends them.
    fn walk(&self, from: &[u8], end: &[u8], backwards: bool) -> BaseRows<'_> {
        let (mut from, mut end, mut ended) = (from.to_vec(), end.to_vec(), false);
        Box::new(std::iter::from_fn(move || {
            if ended || from >= end {
                return None;
            }
            let row = self.call(|inner| {
                let mut rows = inner.rows.range::<[u8], _>((
                    std::ops::Bound::Included(from.as_slice()),
                    std::ops::Bound::Excluded(end.as_slice()),
                ));
                let row = if backwards { rows.next_back() } else { rows.next() };
                let row = row.map(|(key, value)| (key.clone(), value.clone()));
                row.map(|row| inner.read(&row.0).map(|()| row)).transpose()
            });
            let row = row.flatten();
            ended = row.is_err();
            let (key, value) = match row {
                Ok(row) => row?,
                Err(error) => return Some(Err(error)),
            };
            let found = Slice::from(key.as_slice());
            if backwards {
                end = key;
            } else {
                from = key;
                from.push(0);
            }
            Some(Ok((found, value)))
        }))
    }
}

/// Shared by those who come after one another.
impl Base for Arc<MemoryBase> {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, EngineError> {
        (**self).get(key)
    }

    fn range(&self, from: &[u8], end: &[u8]) -> BaseRows<'_> {
        (**self).range(from, end)
    }

    fn range_rev(&self, from: &[u8], end: &[u8]) -> BaseRows<'_> {
        (**self).range_rev(from, end)
    }

    fn insert(&self, key: &[u8], value: Slice) -> Result<(), EngineError> {
        (**self).insert(key, value)
    }

    fn remove(&self, key: &[u8]) -> Result<(), EngineError> {
        (**self).remove(key)
    }

    fn sync(&self) -> Result<(), EngineError> {
        (**self).sync()
    }

    fn written_bytes(&self) -> u64 {
        (**self).written_bytes()
    }

    fn size_on_disk(&self) -> Result<u64, EngineError> {
        (**self).size_on_disk()
    }
}

impl Base for MemoryBase {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, EngineError> {
        let watcher = self.reads.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(watcher) = watcher {
            watcher();
        }
        self.call(|inner| inner.read(key).map(|()| inner.rows.get(key).cloned())).flatten()
    }

    fn range(&self, from: &[u8], end: &[u8]) -> BaseRows<'_> {
        self.walk(from, end, false)
    }

    fn range_rev(&self, from: &[u8], end: &[u8]) -> BaseRows<'_> {
        self.walk(from, end, true)
    }

    fn insert(&self, key: &[u8], value: Slice) -> Result<(), EngineError> {
        self.write(key, Some(value))
    }

    fn remove(&self, key: &[u8]) -> Result<(), EngineError> {
        self.write(key, None)
    }

    fn sync(&self) -> Result<(), EngineError> {
        self.tell(Call::Sync);
        self.call(|inner| inner.unsynced.clear())
    }

    fn written_bytes(&self) -> u64 {
        self.inner().written
    }

    fn size_on_disk(&self) -> Result<u64, EngineError> {
        Ok(self.inner().rows.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum())
    }
}
