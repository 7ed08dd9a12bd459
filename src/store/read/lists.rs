//! Lists of events and notifications.

use crate::model::{AccountNo, Cursor, Event, EventFilter, Listing, Notification, NotificationFilter, Page, Seq};
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::query::merge::{MAX_SEARCH_STEPS, MAX_STEPS, Merge, Range, Shape, Step, Union};
use crate::store::query::ranges::{Apart, type_ranges, undelivered_ranges};
use crate::store::query::search::Search;
use crate::store::query::walk::{Scope, Walk, bounds, end_of_feed, ended};
use crate::store::schema::keys::Key;
use crate::store::schema::references::Kind;
use crate::store::schema::{keys, references};

/// What somebody has to look after: no tests, and nothing that was for webhooks deleted since.
const NEEDS_ATTENTION: Apart = Apart { test: Some(false), webhook_deleted: Some(false) };

impl Store {
    /// A page of notifications, each with its event. Blocks on the disk.
    pub fn notifications(
        &self,
        account: AccountNo,
        filter: &NotificationFilter,
        listing: Listing,
    ) -> Result<Page<(Notification, Event)>, StoreError> {
        let durable = self.durable().0;
        let Some(scope) = Scope::of(&self.shared, account, filter)? else {
            return Ok(Page { items: Vec::new(), next: None });
        };
        let Some(mut walk) = Walk::new(&self.shared, &scope, listing, durable)? else {
            return Ok(ended(listing, durable));
        };
        let (found, next) = walk.page(listing.limit)?;
        let mut items = Vec::with_capacity(found.len());
        for notification in found {
            let event = self.shared.event_head(account, notification.key.seq)?;
            items.extend(event.map(|event| (notification, event)));
        }
        Ok(Page { items, next: next.map(Cursor).or_else(|| end_of_feed(listing.order, durable)) })
    }

    /// How many notifications a filter matches, counted to `most`. Blocks on the disk, for as long as it takes to walk
    /// them.
    pub fn count_notifications(
        &self,
        account: AccountNo,
        filter: &NotificationFilter,
        most: u64,
    ) -> Result<u64, StoreError> {
        let durable = self.durable().0;
        let Some(scope) = Scope::of(&self.shared, account, filter)? else {
            return Ok(0);
        };
        let Some(mut walk) = Walk::new(&self.shared, &scope, Listing::default(), durable)? else {
            return Ok(0);
        };
        walk.merge.steps = usize::MAX;
        let mut count = 0;
        let reads_records = walk.reads_records();
        while count < most {
            match walk.merge.next(&*self.shared.tree)? {
                Step::Hit(place) => count += u64::from(!reads_records || walk.load(place)?.is_some()),
                Step::End | Step::Spent(_) => break,
            }
        }
        Ok(count)
    }

    /// A page of events. Blocks on the disk.
    pub fn events(
        &self,
        account: AccountNo,
        filter: &EventFilter,
        listing: Listing,
    ) -> Result<Page<Event>, StoreError> {
        // First of all: a type that is new since then has no range here, and its events none below this mark.
        let durable = self.durable().0;
        let shared = &*self.shared;
        let mut unions = Vec::new();
        let range = |prefix: Key| Range { prefix, shape: Shape::Seq };
        let search = filter.q.as_ref().map(|text| Search::of(shared, account, text)).transpose()?;
        if let Some(search) = &search {
            unions.push(Union::new(search.ranges(shared, account)?));
        }
        let values = [(Kind::ExternalId, &filter.external_id), (Kind::ResourceId, &filter.resource_id)];
        for (kind, value) in values {
            if let Some(value) = value {
                let shape = Shape::Reference(shared.references.hash(kind, value));
                unions.push(Union::new(vec![Range { prefix: keys::references(account), shape }]));
            }
        }
        if filter.test == Some(true) {
            let shape = Shape::Reference(shared.references.hash(Kind::Trial, ""));
            unions.push(Union::new(vec![Range { prefix: keys::references(account), shape }]));
        }
        let has = |event: &Event| {
            let mut given = values.iter().filter_map(|(kind, value)| Some((*kind, value.as_ref()?)));
            given.all(|(kind, value)| references::has(event, kind, value))
                && search.is_none_or(|search| search.means(event, None))
                && filter.test.is_none_or(|test| event.trial.is_some() == test)
        };
        if filter.undelivered == Some(true) {
            unions.push(Union::new(undelivered_ranges(shared, account, None, NEEDS_ATTENTION)?));
        }
        match &filter.event_type {
            Some(pattern) => unions.push(Union::new(type_ranges(shared, account, pattern))),
            None if unions.is_empty() => unions.push(Union::new(vec![range(keys::events(account))])),
            None => {}
        }
        let steps = if search.is_some() && unions.len() > 1 { MAX_SEARCH_STEPS } else { MAX_STEPS };
        let spans = shared.spans(account, filter.from, filter.to, durable)?;
        let ends = spans.ends().and_then(|(low, high)| bounds(low, high, listing));
        let Some((at, last)) = ends else {
            return Ok(ended(listing, durable));
        };
        let mut merge = Merge { unions, order: listing.order, at: Some(at), last, spans, steps };
        let mut items = Vec::new();
        while items.len() < listing.limit {
            // An event is one place, whatever webhooks it was owed to.
            match merge.next_event(&*shared.tree)? {
                Step::End => return Ok(Page { items, next: end_of_feed(listing.order, durable) }),
                Step::Spent(at) => return Ok(Page { items, next: Some(Cursor(at)) }),
                Step::Hit(place) => {
                    let event = shared.event_head(account, Seq(place.seq))?;
                    items.extend(event.filter(|event| merge.spans.mean(event.inserted_at) && has(event)));
                }
            }
        }
        Ok(Page { items, next: merge.at.map(Cursor) })
    }
}
