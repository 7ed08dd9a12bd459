//! Events are found by what they have, whatever stands beside them in the index.

use super::rig::{PutRow, Rig, Skip, event, wait};
use crate::model::{Cursor, Event, EventFilter, Listing, NewEvent, Order, Seq};
use crate::store::EraseEvent;
use crate::store::query::merge::MAX_STEPS;
use crate::store::schema::keys;
use crate::store::schema::references::Kind;

fn with_ids(external_id: &str, resource_id: &str) -> NewEvent {
    let resource = format!(r#"{{"id":"{resource_id}"}}"#);
    NewEvent { external_id: Some(external_id.to_owned()), ..event("PAYMENT.PAID", &resource) }
}

fn by_external_id(id: &str) -> EventFilter {
    EventFilter { external_id: Some(id.to_owned()), ..EventFilter::default() }
}

/// All pages, and how many there were.
fn found(rig: &Rig, filter: &EventFilter, order: Order, limit: usize) -> (Vec<Seq>, usize) {
    let (mut found, mut pages, mut cursor): (Vec<Seq>, usize, Option<Cursor>) = (Vec::new(), 0, None);
    loop {
        let page = rig.store.events(rig.account, filter, Listing { order, cursor, limit }).unwrap();
        pages += 1;
        found.extend(page.items.iter().map(|event| event.seq));
        let durable = rig.store.durable().0;
        cursor = page.next.filter(|cursor| cursor.0.seq <= durable);
        if cursor.is_none() {
            return (found, pages);
        }
    }
}

fn seqs(events: &[Event]) -> Vec<Seq> {
    events.iter().map(|event| event.seq).collect()
}

#[test]
fn an_event_whose_value_has_the_hash_of_another_one_s_is_not_taken_for_it() {
    let rig = Rig::new();
    let events = rig.accept((0..6).map(|n| with_ids(&format!("pedido-{}", n % 2), &format!("r-{n}"))).collect());
    // As if `pedido-1` had the hash of `pedido-0`, and the id of an order that of a resource.
    let hash = rig.store.shared.references.hash(Kind::ExternalId, "pedido-0");
    for event in [1, 3, 5].map(|n| &events[n]) {
        wait(rig.store.commit(PutRow(keys::reference(rig.account, hash, event.seq)))).unwrap();
    }
    let hash = rig.store.shared.references.hash(Kind::ResourceId, "pedido-0");
    wait(rig.store.commit(PutRow(keys::reference(rig.account, hash, events[0].seq)))).unwrap();
    let expected: Vec<Seq> = [0, 2, 4].map(|n| events[n].seq).into();
    for limit in 1..5 {
        let oldest = found(&rig, &by_external_id("pedido-0"), Order::Oldest, limit).0;
        let mut newest = found(&rig, &by_external_id("pedido-0"), Order::Newest, limit).0;
        newest.reverse();
        assert_eq!((oldest, newest), (expected.clone(), expected.clone()), "{limit}");
    }
    let no_resource = EventFilter { resource_id: Some("pedido-0".to_owned()), ..EventFilter::default() };
    assert_eq!(found(&rig, &no_resource, Order::Newest, 9).0, []);
    let report = rig.store.verify(|_| {});
    assert_eq!(report.wrong, 4, "{report}");
    assert!(report.findings[0].contains("is not an index row of its event"), "{report}");
    rig.close();
}

#[test]
fn a_value_is_found_across_partitions_by_case_and_until_its_event_is_erased() {
    let rig = Rig::new();
    let mut events = Vec::new();
    // Next to each other, in the next partition, far away as behind a restore.
    for skipped in [0, 3, 1 << 16, 1 << 17, 1 << 40] {
        wait(rig.store.commit(Skip(skipped))).unwrap();
        events.extend(rig.accept(vec![with_ids("pedido-7", "r-7"), with_ids("Pedido-7", "r-8")]));
    }
    let rig = rig.reopen();
    let is_lower = |event: &&Event| event.external_id.as_deref() == Some("pedido-7");
    let (lower, upper): (Vec<&Event>, Vec<&Event>) = events.iter().partition(is_lower);
    let of = |events: &[&Event]| events.iter().map(|event| event.seq).collect::<Vec<_>>();
    for limit in [1, 2, 50] {
        let (found_lower, pages) = found(&rig, &by_external_id("pedido-7"), Order::Oldest, limit);
        assert_eq!(found_lower, of(&lower));
        assert!(pages <= lower.len() / limit + 1);
    }
    let both = EventFilter { resource_id: Some("r-8".to_owned()), ..by_external_id("Pedido-7") };
    assert_eq!(found(&rig, &both, Order::Oldest, 2).0, of(&upper));
    let neither = EventFilter { resource_id: Some("r-7".to_owned()), ..by_external_id("Pedido-7") };
    assert_eq!(found(&rig, &neither, Order::Newest, 2).0, []);
    assert_eq!(found(&rig, &by_external_id("pedido"), Order::Newest, 2).0, []);
    // What the resource says goes with it; what the caller said of the event stays.
    wait(rig.store.commit(EraseEvent { account: rig.account, seq: upper[0].seq, external_id: false }))
        .unwrap()
        .unwrap();
    let by_resource = EventFilter { resource_id: Some("r-8".to_owned()), ..EventFilter::default() };
    assert_eq!(found(&rig, &by_resource, Order::Oldest, 9).0, of(&upper[1..]));
    assert_eq!(found(&rig, &by_external_id("Pedido-7"), Order::Oldest, 9).0, of(&upper));
    rig.check_rows();
    rig.close();
}

#[test]
fn a_page_looks_into_a_bounded_number_of_partitions_and_says_where_to_go_on() {
    let rig = Rig::new();
    let mut first = rig.accept(vec![with_ids("rare", "r")]);
    for _ in 0..MAX_STEPS + 50 {
        wait(rig.store.commit(Skip(1 << 16))).unwrap();
        rig.accept(vec![with_ids("common", "r")]);
    }
    first.extend(rig.accept(vec![with_ids("rare", "r")]));
    for order in [Order::Oldest, Order::Newest] {
        let (mut rare, pages) = found(&rig, &by_external_id("rare"), order, 50);
        rare.sort();
        assert_eq!((rare, pages), (seqs(&first), 2));
        // A look for what nothing has is bounded as well.
        assert_eq!(found(&rig, &by_external_id("absent"), order, 50), (vec![], 2));
    }
    rig.close();
}
