//! What the task asks of the channels.

use crate::alerts::core::sending::Delivery;
use crate::alerts::message::Message;
use crate::model::Recipient;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// Why a channel has not taken a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// It may take it later, not before this.
    Later(Duration),
    /// It takes nothing like it before somebody has changed something.
    Refused,
    /// Sending it panicked.
    Panicked,
    /// Its text can't be read from the store.
    Unreadable,
}

impl NotSent {
    pub(super) const fn delivery(self) -> Delivery {
        match self {
            Self::Later(after) => Delivery::Later(after),
            // A panic may be this message's own fault: others aren't held up.
            Self::Refused | Self::Panicked => Delivery::Refused,
            Self::Unreadable => Delivery::Lost,
        }
    }

    /// What the log says where the message is given up.
    pub(super) const fn why(self) -> &'static str {
        match self {
            Self::Later(_) | Self::Refused => "the channel has not taken it",
            Self::Panicked => "sending it panicked each time",
            Self::Unreadable => "its text can't be read from the store",
        }
    }
}

/// A message that is being sent.
pub type Sending = Pin<Box<dyn Future<Output = Result<(), NotSent>> + Send>>;

/// What sends messages.
pub trait Post: Send + Sync + 'static {
    /// The names of the channels of each recipient that has any.
    fn channels(&self) -> BTreeMap<Recipient, Vec<String>>;

    /// Tries once to send a message to a recipient by one of its channels.
    fn send(&self, to: Recipient, channel: String, message: Message) -> Sending;
}

/// A sending that fails where it would panic, to be tried again as after any failure: one message that a channel can't
/// cope with neither ends the task nor holds up the others.
pub(super) fn guarded(mut sending: Sending) -> Sending {
    Box::pin(std::future::poll_fn(move |context| {
        // What is half done is dropped with the future, which isn't polled again.
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| sending.as_mut().poll(context)));
        polled.unwrap_or(Poll::Ready(Err(NotSent::Panicked)))
    }))
}
