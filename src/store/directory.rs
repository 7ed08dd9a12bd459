//! The webhooks that exist, in memory.

use crate::model::{AccountNo, Webhook, WebhookId, WebhookNo};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The webhooks that exist, by account, id and number: a snapshot that never changes.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_field_names, reason = "what each map is keyed by is all there is to say of it")]
pub struct Directory {
    by_account: HashMap<AccountNo, BTreeMap<WebhookNo, Arc<Webhook>>>,
    by_id: HashMap<WebhookId, Arc<Webhook>>,
    by_no: HashMap<WebhookNo, Arc<Webhook>>,
}

impl Directory {
    /// The webhooks of an account, oldest first.
    pub fn of(&self, account: AccountNo) -> impl DoubleEndedIterator<Item = &Arc<Webhook>> {
        self.by_account.get(&account).into_iter().flat_map(BTreeMap::values)
    }

    /// The webhook with this id, if it is this account's.
    pub fn by_id(&self, account: AccountNo, id: WebhookId) -> Option<&Arc<Webhook>> {
        self.by_id.get(&id).filter(|webhook| webhook.account == account)
    }

    /// The webhook with this number.
    pub fn by_no(&self, no: WebhookNo) -> Option<&Arc<Webhook>> {
        self.by_no.get(&no)
    }

    /// Every webhook there is.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Webhook>> {
        self.by_no.values()
    }

    pub(crate) fn put(&mut self, webhook: &Arc<Webhook>) {
        self.by_account.entry(webhook.account).or_default().insert(webhook.no, webhook.clone());
        self.by_id.insert(webhook.id, webhook.clone());
        self.by_no.insert(webhook.no, webhook.clone());
    }

    pub(crate) fn remove(&mut self, webhook: &Webhook) {
        if let Some(own) = self.by_account.get_mut(&webhook.account) {
            own.remove(&webhook.no);
        }
        self.by_id.remove(&webhook.id);
        self.by_no.remove(&webhook.no);
    }
}
