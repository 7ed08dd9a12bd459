use super::*;
use crate::model::Timestamp;
use crate::store::engine::journal::{Identity, Journal, Keep, MemoryDisk, Settings};
use crate::store::engine::rows::memory::MemoryBase;
use crate::store::engine::{Limits, RowStore, RowWrite, Slice};
use crate::store::schema::record::HeadV1;
use std::sync::Mutex;
use std::time::Duration;

const HELD_BYTES: u64 = 64 * 1024;

/// A backup that is read slowly holds the journal all the while: up to a limit, and no further.
#[test]
fn a_backup_that_keeps_too_much_of_the_journal_ends_with_a_sentence_and_the_journal_goes() {
    let mut salt = 0;
    let random = Box::new(move || {
        salt += 1;
        salt
    });
    let settings = Settings { segment_bytes: 8 * 1024, held_bytes: HELD_BYTES, random };
    let identity = Identity { store: [7; 16], format: 1 };
    let (journal, _) = Journal::create(Arc::new(MemoryDisk::new()), identity, settings, 0).unwrap();
    let closed = journal.closed().clone();
    let journal = Arc::new(Mutex::new(journal));
    let rows = RowStore::open(Arc::new(MemoryBase::default()), |_| None, identity.store, Limits::default()).unwrap();
    // More than may wait in the channel.
    let row = |nth: u32| (Slice::from(&[b"k", &nth.to_be_bytes()[..]].concat()[..]), Some(vec![1; 4000].into()));
    let all: Vec<RowWrite> = (0..400).map(row).collect();
    rows.load(0, &all).unwrap();
    let header = Header::new(1, &HeadV1::default(), Timestamp::from_ms(0));
    let sign = Arc::new(());
    let under_way = Arc::downgrade(&sign);
    let begun = Begun { header, past: closed.past(0).unwrap(), sign };
    let close = {
        let journal = journal.clone();
        move || {
            let mut journal = journal.lock().unwrap();
            journal.rotate()?;
            Ok(journal.last_commit())
        }
    };
    let pieces = begun.read(Arc::new(rows), close).unwrap();

    let mut commit = 0;
    let mut record = |count: u64| {
        let mut journal = journal.lock().unwrap();
        for _ in 0..count {
            commit += 1;
            journal.append(commit, 0, &[("key".into(), Some(vec![2; 1000].into()))]).unwrap();
            journal.sync(Duration::ZERO).unwrap();
        }
        journal.rotate().unwrap();
        commit
    };
    // All of it is in sled, and the backup alone keeps it.
    let last = record(30);
    assert_eq!(closed.retire(last, Keep::Much).unwrap(), 0);
    assert_eq!(closed.first_commit(), 1);
    let last = record(60);
    assert!(
        closed.retire(last, Keep::Much).unwrap() > 0 && closed.first_commit() == last + 1,
        "nothing keeps it any more"
    );
    assert!(closed.bytes() < 8 * 1024);

    let mut out = Vec::new();
    let error = write_pieces(pieces, &mut out, |_| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the journal no longer has commit 1: it was held for so long that the journal outgrew its limit; begin again, \
         from a new backup"
    );
    assert_eq!(
        crate::store::check(out.as_slice(), |_| {}).unwrap_err().to_string(),
        error.to_string(),
        "nor is it one"
    );
    assert_eq!(under_way.strong_count(), 0, "and another one may begin");
}
