//! Restoring: a backup into an empty folder, and behind it what copies of the journal have. It is also how a store is
//! compacted, since sled's file never shrinks.
//!
//! Everything is read twice: once to be sure of every byte of it, then to write it. While it is written a file in the
//! folder says so: a restore that was cut off is done again from the start, and no daemon starts on half of one.
//!
//! A restored store leaves a gap in its sequence numbers. What was recorded after the backup was made had numbers too,
//! and the ids of notifications come from them: a new event under an old number would reach its target under a
//! `webhook-id` that the target has seen, and be dropped there as a repetition.
//!
//! It also begins another life: its commits go on from the last one that was restored, and the segments that the lost
//! store may have written with these numbers belong to another store from then on.

use crate::model::{AccountNo, Localized, Scope, Timestamp, display_in_english, localized};
use crate::store::backup::format as backup;
use crate::store::backup::format::{BackupError, Progress, Reader};
use crate::store::engine::folder::{restrict, sync_folder};
use crate::store::engine::journal::{FolderDisk, Frame, Identity};
use crate::store::engine::{
    Base as _, IDENTITY, Limits, RowStore, RowWrite, SledBase, Slice, Tree, catch_sled_panic, create_journal,
};
use crate::store::error::{OpenError, StoreError};
use crate::store::format::FORMAT;
use crate::store::lifecycle::files::{JOURNAL, RESTORING, read_head};
use crate::store::lifecycle::owner::hand_over;
use crate::store::lifecycle::replay::{Backup, Behind, NotReplayed, Replay, Replayed};
use crate::store::read::accounts::{account_names, keep_names};
use crate::store::schema::layout::layout;
use crate::store::schema::record::{FormatV1, HeadV1, Token};
use crate::store::schema::{keys, record};
use std::fs::File;
use std::io::{BufReader, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

/// How many bytes of memory sled may use meanwhile.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// What a restored store holds.
#[derive(Clone, Debug)]
pub struct Restored {
    /// How many events.
    pub events: u64,
    /// How many notifications.
    pub notifications: u64,
    /// Of which moment it is: when its last change was made.
    pub as_of: Timestamp,
    /// The names of its accounts, those that are being removed left out.
    pub accounts: Vec<String>,
    /// The tokens that let an admin in, each with the name of its account; those that have expired too.
    pub admin_tokens: Vec<(String, Token)>,
    /// What came from the journal, where there was one.
    pub replayed: Option<Replayed>,
}

/// What a restore is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading the backup through, to be sure of it.
    Checking,
    /// Reading the journal through; what is counted are its commits.
    CheckingJournal,
    /// Writing.
    Writing,
    /// Writing what the journal has.
    Replaying,
}

/// Writes a backup into `folder`, which must be empty or missing, or hold a restore that was cut off; and behind it
/// what the copies of the journal have. On `Ok` all of it is durable. A file that is not a whole backup, and a journal
/// that doesn't go on from it or isn't whole up to where it is wanted, is refused before anything is written.
pub fn restore(
    file: &Path,
    journal: Option<&Replay>,
    folder: &Path,
    mut progress: impl FnMut(Phase, Progress),
) -> Result<Restored, RestoreError> {
    check_folder(folder)?;
    let mut input = File::open(file).map_err(|error| RestoreError::Backup(BackupError::Io(error)))?;
    let found = check(&input, |done| progress(Phase::Checking, done))?;
    let behind = match (journal, &found) {
        (None, _) => None,
        (Some(_), None) => return Err(NO_FORMAT.into()),
        (Some(journal), Some(found)) => {
            Some(Behind::of(journal, found, |done| progress(Phase::CheckingJournal, done))?)
        }
    };
    input.seek(SeekFrom::Start(0)).map_err(|error| RestoreError::Backup(BackupError::Io(error)))?;
    prepare(folder)?;
    let mut body = Vec::new();
    let mut reader = Reader::new(BufReader::new(&input)).map_err(RestoreError::Backup)?;
    let restored = catch_sled_panic(|| -> Result<Restored, RestoreError> {
        let mut rows = None::<(RowStore<SledBase>, FormatV1)>;
        // It was read to its end a moment ago; what has changed since fails here.
        while reader.next_rows(&mut body).map_err(|error| changed(&error))? {
            let read = backup::rows(&body).map(|row| row.map(|(key, value)| (key.into(), value.map(Slice::from))));
            let read = read.collect::<Result<Vec<RowWrite>, _>>().map_err(|error| changed(&error))?;
            let (rows, _) = match &mut rows {
                Some(rows) => rows,
                none => none.insert(begin(folder, &read)?),
            };
            load(rows, &read)?;
            progress(Phase::Writing, reader.progress);
        }
        let (rows, format) = rows.ok_or(NO_FORMAT)?;
        let mut commit = reader.commit;
        if let Some(behind) = &behind {
            commit = behind.last;
            behind.replay(|Frame { rows: new, .. }, done| {
                load(&rows, &new)?;
                progress(Phase::Replaying, done);
                Ok(())
            })?;
        }
        finish(folder, &rows, &format, commit, behind.as_ref())
    })?;
    // Root may have run this in the folder of the user that the daemon runs as.
    hand_over(folder)?;
    fs::remove_file(folder.join(RESTORING))?;
    sync_folder(folder)?;
    Ok(restored)
}

const NO_FORMAT: StoreError = StoreError::Damaged { table: "format", what: "is missing" };

/// Reads a backup to its end, to be sure of every byte of it; what a journal behind it has to go on from. `None` of one
/// that doesn't say which store it is of.
fn check(input: &File, mut progress: impl FnMut(Progress)) -> Result<Option<Backup>, RestoreError> {
    let mut reader = Reader::new(BufReader::new(input)).map_err(RestoreError::Backup)?;
    let (mut body, mut format, mut head) = (Vec::new(), None, None);
    let (format_key, head_key) = (keys::meta("format"), keys::head());
    while reader.next_rows(&mut body).map_err(RestoreError::Backup)? {
        for row in backup::rows(&body) {
            let (key, value) = row.map_err(RestoreError::Backup)?;
            if key == &format_key[..] {
                format = value.map(record::decode_format).transpose()?;
            } else if key == &head_key[..] {
                head = value.map(record::decode_head).transpose()?;
            }
        }
        progress(reader.progress);
    }
    let time_ms = head.unwrap_or_default().time_ms;
    Ok(format.map(|format| Backup { store: format.store_id(), commit: reader.commit, time_ms }))
}

/// Begins a store, with another life; the first rows say which store it is.
fn begin(folder: &Path, rows: &[RowWrite]) -> Result<(RowStore<SledBase>, FormatV1), RestoreError> {
    let format = rows.iter().find(|(key, _)| key[..] == keys::meta("format")).and_then(|(_, value)| value.clone());
    let format = FormatV1 { life: crate::random::bytes(), ..record::decode_format(&format.ok_or(NO_FORMAT)?)? };
    let base = SledBase::open(folder, CACHE_BYTES)?;
    base.insert(IDENTITY, record::encode_format(&format).into())?;
    let rows = RowStore::open(base, layout, format.store_id(), Limits::default())?;
    rows.begin()?;
    Ok((rows, format))
}

/// Takes rows in; moves them into sled once there are many.
fn load(rows: &RowStore<SledBase>, new: &[RowWrite]) -> Result<(), StoreError> {
    rows.load(0, new)?;
    if rows.pressure() >= 100 {
        move_into_sled(rows)?;
    }
    Ok(())
}

fn move_into_sled(rows: &RowStore<SledBase>) -> Result<(), StoreError> {
    rows.freeze();
    while !rows.checkpoint_step()?.done {}
    Ok(())
}

fn finish(
    folder: &Path,
    rows: &RowStore<SledBase>,
    format: &FormatV1,
    commit: u64,
    behind: Option<&Behind<'_>>,
) -> Result<Restored, RestoreError> {
    let mut head = read_head(rows)?;
    let accounts = account_names(rows)?;
    let restored = Restored {
        events: head.events,
        notifications: head.notifications,
        as_of: Timestamp::from_ms(head.time_ms),
        admin_tokens: admin_tokens(rows, &accounts)?,
        accounts: accounts.into_iter().map(|(_, name)| name).collect(),
        replayed: behind.map(|behind| behind.replayed(rows)).transpose()?,
    };
    let mut last = vec![(keys::meta("format").into(), Some(record::encode_format(format).into()))];
    if head != HeadV1::default() {
        head.leap();
        last.push((keys::head().into(), Some(record::encode_head(&head).into())));
    }
    rows.load(commit, &last)?;
    move_into_sled(rows)?;
    let disk = FolderDisk::open(&folder.join(JOURNAL))?;
    let identity = Identity { store: format.store_id(), format: FORMAT };
    create_journal(Arc::new(disk), identity, commit).map_err(|error| io::Error::other(error.to_string()))?;
    keep_names(folder, &restored.accounts)?;
    Ok(restored)
}

fn admin_tokens(rows: &dyn Tree, accounts: &[(AccountNo, String)]) -> Result<Vec<(String, Token)>, StoreError> {
    let mut found = Vec::new();
    for row in rows.scan(&keys::tokens()) {
        let token = record::decode_token(&row?.1)?;
        let account = accounts.iter().find(|(no, _)| *no == token.account);
        if let Some((_, name)) = account.filter(|_| token.scopes.allows(Scope::Admin)) {
            found.push((name.clone(), token));
        }
    }
    Ok(found)
}

fn changed(error: &BackupError) -> RestoreError {
    RestoreError::Backup(BackupError::Damaged(format!("it changed while it was read: {error}")))
}

/// Why nothing, or not all, was restored.
#[derive(Debug)]
pub enum RestoreError {
    /// The folder holds something already.
    NotEmpty,
    /// The file is no backup.
    Backup(BackupError),
    /// The copies of the journal can't be used.
    Journal(NotReplayed),
    /// The folder could not be written.
    Store(OpenError),
}

impl RestoreError {
    /// What went wrong, and what to do.
    pub fn localized(&self) -> Localized {
        match self {
            Self::NotEmpty => localized!(
                "the folder is not empty: move what it holds away, or restore into another one",
                "a pasta não está vazia: tire dela o que há, ou restaure em outra"
            ),
            Self::Backup(error) => {
                let Localized { en, pt } = error.localized();
                localized!("the backup can't be used: {en}", "o backup não pode ser usado: {pt}")
            }
            Self::Journal(error) => error.localized(),
            Self::Store(error) => error.localized(),
        }
    }
}

display_in_english!(RestoreError);

impl std::error::Error for RestoreError {}

impl From<NotReplayed> for RestoreError {
    fn from(error: NotReplayed) -> Self {
        Self::Journal(error)
    }
}

impl<E: Into<OpenError>> From<E> for RestoreError {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

fn check_folder(folder: &Path) -> Result<(), RestoreError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => {
            let empty = entries.next().is_none();
            if empty || folder.join(RESTORING).exists() { Ok(()) } else { Err(RestoreError::NotEmpty) }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// An empty folder with the file that says what is going on in it.
fn prepare(folder: &Path) -> Result<(), RestoreError> {
    fs::create_dir_all(folder)?;
    restrict(folder)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // Only a restore that was cut off left anything here.
        if path.file_name().is_some_and(|name| name == RESTORING) {
            continue;
        }
        if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
    }
    fs::write(folder.join(RESTORING), "a restore fills this folder; if it was cut off, run it again\n")?;
    sync_folder(folder)?;
    Ok(())
}
