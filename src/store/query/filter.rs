//! What a list can be asked for, and a page of it.

use crate::model::{Pattern, ResponseFilter, Seq, Status, Timestamp, WebhookNo};
use crate::store::schema::position::{Cursor, Order, Position};

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

/// Where a feed goes on once it has read all there is: behind what was durable when its page was begun. What has become
/// durable since then, the page hasn't looked at.
pub(crate) fn end_of_feed(order: Order, durable: u64) -> Option<Cursor> {
    match order {
        Order::Newest => None,
        Order::Oldest => Some(Cursor(Position { seq: durable + 1, webhook: 0 })),
    }
}

impl<T> Page<T> {
    /// A page of a list that is short enough to be held in memory, each item with the place that orders it.
    pub fn cut(mut items: Vec<((u64, u32), T)>, order: Order, cursor: Option<Cursor>, limit: usize) -> Self {
        let place = |(seq, webhook): (u64, u32)| Position { seq, webhook };
        items.sort_by_key(|(at, _)| *at);
        if order == Order::Newest {
            items.reverse();
        }
        let before = |at: Position| {
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
    pub(crate) fn ended(order: Order, cursor: Option<Cursor>, durable: u64) -> Self {
        let next = cursor.filter(|_| order == Order::Oldest).or_else(|| end_of_feed(order, durable));
        Self { items: Vec::new(), next }
    }
}
