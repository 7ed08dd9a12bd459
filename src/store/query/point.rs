//! Reading one record by its key.

use crate::model::{AccountNo, Attempt, Event, EventId, Notification, NotificationKey, Seq, WebhookId, WebhookNo};
use crate::store::engine::Tree;
use crate::store::error::StoreError;
use crate::store::schema::{keys, record};
use crate::store::state::Shared;
use std::sync::atomic::Ordering;

impl Shared {
    pub(crate) fn attempt(&self, key: NotificationKey, number: u16) -> Result<Option<Attempt>, StoreError> {
        let value = self.tree.get(&keys::attempt(key, number))?;
        value.map(|value| record::decode_attempt(&value)).transpose()
    }
}

impl Shared {
    pub(crate) fn is_durable(&self, seq: Seq) -> bool {
        seq.0 <= self.durable.load(Ordering::Acquire)
    }

    pub(crate) fn event_seq(&self, account: AccountNo, id: EventId) -> Result<Option<Seq>, StoreError> {
        let seq = match self.tree.get(&keys::own_id(account, id))? {
            Some(value) => Some(record::decode_seq(&value)?),
            None => match id.claimed_seq() {
                Some(seq) => self.event_head(account, seq)?.filter(|event| event.id == id).map(|event| event.seq),
                None => None,
            },
        };
        Ok(seq.filter(|seq| self.is_durable(*seq)))
    }

    pub(crate) fn webhook_no(&self, account: AccountNo, id: WebhookId) -> Result<Option<WebhookNo>, StoreError> {
        if let Some(webhook) = self.directory().by_id(account, id) {
            return Ok(Some(webhook.no));
        }
        let value = self.tree.get(&keys::webhook_id(id))?;
        let found = value.map(|value| record::decode_webhook_ref(&value)).transpose()?;
        Ok(found.filter(|found| found.account == account.0).map(|found| WebhookNo(found.webhook)))
    }

    pub(crate) fn event_head(&self, account: AccountNo, seq: Seq) -> Result<Option<Event>, StoreError> {
        let value = self.tree.get(&keys::event(account, seq))?;
        value.map(|value| record::decode_event_head(account, seq, &value)).transpose()
    }

    pub(crate) fn notification(
        &self,
        account: AccountNo,
        key: NotificationKey,
    ) -> Result<Option<Notification>, StoreError> {
        let record = || match self.tree.get(&keys::notification(account, key))? {
            Some(value) => record::decode_notification(account, key, &value).map(Some),
            None => Ok(None),
        };
        match record() {
            Ok(None) => {}
            Err(error) if error.is_damage() => {}
            found => return found,
        }
        match implied(&*self.tree, account, key)? {
            Some(found) => Ok(Some(found)),
            // It may have got its record between the two looks.
            None => record(),
        }
    }
}

/// The notification that an untried entry alone stands for; see [`crate::store::changes::rows`]. So does one whose
/// record is damaged: no attempt was made.
pub(crate) fn implied(
    tree: &dyn Tree,
    account: AccountNo,
    key: NotificationKey,
) -> Result<Option<Notification>, StoreError> {
    if !tree.contains(&keys::untried(account, key))? {
        return Ok(None);
    }
    let Some(event) = tree.get(&keys::event(account, key.seq))? else {
        return Ok(None);
    };
    let event = record::decode_event_head(account, key.seq, &event)?;
    Ok(Some(Notification::new(key, account, event.inserted_at, false)))
}
