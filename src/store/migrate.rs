//! From older formats to the present one: what a carteiro does first with a store that an earlier one left.
//!
//! A backup is written before anything is touched, since a migrated store can't be opened by the carteiro it came from. Each step is
//! one atomic batch: a crash leaves the old format or the new.

use super::open::{FORMAT, Files};
use super::record::{self, FormatV1, HeadV2};
use super::{AccountNo, StoreError, backup, keys, sync};
use crate::clock::Clock;
use crate::model::Seq;
use std::path::Path;

pub(super) fn to_present_format(
    mut files: Files,
    backup_dir: Option<&Path>,
    min_free: u64,
    clock: &Clock,
) -> Result<Files, StoreError> {
    let from = files.format.format;
    if from == FORMAT {
        return Ok(files);
    }
    if from == 1 {
        // Format 2 counts what is kept, and a backup says how much that is.
        count(&files.tree, &mut files.head)?;
    }
    let folder = backup_dir.unwrap_or(&files.folder);
    let file = folder.join(format!("of-format-{from}.backup"));
    tracing::warn!(from, to = FORMAT, backup = %file.display(), "the store has an older format: it is backed up, then migrated");
    backup::write_cold(&files, &file, min_free, clock)
        .map_err(|error| StoreError::NoBackup { file: file.clone(), error: Box::new(error) })?;
    while files.format.format < FORMAT {
        match files.format.format {
            1 => keep_the_counts(&mut files)?,
            2 => take_on(&mut files, 3)?,
            3 => take_on(&mut files, 4)?,
            found => return Err(StoreError::TooOld { found }),
        }
    }
    tracing::info!(from, to = FORMAT, "the store was migrated");
    Ok(files)
}

/// Events, notifications and payload bytes; and no number that an event has is given out again.
pub(super) fn count(tree: &sled::Tree, head: &mut HeadV2) -> Result<(), StoreError> {
    (head.events, head.notifications, head.payload_bytes) = (0, 0, 0);
    for row in tree.scan_prefix(keys::all_events()) {
        let (key, value) = row?;
        let (account, seq) = (keys::u32_at(&key, 1), keys::u64_at(&key, 5));
        let (Some(account), Some(seq)) = (account, seq) else {
            return Err(StoreError::Damaged { table: "event", what: "has a short key" });
        };
        let (_, stored) = record::decode_event(AccountNo(account), Seq(seq), &value)?;
        head.seq = head.seq.max(seq);
        head.events += 1;
        head.payload_bytes += stored.payload_bytes();
    }
    for row in tree.scan_prefix(keys::all_notifications()) {
        row?;
        head.notifications += 1;
    }
    Ok(())
}

/// The counts are in the head already.
fn keep_the_counts(files: &mut Files) -> Result<(), StoreError> {
    take_on(files, 2)
}

/// A format whose records read the older ones as they are: only the number changes, so that an older carteiro refuses it. Format 3
/// keeps order, and tells of errors in two languages; format 4 keeps bulk resends, and how targets do.
fn take_on(files: &mut Files, format: u32) -> Result<(), StoreError> {
    files.head.commit += 1;
    let format = FormatV1 { format, ..files.format };
    let mut batch = sled::Batch::default();
    batch.insert(keys::meta("head"), record::encode_head(&files.head));
    batch.insert(keys::meta("format"), record::encode_format(&format));
    files.tree.apply_batch(batch)?;
    sync(&files.db, &files.log)?;
    files.marker.move_to(files.head.commit)?;
    files.format = format;
    Ok(())
}
