//! Opening the store, and refusing to: what a data folder must hold before anything in it is believed.
//!
//! sled opens a damaged file as an emptier one without an error, or panics. Neither may pass for a start: the folder's
//! marker says how far the store had come, and a panic becomes a sentence. What is refused is left as it was found, as
//! far as sled allows.

use crate::model::Seq;
use crate::store::engine::folder::{restrict, sync_folder};
use crate::store::engine::marker::{Found, Mark, Marker};
use crate::store::engine::{MAX_ROW_BYTES, SledTree, Tree, catch_sled_panic, marker};
use crate::store::error::{OpenError, StoreError};
use crate::store::format::FORMAT;
use crate::store::lifecycle::counts;
use crate::store::redo;
use crate::store::schema::record::{FormatV1, HeadV1};
use crate::store::schema::{keys, record, unfinished};
use std::io;
use std::path::Path;
use std::sync::Arc;

const _: () = assert!(record::MAX_VALUE_BYTES + 512 <= MAX_ROW_BYTES, "a full leaf could spill");
/// How much room the disk must have before sled is let at its files: it tidies up as it opens them, and what it could
/// write only half of is damage.
const ROOM_TO_OPEN: u64 = 8 * 1024 * 1024;
/// sled's own file.
pub(crate) const DB: &str = "db";
/// The file that stands in a folder while a restore fills it.
pub(crate) const RESTORING: &str = "restoring";

/// A data folder that holds what it should, its files open and locked.
pub(crate) struct Files {
    pub(crate) tree: Arc<dyn Tree>,
    pub(crate) marker: Marker,
    pub(crate) format: FormatV1,
    pub(crate) head: HeadV1,
    /// Whether there was nothing before.
    pub(crate) created: bool,
}

impl Files {
    /// Opens a folder's files, or makes them; whatever was made is durable on return.
    ///
    /// Before sled touches anything the marker is looked for: sled cuts off what it can't read, and what is refused
    /// should still be there for whoever can. Without a marker nothing vouches for what is there: the folder is a copy
    /// of some of its files.
    pub(crate) fn open(path: &Path, cache_bytes: u64, accept_data_loss: bool) -> Result<Self, OpenError> {
        if path.join(RESTORING).exists() {
            return Err(OpenError::HalfRestored(path.to_owned()));
        }
        let said = marker::read(path)?;
        let created = !path.join(DB).exists();
        match said {
            _ if accept_data_loss => {}
            Found::Damaged => return Err(OpenError::MarkerDamaged(path.join(marker::NAME))),
            Found::Mark(mark) if created && mark.commit > 0 => {
                return Err(OpenError::Behind { folder: path.to_owned(), found: None, acknowledged: mark.commit });
            }
            Found::Nothing if is_of_a_store(path)? => {
                return Err(OpenError::NothingVouches(path.to_owned()));
            }
            Found::Mark(_) | Found::Nothing => {}
        }
        let made = std::fs::create_dir_all(path).and_then(|()| restrict(path));
        made.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        if said == Found::Nothing && created {
            // First of all: a start that is cut off before the store is made leaves this, and not a store that nothing
            // vouches for.
            Marker::create(path, Mark { store: [0; 16], commit: 0 })?;
        }
        let (tree, format, head) = read_files(path, cache_bytes)?;
        let head = redo::complete(path, &*tree, (format.as_ref(), head), accept_data_loss)?;
        let whole = compare(path, said, format.as_ref(), &head);
        let vouched = whole.is_ok() && matches!(said, Found::Mark(_));
        if !accept_data_loss {
            whole?;
        }
        let removed = catch_sled_panic(|| unfinished::remove(&*tree, Seq(head.seq), vouched))?;
        if removed > 0 {
            tracing::info!(rows = removed, "a change that nobody was answered for is taken back");
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
        // The names of files are durable only once their folders are. At every start: the first one may have been cut
        // off here.
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

type Opening = (Arc<dyn Tree>, Option<FormatV1>, HeadV1);

/// Opens sled's files and reads what says which store they are.
pub(crate) fn read_files(path: &Path, cache_bytes: u64) -> Result<Opening, OpenError> {
    let free = fs2::available_space(path)?;
    if free < ROOM_TO_OPEN {
        return Err(OpenError::NoRoomToOpen { folder: path.to_owned(), needed: ROOM_TO_OPEN });
    }
    let opened = catch_sled_panic(|| -> Result<Opening, OpenError> {
        let tree = SledTree::open(path, cache_bytes)?;
        let format = tree.get(&keys::meta("format"))?.map(|value| record::decode_format(&value)).transpose()?;
        let head = tree.get(&keys::meta("head"))?.map(|value| record::decode_head(&value)).transpose()?;
        Ok((Arc::new(tree), format, head.unwrap_or_default()))
    })?;
    match &opened.1 {
        Some(FormatV1 { format: found, .. }) if *found != FORMAT => Err(OpenError::Format(*found)),
        _ => Ok(opened),
    }
}

/// Whether a store is what its marker says it is.
pub(crate) fn compare(path: &Path, said: Found, format: Option<&FormatV1>, head: &HeadV1) -> Result<(), OpenError> {
    let mark = match said {
        Found::Nothing => return Ok(()),
        Found::Damaged => return Err(OpenError::MarkerDamaged(path.join(marker::NAME))),
        Found::Mark(mark) => mark,
    };
    let behind = |found| OpenError::Behind { folder: path.to_owned(), found, acknowledged: mark.commit };
    match format {
        None if mark.commit > 0 => Err(behind(None)),
        // All zeros: the first start was cut off before the store had an id.
        Some(format) if format.store_id() != mark.store && mark.commit > 0 => {
            Err(OpenError::AnotherStore(path.join(marker::NAME)))
        }
        Some(_) if head.commit < mark.commit => Err(behind(Some(head.commit))),
        None | Some(_) => Ok(()),
    }
}

/// Writes the format record into a store that has none.
fn make(tree: &dyn Tree) -> Result<FormatV1, StoreError> {
    let format = FormatV1 { format: FORMAT, id_key: crate::random::bytes() };
    tree.apply(&[(keys::meta("format").into(), Some(record::encode_format(&format).into()))])?;
    Ok(format)
}
