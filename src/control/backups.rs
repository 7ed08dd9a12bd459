//! Backups by the clock: one file after another in a folder, the oldest taken away.

use crate::clock::Clock;
use crate::config;
use crate::model::Timestamp;
use crate::store::{BackupError, FailedBackup, NewFile, Store, write_pieces};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;

/// How soon one that failed is tried again, unless they come more often anyway.
const AGAIN: Duration = Duration::from_secs(600);
/// How often the clock is looked at: a machine that was suspended makes up for what it missed.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The task that writes backups as the config asks for; `None` where it asks for none.
pub fn schedule(
    settings: &config::Store,
    store: Store,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
) -> Option<impl Future<Output = ()> + Send + use<>> {
    let (folder, every) = (settings.backup_dir.clone()?, settings.backup_every?);
    let (keep, min_free) = (settings.backup_keep as usize, settings.min_free);
    Some(async move {
        // The files say when the last one was made, whatever process made it.
        let now = clock.now();
        let last = latest(&folder, now).unwrap_or_default();
        store.schedule_backups(last.as_ref().map(|(at, file)| (*at, length(file))));
        let mut next = last.map_or(now, |(last, _)| last.plus(every));
        loop {
            // A clock that was put back must not put the next one off for ever.
            next = next.min(clock.now().plus(every));
            if clock.now() >= next {
                let made = tokio::select! {
                    () = crate::shutdown::requested(&mut stop) => return,
                    made = back_up(&store, &folder, keep, min_free, clock.now()) => made,
                };
                next = clock.now().plus(every);
                match made {
                    Ok(file) => {
                        store.note_backup(clock.now(), length(&file));
                        tracing::info!(file = %file.display(), "a backup was written");
                    }
                    Err(error) => {
                        tracing::error!(%error, folder = %folder.display(), "a backup could not be written");
                        store.note_failed_backup(FailedBackup { at: clock.now(), error: error.to_string() });
                        next = clock.now().plus(every.min(AGAIN));
                    }
                }
            }
            tokio::select! {
                () = crate::shutdown::requested(&mut stop) => return,
                () = tokio::time::sleep(next.since(clock.now()).min(LOOK_EVERY)) => {}
            }
        }
    })
}

async fn back_up(
    store: &Store,
    folder: &Path,
    keep: usize,
    min_free: u64,
    now: Timestamp,
) -> Result<PathBuf, BackupError> {
    let pieces = store.backup().await?;
    let pieces = pieces.ok_or_else(|| BackupError::GivenUp("another backup is under way".to_owned()))?;
    let (folder, file) = (folder.to_owned(), folder.join(name(now)));
    let written = tokio::task::spawn_blocking(move || {
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            // Of a backup that was cut off: one at a time is written here.
            if name.strip_suffix(".part").is_some_and(|name| {
                // With or without the random word that tells two writers apart.
                let whole = name.find(".backup").map_or(name, |at| &name[..at + ".backup".len()]);
                time_of(whole).is_some()
            }) {
                fs::remove_file(path)?;
            }
        }
        let out = io::BufWriter::with_capacity(256 * 1024, NewFile::create(&file, min_free)?);
        let mut out = write_pieces(pieces, out, |_| {})?;
        out.flush()?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.commit()?;
        // Never deletes the backup that was just written, whatever times the names of the others give.
        let others: Vec<_> = ours(&folder)?.into_iter().filter(|(_, other)| *other != file).collect();
        for (_, old) in others.iter().take((others.len() + 1).saturating_sub(keep)) {
            fs::remove_file(old)?;
        }
        Ok(file)
    });
    written.await.unwrap_or_else(|panic| Err(BackupError::Io(io::Error::other(panic))))
}

/// `carteiro-20261124T120000Z.backup`: sorted by name is sorted by time.
fn name(at: Timestamp) -> String {
    let text = at.to_string();
    let seconds = text.split('.').next().unwrap_or(&text);
    let digits: String = seconds.chars().filter(|c| *c != '-' && *c != ':').collect();
    format!("carteiro-{digits}Z.backup")
}

fn time_of(name: &str) -> Option<Timestamp> {
    let digits = name.strip_prefix("carteiro-")?.strip_suffix("Z.backup")?;
    let (date, time) = digits.split_once('T')?;
    if date.len() != 8 || time.len() != 6 || !digits.is_ascii() {
        return None;
    }
    let iso = format!("{}-{}-{}T{}:{}:{}Z", &date[..4], &date[4..6], &date[6..], &time[..2], &time[2..4], &time[4..]);
    Timestamp::parse(&iso).ok()
}

fn length(file: &Path) -> Option<u64> {
    fs::metadata(file).ok().map(|metadata| metadata.len())
}

/// The latest scheduled backup of a folder, with the time that its name gives; `None` where there is none. One from the
/// future was made by a clock that ran ahead, and is passed over.
pub fn latest(folder: &Path, now: Timestamp) -> io::Result<Option<(Timestamp, PathBuf)>> {
    Ok(ours(folder)?.into_iter().rfind(|(at, _)| *at <= now))
}

/// The backups of a folder that are ours, the oldest first.
fn ours(folder: &Path) -> io::Result<Vec<(Timestamp, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let at = path.file_name().and_then(|name| name.to_str()).and_then(time_of);
        files.extend(at.map(|at| (at, path)));
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_time_and_strangers_are_left_alone() {
        let at = Timestamp::parse("2026-11-24T12:34:56.789Z").unwrap();
        assert_eq!(name(at), "carteiro-20261124T123456Z.backup");
        assert_eq!(time_of(&name(at)), Timestamp::parse("2026-11-24T12:34:56Z").ok());
        for stranger in
            ["carteiro-.backup", "carteiro-20261324T123456Z.backup", "x.backup", "carteiro-2026112éT12345Z.backup"]
        {
            assert_eq!(time_of(stranger), None, "{stranger}");
        }
        let folder = tempfile::tempdir().unwrap();
        for file in ["carteiro-20261124T123456Z.backup", "carteiro-20251124T123456Z.backup", "notes.txt"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let found = ours(folder.path()).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found[0].1.ends_with("carteiro-20251124T123456Z.backup"));
    }
}
