//! What a backfill would do, counted before it begins.

use crate::model::{FilterSet, NotificationFilter, NotificationKey, Seq, Webhook};
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::query::merge::Step;
use crate::store::query::owed::{judge, matching};

/// What a backfill would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackfillCount {
    /// How many events of the webhook's types there are in its span.
    pub matched: u64,
    /// For how many of them it would create a notification; at most so many, unless that is `exact`.
    pub would_create: u64,
    /// Whether every event that matched was looked at.
    pub exact: bool,
}

impl Store {
    /// What a backfill of a webhook would do now: `filter` gives its span of time and its type. The first `judged`
    /// events that match are looked at one by one; beyond them the number of those that are owed is an upper bound.
    /// Blocks on the disk, for as long as it takes to walk what matches.
    pub fn count_backfill(
        &self,
        webhook: &Webhook,
        filter: &NotificationFilter,
        judged: u64,
    ) -> Result<BackfillCount, StoreError> {
        let (shared, account) = (&*self.shared, webhook.account);
        let mut merge = matching(shared, webhook, filter, Seq(1), self.durable())?;
        let filters: FilterSet = webhook.filter.iter().collect();
        let mut count = BackfillCount { exact: true, ..BackfillCount::default() };
        while let Step::Hit(place) = merge.next_event(&*shared.tree)? {
            let seq = Seq(place.seq);
            let (is_judged, mut is_owed) = (count.matched < judged, true);
            if is_judged || merge.spans.are_wider() {
                let event = shared.event_head(account, seq)?;
                let Some(event) = event.filter(|event| merge.spans.mean(event.inserted_at)) else {
                    continue;
                };
                if is_judged {
                    let payload = || Ok(self.event(account, seq)?.and_then(|(_, payload)| payload));
                    is_owed = shared.notification(account, NotificationKey { seq, webhook: webhook.no })?.is_none()
                        && judge(webhook, &filters, &event, payload)?.is_none();
                }
            }
            count.matched += 1;
            count.would_create += u64::from(is_owed);
            count.exact &= is_judged;
        }
        Ok(count)
    }
}
