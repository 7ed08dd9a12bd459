//! What readers see of what is applied.

use super::rig::{Rig, START, paid, wait};
use crate::model::{EventFilter, Listing, NotificationFilter, NotificationKey, Order};
use crate::store::{CreateAccount, RecordEvents};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What is applied is visible before it is synced, and a power cut may still give its number to another event. A search
/// for `to` once walked past what was durable when the account's next event was one that wasn't.
#[test]
fn nothing_newer_than_what_is_durable_is_listed() {
    let rig = Rig::new();
    let hook = rig.register(&["*"]);
    let other = wait(rig.store.commit(CreateAccount { name: "other".to_owned() })).unwrap();
    rig.accept(vec![paid()]);
    wait(rig.store.commit(RecordEvents { account: other, events: vec![paid(), paid()], key: None })).unwrap();
    let last = rig.accept(vec![paid(), paid()]);
    let whole = rig.store.shared.durable.swap(3, Ordering::AcqRel);
    let later = Some(START.plus(Duration::from_secs(9)));
    for (from, to) in [(None, None), (None, later), (Some(START), later), (later, None)] {
        for order in [Order::Newest, Order::Oldest] {
            let seen = usize::from(from != later);
            let listing = Listing { order, ..Listing::newest(10) };
            let filter = EventFilter { from, to, ..EventFilter::default() };
            assert_eq!(rig.store.events(rig.account, &filter, listing).unwrap().items.len(), seen);
            let filter = NotificationFilter { from, to, ..NotificationFilter::default() };
            assert_eq!(rig.store.notifications(rig.account, &filter, listing).unwrap().items.len(), seen);
            assert_eq!(rig.store.count_notifications(rig.account, &filter, u64::MAX).unwrap(), seen as u64);
        }
    }
    assert_eq!(rig.store.event_seq(rig.account, last[0].id).unwrap(), None);
    let key = NotificationKey { seq: last[0].seq, webhook: hook.no };
    assert_eq!(rig.store.notification(rig.account, key).unwrap(), None);
    rig.store.shared.durable.store(whole, Ordering::Release);
    assert!(rig.store.notification(rig.account, key).unwrap().is_some());
}

/// The page was cut at what was durable when it was begun, but its cursor was put behind what was durable when it
/// ended: events synced in between were behind the cursor before anybody had seen them.
#[test]
fn a_feed_loses_nothing_while_events_arrive() {
    let rig = Rig::new();
    let stop = AtomicBool::new(false);
    let (seen, recorded) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let ending = stop.load(Ordering::Acquire);
                let listing = Listing::oldest(3).at(cursor);
                let page = rig.store.events(rig.account, &EventFilter::default(), listing).unwrap();
                if ending && page.items.is_empty() {
                    return seen;
                }
                cursor = page.next;
                assert!(cursor.is_some(), "a feed has no end");
                seen.extend(page.items.iter().map(|event| event.seq.0));
            }
        });
        let mut recorded = Vec::new();
        for _ in 0..150 {
            recorded.extend(rig.accept(vec![paid()]).iter().map(|event| event.seq.0));
        }
        stop.store(true, Ordering::Release);
        (reader.join().unwrap(), recorded)
    });
    assert_eq!(seen, recorded);
    // An empty page of either feed gives a cursor to come back with.
    let all = NotificationFilter::default();
    assert!(Rig::new().store.notifications(rig.account, &all, Listing::oldest(3)).unwrap().next.is_some());
}
