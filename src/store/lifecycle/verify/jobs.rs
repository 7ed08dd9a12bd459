//! Whether bulk jobs count right what belongs to them: of whatever one has requested or created it has counted how that
//! ended, or is yet to.
//!
//! Beside a committer those alone are judged whose rows are the same before and after everything is read: whatever
//! comes to belong to a job, or is counted by it, changes the job's row in the same commit.

use crate::model::{AccountNo, NotificationKey, Seq, WebhookNo};
use crate::store::engine::Tree;
use crate::store::error::StoreError;
use crate::store::lifecycle::readable::each_readable_of;
use crate::store::schema::{keys, record};
use std::collections::BTreeMap;

/// The account and the number of a bulk job.
pub(crate) type JobNo = (AccountNo, u64);

/// The bulk jobs as they were before everything was read, and how much was met that they are yet to count.
pub(super) struct JobCounts {
    before: BTreeMap<JobNo, Vec<u8>>,
    met: BTreeMap<JobNo, u64>,
}

impl JobCounts {
    pub(super) fn new(tree: &dyn Tree) -> Self {
        // What can't be read is told as a row is.
        Self { before: bulk_jobs(tree).unwrap_or_default(), met: BTreeMap::new() }
    }

    /// Takes in a row of a notification.
    pub(super) fn meet(&mut self, key: &[u8], value: &[u8]) {
        if !self.before.is_empty()
            && let Some(job) = job_of(key, value)
        {
            *self.met.entry(job).or_default() += 1;
        }
    }

    /// What is wrong, now that everything was read.
    pub(super) fn findings(self, tree: &dyn Tree) -> Vec<String> {
        let after = bulk_jobs(tree).unwrap_or_default();
        let mut findings = Vec::new();
        for ((account, number), value) in self.before {
            if after.get(&(account, number)) != Some(&value) {
                continue;
            }
            let Ok(job) = record::decode_bulk_job(account, number, &value) else { continue };
            let met = self.met.get(&(account, number)).copied().unwrap_or(0);
            let (made, ended) = (job.made, job.outcomes.total());
            if made != ended + met {
                findings.push(format!(
                    "bulk job {}: it has sent {made}, has counted the ends of {ended}, and {met} wait to be counted",
                    job.id
                ));
            }
        }
        findings
    }
}

/// Which bulk job is yet to count a notification, as its row says. `None` for a row that can't be read, too.
pub(crate) fn job_of(key: &[u8], value: &[u8]) -> Option<JobNo> {
    let (account, seq) = (AccountNo(keys::u32_at(key, 1)?), Seq(keys::u64_at(key, 5)?));
    let of = NotificationKey { seq, webhook: WebhookNo(keys::u32_at(key, 13)?) };
    Some((account, record::decode_notification(account, of, value).ok()?.awaited_by()?))
}

/// The rows of all bulk jobs that can be read.
pub(crate) fn bulk_jobs(tree: &dyn Tree) -> Result<BTreeMap<JobNo, Vec<u8>>, StoreError> {
    let mut found = BTreeMap::new();
    each_readable_of(tree, &keys::all_bulk_jobs(), |key, value| {
        if let (Some(account), Some(number)) = (keys::u32_at(key, 1), keys::u64_at(key, 5)) {
            found.insert((AccountNo(account), number), value.to_vec());
        }
        Ok(())
    })?;
    Ok(found)
}
