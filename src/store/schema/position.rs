//! Positions in the order of commit, the cursors made of them, and the two directions of a list.

use crate::model::Seq;
use crate::store::schema::keys;
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

/// A place in the order of commit: an event and, among what it is owed to, a webhook.
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

/// Where the next page starts: a place in the order of commit, good for ever. Callers keep it with the list that it is
/// of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub(crate) Position);

impl Cursor {
    const VERSION: u8 = 1;

    /// Reads what [`Cursor`] prints; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 13] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (seq, webhook) = (keys::u64_at(&bytes, 1)?, keys::u32_at(&bytes, 9)?);
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
