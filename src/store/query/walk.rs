//! A walk over the notifications that a query matches.

use crate::model::{AccountNo, Notification, NotificationKey, ResponseFilter, Seq, Status, WebhookNo};
use crate::store::error::StoreError;
use crate::store::query::filter::NotificationQuery;
use crate::store::query::merge::{MAX_STEPS, Merge, Range, Shape, Step, Union};
use crate::store::query::ranges::{response_ranges, status_ranges, type_ranges, webhooks_in};
use crate::store::query::spans::Spans;
use crate::store::schema::keys;
use crate::store::schema::position::{Cursor, Order, Position};
use crate::store::state::Shared;

/// A walk over the notifications that a query matches.
pub(crate) struct Walk<'s> {
    pub(crate) shared: &'s Shared,
    pub(crate) account: AccountNo,
    pub(crate) merge: Merge,
    /// What no index can say: the state of what was delivered, a 2XX.
    pub(crate) delivered_only: bool,
    pub(crate) confirming: Option<ResponseFilter>,
}

impl<'s> Walk<'s> {
    /// The first and the last place the query can match; `None` when there is none.
    pub(crate) fn bounds(
        shared: &Shared,
        account: AccountNo,
        query: &NotificationQuery,
        durable: u64,
    ) -> Result<Option<(Position, Position)>, StoreError> {
        Ok(ends(&shared.spans(account, query.from, query.to, durable)?, query))
    }

    pub(crate) fn new(
        shared: &'s Shared,
        account: AccountNo,
        query: &NotificationQuery,
        durable: u64,
    ) -> Result<Option<Self>, StoreError> {
        let spans = shared.spans(account, query.from, query.to, durable)?;
        let Some((at, last)) = ends(&spans, query) else {
            return Ok(None);
        };
        Self::within(shared, account, query, at, last, spans).map(Some)
    }

    /// From `at` to `last`, in the order from the oldest; both are looked at.
    pub(crate) fn between(
        shared: &'s Shared,
        account: AccountNo,
        query: &NotificationQuery,
        at: Position,
        last: Position,
    ) -> Result<Self, StoreError> {
        let spans = shared.spans(account, query.from, query.to, last.seq)?;
        Self::within(shared, account, query, at, last, spans)
    }

    fn within(
        shared: &'s Shared,
        account: AccountNo,
        query: &NotificationQuery,
        at: Position,
        last: Position,
        spans: Spans,
    ) -> Result<Self, StoreError> {
        let mut unions = Vec::new();
        let mut delivered_only = false;
        match query.status {
            None => {}
            Some(Status::Delivered) => delivered_only = true,
            Some(status) => unions.push(Union::new(status_ranges(shared, account, status, query.webhook)?)),
        }
        let mut confirming = None;
        match query.response {
            None => {}
            Some(filter @ (ResponseFilter::Status(200..=299) | ResponseFilter::Class(2))) => confirming = Some(filter),
            Some(filter) => unions.push(Union::new(response_ranges(shared, account, filter, query.webhook)?)),
        }
        if unions.is_empty() {
            // What is fresh may have no other row. What it moves to comes last: see `Union::new`.
            let mut ranges = webhooks_in(shared, &keys::fresh_of_account(account), query.webhook)?;
            ranges.push(match query.webhook {
                Some(no) => Range { prefix: keys::of_webhook(no), shape: Shape::SeqOf(no.0) },
                None => Range { prefix: keys::notifications(account), shape: Shape::SeqAndWebhook },
            });
            unions.push(Union::new(ranges));
        }
        if let Some(pattern) = &query.event_type {
            unions.push(Union::new(type_ranges(shared, account, pattern)));
        }
        let merge = Merge { unions, order: query.order, at: Some(at), last, spans, steps: MAX_STEPS };
        Ok(Self { shared, account, merge, delivered_only, confirming })
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
        let notification = self.shared.notification(self.account, key)?.filter(|notification| self.holds(notification));
        if notification.is_none() || !self.merge.spans.are_wider() {
            return Ok(notification);
        }
        let event = self.shared.event_head(self.account, key.seq)?;
        Ok(notification.filter(|_| event.is_some_and(|event| self.merge.spans.mean(event.inserted_at))))
    }

    fn holds(&self, notification: &Notification) -> bool {
        let status = notification.last.as_ref().and_then(|attempt| attempt.result.status());
        let delivered = notification.status(true, false) == Status::Delivered;
        let confirmed = match self.confirming {
            None => true,
            Some(ResponseFilter::Status(wanted)) => status == Some(wanted),
            Some(ResponseFilter::Class(class)) => status.is_some_and(|status| status / 100 == class),
            Some(ResponseFilter::NoResponse) => status.is_none(),
        };
        confirmed && (delivered || !self.delivered_only)
    }
}

fn ends(spans: &Spans, query: &NotificationQuery) -> Option<(Position, Position)> {
    let (mut low, mut high) = spans.ends()?;
    if let Some(seq) = query.event {
        (low, high) = (low.max(seq.0), high.min(seq.0));
    }
    bounds(low, high, query.order, query.cursor)
}

pub(crate) fn bounds(low: u64, high: u64, order: Order, cursor: Option<Cursor>) -> Option<(Position, Position)> {
    let (low, high) = (Position { seq: low, webhook: 0 }, Position { seq: high, webhook: u32::MAX });
    let (at, last) = match (order, cursor) {
        (Order::Newest, None) => (high, low),
        (Order::Newest, Some(Cursor(place))) => (place.min(high), low),
        (Order::Oldest, None) => (low, high),
        (Order::Oldest, Some(Cursor(place))) => (place.max(low), high),
    };
    let anything = match order {
        Order::Newest => at >= last,
        Order::Oldest => at <= last,
    };
    anything.then_some((at, last))
}
