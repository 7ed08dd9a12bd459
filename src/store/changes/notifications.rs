//! Notifications: the outcomes of their attempts, and manual attempts.

use crate::model::{
    AccountNo, Attempt, AuditAction, AuditNote, AuditSubject, AuditedField, ErrorCode, Event, FailedNotification,
    JobOutcome, Notification, NotificationId, NotificationKey, OwnEvent, ResendContext, ResendRefusal, Seq, State,
    Status, Timestamp, Trial, Trigger, Verdict, Webhook, WebhookId, WebhookNo,
};
use crate::stats::{Counted, Outcome};
use crate::store::changes::change::{AuditedChange, ChangeError, Noted, fan_out_bytes};
use crate::store::changes::health::note_health;
use crate::store::changes::ledger::{Ledger, Matches};
use crate::store::changes::ordering::{add_to_event, release_next};
use crate::store::changes::own_events::{is_told_of, tell_others};
use crate::store::changes::rows::{
    find_notification, put_notification, read_event, read_event_head, read_notification, read_payload, recipients_of,
};
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;
use crate::store::updates::{NextAttempt, StoreUpdate};
use std::sync::Arc;
use std::time::Duration;

/// The outcome of an attempt that has ended. It is applied soon and durable with the next group: a crash in between
/// repeats a delivery.
#[derive(Debug)]
pub struct RecordOutcome {
    /// Whose it is.
    pub account: AccountNo,
    /// The notification.
    pub key: NotificationKey,
    /// The attempt; its number is given here.
    pub attempt: Attempt,
    /// What follows from it.
    pub verdict: Verdict,
    /// How long after this attempt the next one is due, where there is one: it never waits longer, whatever becomes of
    /// the clock.
    pub gap: Duration,
    /// The `manual_at` that a manual attempt began for.
    pub requested_at: Option<Timestamp>,
    /// The `updated_at` of the webhook as the attempt knew it: the outcome of an earlier target says nothing of the
    /// present one.
    pub webhook_updated_at: Timestamp,
}

/// Requests one manual attempt. Answers `None` when the account has no such notification.
#[derive(Debug)]
pub struct ResendNotification {
    /// Whose it is.
    pub account: AccountNo,
    /// The notification.
    pub key: NotificationKey,
    /// The number of its attempt that is in flight, as far as delivery knows.
    pub in_flight: Option<u16>,
}

impl AuditedChange for ResendNotification {
    type Reply = Option<Notification>;
    type Error = ChangeError<ResendRefusal>;

    const GROWS: bool = true;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self> {
        let Self { account, key, in_flight } = self;
        let resent = resend_one(ledger, txn, account, key, None, in_flight, now)?;
        let note = resent.is_some().then(|| {
            let note = AuditNote::new(account, AuditAction::NotificationResent);
            let note = note.about(AuditSubject::Notification(ledger.shared.notification_id(key)));
            match ledger.shared.directory().by_no(key.webhook) {
                Some(webhook) => note.of_webhook(webhook.id, webhook.name()),
                None => note,
            }
        });
        Ok((resent, note))
    }
}

/// Sends an event to every webhook that subscribes to it now: a manual attempt where it has a notification already,
/// whatever the webhook's filter; a notification with the whole schedule where it has none and meets the filter.
/// Answers all of them; `None` when the account has no such event.
#[derive(Debug)]
pub struct ResendEvent {
    /// Whose it is.
    pub account: AccountNo,
    /// The event.
    pub seq: Seq,
    /// Only to those that have not confirmed it: what is delivered isn't sent once more.
    pub undelivered: bool,
    /// Its attempts that are in flight, as far as delivery knows: the webhook, and the number of the attempt.
    pub in_flight: Vec<(WebhookNo, u16)>,
}

impl AuditedChange for ResendEvent {
    type Reply = Option<Vec<Notification>>;
    type Error = ChangeError<ResendRefusal>;

    const GROWS: bool = true;

    fn weight(&self, ledger: &Ledger) -> usize {
        fan_out_bytes(ledger, self.account)
    }

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self> {
        let Self { account, seq, undelivered, in_flight } = self;
        let Some((mut event, stored)) = read_event(txn, account, seq)? else {
            return Ok((None, None));
        };
        if event.erased_at.is_some() {
            return Err(ChangeError::Refused(ResendRefusal::Erased));
        }
        for (webhook, attempt) in in_flight {
            let known = read_notification(txn, account, NotificationKey { seq, webhook })?;
            let known = known.filter(|notification| !undelivered || notification.state != State::Delivered);
            if known.is_some_and(|notification| notification.is_in_flight(attempt)) {
                return Err(ChangeError::Refused(ResendRefusal::InFlight));
            }
        }
        let known = recipients_of(txn, account, seq)?;
        let mut met = Matches::default();
        let webhooks: Vec<(WebhookNo, bool)> = if event.trial == Some(Trial::Webhook) {
            // Only to the webhook that was tested, whatever type the test was of.
            known.into_iter().map(|webhook| (webhook, false)).collect()
        } else {
            let subscribers = ledger.subscribers(account, &event.event_type);
            let all = subscribers.all();
            met = match subscribers.have_filters().then(|| read_payload(txn, seq, &stored)).transpose()?.flatten() {
                Some(payload) => subscribers.of_resource(payload.resource_text()),
                None => all.clone(),
            };
            let own =
                event.tells_of_webhook().and_then(|id| ledger.shared.directory().by_id(account, id).map(|own| own.no));
            all.iter().filter(|(no, _)| own != Some(*no)).copied().collect()
        };
        let mut notifications = Vec::new();
        for (webhook, ordered) in webhooks {
            let key = NotificationKey { seq, webhook };
            // One that can't be read is told of by the resend.
            let known = if undelivered { read_notification(txn, account, key).ok().flatten() } else { None };
            if known.is_some_and(|notification| notification.state == State::Delivered) {
                continue;
            }
            match resend_one(ledger, txn, account, key, None, None, now) {
                Ok(Some(notification)) => notifications.push(notification),
                Err(ChangeError::Refused(_)) => {}
                // One row that can't be read must not keep the others from being sent.
                Err(ChangeError::Store(error)) => {
                    tracing::error!(%error, event = %event.id, "a notification could not be re-sent");
                }
                Ok(None) if met.binary_search_by_key(&webhook, |(no, _)| *no).is_err() => {}
                Ok(None) => match add_to_event(ledger, txn, &mut event, (webhook, ordered), None, now) {
                    Ok(notification) => notifications.push(notification),
                    Err(error) => tracing::error!(%error, event = %event.id, "an event could not be re-sent"),
                },
            }
        }
        txn.put(keys::event(account, seq), record::encode_event_again(&event, &stored));
        let note = AuditNote::new(account, AuditAction::EventResent).about(AuditSubject::Event(event.id));
        let mut note = note.with([AuditedField::set("notifications", notifications.len())]);
        if undelivered {
            note = note.with([AuditedField::set("undelivered", true)]);
        }
        Ok((Some(notifications), Some(note)))
    }
}

/// Sends an event to one webhook, whatever its types and its filter say: a manual attempt where it has a notification
/// already; else a notification with the whole schedule. Answers `None` when the account has no such event.
#[derive(Debug)]
pub struct ResendEventTo {
    /// Whose it is.
    pub account: AccountNo,
    /// The event.
    pub seq: Seq,
    /// The webhook.
    pub webhook: WebhookId,
    /// The number of its attempt that is in flight, as far as delivery knows.
    pub in_flight: Option<u16>,
}

/// Why an event was not sent to one webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResendToRefusal {
    /// The account has no such webhook, or has deleted it.
    NoWebhook,
    /// The event is a test of another webhook.
    TestOfAnother,
    /// The event tells of this very webhook.
    AboutWebhook,
    /// A rule of resends.
    Resend(ResendRefusal),
}

impl AuditedChange for ResendEventTo {
    type Reply = Option<Notification>;
    type Error = ChangeError<ResendToRefusal>;

    const GROWS: bool = true;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self> {
        let Self { account, seq, webhook, in_flight } = self;
        let Some((mut event, stored)) = read_event(txn, account, seq)? else {
            return Ok((None, None));
        };
        let Some(webhook) = ledger.shared.directory().by_id(account, webhook).cloned() else {
            return Err(ChangeError::Refused(ResendToRefusal::NoWebhook));
        };
        let note = AuditNote::new(account, AuditAction::EventResent).about(AuditSubject::Event(event.id));
        let note = Some(note.of_webhook(webhook.id, webhook.name()));
        let key = NotificationKey { seq, webhook: webhook.no };
        let resent = resend_one(ledger, txn, account, key, None, in_flight, now);
        if let Some(notification) = resent.map_err(|error| error.map(ResendToRefusal::Resend))? {
            return Ok((Some(notification), note));
        }
        if event.erased_at.is_some() {
            return Err(ChangeError::Refused(ResendToRefusal::Resend(ResendRefusal::Erased)));
        }
        if event.trial == Some(Trial::Webhook) {
            return Err(ChangeError::Refused(ResendToRefusal::TestOfAnother));
        }
        if event.tells_of_webhook() == Some(webhook.id) {
            return Err(ChangeError::Refused(ResendToRefusal::AboutWebhook));
        }
        let notification = add_to_event(ledger, txn, &mut event, (webhook.no, webhook.ordered), None, now)?;
        txn.put(keys::event(account, seq), record::encode_event_again(&event, &stored));
        Ok((Some(notification), note))
    }
}

pub(crate) fn record_outcome(ledger: &mut Ledger, txn: &mut Txn<'_>, outcome: RecordOutcome, now: Timestamp) {
    let RecordOutcome { account, key, attempt, verdict, gap, requested_at, webhook_updated_at } = outcome;
    let verdict = match verdict {
        // The clock may have been put back since the attempt ended.
        Verdict::RetryAt(due) => Verdict::RetryAt(due.min(ledger.clock.now().plus(gap))),
        Verdict::Confirmed | Verdict::Exhausted | Verdict::ScheduleUnchanged => verdict,
    };
    let next_attempt = match find_notification(txn, account, key) {
        Ok(None) => NextAttempt::Nothing,
        Err(error) => {
            let notification = ledger.shared.notification_id(key);
            tracing::error!(%error, %notification, "an attempt's outcome could not be recorded");
            NextAttempt::Nothing
        }
        Ok(Some((mut notification, before))) => {
            let (was_ready, before_it) = (notification.is_ready(), notification.state);
            // Read to tell of it alone: one that can't be read will be missed elsewhere.
            let event = || read_event_head(txn, account, key.seq).ok().flatten();
            let directory = ledger.shared.directory();
            let webhook = directory.by_no(key.webhook);
            let made = notification.automatic.saturating_add(1);
            let event = log_outcome(&attempt, verdict, || ledger.shared.notification_id(key), made, webhook, event);
            // Of another target, or of before somebody set it to ACTIVE: it says nothing of this one.
            if let Some(webhook) = webhook.filter(|webhook| webhook.updated_at == webhook_updated_at) {
                let told = note_health(ledger, txn, webhook, &attempt, verdict);
                if let Some(told) = told.filter(|_| is_told_of(txn, webhook, key)) {
                    tell_others(ledger, txn, webhook, &told, now);
                }
            }
            let trusted = ledger.shared.times.trusted_now();
            let counter = &ledger.shared.outcome_counter;
            let was = Counted::of(&notification);
            if attempt.result.confirms() && !notification.test && webhook.is_some() {
                counter.note_confirmed((account, key.webhook), attempt.duration_us, now, trusted);
            }
            match attempt.trigger {
                Trigger::Manual => ledger.jobs.wake(key.webhook),
                Trigger::Automatic => ledger.jobs.hint(key.webhook),
                Trigger::Test => {}
            }
            let outcome = if attempt.result.confirms() { JobOutcome::Delivered } else { JobOutcome::Failed };
            if let Some(earlier) = notification.record_outcome(attempt, verdict, requested_at, now) {
                txn.put(keys::attempt(key, earlier.number), record::encode_attempt(&earlier));
            }
            txn.note_outcome(account, notification.tell_job(outcome));
            // What is counted of a deleted webhook is its account's.
            if webhook.is_some() {
                let stands = Counted::of(&notification);
                let of = (account, key.webhook);
                ledger.shared.outcome_counter.note(of, notification.inserted_at, (was, stands), trusted);
            }
            if matches!(verdict, Verdict::RetryAt(_)) {
                notification.gap = Some(gap);
            }
            put_notification(txn, &before, &notification);
            release_next(ledger, txn, was_ready, &notification);
            if notification.state != before_it {
                let meters = &ledger.shared.meters;
                match notification.state {
                    State::Delivered => {
                        meters.ended(Status::Delivered);
                        meters.deliveries.observe(now.since(notification.inserted_at));
                    }
                    State::Failed => {
                        meters.ended(Status::Failed);
                        if let Some(webhook) = webhook {
                            tell_of_failed(ledger, txn, webhook, &notification, event.as_ref(), now);
                        }
                    }
                    State::Pending | State::Retrying { .. } | State::Cancelled => {}
                }
            }
            ledger.outcomes.push(Outcome::of(&notification));
            NextAttempt::from(&notification)
        }
    };
    ledger.updates.push(StoreUpdate::OutcomeRecorded { key, next_attempt });
}

/// Tells the account's other webhooks, and people, of a notification that has failed for good.
fn tell_of_failed(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    webhook: &Webhook,
    notification: &Notification,
    event: Option<&Event>,
    now: Timestamp,
) {
    if notification.test {
        return;
    }
    let external_id = event.and_then(Event::external_id);
    ledger.change_facts(txn, webhook.no, |facts| facts.add_failed(now, external_id));
    let Some(event) = event.filter(|event| !event.event_type.is_own()) else {
        return;
    };
    let last = notification.last.as_ref();
    let failed = FailedNotification {
        id: ledger.shared.notification_id(notification.key),
        event,
        attempts: notification.attempts,
        status: last.and_then(|last| last.result.status()),
        error: last.and_then(|last| ErrorCode::of(&last.result)),
    };
    tell_others(ledger, txn, webhook, &OwnEvent::NotificationFailed(failed), now);
}

/// Requests a manual attempt of a notification, unless a rule refuses it. `None` where there is no such notification.
/// One that a bulk job requests belongs to that job from then on; what somebody asks for himself goes at once, and
/// leaves it to the job that it belongs to.
pub(crate) fn resend_one(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    account: AccountNo,
    key: NotificationKey,
    job: Option<u64>,
    in_flight: Option<u16>,
    now: Timestamp,
) -> Result<Option<Notification>, ChangeError<ResendRefusal>> {
    let Some((mut notification, before)) = find_notification(txn, account, key)? else {
        return Ok(None);
    };
    let event = read_event_head(txn, account, key.seq)?;
    let context = ResendContext {
        erased: event.is_none_or(|event| event.erased_at.is_some()),
        webhook_deleted: ledger.shared.directory().by_no(key.webhook).is_none(),
        in_flight,
    };
    notification.resend(context, now).map_err(ChangeError::Refused)?;
    if let Some(job) = job {
        txn.note_outcome(account, notification.join_job(job));
    }
    put_notification(txn, &before, &notification);
    if let Some(since) = notification.manual_at {
        ledger.updates.push(StoreUpdate::Manual { key, since, at_once: job.is_none() });
    }
    Ok(Some(notification))
}

/// Says how an attempt went, and of a notification that has FAILED for good all that is needed to look after it.
/// Neither a query nor a header of the target is logged: both may hold secrets. Returns the event, where it was read
/// for that: always where the verdict is the last.
fn log_outcome(
    attempt: &Attempt,
    verdict: Verdict,
    notification: impl FnOnce() -> NotificationId,
    attempts: u8,
    webhook: Option<&Arc<Webhook>>,
    event: impl FnOnce() -> Option<Event>,
) -> Option<Event> {
    let exhausted = verdict == Verdict::Exhausted;
    if !exhausted && !tracing::enabled!(tracing::Level::DEBUG) {
        return None;
    }
    let (notification, event) = (notification(), event());
    let trace = event.as_ref().and_then(|event| event.trace.as_ref());
    let trace = trace.map(|trace| tracing::field::display(trace.trace_id()));
    let status = attempt.result.status();
    let error = ErrorCode::of(&attempt.result).map(ErrorCode::as_str);
    let duration_us = attempt.duration_us;
    tracing::debug!(%notification, trigger = attempt.trigger.as_str(), status, error, duration_us, trace, "attempt \
                                                                                                           ended");
    if exhausted {
        let host = webhook.map(|webhook| webhook.target.host_header());
        let webhook = webhook.map(|webhook| tracing::field::display(webhook.id));
        let (id, of_type) = (event.as_ref().map(|event| event.id), event.as_ref().map(|event| &event.event_type));
        tracing::warn!(
            %notification, event = id.map(tracing::field::display), webhook, host,
            "type" = of_type.map(tracing::field::display), attempts, status, error, trace,
            "notification FAILED: its automatic attempts are used up; it can be re-sent manually"
        );
    }
    event
}
