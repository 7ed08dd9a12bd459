//! What is due: the three queues of a lane, each a range of keys, read a page at a time. Blocks on the disk.
//!
//! They are the truth of what is owed; what the engine holds in memory is a cache of their heads.

use crate::model::{AccountNo, Seq, Timestamp, WebhookNo};
use crate::store::error::{EngineError, StoreError};
use crate::store::handle::Store;
use crate::store::schema::{keys, seqs};

/// A row of a queue that is ordered by time: when it is due, and which event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// Not before this.
    pub at: Timestamp,
    /// The event.
    pub seq: Seq,
}

impl Store {
    /// Up to `limit` events owed to a webhook and never tried, in the order of commit, from `from` on. Rows that are
    /// damaged are logged and passed over.
    pub fn untried_page(
        &self,
        account: AccountNo,
        webhook: WebhookNo,
        from: Seq,
        limit: usize,
    ) -> Result<Vec<Seq>, StoreError> {
        let damaged = |error: EngineError| self.shared.note_failed_read(&error.into(), "what is due");
        let page = seqs::page(&*self.shared.tree, &keys::untried_of(account, webhook), from.0, limit, damaged)?;
        Ok(page.into_iter().map(Seq).collect())
    }

    /// Up to `limit` events owed to a webhook again, by due time, from `from` (inclusive) to before `until`.
    pub fn retry_page(
        &self,
        webhook: WebhookNo,
        from: Due,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, StoreError> {
        self.timed_page(&keys::retries_of(webhook), from, until, limit)
    }

    /// Up to `limit` pending manual attempts of a webhook, by when they were requested, from `from` (inclusive) on.
    pub fn manual_page(&self, webhook: WebhookNo, from: Due, limit: usize) -> Result<Vec<Due>, StoreError> {
        self.timed_page(&keys::manuals_of(webhook), from, Timestamp::from_ms(u64::MAX), limit)
    }

    /// Whether automatic attempts to a webhook are pending, now or later.
    pub fn needs_automatic_attempt(&self, account: AccountNo, webhook: WebhookNo) -> Result<bool, StoreError> {
        let first = Due { at: Timestamp::from_ms(0), seq: Seq(0) };
        let any = !self.untried_page(account, webhook, Seq(0), 1)?.is_empty();
        Ok(any || !self.retry_page(webhook, first, Timestamp::from_ms(u64::MAX), 1)?.is_empty())
    }

    fn timed_page(&self, prefix: &[u8], from: Due, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        let start = [prefix, &from.at.as_ms().to_be_bytes(), &from.seq.0.to_be_bytes()].concat();
        let end = [prefix, &until.as_ms().to_be_bytes()].concat();
        if start >= end {
            return Ok(Vec::new());
        }
        let rows = self.shared.tree.range(&start, Some(&end)).keys().take(limit);
        rows.map(|row| {
            let row = row?;
            let at = seq_at(&row, prefix.len())?.0;
            Ok(Due { at: Timestamp::from_ms(at), seq: seq_at(&row, prefix.len() + 8)? })
        })
        .collect()
    }
}

fn seq_at(key: &[u8], at: usize) -> Result<Seq, StoreError> {
    keys::u64_at(key, at).map(Seq).ok_or(StoreError::Damaged { table: "queue", what: "has a short key" })
}
