//! Lists: every filter is a range of index rows in the order of commit, and filters combine by a zig-zag merge of ranges.
//!
//! Each range answers one question, "which is your first place at or after this one?"; the merge goes round asking until all
//! name the same place. No list scans: what two filters have in common is found in steps of the sparser one. Where filters
//! hardly meet at all, or ask for what has no index of its own (deliveries, which are nearly everything), a page ends after
//! [`MAX_STEPS`] and says where to go on, short or empty rather than slow.

use super::engine::Tree;
use super::keys::{self, Key, Reference};
use super::times::Spans;
use super::{Shared, Store, StoreError, sets};
use crate::model::{
    AccountNo, Event, Notification, NotificationKey, Pattern, ResponseFilter, Seq, Status, Timestamp, WebhookNo,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use std::sync::PoisonError;

/// How many places one page may look at before it ends short: a few milliseconds' worth.
const MAX_STEPS: usize = 600;

/// Which end of a list comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first: a feed, whose cursor never ends.
    Oldest,
}

/// A place in the order of commit: an event and, among what it is owed to, a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) seq: u64,
    pub(super) webhook: u32,
}

impl Place {
    fn after(self, order: Order) -> Option<Self> {
        match (order, self.webhook) {
            (Order::Newest, 0) => self.seq.checked_sub(1).map(|seq| Self { seq, webhook: u32::MAX }),
            (Order::Newest, webhook) => Some(Self { seq: self.seq, webhook: webhook - 1 }),
            (Order::Oldest, u32::MAX) => Some(Self { seq: self.seq + 1, webhook: 0 }),
            (Order::Oldest, webhook) => Some(Self { seq: self.seq, webhook: webhook + 1 }),
        }
    }
}

/// Where the next page starts: a place in the order of commit, good for ever. Callers keep it with the list that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(Place);

impl Cursor {
    const VERSION: u8 = 1;

    /// Reads what [`Cursor`] prints; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 13] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (seq, webhook) = (keys::u64_at(&bytes, 1)?, keys::u32_at(&bytes, 9)?);
        (bytes[0] == Self::VERSION && seq <= Seq::END.0).then_some(Self(Place { seq, webhook }))
    }

    /// The cursor for the other direction: where a list in the order `from` goes on here, one in the opposite order goes on with
    /// what comes just before. `None` at the very end.
    pub fn turned(self, from: Order) -> Option<Self> {
        match from {
            Order::Newest => self.0.after(Order::Oldest).map(Self),
            Order::Oldest => self.0.after(Order::Newest).map(Self),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[Self::VERSION], self.0.seq.to_be_bytes().as_slice(), &self.0.webhook.to_be_bytes()].concat();
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// At most as many as asked for; fewer, even none, does not mean that the list has ended.
    pub items: Vec<T>,
    /// Where to go on; `None` at the end of a list that has one.
    pub next: Option<Cursor>,
}

/// Which events are wanted. All that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
    /// Of these types.
    pub event_type: Option<Pattern>,
    /// With this `external_id`, of their own or of their resource.
    pub external_id: Option<String>,
    /// With this `id` of their resource.
    pub resource_id: Option<String>,
    /// Only those of which a notification is owed, or has failed.
    pub undelivered: bool,
    /// Recorded at or after this.
    pub from: Option<Timestamp>,
    /// Recorded before this.
    pub to: Option<Timestamp>,
    /// Which end first.
    pub order: Order,
    /// Where a page before this one ended.
    pub cursor: Option<Cursor>,
    /// The most items of a page.
    pub limit: usize,
}

/// Which notifications are wanted. All that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct NotificationQuery {
    /// Owed to this webhook, which may have been deleted.
    pub webhook: Option<WebhookNo>,
    /// Of this event.
    pub event: Option<Seq>,
    /// With this status.
    pub status: Option<Status>,
    /// Of events of these types.
    pub event_type: Option<Pattern>,
    /// With this last response.
    pub response: Option<ResponseFilter>,
    /// Of events recorded at or after this.
    pub from: Option<Timestamp>,
    /// Of events recorded before this.
    pub to: Option<Timestamp>,
    /// Which end first.
    pub order: Order,
    /// Where a page before this one ended.
    pub cursor: Option<Cursor>,
    /// The most items of a page.
    pub limit: usize,
}

// ---- ranges and their merge ------------------------------------------------------------------------------------------

/// What follows a range's prefix in its keys.
#[derive(Clone, Copy)]
enum Shape {
    /// Sequence number and webhook.
    SeqAndWebhook,
    /// The sequence number; all of them are of this webhook.
    SeqOf(u32),
    /// The sequence number; every webhook of that event is meant.
    Seq,
}

struct Range {
    prefix: Key,
    shape: Shape,
}

impl Range {
    /// The first place at or after `at`.
    fn seek(&self, tree: &dyn Tree, at: Place, order: Order) -> Result<Option<Place>, StoreError> {
        if keys::is_set(&self.prefix) {
            return self.seek_in_set(tree, at, order);
        }
        let mut bound = self.prefix.clone();
        match (self.shape, order) {
            (Shape::SeqAndWebhook, _) => {
                bound.extend_from_slice(&at.seq.to_be_bytes());
                bound.extend_from_slice(&at.webhook.to_be_bytes());
            }
            (Shape::Seq, _) => bound.extend_from_slice(&at.seq.to_be_bytes()),
            (Shape::SeqOf(webhook), Order::Newest) => {
                let Some(seq) = (if at.webhook >= webhook { Some(at.seq) } else { at.seq.checked_sub(1) }) else {
                    return Ok(None);
                };
                bound.extend_from_slice(&seq.to_be_bytes());
            }
            (Shape::SeqOf(webhook), Order::Oldest) => {
                let seq = if at.webhook <= webhook { at.seq } else { at.seq + 1 };
                bound.extend_from_slice(&seq.to_be_bytes());
            }
        }
        let found = match order {
            Order::Newest => tree.range_rev(&self.prefix, &bound).next(),
            Order::Oldest => tree.range(&bound, Some(&keys::end_of(&self.prefix))).next(),
        };
        let Some((key, _)) = found.transpose()? else {
            return Ok(None);
        };
        let short = StoreError::Damaged { table: "index", what: "has a short key" };
        let Some(seq) = keys::u64_at(&key, self.prefix.len()) else {
            return Err(short);
        };
        let webhook = match self.shape {
            Shape::SeqAndWebhook => keys::u32_at(&key, self.prefix.len() + 8).ok_or(short)?,
            Shape::SeqOf(webhook) => webhook,
            Shape::Seq if seq == at.seq => at.webhook,
            Shape::Seq => match order {
                Order::Newest => u32::MAX,
                Order::Oldest => 0,
            },
        };
        Ok(Some(Place { seq, webhook }))
    }
}

impl Range {
    fn seek_in_set(&self, tree: &dyn Tree, at: Place, order: Order) -> Result<Option<Place>, StoreError> {
        // Whether the place's own event is behind already, for a range of one webhook.
        let passed = |webhook: u32| match order {
            Order::Newest => at.webhook < webhook,
            Order::Oldest => at.webhook > webhook,
        };
        let skip = u64::from(matches!(self.shape, Shape::SeqOf(webhook) if passed(webhook)));
        let found = match order {
            Order::Newest => match at.seq.checked_sub(skip) {
                Some(from) => sets::last_to(tree, &self.prefix, from)?,
                None => None,
            },
            Order::Oldest => sets::first_from(tree, &self.prefix, at.seq.saturating_add(skip))?,
        };
        Ok(found.map(|seq| Place {
            seq,
            webhook: match (self.shape, order) {
                (Shape::SeqOf(webhook), _) => webhook,
                (Shape::Seq | Shape::SeqAndWebhook, _) if seq == at.seq => at.webhook,
                (Shape::Seq | Shape::SeqAndWebhook, Order::Newest) => u32::MAX,
                (Shape::Seq | Shape::SeqAndWebhook, Order::Oldest) => 0,
            },
        }))
    }
}

/// Several ranges as one: whatever any of them holds.
struct Union {
    /// With each range, the place it named last, if it was asked.
    ranges: Vec<(Range, Option<Option<Place>>)>,
}

impl Union {
    /// The last range is asked each time, after the others: what moves into it from one of them (a fresh notification that gets its
    /// record) would else be missed if the last was asked before and the other after.
    fn new(ranges: Vec<Range>) -> Self {
        Self { ranges: ranges.into_iter().map(|range| (range, None)).collect() }
    }

    fn seek(&mut self, tree: &dyn Tree, at: Place, order: Order) -> Result<Option<Place>, StoreError> {
        let mut first: Option<Place> = None;
        let last = self.ranges.len().saturating_sub(1);
        for (nth, (range, named)) in self.ranges.iter_mut().enumerate() {
            let still_ahead = match *named {
                _ if nth == last => false,
                None => false,
                Some(None) => true,
                Some(Some(place)) => match order {
                    Order::Newest => place <= at,
                    Order::Oldest => place >= at,
                },
            };
            if !still_ahead {
                *named = Some(range.seek(tree, at, order)?);
            }
            if let Some(Some(place)) = *named {
                let earlier = match order {
                    Order::Newest => first.is_none_or(|first| place > first),
                    Order::Oldest => first.is_none_or(|first| place < first),
                };
                if earlier {
                    first = Some(place);
                }
            }
        }
        Ok(first)
    }
}

enum Step {
    /// Every filter has this place.
    Hit(Place),
    /// There is no further place.
    End,
    /// The page has looked at enough; this is where to go on.
    Spent(Place),
}

struct Merge {
    unions: Vec<Union>,
    order: Order,
    at: Option<Place>,
    last: Place,
    /// Nothing outside of them is meant.
    spans: Spans,
    steps: usize,
}

impl Merge {
    fn next(&mut self, tree: &dyn Tree) -> Result<Step, StoreError> {
        let Some(mut at) = self.at.and_then(|at| self.spans.enter(at, self.order)) else {
            return Ok(self.end());
        };
        let (mut agreed, mut turn) = (0, 0);
        while agreed < self.unions.len() {
            if self.steps == 0 {
                return Ok(Step::Spent(at));
            }
            self.steps -= 1;
            let Some(place) = self.unions[turn].seek(tree, at, self.order)? else {
                return Ok(self.end());
            };
            // Asked at every step: filters that don't meet would else be followed to the very end of the store.
            let past_last = match self.order {
                Order::Newest => place < self.last,
                Order::Oldest => place > self.last,
            };
            if past_last {
                return Ok(self.end());
            }
            let Some(within) = self.spans.enter(place, self.order) else {
                return Ok(self.end());
            };
            agreed = match () {
                // Nobody has named this one yet.
                () if within != place => 0,
                () if place == at => agreed + 1,
                () => 1,
            };
            at = within;
            turn = (turn + 1) % self.unions.len();
        }
        self.at = at.after(self.order);
        Ok(Step::Hit(at))
    }

    fn end(&mut self) -> Step {
        self.at = None;
        Step::End
    }
}

// ---- notifications ---------------------------------------------------------------------------------------------------

/// A walk over the notifications that a query matches.
pub(super) struct Walk<'s> {
    shared: &'s Shared,
    account: AccountNo,
    merge: Merge,
    /// What no index can say: the state of what was delivered, a 2XX.
    delivered_only: bool,
    confirming: Option<ResponseFilter>,
}

impl<'s> Walk<'s> {
    /// The first and the last place the query can match; `None` when there is none.
    pub(super) fn bounds(
        shared: &Shared,
        account: AccountNo,
        query: &NotificationQuery,
        durable: u64,
    ) -> Result<Option<(Place, Place)>, StoreError> {
        Ok(ends(&shared.spans(account, query.from, query.to, durable)?, query))
    }

    fn new(
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
    pub(super) fn between(
        shared: &'s Shared,
        account: AccountNo,
        query: &NotificationQuery,
        at: Place,
        last: Place,
    ) -> Result<Self, StoreError> {
        let spans = shared.spans(account, query.from, query.to, last.seq)?;
        Self::within(shared, account, query, at, last, spans)
    }

    fn within(
        shared: &'s Shared,
        account: AccountNo,
        query: &NotificationQuery,
        at: Place,
        last: Place,
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
    pub(super) fn page(&mut self, limit: usize) -> Result<(Vec<Notification>, Option<Place>), StoreError> {
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

    /// Like [`Walk::page`], for a background job: it takes no more than `steps`, so that nobody waits behind it, and passes over
    /// records that can't be read instead of meeting them again for ever. With at least as many steps as there are filters it gets on.
    pub(super) fn readable_page(
        &mut self,
        steps: usize,
        limit: usize,
    ) -> Result<(Vec<Notification>, Option<Place>), StoreError> {
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

    fn load(&self, place: Place) -> Result<Option<Notification>, StoreError> {
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

fn ends(spans: &Spans, query: &NotificationQuery) -> Option<(Place, Place)> {
    let (mut low, mut high) = spans.ends()?;
    if let Some(seq) = query.event {
        (low, high) = (low.max(seq.0), high.min(seq.0));
    }
    bounds(low, high, query.order, query.cursor)
}

fn bounds(low: u64, high: u64, order: Order, cursor: Option<Cursor>) -> Option<(Place, Place)> {
    let (low, high) = (Place { seq: low, webhook: 0 }, Place { seq: high, webhook: u32::MAX });
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

fn status_ranges(
    shared: &Shared,
    account: AccountNo,
    status: Status,
    webhook: Option<WebhookNo>,
) -> Result<Vec<Range>, StoreError> {
    let of = |prefix: Key, no: WebhookNo| Range { prefix, shape: Shape::SeqOf(no.0) };
    let retrying = |no| of(keys::in_state_of(account, RETRYING, no), no);
    let fresh = |no| of(keys::fresh_of(account, no), no);
    let waiting = |no| of(keys::in_state_of(account, keys::WAITING, no), no);
    let directory = shared.directory();
    // A deleted webhook is in no directory: what it was owed reads as cancelled while the job is still at it.
    let with_activity = |active: bool| {
        let wanted = move |no: &WebhookNo| webhook.is_none_or(|webhook| webhook == *no);
        let all = directory.of(account).filter(move |webhook| webhook.is_active() == active);
        all.map(|webhook| webhook.no).filter(wanted).collect::<Vec<_>>()
    };
    Ok(match status {
        Status::Pending => {
            // A test goes out even while its webhook is paused, so it is never held.
            let tests = webhooks_in(shared, &keys::in_state(account, keys::PENDING_TEST), webhook)?;
            let tests = tests.into_iter().filter(|range| match range.shape {
                Shape::SeqOf(no) => directory.by_no(WebhookNo(no)).is_some(),
                Shape::SeqAndWebhook | Shape::Seq => true,
            });
            with_activity(true).into_iter().flat_map(|no| [fresh(no), waiting(no)]).chain(tests).collect()
        }
        Status::Retrying => with_activity(true).into_iter().map(retrying).collect(),
        Status::Held => {
            with_activity(false).into_iter().flat_map(|no| [fresh(no), waiting(no), retrying(no)]).collect()
        }
        Status::Failed => webhooks_in(shared, &keys::in_state(account, FAILED), webhook)?,
        Status::Cancelled => webhooks_in(shared, &keys::in_state(account, CANCELLED), webhook)?,
        // Has no index: see `Walk::delivered_only`.
        Status::Delivered => Vec::new(),
    })
}

const RETRYING: u8 = 1;
const FAILED: u8 = 2;
const CANCELLED: u8 = 3;

/// A range for each webhook that has rows below `prefix`, or for the one that is wanted.
fn webhooks_in(shared: &Shared, prefix: &[u8], wanted: Option<WebhookNo>) -> Result<Vec<Range>, StoreError> {
    let range = |no: u32| Range { prefix: [prefix, &no.to_be_bytes()].concat(), shape: Shape::SeqOf(no) };
    if let Some(no) = wanted {
        return Ok(vec![range(no.0)]);
    }
    Ok(sets::webhooks_below(&*shared.tree, prefix)?.into_iter().map(|no| range(no.0)).collect())
}

fn response_ranges(
    shared: &Shared,
    account: AccountNo,
    filter: ResponseFilter,
    webhook: Option<WebhookNo>,
) -> Result<Vec<Range>, StoreError> {
    let class = match filter {
        ResponseFilter::NoResponse => return webhooks_in(shared, &keys::with_response(account, 0), webhook),
        ResponseFilter::Status(status) => return webhooks_in(shared, &keys::with_response(account, status), webhook),
        ResponseFilter::Class(class) => class,
    };
    let mut ranges = Vec::new();
    let prefix_len = keys::responses(account).len();
    let mut from = keys::with_response(account, class * 100);
    let end = keys::with_response(account, (class + 1) * 100);
    while let Some(key) = shared.tree.range(&from, Some(&end)).keys().next().transpose()? {
        let Some(status) = keys::u16_at(&key, prefix_len) else {
            return Err(StoreError::Damaged { table: "index", what: "has a short key" });
        };
        ranges.extend(webhooks_in(shared, &keys::with_response(account, status), webhook)?);
        from = keys::with_response(account, status + 1);
    }
    Ok(ranges)
}

fn type_ranges(shared: &Shared, account: AccountNo, pattern: &Pattern) -> Vec<Range> {
    let range = |no: u32| Range { prefix: keys::events_of_type(account, no), shape: Shape::Seq };
    let types = shared.types.read().unwrap_or_else(PoisonError::into_inner);
    let Some(known) = types.get(&account) else {
        return Vec::new();
    };
    match pattern {
        Pattern::Exactly(event_type) => known.get(event_type.as_str()).map(|no| range(*no)).into_iter().collect(),
        Pattern::Everything => vec![Range { prefix: keys::events(account), shape: Shape::Seq }],
        Pattern::Category(category) => {
            let dotted = format!("{category}.");
            let within = known.range(dotted.clone()..).take_while(|(name, _)| name.starts_with(&dotted));
            within.map(|(_, no)| range(*no)).collect()
        }
    }
}

impl Store {
    /// A page of notifications, each with its event. Blocks on the disk.
    pub fn notifications(
        &self,
        account: AccountNo,
        query: &NotificationQuery,
    ) -> Result<Page<(Notification, Event)>, StoreError> {
        let durable = self.durable().0;
        let Some(mut walk) = Walk::new(&self.shared, account, query, durable)? else {
            return Ok(Page::ended(query.order, query.cursor, durable));
        };
        let (found, next) = walk.page(query.limit)?;
        let mut items = Vec::with_capacity(found.len());
        for notification in found {
            let event = self.shared.event_head(account, notification.key.seq)?;
            items.extend(event.map(|event| (notification, event)));
        }
        Ok(Page { items, next: next.map(Cursor).or_else(|| end_of_feed(query.order, durable)) })
    }

    /// How many notifications a query matches. Blocks on the disk, for as long as it takes to walk them all.
    pub fn count_notifications(&self, account: AccountNo, query: &NotificationQuery) -> Result<u64, StoreError> {
        self.count_at_most(account, query, u64::MAX)
    }

    /// The same, but it looks no further than `most` of them.
    pub fn count_at_most(&self, account: AccountNo, query: &NotificationQuery, most: u64) -> Result<u64, StoreError> {
        let Some(mut walk) = Walk::new(&self.shared, account, query, self.durable().0)? else {
            return Ok(0);
        };
        walk.merge.steps = usize::MAX;
        let mut count = 0;
        let unindexed = walk.delivered_only || walk.confirming.is_some() || walk.merge.spans.are_wider();
        while count < most {
            match walk.merge.next(&*self.shared.tree)? {
                Step::Hit(place) => count += u64::from(!unindexed || walk.load(place)?.is_some()),
                Step::End | Step::Spent(_) => break,
            }
        }
        Ok(count)
    }

    /// A page of events. Blocks on the disk.
    pub fn events(&self, account: AccountNo, query: &EventQuery) -> Result<Page<Event>, StoreError> {
        // First of all: a type that is new since then has no range here, and its events none below this mark.
        let durable = self.durable().0;
        let shared = &*self.shared;
        let mut unions = Vec::new();
        let range = |prefix: Key| Range { prefix, shape: Shape::Seq };
        for (kind, value) in [(Reference::ExternalId, &query.external_id), (Reference::ResourceId, &query.resource_id)]
        {
            if let Some(value) = value {
                // A value too long to have a row is a value nothing has.
                unions.push(Union::new(keys::events_with(account, kind, value).map(range).into_iter().collect()));
            }
        }
        if query.undelivered {
            let mut ranges = Vec::new();
            for status in [Status::Failed, Status::Pending, Status::Held, Status::Retrying] {
                ranges.extend(status_ranges(shared, account, status, None)?);
            }
            unions.push(Union::new(ranges));
        }
        match &query.event_type {
            Some(pattern) => unions.push(Union::new(type_ranges(shared, account, pattern))),
            None if unions.is_empty() => unions.push(Union::new(vec![range(keys::events(account))])),
            None => {}
        }
        let spans = shared.spans(account, query.from, query.to, durable)?;
        let ends = spans.ends().and_then(|(low, high)| bounds(low, high, query.order, query.cursor));
        let Some((at, last)) = ends else {
            return Ok(Page::ended(query.order, query.cursor, durable));
        };
        let mut merge = Merge { unions, order: query.order, at: Some(at), last, spans, steps: MAX_STEPS };
        let mut items = Vec::new();
        while items.len() < query.limit {
            match merge.next(&*shared.tree)? {
                Step::End => return Ok(Page { items, next: end_of_feed(query.order, durable) }),
                Step::Spent(at) => return Ok(Page { items, next: Some(Cursor(at)) }),
                Step::Hit(place) => {
                    let event = shared.event_head(account, Seq(place.seq))?;
                    items.extend(event.filter(|event| merge.spans.mean(event.inserted_at)));
                    // An event is one place, whatever webhooks it was owed to.
                    let webhook = match query.order {
                        Order::Newest => 0,
                        Order::Oldest => u32::MAX,
                    };
                    merge.at = Place { seq: place.seq, webhook }.after(query.order);
                }
            }
        }
        Ok(Page { items, next: merge.at.map(Cursor) })
    }
}

/// Where a feed goes on once it has read all there is: behind what was durable when its page was begun. What has become
/// durable since then, the page hasn't looked at.
fn end_of_feed(order: Order, durable: u64) -> Option<Cursor> {
    match order {
        Order::Newest => None,
        Order::Oldest => Some(Cursor(Place { seq: durable + 1, webhook: 0 })),
    }
}

impl<T> Page<T> {
    /// A page of a list that is short enough to be held in memory, each item with the place that orders it.
    pub fn cut(mut items: Vec<((u64, u32), T)>, order: Order, cursor: Option<Cursor>, limit: usize) -> Self {
        let place = |(seq, webhook): (u64, u32)| Place { seq, webhook };
        items.sort_by_key(|(at, _)| *at);
        if order == Order::Newest {
            items.reverse();
        }
        let before = |at: Place| {
            cursor.is_some_and(|Cursor(from)| match order {
                Order::Newest => at > from,
                Order::Oldest => at < from,
            })
        };
        let mut rest = items.into_iter().skip_while(|(at, _)| before(place(*at))).peekable();
        let items = rest.by_ref().take(limit).map(|(_, item)| item).collect();
        let next = rest.peek().map(|(at, _)| Cursor(place(*at)));
        Self { items, next }
    }

    /// The page behind the end of a list.
    fn ended(order: Order, cursor: Option<Cursor>, durable: u64) -> Self {
        let next = cursor.filter(|_| order == Order::Oldest).or_else(|| end_of_feed(order, durable));
        Self { items: Vec::new(), next }
    }
}
