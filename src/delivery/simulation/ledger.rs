//! What was acknowledged and what went over the wire, recorded outside the process: no crash undoes it. At the end it
//! shows whether every guarantee held.

use super::requests::{Answer, FILTERS, uid_of_event};
use super::world::ACCOUNT;
use crate::model::{
    Event, EventType, JobState, MAX_ATTEMPTS_KEPT, MAX_AUTOMATIC_ATTEMPTS, Notification, NotificationKey, OrderKey,
    RetryPolicy, Seq, State, Timestamp, Trigger, Webhook, WebhookNo,
};
use crate::store::Store;
use crate::store::simulated::{Batch, SimulatedStore};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What the clock may be set by without anybody noticing.
const A_MOMENT: Duration = Duration::from_secs(1);

/// What went over the wire of one notification.
#[derive(Clone, Debug, Default)]
struct Wire {
    /// The event that was sent; its number could be given to another after a crash.
    uid: u64,
    automatic: u32,
    manual: u32,
    /// Attempts whose outcome a crash took: they were made, and count for nothing.
    lost_automatic: u32,
    lost_manual: u32,
    /// Whether a 2XX was received whose outcome is durable.
    confirmed: bool,
    /// When the last manual attempt began whose outcome is durable.
    manual_at: Option<u64>,
    /// The next automatic attempt may not begin before this, by the wall clock and by time as it passes.
    not_before: (u64, u64),
}

/// An attempt whose outcome a crash could still take.
#[derive(Clone, Copy, Debug)]
struct Open {
    key: NotificationKey,
    trigger: Trigger,
    began: u64,
    /// Once it has ended.
    expected: Option<Expected>,
}

/// What has to come of an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) confirms: bool,
    /// When the next one is due by the wall clock, at the earliest and at the latest, and at the earliest by time as it
    /// passes. `None` where none is.
    pub(super) next: Option<(Timestamp, Timestamp, u64)>,
    /// How long after this one the next may be due at most.
    pub(super) gap: Duration,
}

/// In which batch a notification first became pending, whether on request, and its event: the order of the births.
type Birth = (u64, bool, Seq);

#[derive(Debug, Default)]
pub(super) struct Ledger {
    attempts: u64,
    batches: u64,
    /// The webhooks that must and that may have a notification of each event, by its mark.
    events: BTreeMap<u64, (BTreeSet<WebhookNo>, BTreeSet<WebhookNo>)>,
    /// The webhooks as they were before the batch that is looked at.
    directory: Vec<Arc<Webhook>>,
    /// The notifications there are, durable or not.
    alive: BTreeSet<NotificationKey>,
    /// Owed on request, beyond what matched when the event was recorded.
    late: BTreeSet<(u64, WebhookNo)>,
    uids: BTreeMap<Seq, u64>,
    born: BTreeMap<NotificationKey, Birth>,
    chains: BTreeMap<(WebhookNo, OrderKey), BTreeSet<Seq>>,
    /// Since when each may leave, as far as its order and its schedule go.
    due_since: BTreeMap<NotificationKey, u64>,
    /// When a manual attempt was last requested.
    requested: BTreeMap<NotificationKey, u64>,
    /// Every policy of its own that a webhook ever had, and whether it ever went without.
    policies: BTreeMap<WebhookNo, Vec<Option<RetryPolicy>>>,
    wires: BTreeMap<NotificationKey, Wire>,
    /// The longest gap that each was ever given.
    gaps: BTreeMap<NotificationKey, Duration>,
    open: BTreeMap<u64, Open>,
    /// After these in their order another one has left: none of them may leave by itself any more.
    closed: BTreeSet<NotificationKey>,
    /// Whether the clock was ever set.
    pub(super) clock_was_set: bool,
    // What was acknowledged.
    acknowledged: BTreeSet<u64>,
    registered: BTreeSet<WebhookNo>,
    changed: BTreeMap<WebhookNo, Timestamp>,
    deleted: BTreeSet<WebhookNo>,
    /// Whose deletion was asked for, acknowledged or not: nothing may be left of them.
    pub(super) doomed: BTreeSet<WebhookNo>,
    erased: BTreeSet<u64>,
    asked: BTreeMap<NotificationKey, u64>,
}

/// A request as it leaves.
pub(super) struct Leaving {
    pub(super) key: NotificationKey,
    pub(super) uid: u64,
    pub(super) trigger: Trigger,
    /// Which attempt of its notification it says it is.
    pub(super) attempt: u16,
    /// Whether it was taken from memory.
    pub(super) hot: bool,
    pub(super) time: u64,
    /// When the scheduler started it: the latest that the wall clock had shown since it last jumped, and the time.
    pub(super) started: (u64, u64),
    /// Whether the clock was never set in this story.
    pub(super) steady: bool,
}

impl Ledger {
    // ---- what is promised ----

    /// A process has started on what a store has.
    pub(super) fn started(&mut self, store: &SimulatedStore) {
        self.directory = store.handle.directory().of(ACCOUNT).cloned().collect();
        self.uids = store.events(ACCOUNT).iter().map(|event| (event.seq, uid_of_event(event))).collect();
        self.alive = store.notifications(ACCOUNT).into_keys().collect();
        self.check_store(store);
    }

    /// What a batch has changed at this time; `directory` holds the webhooks behind it. Returns the attempts whose
    /// outcomes it took in.
    pub(super) fn applied(&mut self, time: u64, batch: &Batch, directory: Vec<Arc<Webhook>>) -> Vec<u64> {
        self.batches += 1;
        for webhook in directory.iter().filter(|webhook| batch.webhooks.contains(&webhook.no)) {
            self.policies.entry(webhook.no).or_default().push(webhook.retry.clone());
        }
        for event in batch.recorded.iter().filter(|event| event.event_type.as_str() != EventType::TEST) {
            let meant = |webhooks: &[Arc<Webhook>]| -> BTreeSet<WebhookNo> {
                let meant = webhooks.iter().filter(|webhook| is_meant(webhook, event));
                meant.map(|webhook| webhook.no).collect()
            };
            let before = meant(&self.directory);
            // Of a webhook that changed in the same batch the order is unknown here.
            let must = before.iter().filter(|no| !batch.webhooks.contains(no)).copied().collect();
            let may = before.union(&meant(&directory)).chain(&batch.webhooks).copied().collect();
            self.events.insert(uid_of_event(event), (must, may));
        }
        self.uids.extend(batch.recorded.iter().map(|event| (event.seq, uid_of_event(event))));
        let recorded: BTreeSet<Seq> = batch.recorded.iter().map(|event| event.seq).collect();
        let mut settled: Vec<u64> = batch.attempts.iter().map(|attempt| attempt.duration_us.into()).collect();
        for (key, (before, after)) in &batch.notifications {
            match after {
                Some(after) => settled.extend(self.changed(time, &recorded, before.as_ref(), after)),
                None => drop(self.alive.remove(key)),
            }
        }
        self.directory = directory;
        settled
    }

    /// A notification has changed; returns the attempt whose outcome it took in last.
    fn changed(
        &mut self,
        time: u64,
        recorded: &BTreeSet<Seq>,
        before: Option<&Notification>,
        after: &Notification,
    ) -> Option<u64> {
        let key = after.key;
        if self.alive.insert(key) {
            let late = !recorded.contains(&key.seq);
            if late {
                self.late.insert((self.uids[&key.seq], key.webhook));
            }
            self.born.insert(key, (self.batches, late, key.seq));
            self.due_since.insert(key, time);
        }
        if let Some(order) = after.order {
            self.chains.entry((key.webhook, order)).or_default().insert(key.seq);
        }
        let turned = |before: &Notification| {
            before.state != after.state || before.awaits_predecessor != after.awaits_predecessor
        };
        if before.is_some_and(turned) {
            self.due_since.insert(key, time);
        }
        if after.manual_at.is_some() && before.is_none_or(|before| before.manual_at != after.manual_at) {
            self.requested.insert(key, time);
        }
        let last = |of: &Notification| of.last.as_ref().map(|last| u64::from(last.duration_us));
        let settled = last(after).filter(|attempt| before.and_then(last) != Some(*attempt));
        match settled.and_then(|attempt| self.open.get(&attempt)).copied() {
            Some(open) => self.check_outcome(&open, after),
            None => self.check_due(before, after),
        }
        settled
    }

    /// The outcome of an attempt follows from its result and the schedule. A clock that was put back meanwhile makes
    /// the next one due earlier.
    fn check_outcome(&mut self, open: &Open, after: &Notification) {
        let expected = open.expected.expect("it has ended");
        if open.trigger != Trigger::Automatic {
            return;
        }
        match (after.state, expected.next) {
            (State::Retrying { due }, Some((earliest, latest, _))) => {
                assert!(due <= latest, "due at {due}, by its schedule at {latest} at the latest: {after:?}");
                if due < earliest {
                    assert!(
                        self.clock_was_set,
                        "due at {due}, by its schedule at {earliest} at the earliest: {after:?}"
                    );
                    self.wires.entry(after.key).or_default().not_before.0 = due.as_ms();
                }
                // A clock step may have brought it forward while its outcome waited: the outcome's time counts.
                let wire = self.wires.entry(after.key).or_default();
                wire.not_before.0 = wire.not_before.0.min(due.as_ms());
            }
            (State::Retrying { .. }, None) => panic!("tried again: {after:?}, {expected:?}"),
            (State::Failed, next) => assert!(next.is_none() && !expected.confirms, "{after:?}, {expected:?}"),
            (State::Pending, _) => panic!("as if nothing had been tried: {after:?}"),
            (State::Delivered | State::Cancelled, _) => {}
        }
        assert!(!expected.confirms || after.delivered_at.is_some(), "confirmed: {after:?}");
    }

    /// Without an outcome, the next attempt can only have been brought forward.
    fn check_due(&mut self, before: Option<&Notification>, after: &Notification) {
        if let (Some(State::Retrying { due: was }), State::Retrying { due }) = (before.map(|it| it.state), after.state)
            && was != due
        {
            assert!(due < was, "put off by nobody: {after:?}");
            self.wires.entry(after.key).or_default().not_before = (due.as_ms(), 0);
        }
    }

    pub(super) fn due_since(&self, key: NotificationKey) -> u64 {
        self.due_since.get(&key).copied().unwrap_or(0)
    }

    pub(super) fn acknowledge(&mut self, answer: &Answer) {
        match answer {
            Answer::Accepted(uids) => self.acknowledged.extend(uids),
            Answer::Registered(no) => drop(self.registered.insert(*no)),
            Answer::Changed(no, at) => drop(self.changed.insert(*no, *at)),
            Answer::Deleted(no) => drop(self.deleted.insert(*no)),
            Answer::Requested(keys) => {
                // Nothing is left of one that was erased within the same batch.
                self.asked.extend(keys.iter().filter_map(|key| Some((*key, *self.requested.get(key)?))));
            }
            Answer::Erased(seq) => drop(self.erased.insert(self.uids[seq])),
            Answer::Nothing => {}
        }
    }

    // ---- what goes over the wire ----

    /// A request leaves; returns the number of the attempt.
    pub(super) fn leaves(&mut self, store: &Store, leaving: &Leaving) -> u64 {
        let Leaving { key, uid, trigger, attempt, hot, time, started: (wall, at), steady } = *leaving;
        assert!(key.seq <= store.durable(), "{key:?} leaves and could still be lost");
        let notification = store.notification(ACCOUNT, key).expect("it can be read").expect("it is there");
        assert_eq!(self.uids[&key.seq], uid, "{key:?} leaves with another event's payload");
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
            wire.manual += 1;
        }
        assert!(hot || attempt == notification.attempts + 1, "attempt {attempt} of {notification:?}");
        if trigger == Trigger::Automatic && first {
            self.close_those_before(store, &notification);
        }
        self.attempts += 1;
        self.open.insert(self.attempts, Open { key, trigger, began: time, expected: None });
        self.attempts
    }

    fn close_those_before(&mut self, store: &Store, notification: &Notification) {
        let (Some(order), key) = (notification.order, notification.key) else {
            return;
        };
        let birth = self.born[&key];
        for seq in self.chains[&(key.webhook, order)].range(..key.seq) {
            let other = NotificationKey { seq: *seq, webhook: key.webhook };
            let Some(before) = store.notification(ACCOUNT, other).expect("it can be read") else {
                continue;
            };
            // One that became pending only after it, on request, need not come first.
            if before.order == Some(order) && self.born[&other] < birth {
                assert!(!before.needs_automatic_attempt(), "{key:?} leaves before {before:?}, which it comes after");
                self.closed.insert(other);
            }
        }
    }

    /// An attempt has ended, and this has to come of it.
    pub(super) fn ended(&mut self, attempt: u64, expected: Expected) {
        let Some(open) = self.open.get_mut(&attempt) else {
            return;
        };
        open.expected = Some(expected);
        let gap = self.gaps.entry(open.key).or_default();
        *gap = expected.gap.max(*gap);
        if let Some((at, _, time)) = expected.next {
            self.wires.entry(open.key).or_default().not_before = (at.as_ms(), time);
        }
    }

    /// It could not be made after all, for a fault of this machine, and counts for nothing.
    pub(super) fn not_made(&mut self, attempt: u64) {
        if let Some(open) = self.open.remove(&attempt) {
            self.wires.entry(open.key).or_default().automatic -= 1;
        }
    }

    /// These outcomes can't be lost any more.
    pub(super) fn durable(&mut self, attempts: &[u64]) {
        for attempt in attempts {
            let Some(Open { key, trigger, began, expected }) = self.open.remove(attempt) else {
                continue;
            };
            let wire = self.wires.entry(key).or_default();
            wire.confirmed |= expected.is_some_and(|expected| expected.confirms);
            if trigger != Trigger::Automatic {
                wire.manual_at = wire.manual_at.max(Some(began));
            }
        }
    }

    /// The process has died: every outcome that was not durable is lost.
    pub(super) fn crashed(&mut self) {
        for Open { key, trigger, .. } in std::mem::take(&mut self.open).into_values() {
            let wire = self.wires.entry(key).or_default();
            if trigger == Trigger::Automatic {
                wire.lost_automatic += 1;
                wire.not_before = (0, 0);
            } else {
                wire.lost_manual += 1;
            }
        }
    }

    // ---- what is true at any moment ----

    /// What was acknowledged is there, each row of an index is a record's and each record has its rows, the counts are
    /// a recount, and of each chain one has its turn.
    pub(super) fn check_store(&self, store: &SimulatedStore) {
        let (handle, events) = (&store.handle, store.events(ACCOUNT));
        let uids: BTreeSet<u64> = events.iter().map(uid_of_event).collect();
        assert_eq!(uids.len(), events.len(), "an event was recorded twice");
        let missing = self.acknowledged.iter().find(|uid| !uids.contains(uid));
        assert_eq!(missing, None, "an event that was acknowledged is lost");
        let webhook = |no| handle.webhook(ACCOUNT, no).expect("it can be read");
        for no in &self.registered {
            let deleted = self.doomed.contains(no);
            assert!(webhook(*no).is_some() || deleted, "{no:?} was acknowledged and is lost");
        }
        for no in &self.deleted {
            assert!(handle.directory().by_no(*no).is_none(), "{no:?} was deleted and is back");
        }
        for (no, at) in self.changed.iter().filter(|(no, _)| !self.doomed.contains(no)) {
            // A clock that was put back dates a later change before an earlier one.
            let updated_at = webhook(*no).map(|webhook| webhook.updated_at);
            assert!(updated_at >= Some(*at) || self.clock_was_set, "a change of {no:?} was acknowledged and is undone");
        }
        for event in &events {
            let erased = event.erased_at.is_some();
            assert!(erased || !self.erased.contains(&uid_of_event(event)), "{event:?} was erased and is back");
            assert_eq!(handle.event_seq(ACCOUNT, event.id).expect("it can be read"), Some(event.seq), "{event:?}");
        }
        let report = handle.verify(|_| {});
        assert!(report.is_sound(), "{report}");
        let (stats, notifications) = (handle.stats(), store.notifications(ACCOUNT));
        let counted = (events.len() as u64, notifications.len() as u64);
        assert_eq!((stats.events, stats.notifications), counted, "the counts of the head");
        assert_eq!(stats.failed_reads, 0, "a change or a job failed");
        check_turns(handle, &notifications);
    }

    /// Whatever became of the clock, which shows `wall` and has been left alone for a moment: nothing waits for longer
    /// than the gap it was given.
    pub(super) fn check_waits(&self, store: &SimulatedStore, wall: u64) {
        for notification in store.notifications(ACCOUNT).values() {
            let lives = store.handle.directory().by_no(notification.key.webhook).is_some();
            if let (State::Retrying { due }, true) = (notification.state, lives) {
                let gap = self.gaps.get(&notification.key).copied().unwrap_or_default();
                let latest = Timestamp::from_ms(wall).plus(gap + A_MOMENT);
                assert!(due <= latest, "waits for longer than its gap of {gap:?}, at {wall}: {notification:?}");
            }
        }
    }

    // ---- what is true in the end ----

    /// A bulk resend of everything was asked for at this time, and has done all it can.
    pub(super) fn check_resent(&self, store: &SimulatedStore, at: u64, healthy: &BTreeSet<WebhookNo>) {
        let (handle, directory) = (&store.handle, store.handle.directory());
        for notification in store.notifications(ACCOUNT).values() {
            let key = notification.key;
            let Some(webhook) = directory.by_no(key.webhook) else {
                continue;
            };
            let again = self.requested.get(&key).is_some_and(|requested| *requested >= at);
            assert!(!again || webhook.is_active(), "a bulk resend goes to a webhook that is paused: {notification:?}");
            let barred = notification.state == State::Cancelled
                || notification.attempts >= MAX_ATTEMPTS_KEPT
                || is_erased(handle, key.seq);
            assert!(again || barred || !webhook.is_active(), "a bulk resend passes over {notification:?}");
            if again && healthy.contains(&key.webhook) {
                assert_eq!(handle.health(key.webhook), None, "{:?} has confirmed", key.webhook);
            }
        }
        let waits = directory.of(ACCOUNT).any(|webhook| !webhook.is_active());
        let running = handle.bulk_jobs(ACCOUNT).into_iter().find(|resend| resend.state == JobState::Running);
        assert!(waits || running.is_none(), "it never ends: {running:?}");
    }

    /// Everything has ended that ever will: each notification is where it was promised to be.
    pub(super) fn check_end(&self, store: &SimulatedStore, default: &RetryPolicy) {
        self.check_store(store);
        assert!(self.open.is_empty(), "attempts without an outcome: {:?}", self.open);
        let notifications = store.notifications(ACCOUNT);
        let mut awaited: BTreeMap<u64, u64> = BTreeMap::new();
        for one in notifications.values() {
            assert!(one.awaited_by().is_none() || one.is_pending(), "it has ended, and its job doesn't know: {one:?}");
            if let Some(number) = one.awaited_by() {
                *awaited.entry(number).or_default() += 1;
            }
        }
        for job in store.handle.bulk_jobs(ACCOUNT) {
            let awaited = awaited.get(&job.number).copied().unwrap_or(0);
            assert_eq!(job.pending(), awaited, "so many are to be counted yet: {job:?}");
            assert_eq!(job.made, job.outcomes.total() + awaited, "what it has sent has ended, or not: {job:?}");
        }
        for event in store.events(ACCOUNT) {
            let Some((must, _)) = self.events.get(&uid_of_event(&event)) else {
                continue;
            };
            for webhook in must {
                let key = NotificationKey { seq: event.seq, webhook: *webhook };
                assert!(notifications.contains_key(&key), "{key:?} matched, and has no notification");
            }
        }
        for notification in notifications.values() {
            self.check_notification(&store.handle, notification, default);
        }
        for (key, at) in &self.asked {
            let deleted = store.handle.directory().by_no(key.webhook).is_none();
            if deleted || is_erased(&store.handle, key.seq) {
                continue;
            }
            let answered = self.wires.get(key).and_then(|wire| wire.manual_at).is_some_and(|began| began >= *at);
            let state = notifications[key].state;
            assert!(
                answered || state == State::Cancelled,
                "a manual attempt of {key:?}, requested at {at}, was not made"
            );
        }
    }

    fn check_notification(&self, store: &Store, notification: &Notification, default: &RetryPolicy) {
        let key = notification.key;
        let uid = self.uids[&key.seq];
        if let Some((_, may)) = self.events.get(&uid) {
            let expected = may.contains(&key.webhook) || self.late.contains(&(uid, key.webhook));
            assert!(expected, "{key:?} exists and never matched");
        }
        let wire = self.wires.get(&key).cloned().unwrap_or_default();
        let automatic = wire.automatic - wire.lost_automatic;
        assert_eq!(automatic, u32::from(notification.automatic), "automatic attempts of {notification:?}");
        let attempts = automatic + wire.manual - wire.lost_manual;
        assert_eq!(attempts, u32::from(notification.attempts), "attempts of {notification:?}");
        let webhook = store.webhook(ACCOUNT, key.webhook).expect("it can be read").expect("it was there");
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
                let named = webhook.deleted_at.is_some() || is_erased(store, key.seq);
                assert!(named && !wire.confirmed, "CANCELLED by nobody: {notification:?}");
            }
            State::Pending | State::Retrying { .. } => {
                let held = notification.needs_automatic_attempt() && !webhook.is_active();
                assert!(held && webhook.deleted_at.is_none(), "left behind: {notification:?}");
            }
        }
        assert!(notification.manual_at.is_none(), "a manual attempt is left behind: {notification:?}");
    }
}

/// A backfill of everything was asked for, for every webhook, and has done all it can: none lacks anything.
pub(super) fn check_backfilled(store: &SimulatedStore) {
    let (handle, notifications) = (&store.handle, store.notifications(ACCOUNT));
    let tests: BTreeSet<Seq> = notifications.values().filter(|one| one.test).map(|one| one.key.seq).collect();
    let running = |webhook: &Webhook| {
        let mut jobs = handle.bulk_jobs(ACCOUNT).into_iter();
        jobs.any(|job| job.state == JobState::Running && job.filter.webhook_id == Some(webhook.id))
    };
    let directory = handle.directory();
    for webhook in directory.of(ACCOUNT).filter(|webhook| webhook.is_active()) {
        assert!(!running(webhook), "it never ends: {:?}", handle.bulk_jobs(ACCOUNT));
        for event in store.events(ACCOUNT).iter().filter(|event| !tests.contains(&event.seq)) {
            let key = NotificationKey { seq: event.seq, webhook: webhook.no };
            let is_owed = event.erased_at.is_none() && is_meant(webhook, event);
            assert!(!is_owed || notifications.contains_key(&key), "{key:?} is owed and missing");
        }
    }
}

fn is_erased(store: &Store, seq: Seq) -> bool {
    let event = store.event_head(ACCOUNT, seq).expect("it can be read").expect("it is there");
    event.erased_at.is_some()
}

/// As `docs/` words it: everything, a category, or exactly that, and what the filter asks for.
fn is_meant(webhook: &Webhook, event: &Event) -> bool {
    let event_type = &event.event_type;
    let filter = webhook.filter.as_ref().map(|own| FILTERS.into_iter().find(|(text, _)| *text == own.as_str()));
    let is_filtered = filter.is_some_and(|known| !known.expect("one of these").1(uid_of_event(event)));
    !is_filtered
        && webhook.events.iter().map(ToString::to_string).any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => event_type.as_str().starts_with(beginning),
            None => event_type.as_str() == pattern,
        })
}

fn check_turns(store: &Store, notifications: &BTreeMap<NotificationKey, Notification>) {
    let mut chains: BTreeMap<_, (usize, usize)> = BTreeMap::new();
    for notification in notifications.values().filter(|notification| notification.needs_automatic_attempt()) {
        // A deleted webhook's are cancelled one by one, and nobody has a turn any more.
        let lives = store.directory().by_no(notification.key.webhook).is_some();
        if let Some(order) = notification.order.filter(|_| lives) {
            let (unfinished, turns) = chains.entry((notification.key.webhook, order)).or_default();
            *unfinished += 1;
            *turns += usize::from(notification.is_ready());
        }
    }
    for (chain, (unfinished, turns)) in chains {
        assert_eq!(turns, 1, "{chain:?}: {turns} have their turn of {unfinished} unfinished");
    }
}
