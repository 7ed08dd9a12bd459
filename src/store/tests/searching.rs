//! A search finds what a look at every event would find, in every order, page by page, until a payload is erased.

use super::rig::{Rig, event, wait};
use crate::model::{
    Cursor, Event, EventFilter, Filter as _, Listing, NewEvent, NotificationFilter, NotificationKey, Order, Pattern,
    ResourceFacts, SearchText, Seq, Status, WebhookNo,
};
use crate::store::EraseEvent;
use crate::store::query::walk::{Scope, Walk};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// An event as a caller gives it.
#[derive(Clone, Debug)]
struct Given {
    event_type: &'static str,
    external_id: Option<String>,
    resource: Value,
}

impl Given {
    fn new_event(&self) -> NewEvent {
        let resource = self.resource.to_string();
        let facts = ResourceFacts::find(self.external_id.as_deref(), &resource, &[]);
        NewEvent { external_id: self.external_id.clone(), resource: facts, ..event(self.event_type, &resource) }
    }

    /// What the contract says it is found by, read anew.
    fn has(&self, wanted: &str, erased: bool) -> bool {
        let text = |value: &Value| value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|n| n.to_string()));
        let ids = |object: &Value| {
            let members = object.as_object().into_iter().flatten();
            let ids = members.filter(|(name, _)| *name == "id" || (name.ends_with("_id") && *name != "tax_id"));
            ids.filter_map(|(_, value)| text(value)).collect::<Vec<_>>()
        };
        let below = self.resource.as_object().into_iter().flatten().flat_map(|(_, value)| ids(value));
        let found = ids(&self.resource).into_iter().chain(below).filter(|_| !erased);
        let mut keys = found.chain(self.external_id.clone()).map(|key| key.trim().to_lowercase());
        keys.any(|key| {
            let numbers = key.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() > 2);
            key == wanted || (!key.contains("0000-4000") && numbers.into_iter().any(|run| run == wanted))
        })
    }
}

/// Few enough values that many events have the same ones; the number of an order in several forms.
fn id() -> impl Strategy<Value = String> {
    let order = 100..106_u32;
    prop_oneof![
        order.clone().prop_map(|n| format!("Pedido-{n}")),
        order.clone().prop_map(|n| format!("pedido-{n}")),
        order.clone().prop_map(|n| n.to_string()),
        order.clone().prop_map(|n| format!(" NF {n}/2026 ")),
        order.prop_map(|n| format!("5a9d0001-0000-4000-8000-000000000{n}")),
        Just("7".to_owned()),
        Just("ação-104".to_owned()),
    ]
}

fn given() -> impl Strategy<Value = Given> {
    let types = prop_oneof![Just("PAYMENT.PAID"), Just("ORDER.PAID"), Just("PAYMENT.REFUNDED")];
    let number = prop_oneof![id().prop_map(Value::from), (100..106_u32).prop_map(Value::from)];
    (types, prop::option::of(id()), id(), prop::option::of(number), prop::option::of(id())).prop_map(
        |(event_type, external_id, id, order, customer)| Given {
            event_type,
            external_id,
            resource: json!({ "payment": { "id": id, "order_id": order, "note": "102", "deep": { "id": "103" } },
                "customer_id": customer, "tax_id": "105" }),
        },
    )
}

fn pages<T>(mut page: impl FnMut(Listing) -> (Vec<T>, Option<Cursor>), order: Order, limit: usize, end: u64) -> Vec<T> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let (items, next) = page(Listing { order, cursor, limit });
        found.extend(items);
        cursor = next.filter(|next| next.0.seq <= end);
        if cursor.is_none() {
            return found;
        }
    }
}

/// In both orders.
fn events_found(rig: &Rig, filter: &EventFilter, limit: usize) -> Vec<Seq> {
    let list = |order| {
        let page = |listing| {
            let page = rig.store.events(rig.account, filter, listing).unwrap();
            (page.items.iter().map(|event| event.seq).collect(), page.next)
        };
        pages(page, order, limit, rig.store.durable().0)
    };
    let (oldest, mut newest) = (list(Order::Oldest), list(Order::Newest));
    newest.reverse();
    assert_eq!(oldest, newest);
    oldest
}

fn notifications_found(rig: &Rig, filter: &NotificationFilter, limit: usize) -> Vec<NotificationKey> {
    let list = |order| {
        let page = |listing| {
            let page = rig.store.notifications(rig.account, filter, listing).unwrap();
            (page.items.iter().map(|(one, _)| one.key).collect(), page.next)
        };
        pages(page, order, limit, rig.store.durable().0)
    };
    let (oldest, mut newest) = (list(Order::Oldest), list(Order::Newest));
    newest.reverse();
    assert_eq!(oldest, newest);
    let count = rig.store.count_notifications(rig.account, filter, u64::MAX).unwrap();
    assert_eq!(usize::try_from(count).unwrap(), oldest.len());
    oldest
}

fn q(text: &str) -> Option<SearchText> {
    SearchText::parse(text)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_search_finds_what_a_look_at_every_event_finds(
        given in prop::collection::vec(given(), 1..40),
        erased in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        limit in 1..7_usize,
        from in any::<prop::sample::Index>(),
        reopened in any::<bool>(),
    ) {
        let mut rig = Rig::new();
        rig.register(&["PAYMENT.*"]);
        rig.register(&["*"]);
        let mut events: Vec<Event> = Vec::new();
        for given in &given {
            events.extend(rig.accept(vec![given.new_event()]));
            rig.after(Duration::from_secs(1));
        }
        let erased: BTreeSet<usize> = erased.iter().map(|one| one.index(given.len())).collect();
        for nth in &erased {
            let erase = EraseEvent { account: rig.account, seq: events[*nth].seq, external_id: false };
            wait(rig.store.commit(erase)).unwrap().unwrap();
        }
        if reopened {
            rig = rig.reopen();
        }
        let from = events[from.index(events.len())].inserted_at;
        let category = Pattern::parse("PAYMENT.*");
        let texts = ["100", "101", "102", "103", "104", "105", "2026", "pedido-100", "PEDIDO-101 ", "nf 103/2026", "7",
            "10", "edido-100", "Ação-104", "5A9D0001-0000-4000-8000-000000000101", "4000", "absent"];
        for text in texts {
            let wanted = text.trim().to_lowercase();
            let has = |nth: &usize| given[*nth].has(&wanted, erased.contains(nth));
            let hits: Vec<usize> = (0..given.len()).filter(has).collect();
            let is_payment = |nth: &usize| given[*nth].event_type.starts_with("PAYMENT.");
            let seqs = |hits: Vec<usize>| hits.into_iter().map(|nth| events[nth].seq).collect::<Vec<_>>();
            let filter = EventFilter { q: q(text), ..EventFilter::default() };
            prop_assert_eq!(events_found(&rig, &filter, limit), seqs(hits.clone()), "{}", text);
            let late = EventFilter { from: Some(from), event_type: category.clone(), ..filter };
            let expected = hits.iter().filter(|nth| is_payment(nth) && events[**nth].inserted_at >= from);
            prop_assert_eq!(events_found(&rig, &late, limit), seqs(expected.copied().collect()), "{}", text);
            let filter = NotificationFilter { q: q(text), ..NotificationFilter::default() };
            let keys = |nth: &usize| {
                let (webhooks, seq) = (if is_payment(nth) { vec![1, 2] } else { vec![2] }, events[*nth].seq);
                webhooks.into_iter().map(move |no| NotificationKey { seq, webhook: WebhookNo(no) })
            };
            let expected: Vec<_> = hits.iter().flat_map(keys).collect();
            prop_assert_eq!(notifications_found(&rig, &filter, limit), expected, "{}", text);
            let cancelled = NotificationFilter { status: Some(Status::Cancelled), ..filter };
            let expected: Vec<_> = hits.iter().filter(|nth| erased.contains(nth)).flat_map(keys).collect();
            prop_assert_eq!(notifications_found(&rig, &cancelled, limit), expected, "{}", text);
        }
        rig.check_rows();
        rig.close();
    }
}

#[test]
fn what_an_id_names_is_found_in_both_lists() {
    let rig = Rig::new();
    let [first, second] = [rig.register(&["*"]), rig.register(&["ORDER.*"])];
    let recorded = |event_type: &str| rig.accept(vec![event(event_type, "{}")]).remove(0);
    let (paid, order) = (recorded("PAYMENT.PAID"), recorded("ORDER.PAID"));
    let key = |event: &Event, no: WebhookNo| NotificationKey { seq: event.seq, webhook: no };
    let id = |key| rig.store.notification_id(key).to_string();
    let both = |text: &str| {
        let events = EventFilter { q: q(text), ..EventFilter::default() };
        let notifications = NotificationFilter { q: q(text), ..NotificationFilter::default() };
        (events_found(&rig, &events, 1), notifications_found(&rig, &notifications, 1))
    };
    let of_order = vec![key(&order, first.no), key(&order, second.no)];
    assert_eq!(both(&order.id.to_string().to_uppercase()), (vec![order.seq], of_order));
    let one = key(&order, second.no);
    assert_eq!(both(&id(one)), (vec![order.seq], vec![one]));
    let of_first = vec![key(&paid, first.no), key(&order, first.no)];
    assert_eq!(both(&first.id.to_string()), (vec![paid.seq, order.seq], of_first));
    assert_eq!(both(&second.id.to_string()), (vec![order.seq], vec![one]));
    assert_eq!(both("5a9d0001-0000-4000-8000-000000001042"), (vec![], vec![]));
    let other = NotificationFilter { q: q(&id(one)), webhook_id: Some(first.id), ..NotificationFilter::default() };
    assert_eq!(notifications_found(&rig, &other, 3), []);
    rig.close();
}

/// More hits than a page of a search alone looks at.
const MANY: u64 = 700;

#[test]
fn every_filter_beside_a_text_has_all_hits_looked_at_and_a_contradiction_none() {
    let rig = Rig::new();
    let webhook = rig.register(&["*"]);
    let resource = r#"{"payment":{"id":"p-11249"}}"#;
    rig.accept((0..MANY).map(|_| event("PAYMENT.PAID", resource)).collect());
    let page = |filter: &NotificationFilter| {
        let page = rig.store.notifications(rig.account, filter, Listing::newest(50)).unwrap();
        (page.items.len(), page.next.is_none())
    };
    let of = |narrow: fn(&mut NotificationFilter)| {
        let mut filter = NotificationFilter { q: q("11249"), ..NotificationFilter::default() };
        narrow(&mut filter);
        filter
    };
    let narrowed: [fn(&mut NotificationFilter); 4] = [
        |filter| filter.undelivered = Some(false),
        |filter| filter.webhook_deleted = Some(true),
        |filter| filter.test = Some(true),
        |filter| filter.status = Some(Status::Delivered),
    ];
    for filter in narrowed.map(of) {
        assert_eq!(page(&filter), (0, true), "{filter:?}");
    }
    for (undelivered, status) in [(true, Status::Delivered), (true, Status::Cancelled), (false, Status::Pending)] {
        let filter = NotificationFilter {
            undelivered: Some(undelivered),
            status: Some(status),
            ..NotificationFilter::default()
        };
        assert_eq!(page(&filter), (0, true), "{filter:?}");
    }
    let mut filter = NotificationFilter {
        webhook_id: Some(webhook.id),
        webhook_deleted: Some(true),
        ..NotificationFilter::default()
    };
    assert_eq!(page(&filter), (0, true));
    filter.webhook_deleted = Some(false);
    assert_eq!(page(&filter), (50, false));
    // What the index says is not read again.
    let reads = |filter: &NotificationFilter| {
        let scope = Scope::of(&rig.store.shared, rig.account, filter).unwrap().unwrap();
        let durable = rig.store.durable().0;
        Walk::new(&rig.store.shared, &scope, Listing::newest(50), durable).unwrap().unwrap().reads_records()
    };
    assert!(!reads(&filter));
    for status in [Status::Pending, Status::Held, Status::Failed, Status::Cancelled] {
        let of_deleted = NotificationFilter { status: Some(status), ..NotificationFilter::default() };
        assert!(!reads(&NotificationFilter { webhook_deleted: Some(false), ..of_deleted }), "{status:?}");
    }
    rig.close();
}

#[test]
fn an_erasure_takes_the_keys_and_what_a_row_says_but_the_caller_s_own_id() {
    let rig = Rig::new();
    let given = Given {
        event_type: "PAYMENT.PAID",
        external_id: Some("Pedido-11249".to_owned()),
        resource: json!({ "payment": { "id": "p-777", "order_id": "o-888", "external_id": "pedido-11249",
            "total_cents": 35986 } }),
    };
    let event = rig.accept(vec![given.new_event()]).remove(0);
    let about = event.about();
    assert_eq!((about.order_id.as_deref(), about.payment_id.as_deref()), (Some("o-888"), Some("p-777")));
    let found = |text: &str| events_found(&rig, &EventFilter { q: q(text), ..EventFilter::default() }, 3).len();
    let texts = ["pedido-11249", "11249", "p-777", "777", "o-888", "888"];
    assert_eq!(texts.map(found), [1; 6]);
    let erase = |external_id| {
        wait(rig.store.commit(EraseEvent { account: rig.account, seq: event.seq, external_id })).unwrap().unwrap()
    };
    let erased = erase(false);
    assert_eq!(texts.map(found), [1, 1, 0, 0, 0, 0]);
    let left = (erased.about().external_id, erased.about().total_cents, erased.resource.keys.len());
    assert_eq!(left, (Some("Pedido-11249".to_owned()), None, 1));
    rig.check_rows();
    let at = erased.erased_at;
    rig.after(Duration::from_secs(1));
    let erased = erase(true);
    assert_eq!((texts.map(found), erased.about().external_id, erased.erased_at), ([0; 6], None, at));
    assert_eq!(erase(true), erased, "again");
    rig.check_rows();
    rig.reopen().close();
}

/// `cargo test --release --lib store::tests::searching -- --ignored --nocapture`; `KEYS_ROWS` sets how many events.
#[test]
#[ignore = "it measures"]
fn a_page_of_a_search_in_a_large_store() {
    let count: u64 = std::env::var("KEYS_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let mut rig = Rig::new();
    rig.register(&["PAYMENT.*"]);
    let begun = Instant::now();
    for first in (0..count).step_by(500) {
        let events = (first..first + 500).map(|n| {
            let resource = format!(
                r#"{{"payment":{{"id":"5a9d0002-0000-4000-8000-{n:012x}","order_id":"5a9d0001-0000-4000-8000-{:012x}",
                    "external_id":"pedido-{}","store_id":"loja-{}","total_cents":{n}}}}}"#,
                n / 4,
                1_000_000 + n / 4,
                100 + n % 50,
            );
            event(if n % 2 == 0 { "PAYMENT.PAID" } else { "ORDER.PAID" }, &resource)
        });
        rig.accept(events.collect());
    }
    println!("{count} events recorded in {:?}", begun.elapsed());
    let cold = Instant::now();
    rig = rig.reopen();
    println!("opened again in {:?}", cold.elapsed());
    let middle = 1_000_000 + count / 8;
    let uuid = format!("5a9d0002-0000-4000-8000-{:012x}", count / 3);
    let texts = [
        middle.to_string(),
        format!("pedido-{middle}"),
        uuid,
        "absent".to_owned(),
        "999999999".to_owned(),
        "101".to_owned(),
        "loja-149".to_owned(),
    ];
    for text in &texts {
        for with in ["", "from", "type", "status"] {
            let mut filter = NotificationFilter { q: q(text), ..NotificationFilter::default() };
            let mut of_events = EventFilter { q: q(text), ..EventFilter::default() };
            match with {
                "from" => (filter.from, of_events.from) = (Some(super::rig::START), Some(super::rig::START)),
                "type" => {
                    (filter.event_type, of_events.event_type) = (Pattern::parse("ORDER.*"), Pattern::parse("ORDER.*"));
                }
                "status" => {
                    let status = NotificationFilter::FIELDS.iter().find(|field| field.name == "status").unwrap();
                    status.set(&mut filter, "DELIVERED").unwrap();
                }
                _ => {}
            }
            let timed = |page: &dyn Fn() -> usize| {
                let mut found = 0;
                let mut spans: Vec<Duration> = (0..11)
                    .map(|_| {
                        let begun = Instant::now();
                        found = page();
                        begun.elapsed()
                    })
                    .collect();
                let first = spans[0];
                spans.sort();
                (found, first, spans[5])
            };
            let list = Listing::newest(50);
            let events = timed(&|| rig.store.events(rig.account, &of_events, list).unwrap().items.len());
            let notified = timed(&|| rig.store.notifications(rig.account, &filter, list).unwrap().items.len());
            println!("{text:>40} {with:>6}: events {events:?}, notifications {notified:?} (found, first, median)");
        }
    }
    rig.close();
}
