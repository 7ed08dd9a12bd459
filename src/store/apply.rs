//! What each change is, in rows.
//!
//! The index rows of a record are derived from the record, in one place ([`notification_rows`], [`event_rows`]): a change
//! takes away the rows of what was and puts the rows of what is, so that no transition can forget one.

use super::committer::{Committer, Told};
use super::keys::{self, Key, Reference};
use super::list::{NotificationQuery, Order, Place, Walk};
use super::record::{self, IdempotencyV1, JobV1, Stored};
use super::txn::Txn;
use super::{AcceptRefusal, Accepted, Hot, IdempotencyKey, MAX_EVENT_TYPES, MAX_WEBHOOKS, StoreError, Token};
use crate::model::{
    AccountNo, Attempt, AttemptResult, Event, EventId, EventType, NewEvent, Notification, NotificationKey, Refusal,
    Seq, State, Status, Timestamp, TokenId, Verdict, Webhook, WebhookId, WebhookNo,
};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// How many rows a job touches at a time: a few milliseconds of the committer's time, so that nobody waits behind it.
const JOB_BATCH: usize = 128;

/// What a notification is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No automatic attempt.
    Nothing,
    /// Its first automatic attempt, at once.
    Fresh,
    /// Another automatic attempt, not before this.
    Retry(Timestamp),
}

impl From<&Notification> for Standing {
    fn from(notification: &Notification) -> Self {
        match notification.state {
            State::Pending if notification.test => Self::Nothing,
            State::Pending => Self::Fresh,
            State::Retrying { due } => Self::Retry(due),
            State::Delivered | State::Failed | State::Cancelled => Self::Nothing,
        }
    }
}

/// Every index row a notification has.
pub(super) fn notification_rows(notification: &Notification) -> Vec<Key> {
    let (account, key) = (notification.account, notification.key);
    let mut rows = Vec::with_capacity(5);
    rows.push(keys::by_webhook(key));
    match Standing::from(notification) {
        Standing::Nothing => {}
        Standing::Fresh => rows.push(keys::fresh(account, key)),
        Standing::Retry(due) => rows.push(keys::retry(due, key)),
    }
    if let Some(since) = notification.manual_at {
        rows.push(keys::manual(since, key));
    }
    if let Some(state) = keys::state_byte(notification.state) {
        rows.push(keys::by_state(account, state, key));
    } else if notification.state == State::Pending && notification.test {
        // A test is pending without being fresh: it has no automatic attempt to come.
        rows.push(keys::by_state(account, keys::PENDING_TEST, key));
    }
    if let Some(attempt) = notification.last.as_ref().filter(|attempt| !attempt.result.confirms()) {
        rows.push(keys::by_response(account, attempt.result.status().unwrap_or(0), key));
    }
    rows
}

/// Every index row an event has, given the number of its type.
pub(super) fn event_rows(event: &Event, type_no: u32) -> Vec<Key> {
    let (account, seq) = (event.account, event.seq);
    let mut rows = vec![keys::by_type(account, type_no, seq)];
    let resource = &event.resource;
    let external = [event.external_id.as_deref(), resource.external_id.as_deref()];
    rows.extend(
        external.into_iter().flatten().filter_map(|id| keys::by_reference(account, Reference::ExternalId, id, seq)),
    );
    rows.extend(resource.id.as_deref().and_then(|id| keys::by_reference(account, Reference::ResourceId, id, seq)));
    rows
}

fn put_notification(txn: &mut Txn<'_>, before: &[Key], now: &Notification) {
    let after = notification_rows(now);
    for row in before.iter().filter(|row| !after.contains(row)) {
        txn.delete(row.clone());
    }
    for row in after {
        if !before.contains(&row) {
            txn.put(row, Vec::new());
        }
    }
    txn.put(keys::notification(now.account, now.key), record::encode_notification(now));
}

fn read_notification(
    txn: &Txn<'_>,
    account: AccountNo,
    key: NotificationKey,
) -> Result<Option<Notification>, StoreError> {
    txn.read(&keys::notification(account, key), |value| record::decode_notification(account, key, value))
}

fn read_event(txn: &Txn<'_>, account: AccountNo, seq: Seq) -> Result<Option<(Event, Stored)>, StoreError> {
    txn.read(&keys::event(account, seq), |value| record::decode_event(account, seq, value))
}

/// The event an id stands for, as this group sees it.
fn find_event(txn: &Txn<'_>, account: AccountNo, id: EventId) -> Result<Option<Event>, StoreError> {
    if let Some(seq) = txn.read(&keys::own_id(account, id), record::decode_seq)? {
        return Ok(read_event(txn, account, seq)?.map(|(event, _)| event));
    }
    let Some(seq) = id.claimed_seq() else {
        return Ok(None);
    };
    Ok(read_event(txn, account, seq)?.map(|(event, _)| event).filter(|event| event.id == id))
}

// ---- accounts, tokens, webhooks --------------------------------------------------------------------------------------

impl Committer {
    pub(super) fn account(&mut self, txn: &mut Txn<'_>, name: &str) -> AccountNo {
        if let Some(no) = self.accounts.get(name) {
            return *no;
        }
        let no = AccountNo(self.accounts.values().map(|no| no.0).max().unwrap_or(0) + 1);
        txn.put(keys::account(no), record::encode_text(name));
        self.accounts.insert(name.to_owned(), no);
        no
    }

    pub(super) fn add_token(&mut self, txn: &mut Txn<'_>, token: Token) {
        txn.put(keys::token(token.id), record::encode_token(&token));
        self.shared.tokens.write().unwrap_or_else(PoisonError::into_inner).insert(token.id, token);
    }

    pub(super) fn revoke_token(&mut self, txn: &mut Txn<'_>, account: AccountNo, id: TokenId) -> bool {
        let mut tokens = self.shared.tokens.write().unwrap_or_else(PoisonError::into_inner);
        let known = tokens.get(&id).is_some_and(|token| token.account == account);
        if known {
            tokens.remove(&id);
            txn.delete(keys::token(id));
        }
        known
    }

    pub(super) fn register(&mut self, txn: &mut Txn<'_>, mut webhook: Webhook, now: Timestamp) -> Option<Arc<Webhook>> {
        if self.shared.directory().of(webhook.account).count() >= MAX_WEBHOOKS {
            return None;
        }
        self.head.webhook_no += 1;
        webhook.no = WebhookNo(self.head.webhook_no);
        webhook.inserted_at = now;
        webhook.updated_at = now;
        txn.put(keys::webhook_id(webhook.id), record::encode_webhook_ref(webhook.account, webhook.no));
        Some(self.put_webhook(txn, webhook))
    }

    pub(super) fn change(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        id: WebhookId,
        now: Timestamp,
        change: impl FnOnce(&mut Webhook),
    ) -> Option<Arc<Webhook>> {
        let mut webhook = Webhook::clone(self.shared.directory().by_id(account, id)?);
        change(&mut webhook);
        webhook.updated_at = now;
        Some(self.put_webhook(txn, webhook))
    }

    pub(super) fn delete(&mut self, txn: &mut Txn<'_>, account: AccountNo, id: WebhookId, now: Timestamp) -> bool {
        let Some(webhook) = self.change(txn, account, id, now, |webhook| webhook.deleted_at = Some(now)) else {
            return false;
        };
        self.add_job(txn, JobV1::Cancel { account: account.0, webhook: webhook.no.0 });
        true
    }

    fn put_webhook(&mut self, txn: &mut Txn<'_>, webhook: Webhook) -> Arc<Webhook> {
        let webhook = Arc::new(webhook);
        txn.put(keys::webhook(webhook.account, webhook.no), record::encode_webhook(&webhook));
        let mut directory = (*self.shared.directory()).clone();
        if webhook.deleted_at.is_some() {
            directory.remove(&webhook);
        } else {
            directory.put(&webhook);
        }
        *self.shared.directory.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(directory);
        self.matches.clear();
        self.told.push(Told::Webhook(webhook.clone()));
        webhook
    }

    /// The webhooks an event of this type is owed to, as they are now.
    fn matching(&mut self, account: AccountNo, event_type: &EventType) -> Arc<[WebhookNo]> {
        if let Some(found) = self.matches.get(&(account, event_type.clone())) {
            return found.clone();
        }
        let directory = self.shared.directory();
        let found: Arc<[WebhookNo]> = directory
            .of(account)
            .filter(|webhook| webhook.subscribes_to(event_type))
            .map(|webhook| webhook.no)
            .collect();
        self.matches.insert((account, event_type.clone()), found.clone());
        found
    }
}

// ---- events ----------------------------------------------------------------------------------------------------------

impl Committer {
    pub(super) fn accept(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        events: Vec<NewEvent>,
        key: Option<IdempotencyKey>,
        now: Timestamp,
    ) -> Result<Result<Vec<Accepted>, AcceptRefusal>, StoreError> {
        if let Some(key) = key
            && let Some(first) = txn.read(&keys::idempotency(account, key.hash), record::decode_idempotency)?
            && first.until_ms > self.clock.now().as_ms()
        {
            return replay(txn, account, &first, key);
        }
        let found = match self.check(txn, account, &events)? {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut accepted: Vec<Accepted> = Vec::with_capacity(events.len());
        for (event, found) in events.into_iter().zip(found) {
            accepted.push(match found {
                Found::Nothing => Accepted { event: self.record(txn, account, event, None, now), replayed: false },
                Found::Recorded(event) => Accepted { event: *event, replayed: true },
                Found::InBatch(index) => Accepted { event: accepted[index].event.clone(), replayed: true },
            });
        }
        if let Some(key) = key {
            remember(txn, account, key, &accepted)?;
        }
        Ok(Ok(accepted))
    }

    /// Looks every event up before any is recorded, since all are or none is.
    fn check(
        &self,
        txn: &Txn<'_>,
        account: AccountNo,
        events: &[NewEvent],
    ) -> Result<Result<Vec<Found>, AcceptRefusal>, StoreError> {
        let mut found = Vec::with_capacity(events.len());
        let mut ids: HashMap<EventId, usize> = HashMap::new();
        let types = self.shared.types.read().unwrap_or_else(PoisonError::into_inner);
        let known = types.get(&account);
        let mut new_types: Vec<&EventType> = Vec::new();
        for (index, event) in events.iter().enumerate() {
            if !known.is_some_and(|known| known.contains_key(event.event_type.as_str()))
                && !new_types.contains(&&event.event_type)
            {
                new_types.push(&event.event_type);
                if known.map_or(0, std::collections::BTreeMap::len) + new_types.len() > MAX_EVENT_TYPES {
                    return Ok(Err(AcceptRefusal::TooManyTypes { index }));
                }
            }
            let Some(id) = event.id else {
                found.push(Found::Nothing);
                continue;
            };
            if let Some(first) = ids.get(&id) {
                if events[*first].fingerprint != event.fingerprint {
                    return Ok(Err(AcceptRefusal::IdTaken { index }));
                }
                found.push(Found::InBatch(*first));
                continue;
            }
            ids.insert(id, index);
            match find_event(txn, account, id)? {
                None => found.push(Found::Nothing),
                Some(recorded) if recorded.fingerprint == event.fingerprint => {
                    found.push(Found::Recorded(Box::new(recorded)));
                }
                Some(_) => return Ok(Err(AcceptRefusal::IdTaken { index })),
            }
        }
        Ok(Ok(found))
    }

    /// Records one event and owes it: to `only`, as a test, or to every webhook that matches.
    fn record(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        new: NewEvent,
        only: Option<WebhookNo>,
        now: Timestamp,
    ) -> Event {
        let NewEvent { id, event_type, external_id, resource, occurred_at, fingerprint, body } = new;
        self.head.seq += 1;
        let seq = Seq(self.head.seq);
        let own_id = id.is_some();
        let id = id.unwrap_or_else(|| EventId::compose(now.as_ms(), seq, u32::from_be_bytes(crate::random::bytes())));
        let owed_to: Arc<[WebhookNo]> = match only {
            Some(webhook) => Arc::new([webhook]),
            None => self.matching(account, &event_type),
        };
        let event = Event {
            seq,
            account,
            id,
            event_type,
            external_id,
            resource,
            occurred_at,
            inserted_at: now,
            fingerprint,
            notifications: u32::try_from(owed_to.len()).unwrap_or(u32::MAX),
            erased_at: None,
        };
        let payload = body.fill(id, now);
        let (row, chunks) = record::encode_event(&event, Some(&payload));
        txn.put(keys::event(account, seq), row);
        for (number, chunk) in (0..).zip(chunks) {
            txn.put(keys::chunk(seq, number), chunk);
        }
        if own_id {
            txn.put(keys::own_id(account, id), record::encode_seq(seq));
        }
        let type_no = self.type_no(txn, account, &event.event_type);
        for row in event_rows(&event, type_no) {
            txn.put(row, Vec::new());
        }
        let hot = if owed_to.is_empty() { None } else { Hot::within(&self.hot_budget, payload) };
        for webhook in owed_to.iter() {
            let key = NotificationKey { seq, webhook: *webhook };
            let notification = Notification::owed(key, account, now, only.is_some());
            put_notification(txn, &[], &notification);
            self.told.push(match notification.manual_at {
                Some(since) => Told::Manual { key, since },
                None => Told::Fresh { key, hot: hot.clone() },
            });
        }
        event
    }

    fn type_no(&mut self, txn: &mut Txn<'_>, account: AccountNo, event_type: &EventType) -> u32 {
        let mut types = self.shared.types.write().unwrap_or_else(PoisonError::into_inner);
        let own = types.entry(account).or_default();
        if let Some(no) = own.get(event_type.as_str()) {
            return *no;
        }
        let no = u32::try_from(own.len()).unwrap_or(u32::MAX);
        txn.put(keys::type_name(account, no), record::encode_text(event_type.as_str()));
        own.insert(event_type.as_str().to_owned(), no);
        no
    }

    pub(super) fn test(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        webhook: WebhookId,
        event: NewEvent,
        now: Timestamp,
    ) -> Result<Result<Option<(Notification, Event)>, AcceptRefusal>, StoreError> {
        let Some(webhook) = self.shared.directory().by_id(account, webhook).map(|webhook| webhook.no) else {
            return Ok(Ok(None));
        };
        if let Err(refusal) = self.check(txn, account, std::slice::from_ref(&event))? {
            return Ok(Err(refusal));
        }
        let event = self.record(txn, account, event, Some(webhook), now);
        let notification = Notification::owed(NotificationKey { seq: event.seq, webhook }, account, now, true);
        Ok(Ok(Some((notification, event))))
    }

    pub(super) fn erase(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        seq: Seq,
        now: Timestamp,
    ) -> Result<Option<Event>, StoreError> {
        let Some((mut event, stored)) = read_event(txn, account, seq)? else {
            return Ok(None);
        };
        if event.erased_at.is_some() {
            return Ok(Some(event));
        }
        let type_no = self.type_no(txn, account, &event.event_type);
        let before = event_rows(&event, type_no);
        event.erased_at = Some(now);
        // What was found in the resource is part of it.
        event.resource = crate::model::ResourceIds::default();
        let after = event_rows(&event, type_no);
        for row in before {
            if !after.contains(&row) {
                txn.delete(row);
            }
        }
        if let Stored::Chunked { chunks, .. } = stored {
            for number in 0..chunks {
                txn.delete(keys::chunk(seq, number));
            }
        }
        txn.put(keys::event(account, seq), record::encode_event(&event, None).0);
        for key in self.notifications_of(txn, account, seq)? {
            let Some(mut notification) = read_notification(txn, account, key)? else {
                continue;
            };
            let before = notification_rows(&notification);
            if notification.cancel(now) {
                put_notification(txn, &before, &notification);
            }
            // Even one that owes nothing may have an attempt in flight.
            self.told.push(Told::Cancelled { key });
        }
        Ok(Some(event))
    }

    /// The notifications of an event, those of this very group included.
    fn notifications_of(
        &self,
        txn: &Txn<'_>,
        account: AccountNo,
        seq: Seq,
    ) -> Result<Vec<NotificationKey>, StoreError> {
        let prefix = keys::notifications_of(account, seq);
        let mut found = Vec::new();
        for row in txn.scan(&prefix) {
            let webhook = keys::u32_at(&row?, prefix.len());
            found.extend(webhook.map(|webhook| NotificationKey { seq, webhook: WebhookNo(webhook) }));
        }
        // What this group staged isn't in the tree yet; only webhooks that exist can have been owed something in it.
        for webhook in self.shared.directory().of(account) {
            let key = NotificationKey { seq, webhook: webhook.no };
            if !found.contains(&key) && read_notification(txn, account, key)?.is_some() {
                found.push(key);
            }
        }
        Ok(found)
    }
}

fn replay(
    txn: &Txn<'_>,
    account: AccountNo,
    first: &IdempotencyV1,
    key: IdempotencyKey,
) -> Result<Result<Vec<Accepted>, AcceptRefusal>, StoreError> {
    if first.fingerprint != key.fingerprint {
        return Ok(Err(AcceptRefusal::KeyTaken));
    }
    let mut accepted = Vec::with_capacity(first.seqs.len());
    for seq in &first.seqs {
        if let Some((event, _)) = read_event(txn, account, Seq(*seq))? {
            accepted.push(Accepted { event, replayed: true });
        }
    }
    Ok(Ok(accepted))
}

fn remember(
    txn: &mut Txn<'_>,
    account: AccountNo,
    key: IdempotencyKey,
    accepted: &[Accepted],
) -> Result<(), StoreError> {
    let row = keys::idempotency(account, key.hash);
    // A key used again after its window leaves the sweeper's row of the first time behind; take it along.
    if let Some(old) = txn.read(&row, record::decode_idempotency)? {
        txn.delete(keys::idempotency_end(Timestamp::from_ms(old.until_ms), account, key.hash));
    }
    let record = IdempotencyV1 {
        fingerprint: key.fingerprint,
        until_ms: key.until.as_ms(),
        seqs: accepted.iter().map(|accepted| accepted.event.seq.0).collect(),
    };
    txn.put(row, record::encode_idempotency(&record));
    txn.put(keys::idempotency_end(key.until, account, key.hash), Vec::new());
    Ok(())
}

/// What an event of a batch turned out to be.
enum Found {
    Nothing,
    Recorded(Box<Event>),
    InBatch(usize),
}

// ---- notifications ---------------------------------------------------------------------------------------------------

impl Committer {
    pub(super) fn settle(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        key: NotificationKey,
        attempt: Attempt,
        verdict: Verdict,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let standing = match read_notification(txn, account, key)? {
            None => Standing::Nothing,
            Some(mut notification) => {
                let before = notification_rows(&notification);
                log_outcome(&attempt, verdict, self.shared.notification_id(key));
                if let Some(earlier) = notification.settle(attempt, verdict, now) {
                    txn.put(keys::attempt(key, earlier.number), record::encode_attempt(&earlier));
                }
                put_notification(txn, &before, &notification);
                Standing::from(&notification)
            }
        };
        self.told.push(Told::Settled { key, standing });
        Ok(())
    }

    pub(super) fn resend(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        key: NotificationKey,
        now: Timestamp,
    ) -> Result<Option<Result<Notification, Refusal>>, StoreError> {
        let Some(mut notification) = read_notification(txn, account, key)? else {
            return Ok(None);
        };
        let erased = txn.read(&keys::event(account, key.seq), |value| {
            Ok(record::decode_event_head(account, key.seq, value)?.erased_at.is_some())
        })?;
        // What has no payload any more would be owed for ever: there is nothing to send.
        if self.shared.directory().by_no(key.webhook).is_none() || erased != Some(false) {
            return Ok(Some(Err(Refusal::Cancelled)));
        }
        let before = notification_rows(&notification);
        if let Err(refusal) = notification.resend(now) {
            return Ok(Some(Err(refusal)));
        }
        put_notification(txn, &before, &notification);
        if let Some(since) = notification.manual_at {
            self.told.push(Told::Manual { key, since });
        }
        Ok(Some(Ok(notification)))
    }

    pub(super) fn resend_event(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        seq: Seq,
        now: Timestamp,
    ) -> Result<Option<Vec<Notification>>, StoreError> {
        let Some((mut event, stored)) = read_event(txn, account, seq)? else {
            return Ok(None);
        };
        if event.erased_at.is_some() {
            return Ok(Some(Vec::new()));
        }
        let mut owed = Vec::new();
        for webhook in self.matching(account, &event.event_type).iter() {
            let key = NotificationKey { seq, webhook: *webhook };
            match self.resend(txn, account, key, now)? {
                Some(Ok(notification)) => owed.push(notification),
                Some(Err(Refusal::Cancelled | Refusal::TooManyAttempts)) => {}
                None => {
                    let notification = Notification::owed(key, account, now, false);
                    put_notification(txn, &[], &notification);
                    self.told.push(Told::Fresh { key, hot: None });
                    event.notifications += 1;
                    owed.push(notification);
                }
            }
        }
        txn.put(keys::event(account, seq), record::encode_event_again(&event, &stored));
        Ok(Some(owed))
    }
}

fn log_outcome(attempt: &Attempt, verdict: Verdict, notification: crate::model::NotificationId) {
    let (status, error) = match &attempt.result {
        AttemptResult::Response(response) => (Some(response.status), None),
        AttemptResult::Error(error) => (None, Some(error.code.as_str())),
    };
    let duration_us = attempt.duration_us;
    tracing::debug!(%notification, trigger = attempt.trigger.as_str(), status, error, duration_us, "attempt ended");
    if verdict == Verdict::Exhausted {
        tracing::info!(%notification, status, error, "notification FAILED: its last automatic attempt is gone");
    }
}

// ---- jobs and sweeps -------------------------------------------------------------------------------------------------

impl Committer {
    fn add_job(&mut self, txn: &mut Txn<'_>, job: JobV1) {
        self.head.job += 1;
        txn.put(keys::job(self.head.job), record::encode_job(&job));
        self.jobs.push_back((self.head.job, job));
    }

    pub(super) fn resend_many(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        query: &NotificationQuery,
    ) -> Result<(), StoreError> {
        // The job goes from the newest down, whatever page the caller last looked at.
        let whole = NotificationQuery { order: Order::Newest, cursor: None, ..query.clone() };
        let durable = self.shared.durable.load(Ordering::Acquire);
        let Some((at, last)) = Walk::bounds(&self.shared, account, &whole, durable)? else {
            return Ok(());
        };
        self.add_job(
            txn,
            JobV1::Resend {
                account: account.0,
                webhook: query.webhook.map(|no| no.0),
                status: query.status.and_then(status_byte),
                event_type: query.event_type.as_ref().map(ToString::to_string),
                at_seq: at.seq,
                at_webhook: at.webhook,
                last_seq: last.seq,
            },
        );
        Ok(())
    }

    /// Does a little of a job; returns what is left of it.
    pub(super) fn step(&mut self, txn: &mut Txn<'_>, job: JobV1, now: Timestamp) -> Result<Option<JobV1>, StoreError> {
        match job {
            JobV1::Cancel { account, webhook } => {
                let more = cancel_some(txn, AccountNo(account), WebhookNo(webhook), now)?;
                Ok(more.then_some(job))
            }
            JobV1::Resend { account, webhook, status, ref event_type, at_seq, at_webhook, last_seq } => {
                let query = NotificationQuery {
                    webhook: webhook.map(WebhookNo),
                    status: status.and_then(status_from),
                    event_type: event_type.as_deref().and_then(crate::model::Pattern::parse),
                    limit: JOB_BATCH,
                    ..NotificationQuery::default()
                };
                let account = AccountNo(account);
                let shared = self.shared.clone();
                let mut walk =
                    Walk::resume(&shared, account, &query, Place { seq: at_seq, webhook: at_webhook }, last_seq)?;
                let (found, next) = walk.page(JOB_BATCH)?;
                for notification in found {
                    // What can't be re-sent (cancelled meanwhile, too many attempts) is passed over.
                    let _: Option<Result<Notification, Refusal>> = self.resend(txn, account, notification.key, now)?;
                }
                Ok(next.map(|at| JobV1::Resend {
                    account: account.0,
                    webhook,
                    status,
                    event_type: event_type.clone(),
                    at_seq: at.seq,
                    at_webhook: at.webhook,
                    last_seq,
                }))
            }
        }
    }
}

/// Cancels some of what a webhook was owed; returns whether there may be more.
fn cancel_some(txn: &mut Txn<'_>, account: AccountNo, webhook: WebhookNo, now: Timestamp) -> Result<bool, StoreError> {
    let ranges = [keys::fresh_of(account, webhook), keys::retries_of(webhook), keys::manuals_of(webhook)];
    let mut found: Vec<(Key, NotificationKey)> = Vec::new();
    for prefix in &ranges {
        for row in txn.scan(prefix).take(JOB_BATCH) {
            let row = row?;
            // In each of the three, the sequence number comes last.
            let seq = row.len().checked_sub(8).and_then(|at| keys::u64_at(&row, at));
            let seq = seq.ok_or(StoreError::Damaged { table: "queue", what: "has a short key" })?;
            found.push((row.to_vec(), NotificationKey { seq: Seq(seq), webhook }));
        }
    }
    for (row, key) in &found {
        if let Some(mut notification) = read_notification(txn, account, *key)? {
            let before = notification_rows(&notification);
            if notification.cancel(now) {
                put_notification(txn, &before, &notification);
            }
        }
        // Gone already, unless it belonged to nothing: then it would be met again and again.
        txn.delete(row.clone());
    }
    Ok(!found.is_empty())
}

/// Forgets idempotency keys whose window is over; returns how many.
pub(super) fn sweep_idempotency_keys(txn: &mut Txn<'_>, now_ms: u64, most: usize) -> Result<usize, StoreError> {
    let mut swept = 0;
    for row in txn.scan(&keys::idempotency_ends()).take(most) {
        let row = row?;
        let fields = (keys::u64_at(&row, 1), keys::u32_at(&row, 9), row.get(13..29).map(<[u8; 16]>::try_from));
        let (Some(until_ms), Some(account), Some(Ok(hash))) = fields else {
            return Err(StoreError::Damaged { table: "idempotency end", what: "has a short key" });
        };
        if until_ms > now_ms {
            break;
        }
        txn.delete(keys::idempotency(AccountNo(account), hash));
        txn.delete(row.to_vec());
        swept += 1;
    }
    Ok(swept)
}

fn status_byte(status: Status) -> Option<u8> {
    Status::ALL.iter().position(|other| *other == status).and_then(|at| u8::try_from(at).ok())
}

fn status_from(byte: u8) -> Option<Status> {
    Status::ALL.get(usize::from(byte)).copied()
}
