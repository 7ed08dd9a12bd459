//! What nobody is told of after an erasure: ids in alerts, in messages on their way, and in what carteiro itself has
//! recorded; and what goes with an account.

use super::rig::{Rig, START, attempt, event, wait, webhook};
use crate::model::{
    AccountNo, Alert, Book, Condition, ErasureState, Event, EventType, Forgotten, Letter, LetterFact, LetterText,
    NewEvent, NotificationKey, Pending, Recipient, ResourceFacts, SearchText, Trigger, Verdict, WebhookNo,
};
use crate::store::{
    BeginErasure, CreateAccount, EraseEvent, KeepAlerts, KeptAlerts, RecordOutcome, Registration, RemoveAccount,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const ID: &str = "PEDIDO-ERASEME-77";
const OTHER: &str = "PEDIDO-88";

/// An event with an id of the shop's own, and a customer.
fn of(id: &str, customer: &str) -> NewEvent {
    let resource = format!(r#"{{"customer_id":"{customer}"}}"#);
    NewEvent {
        external_id: Some(id.to_owned()),
        resource: ResourceFacts::find(Some(id), &resource, &[]),
        ..event("ORDER.PAID", &resource)
    }
}

fn letter(account: &str, ids: &[&str]) -> Letter {
    let text = LetterText {
        key: "carteiro:1".to_owned(),
        kind: "OPENED".to_owned(),
        severity: "WARNING".to_owned(),
        language: "pt".to_owned(),
        at_ms: START.as_ms(),
        title: "2 notificações falharam".to_owned(),
        paragraphs: vec!["2 notificações falharam.".to_owned(), format!("Pedidos: {}.", ids.join(", "))],
        links: Vec::new(),
        conditions: vec![LetterFact {
            condition: "NOTIFICATIONS_FAILED".to_owned(),
            kind: "OPENED".to_owned(),
            account: Some(account.to_owned()),
            webhook: None,
            since_ms: START.as_ms(),
            count: Some(2),
            external_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        }],
        conditions_left_out: 0,
    };
    let pending = vec![Pending { channel: "email".to_owned(), failed: 1, due: START }];
    Letter { at: START, body: text.to_json().into(), told: Vec::new(), pending }
}

/// An alert that names both, and a letter.
fn told(account: AccountNo, no: WebhookNo) -> KeepAlerts {
    let alert = Alert { external_ids: vec![ID.to_owned(), OTHER.to_owned()], untold: 2, ..Alert::new(START, START) };
    let condition = Condition::NotificationsFailed(no);
    let to = [Recipient::Operator, Recipient::Account(account)];
    KeepAlerts {
        alerts: to.map(|to| ((to, condition), Some(alert.clone()))).into(),
        letters: to.map(|to| ((to, 1), Some(letter("main", &[ID, OTHER])))).into(),
        ..KeepAlerts::default()
    }
}

impl Rig {
    fn keep_told(&self, keep: KeepAlerts) {
        wait(self.store.commit(keep)).unwrap();
    }

    fn erase_by_id(&self, event: &Event) {
        let erase = EraseEvent { account: self.account, seq: event.seq, external_id: true };
        assert!(wait(self.store.commit(erase)).unwrap().is_some());
    }

    /// Where the store has a text, keys and values, as it is or in lower case.
    fn holds(&self, text: &str) -> bool {
        let rows = self.rows();
        let has = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part.eq_ignore_ascii_case(text.as_bytes()));
        rows.iter().any(|(key, value)| has(key) || has(value))
    }

    fn fail_for_good(&self, event: &Event, no: WebhookNo) {
        let key = NotificationKey { seq: event.seq, webhook: no };
        self.settle(key, attempt(Trigger::Automatic, Some(500)), Verdict::Exhausted);
    }

    fn words_about(&self) -> Vec<Event> {
        let is_word = |event: &Event| event.event_type.as_str() == EventType::NOTIFICATION_FAILED;
        self.all_events().into_iter().filter(is_word).collect()
    }
}

#[test]
fn an_erased_id_is_in_no_alert_no_message_and_no_row() {
    let rig = Rig::new();
    let hook = rig.register(&["*"]);
    let events = rig.accept(vec![of(ID, "maria"), of(OTHER, "ana")]);
    for event in &events {
        rig.fail_for_good(event, hook.no);
    }
    assert_eq!(rig.store.alert_facts()[&hook.no].external_ids, [ID, OTHER]);
    rig.keep_told(told(rig.account, hook.no));
    assert!(rig.holds(ID));
    rig.erase_by_id(&events[0]);
    assert!(!rig.holds(ID), "it is in no later backup");
    let facts = rig.store.alert_facts().remove(&hook.no).unwrap();
    assert_eq!((facts.failed, facts.external_ids), (2, vec![OTHER.to_owned()]));
    // What alerts had made of it before is looked through, until they have forgotten it themselves.
    rig.keep_told(told(rig.account, hook.no));
    assert!(!rig.holds(ID) && rig.holds(OTHER));
    let mut kept = KeptAlerts::default();
    for ((to, condition), alert) in told(rig.account, hook.no).alerts {
        kept.alerts.insert((to, condition), alert.unwrap());
    }
    kept.letters = BTreeMap::from([((Recipient::Operator, 1), letter("main", &[ID, OTHER]))]);
    let forgotten = rig.store.take_forgotten();
    for one in &forgotten {
        one.take_out_of(&mut kept.alerts, &mut kept.letters);
    }
    assert!(kept.alerts.values().all(|alert| alert.external_ids == [OTHER] && alert.untold == 2));
    assert!(kept.letters.values().all(|letter| !letter.body.contains(ID) && letter.body.contains(OTHER)));
    assert_eq!(rig.store.take_forgotten(), [], "once");
    let rig = rig.reopen();
    let stored = rig.store.kept_alerts().unwrap();
    assert_eq!((stored.alerts, stored.letters.len()), (kept.alerts, 2));
    rig.check_rows();
    // What no alert names costs them nothing.
    let other = rig.accept(vec![of("PEDIDO-99", "rui")]).remove(0);
    rig.erase_by_id(&other);
    assert_eq!(rig.store.take_forgotten(), []);
}

#[test]
fn an_id_that_stays_is_told() {
    let rig = Rig::new();
    let hook = rig.register(&["*"]);
    let event = rig.accept(vec![of(ID, "maria")]).remove(0);
    rig.fail_for_good(&event, hook.no);
    let erase = EraseEvent { account: rig.account, seq: event.seq, external_id: false };
    assert!(wait(rig.store.commit(erase)).unwrap().is_some());
    assert_eq!(rig.store.alert_facts()[&hook.no].external_ids, [ID]);
    assert_eq!(rig.store.take_forgotten(), []);
}

#[test]
fn what_carteiro_recorded_about_an_event_is_erased_with_its_id() {
    let rig = Rig::new();
    let (bad, _other) = (rig.register(&["ORDER.*"]), rig.register(&["WEBHOOK.*"]));
    let events = rig.accept(vec![of(ID, "maria"), of(OTHER, "ana"), of(ID, "maria")]);
    for event in &events {
        rig.fail_for_good(event, bad.no);
    }
    assert_eq!(rig.words_about().len(), 3);
    let erase = |key: &str| {
        let key = SearchText::parse(key).unwrap();
        let events = rig.store.count_erasure(rig.account, &key, true).unwrap().events;
        let erasure = BeginErasure { account: rig.account, key, external_id: true, events };
        let begun = wait(rig.store.commit(erasure)).unwrap();
        rig.finish_jobs();
        rig.barrier();
        let ended = rig.store.erasures(rig.account).into_iter().find(|erasure| erasure.number == begun.number).unwrap();
        assert_eq!(ended.state, ErasureState::Done);
        (ended.events, ended.erased)
    };
    // By a key that what was recorded about them doesn't have.
    assert_eq!(erase("maria"), (2, 2));
    let erased: Vec<bool> = rig.words_about().iter().map(|word| word.erased_at.is_some()).collect();
    assert_eq!(erased, [true, false, true]);
    assert!(!rig.holds(ID) && rig.holds(OTHER));
    // By one that it has: what goes along is counted once, as it was before.
    assert_eq!(erase(OTHER), (2, 2));
    assert!(!rig.holds(OTHER));
    assert_eq!(erase(OTHER), (0, 0));
    rig.check_rows();
}

/// Both in one group of changes: the word about it is not in the tree yet.
#[test]
fn what_is_recorded_about_an_event_in_the_group_of_its_erasure_is_erased_too() {
    let rig = Rig::new();
    let (bad, _other) = (rig.register(&["ORDER.*"]), rig.register(&["WEBHOOK.*"]));
    for round in 0..20 {
        let event = rig.accept(vec![of(&format!("{ID}-{round}"), "maria")]).remove(0);
        let key = NotificationKey { seq: event.seq, webhook: bad.no };
        rig.store.record_outcome(RecordOutcome {
            account: rig.account,
            key,
            attempt: attempt(Trigger::Automatic, Some(500)),
            verdict: Verdict::Exhausted,
            gap: Duration::ZERO,
            requested_at: None,
            webhook_updated_at: rig.updated_at(bad.no),
        });
        rig.erase_by_id(&event);
    }
    rig.barrier();
    assert!(!rig.holds(ID));
    rig.check_rows();
}

#[test]
fn of_a_removed_account_nothing_is_told() {
    let rig = Rig::new();
    let shop = wait(rig.store.commit(CreateAccount { name: "shop-b".to_owned() })).unwrap();
    let hook = wait(rig.store.commit(Registration::from(webhook(shop, &["*"])))).unwrap().webhook;
    let mut keep = told(shop, hook.no);
    keep.letters.clear();
    let own = Recipient::Account(shop);
    keep.letters.push(((own, 1), Some(letter("shop-b", &[ID]))));
    keep.letters.push(((Recipient::Operator, 1), Some(letter("shop-b", &[ID]))));
    keep.letters.push(((Recipient::Operator, 2), Some(letter("main", &[OTHER]))));
    keep.books.push((own, Some(Book { last_letter: 1, ..Book::default() })));
    rig.keep_told(keep.clone());
    let remove = RemoveAccount { name: "shop-b".to_owned(), told_in: None };
    assert_eq!(wait(rig.store.commit(remove)).unwrap(), Some(shop));
    let left = |rig: &Rig| {
        let kept = rig.store.kept_alerts().unwrap();
        let to: BTreeSet<_> = kept.alerts.keys().map(|(to, _)| *to).collect();
        (to, kept.letters.into_keys().collect::<Vec<_>>(), kept.books.len())
    };
    let expected = (BTreeSet::from([Recipient::Operator]), vec![(Recipient::Operator, 2)], 0);
    assert_eq!(left(&rig), expected);
    let (mut alerts, mut letters) = (BTreeMap::new(), BTreeMap::new());
    alerts.extend(keep.alerts.iter().map(|(key, alert)| (*key, alert.clone().unwrap())));
    letters.extend(keep.letters.iter().map(|(key, letter)| (*key, letter.clone().unwrap())));
    // Of what its webhooks do nobody is told either: an account that the config lacks isn't looked at.
    let forgotten = rig.store.take_forgotten();
    assert_eq!(forgotten, [Forgotten::Account { no: shop, name: "shop-b".to_owned() }]);
    forgotten[0].take_out_of(&mut alerts, &mut letters);
    assert_eq!(letters.into_keys().collect::<Vec<_>>(), [(Recipient::Operator, 2)]);
    assert!(alerts.keys().all(|(to, _)| *to == Recipient::Operator));
    rig.finish_jobs();
    rig.check_rows();
}
