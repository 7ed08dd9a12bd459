//! Background jobs and sweeps: what touches a whole backlog, a little at a time.

use crate::model::{
    AccountNo, BulkResend, NotificationKey, Pattern, ResendFilter, ResendId, ResendState, ResponseFilter, Seq, Status,
    Timestamp, WebhookNo,
};
use crate::stats::StoreMetrics;
use crate::store::changes::change::{Change, fan_out_bytes};
use crate::store::changes::job_queue::Open;
use crate::store::changes::ledger::Ledger;
use crate::store::changes::rows::{find_notification, put_notification};
use crate::store::error::StoreError;
use crate::store::limits::MAX_JOBS;
use crate::store::query::filter::NotificationQuery;
use crate::store::query::walk::Walk;
use crate::store::schema::keys::Key;
use crate::store::schema::position::{Order, Position};
use crate::store::schema::record::Job;
use crate::store::schema::{keys, record, sets};
use crate::store::txn::Txn;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How many rows a job touches at a time: a few milliseconds of the committer's time, so that nobody waits behind it.
const JOB_BATCH: usize = 128;
/// How many attempts by hand one webhook may be owed before a bulk resend waits: enough to keep its lane busy, few
/// enough that cancelling, or pausing the webhook, means something. It goes on once half of them are made, so that it
/// isn't one commit for each.
const MAX_OWED_BY_HAND: usize = 64;
/// How many bulk resends that have ended are kept of one account.
const MAX_ENDED: usize = 1000;
/// How long a bulk resend is listed after its end.
const RESENDS_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How a job came out of its turn.
pub(crate) enum Turned {
    More(Job),
    /// It can't get on until this webhook takes more.
    Blocked(WebhookNo),
    Over,
}

/// What a turn did for the bulk resend it belongs to.
#[derive(Clone, Copy, Default)]
pub(crate) struct Progress {
    resent: u64,
    skipped: u64,
}

/// Requests a manual attempt of everything that a filter matches and that can be re-sent, in a background job that
/// survives a restart. Answers `None` when the account has [`MAX_JOBS`] under way already.
#[derive(Debug)]
pub struct BeginBulkResend {
    /// Whose it is.
    pub account: AccountNo,
    /// What is re-sent.
    pub filter: ResendFilter,
    /// How many notifications that is.
    pub queued: u64,
}

impl Change for BeginBulkResend {
    type Reply = Option<BulkResend>;

    const GROWS: bool = true;

    fn weight(&self, ledger: &Ledger) -> usize {
        fan_out_bytes(ledger, self.account)
    }

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Result<Self::Reply, StoreError> {
        ledger.resend_many(txn, self.account, self.filter, self.queued, now)
    }
}

/// Ends a bulk resend where it stands. Answers `None` for one that has ended.
#[derive(Debug)]
pub struct CancelBulkResend {
    /// Whose it is.
    pub account: AccountNo,
    /// The bulk resend.
    pub number: u64,
}

impl Change for CancelBulkResend {
    type Reply = Option<BulkResend>;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Result<Self::Reply, StoreError> {
        Ok(ledger.cancel_resend(txn, self.account, self.number, now))
    }
}

impl Ledger {
    pub(crate) fn add_job(&mut self, txn: &mut Txn<'_>, job: Job) {
        self.head.job += 1;
        txn.put(keys::job(self.head.job), record::encode_job(&job));
        self.jobs.add(Open { number: self.head.job, job });
    }

    /// Begins a bulk resend, with a job for each webhook, so that one that takes nothing holds up no other. `None` when
    /// there are [`MAX_JOBS`] already.
    pub(crate) fn resend_many(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        filter: ResendFilter,
        queued: u64,
        now: Timestamp,
    ) -> Result<Option<BulkResend>, StoreError> {
        let own = self.shared.resends_of(account);
        let running = own.iter().filter(|resend| resend.state == ResendState::Running).count();
        let ended = own.iter().filter(|resend| resend.state != ResendState::Running);
        let surplus: Vec<u64> = ended.map(|resend| resend.number).rev().skip(MAX_ENDED - 1).collect();
        let deleting = |open: &&Open| matches!(open.job, Job::Cancel { account: caller, .. } if caller == account.0);
        if running + self.jobs.all().filter(deleting).count() >= MAX_JOBS {
            return Ok(None);
        }
        let query = NotificationQuery {
            webhook: filter.webhook,
            status: filter.status,
            event_type: filter.event_type.clone(),
            response: filter.response,
            from: filter.from,
            to: filter.to,
            order: Order::Oldest,
            ..NotificationQuery::default()
        };
        let durable = self.shared.durable.load(Ordering::Acquire);
        let bounds = Walk::bounds(&self.shared, account, &query, durable)?.filter(|_| queued > 0);
        // Reading is over: from here on things are staged.
        for number in surplus {
            self.forget_resend(txn, account, number);
        }
        let directory = self.shared.directory();
        let wanted = directory.of(account).map(|webhook| webhook.no);
        let wanted: Vec<WebhookNo> =
            wanted.filter(|no| bounds.is_some() && filter.webhook.is_none_or(|only| only == *no)).collect();
        self.head.job += 1;
        let mut resend = BulkResend {
            number: self.head.job,
            account,
            id: ResendId::from_random(crate::random::bytes()),
            filter,
            state: ResendState::Running,
            queued,
            resent: 0,
            skipped: 0,
            open: u32::try_from(wanted.len()).unwrap_or(u32::MAX),
            broken: false,
            inserted_at: now,
            updated_at: now,
            ended_at: None,
        };
        if let Some((at, last)) = bounds {
            for no in wanted {
                let job = Job::Resend {
                    account: account.0,
                    resend: resend.number,
                    webhook: no.0,
                    status: resend.filter.status.map(record::status_byte),
                    event_type: resend.filter.event_type.as_ref().map(ToString::to_string),
                    response: resend.filter.response.map(ResponseFilter::code),
                    at_seq: at.seq,
                    at_webhook: at.webhook,
                    last_seq: last.seq,
                    last_webhook: last.webhook,
                };
                self.add_job(txn, job);
            }
        }
        tracing::info!(resend = %resend.id, queued, "bulk resend begun");
        end_if_through(&mut resend, now);
        self.put_resend(txn, resend.clone());
        Ok(Some(resend))
    }

    /// Ends a bulk resend where it stands; one that has ended stays as it is.
    pub(crate) fn cancel_resend(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        number: u64,
        now: Timestamp,
    ) -> Option<BulkResend> {
        let known = self.shared.resends().get(&(account, number)).cloned();
        let mut resend = known.filter(|resend| resend.state == ResendState::Running)?;
        let part = |job: &Job| matches!(job, Job::Resend { resend: of, .. } if *of == number);
        for part in self.jobs.remove(part) {
            txn.delete(keys::job(part));
        }
        resend.state = ResendState::Cancelled;
        resend.open = 0;
        resend.updated_at = now;
        resend.ended_at = Some(now);
        tracing::info!(resend = %resend.id, resent = resend.resent, "bulk resend cancelled");
        self.put_resend(txn, resend.clone());
        Some(resend)
    }

    fn put_resend(&mut self, txn: &mut Txn<'_>, resend: BulkResend) {
        txn.put(keys::resend(resend.account, resend.number), record::encode_resend(&resend));
        self.shared.resends().insert((resend.account, resend.number), resend);
    }

    pub(crate) fn forget_resend(&mut self, txn: &mut Txn<'_>, account: AccountNo, number: u64) {
        txn.delete(keys::resend(account, number));
        self.shared.resends().remove(&(account, number));
    }

    /// Forgets bulk resends that ended long ago.
    pub(crate) fn sweep_resends(&mut self, txn: &mut Txn<'_>, now: Timestamp) {
        let long_ago = |resend: &BulkResend| resend.ended_at.is_some_and(|ended| ended.plus(RESENDS_KEPT) < now);
        let old: Vec<(AccountNo, u64)> =
            self.shared.resends().iter().filter(|(_, resend)| long_ago(resend)).map(|(key, _)| *key).collect();
        for (account, number) in old {
            self.forget_resend(txn, account, number);
        }
    }

    /// Takes in what came of a job's turn. One that met a damaged row is given up: it would meet it again, for ever.
    pub(crate) fn take_turn(
        &mut self,
        txn: &mut Txn<'_>,
        mut open: Open,
        turned: Result<(Turned, Progress), StoreError>,
        now: Timestamp,
    ) {
        let number = open.number;
        let of = match open.job {
            Job::Resend { account, resend, .. } => Some((AccountNo(account), resend)),
            Job::Cancel { .. } | Job::BringForward { .. } | Job::Remove { .. } => None,
        };
        let broken = turned.is_err();
        let (turned, progress) = turned.unwrap_or_else(|error| {
            tracing::error!(%error, job = number, "a background job met a damaged row and is given up");
            (Turned::Over, Progress::default())
        });
        let over = match turned {
            Turned::Blocked(webhook) => return self.jobs.block(open, webhook, self.clock.pace()),
            Turned::More(rest) => {
                txn.put(keys::job(number), record::encode_job(&rest));
                open.job = rest;
                self.jobs.add(open);
                false
            }
            Turned::Over => {
                txn.delete(keys::job(number));
                true
            }
        };
        let Some(mut resend) = of.and_then(|of| self.shared.resends().get(&of).cloned()) else {
            return;
        };
        resend.broken |= broken;
        resend.resent += progress.resent;
        resend.skipped += progress.skipped;
        resend.open -= u32::from(over).min(resend.open);
        resend.updated_at = now;
        if end_if_through(&mut resend, now) {
            let status = resend.state.as_str();
            tracing::info!(resend = %resend.id, resent = resend.resent, skipped = resend.skipped, status, "bulk resend \
                                                                                                           ended");
        }
        self.put_resend(txn, resend);
    }

    /// Does a little of a job.
    pub(crate) fn turn_of(
        &mut self,
        txn: &mut Txn<'_>,
        job: &Job,
        now: Timestamp,
    ) -> Result<(Turned, Progress), StoreError> {
        let nothing = Progress::default();
        match *job {
            Job::Remove { account } => {
                let more = self.remove_some(txn, AccountNo(account), now)?;
                Ok((if more { Turned::More(job.clone()) } else { Turned::Over }, nothing))
            }
            Job::Cancel { account, webhook } => {
                let more = cancel_some(txn, AccountNo(account), WebhookNo(webhook), now, &self.shared.meters)?;
                Ok((if more { Turned::More(job.clone()) } else { Turned::Over }, nothing))
            }
            Job::BringForward { .. } => {
                Ok((self.bring_some_forward(txn, job, now)?.map_or(Turned::Over, Turned::More), nothing))
            }
            Job::Resend {
                account,
                resend,
                webhook,
                status,
                ref event_type,
                response,
                at_seq,
                at_webhook,
                last_seq,
                last_webhook,
            } => {
                let no = WebhookNo(webhook);
                let directory = self.shared.directory();
                let Some(known) = directory.by_no(no) else {
                    // Deleted meanwhile: nothing of it can be re-sent.
                    return Ok((Turned::Over, nothing));
                };
                // One at a time where order is kept: they leave in the order they were owed.
                let (most, go_on_at) = if known.ordered { (1, 0) } else { (MAX_OWED_BY_HAND, MAX_OWED_BY_HAND / 2) };
                let owed = txn.scan(&keys::manuals_of(no)).take(go_on_at + 1).count();
                if !known.is_active() || owed > go_on_at {
                    return Ok((Turned::Blocked(no), nothing));
                }
                let account_no = AccountNo(account);
                let of = self.shared.resends().get(&(account_no, resend)).cloned();
                let query = NotificationQuery {
                    from: of.as_ref().and_then(|of| of.filter.from),
                    to: of.as_ref().and_then(|of| of.filter.to),
                    webhook: Some(no),
                    status: status.and_then(record::status_from),
                    event_type: event_type.as_deref().and_then(Pattern::parse),
                    response: response.and_then(ResponseFilter::from_code),
                    order: Order::Oldest,
                    ..NotificationQuery::default()
                };
                let (at, last) =
                    (Position { seq: at_seq, webhook: at_webhook }, Position { seq: last_seq, webhook: last_webhook });
                let shared = self.shared.clone();
                let (found, next) =
                    Walk::between(&shared, account_no, &query, at, last)?.readable_page(JOB_BATCH, most - owed)?;
                let mut progress = Progress::default();
                for notification in found {
                    if known.ordered && notification.needs_automatic_attempt() {
                        // It leaves in its turn anyway.
                        progress.skipped += 1;
                        continue;
                    }
                    // What can't be re-sent (cancelled meanwhile, too many attempts, unreadable) is passed over.
                    match self.resend(txn, account_no, notification.key, false, now) {
                        Ok(Some(Ok(_))) => progress.resent += 1,
                        Ok(None | Some(Err(_))) | Err(_) => progress.skipped += 1,
                    }
                }
                let rest = next.map(|at| Job::Resend {
                    account,
                    resend,
                    webhook,
                    status,
                    event_type: event_type.clone(),
                    response,
                    at_seq: at.seq,
                    at_webhook: at.webhook,
                    last_seq,
                    last_webhook,
                });
                Ok((rest.map_or(Turned::Over, Turned::More), progress))
            }
        }
    }
}

/// Whether that was the last of it.
fn end_if_through(resend: &mut BulkResend, now: Timestamp) -> bool {
    let through = resend.open == 0;
    if through {
        resend.state = if resend.broken { ResendState::Failed } else { ResendState::Done };
        // What no longer matched when its turn came was passed over as well; what has come to match meanwhile was sent.
        resend.skipped = resend.skipped.max(resend.queued.saturating_sub(resend.resent));
        resend.ended_at = Some(now);
    }
    through
}

/// Cancels some of what a webhook was owed; returns whether there may be more.
fn cancel_some(
    txn: &mut Txn<'_>,
    account: AccountNo,
    webhook: WebhookNo,
    now: Timestamp,
    meters: &StoreMetrics,
) -> Result<bool, StoreError> {
    let waiting = keys::in_state_of(account, keys::WAITING, webhook);
    let ranges = [keys::retries_of(webhook), keys::manuals_of(webhook), waiting];
    let mut found: Vec<(Key, NotificationKey)> = Vec::new();
    for seq in sets::page(txn.tree(), &keys::fresh_of(account, webhook), 0, JOB_BATCH)? {
        let key = NotificationKey { seq: Seq(seq), webhook };
        found.push((keys::fresh(account, key), key));
    }
    for prefix in &ranges {
        for row in txn.scan(prefix).take(JOB_BATCH) {
            let row = row?;
            // In each of them, the sequence number comes last.
            let seq = row.len().checked_sub(8).and_then(|at| keys::u64_at(&row, at));
            let seq = seq.ok_or(StoreError::Damaged { table: "queue", what: "has a short key" })?;
            found.push((row.to_vec(), NotificationKey { seq: Seq(seq), webhook }));
        }
    }
    for (row, key) in &found {
        match find_notification(txn, account, *key) {
            Ok(Some((mut notification, before))) => {
                let owed = notification.needs_automatic_attempt();
                if notification.cancel(now) {
                    if owed {
                        meters.ended(Status::Cancelled);
                    }
                    put_notification(txn, &before, &notification);
                }
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "a notification of a deleted webhook could not be read"),
        }
        // Gone already, unless it belonged to nothing: then it would be met again and again.
        txn.delete(row.clone());
    }
    Ok(!found.is_empty())
}

/// Forgets idempotency keys whose window is over; returns how many.
pub(crate) fn sweep_idempotency_keys(txn: &mut Txn<'_>, now_ms: u64, most: usize) -> Result<usize, StoreError> {
    let mut swept = 0;
    let rows: Vec<_> = txn.scan(&keys::idempotency_ends()).take(most).collect::<Result<_, _>>()?;
    for row in rows {
        let fields = (keys::u64_at(&row, 1), keys::u32_at(&row, 9), row.get(13..29).map(<[u8; 16]>::try_from));
        let (Some(until_ms), Some(account), Some(Ok(hash))) = fields else {
            return Err(StoreError::Damaged { table: "idempotency end", what: "has a short key" });
        };
        if until_ms > now_ms {
            break;
        }
        txn.delete(keys::idempotency(AccountNo(account), hash));
        txn.delete(row.to_vec());
        swept += 1;
    }
    Ok(swept)
}
