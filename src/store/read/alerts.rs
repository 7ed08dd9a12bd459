//! What is kept of alerts: read whole at a start, and then from memory.

use crate::model::{
    AccountNo, Alert, AlertFacts, Attempt, Book, Condition, Forgotten, Letter, Listing, NotificationFilter, Recipient,
    Seq, Status, Timestamp, Webhook, WebhookNo,
};
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::schema::{alert_keys, keys, record};
use std::collections::BTreeMap;

/// All that is kept of alerts but the facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptAlerts {
    /// What lasts or is to be told.
    pub alerts: BTreeMap<(Recipient, Condition), Alert>,
    /// What is on its way.
    pub letters: BTreeMap<(Recipient, u64), Letter>,
    /// What is remembered of recipients.
    pub books: BTreeMap<Recipient, Book>,
    /// What nobody is told of, until a moment or for good.
    pub mutes: BTreeMap<Condition, Option<Timestamp>>,
}

impl Store {
    /// What is kept of alerts. A row that can't be read is logged and passed over: what lasts is told again. Blocks on
    /// the disk.
    pub fn kept_alerts(&self) -> Result<KeptAlerts, StoreError> {
        let mut kept = KeptAlerts::default();
        for row in self.shared.tree.scan(&alert_keys::all_alerts()) {
            let (key, value) = row?;
            if let Err(error) = take(&mut kept, &key, &value) {
                tracing::error!(%error, "what is kept of an alert can't be read and is passed over");
            }
        }
        Ok(kept)
    }

    /// What has happened, to webhooks and to the machine ([`AlertFacts::MACHINE`]), that alerts have not taken in yet.
    /// From memory.
    pub fn alert_facts(&self) -> BTreeMap<WebhookNo, AlertFacts> {
        self.shared.alert_facts().clone()
    }

    /// What was erased since this was asked last, for alerts to take it out of what they hold in memory; the store has
    /// taken it out of its rows. Only for what commits [`KeepAlerts`](crate::store::KeepAlerts), and not while it works
    /// on an older state: a commit is looked through for what was erased and not yet asked for.
    pub fn take_forgotten(&self) -> Vec<Forgotten> {
        std::mem::take(&mut *self.shared.forgotten())
    }
}

fn take(kept: &mut KeptAlerts, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    let row = alert_keys::alert_row(key).ok_or(StoreError::Damaged { table: "alert", what: "has a key of no kind" })?;
    match row {
        alert_keys::AlertRow::Alert(recipient, condition) => {
            kept.alerts.insert((recipient, condition), record::decode_alert(value)?);
        }
        alert_keys::AlertRow::Letter(recipient, number) => {
            kept.letters.insert((recipient, number), record::decode_letter(value)?);
        }
        alert_keys::AlertRow::Book(recipient) => drop(kept.books.insert(recipient, record::decode_book(value)?)),
        alert_keys::AlertRow::Mute(condition) => drop(kept.mutes.insert(condition, record::decode_mute(value)?)),
        alert_keys::AlertRow::Facts(_) => {}
    }
    Ok(())
}

/// How many of an account's last events are looked at for one that the shop has recorded.
const LOOKED_AT: usize = 1000;

impl Store {
    /// The last attempt of a notification that is retried, held or has failed, the newest such; tests are left out.
    /// `None` where there is none. Blocks on the disk.
    pub fn last_failure(&self, webhook: &Webhook) -> Result<Option<Attempt>, StoreError> {
        for status in [Status::Retrying, Status::Held, Status::Failed] {
            let (webhook_id, status) = (Some(webhook.id), Some(status));
            let filter = NotificationFilter { webhook_id, status, ..NotificationFilter::default() }.or_default();
            let page = self.notifications(webhook.account, &filter, Listing::newest(5))?;
            let tried = page.items.into_iter().find_map(|(notification, _)| notification.last);
            if tried.is_some() {
                return Ok(tried);
            }
        }
        Ok(None)
    }

    /// When an account recorded its last event, those left out that carteiro itself records; `None` where the store has
    /// none. Blocks on the disk.
    pub fn last_event_at(&self, account: AccountNo) -> Result<Option<Timestamp>, StoreError> {
        let first = keys::events(account);
        for row in self.shared.tree.range_rev(&first, &keys::end_of(&first)).take(LOOKED_AT) {
            let (key, value) = row?;
            let seq = keys::u64_at(&key, first.len());
            let seq = seq.ok_or(StoreError::Damaged { table: "event", what: "has a short key" })?;
            let event = record::decode_event_head(account, Seq(seq), &value)?;
            if !event.event_type.is_own() {
                return Ok(Some(event.inserted_at));
            }
        }
        Ok(None)
    }
}
