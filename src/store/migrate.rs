//! From older formats to the present one: what a carteiro does first with a store that an earlier one left.
//!
//! A backup is written before anything is touched, since a migrated store can't be opened by the carteiro it came from. Each step is
//! one atomic batch: a crash leaves the old format or the new.

use super::engine::{RowWrite, Tree};
use super::open::{FORMAT, Files};
use super::record::{self, FormatV1, HeadV2};
use super::{AccountNo, StoreError, backup, ending, keys, sets};
use crate::clock::Clock;
use crate::model::{NotificationKey, Seq, WebhookNo};
use std::path::Path;

pub(super) fn to_present_format(
    mut files: Files,
    backup_dir: Option<&Path>,
    min_free: u64,
    clock: &Clock,
) -> Result<Files, StoreError> {
    let from = files.format.format;
    if from == FORMAT {
        forget_rows_of_sets(&files)?;
        return Ok(files);
    }
    if from == 1 {
        // Format 2 counts what is kept, and a backup says how much that is.
        count(&*files.tree, &mut files.head)?;
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
            3 => make_sets(&mut files)?,
            found => return Err(StoreError::TooOld { found }),
        }
    }
    forget_rows_of_sets(&files)?;
    tracing::info!(from, to = FORMAT, "the store was migrated");
    Ok(files)
}

/// How many rows one batch of a migration writes.
const ROWS_A_BATCH: usize = 1000;

/// Format 4 has sets where there was a row for each event; besides, it keeps bulk resends, and how targets do. The sets are made
/// beside the old rows, which go only once the new format is durable: a crash before that leaves a store of format 3, and after it
/// one of format 4 with rows that nothing looks at.
fn make_sets(files: &mut Files) -> Result<(), StoreError> {
    for (_, set) in keys::SETS_ONCE_ROWS {
        // Of a migration that was cut off, after which the older carteiro may have gone on.
        delete_all(files, set)?;
    }
    let mut batch = Batch::default();
    for (old, set) in keys::SETS_ONCE_ROWS {
        let mut row: Option<(keys::Key, u128)> = None;
        for entry in files.tree.scan(&[old]).keys() {
            let mut entry = entry?.to_vec();
            entry[0] = set;
            let short = StoreError::Damaged { table: "index", what: "has a short key" };
            let (key, bit) = keys::in_set(&entry).ok_or(short)?;
            match &mut row {
                Some((of, bits)) if *of == key => *bits |= bit,
                _ => {
                    if let Some((of, bits)) = row.replace((key, bit)) {
                        batch.put(files, of, record::encode_set(bits));
                    }
                }
            }
        }
        if let Some((of, bits)) = row {
            batch.put(files, of, record::encode_set(bits));
        }
    }
    batch.apply(files);
    files.tree.sync()?;
    take_on(files, 4)
}

fn forget_rows_of_sets(files: &Files) -> Result<(), StoreError> {
    for (old, _) in keys::SETS_ONCE_ROWS {
        delete_all(files, old)?;
    }
    Ok(())
}

fn delete_all(files: &Files, table: u8) -> Result<(), StoreError> {
    loop {
        let mut batch = Batch::default();
        for key in files.tree.scan(&[table]).keys().take(ROWS_A_BATCH) {
            batch.rows.push((key?, None));
        }
        if batch.rows.is_empty() {
            return Ok(());
        }
        batch.apply(files);
    }
}

/// A batch that is applied whenever it is large enough.
#[derive(Default)]
struct Batch {
    rows: Vec<RowWrite>,
}

impl Batch {
    fn put(&mut self, files: &Files, key: keys::Key, value: Vec<u8>) {
        self.rows.push((key.into(), Some(value.into())));
        if self.rows.len() >= ROWS_A_BATCH {
            std::mem::take(self).apply(files);
        }
    }

    fn apply(self, files: &Files) {
        ending::apply(|| files.tree.apply(&self.rows), || Ok(()));
    }
}

/// Events, notifications and payload bytes; and no number that an event has is given out again.
pub(super) fn count(tree: &dyn Tree, head: &mut HeadV2) -> Result<(), StoreError> {
    (head.events, head.notifications, head.payload_bytes) = (0, 0, 0);
    for row in tree.scan(&keys::all_events()) {
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
    for row in tree.scan(&keys::all_notifications()) {
        row?;
        head.notifications += 1;
    }
    head.notifications += fresh_without_record(tree)?;
    Ok(())
}

fn fresh_without_record(tree: &dyn Tree) -> Result<u64, StoreError> {
    let mut found = 0;
    for row in tree.scan(&keys::all_fresh()) {
        let (row, value) = row?;
        let short = || StoreError::Damaged { table: "set", what: "has a short key" };
        let account = AccountNo(keys::u32_at(&row, 1).ok_or_else(short)?);
        let webhook = WebhookNo(keys::u32_at(&row, 5).ok_or_else(short)?);
        for seq in sets::seqs(&row, &value)? {
            let key = NotificationKey { seq: Seq(seq), webhook };
            found += u64::from(!tree.contains(&keys::notification(account, key))?);
        }
    }
    Ok(found)
}

/// The counts are in the head already.
fn keep_the_counts(files: &mut Files) -> Result<(), StoreError> {
    take_on(files, 2)
}

/// A format whose records read the older ones as they are: only the number changes, so that an older carteiro refuses it. Format 3
/// keeps order, and tells of errors in two languages.
fn take_on(files: &mut Files, format: u32) -> Result<(), StoreError> {
    files.head.commit += 1;
    let format = FormatV1 { format, ..files.format };
    let rows = [("head", record::encode_head(&files.head)), ("format", record::encode_format(&format))];
    let rows = rows.map(|(name, value)| (keys::meta(name).into(), Some(value.into())));
    ending::apply(|| files.tree.apply(&rows), || Ok(()));
    files.tree.sync()?;
    files.marker.move_to(files.head.commit)?;
    files.format = format;
    Ok(())
}
