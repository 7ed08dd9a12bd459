//! A block of each table is damaged in sled, and what is recorded next has to change it.

use super::busy::Busy;
use crate::model::{Event, NotificationKey, Seq, Status};
use crate::store::BackupError;
use crate::store::backup::live::write_pieces;
use crate::store::engine::journal::MemoryDisk;
use crate::store::engine::rows::memory::MemoryBase;
use crate::store::schema::table::{BY_RESPONSE, BY_STATE, BY_WEBHOOK, EVENT, NOTIFICATION, TYPE, Table, UNTRIED};
use crate::store::tests::rig::wait;
use std::sync::Arc;

/// Flips a bit of the last block of a table.
fn damage(base: &MemoryBase, table: u8) {
    let blocks = base.rows();
    let (block, whole) = blocks.iter().rfind(|(key, _)| key[0] == table).unwrap();
    let mut damaged = whole.to_vec();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x10;
    base.damage(block, Some(damaged.into()));
}

#[test]
fn intake_deliveries_and_checkpoints_go_on_beside_a_block_that_is_put_aside_and_nothing_is_hidden() {
    for table in [EVENT, NOTIFICATION, TYPE, BY_WEBHOOK, UNTRIED, BY_STATE, BY_RESPONSE] {
        let name = Table::of(&[table]).unwrap().name();
        let busy = Busy::start(Arc::default(), MemoryDisk::new());
        let webhook = busy.register();
        let key = |event: &Event| NotificationKey { seq: event.seq, webhook: webhook.no };
        let first = busy.record(20);
        first[..6].iter().for_each(|event| busy.confirm(key(event)));
        first[6..8].iter().for_each(|event| busy.exhaust(key(event)));
        busy.move_into_sled();
        damage(&busy.base, table);

        let mut next = busy.record(8);
        next[..2].iter().for_each(|event| busy.confirm(key(event)));
        next[2..4].iter().for_each(|event| busy.exhaust(key(event)));
        busy.move_into_sled();
        // Behind the checkpoint too, in what stands there instead.
        next.extend(busy.record(3));
        busy.confirm(key(&next[4]));
        busy.confirm(key(&next[8]));
        busy.move_into_sled();

        // What is asked for is there, or is an error.
        let see = |busy: &Busy| {
            let mut lost = 0;
            for event in first.iter().chain(&next) {
                match busy.store.event(busy.account, event.seq) {
                    Ok(found) => assert_eq!(found.unwrap().0.id, event.id, "{name}"),
                    Err(error) => {
                        assert!(error.to_string().contains("put aside") && table == EVENT, "{name}: {error}");
                        lost += 1;
                    }
                }
                match busy.store.notification(busy.account, key(event)) {
                    Ok(found) => assert!(found.is_some(), "{name}: a notification is left out"),
                    Err(error) => assert!(error.to_string().contains("put aside"), "{name}: {error}"),
                }
            }
            assert!((lost > 0) == (table == EVENT) && lost <= 8, "{name}: {lost}");
            let statuses = next.iter().map(|event| busy.status(key(event)));
            let expected = [
                [Status::Delivered; 2].as_slice(),
                &[Status::Failed; 2],
                &[Status::Delivered],
                &[Status::Pending; 3],
                &[Status::Delivered],
                &[Status::Pending; 2],
            ];
            assert_eq!(statuses.collect::<Vec<_>>(), expected.concat(), "{name}: the new ones");
            // The lane gets to what is behind.
            let due = busy.store.untried_page(busy.account, webhook.no, Seq(0), 99).unwrap();
            let due: Vec<Seq> = due.into_iter().filter(|seq| (next[0].seq..=next[10].seq).contains(seq)).collect();
            assert_eq!(due, [5, 6, 7, 9, 10].map(|nth: usize| next[nth].seq), "{name}");

            let report = busy.store.verify(|_| {});
            assert!(!report.is_sound() && report.to_string().contains("put aside"), "{name}: {report}");
            let pieces = wait(busy.store.backup()).unwrap().unwrap();
            let backup = write_pieces(pieces, Vec::new(), |_| {});
            let Err(BackupError::GivenUp(why)) = backup else { panic!("{name}: {backup:?}") };
            assert!(why.contains("put aside") && why.contains("carteiro restore FILE"), "{name}: {why}");
        };
        see(&busy);
        assert!(busy.record_much().is_ok(), "{name}");
        let (base, disk) = busy.stop();
        let busy = Busy::start(base, disk);
        see(&busy);
        busy.stop();
    }
}
