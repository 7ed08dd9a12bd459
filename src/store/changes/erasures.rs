//! Erasures of all events that have one key: of an order, or of a customer who asks for it (LGPD).

use crate::model::{
    AccountNo, AuditAction, AuditNote, AuditSubject, AuditedField, CountedJob, Erasure, ErasureId, ErasureState, Event,
    SearchText, Seq, Timestamp,
};
use crate::store::changes::bulk_jobs::{LISTED, MAX_ENDED, Progress, TooManyJobs};
use crate::store::changes::change::{AuditedChange, ChangeError, Noted};
use crate::store::changes::events::erase;
use crate::store::changes::job_queue::Turned;
use crate::store::changes::ledger::Ledger;
use crate::store::error::StoreError;
use crate::store::limits::MAX_JOBS;
use crate::store::query::keyed::Keyed;
use crate::store::schema::record::Job;
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;
use std::sync::atomic::Ordering;

/// How many places a turn looks at.
const LOOKED_AT_A_TURN: usize = 128;
/// About how many rows a turn writes: a few milliseconds of the committer's time. One event may have more.
const ROWS_A_TURN: usize = 192;

/// Erases every event that has this key, in a background job that survives a restart. What is recorded later is not
/// erased.
#[derive(Debug)]
pub struct BeginErasure {
    /// Whose it is.
    pub account: AccountNo,
    /// The key, whole.
    pub key: SearchText,
    /// Whether the caller's own id of each event goes as well.
    pub external_id: bool,
    /// How many events that is.
    pub events: u64,
}

impl AuditedChange for BeginErasure {
    type Reply = Erasure;
    type Error = ChangeError<TooManyJobs>;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self> {
        let Self { account, key, external_id, events } = self;
        let own = ledger.shared.erasures_of(account);
        let (running, ended): (Vec<_>, Vec<_>) =
            own.into_iter().partition(|erasure| erasure.state == ErasureState::Running);
        if running.len() >= MAX_JOBS {
            return Err(ChangeError::Refused(TooManyJobs));
        }
        for erasure in ended.iter().rev().skip(MAX_ENDED - 1) {
            forget_erasure(ledger, txn, account, erasure.number);
        }
        ledger.head.job += 1;
        let erasure = Erasure {
            number: ledger.head.job,
            account,
            id: ErasureId::from_random(crate::random::bytes()),
            key: Some(key),
            external_id,
            state: ErasureState::Running,
            events,
            erased: 0,
            inserted_at: now,
            updated_at: now,
            ended_at: None,
        };
        // Of the group that is being committed, and those before it.
        let last_seq = ledger.head.seq.max(ledger.shared.durable.load(Ordering::Acquire));
        ledger.add_job(txn, Job::Erase { account: account.0, erasure: erasure.number, at_seq: 0, last_seq });
        tracing::info!(erasure = %erasure.id, events, "erasure begun");
        put_erasure(ledger, txn, erasure.clone());
        let fields = [
            AuditedField::set_hidden("q"),
            AuditedField::set("external_id", external_id),
            AuditedField::set("matched", events),
        ];
        let note = note_of(&erasure, AuditAction::ErasureStarted).with(fields);
        Ok((erasure, Some(note)))
    }
}

/// Ends an erasure where it stands. Answers `None` for one that has ended.
#[derive(Debug)]
pub struct CancelErasure {
    /// Whose it is.
    pub account: AccountNo,
    /// The erasure.
    pub number: u64,
}

impl AuditedChange for CancelErasure {
    type Reply = Option<Erasure>;
    type Error = StoreError;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self> {
        let Self { account, number } = self;
        let known = ledger.shared.erasures().get(&(account, number)).cloned();
        let Some(mut erasure) = known.filter(|erasure| erasure.state == ErasureState::Running) else {
            return Ok((None, None));
        };
        ledger.remove_jobs(txn, |job| matches!(job, Job::Erase { erasure: of, .. } if *of == number));
        erasure.end(ErasureState::Cancelled, now);
        ledger.note_erased();
        tracing::info!(erasure = %erasure.id, erased = erasure.erased, "erasure cancelled");
        ledger.shared.meters.jobs.ended(CountedJob::Erasure, erasure.state.into());
        put_erasure(ledger, txn, erasure.clone());
        let note = note_of(&erasure, AuditAction::ErasureCancelled);
        let note = note.with([AuditedField::set("erased", erasure.erased)]);
        Ok((Some(erasure), Some(note)))
    }
}

/// What the audit has of an erasure: never its key.
fn note_of(erasure: &Erasure, action: AuditAction) -> AuditNote {
    AuditNote::new(erasure.account, action).about(AuditSubject::Erasure(erasure.id))
}

fn put_erasure(ledger: &mut Ledger, txn: &mut Txn<'_>, erasure: Erasure) {
    txn.put(keys::erasure(erasure.account, erasure.number), record::encode_erasure(&erasure));
    ledger.shared.erasures().insert((erasure.account, erasure.number), erasure);
}

pub(crate) fn forget_erasure(ledger: &mut Ledger, txn: &mut Txn<'_>, account: AccountNo, number: u64) {
    txn.delete(keys::erasure(account, number));
    ledger.shared.erasures().remove(&(account, number));
}

/// Forgets erasures that ended long ago.
pub(crate) fn sweep_erasures(ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) {
    let long_ago = |erasure: &Erasure| erasure.ended_at.is_some_and(|ended| ended.plus(LISTED) < now);
    let old: Vec<(AccountNo, u64)> =
        ledger.shared.erasures().iter().filter(|(_, erasure)| long_ago(erasure)).map(|(key, _)| *key).collect();
    for (account, number) in old {
        forget_erasure(ledger, txn, account, number);
    }
}

/// Erases the next few events of an erasure; returns what is left of its job.
pub(crate) fn erase_some(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    job: &Job,
    now: Timestamp,
) -> Result<(Turned, Progress), StoreError> {
    let mut progress = Progress::default();
    let Job::Erase { account, erasure, at_seq, last_seq } = *job else {
        return Ok((Turned::Over, progress));
    };
    let account_no = AccountNo(account);
    let Some(of) = ledger.shared.erasures().get(&(account_no, erasure)).cloned() else {
        return Ok((Turned::Over, progress));
    };
    let Some(key) = of.key else {
        return Ok((Turned::Over, progress));
    };
    let shared = ledger.shared.clone();
    let span = (Seq(at_seq), Seq(last_seq));
    let mut found = Keyed::of(&shared, account_no, &key, of.external_id, span, LOOKED_AT_A_TURN);
    while txn.len() < ROWS_A_TURN {
        let Some(event) = found.next()? else { break };
        let Some(erased) = erase(ledger, txn, account_no, event.seq, of.external_id, now)? else { continue };
        // What went along is met no more; it counts where it has the key itself, as it was counted before.
        let is_meant =
            |event: &&Event| event.seq.0 <= last_seq && event.resource.keys.iter().any(|own| own == key.as_str());
        progress.made += u64::from(erased.is_new) + erased.along.iter().filter(is_meant).count() as u64;
    }
    let rest = found.at().map(|at| Job::Erase { account, erasure, at_seq: at.0, last_seq });
    Ok((rest.map_or(Turned::Over, Turned::More), progress))
}

/// Takes down what a turn has done for its erasure, which has `ended` so, if it has.
pub(crate) fn note_turn(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    of: (AccountNo, u64),
    erased: u64,
    ended: Option<ErasureState>,
    now: Timestamp,
) {
    let Some(mut erasure) = ledger.shared.erasures().get(&of).cloned() else {
        return;
    };
    erasure.erased += erased;
    erasure.updated_at = now;
    let meters = &ledger.shared.meters.jobs;
    meters.handled(CountedJob::Erasure, erased, 0);
    if let Some(state) = ended {
        erasure.end(state, now);
        meters.ended(CountedJob::Erasure, state.into());
        // The key, too, goes from the journal.
        ledger.note_erased();
        tracing::info!(erasure = %erasure.id, erased = erasure.erased, status = state.as_str(), "erasure ended");
    }
    put_erasure(ledger, txn, erasure);
}
