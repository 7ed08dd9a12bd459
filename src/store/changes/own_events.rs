//! Events that carteiro itself records about a webhook, in the change that makes them so.

use crate::model::{EventType, NotificationKey, OwnEvent, Timestamp, Webhook};
use crate::store::changes::events::{Recipients, record};
use crate::store::changes::ledger::Ledger;
use crate::store::changes::rows::read_event_head;
use crate::store::error::StoreError;
use crate::store::txn::Txn;

/// Records the event for the other webhooks of the account that subscribe to it. An error finds nothing of it staged.
pub(crate) fn record_about(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    webhook: &Webhook,
    what: &OwnEvent<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = what.about(webhook, &ledger.env_of(webhook.account), now);
    record(ledger, txn, webhook.account, event, Recipients::MatchingBut(webhook.no), now)?;
    // Targets hear of it, and must not hear of what a power cut can still take back.
    ledger.to_be_durable = true;
    Ok(())
}

/// The same where at least one other webhook subscribes to it: nobody else would miss it, and a target that is down
/// would fill the store. It is best effort, since the change that it tells of is made in any case: while the store
/// takes nothing that grows, and where a row can't be read, the log says that it wasn't recorded.
pub(crate) fn tell_others(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    webhook: &Webhook,
    what: &OwnEvent<'_>,
    now: Timestamp,
) {
    let subscribers = ledger.subscribers(webhook.account, &what.event_type());
    if subscribers.all().iter().all(|(no, _)| *no == webhook.no) {
        return;
    }
    let told = match ledger.shared.full() {
        None => record_about(ledger, txn, webhook, what, now),
        Some(full) => Err(full),
    };
    if let Err(error) = told {
        let event_type = what.type_name();
        tracing::warn!(%error, webhook = %webhook.id, event_type, "an event about the webhook could not be recorded");
    }
}

/// Whether what becomes of a notification is told to other webhooks: not of one that tells of a webhook itself, so that
/// two webhooks that are both down don't tell each other so for ever.
pub(crate) fn is_told_of(txn: &Txn<'_>, webhook: &Webhook, key: NotificationKey) -> bool {
    let event = read_event_head(txn, webhook.account, key.seq).ok().flatten();
    event.is_none_or(|event| !event.event_type.is_own() || event.event_type.as_str() == EventType::TEST)
}
