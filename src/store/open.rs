//! Opening the store, and refusing to: what a data folder must hold before anything in it is believed.
//!
//! sled opens a damaged file as an emptier one without an error, or panics. Neither may pass for a start: the folder's marker says
//! how far the store had come, and a panic becomes a sentence. What is refused is left as it was found, as far as sled allows.

use super::backup::{self, BackupError, Progress};
use super::committer::{Committer, Told};
use super::ending;
use super::engine::{MAX_ROW_BYTES, SledTree, Tree, catch_sled_panic};
use super::marker::{self, Found, Mark, Marker};
use super::outcomes::Outcomes;
use super::pulse::Pulse;
use super::record::{self, ClockV1, FormatV1, HeadV1};
use super::redo;
use super::space::Space;
use super::syncer::Syncer;
use super::times::Times;
use super::verify::{self, Report};
use super::{Alive, Kept, Limits, MAX_WAITING_COMMITS, Shared, Store, StoreError, counts, keys};
use super::{offline, owner, unfinished};
use crate::clock::Clock;
use crate::model::Seq;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, RwLock};
use tokio::sync::Semaphore;

/// The format of keys and records that this carteiro writes.
pub(super) const FORMAT: u32 = 1;
const _: () = assert!(record::MAX_VALUE_BYTES + 512 <= MAX_ROW_BYTES, "a full leaf could spill");
/// How much room the disk must have before sled is let at its files: it tidies up as it opens them, and what it could write only
/// half of is damage.
const ROOM_TO_OPEN: u64 = 8 * 1024 * 1024;
/// sled's own file.
const DB: &str = "db";
/// The file that stands in a folder while a restore fills it.
pub(super) const RESTORING: &str = "restoring";

/// How the store is opened.
pub struct StoreSettings {
    /// The data folder; made if it isn't there.
    pub path: PathBuf,
    /// How much memory sled's cache may take, in bytes.
    pub cache_bytes: u64,
    /// How long and how much is kept.
    pub limits: Limits,
    /// Whether a store that has lost something, or that nothing vouches for, is opened all the same.
    pub accept_data_loss: bool,
    /// Where times come from.
    pub clock: Clock,
}

/// What [`Store::open`] gives beside the store: the committer's thread, to be joined after the last handle is gone.
pub struct Opened {
    /// The store.
    pub store: Store,
    /// Whether the store was made just now.
    pub created: bool,
    /// The committer.
    pub thread: std::thread::JoinHandle<()>,
}

impl Store {
    /// Opens the store, or makes it. Blocks; call it before the runtime is busy. A store that has less than it had acknowledged, or can't be read, is an error that says what to do.
    ///
    /// `tell` is called on the committer's thread with everything the delivery engine must know, after it is durable; it
    /// must not block.
    pub fn open(settings: StoreSettings, tell: impl FnMut(Vec<Told>) + Send + 'static) -> Result<Opened, StoreError> {
        ending::watch_panics();
        owner::check(&settings.path)?;
        let files = Files::open(&settings.path, settings.cache_bytes, settings.accept_data_loss)
            .map_err(|error| owner::named(&settings.path, error))?;
        catch_sled_panic(|| Self::over(files, settings, tell))
    }

    fn over(
        files: Files,
        settings: StoreSettings,
        tell: impl FnMut(Vec<Told>) + Send + 'static,
    ) -> Result<Opened, StoreError> {
        let Files { tree, marker, format, head, created } = files;
        let StoreSettings { path, limits, clock, .. } = settings;
        let (shared, clock) = Shared::over(tree, &format, &head, path, limits, clock)?;
        let shared = Arc::new(shared);
        let (commits, receiver) = std::sync::mpsc::channel();
        let syncer = Syncer::start(shared.clone(), marker, Box::new(tell))?;
        let mut committer = Committer::load(shared.clone(), syncer, &format, clock.as_ref())?;
        let alive = Alive(shared.clone());
        let thread = std::thread::Builder::new().name("committer".to_owned()).spawn(move || {
            committer.run(&receiver);
            drop(alive);
        })?;
        let store = Self { shared, commits, places: Arc::new(Semaphore::new(MAX_WAITING_COMMITS)) };
        Ok(Opened { store, created, thread })
    }
}

impl Shared {
    /// Over the tree of an engine; also what it knows of the clock.
    pub(super) fn over(
        tree: Arc<dyn Tree>,
        format: &FormatV1,
        head: &HeadV1,
        path: PathBuf,
        limits: Limits,
        clock: Clock,
    ) -> Result<(Self, Option<ClockV1>), StoreError> {
        let record = tree.get(&keys::meta("clock"))?.map(|value| record::decode_clock(&value)).transpose()?;
        let times = Times::new(clock, record.as_ref(), head.time_ms);
        let shared = Self {
            tree,
            tally: super::tally::Tally::load(&path),
            path,
            directory: RwLock::default(),
            tokens: RwLock::default(),
            types: RwLock::default(),
            times,
            listed: super::types::Listed::default(),
            durable: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            alive: AtomicBool::new(true),
            failed_reads: super::reads::FailedReads::default(),
            id_key: ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &format.id_key),
            pulse: Pulse::default(),
            sync_pulse: Pulse::default(),
            space: Space::new(limits.min_free),
            retry: RwLock::default(),
            limits: RwLock::new(limits),
            kept: Kept::default(),
            healths: RwLock::default(),
            resends: std::sync::Mutex::default(),
            meters: crate::stats::StoreMetrics::default(),
            absent: super::accounts::Absent::default(),
            outcomes: Outcomes::new(u64::from_be_bytes(crate::random::bytes())),
        };
        Ok((shared, record))
    }
}

/// A data folder that holds what it should, its files open and locked.
pub(super) struct Files {
    pub(super) tree: Arc<dyn Tree>,
    pub(super) marker: Marker,
    pub(super) format: FormatV1,
    pub(super) head: HeadV1,
    /// Whether there was nothing before.
    pub(super) created: bool,
}

impl Files {
    /// Opens a folder's files, or makes them; whatever was made is durable on return.
    ///
    /// Before sled touches anything the marker is looked for: sled cuts off what it can't read, and what is refused should still
    /// be there for whoever can. Without a marker nothing vouches for what is there: the folder is a copy of some of its files.
    pub(super) fn open(path: &Path, cache_bytes: u64, accept_data_loss: bool) -> Result<Self, StoreError> {
        if path.join(RESTORING).exists() {
            return Err(StoreError::HalfRestored { folder: path.to_owned() });
        }
        let said = marker::read(path)?;
        let created = !path.join(DB).exists();
        match said {
            _ if accept_data_loss => {}
            Found::Damaged => return Err(StoreError::MarkerDamaged { marker: path.join(marker::NAME) }),
            Found::Mark(mark) if created && mark.commit > 0 => {
                return Err(StoreError::Behind { folder: path.to_owned(), found: None, acknowledged: mark.commit });
            }
            Found::Nothing if is_of_a_store(path)? => {
                return Err(StoreError::NothingVouches { folder: path.to_owned() });
            }
            Found::Mark(_) | Found::Nothing => {}
        }
        let made = std::fs::create_dir_all(path).and_then(|()| restrict(path));
        made.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        if said == Found::Nothing && created {
            // First of all: a start that is cut off before the store is made leaves this, and not a store that nothing vouches for.
            Marker::create(path, Mark { store: [0; 16], commit: 0 })?;
        }
        let (tree, format, head) = read_files(path, cache_bytes)?;
        let head = redo::complete(path, &*tree, (format.as_ref(), head), accept_data_loss)?;
        let whole = compare(path, said, format.as_ref(), &head);
        let vouched = whole.is_ok() && matches!(said, Found::Mark(_));
        if !accept_data_loss {
            whole?;
        }
        // Where the head may be an old one, what lies beyond it may be all that is left of what was acknowledged.
        if vouched {
            let removed = catch_sled_panic(|| unfinished::remove(&*tree, Seq(head.seq)))?;
            if removed > 0 {
                tracing::info!(rows = removed, "a change that nobody was answered for is taken back");
            }
        }
        let mut head = head;
        if accept_data_loss && !vouched && format.is_some() {
            tracing::warn!(commit = head.commit, "the store is taken as it is, whatever it may have lost");
            // What was lost had numbers, and targets know the ids that come from them.
            catch_sled_panic(|| {
                counts::count(&*tree, &mut head)?;
                head.leap();
                head.commit += 1;
                tree.apply(&[(keys::meta("head").into(), Some(record::encode_head(&head).into()))])
            })?;
        }
        let format = match format {
            Some(format) => format,
            None => make(&*tree)?,
        };
        tree.sync()?;
        // The names of files are durable only once their folders are. At every start: the first one may have been cut off here.
        sync_folder(path)?;
        // Each start says anew how far the store has come: what was applied and not yet marked counts from here on.
        let mark = Mark { store: format.store_id(), commit: head.commit };
        let marker = match marker::read(path)? {
            Found::Mark(_) => Marker::open(path, mark)?,
            Found::Nothing | Found::Damaged => Marker::create(path, mark)?,
        };
        Ok(Self { tree, marker, format, head, created })
    }
}

/// Whether a folder holds files of a store, its marker aside.
fn is_of_a_store(path: &Path) -> io::Result<bool> {
    let entries = match std::fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        entries => entries?,
    };
    for entry in entries {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if matches!(&*name, DB | "conf" | "blobs") || name.starts_with("snap.") || name.starts_with("admin-token") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A store that no daemon runs on, held by this process for as long as this lives.
pub struct Closed {
    tree: Arc<dyn Tree>,
    format: FormatV1,
    head: HeadV1,
    /// What a daemon would refuse to start on.
    refusal: Option<StoreError>,
    /// Keeps daemons off.
    _lock: File,
}

impl Closed {
    /// Opens the store of a data folder; there must be one. Nothing is written there: a copy is opened, in the folder for temporary
    /// files. It is looked at as it is: the marker is not believed, and what a daemon would refuse to start on is a finding of
    /// [`Closed::verify`].
    pub fn open(path: &Path, cache_bytes: u64, accept_data_loss: bool) -> Result<Self, StoreError> {
        Self::look(path, cache_bytes, accept_data_loss).map_err(|error| owner::named(path, error))
    }

    fn look(path: &Path, cache_bytes: u64, accept_data_loss: bool) -> Result<Self, StoreError> {
        // Not `exists`: a folder that may not be looked into isn't an empty one.
        if !path.join(DB).try_exists()? {
            let none = format!("there is no store in {}", path.display());
            return Err(StoreError::Io(io::Error::new(io::ErrorKind::NotFound, none)));
        }
        let said = marker::read(path)?;
        if said == Found::Nothing && !accept_data_loss {
            // Sled would cut off what it can't read of a half of a copy.
            return Err(StoreError::NothingVouches { folder: path.to_owned() });
        }
        let lock = offline::lock(path)?;
        // Asked under the lock: the daemon that made it has ended.
        if redo::is_waiting(path) && !accept_data_loss {
            return Err(StoreError::Unfinished { folder: path.to_owned() });
        }
        let copied = offline::Copied::of(path)?;
        let (tree, format, head) = read_files(copied.folder(), cache_bytes)?;
        drop(copied);
        let refusal = match (&format, path.join(RESTORING).exists()) {
            (_, true) => Some(StoreError::HalfRestored { folder: path.to_owned() }),
            (format, false) => compare(path, said, format.as_ref(), &head).err(),
        };
        if refusal.is_none() && format.is_some() {
            catch_sled_panic(|| unfinished::remove(&*tree, Seq(head.seq)))?;
        }
        let Some(format) = format else {
            return Err(refusal.unwrap_or(StoreError::Damaged { table: "format", what: "is missing" }));
        };
        Ok(Self { tree, format, head, refusal, _lock: lock })
    }

    /// Whether a daemon would start on it.
    pub fn refusal(&self) -> Option<&StoreError> {
        self.refusal.as_ref()
    }

    /// Writes a backup of it.
    pub fn back_up<W: io::Write>(
        &self,
        out: W,
        clock: &Clock,
        progress: impl FnMut(Progress),
    ) -> Result<W, BackupError> {
        let header = backup::Header::new(self.format.format, &self.head, clock.now());
        let mut writer = backup::Writer::new(out, &header)?;
        backup::write_tree(&*self.tree, &mut writer, progress)?;
        writer.finish()
    }

    /// See [`Store::verify`].
    pub fn verify(&self, progress: impl FnMut(u64)) -> Report {
        let mut report = verify::verify(&*self.tree, progress);
        if let Some(refusal) = &self.refusal {
            report.wrong(refusal);
        }
        report
    }
}

type Opening = (Arc<dyn Tree>, Option<FormatV1>, HeadV1);

/// Opens sled's files and reads what says which store they are.
fn read_files(path: &Path, cache_bytes: u64) -> Result<Opening, StoreError> {
    let free = fs2::available_space(path)?;
    if free < ROOM_TO_OPEN {
        return Err(StoreError::NoRoomToOpen { folder: path.to_owned(), needed: ROOM_TO_OPEN });
    }
    let opened = catch_sled_panic(|| {
        let tree = SledTree::open(path, cache_bytes)?;
        let format = tree.get(&keys::meta("format"))?.map(|value| record::decode_format(&value)).transpose()?;
        let head = tree.get(&keys::meta("head"))?.map(|value| record::decode_head(&value)).transpose()?;
        Ok((Arc::new(tree) as Arc<dyn Tree>, format, head.unwrap_or_default()))
    })?;
    match &opened.1 {
        Some(FormatV1 { format: found, .. }) if *found != FORMAT => Err(StoreError::Format { found: *found }),
        _ => Ok(opened),
    }
}

/// Whether a store is what its marker says it is.
fn compare(path: &Path, said: Found, format: Option<&FormatV1>, head: &HeadV1) -> Result<(), StoreError> {
    let mark = match said {
        Found::Nothing => return Ok(()),
        Found::Damaged => return Err(StoreError::MarkerDamaged { marker: path.join(marker::NAME) }),
        Found::Mark(mark) => mark,
    };
    let behind = |found| StoreError::Behind { folder: path.to_owned(), found, acknowledged: mark.commit };
    match format {
        None if mark.commit > 0 => Err(behind(None)),
        // All zeros: the first start was cut off before the store had an id.
        Some(format) if format.store_id() != mark.store && mark.commit > 0 => {
            Err(StoreError::AnotherStore { marker: path.join(marker::NAME) })
        }
        Some(_) if head.commit < mark.commit => Err(behind(Some(head.commit))),
        None | Some(_) => Ok(()),
    }
}

/// Makes the names inside a folder durable, and the folder's own.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    let Some(parent) = path.canonicalize()?.parent().map(Path::to_owned) else {
        return Ok(());
    };
    match File::open(parent) {
        // Whoever made the folder for us may keep its parent to themselves; they have synced it, or nobody can.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        parent => parent?.sync_all(),
    }
}

/// The data folder holds tokens' hashes, targets' credentials and customers' data: nobody else's to read.
pub(super) fn restrict(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

/// Writes the format record into a store that has none.
fn make(tree: &dyn Tree) -> Result<FormatV1, StoreError> {
    let format = FormatV1 { format: FORMAT, id_key: crate::random::bytes() };
    tree.apply(&[(keys::meta("format").into(), Some(record::encode_format(&format).into()))])?;
    Ok(format)
}
