//! Events: recorded once with a notification for each webhook that matches, erased.

use crate::model::{
    AccountNo, AuditAction, AuditNote, AuditSubject, AuditedField, Event, EventId, EventType, JobOutcome, NewEvent,
    Notification, NotificationKey, Seq, Status, Timestamp, Trial, WebhookId, WebhookNo,
};
use crate::stats::Counted;
use crate::store::cached_payload::CachedPayload;
use crate::store::changes::backfill::owe_older_first;
use crate::store::changes::change::{AuditedChange, Change, ChangeError, Noted, fan_out_bytes};
use crate::store::changes::forgetting::{events_about, forget_id, letters_about};
use crate::store::changes::idempotency::{IdempotencyKey, Made, answered, is_in_window, remember};
use crate::store::changes::ledger::{Ledger, Matching};
use crate::store::changes::ordering::{add_notification, add_test, position, release_next};
use crate::store::changes::rows::{
    delete_chunks, find_event, find_notification, put_notification, read_event, recipients_of,
};
use crate::store::error::StoreError;
use crate::store::limits::{MAX_EVENT_TYPES, MAX_NOTIFICATIONS_AT_ONCE};
use crate::store::schema::index::event_rows;
use crate::store::schema::record::IdempotencyV1;
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;
use crate::store::updates::StoreUpdate;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};

/// Records events, all or none: each becomes pending for every webhook that matches it at that instant.
pub struct RecordEvents {
    /// Whose it is.
    pub account: AccountNo,
    /// The events, in the order they get their numbers.
    pub events: Vec<NewEvent>,
    /// The idempotency key of the request.
    pub key: Option<IdempotencyKey>,
}

impl Change for RecordEvents {
    type Reply = Vec<Accepted>;
    type Error = ChangeError<AcceptRefusal>;

    const GROWS: bool = true;
    const UNAUDITED: Option<&'static str> = Some("an event tells of itself, and recording is the hot path");

    fn weight(&self, ledger: &Ledger) -> usize {
        let each = fan_out_bytes(ledger, self.account);
        self.events.iter().map(|event| event.body.len() + each).sum()
    }

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Result<Self::Reply, Self::Error> {
        let Self { account, events, key } = self;
        let earlier = answered(txn, account, key)?;
        if let (Some(key), Some(first)) = (key, &earlier)
            && is_in_window(ledger, first)
            && let Some(replayed) = replay(txn, account, first, key)?
        {
            return Ok(replayed);
        }
        let found = check(ledger, txn, account, &events)?;
        let recipients: Vec<Option<Matching>> = events
            .iter()
            .zip(&found)
            .map(|(event, found)| matches!(found, Found::Nothing).then(|| ledger.matching(account, event)))
            .collect();
        let pending: usize = recipients.iter().flatten().map(|matching| matching.to.len()).sum();
        if pending > MAX_NOTIFICATIONS_AT_ONCE {
            return Err(ChangeError::Refused(AcceptRefusal::TooManyNotifications));
        }
        let mut accepted: Vec<Accepted> = Vec::with_capacity(events.len());
        for ((event, found), matching) in events.into_iter().zip(found).zip(recipients) {
            accepted.push(match found {
                Found::Nothing => {
                    let to = Recipients::Matching(matching.unwrap_or_default());
                    Accepted { event: record(ledger, txn, account, event, to, now)?, replayed: false }
                }
                Found::Recorded(event) => Accepted { event: *event, replayed: true },
                Found::InBatch(index) => Accepted { event: accepted[index].event.clone(), replayed: true },
            });
        }
        if let Some(key) = key {
            let seqs = accepted.iter().map(|accepted| accepted.event.seq.0).collect();
            remember(txn, account, key, earlier.as_ref(), Made::Events(seqs));
        }
        Ok(accepted)
    }
}

/// Records a test event, pending for one webhook alone. Answers `None` when the account has no such webhook.
pub struct RecordTestEvent {
    /// Whose it is.
    pub account: AccountNo,
    /// The webhook.
    pub webhook: WebhookId,
    /// The event.
    pub event: NewEvent,
}

impl AuditedChange for RecordTestEvent {
    type Reply = Option<(Notification, Event)>;
    type Error = ChangeError<AcceptRefusal>;

    const GROWS: bool = true;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self> {
        let account = self.account;
        let Some(tested) = ledger.shared.directory().by_id(account, self.webhook).cloned() else {
            return Ok((None, None));
        };
        let webhook = tested.no;
        check(ledger, txn, account, std::slice::from_ref(&self.event))?;
        let event = NewEvent { trial: Some(Trial::Webhook), ..self.event };
        let event = record(ledger, txn, account, event, Recipients::Tested(webhook), now)?;
        let notification = Notification::new(NotificationKey { seq: event.seq, webhook }, account, now, true);
        let note = AuditNote::new(account, AuditAction::WebhookTested).of_webhook(tested.id, tested.name());
        let note = note.about(AuditSubject::Notification(ledger.shared.notification_id(notification.key)));
        let note = note.with([AuditedField::set("type", &event.event_type)]);
        Ok((Some((notification, event)), Some(note)))
    }
}

/// Erases an event's payload and cancels its pending notifications. Answers `None` when the account has no such event.
#[derive(Debug)]
pub struct EraseEvent {
    /// Whose it is.
    pub account: AccountNo,
    /// The event.
    pub seq: Seq,
    /// Whether the caller's own id for it goes as well.
    pub external_id: bool,
}

impl AuditedChange for EraseEvent {
    type Reply = Option<Event>;
    type Error = StoreError;

    fn weight(&self, ledger: &Ledger) -> usize {
        fan_out_bytes(ledger, self.account)
    }

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self> {
        let Self { account, seq, external_id } = self;
        let Some(Erased { event, is_new, .. }) = erase(ledger, txn, account, seq, external_id, now)? else {
            return Ok((None, None));
        };
        let note = AuditNote::new(account, AuditAction::EventErased).about(AuditSubject::Event(event.id));
        let note = note.with(external_id.then(|| AuditedField::set("external_id", true)));
        Ok((Some(event), is_new.then_some(note)))
    }
}

/// What became of erasing an event.
pub(crate) struct Erased {
    /// The event, erased.
    pub(crate) event: Event,
    /// Whether anything was left to erase.
    pub(crate) is_new: bool,
    /// What was erased along with it, as it was: what carteiro had recorded about its notifications.
    pub(crate) along: Vec<Event>,
}

/// Erases an event's payload and what was found in it, and cancels what is pending of it. Where the shop's id of it
/// goes, alerts forget it too, and the events that carteiro recorded about its notifications are erased as well, since
/// they have it. `None` when the account has no such event.
pub(crate) fn erase(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    account: AccountNo,
    seq: Seq,
    external_id: bool,
    now: Timestamp,
) -> Result<Option<Erased>, StoreError> {
    let Some((mut event, stored)) = read_event(txn, account, seq)? else {
        return Ok(None);
    };
    let keeps_id = !external_id || event.external_id.is_none();
    if event.erased_at.is_some() && keeps_id {
        return Ok(Some(Erased { event, is_new: false, along: Vec::new() }));
    }
    let recipients = recipients_of(txn, account, seq)?;
    let type_no = ledger.type_no(txn, account, &event.event_type);
    let before = event_rows(&ledger.shared.references, &event, type_no);
    let told = event.external_id().map(str::to_owned);
    event.erased_at.get_or_insert(now);
    if external_id {
        event.external_id = None;
    }
    // What was found in the resource is part of it.
    event.forget_resource();
    let told = told.filter(|id| event.external_id() != Some(id.as_str()));
    // Read before anything is staged: an error must find nothing staged.
    let (letters, mut along) = match &told {
        Some(_) => (letters_about(txn, account)?, events_about(ledger, txn, &event)?),
        None => (BTreeSet::new(), Vec::new()),
    };
    ledger.note_erased();
    let after = event_rows(&ledger.shared.references, &event, type_no);
    for row in before {
        if !after.contains(&row) {
            txn.delete(row);
        }
    }
    delete_chunks(txn, seq, &stored);
    ledger.head.payload_bytes = ledger.head.payload_bytes.saturating_sub(stored.payload_bytes());
    txn.put(keys::event(account, seq), record::encode_event(&event, None).0);
    if let Some(id) = &told {
        forget_id(ledger, txn, (account, &recipients), &letters, id);
    }
    for webhook in recipients {
        let key = NotificationKey { seq, webhook };
        let (mut notification, before) = match find_notification(txn, account, key) {
            Ok(Some(found)) => found,
            Ok(None) => continue,
            // The payload goes all the same; this one's attempts find nothing to send.
            Err(error) => {
                tracing::error!(%error, event = %event.id, "a notification of an erased event could not be read");
                continue;
            }
        };
        let was_ready = notification.is_ready();
        if notification.needs_automatic_attempt() {
            ledger.shared.meters.ended(Status::Cancelled);
        }
        let was = Counted::of(&notification);
        notification.erase(now);
        txn.note_outcome(account, notification.tell_job(JobOutcome::Cancelled));
        if ledger.shared.directory().by_no(webhook).is_some() {
            let (recorded_at, stands) = (notification.inserted_at, Counted::of(&notification));
            let trusted = ledger.shared.times.trusted_now();
            ledger.shared.outcome_counter.note((account, webhook), recorded_at, (was, stands), trusted);
        }
        put_notification(txn, &before, &notification);
        release_next(ledger, txn, was_ready, &notification);
        for number in 1..notification.last.as_ref().map_or(0, |last| last.number) {
            let row = keys::attempt(key, number);
            match txn.read(&row, record::decode_attempt) {
                Ok(Some(mut attempt)) => {
                    attempt.forget_answer();
                    txn.put(row, record::encode_attempt(&attempt));
                }
                Ok(None) => {}
                // What can't be read holds no payload for anybody.
                Err(_) => txn.delete(row),
            }
        }
        // Even one that is not pending may have an attempt in flight.
        ledger.updates.push(StoreUpdate::Cancelled { key });
    }
    // None of these has others about it.
    along.retain(|about| match erase(ledger, txn, account, about.seq, false, now) {
        Ok(erased) => erased.is_some_and(|erased| erased.is_new),
        Err(error) => {
            tracing::error!(%error, event = %about.id, "an event about an erased one can't be read and is not erased");
            false
        }
    });
    Ok(Some(Erased { event, is_new: true, along }))
}

/// Looks every event up before any is recorded, since all are or none is.
fn check(
    ledger: &Ledger,
    txn: &Txn<'_>,
    account: AccountNo,
    events: &[NewEvent],
) -> Result<Vec<Found>, ChangeError<AcceptRefusal>> {
    let mut found = Vec::with_capacity(events.len());
    let mut ids: HashMap<EventId, usize> = HashMap::new();
    let types = ledger.shared.types.read().unwrap_or_else(PoisonError::into_inner);
    let known = types.get(&account);
    let mut new_types: Vec<&EventType> = Vec::new();
    for (index, event) in events.iter().enumerate() {
        if !known.is_some_and(|known| known.contains_key(event.event_type.as_str()))
            && !new_types.contains(&&event.event_type)
        {
            new_types.push(&event.event_type);
            let listed = &ledger.shared.catalogue_types;
            let new = new_types.iter().filter(|new| !listed.has(new.as_str())).count();
            let is_counted = !listed.has(event.event_type.as_str());
            if is_counted && listed.count_others(known) + new > MAX_EVENT_TYPES {
                return Err(ChangeError::Refused(AcceptRefusal::TooManyTypes { index }));
            }
        }
        let Some(id) = event.id else {
            found.push(Found::Nothing);
            continue;
        };
        if let Some(first) = ids.get(&id) {
            if events[*first].fingerprint != event.fingerprint {
                return Err(ChangeError::Refused(AcceptRefusal::IdTaken { index }));
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
            Some(_) => return Err(ChangeError::Refused(AcceptRefusal::IdTaken { index })),
        }
    }
    Ok(found)
}

/// Records one event with its notifications.
pub(crate) fn record(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    account: AccountNo,
    new: NewEvent,
    to: Recipients,
    now: Timestamp,
) -> Result<Event, StoreError> {
    let Matching { to: recipients, filtered } = match to {
        Recipients::Tested(webhook) => Matching { to: Arc::new([(webhook, false)]), filtered: 0 },
        Recipients::Matching(matching) => matching,
        Recipients::MatchingBut(webhook) => {
            let Matching { to, filtered } = ledger.matching(account, &new);
            Matching { to: to.iter().filter(|(no, _)| *no != webhook).copied().collect(), filtered }
        }
    };
    let NewEvent { id, event_type, external_id, resource, occurred_at, fingerprint, body, trace, trial } = new;
    ledger.head.seq += 1;
    let seq = Seq(ledger.head.seq);
    let own_id = id.is_some();
    let id = id.unwrap_or_else(|| EventId::compose(now.as_ms(), seq, ledger.numbers.next_u32()));
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
        notifications: u32::try_from(recipients.len()).unwrap_or(u32::MAX),
        erased_at: None,
        trace,
        trial,
    };
    // What tries something out keeps no order.
    if trial.is_none() {
        owe_older_first(ledger, txn, &event, &recipients, now);
    }
    // Read before anything of it is staged: an error must find nothing staged.
    let mut positions = Vec::with_capacity(recipients.len());
    for (webhook, ordered) in recipients.iter() {
        positions.push((*webhook, position(txn, &event, *webhook, *ordered && trial.is_none())?));
    }
    // A cached payload that shares a buffer would keep all of its batch in memory.
    let may_be_cached = !recipients.is_empty() && !body.shares_a_buffer();
    let payload = body.fill(id, now);
    ledger.head.events += 1;
    ledger.head.payload_bytes += payload.body().len() as u64;
    let (row, chunks) = record::encode_event(&event, Some(&payload));
    txn.put(keys::event(account, seq), row);
    for (number, chunk) in (0..).zip(chunks) {
        txn.put(keys::chunk(seq, number), chunk);
    }
    if own_id {
        txn.put(keys::own_id(account, id), record::encode_seq(seq));
    }
    let type_no = ledger.type_no(txn, account, &event.event_type);
    for row in event_rows(&ledger.shared.references, &event, type_no) {
        txn.put(row, Vec::new());
    }
    let trace = event.trace.clone();
    let cached = if may_be_cached { CachedPayload::within(&ledger.cached_bytes, payload, trace) } else { None };
    for (webhook, position) in positions {
        if trial.is_some() {
            add_test(ledger, txn, account, NotificationKey { seq, webhook }, now);
            continue;
        }
        let notification = add_notification(ledger, txn, &event, webhook, position, None, now);
        if !notification.awaits_predecessor {
            ledger.updates.push(StoreUpdate::Untried { key: notification.key, payload: cached.clone() });
        }
    }
    // What was refused, and is sent again, counts once.
    ledger.shared.meters.filtered(filtered);
    Ok(event)
}

fn replay(
    txn: &Txn<'_>,
    account: AccountNo,
    first: &IdempotencyV1,
    key: IdempotencyKey,
) -> Result<Option<Vec<Accepted>>, ChangeError<AcceptRefusal>> {
    if first.fingerprint != key.fingerprint {
        return Err(ChangeError::Refused(AcceptRefusal::KeyTaken));
    }
    let mut accepted = Vec::with_capacity(first.seqs.len());
    for seq in &first.seqs {
        let Some((event, _)) = read_event(txn, account, Seq(*seq))? else {
            // Retention was shorter than the key's window and has taken it: there is nothing left to answer with.
            return Ok(None);
        };
        accepted.push(Accepted { event, replayed: true });
    }
    Ok(Some(accepted))
}

/// The webhooks that an event goes to.
pub(crate) enum Recipients {
    /// Those that [`Ledger::matching`] has found.
    Matching(Matching),
    /// Those that match it but the one that it is about.
    MatchingBut(WebhookNo),
    /// One webhook, which is tested.
    Tested(WebhookNo),
}

/// What an event of a batch turned out to be.
enum Found {
    Nothing,
    Recorded(Box<Event>),
    InBatch(usize),
}

/// Why a batch of events was refused; `index` names the first event at fault. Nothing of the batch was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptRefusal {
    /// The id already names another event.
    IdTaken {
        /// Its place in the batch.
        index: usize,
    },
    /// The idempotency key already answered another request.
    KeyTaken,
    /// The batch would have more than [`MAX_NOTIFICATIONS_AT_ONCE`] notifications.
    TooManyNotifications,
    /// [`MAX_EVENT_TYPES`] distinct types outside the catalogue are known already.
    TooManyTypes {
        /// Its place in the batch.
        index: usize,
    },
}

/// What became of recording one event.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The event: the new one, or the one recorded first under this id or key.
    pub event: Event,
    /// Whether it had been recorded before.
    pub replayed: bool,
}
