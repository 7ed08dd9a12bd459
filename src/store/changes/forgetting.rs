//! What is erased is told to nobody any more: alerts and messages on their way lose the shop's ids of erased events and
//! what they say of removed accounts, and events that carteiro recorded about an erased one are erased with it.
//!
//! Rows are changed in the same commit. What alerts hold in memory they change themselves, as soon as they look at
//! [`Shared::forgotten`](crate::store::state::Shared); what they have kept before that is looked through.

use crate::gather::Gather as _;
use crate::model::{AccountNo, Condition, Event, EventType, Forgotten, Recipient, SearchText, Seq, WebhookNo};
use crate::store::changes::ledger::Ledger;
use crate::store::changes::rows::read_event_head;
use crate::store::error::StoreError;
use crate::store::query::keyed::Keyed;
use crate::store::schema::alert_keys::{self, AlertRow};
use crate::store::schema::keys::Key;
use crate::store::schema::references::Kind;
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;
use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// The rows of alerts below a prefix, as this group sees them. Read before anything is staged, since it can fail.
pub(crate) fn rows_below(txn: &Txn<'_>, prefix: &Key) -> Result<BTreeSet<Key>, StoreError> {
    let mut rows: BTreeSet<Key> = txn.staged(prefix).cloned().gather();
    for row in txn.scan(prefix) {
        rows.insert(row?.to_vec());
    }
    Ok(rows)
}

/// The letters on their way to the operator and to an account.
pub(crate) fn letters_about(txn: &Txn<'_>, account: AccountNo) -> Result<BTreeSet<Key>, StoreError> {
    let mut letters = rows_below(txn, &alert_keys::letters_to(Recipient::Operator))?;
    letters.extend(rows_below(txn, &alert_keys::letters_to(Recipient::Account(account)))?);
    Ok(letters)
}

/// Has alerts forget the shop's id of an event that these webhooks have a notification of.
pub(crate) fn forget_id(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    (account, webhooks): (AccountNo, &BTreeSet<WebhookNo>),
    letters: &BTreeSet<Key>,
    id: &str,
) {
    let forgotten = Forgotten::ExternalId { account, webhooks: webhooks.clone(), id: id.to_owned() };
    let mut had_it = false;
    for no in webhooks {
        let known =
            ledger.shared.alert_facts().get(no).is_some_and(|facts| facts.external_ids.iter().any(|own| own == id));
        if known {
            ledger.change_facts(txn, *no, |facts| facts.external_ids.retain(|own| own != id));
            had_it = true;
        }
        for recipient in [Recipient::Operator, Recipient::Account(account)] {
            had_it |=
                take_out_of_row(txn, alert_keys::alert(recipient, Condition::NotificationsFailed(*no)), &forgotten);
        }
    }
    for letter in letters {
        had_it |= take_out_of_row(txn, letter.clone(), &forgotten);
    }
    // Where no row has it, alerts don't have it in memory either.
    if had_it {
        ledger.shared.forgotten().push(forgotten);
    }
}

/// Has alerts forget an account that is removed: `rows` are those of its own alerts and the letters to the operator.
pub(crate) fn forget_account(ledger: &Ledger, txn: &mut Txn<'_>, (no, name): (AccountNo, &str), rows: &BTreeSet<Key>) {
    let forgotten = Forgotten::Account { no, name: name.to_owned() };
    for row in rows {
        take_out_of_row(txn, row.clone(), &forgotten);
    }
    ledger.shared.forgotten().push(forgotten);
}

/// Whether the row of an alert or a letter had it.
fn take_out_of_row(txn: &mut Txn<'_>, row: Key, forgotten: &Forgotten) -> bool {
    match (alert_keys::alert_row(&row), forgotten) {
        (Some(AlertRow::Alert(to, condition)), _) => {
            let left = |alert| forgotten.left_of_alert((to, condition), alert);
            replace(txn, row, record::decode_alert, record::encode_alert, left)
        }
        (Some(AlertRow::Letter(to, _)), _) => {
            let left = |letter| forgotten.left_of_letter(to, letter);
            replace(txn, row, record::decode_letter, record::encode_letter, left)
        }
        (Some(AlertRow::Book(Recipient::Account(no))), Forgotten::Account { no: gone, .. }) if no == *gone => {
            txn.delete(row);
            true
        }
        _ => false,
    }
}

/// Leaves of a row what is `left` of it; whether that is less. One that can't be read is deleted: it may have what is
/// to be forgotten.
fn replace<T: Clone + PartialEq>(
    txn: &mut Txn<'_>,
    row: Key,
    decode: fn(&[u8]) -> Result<T, StoreError>,
    encode: fn(&T) -> Vec<u8>,
    left: impl FnOnce(T) -> Option<T>,
) -> bool {
    let after = match txn.read(&row, decode) {
        Ok(None) => return false,
        Ok(Some(before)) => match left(before.clone()) {
            Some(after) if after == before => return false,
            after => after,
        },
        Err(_) => None,
    };
    match after {
        Some(after) => txn.put(row, encode(&after)),
        None => txn.delete(row),
    }
    true
}

/// The events that carteiro has recorded about notifications of an event, and that aren't erased. Read before anything
/// of a change is staged, since it can fail.
pub(crate) fn events_about(ledger: &Ledger, txn: &Txn<'_>, event: &Event) -> Result<Vec<Event>, StoreError> {
    let (shared, account) = (&ledger.shared, event.account);
    let is_own = |event: &Event| event.event_type.as_str() == EventType::NOTIFICATION_FAILED;
    let types = shared.types.read().unwrap_or_else(PoisonError::into_inner);
    let are_any = types.get(&account).is_some_and(|types| types.contains_key(EventType::NOTIFICATION_FAILED));
    drop(types);
    let Some(key) = SearchText::parse(&event.id.to_string()).filter(|_| are_any && !is_own(event)) else {
        return Ok(Vec::new());
    };
    let last = Seq(ledger.head.seq.max(shared.durable.load(Ordering::Acquire)));
    let mut found = Vec::new();
    let mut walk = Keyed::of(shared, account, &key, false, (event.seq, last), usize::MAX);
    while let Some(about) = walk.next()? {
        found.push(about);
    }
    // What this group has recorded is not in the tree yet.
    let hash = shared.references.hash(Kind::Key, key.as_str());
    for row in txn.staged(&keys::references(account)) {
        let Some((_, seq)) = keys::reference_parts(row).filter(|(own, _)| *own == hash) else { continue };
        let about = read_event_head(txn, account, seq)?;
        found.extend(about.filter(|about| about.resource.keys.iter().any(|own| own == key.as_str())));
    }
    found.retain(|about| is_own(about) && about.seq > event.seq);
    found.dedup_by_key(|about| about.seq);
    Ok(found)
}
