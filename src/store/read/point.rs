//! Reading one thing at a time. Every call can meet the disk: never on an async thread.

use crate::model::{
    AccountNo, Attempt, BulkJob, CountedJob, ErasureState, Event, JobState, Notification, NotificationKey, Payload,
    Seq, Timestamp, TokenId, Webhook, WebhookId, WebhookNo,
};
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::schema::record::Token;
use crate::store::schema::{keys, record, seqs};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

impl Store {
    /// An event and its payload; no payload where it was erased.
    pub fn event(&self, account: AccountNo, seq: Seq) -> Result<Option<(Event, Option<Payload>)>, StoreError> {
        let Some(value) = self.shared.tree.get(&keys::event(account, seq))? else {
            return Ok(None);
        };
        let (event, stored) = record::decode_event(account, seq, &value)?;
        let payload = stored.payload(|number, body| {
            let chunk = self.shared.tree.get(&keys::chunk(seq, number))?;
            let decoded = chunk.as_deref().map(record::decode_chunk).transpose()?;
            body.extend_from_slice(decoded.unwrap_or_default());
            Ok(decoded.is_some())
        })?;
        Ok(Some((event, payload)))
    }

    /// An event without its payload.
    pub fn event_head(&self, account: AccountNo, seq: Seq) -> Result<Option<Event>, StoreError> {
        self.shared.event_head(account, seq)
    }

    /// A notification.
    pub fn notification(&self, account: AccountNo, key: NotificationKey) -> Result<Option<Notification>, StoreError> {
        Ok(self.shared.notification(account, key)?.filter(|_| self.shared.is_durable(key.seq)))
    }

    /// Every attempt of a notification, the first one first.
    pub fn attempts(&self, notification: &Notification) -> Result<Vec<Attempt>, StoreError> {
        let mut attempts = Vec::with_capacity(usize::from(notification.attempts));
        for row in self.shared.tree.scan(&keys::attempts(notification.key)) {
            attempts.push(record::decode_attempt(&row?.1)?);
        }
        // A row written since the notification was read would be its `last` too.
        attempts.retain(|attempt| notification.last.as_ref().is_some_and(|last| attempt.number < last.number));
        attempts.extend(notification.last.clone());
        Ok(attempts)
    }

    /// The notifications of one event, by webhook: at most as many as there ever were webhooks.
    pub fn notifications_of(&self, account: AccountNo, seq: Seq) -> Result<Vec<Notification>, StoreError> {
        // First of all, so that one that gets its record in between is met either way.
        let untried = seqs::webhooks_below(&*self.shared.tree, &keys::untried_of_account(account))?;
        let mut found = BTreeMap::new();
        for webhook in untried {
            let key = NotificationKey { seq, webhook };
            if self.shared.tree.contains(&keys::untried(account, key))? {
                found.extend(self.shared.notification(account, key)?.map(|notification| (webhook, notification)));
            }
        }
        let prefix = keys::notifications_of(account, seq);
        for row in self.shared.tree.scan(&prefix) {
            let (key, value) = row?;
            let webhook = keys::u32_at(&key, prefix.len());
            let webhook = webhook.ok_or(StoreError::Damaged { table: "notification", what: "has a short key" })?;
            let key = NotificationKey { seq, webhook: WebhookNo(webhook) };
            found.insert(key.webhook, record::decode_notification(account, key, &value)?);
        }
        Ok(found.into_values().collect())
    }

    /// The event whose notification a waiting one waits for: the one of its resource whose turn it is.
    pub fn waits_for(&self, notification: &Notification) -> Result<Option<Event>, StoreError> {
        let Some(order) = notification.order.filter(|_| notification.awaits_predecessor) else {
            return Ok(None);
        };
        let prefix = keys::chain(notification.key.webhook, order);
        for row in self.shared.tree.scan(&prefix).keys() {
            let seq = keys::u64_at(&row?, prefix.len()).map(Seq);
            let seq = seq.ok_or(StoreError::Damaged { table: "order", what: "has a short key" })?;
            let key = NotificationKey { seq, ..notification.key };
            if self.shared.notification(notification.account, key)?.is_some_and(|other| !other.awaits_predecessor) {
                return self.shared.event_head(notification.account, seq);
            }
        }
        Ok(None)
    }

    /// A webhook by its number, deleted ones included.
    pub fn webhook(&self, account: AccountNo, no: WebhookNo) -> Result<Option<Arc<Webhook>>, StoreError> {
        if let Some(webhook) = self.shared.directory().by_no(no) {
            return Ok(Some(webhook.clone()));
        }
        let value = self.shared.tree.get(&keys::webhook(account, no))?;
        value.map(|value| record::decode_webhook(&value).map(Arc::new)).transpose()
    }

    /// The number of a webhook, deleted ones included, if the account has or had it.
    pub fn webhook_no(&self, account: AccountNo, id: WebhookId) -> Result<Option<WebhookNo>, StoreError> {
        self.shared.webhook_no(account, id)
    }

    /// The account's bulk jobs, the oldest first: those that go on, and the last 1,000 that have ended within a
    /// week. From memory.
    pub fn bulk_jobs(&self, account: AccountNo) -> Vec<BulkJob> {
        self.shared.bulk_jobs_of(account)
    }

    /// How many bulk jobs and erasures go on, by kind, of one account or of all. From memory.
    pub fn running_jobs(&self, of: Option<AccountNo>) -> [(CountedJob, u64); CountedJob::ALL.len()] {
        let is_meant = |account: AccountNo| of.is_none_or(|of| account == of);
        let mut counts = CountedJob::ALL.map(|kind| (kind, 0));
        for job in self.shared.bulk_jobs().values().filter(|job| is_meant(job.account)) {
            counts[CountedJob::from(job.kind) as usize].1 += u64::from(job.state == JobState::Running);
        }
        for erasure in self.shared.erasures().values().filter(|erasure| is_meant(erasure.account)) {
            counts[CountedJob::Erasure as usize].1 += u64::from(erasure.state == ErasureState::Running);
        }
        counts
    }

    /// The token with this id, if it is kept and hasn't expired by `now`. From memory.
    pub fn token(&self, id: TokenId, now: Timestamp) -> Option<Token> {
        let tokens = self.shared.tokens.read().unwrap_or_else(PoisonError::into_inner);
        tokens.get(&id).filter(|token| token.is_good_at(now)).cloned()
    }

    /// The tokens of an account, oldest first. From memory.
    pub fn tokens(&self, account: AccountNo) -> Vec<Token> {
        let tokens = self.shared.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let mut own: Vec<Token> = tokens.values().filter(|token| token.account == account).cloned().collect();
        own.sort_by_key(|token| (token.inserted_at, token.id));
        own
    }
}
