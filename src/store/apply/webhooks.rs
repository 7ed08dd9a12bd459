//! Accounts, tokens and webhooks.

use crate::model::{AccountNo, EventType, Seq, Timestamp, TokenId, Webhook, WebhookId, WebhookNo};
use crate::store::committer::{Committer, Matches, Told};
use crate::store::keys::{self};
use crate::store::record::{self, JobV1};
use crate::store::txn::Txn;
use crate::store::{MAX_WEBHOOKS, Token};
use std::sync::{Arc, PoisonError};

impl Committer {
    pub(in crate::store) fn account(&mut self, txn: &mut Txn<'_>, name: &str) -> AccountNo {
        if let Some(no) = self.accounts.get(name) {
            return *no;
        }
        let no = AccountNo(self.accounts.values().map(|no| no.0).max().unwrap_or(0) + 1);
        txn.put(keys::account(no), record::encode_text(name));
        self.accounts.insert(name.to_owned(), no);
        no
    }

    pub(in crate::store) fn add_token(&mut self, txn: &mut Txn<'_>, token: Token) {
        txn.put(keys::token(token.id), record::encode_token(&token));
        self.shared.tokens.write().unwrap_or_else(PoisonError::into_inner).insert(token.id, token);
    }

    pub(in crate::store) fn revoke_token(&mut self, txn: &mut Txn<'_>, account: AccountNo, id: TokenId) -> bool {
        let mut tokens = self.shared.tokens.write().unwrap_or_else(PoisonError::into_inner);
        let known = tokens.get(&id).is_some_and(|token| token.account == account);
        if known {
            tokens.remove(&id);
            txn.delete(keys::token(id));
        }
        known
    }

    pub(in crate::store) fn register(
        &mut self,
        txn: &mut Txn<'_>,
        mut webhook: Webhook,
        now: Timestamp,
    ) -> Option<Arc<Webhook>> {
        if self.shared.directory().of(webhook.account).count() >= MAX_WEBHOOKS {
            return None;
        }
        self.head.webhook_no += 1;
        webhook.no = WebhookNo(self.head.webhook_no);
        webhook.registered_after = Seq(self.head.seq);
        webhook.inserted_at = now;
        webhook.updated_at = now;
        txn.put(keys::webhook_id(webhook.id), record::encode_webhook_ref(webhook.account, webhook.no));
        Some(self.put_webhook(txn, webhook))
    }

    pub(in crate::store) fn change(
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

    pub(in crate::store) fn delete(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        id: WebhookId,
        now: Timestamp,
    ) -> bool {
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
    pub(super) fn matching(&mut self, account: AccountNo, event_type: &EventType) -> Matches {
        if let Some(found) = self.matches.get(&(account, event_type.clone())) {
            return found.clone();
        }
        let directory = self.shared.directory();
        let found: Matches = directory
            .of(account)
            .filter(|webhook| webhook.subscribes_to(event_type))
            .map(|webhook| (webhook.no, webhook.ordered))
            .collect();
        self.matches.insert((account, event_type.clone()), found.clone());
        found
    }
}
