//! Opening the store, and refusing to: what a data folder must hold before anything in it is believed.
//!
//! sled opens a damaged file as an emptier one without an error, or panics. Neither may pass for a start: the journal
//! beside it says from which commit on it has everything, and how far the store had come, and a panic becomes a
//! sentence. What is refused is left as it was found, as far as sled allows.
//!
//! A store is made in this order, so that a start that is cut off anywhere is done again by the next one: the journal's
//! folder; sled's files; in sled which store this is; the journal; in sled that there is one.

use crate::store::engine::folder::{restrict, sync_folder};
use crate::store::engine::journal::{
    Damage, Disk, FolderDisk, Found, Identity, MARKER, Mark, RecoverError, Recovered, SEGMENT_ENDING, read_marker,
};
use crate::store::engine::{
    Base, IDENTITY, JournalWriter, MAX_ROW_BYTES, NotOpened, SledBase, Tree, Writer, catch_sled_panic,
};
use crate::store::error::{OpenError, StoreError};
use crate::store::format::FORMAT;
use crate::store::lifecycle::repair;
use crate::store::schema::layout::layout;
use crate::store::schema::record::{FormatV1, HeadV1};
use crate::store::schema::references::References;
use crate::store::schema::table::HEAD;
use crate::store::schema::{keys, record};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const _: () = assert!(record::MAX_VALUE_BYTES + 256 <= MAX_ROW_BYTES, "a full leaf could spill");
/// How much room the disk must have before sled is let at its files: it tidies up as it opens them, and what it could
/// write only half of is damage.
const ROOM_TO_OPEN: u64 = 8 * 1024 * 1024;
/// sled's own file.
pub(crate) const DB: &str = "db";
/// The folder of the journal.
pub(crate) const JOURNAL: &str = "journal";
/// The file that stands in a folder while a restore fills it.
pub(crate) const RESTORING: &str = "restoring";

/// A data folder that holds what it should, its files open and locked.
pub(crate) struct Files {
    pub(crate) tree: Arc<dyn Tree>,
    pub(crate) writer: JournalWriter<SledBase>,
    pub(crate) format: FormatV1,
    pub(crate) head: HeadV1,
    /// Whether there was nothing before.
    pub(crate) created: bool,
}

impl Files {
    /// Opens a folder's files, or makes them; whatever was made is durable on return.
    ///
    /// Before sled touches anything the journal is looked for: sled cuts off what it can't read, and what is refused
    /// should still be there for a program that can. Without a journal nothing vouches for what is there: the folder is
    /// a copy of some of its files.
    pub(crate) fn open(path: &Path, cache_bytes: u64, accept_data_loss: bool) -> Result<Self, OpenError> {
        if path.join(RESTORING).exists() {
            return Err(OpenError::HalfRestored(path.to_owned()));
        }
        let created = !path.join(DB).exists();
        if !accept_data_loss {
            if !path.join(JOURNAL).exists() && is_of_a_store(path)? {
                return Err(OpenError::NothingVouches(path.to_owned()));
            }
            match mark(path)? {
                Found::Damaged => return Err(OpenError::MarkerDamaged(path.join(JOURNAL).join(MARKER))),
                Found::Mark(Mark { commit: acknowledged, .. }, _) if created => {
                    return Err(OpenError::Behind { folder: path.to_owned(), found: None, acknowledged });
                }
                Found::Nothing if has_segments(path)? => return Err(OpenError::NothingVouches(path.to_owned())),
                Found::Mark(..) | Found::Nothing => {}
            }
        }
        let made = std::fs::create_dir_all(path).and_then(|()| restrict(path));
        made.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        let Taken { mut writer, format, recovered } = take_up(path, path, cache_bytes, accept_data_loss)?;
        let tree: Arc<dyn Tree> = writer.engine.clone();
        let head = catch_sled_panic(|| -> Result<HeadV1, StoreError> {
            let mut head = read_head(&*tree)?;
            if writer.has_rows_in_sled(HEAD) && !tree.contains(&keys::head())? {
                return Err(StoreError::Damaged { table: "head", what: "is missing" });
            }
            let mut rows = Vec::new();
            if !tree.contains(&keys::meta("format"))? {
                rows.push((keys::meta("format").into(), Some(record::encode_format(&format).into())));
            }
            if let Some(damage) = &recovered.lost {
                tracing::warn!(
                    commit = recovered.last_commit,
                    %damage,
                    "the store is taken as it was at this commit, and what came after it is lost; files of the journal \
                     that may hold more of it are kept beside it as `.lost`"
                );
            }
            if !rows.is_empty() {
                writer.append(writer.last_commit() + 1, head.time_ms, rows)?;
                writer.sync(Duration::ZERO)?;
            }
            if writer.is_unrepaired() {
                tracing::warn!(
                    "a loss was accepted: every row is read now, and what doesn't agree is mended, before the daemon \
                     listens; it takes as long as `carteiro verify`, or twice that, and begins again if it is cut off"
                );
                let repaired = repair::after_loss(&mut writer, &References::new(&format.id_key), &mut head)?;
                tracing::warn!("what the accepted loss has left was looked through: {repaired}");
            }
            Ok(head)
        })?;
        // The names of files are durable only once their folders are. At every start: the first one may have been cut
        // off here.
        sync_folder(path)?;
        Ok(Self { tree, writer, format, head, created })
    }
}

/// Whether a folder holds files of a store, its journal aside.
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

/// What the marker in a folder's journal says.
fn mark(path: &Path) -> io::Result<Found> {
    let journal = path.join(JOURNAL);
    if journal.try_exists()? { read_marker(&FolderDisk::open(&journal)?) } else { Ok(Found::Nothing) }
}

/// Whether there are segments in a folder's journal.
fn has_segments(path: &Path) -> io::Result<bool> {
    let journal = path.join(JOURNAL);
    let names = if journal.try_exists()? { FolderDisk::open(&journal)?.list()? } else { Vec::new() };
    Ok(names.iter().any(|name| name.ends_with(SEGMENT_ENDING)))
}

/// What a folder's files hold, together.
pub(crate) struct Taken {
    pub(crate) writer: JournalWriter<SledBase>,
    pub(crate) format: FormatV1,
    pub(crate) recovered: Recovered,
}

/// Opens sled's files and the journal, or makes them; errors speak of the folder `named`. Where that is another one,
/// what is opened is a copy of it, which was read as it was made.
pub(crate) fn take_up(named: &Path, path: &Path, cache_bytes: u64, accept: bool) -> Result<Taken, OpenError> {
    let free = fs2::available_space(path)?;
    if free < ROOM_TO_OPEN {
        return Err(OpenError::NoRoomToOpen { folder: named.to_owned(), needed: ROOM_TO_OPEN });
    }
    let journal = path.join(JOURNAL);
    // First of all: a start that is cut off before the store is made leaves this, and not a store that nothing vouches
    // for.
    let mut disk = FolderDisk::open(&journal)?;
    catch_sled_panic(|| {
        let is_copy = path != named;
        let base =
            if is_copy { SledBase::open_what_was_read(path, cache_bytes)? } else { SledBase::open(path, cache_bytes)? };
        let format = if let Some(found) = base.get(IDENTITY)? {
            let format = record::decode_format(&found)?;
            if format.format != FORMAT {
                return Err(OpenError::Format(format.format));
            }
            format
        } else {
            let acknowledged = match mark(path)? {
                Found::Mark(mark, _) => Some(mark.commit),
                Found::Damaged => Some(0),
                Found::Nothing => None,
            };
            if let Some(acknowledged) = acknowledged {
                // sled takes a file whose beginning is gone for a new one.
                if !accept {
                    return Err(OpenError::Behind { folder: named.to_owned(), found: None, acknowledged });
                }
                std::fs::rename(&journal, path.join(format!("{JOURNAL}.lost.{acknowledged}")))?;
                disk = FolderDisk::open(&journal)?;
            }
            let format = FormatV1 { format: FORMAT, id_key: crate::random::bytes(), life: crate::random::bytes() };
            base.insert(IDENTITY, record::encode_format(&format).into())?;
            base.sync()?;
            // The journal, whose name is durable soon, must not be all that is left of the store.
            sync_folder(path)?;
            format
        };
        let identity = Identity { store: format.store_id(), format: FORMAT };
        let disk: Arc<dyn Disk> = Arc::new(disk);
        let (writer, recovered) =
            JournalWriter::open(base, disk, identity, layout, accept).map_err(|error| refused(named, error))?;
        Ok(Taken { writer, format, recovered })
    })
}

pub(crate) fn read_head(tree: &dyn Tree) -> Result<HeadV1, StoreError> {
    let head = tree.get(&keys::head())?.map(|value| record::decode_head(&value)).transpose()?;
    // A store that has recorded nothing yet has none.
    Ok(head.unwrap_or_default())
}

fn refused(path: &Path, error: NotOpened) -> OpenError {
    let error = match error {
        NotOpened::Rows(error) | NotOpened::Journal(RecoverError::Replay(error)) => return error.into(),
        NotOpened::Journal(error) => error,
    };
    let journal = |why: String, is_passing| OpenError::Journal { folder: path.to_owned(), why, is_passing };
    let why = error.to_string();
    match error {
        RecoverError::Io { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => error.into(),
        RecoverError::Io { ref error, .. } => {
            let is_passing = error.kind() == io::ErrorKind::StorageFull;
            journal(why, is_passing)
        }
        RecoverError::AnotherStore { name } => OpenError::AnotherStore(path.join(JOURNAL).join(name)),
        RecoverError::Format { found, .. } => OpenError::Format(found),
        RecoverError::Damage(Damage::MarkerAhead { found, acknowledged }) => {
            OpenError::Behind { folder: path.to_owned(), found: Some(found), acknowledged }
        }
        RecoverError::Damage(Damage::MarkerDamaged) => OpenError::MarkerDamaged(path.join(JOURNAL).join(MARKER)),
        RecoverError::Damage(Damage::MarkerGone) => OpenError::NothingVouches(path.to_owned()),
        RecoverError::NotEmpty { .. } | RecoverError::Damage(_) | RecoverError::Replay(_) => journal(why, false),
    }
}
