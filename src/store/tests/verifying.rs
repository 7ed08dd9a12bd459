//! Verifying beside a committer.

use crate::model::{NotificationKey, Trigger, Verdict};
use crate::store::changes::idempotency::IdempotencyKey;
use crate::store::tests::rig::{Rig, attempt, event, wait};
use crate::store::{RecordEvents, Report};
use std::cell::Cell;
use std::time::Duration;

const BEFORE: u64 = 12;

/// Each table that has a row of an event gets one: a payload in chunks, an idempotency key, an answer, a retry.
fn record(rig: &Rig, n: u64) {
    let resource = format!(r#"{{"id":"r{n}","pad":"{}"}}"#, "y".repeat(40_000));
    let hash = [n.to_be_bytes(), [7; 8]].concat().try_into().unwrap();
    let key = IdempotencyKey { hash, fingerprint: hash, until: rig.clock.now().plus(Duration::from_secs(3600)) };
    let events = vec![event("PAYMENT.PAID", &resource)];
    let recorded = wait(rig.store.commit(RecordEvents { account: rig.account, events, key: Some(key) })).unwrap();
    let seq = recorded[0].event.seq;
    for webhook in rig.store.directory().of(rig.account) {
        let key = NotificationKey { seq, webhook: webhook.no };
        let again = rig.clock.now().plus(Duration::from_secs(n));
        match n % 3 {
            0 => {}
            1 => rig.settle(key, attempt(Trigger::Automatic, Some(500)), Verdict::RetryAt(again)),
            _ => rig.settle(key, attempt(Trigger::Automatic, Some(404)), Verdict::Exhausted),
        }
    }
    rig.after(Duration::from_millis(3));
}

fn rows(report: &Report) -> Vec<(&str, u64)> {
    report.rows.iter().map(|(kind, rows)| (*kind, *rows)).collect()
}

/// One of a daemon under load looked at rows for as long as there came new ones.
#[test]
fn a_verification_ends_however_much_is_recorded_meanwhile() {
    let rig = Rig::new();
    rig.register(&["*"]);
    rig.register(&["PAYMENT.*"]);
    (0..BEFORE).for_each(|n| record(&rig, n));
    let alone = rig.store.verify(|_| {});
    assert!(alone.is_sound(), "{alone}");
    let recorded = Cell::new(BEFORE);
    // More for each row that is read than the row.
    let beside = rig.store.verify(|read| {
        assert!(read < 2000, "it doesn't end");
        record(&rig, recorded.replace(recorded.get() + 1));
    });
    assert!(beside.is_sound(), "{beside}");
    assert!(recorded.get() > 10 * BEFORE, "there was load");
    assert_eq!(rows(&beside), rows(&alone), "the events that there were, and all that is of them");
    let after = rig.store.verify(|_| {});
    assert!(after.is_sound(), "{after}");
    assert_eq!(after.rows["event"], recorded.get());
}
