//! Backfills, and what all bulk jobs have in common: listed, watched, cancelled.

use super::caller::Caller;
use super::error::Error;
use super::shared::Service;
use crate::model::{
    ApiCode, BulkJob, JobId, JobKind, JobState, Listing, NotificationFilter, Page, Pattern, Timestamp, WebhookId,
    localized,
};
use crate::store::{AuditedChange as _, BackfillCount, BackfillRefusal, BeginBackfill, CancelBulkJob, TooManyJobs};

/// How many of the events that match are looked at one by one where it is asked what a backfill would do: a second's
/// worth.
const MAX_JUDGED: u64 = 10_000;

/// What a webhook is to receive that it has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackfillDraft {
    /// Events recorded at or after this moment.
    pub from: Timestamp,
    /// Events recorded before this moment; without it, those that are recorded by now.
    pub to: Option<Timestamp>,
    /// Of these types alone, of those that the webhook subscribes to.
    pub event_type: Option<Pattern>,
}

impl BackfillDraft {
    fn check(&self, now: Timestamp) -> Result<(), Error> {
        if self.from > now {
            let problem = localized!("must not lie in the future", "não pode estar no futuro");
            return Err(Error::invalid("from", problem));
        }
        if self.to.is_some_and(|to| to <= self.from) {
            let problem = localized!("must be later than `from`", "deve ser depois do início");
            return Err(Error::invalid("to", problem));
        }
        Ok(())
    }
}

impl From<BackfillRefusal> for Error {
    fn from(refusal: BackfillRefusal) -> Self {
        match refusal {
            BackfillRefusal::TooManyJobs => TooManyJobs.into(),
            BackfillRefusal::UnderWay(id) => Self::Conflict {
                code: ApiCode::BackfillUnderWay,
                detail: localized!(
                    "a backfill of this webhook is under way already ({id}): wait for it to end, or cancel it",
                    "este webhook já está recebendo eventos anteriores ({id}): espere terminar, ou cancele"
                ),
            },
        }
    }
}

impl Service {
    /// Begins a backfill of a webhook: a notification for each event that it would have matched as it is now, and has
    /// no notification of. It is durable on return. The work is done in the background, the oldest events first, as
    /// fast as the webhook takes them, and survives a restart. Tests, and what was erased, are left out.
    pub async fn backfill(&self, caller: &Caller, id: WebhookId, draft: BackfillDraft) -> Result<BulkJob, Error> {
        let matched = self.count(caller, id, draft.clone(), 0).await?.matched;
        let BackfillDraft { from, to, event_type } = draft;
        let begin = BeginBackfill { account: caller.account, webhook: id, from, to, event_type, matched };
        let job = self.store.commit(begin.by(caller.actor())).await?.ok_or(Error::NotFound)?;
        self.followers.tell(caller.account);
        Ok(job)
    }

    /// What [`Self::backfill`] would do now; its errors where it would refuse, but for one that is under way.
    pub async fn count_backfill(
        &self,
        caller: &Caller,
        id: WebhookId,
        draft: BackfillDraft,
    ) -> Result<BackfillCount, Error> {
        self.count(caller, id, draft, MAX_JUDGED).await
    }

    async fn count(
        &self,
        caller: &Caller,
        id: WebhookId,
        draft: BackfillDraft,
        judged: u64,
    ) -> Result<BackfillCount, Error> {
        let webhook = self.webhook(caller, id)?;
        draft.check(self.now())?;
        let BackfillDraft { from, to, event_type } = draft;
        let filter = NotificationFilter { event_type, from: Some(from), to, ..NotificationFilter::default() };
        self.read(move |store| Ok(store.count_backfill(&webhook, &filter, judged)?)).await
    }

    /// The caller's bulk jobs of a kind that go on, and the last few that have ended, the newest first; of one webhook
    /// alone where it is named. From memory.
    pub fn late_jobs(&self, caller: &Caller, kind: JobKind, of: Option<WebhookId>, ended: usize) -> Vec<BulkJob> {
        let mut left = ended;
        let mut jobs = self.store.bulk_jobs(caller.account);
        jobs.reverse();
        jobs.retain(|job| job.kind == kind && of.is_none_or(|of| job.filter.webhook_id == Some(of)));
        jobs.retain(|job| {
            let room = left > 0;
            job.state == JobState::Running || {
                left = left.saturating_sub(1);
                room
            }
        });
        jobs
    }

    /// A page of the caller's bulk jobs of a kind: those that go on, and for a week those that have ended. From memory.
    pub fn bulk_jobs(&self, caller: &Caller, kind: JobKind, listing: Listing) -> Page<BulkJob> {
        let all = self.store.bulk_jobs(caller.account).into_iter().filter(|job| job.kind == kind);
        Page::cut(all.map(|job| ((job.number, 0), job)).collect(), listing)
    }

    /// How far a bulk job has got. From memory.
    pub fn bulk_job(&self, caller: &Caller, kind: JobKind, id: JobId) -> Result<BulkJob, Error> {
        let found = self.store.bulk_jobs(caller.account).into_iter().find(|job| job.kind == kind && job.id == id);
        found.ok_or(Error::NotFound)
    }

    /// Ends a bulk job where it stands. What it has requested is still sent: at most 64 manual attempts of each
    /// webhook, or at most 64 notifications of a backfill's; to a webhook that keeps order besides what newer events
    /// have brought with them, at most 256 older ones each. Nothing is brought after it. One that has ended stays as it
    /// is.
    pub async fn cancel_job(&self, caller: &Caller, kind: JobKind, id: JobId) -> Result<BulkJob, Error> {
        let job = self.bulk_job(caller, kind, id)?;
        let cancel = CancelBulkJob { account: caller.account, number: job.number };
        let ended = self.store.commit(cancel.by(caller.actor())).await?;
        self.followers.tell(caller.account);
        match ended {
            Some(job) => Ok(job),
            // It has ended in between.
            None => self.bulk_job(caller, kind, id),
        }
    }
}
