use super::*;
use crate::store::engine::journal::{Damage, MemoryDisk};
use crate::store::engine::rows::memory::MemoryBase;
use crate::store::engine::tree::Tree as _;

const IDENTITY: Identity = Identity { store: [3; 16], format: 1 };

type MemoryWriter = JournalWriter<Arc<MemoryBase>>;

fn open(base: &Arc<MemoryBase>, disk: &MemoryDisk, accept: bool) -> Result<(MemoryWriter, Recovered), NotOpened> {
    JournalWriter::open(base.clone(), Arc::new(disk.clone()), IDENTITY, |_| None, accept)
}

fn commit(writer: &mut MemoryWriter) {
    let next = writer.last_commit() + 1;
    let row = (next.to_be_bytes().as_slice().into(), Some("a row".into()));
    writer.append(next, next, vec![row]).unwrap();
    writer.sync(Duration::ZERO).unwrap();
}

fn copy(base: &MemoryBase) -> Arc<MemoryBase> {
    let copied = MemoryBase::default();
    for (key, value) in base.rows() {
        copied.damage(&key, Some(value));
    }
    Arc::new(copied)
}

/// As somebody does who puts back one of two folders.
#[test]
fn a_journal_older_than_the_rows_beside_it_is_refused_and_older_rows_get_all_of_a_newer_one() {
    let (base, disk) = (Arc::new(MemoryBase::default()), MemoryDisk::new());
    let (mut writer, recovered) = open(&base, &disk, false).unwrap();
    assert_eq!(recovered.epoch, 1);
    (0..5).for_each(|_| commit(&mut writer));
    let (old_base, old_disk) = (copy(&base), disk.kill());
    let refused = |base: &Arc<MemoryBase>, at: (u64, u64), known: (u64, u64)| {
        let Err(NotOpened::Journal(error)) = open(&copy(base), &old_disk.kill(), false) else { panic!("it is opened") };
        let text = error.to_string();
        let RecoverError::Damage(Damage::Older { found, known: said }) = error else { panic!("{error}") };
        let numbers = |reached: Reached| (reached.epoch, reached.commit);
        assert_eq!((numbers(found), numbers(said)), (at, known));
        for words in ["older than the `db` beside it", "put back", "carteiro restore FILE", "--accept-data-loss"] {
            assert!(text.contains(words), "{text}");
        }
    };
    // Nothing but the stop came between the two.
    commit(&mut writer);
    writer.stop().unwrap();
    drop(writer);
    refused(&base, (1, 5), (1, 6));
    // A start in which nothing is recorded.
    drop(open(&base, &disk, false).unwrap());
    refused(&base, (1, 5), (2, 6));
    // A checkpoint says it too.
    let (mut writer, _) = open(&base, &disk, false).unwrap();
    commit(&mut writer);
    writer.engine.rows.freeze();
    while !writer.engine.rows.checkpoint_step().unwrap().done {}
    let reached = writer.engine.rows.reached();
    assert!((reached.epoch, reached.commit) == (3, 7) && reached.line != 0);
    drop(writer);
    refused(&base, (1, 5), (3, 7));

    // The loss can be accepted, and no number of it is given again.
    let (mut writer, recovered) = open(&copy(&base), &old_disk.kill(), true).unwrap();
    assert_eq!((recovered.epoch, recovered.last_commit), (4, 7));
    commit(&mut writer);
    assert_eq!(writer.last_commit(), 8);
    drop(writer);

    // The other way round nothing is missing, for as long as the journal has all of it.
    let (writer, recovered) = open(&old_base, &disk.kill(), false).unwrap();
    assert_eq!(recovered.last_commit, 7);
    assert_eq!(writer.engine.range(&[], None).count(), 7);
}
