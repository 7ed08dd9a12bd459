//! Backfills: notifications for a webhook of what was recorded before it subscribed, or while it asked for less.
//!
//! A backfill walks the events of the webhook's types in its span of time, the oldest first, and creates a notification
//! for each that is owed and has none: one event has at most one notification of a webhook, so that neither a crash nor
//! a second backfill makes two. What is owed is judged at each turn, by the webhook as it is then. The walk ends at the
//! last event that was recorded before the backfill was requested; later ones the webhook receives by itself.
//!
//! **Pace.** [`MAX_PENDING`] first attempts of older events may be pending; it goes on once half of them are made.
//! Notifications of older events leave before those of newer ones, so a live event could stand behind a backfill for
//! ever: a turn creates nothing while one waits that was recorded before the turn in front of it. So a live event waits
//! for two turns' worth at most. A target that fails gets one at a time.
//!
//! **Order.** While a backfill of a webhook that keeps order is under way, an event that is recorded brings the older
//! ones of its resource with it ([`owe_older_first`]): else they would leave after it. Each counts as created when it
//! is brought. A job that is cancelled takes none of them back: a notification that is cancelled is so for good, and
//! no later backfill would create it again.

use crate::model::{
    AccountNo, AuditAction, BulkJob, CountedJob, Event, FilterSet, JobId, JobKind, JobState, NotificationFilter,
    NotificationKey, OrderName, Pattern, Seq, SkipReason, Timestamp, Webhook, WebhookId, WebhookNo,
};
use crate::store::changes::bulk_jobs::{
    Progress, TooManyJobs, begun, forget_bulk_job, note_of, place_for_one, put_bulk_job,
};
use crate::store::changes::change::{AuditedChange, ChangeError, Noted};
use crate::store::changes::job_queue::Turned;
use crate::store::changes::ledger::Ledger;
use crate::store::changes::ordering::add_to_event;
use crate::store::changes::rows::{last_seq, read_event, read_notification, read_payload};
use crate::store::error::StoreError;
use crate::store::query::keyed::referring;
use crate::store::query::merge::Step;
use crate::store::query::owed::{judge, matching};
use crate::store::query::spans::Spans;
use crate::store::schema::record::Job;
use crate::store::schema::references::Kind;
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;
use std::sync::atomic::Ordering;

/// How many index rows a turn looks at: a few milliseconds of the committer's time.
const JOB_BATCH: usize = 128;
/// How many bytes of payloads a turn reads for the sake of a filter, but for the last one.
const MAX_READ_BYTES: u64 = 1 << 20;
/// How many first attempts of older events may be pending before a backfill waits: enough to keep a lane busy, few
/// enough that cancelling means something. What newer events bring with them comes on top of it.
const MAX_PENDING: usize = 64;
/// How many older events of its resource one event brings with it. They are part of its commit; of a resource with more
/// of them the rest keeps no order with it, and the next event of the resource goes on with them.
const MAX_BROUGHT: usize = 256;
/// How many index rows are looked at for them.
const MAX_BROUGHT_STEPS: usize = 2048;
/// Of how many resources it is remembered how far they were looked at: half a megabyte. Beyond them it begins anew.
const MAX_LOOKED_AT: usize = 10_000;

/// Begins a backfill, as a background job that survives a restart. Answers `None` when the account has no such webhook.
#[derive(Debug)]
pub struct BeginBackfill {
    /// Whose it is.
    pub account: AccountNo,
    /// The webhook.
    pub webhook: WebhookId,
    /// Events recorded at or after this moment.
    pub from: Timestamp,
    /// Events recorded before this moment; without it, those that are recorded by now.
    pub to: Option<Timestamp>,
    /// Of these types alone.
    pub event_type: Option<Pattern>,
    /// How many events match.
    pub matched: u64,
}

/// Why a backfill was not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackfillRefusal {
    /// The account has too many bulk jobs under way.
    TooManyJobs,
    /// This one of the same webhook is under way.
    UnderWay(JobId),
}

impl From<TooManyJobs> for BackfillRefusal {
    fn from(_: TooManyJobs) -> Self {
        Self::TooManyJobs
    }
}

impl AuditedChange for BeginBackfill {
    type Reply = Option<BulkJob>;
    type Error = ChangeError<BackfillRefusal>;

    const GROWS: bool = true;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self> {
        let Self { account, webhook, from, to, event_type, matched } = self;
        let Some(no) = ledger.shared.directory().by_id(account, webhook).map(|webhook| webhook.no) else {
            return Ok((None, None));
        };
        let is_same = |job: &BulkJob| {
            job.kind == JobKind::Backfill && job.state == JobState::Running && job.filter.webhook_id == Some(webhook)
        };
        if let Some(same) = ledger.shared.bulk_jobs_of(account).into_iter().find(is_same) {
            return Err(ChangeError::Refused(BackfillRefusal::UnderWay(same.id)));
        }
        let surplus = place_for_one(ledger, account).map_err(|error| ChangeError::Refused(error.into()))?;
        for number in surplus {
            forget_bulk_job(ledger, txn, account, number);
        }
        let filter = NotificationFilter {
            webhook_id: Some(webhook),
            event_type,
            from: Some(from),
            to,
            ..NotificationFilter::default()
        };
        let job = begun(ledger, account, JobKind::Backfill, filter, matched, 1, now);
        // What is recorded from now on, this group's too, the webhook receives by itself.
        let last_seq = ledger.head.seq;
        let part =
            Job::Backfill { account: account.0, job: job.number, webhook: no.0, at_seq: 1, last_seq, mark_seq: 0 };
        ledger.add_job(txn, part);
        tracing::info!(job = %job.id, %webhook, matched, "backfill begun");
        put_bulk_job(ledger, txn, job.clone());
        let note = note_of(ledger, &job, AuditAction::BackfillStarted);
        Ok((Some(job), Some(note)))
    }
}

/// Creates the next few notifications of a backfill; returns what is left of its job.
pub(crate) fn backfill_some(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    part: &Job,
    now: Timestamp,
) -> Result<(Turned, Progress), StoreError> {
    let mut progress = Progress::default();
    let Job::Backfill { account, job, webhook: no, at_seq, last_seq, mark_seq } = *part else {
        return Ok((Turned::Over, progress));
    };
    let (account_no, no) = (AccountNo(account), WebhookNo(no));
    let Some(webhook) = ledger.shared.directory().by_no(no).cloned() else {
        progress.skipped.add(SkipReason::WebhookDeleted, 0);
        return Ok((Turned::Over, progress));
    };
    let Some(of) = ledger.shared.bulk_jobs().get(&(account_no, job)).cloned() else {
        return Ok((Turned::Over, progress));
    };
    let Some(room) = room(ledger, txn, &webhook, Seq(last_seq), Seq(mark_seq))? else {
        return Ok((Turned::Blocked(no), progress));
    };
    let shared = ledger.shared.clone();
    let mut merge = matching(&shared, &webhook, &of.filter, Seq(at_seq), Seq(last_seq))?;
    merge.steps = JOB_BATCH;
    let to = To::new(&webhook, job);
    let (mut created, mut read_bytes) = (0, 0);
    let next = loop {
        if created >= room || read_bytes > MAX_READ_BYTES {
            break merge.at;
        }
        let place = match merge.next_event(&*shared.tree)? {
            Step::End => break None,
            Step::Spent(at) => break Some(at),
            Step::Hit(place) => place,
        };
        match owe(ledger, txn, &to, Seq(place.seq), &merge.spans, now) {
            Ok(Owed::Created { payload_bytes }) => {
                created += 1;
                progress.made += 1;
                read_bytes += payload_bytes;
            }
            // Brought by a newer event of its resource, or re-sent by somebody.
            Ok(Owed::Known { since }) if since >= of.inserted_at => progress.known += 1,
            Ok(Owed::Known { .. }) => progress.skipped.count(SkipReason::HasNotification),
            Ok(Owed::Not { reason, payload_bytes }) => {
                progress.skipped.count(reason);
                read_bytes += payload_bytes;
            }
            Ok(Owed::NotMeant) => {}
            Err(error) if error.is_damage() => {
                // Nothing of it is staged. It would be met again and again.
                txn.failed();
                tracing::error!(%error, seq = place.seq, "an event could not be read and is passed over");
                progress.skipped.count(SkipReason::Unreadable);
            }
            Err(error) => return Err(error),
        }
    };
    let mark_seq = if created > 0 { ledger.head.seq } else { mark_seq };
    let rest = next.map(|at| Job::Backfill { account, job, webhook: no.0, at_seq: at.seq, last_seq, mark_seq });
    Ok((rest.map_or(Turned::Over, Turned::More), progress))
}

/// For how many more notifications a webhook has room; `None` where a backfill has to wait.
fn room(ledger: &Ledger, txn: &Txn<'_>, webhook: &Webhook, last: Seq, mark: Seq) -> Result<Option<usize>, StoreError> {
    if !webhook.is_active() {
        return Ok(None);
    }
    let (account, no) = (webhook.account, webhook.no);
    let fails = ledger.shared.health(no).is_some_and(|health| health.failing);
    // Of a target that fails, one at a time finds out whether it is well again.
    let (most, go_on_at) = if fails { (1, 0) } else { (MAX_PENDING, MAX_PENDING / 2) };
    let live = keys::untried(account, NotificationKey { seq: Seq(last.0 + 1), webhook: no });
    if let Some(row) = txn.first(&live, &keys::end_of(&keys::untried_of(account, no)))?
        && last_seq(&row)? <= mark
    {
        return Ok(None);
    }
    let mut pending = 0;
    for prefix in [keys::untried_of(account, no), keys::in_state_of(account, keys::WAITING, no)] {
        for row in txn.scan(&prefix).take(go_on_at + 1) {
            pending += usize::from(last_seq(&row?)? <= last);
        }
    }
    if fails {
        pending += txn.scan(&keys::retries_of(no)).take(1).count();
    }
    Ok((pending <= go_on_at).then(|| most - pending))
}

/// The webhook that something is owed to, with its filter ready, and the backfill that creates it.
struct To<'w> {
    webhook: &'w Webhook,
    filters: FilterSet,
    job: u64,
}

impl<'w> To<'w> {
    fn new(webhook: &'w Webhook, job: u64) -> Self {
        Self { webhook, filters: webhook.filter.iter().collect(), job }
    }
}

/// What became of an event.
enum Owed {
    Created {
        payload_bytes: u64,
    },
    Not {
        reason: SkipReason,
        payload_bytes: u64,
    },
    /// It has a notification.
    Known {
        since: Timestamp,
    },
    /// It isn't there any more, or of another time or type.
    NotMeant,
}

/// Creates the notification of an event, if it is owed. On an error, nothing of it is staged.
fn owe(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    to: &To<'_>,
    seq: Seq,
    spans: &Spans,
    now: Timestamp,
) -> Result<Owed, StoreError> {
    let To { webhook, filters, job } = to;
    let (account, no) = (webhook.account, webhook.no);
    let Some((mut event, stored)) = read_event(txn, account, seq)? else {
        return Ok(Owed::NotMeant);
    };
    if !spans.mean(event.inserted_at) || !webhook.subscribes_to(&event.event_type) {
        return Ok(Owed::NotMeant);
    }
    if let Some(known) = read_notification(txn, account, NotificationKey { seq, webhook: no })? {
        return Ok(Owed::Known { since: known.inserted_at });
    }
    let reason = judge(webhook, filters, &event, || read_payload(txn, seq, &stored))?;
    let payload_bytes = if webhook.filter.is_some() { stored.payload_bytes() } else { 0 };
    if let Some(reason) = reason {
        return Ok(Owed::Not { reason, payload_bytes });
    }
    add_to_event(ledger, txn, &mut event, (no, webhook.ordered), Some(*job), now)?;
    txn.put(keys::event(account, seq), record::encode_event_again(&event, &stored));
    Ok(Owed::Created { payload_bytes })
}

/// Before an event that is recorded becomes pending: whatever the backfills under way still owe of its resource to
/// those of its recipients that keep order becomes pending in front of it.
pub(crate) fn owe_older_first(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    event: &Event,
    recipients: &[(WebhookNo, bool)],
    now: Timestamp,
) {
    if recipients.iter().all(|(_, ordered)| !ordered) {
        return;
    }
    let is_meant =
        |job: &&Job| matches!(job, Job::Backfill { webhook, .. } if recipients.contains(&(WebhookNo(*webhook), true)));
    let parts: Vec<Job> = ledger.jobs.all().map(|open| &open.job).filter(is_meant).cloned().collect();
    for part in parts {
        if let Err(error) = owe_older(ledger, txn, event, &part, now) {
            tracing::error!(%error, event = %event.id, "older events of the same resource could not be read");
        }
    }
}

fn owe_older(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    newer: &Event,
    part: &Job,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Job::Backfill { account, job, webhook, at_seq, last_seq, .. } = *part else {
        return Ok(());
    };
    let (account, order) = (AccountNo(account), newer.order_key());
    let at_seq = ledger.not_looked_at.get(&(job, order)).map_or(at_seq, |next| next.0.max(at_seq));
    if at_seq > last_seq {
        return Ok(());
    }
    let Some((kind, name)) = newer.order_name().map(|name| match name {
        OrderName::Resource(id) => (Kind::ResourceId, id),
        OrderName::External(id) => (Kind::ExternalId, id),
    }) else {
        // It is in order with itself alone.
        return Ok(());
    };
    let Some(webhook) = ledger.shared.directory().by_no(WebhookNo(webhook)).cloned() else {
        return Ok(());
    };
    let Some(of) = ledger.shared.bulk_jobs().get(&(account, job)).cloned() else {
        return Ok(());
    };
    let shared = ledger.shared.clone();
    let mut merge = referring(&shared, account, (kind, name), (at_seq, last_seq));
    merge.steps = MAX_BROUGHT_STEPS;
    // Each event's own time is looked at.
    merge.spans.within = Some((of.filter.from, of.filter.to));
    let to = To::new(&webhook, job);
    let (mut brought, mut failed) = (0, None);
    let next = loop {
        if brought == MAX_BROUGHT {
            break merge.at;
        }
        let place = match merge.next_event(&*shared.tree)? {
            Step::Hit(place) => place,
            Step::Spent(at) => break Some(at),
            Step::End => break None,
        };
        let seq = Seq(place.seq);
        let wanted = |event: &Event| {
            event.order_key() == order
                && of.filter.event_type.as_ref().is_none_or(|pattern| pattern.matches(&event.event_type))
        };
        let brings = match shared.event_head(account, seq) {
            Ok(event) if event.as_ref().is_some_and(wanted) => owe(ledger, txn, &to, seq, &merge.spans, now),
            Ok(_) => continue,
            Err(error) => Err(error),
        };
        match brings {
            Ok(Owed::Created { .. }) => brought += 1,
            Ok(Owed::Not { .. } | Owed::Known { .. } | Owed::NotMeant) => {}
            Err(error) if error.is_damage() => {
                tracing::error!(%error, seq = seq.0, "an older event of the same resource can't be read");
            }
            Err(error) => {
                failed = Some(error);
                break merge.at;
            }
        }
    };
    if brought > 0 {
        let mut of = of;
        of.made += brought as u64;
        of.ahead += brought as u64;
        of.updated_at = now;
        ledger.shared.meters.jobs.handled(CountedJob::Backfill, brought as u64, 0);
        put_bulk_job(ledger, txn, of);
    }
    // What this group has recorded, before the backfill began, isn't in the tree yet.
    let end = last_seq.min(shared.durable.load(Ordering::Acquire)) + 1;
    if ledger.not_looked_at.len() >= MAX_LOOKED_AT {
        ledger.not_looked_at.clear();
    }
    ledger.not_looked_at.insert((job, order), Seq(next.map_or(end, |at| at.seq)));
    failed.map_or(Ok(()), Err)
}
