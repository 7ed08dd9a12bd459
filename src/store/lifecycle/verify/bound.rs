//! How far a verification goes beside a committer: up to the last event that there was when it began. Without it, one
//! beside a store that records faster than rows can be looked at would not end.

use crate::model::Seq;
use crate::store::engine::Tree;
use crate::store::schema::keys::{self, Key};
use crate::store::schema::record;
use crate::store::schema::table::Table;

/// What there was when a verification began.
pub(super) struct Bound {
    /// The last event.
    last: Seq,
    /// Behind the last row of the ends of idempotency keys: these are in the order of time, and name no event.
    end: Key,
}

impl Bound {
    pub(super) fn new(tree: &dyn Tree, last: Seq) -> Self {
        let first = keys::idempotency_ends();
        let end = match tree.range_rev(&first, &keys::end_of(&first)).next() {
            Some(Ok((key, _))) => behind(&key),
            // All there will be is later.
            None => first,
            Some(Err(_)) => keys::end_of(&first),
        };
        Self { last, end }
    }

    /// Where to go on, if this row is one of a later event: behind those that are of later ones, too. A row that can't
    /// be read as one of its table isn't passed over.
    pub(super) fn passes_over(&self, table: Table, key: &[u8], value: &[u8]) -> Option<Key> {
        let at = match table {
            Table::Chunk | Table::Attempt => 1,
            Table::Event | Table::Notification => 5,
            Table::Type
            | Table::ByWebhook
            | Table::Untried
            | Table::Retry
            | Table::Manual
            | Table::ByState
            | Table::ByResponse
            | Table::Order => key.len().checked_sub(8)?,
            Table::Reference => {
                let (_, seq) = keys::reference_parts(key)?;
                let in_later_partition = seq > keys::partition_of(self.last).1;
                let next = || if in_later_partition { keys::end_of(&key[..5]) } else { behind(key) };
                return (seq > self.last).then(next);
            }
            Table::OwnId => return (record::decode_seq(value).ok()? > self.last).then(|| behind(key)),
            Table::Idempotency => {
                let seqs = record::decode_idempotency(value).ok()?.seqs;
                return seqs.iter().any(|seq| Seq(*seq) > self.last).then(|| behind(key));
            }
            Table::IdempotencyEnd => {
                return (key >= &self.end[..]).then(|| keys::end_of(&keys::idempotency_ends()));
            }
            Table::Alert
            | Table::Meta
            | Table::Account
            | Table::Token
            | Table::Webhook
            | Table::WebhookId
            | Table::TypeName
            | Table::Health
            | Table::Job
            | Table::BulkJob
            | Table::Audit
            | Table::Erasure
            | Table::Head => return None,
        };
        let seq = Seq(keys::u64_at(key, at)?);
        (seq > self.last).then(|| keys::end_of(&key[..at]))
    }
}

/// The first key behind this one.
fn behind(key: &[u8]) -> Key {
    [key, &[0]].concat()
}
