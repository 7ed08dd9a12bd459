//! What a backfill would do, counted before it begins.

use crate::model::{FilterSet, NotificationFilter, NotificationKey, Seq, Webhook};
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::query::merge::Step;
use crate::store::query::owed::{Facts, judge, matching};

/// How many of the events that match are looked at one by one before a backfill begins: a second's worth. Beyond them
/// the number of those that are owed is an upper bound.
pub const MAX_JUDGED: u64 = 10_000;

/// What a backfill would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackfillCount {
    /// How many events of the webhook's types there are in its span.
    pub matched: u64,
    /// For how many of them it would create a notification; at most so many, unless that is `exact`.
    pub would_create: u64,
    /// Whether every event that matched was looked at, which they are up to [`MAX_JUDGED`].
    pub exact: bool,
}

impl Store {
    /// What a backfill of a webhook would do now: `filter` gives its span of time and its type. Blocks on the disk,
    /// for as long as it takes to walk what matches.
    pub fn count_backfill(&self, webhook: &Webhook, filter: &NotificationFilter) -> Result<BackfillCount, StoreError> {
        let (shared, account) = (&*self.shared, webhook.account);
        let mut merge = matching(shared, webhook, filter, Seq(1), self.durable())?;
        let filters: FilterSet = webhook.filter.iter().collect();
        let mut count = BackfillCount { exact: true, ..BackfillCount::default() };
        while let Step::Hit(place) = merge.next_event(shared)? {
            let seq = Seq(place.seq);
            if count.matched >= MAX_JUDGED && !merge.spans.are_wider() {
                (count.matched, count.would_create, count.exact) = (count.matched + 1, count.would_create + 1, false);
                continue;
            }
            let Some(event) = shared.event_head(account, seq)?.filter(|event| merge.spans.mean(event.inserted_at))
            else {
                continue;
            };
            count.matched += 1;
            let facts = Facts {
                notification: shared.notification(account, NotificationKey { seq, webhook: webhook.no })?,
                payload: || Ok(self.event(account, seq)?.and_then(|(_, payload)| payload)),
            };
            count.would_create += u64::from(judge(webhook, &filters, &event, facts)?.is_none());
        }
        Ok(count)
    }
}
