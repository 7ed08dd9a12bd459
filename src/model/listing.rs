//! Which part of a list is wanted, and the page that answers it.

use super::Seq;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;

/// Which end of a list comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first: a feed, whose cursor never ends.
    Oldest,
}

/// A position in the order of commit: an event and, among the webhooks notified of it, one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) seq: u64,
    pub(crate) webhook: u32,
}

impl Position {
    pub(crate) fn after(self, order: Order) -> Option<Self> {
        match (order, self.webhook) {
            (Order::Newest, 0) => self.seq.checked_sub(1).map(|seq| Self { seq, webhook: u32::MAX }),
            (Order::Newest, webhook) => Some(Self { seq: self.seq, webhook: webhook - 1 }),
            (Order::Oldest, u32::MAX) => Some(Self { seq: self.seq + 1, webhook: 0 }),
            (Order::Oldest, webhook) => Some(Self { seq: self.seq, webhook: webhook + 1 }),
        }
    }
}

/// Where the next page starts: a position in the order of commit, good for ever. Callers keep it with the list that it
/// is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub(crate) Position);

impl Cursor {
    const VERSION: u8 = 1;

    /// Reads what [`Cursor`] prints; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 13] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let seq = u64::from_be_bytes(*bytes[1..].first_chunk()?);
        let webhook = u32::from_be_bytes(*bytes[9..].first_chunk()?);
        (bytes[0] == Self::VERSION && seq <= Seq::END.0).then_some(Self(Position { seq, webhook }))
    }

    /// The cursor for the other direction: where a list in the order `from` goes on here, one in the opposite order
    /// goes on with what comes just before. `None` at the very end.
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

/// Which part of a list is wanted. By default the newest items; the limit must be set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Which end first.
    pub order: Order,
    /// Where a page before this one ended.
    pub cursor: Option<Cursor>,
    /// The most items of a page.
    pub limit: usize,
}

impl Listing {
    /// The newest items, this many.
    pub const fn newest(limit: usize) -> Self {
        Self { order: Order::Newest, cursor: None, limit }
    }

    /// The oldest items, this many.
    pub const fn oldest(limit: usize) -> Self {
        Self { order: Order::Oldest, cursor: None, limit }
    }

    /// The part of a list that begins at this cursor.
    #[must_use]
    pub const fn at(self, cursor: Option<Cursor>) -> Self {
        Self { cursor, ..self }
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

impl<T> Page<T> {
    /// A page of a list that is short enough to be held in memory, each item with the position that orders it.
    pub fn cut(mut items: Vec<((u64, u32), T)>, listing: Listing) -> Self {
        let position = |(seq, webhook): (u64, u32)| Position { seq, webhook };
        items.sort_by_key(|(at, _)| *at);
        if listing.order == Order::Newest {
            items.reverse();
        }
        let before = |at: Position| {
            listing.cursor.is_some_and(|Cursor(from)| match listing.order {
                Order::Newest => at > from,
                Order::Oldest => at < from,
            })
        };
        let mut rest = items.into_iter().skip_while(|(at, _)| before(position(*at))).peekable();
        let items = rest.by_ref().take(listing.limit).map(|(_, item)| item).collect();
        let next = rest.peek().map(|(at, _)| Cursor(position(*at)));
        Self { items, next }
    }
}
