//! What was promised and what went over the wire, kept by the world outside: no crash takes it back. From it follows, in the
//! end, whether every promise was kept.

use super::changes::Answer;
use super::store::{ACCOUNT, Store};
use crate::model::{
    Event, EventType, MAX_AUTOMATIC_ATTEMPTS, Notification, NotificationKey, RetryPolicy, State, Status, Timestamp,
    Trigger, Webhook, WebhookNo,
};
use crate::store::rows;
use std::collections::{BTreeMap, BTreeSet};

/// What went over the wire of one notification.
#[derive(Clone, Debug, Default)]
struct Wire {
    /// The event that was sent; its number could be given to another after a crash.
    uid: u64,
    automatic: u32,
    by_hand: u32,
    /// Attempts whose outcome a crash took: they were made, and count for nothing.
    lost_automatic: u32,
    lost_by_hand: u32,
    /// Whether a 2XX came whose outcome was kept.
    confirmed: bool,
    /// When the last attempt by hand began whose outcome was kept.
    by_hand_at: Option<u64>,
    /// The next automatic attempt may not begin before this, by the wall clock and by time as it passes.
    not_before: (u64, u64),
}

/// An attempt whose outcome a crash could still take.
#[derive(Clone, Copy, Debug)]
struct Open {
    key: NotificationKey,
    trigger: Trigger,
    began: u64,
    confirms: bool,
}

#[derive(Clone, Debug)]
struct Expected {
    to: BTreeSet<WebhookNo>,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    uids: u64,
    attempts: u64,
    births: u64,
    events: BTreeMap<u64, Expected>,
    /// Owed on request, beyond what matched when the event was recorded.
    late: BTreeSet<(u64, WebhookNo)>,
    born: BTreeMap<NotificationKey, u64>,
    /// Since when each may leave for the first time, as far as its order goes, or may leave sooner than planned.
    due_since: BTreeMap<NotificationKey, u64>,
    /// Every policy of its own that a webhook ever had, and whether it ever went without.
    policies: BTreeMap<WebhookNo, Vec<Option<RetryPolicy>>>,
    wires: BTreeMap<NotificationKey, Wire>,
    open: BTreeMap<u64, Open>,
    /// After these in their order another one has left: none of them may leave by itself any more.
    closed: BTreeSet<NotificationKey>,
    // What was acknowledged.
    acknowledged: BTreeSet<u64>,
    registered: BTreeSet<WebhookNo>,
    changed: BTreeMap<WebhookNo, Timestamp>,
    deleted: BTreeSet<WebhookNo>,
    erased: BTreeSet<u64>,
    asked: BTreeMap<NotificationKey, u64>,
}

/// A request as it leaves.
pub(super) struct Leaving {
    pub(super) key: NotificationKey,
    pub(super) uid: u64,
    pub(super) trigger: Trigger,
    /// Whether it was taken from memory.
    pub(super) hot: bool,
    pub(super) time: u64,
    /// When the scheduler started it: the latest that the wall clock had shown since it last jumped, and the time.
    pub(super) started: (u64, u64),
    /// Whether the clock was never set in this story.
    pub(super) steady: bool,
}

impl Ledger {
    pub(super) fn new_uid(&mut self) -> u64 {
        self.uids += 1;
        self.uids
    }

    // ---- what is promised ----

    /// An event was recorded and found these webhooks. Matched again here, by the text of the patterns.
    pub(super) fn recorded(
        &mut self,
        store: &Store,
        uid: u64,
        event: &Event,
        owed_to: impl Iterator<Item = WebhookNo>,
    ) {
        let matching = store.directory().filter(|webhook| is_meant(webhook, &event.event_type));
        let to: BTreeSet<WebhookNo> = matching.map(|webhook| webhook.no).collect();
        assert!(owed_to.eq(to.iter().copied()), "{} is owed to whom it doesn't match", event.event_type);
        self.events.insert(uid, Expected { to });
    }

    pub(super) fn owed(&mut self, key: NotificationKey, time: u64) {
        self.births += 1;
        self.born.insert(key, self.births);
        self.has_turn(key, time);
    }

    /// Nothing in its order keeps it any more.
    pub(super) fn has_turn(&mut self, key: NotificationKey, time: u64) {
        self.due_since.insert(key, time);
    }

    pub(super) fn due_since(&self, key: NotificationKey) -> u64 {
        self.due_since.get(&key).copied().unwrap_or(0)
    }

    pub(super) fn policy(&mut self, webhook: &Webhook) {
        self.policies.entry(webhook.no).or_default().push(webhook.retry.clone());
    }

    pub(super) fn owed_late(&mut self, uid: u64, webhook: WebhookNo) {
        self.late.insert((uid, webhook));
    }

    pub(super) fn acknowledge(&mut self, answer: &Answer) {
        match answer {
            Answer::Accepted(uids) => self.acknowledged.extend(uids),
            Answer::Registered(no) => drop(self.registered.insert(*no)),
            Answer::Changed(webhook) => drop(self.changed.insert(webhook.no, webhook.updated_at)),
            Answer::Deleted(no) => drop(self.deleted.insert(*no)),
            Answer::Owed(asked) => self.asked.extend(asked.iter().copied()),
            Answer::Erased(uid) => drop(self.erased.insert(*uid)),
            Answer::Nothing => {}
        }
    }

    // ---- what goes over the wire ----

    /// A request leaves; returns the number of the attempt.
    pub(super) fn leaves(&mut self, store: &Store, leaving: &Leaving) -> u64 {
        let Leaving { key, uid, trigger, hot, time, started: (wall, at), steady } = *leaving;
        let notification = &store.notifications[&key];
        assert!(key.seq.0 <= store.durable, "{key:?} leaves and could still be lost");
        assert_eq!(store.events[&key.seq].uid, uid, "{key:?} leaves with another event's payload");
        let wire = self.wires.entry(key).or_insert_with(|| Wire { uid, ..Wire::default() });
        assert_eq!(wire.uid, uid, "the id of {key:?} has named another event before");
        let first = wire.automatic == 0;
        if trigger == Trigger::Automatic {
            let (not_before, not_before_time) = wire.not_before;
            assert!(wall >= not_before, "{key:?} leaves {} ms before its time", not_before - wall);
            assert!(!steady || at >= not_before_time, "{key:?} leaves {} ms early", not_before_time - at);
            let made = wire.automatic - wire.lost_automatic;
            assert!(made < u32::from(MAX_AUTOMATIC_ATTEMPTS), "a 21st attempt of {key:?}");
            assert!(hot || made == u32::from(notification.automatic), "{made} made: {notification:?}");
            assert!(!hot || made == 0, "sent from memory, as the first attempt, and it isn't: {notification:?}");
            assert!(!self.closed.contains(&key), "{key:?} leaves after one that is behind it in their order");
            wire.automatic += 1;
        } else {
            wire.by_hand += 1;
        }
        if trigger == Trigger::Automatic && first {
            self.close_those_before(store, notification);
        }
        self.attempts += 1;
        self.open.insert(self.attempts, Open { key, trigger, began: time, confirms: false });
        self.attempts
    }

    fn close_those_before(&mut self, store: &Store, notification: &Notification) {
        let (Some(order), key) = (notification.order, notification.key) else {
            return;
        };
        let birth = self.born[&key];
        for (other, before) in store.notifications.range(..key) {
            // One that was owed only after it, on request, had not been promised to come first.
            if other.webhook == key.webhook && before.order == Some(order) && self.born[other] < birth {
                assert!(!before.needs_automatic_attempt(), "{key:?} leaves before {before:?}, which it comes after");
                self.closed.insert(*other);
            }
        }
    }

    /// An attempt has ended, and this is what was decided.
    pub(super) fn ended(&mut self, attempt: u64, confirms: bool, next: Option<(u64, u64)>) {
        let Some(open) = self.open.get_mut(&attempt) else {
            return;
        };
        open.confirms = confirms;
        let wire = self.wires.entry(open.key).or_default();
        wire.not_before = next.unwrap_or(wire.not_before);
    }

    /// It could not be made after all, for a fault of this machine, and counts for nothing.
    pub(super) fn not_made(&mut self, attempt: u64) {
        if let Some(open) = self.open.remove(&attempt) {
            self.wires.entry(open.key).or_default().automatic -= 1;
        }
    }

    /// The next automatic attempt may begin sooner than was promised.
    pub(super) fn moved(&mut self, key: NotificationKey, due: Timestamp, time: u64) {
        self.due_since.insert(key, time);
        self.wires.entry(key).or_default().not_before = (due.as_ms(), 0);
    }

    /// These outcomes can't be lost any more.
    pub(super) fn kept(&mut self, attempts: &[u64]) {
        for attempt in attempts {
            let Some(Open { key, trigger, began, confirms }) = self.open.remove(attempt) else {
                continue;
            };
            let wire = self.wires.entry(key).or_default();
            wire.confirmed |= confirms;
            if trigger != Trigger::Automatic {
                wire.by_hand_at = wire.by_hand_at.max(Some(began));
            }
        }
    }

    /// The process has died: every outcome that was not kept is lost.
    pub(super) fn crashed(&mut self) {
        for Open { key, trigger, .. } in std::mem::take(&mut self.open).into_values() {
            let wire = self.wires.entry(key).or_default();
            if trigger == Trigger::Automatic {
                wire.lost_automatic += 1;
                wire.not_before = (0, 0);
            } else {
                wire.lost_by_hand += 1;
            }
        }
    }

    // ---- what is true at any moment ----

    /// What was acknowledged is there, each row of an index is a record's, the counts by status are a recount, and of each
    /// chain exactly one has its turn.
    pub(super) fn check_store(&self, store: &Store) {
        let uids: BTreeSet<u64> = store.events.values().map(|recorded| recorded.uid).collect();
        let missing = self.acknowledged.iter().find(|uid| !uids.contains(uid));
        assert_eq!(missing, None, "an event that was acknowledged is gone");
        for no in &self.registered {
            assert!(store.webhooks.contains_key(no), "{no:?} was acknowledged and is gone");
        }
        for no in &self.deleted {
            assert!(store.webhook(*no).is_none(), "{no:?} was deleted and is back");
        }
        for (no, at) in &self.changed {
            assert!(store.webhooks[no].updated_at >= *at, "a change of {no:?} was acknowledged and is undone");
        }
        for (id, seq) in &store.own_ids {
            assert_eq!(store.events[seq].event.id, *id, "an id leads to another event");
        }
        for recorded in store.events.values() {
            let erased = recorded.event.erased_at.is_some();
            assert!(erased || !self.erased.contains(&recorded.uid), "{recorded:?} was erased and is back");
        }
        check_counts(store);
        check_turns(store);
    }

    // ---- what is true in the end ----

    /// Everything has ended that ever will: each notification is where it was promised to be.
    pub(super) fn check_end(&self, store: &Store, default: &RetryPolicy) {
        self.check_store(store);
        assert!(self.open.is_empty(), "attempts without an outcome: {:?}", self.open);
        for (seq, recorded) in &store.events {
            let Some(expected) = self.events.get(&recorded.uid) else {
                continue;
            };
            for webhook in &expected.to {
                let key = NotificationKey { seq: *seq, webhook: *webhook };
                assert!(store.notifications.contains_key(&key), "{key:?} matched, and nothing is owed");
            }
        }
        for notification in store.notifications.values() {
            self.check_notification(store, notification, default);
        }
        for (key, at) in &self.asked {
            let recorded = &store.events[&key.seq];
            if recorded.event.erased_at.is_some() || store.webhook(key.webhook).is_none() {
                continue;
            }
            let answered = self.wires.get(key).and_then(|wire| wire.by_hand_at).is_some_and(|began| began >= *at);
            let state = store.notifications[key].state;
            assert!(
                answered || state == State::Cancelled,
                "an attempt by hand of {key:?}, asked for at {at}, was not made"
            );
        }
    }

    fn check_notification(&self, store: &Store, notification: &Notification, default: &RetryPolicy) {
        let key = notification.key;
        let recorded = &store.events[&key.seq];
        if let Some(expected) = self.events.get(&recorded.uid) {
            let owed = expected.to.contains(&key.webhook) || self.late.contains(&(recorded.uid, key.webhook));
            assert!(owed, "{key:?} is owed and never matched");
        }
        let wire = self.wires.get(&key).cloned().unwrap_or_default();
        let automatic = wire.automatic - wire.lost_automatic;
        assert_eq!(automatic, u32::from(notification.automatic), "automatic attempts of {notification:?}");
        let attempts = automatic + wire.by_hand - wire.lost_by_hand;
        assert_eq!(attempts, u32::from(notification.attempts), "attempts of {notification:?}");
        let webhook = &store.webhooks[&key.webhook];
        match notification.state {
            State::Delivered => assert!(wire.confirmed, "never confirmed: {notification:?}"),
            State::Failed if notification.test => assert_eq!((automatic, wire.confirmed), (0, false)),
            State::Failed => {
                let own = self.policies[&key.webhook].iter();
                let granted = own.map(|own| own.as_ref().unwrap_or(default).max_attempts());
                let (least, most) = (granted.clone().min(), granted.max());
                let range = u32::from(least.unwrap_or(0))..=u32::from(most.unwrap_or(0));
                assert!(range.contains(&automatic), "FAILED after {automatic} attempts of {range:?}: {notification:?}");
                assert!(!wire.confirmed, "FAILED and yet confirmed: {notification:?}");
            }
            State::Cancelled => {
                let named = webhook.deleted_at.is_some() || recorded.event.erased_at.is_some();
                assert!(named && !wire.confirmed, "CANCELLED by nobody: {notification:?}");
            }
            State::Pending | State::Retrying { .. } => {
                let held =
                    notification.needs_automatic_attempt() && webhook.deleted_at.is_none() && !webhook.is_active();
                assert!(held, "left behind: {notification:?}");
            }
        }
        assert!(notification.manual_at.is_none(), "an attempt by hand is left behind: {notification:?}");
    }
}

/// As `docs/` words it: everything, a category, or exactly that.
fn is_meant(webhook: &Webhook, event_type: &EventType) -> bool {
    webhook.events.iter().map(ToString::to_string).any(|pattern| match pattern.strip_suffix('*') {
        Some(beginning) => event_type.as_str().starts_with(beginning),
        None => event_type.as_str() == pattern,
    })
}

/// The counts as the lists make them, from rows alone, and as the records say it one by one.
fn check_counts(store: &Store) {
    let mut recount: BTreeMap<(WebhookNo, Status), usize> = BTreeMap::new();
    for notification in store.notifications.values() {
        let webhook = &store.webhooks[&notification.key.webhook];
        if webhook.deleted_at.is_none() {
            *recount.entry((webhook.no, notification.status(webhook.is_active(), false))).or_default() += 1;
        }
    }
    for webhook in store.directory() {
        let (no, active) = (webhook.no, webhook.is_active());
        let in_state = |state| rows::in_state_of(ACCOUNT, state, no).map_or(0, |prefix| store.count(&prefix));
        let pending = store.count(&rows::fresh_of(ACCOUNT, no)) + store.count(&rows::waiting_of(ACCOUNT, no));
        let retrying = in_state(State::Retrying { due: Timestamp::from_ms(0) });
        let (failed, cancelled) = (in_state(State::Failed), in_state(State::Cancelled));
        let tests = store.count(&rows::tests_of(ACCOUNT, no));
        let all = store.count(&rows::of_webhook(no));
        let by_rows = [
            (Status::Pending, tests + if active { pending } else { 0 }),
            (Status::Retrying, if active { retrying } else { 0 }),
            (Status::Held, if active { 0 } else { pending + retrying }),
            (Status::Failed, failed),
            (Status::Cancelled, cancelled),
            (Status::Delivered, all - tests - pending - retrying - failed - cancelled),
        ];
        for (status, count) in by_rows {
            let recounted = recount.get(&(no, status)).copied().unwrap_or(0);
            assert_eq!(count, recounted, "{no:?} {status:?}: the rows say {count}, the records {recounted}");
        }
        assert_eq!(store.count(&rows::retries_of(no)), retrying, "{no:?}: one due row for each that is retrying");
    }
}

fn check_turns(store: &Store) {
    let mut chains: BTreeMap<_, (usize, usize)> = BTreeMap::new();
    for notification in store.notifications.values().filter(|notification| notification.needs_automatic_attempt()) {
        // A deleted webhook's are cancelled one by one, and nobody has a turn any more.
        if let Some(order) = notification.order.filter(|_| store.webhook(notification.key.webhook).is_some()) {
            let (unfinished, turns) = chains.entry((notification.key.webhook, order)).or_default();
            *unfinished += 1;
            *turns += usize::from(notification.is_ready());
        }
    }
    for (chain, (unfinished, turns)) in chains {
        assert_eq!(turns, 1, "{chain:?}: {turns} have their turn of {unfinished} unfinished");
    }
}
