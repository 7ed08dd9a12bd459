//! Lists of the audit.

use crate::model::{AccountNo, AuditFilter, AuditRow, Cursor, Listing, Order, Page, Position, Seq};
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::query::merge::MAX_SEARCH_STEPS;
use crate::store::schema::{keys, record};

impl Store {
    /// A page of an account's audit, in the order of commit. It looks at 10,000 rows at most and may be short. Blocks
    /// on the disk.
    pub fn audit(
        &self,
        account: AccountNo,
        filter: &AuditFilter,
        listing: Listing,
    ) -> Result<Page<AuditRow>, StoreError> {
        let tree = &self.shared.tree;
        let first = |Cursor(at): Cursor| match listing.order {
            Order::Newest => at.seq,
            // A row stands at the webhook 0 of its number.
            Order::Oldest => at.seq + u64::from(at.webhook > 0),
        };
        let cursor = listing.cursor.map(first);
        let rows = match listing.order {
            Order::Newest => {
                tree.range_rev(&keys::audit(account, 0), &keys::audit(account, cursor.unwrap_or(Seq::END.0)))
            }
            Order::Oldest => {
                let end = keys::end_of(&keys::audits(account));
                tree.range(&keys::audit(account, cursor.unwrap_or(0)), Some(&end))
            }
        };
        let (mut items, mut looked_at, mut last) = (Vec::new(), 0, None);
        for row in rows {
            let (key, value) = row?;
            let number =
                keys::u64_at(&key, 5).ok_or(StoreError::Damaged { table: "audit", what: "has a short key" })?;
            let at = Position { seq: number, webhook: 0 };
            if items.len() == listing.limit || looked_at == MAX_SEARCH_STEPS {
                return Ok(Page { items, next: Some(Cursor(at)) });
            }
            let row = record::decode_audit(account, number, &value)?;
            items.extend(Some(row).filter(|row| filter.matches(row)));
            (looked_at, last) = (looked_at + 1, Some(number));
        }
        // A feed goes on behind the last row there was.
        let next = match listing.order {
            Order::Newest => None,
            Order::Oldest => {
                let seq = last.map_or_else(|| cursor.unwrap_or(0), |last| last + 1);
                Some(Cursor(Position { seq, webhook: 0 }))
            }
        };
        Ok(Page { items, next })
    }
}
