//! A walk over the notifications that a filter matches.

use crate::model::{
    AccountNo, Cursor, Event, Listing, Notification, NotificationFilter, NotificationKey, Order, Page, Position,
    ResponseFilter, Seq, Status, WebhookNo,
};
use crate::store::error::StoreError;
use crate::store::query::merge::{MAX_SEARCH_STEPS, MAX_STEPS, Merge, Range, Shape, Step, Union};
use crate::store::query::ranges::{
    Apart, UNDELIVERED, response_ranges, status_ranges, type_ranges, undelivered_ranges, webhooks_in,
};
use crate::store::query::search::Search;
use crate::store::query::spans::Spans;
use crate::store::schema::keys;
use crate::store::state::Shared;

/// A filter of an account's notifications, its ids as the store's own numbers.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'f> {
    pub(crate) account: AccountNo,
    pub(crate) webhook: Option<WebhookNo>,
    pub(crate) event: Option<Seq>,
    /// The number of the bulk job.
    pub(crate) job: Option<u64>,
    pub(crate) search: Option<Search<'f>>,
    pub(crate) filter: &'f NotificationFilter,
}

impl<'f> Scope<'f> {
    /// `None` where an id is of nothing of this account's, so that nothing can match.
    pub(crate) fn of(
        shared: &Shared,
        account: AccountNo,
        filter: &'f NotificationFilter,
    ) -> Result<Option<Self>, StoreError> {
        let mut scope = Self { account, webhook: None, event: None, job: None, search: None, filter };
        if let Some(id) = filter.webhook_id {
            scope.webhook = shared.webhook_no(account, id)?;
        }
        if let Some(id) = filter.event_id {
            scope.event = shared.event_seq(account, id)?;
        }
        scope.job = filter.job_id.and_then(|id| shared.bulk_job_number(account, id));
        scope.search = filter.q.as_ref().map(|text| Search::of(shared, account, text)).transpose()?;
        let known = scope.webhook.is_some() == filter.webhook_id.is_some()
            && scope.event.is_some() == filter.event_id.is_some()
            && scope.job.is_some() == filter.job_id.is_some();
        Ok(known.then_some(scope))
    }
}

/// What no index can say: whether a filter matches a notification that its indexes lead to.
type Check = Box<dyn Fn(&Notification) -> bool>;

/// A walk over the notifications that a filter matches.
pub(crate) struct Walk<'s, 'f> {
    pub(crate) shared: &'s Shared,
    account: AccountNo,
    pub(crate) merge: Merge,
    checks: Vec<Check>,
    search: Option<Search<'f>>,
}

impl<'s, 'f> Walk<'s, 'f> {
    /// The first and the last position that can match, the oldest first; `None` when there is none.
    pub(crate) fn bounds(
        shared: &Shared,
        scope: &Scope<'_>,
        durable: u64,
    ) -> Result<Option<(Position, Position)>, StoreError> {
        let spans = shared.spans(scope.account, scope.filter.from, scope.filter.to, durable)?;
        Ok(ends(&spans, scope, Listing::oldest(0)))
    }

    pub(crate) fn new(
        shared: &'s Shared,
        scope: &Scope<'f>,
        listing: Listing,
        durable: u64,
    ) -> Result<Option<Self>, StoreError> {
        let spans = shared.spans(scope.account, scope.filter.from, scope.filter.to, durable)?;
        let Some(bounds) = ends(&spans, scope, listing) else {
            return Ok(None);
        };
        Self::within(shared, scope, listing.order, bounds, spans).map(Some)
    }

    /// From `at` to `last`, both inclusive, the oldest first.
    pub(crate) fn between(
        shared: &'s Shared,
        scope: &Scope<'f>,
        at: Position,
        last: Position,
    ) -> Result<Self, StoreError> {
        let spans = shared.spans(scope.account, scope.filter.from, scope.filter.to, last.seq)?;
        Self::within(shared, scope, Order::Oldest, (at, last), spans)
    }

    /// Turns each field of the filter into ranges of index rows or, where it has no index, into a check of the record.
    fn within(
        shared: &'s Shared,
        scope: &Scope<'f>,
        order: Order,
        (at, last): (Position, Position),
        spans: Spans,
    ) -> Result<Self, StoreError> {
        let Scope { account, webhook, job, search, filter, .. } = *scope;
        let directory = shared.directory();
        let is_undelivered = filter.status.map(|status| UNDELIVERED.contains(&status));
        let is_deleted = webhook.map(|no| directory.by_no(no).is_none());
        if differ(filter.undelivered, is_undelivered) || differ(filter.webhook_deleted, is_deleted) {
            let unions = vec![Union::new(Vec::new())];
            let merge = Merge { unions, order, at: Some(at), last, spans, steps: MAX_STEPS };
            return Ok(Self { shared, account, merge, checks: Vec::new(), search: None });
        }
        let (mut unions, mut checks) = (Vec::new(), Vec::<Check>::new());
        let apart = Apart { test: filter.test, webhook_deleted: filter.webhook_deleted };
        match filter.status {
            None if filter.undelivered == Some(true) => {
                unions.push(Union::new(undelivered_ranges(shared, account, webhook, apart)?));
            }
            None => {}
            Some(Status::Delivered) => checks.push(Box::new(|one| one.status(true, false) == Status::Delivered)),
            Some(status) => unions.push(Union::new(status_ranges(shared, account, status, webhook, apart)?)),
        }
        if (filter.undelivered, filter.status) == (Some(false), None) {
            let directory = directory.clone();
            checks.push(Box::new(move |one| {
                !UNDELIVERED.contains(&one.status(true, directory.by_no(one.key.webhook).is_none()))
            }));
        }
        // The rows of the other states are of tests, or of none.
        let by_rows = is_undelivered.or(filter.undelivered) == Some(true);
        if let Some(test) = filter.test.filter(|_| !by_rows) {
            checks.push(Box::new(move |one| one.test == test));
        }
        // No index says it: it is asked for beside others, and would cost a row for each that a job sends.
        if let Some(number) = job {
            checks.push(Box::new(move |one| one.job.is_some_and(|job| job.number == number)));
        }
        match filter.response {
            None => {}
            Some(wanted @ (ResponseFilter::Status(200..=299) | ResponseFilter::Class(2))) => {
                checks.push(Box::new(move |one| {
                    wanted.matches(one.last.as_ref().and_then(|attempt| attempt.result.status()))
                }));
            }
            Some(wanted) => {
                let ranges = response_ranges(shared, account, wanted, webhook)?;
                unions.push(Union::new(apart.of_webhooks(shared, ranges)));
            }
        }
        // Where there are ranges, or one webhook, they say it already.
        if let (Some(deleted), true, None) = (filter.webhook_deleted, unions.is_empty(), webhook) {
            checks.push(Box::new(move |one| directory.by_no(one.key.webhook).is_none() == deleted));
        }
        if unions.is_empty() {
            // What is untried may have no other row. What it moves to comes last: see `Union::new`.
            let mut ranges = webhooks_in(shared, &keys::untried_of_account(account), webhook)?;
            ranges.push(match webhook {
                Some(no) => Range { prefix: keys::of_webhook(no), shape: Shape::SeqOf(no.0) },
                None => Range { prefix: keys::notifications(account), shape: Shape::SeqAndWebhook },
            });
            unions.push(Union::new(ranges));
        }
        if let Some(pattern) = &filter.event_type {
            unions.push(Union::new(type_ranges(shared, account, pattern)));
        }
        let mut steps = MAX_STEPS;
        if let Some(search) = &search {
            let is_narrowed = filter.status.is_some()
                || filter.undelivered.is_some()
                || filter.response.is_some()
                || filter.event_type.is_some()
                || filter.webhook_id.is_some()
                || filter.webhook_deleted.is_some()
                || filter.job_id.is_some()
                || filter.test.is_some();
            steps = if is_narrowed { MAX_SEARCH_STEPS } else { MAX_STEPS };
            unions.insert(0, Union::new(search.ranges(shared, account)?));
        }
        let merge = Merge { unions, order, at: Some(at), last, spans, steps };
        Ok(Self { shared, account, merge, checks, search })
    }

    /// Whether index rows alone don't decide what matches.
    pub(crate) fn reads_records(&self) -> bool {
        !self.checks.is_empty() || self.reads_events()
    }

    /// Whether the event of a hit has to be looked at.
    fn reads_events(&self) -> bool {
        self.search.is_some() || self.merge.spans.are_wider()
    }

    /// Up to `limit` notifications and the place to go on at.
    pub(crate) fn page(&mut self, limit: usize) -> Result<(Vec<Notification>, Option<Position>), StoreError> {
        let mut found = Vec::new();
        while found.len() < limit {
            match self.merge.next(&*self.shared.tree)? {
                Step::End => return Ok((found, None)),
                Step::Spent(at) => return Ok((found, Some(at))),
                Step::Hit(place) => found.extend(self.load(place)?),
            }
        }
        Ok((found, self.merge.at))
    }

    /// Like [`Walk::page`], for a background job: it takes no more than `steps`, so that nobody waits behind it, and
    /// passes over records that can't be read instead of meeting them again for ever. With at least as many steps as
    /// there are filters it gets on.
    pub(crate) fn readable_page(
        &mut self,
        steps: usize,
        limit: usize,
    ) -> Result<(Vec<Notification>, Option<Position>), StoreError> {
        self.merge.steps = steps;
        let mut found = Vec::new();
        while found.len() < limit {
            match self.merge.next(&*self.shared.tree)? {
                Step::End => return Ok((found, None)),
                Step::Spent(at) => return Ok((found, Some(at))),
                Step::Hit(place) => match self.load(place) {
                    Ok(notification) => found.extend(notification),
                    Err(error) => tracing::error!(%error, "a notification could not be read and is passed over"),
                },
            }
        }
        Ok((found, self.merge.at))
    }

    pub(crate) fn load(&self, place: Position) -> Result<Option<Notification>, StoreError> {
        let key = NotificationKey { seq: Seq(place.seq), webhook: WebhookNo(place.webhook) };
        let notification = self.shared.notification(self.account, key)?;
        let notification = notification.filter(|one| self.checks.iter().all(|check| check(one)));
        if notification.is_none() || !self.reads_events() {
            return Ok(notification);
        }
        let event = self.shared.event_head(self.account, key.seq)?;
        let means = |event: &Event| {
            self.merge.spans.mean(event.inserted_at)
                && self.search.is_none_or(|search| search.means(event, Some(key.webhook)))
        };
        Ok(notification.filter(|_| event.as_ref().is_some_and(means)))
    }
}

/// Whether a filter wants what another one rules out.
fn differ(wanted: Option<bool>, is: Option<bool>) -> bool {
    wanted.zip(is).is_some_and(|(wanted, is)| wanted != is)
}

fn ends(spans: &Spans, scope: &Scope<'_>, listing: Listing) -> Option<(Position, Position)> {
    let (mut low, mut high) = spans.ends()?;
    if let Some(seq) = scope.event {
        (low, high) = (low.max(seq.0), high.min(seq.0));
    }
    bounds(low, high, listing)
}

pub(crate) fn bounds(low: u64, high: u64, listing: Listing) -> Option<(Position, Position)> {
    let (low, high) = (Position { seq: low, webhook: 0 }, Position { seq: high, webhook: u32::MAX });
    let (at, last) = match (listing.order, listing.cursor) {
        (Order::Newest, None) => (high, low),
        (Order::Newest, Some(Cursor(place))) => (place.min(high), low),
        (Order::Oldest, None) => (low, high),
        (Order::Oldest, Some(Cursor(place))) => (place.max(low), high),
    };
    let anything = match listing.order {
        Order::Newest => at >= last,
        Order::Oldest => at <= last,
    };
    anything.then_some((at, last))
}

/// Where a feed goes on once it has read all there is: behind what was durable when its page was begun. What has become
/// durable since then, the page hasn't looked at.
pub(crate) fn end_of_feed(order: Order, durable: u64) -> Option<Cursor> {
    match order {
        Order::Newest => None,
        Order::Oldest => Some(Cursor(Position { seq: durable + 1, webhook: 0 })),
    }
}

/// The page behind the end of a list.
pub(crate) fn ended<T>(listing: Listing, durable: u64) -> Page<T> {
    let next = listing.cursor.filter(|_| listing.order == Order::Oldest);
    Page { items: Vec::new(), next: next.or_else(|| end_of_feed(listing.order, durable)) }
}
