//! What each commit does to the model of the store: the transitions of `store/apply`, row for row. What a notification goes
//! through is the real code; who is owed, who has its turn and who is told is told again here.

use super::ledger::Ledger;
use super::store::{ACCOUNT, Job, Recorded, Store, last_seq};
use crate::model::{
    Attempt, Event, EventId, EventType, Fingerprint, Notification, NotificationKey, OrderKey, ResendRefusal,
    ResourceIds, RetryPolicy, Seq, Status, TEST_EVENT, Timestamp, Verdict, Webhook, WebhookNo, WebhookPatch,
    WebhookStatus,
};
use crate::store::{Due, NextAttempt, rows};
use std::sync::Arc;

/// An event about to be recorded.
#[derive(Clone, Debug)]
pub(super) struct New {
    pub(super) id: Option<EventId>,
    pub(super) event_type: EventType,
    pub(super) resource: Option<String>,
}

/// A change, named after the fact.
#[derive(Clone, Debug)]
pub(super) enum Commit {
    Register(Box<Webhook>),
    Change(WebhookNo, Box<WebhookPatch>),
    Delete(WebhookNo),
    Accept(Vec<New>),
    Test(WebhookNo, EventType),
    Settle {
        attempt_id: u64,
        key: NotificationKey,
        attempt: Box<Attempt>,
        verdict: Verdict,
        asked_at: Option<Timestamp>,
    },
    Resend(NotificationKey),
    ResendEvent(Seq),
    ResendMany {
        webhook: Option<WebhookNo>,
        status: Option<Status>,
        event_type: Option<EventType>,
    },
    Erase(Seq),
}

/// What whoever asked hears once it is durable.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// These events are recorded, now or before.
    Accepted(Vec<u64>),
    Registered(WebhookNo),
    Changed(Arc<Webhook>),
    Deleted(WebhookNo),
    /// One attempt by hand is owed, asked for at this moment.
    Owed(Vec<(NotificationKey, u64)>),
    Erased(u64),
    Nothing,
}

/// What the engine is told, in the order of commit.
#[derive(Clone, Debug)]
pub(super) enum StoreUpdate {
    Webhook(Arc<Webhook>),
    /// With the event's payload, unless memory was short.
    Untried(NotificationKey, Option<u64>),
    /// And whether a person waits for it.
    Manual(NotificationKey, Timestamp, bool),
    /// And whether it has another target.
    Renewed(WebhookNo, bool),
    /// Due at this moment, and later before.
    Rescheduled(NotificationKey, Timestamp),
    OutcomeRecorded(NotificationKey, NextAttempt),
    Cancelled(NotificationKey),
    Durable(Seq),
}

/// One group of changes, or a step of a job, being applied.
pub(super) struct Apply<'w> {
    pub(super) store: &'w mut Store,
    pub(super) ledger: &'w mut Ledger,
    pub(super) told: &'w mut Vec<StoreUpdate>,
    pub(super) passed_on: &'w mut bool,
    /// Whether memory is short, so that payloads are read again.
    pub(super) cold: bool,
    /// The schedule of webhooks that have none of their own.
    pub(super) default: &'w RetryPolicy,
    /// The stamp of the change, and the wall clock.
    pub(super) now: Timestamp,
    pub(super) wall: Timestamp,
    /// Time that only runs forwards.
    pub(super) time: u64,
}

impl Apply<'_> {
    pub(super) fn commit(&mut self, commit: Commit) -> Option<Answer> {
        Some(match commit {
            Commit::Register(webhook) => self.register(*webhook),
            Commit::Change(no, patch) => self.change_as_asked(no, *patch).map_or(Answer::Nothing, Answer::Changed),
            Commit::Delete(no) => self.delete(no),
            Commit::Accept(events) => Answer::Accepted(events.into_iter().map(|new| self.accept(new)).collect()),
            Commit::Test(no, event_type) => self.test(no, event_type),
            Commit::Settle { attempt_id, key, attempt, verdict, asked_at } => {
                self.settle(attempt_id, key, *attempt, verdict, asked_at);
                return None;
            }
            Commit::Resend(key) => {
                let resent = self.resend(key, true).and_then(Result::ok);
                resent.map_or(Answer::Nothing, |()| Answer::Owed(vec![(key, self.time)]))
            }
            Commit::ResendEvent(seq) => self.resend_event(seq),
            Commit::ResendMany { webhook, status, event_type } => {
                let at = NotificationKey { seq: Seq(self.store.durable), webhook: WebhookNo(u32::MAX) };
                self.add_job(Job::Resend { webhook, status, event_type, at });
                Answer::Nothing
            }
            Commit::Erase(seq) => self.erase(seq),
        })
    }

    // ---- webhooks ----

    fn register(&mut self, mut webhook: Webhook) -> Answer {
        self.store.head.webhook_no += 1;
        webhook.no = WebhookNo(self.store.head.webhook_no);
        webhook.registered_after = Seq(self.store.head.seq);
        (webhook.inserted_at, webhook.updated_at) = (self.now, self.now);
        Answer::Registered(self.put_webhook(webhook).no)
    }

    fn change(&mut self, no: WebhookNo, change: impl FnOnce(&mut Webhook)) -> Option<Arc<Webhook>> {
        let mut webhook = Webhook::clone(self.store.webhook(no)?);
        change(&mut webhook);
        webhook.updated_at = self.now;
        Some(self.put_webhook(webhook))
    }

    fn change_as_asked(&mut self, no: WebhookNo, patch: WebhookPatch) -> Option<Arc<Webhook>> {
        let before = self.store.webhook(no)?.clone();
        let resumed = patch.status == Some(WebhookStatus::Active);
        let webhook = self.change(no, |webhook| patch.apply(webhook))?;
        let moved = webhook.target != before.target;
        if moved || resumed {
            self.told.push(StoreUpdate::Renewed(no, moved));
        }
        if moved || resumed || webhook.retry != before.retry {
            let same = |job: &Job| matches!(job, Job::BringForward { webhook, .. } if *webhook == no);
            let earlier: Vec<u64> = self.store.jobs.iter().filter(|(_, job)| same(job)).map(|(nth, _)| *nth).collect();
            for number in earlier {
                self.store.put_job(number, None);
            }
            let at = Due { at: self.wall, seq: Seq(0) };
            self.add_job(Job::BringForward { webhook: no, asked: self.wall, at });
        }
        Some(webhook)
    }

    fn put_webhook(&mut self, webhook: Webhook) -> Arc<Webhook> {
        let webhook = Arc::new(webhook);
        self.ledger.policy(&webhook);
        self.store.put_webhook(webhook.clone());
        self.told.push(StoreUpdate::Webhook(webhook.clone()));
        webhook
    }

    fn delete(&mut self, no: WebhookNo) -> Answer {
        let now = self.now;
        if self.change(no, |webhook| webhook.deleted_at = Some(now)).is_none() {
            return Answer::Nothing;
        }
        self.add_job(Job::Cancel(no));
        Answer::Deleted(no)
    }

    fn add_job(&mut self, job: Job) {
        self.store.head.job += 1;
        self.store.put_job(self.store.head.job, Some(job));
    }

    // ---- events ----

    /// The event's own mark: that of the one recorded before under its id, or a new one.
    fn accept(&mut self, new: New) -> u64 {
        if let Some(seq) = new.id.and_then(|id| self.store.own_ids.get(&id)) {
            return self.store.events[seq].uid;
        }
        let (seq, uid) = self.record(new);
        let event = self.store.events[&seq].event.clone();
        let webhooks = self.store.directory().filter(|webhook| webhook.subscribes_to(&event.event_type));
        let owed_to: Vec<(WebhookNo, bool)> = webhooks.map(|webhook| (webhook.no, webhook.ordered)).collect();
        self.ledger.recorded(self.store, uid, &event, owed_to.iter().map(|(no, _)| *no));
        let hot = (!self.cold).then_some(uid);
        for (webhook, ordered) in owed_to {
            let key = NotificationKey { seq, webhook };
            if !self.owe(&event, webhook, ordered) {
                self.told.push(StoreUpdate::Untried(key, hot));
            }
        }
        uid
    }

    fn record(&mut self, new: New) -> (Seq, u64) {
        self.store.head.seq += 1;
        let seq = Seq(self.store.head.seq);
        let uid = self.ledger.new_uid();
        let own = new.id;
        let event = Event {
            seq,
            account: ACCOUNT,
            id: own.unwrap_or_else(|| EventId::compose(self.now.as_ms(), seq, 0)),
            event_type: new.event_type,
            external_id: None,
            resource: ResourceIds { id: new.resource, external_id: None },
            occurred_at: None,
            inserted_at: self.now,
            fingerprint: Fingerprint([0; 16]),
            notifications: 0,
            erased_at: None,
            trace: None,
        };
        self.store.put_event(Recorded { event, uid });
        if let Some(id) = own {
            self.store.put_own_id(id, seq);
        }
        (seq, uid)
    }

    fn test(&mut self, webhook: WebhookNo, event_type: EventType) -> Answer {
        if self.store.webhook(webhook).is_none() {
            return Answer::Nothing;
        }
        let (seq, _) = self.record(New { id: None, event_type, resource: None });
        let key = NotificationKey { seq, webhook };
        self.ledger.owed(key, self.time);
        self.store.put_notification(&[], Notification::new(key, ACCOUNT, self.now, true));
        self.told.push(StoreUpdate::Manual(key, self.now, true));
        Answer::Owed(vec![(key, self.time)])
    }

    fn erase(&mut self, seq: Seq) -> Answer {
        let Some(mut recorded) = self.store.events.get(&seq).cloned() else {
            return Answer::Nothing;
        };
        let uid = recorded.uid;
        if recorded.event.erased_at.is_some() {
            return Answer::Erased(uid);
        }
        recorded.event.erased_at = Some(self.now);
        recorded.event.resource = ResourceIds::default();
        self.store.put_event(recorded);
        for key in self.notifications_of(seq) {
            let mut notification = self.store.notifications[&key].clone();
            let (before, was_ready) = (rows::of(&notification), notification.is_ready());
            notification.erase(self.now);
            self.store.put_notification(&before, notification);
            self.pass_on(was_ready, key);
            self.told.push(StoreUpdate::Cancelled(key));
        }
        Answer::Erased(uid)
    }

    fn notifications_of(&self, seq: Seq) -> Vec<NotificationKey> {
        let of = |no| NotificationKey { seq, webhook: WebhookNo(no) };
        self.store.notifications.range(of(0)..=of(u32::MAX)).map(|(key, _)| *key).collect()
    }

    // ---- whose turn it is ----

    /// Returns whether it waits for its turn.
    fn owe(&mut self, event: &Event, webhook: WebhookNo, ordered: bool) -> bool {
        let key = NotificationKey { seq: event.seq, webhook };
        let mut notification = Notification::new(key, ACCOUNT, self.now, false);
        if ordered {
            let order = event.order_key();
            notification.awaits_predecessor = self.chain(webhook, order).any(Notification::needs_automatic_attempt);
            notification.order = Some(order);
        }
        let waits = notification.awaits_predecessor;
        self.ledger.owed(key, self.time);
        self.store.put_notification(&[], notification);
        waits
    }

    fn chain(&self, webhook: WebhookNo, order: OrderKey) -> impl Iterator<Item = &Notification> {
        let prefix = rows::chain(webhook, order);
        let rows = self.store.rows_from(prefix.clone(), &prefix);
        rows.filter_map(move |row| self.store.notifications.get(&NotificationKey { seq: last_seq(row), webhook }))
    }

    fn pass_on(&mut self, was_ready: bool, key: NotificationKey) {
        let ended = &self.store.notifications[&key];
        let Some(order) = ended.order.filter(|_| was_ready && !ended.needs_automatic_attempt()) else {
            return;
        };
        let Some(mut next) = self.chain(key.webhook, order).next().filter(|next| next.awaits_predecessor).cloned()
        else {
            return;
        };
        let before = rows::of(&next);
        next.awaits_predecessor = false;
        let key = next.key;
        self.store.put_notification(&before, next);
        self.ledger.has_turn(key, self.time);
        self.told.push(StoreUpdate::Untried(key, None));
        *self.passed_on = true;
    }

    // ---- notifications ----

    fn settle(
        &mut self,
        attempt_id: u64,
        key: NotificationKey,
        attempt: Attempt,
        verdict: Verdict,
        asked_at: Option<Timestamp>,
    ) {
        self.store.note_settled(attempt_id);
        let mut notification = self.store.notifications[&key].clone();
        let (before, was_ready) = (rows::of(&notification), notification.is_ready());
        notification.record_outcome(attempt, verdict, asked_at, self.now);
        let next_attempt = NextAttempt::from(&notification);
        self.store.put_notification(&before, notification);
        self.pass_on(was_ready, key);
        self.told.push(StoreUpdate::OutcomeRecorded(key, next_attempt));
    }

    fn resend(&mut self, key: NotificationKey, at_once: bool) -> Option<Result<(), ResendRefusal>> {
        let mut notification = self.store.notifications.get(&key)?.clone();
        let erased = self.store.events[&key.seq].event.erased_at.is_some();
        if self.store.webhook(key.webhook).is_none() || erased {
            return Some(Err(ResendRefusal::Cancelled));
        }
        let before = rows::of(&notification);
        if let Err(refusal) = notification.resend(self.now) {
            return Some(Err(refusal));
        }
        let since = notification.manual_at;
        self.store.put_notification(&before, notification);
        self.told.extend(since.map(|since| StoreUpdate::Manual(key, since, at_once)));
        Some(Ok(()))
    }

    fn resend_event(&mut self, seq: Seq) -> Answer {
        let Some(Recorded { event, uid }) = self.store.events.get(&seq).cloned() else {
            return Answer::Nothing;
        };
        if event.erased_at.is_some() {
            return Answer::Nothing;
        }
        let webhooks: Vec<(WebhookNo, bool)> = if event.event_type.as_str() == TEST_EVENT {
            self.notifications_of(seq).into_iter().map(|key| (key.webhook, false)).collect()
        } else {
            let meant = self.store.directory().filter(|webhook| webhook.subscribes_to(&event.event_type));
            meant.map(|webhook| (webhook.no, webhook.ordered)).collect()
        };
        let mut owed = Vec::new();
        for (webhook, ordered) in webhooks {
            let key = NotificationKey { seq, webhook };
            match self.resend(key, true) {
                Some(Ok(())) => owed.push((key, self.time)),
                Some(Err(_)) => {}
                None => {
                    self.ledger.owed_late(uid, webhook);
                    if !self.owe(&event, webhook, ordered) {
                        self.told.push(StoreUpdate::Untried(key, None));
                    }
                }
            }
        }
        Answer::Owed(owed)
    }

    // ---- jobs ----

    /// Does a little of a job; returns what is left of it.
    pub(super) fn step(&mut self, job: Job, batch: usize) -> Option<Job> {
        match job {
            Job::Cancel(webhook) => self.cancel_some(webhook, batch).then_some(job),
            Job::BringForward { webhook, asked, at } => {
                let next = self.bring_some_forward(webhook, asked, at, batch)?;
                Some(Job::BringForward { webhook, asked, at: next })
            }
            Job::Resend { webhook, status, event_type, at } => {
                let seen: Vec<&Notification> =
                    self.store.notifications.range(..=at).rev().take(batch + 1).map(|(_, found)| found).collect();
                let next = seen.get(batch).map(|next| next.key);
                let matching = seen.into_iter().take(batch).filter(|found| {
                    let hook = &self.store.webhooks[&found.key.webhook];
                    let found_status = found.status(hook.is_active(), hook.deleted_at.is_some());
                    let of_type = |wanted: &EventType| self.store.events[&found.key.seq].event.event_type == *wanted;
                    webhook.is_none_or(|no| no == found.key.webhook)
                        && status.is_none_or(|status| status == found_status)
                        && event_type.as_ref().is_none_or(of_type)
                });
                for key in matching.map(|found| found.key).collect::<Vec<_>>() {
                    let _: Option<Result<(), ResendRefusal>> = self.resend(key, false);
                }
                next.map(|at| Job::Resend { webhook, status, event_type, at })
            }
        }
    }

    fn bring_some_forward(&mut self, no: WebhookNo, asked: Timestamp, at: Due, batch: usize) -> Option<Due> {
        let webhook = self.store.webhook(no)?.clone();
        let policy = webhook.retry.as_ref().unwrap_or(self.default);
        let rows: Vec<Due> = self.store.retry_page(no, at, Timestamp::from_ms(u64::MAX)).take(batch + 1).collect();
        for row in rows.iter().take(batch) {
            let key = NotificationKey { seq: row.seq, webhook: no };
            let mut notification = self.store.notifications[&key].clone();
            let before = rows::of(&notification);
            let sooner = notification.due_by_schedule(policy, asked);
            if let Some(due) = sooner.filter(|due| notification.bring_forward(*due, self.now)) {
                self.store.put_notification(&before, notification);
                self.ledger.moved(key, due, self.time);
                self.told.push(StoreUpdate::Rescheduled(key, due));
            }
        }
        rows.get(batch).copied()
    }

    fn cancel_some(&mut self, webhook: WebhookNo, batch: usize) -> bool {
        let queues = [
            rows::fresh_of(ACCOUNT, webhook),
            rows::retries_of(webhook),
            rows::manuals_of(webhook),
            rows::waiting_of(ACCOUNT, webhook),
        ];
        let of =
            |prefix: &rows::Row| self.store.rows_from(prefix.clone(), prefix).take(batch).cloned().collect::<Vec<_>>();
        let found: Vec<rows::Row> = queues.iter().flat_map(of).collect();
        for row in &found {
            let key = NotificationKey { seq: last_seq(row), webhook };
            let mut notification = self.store.notifications[&key].clone();
            let before = rows::of(&notification);
            if notification.cancel(self.now) {
                self.store.put_notification(&before, notification);
            }
            self.store.delete_row(row.clone());
        }
        !found.is_empty()
    }
}
