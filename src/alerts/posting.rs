//! The channels of the config, as the task that tells uses them.

use crate::alerts::channels::{Channels, Retry};
use crate::alerts::engine::{NotSent, Post, Sending};
use crate::alerts::message::Message;
use crate::gather::Gather as _;
use crate::model::{AlertChannel, Recipient};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Sends by the channels of the operator and of the accounts.
pub struct ChannelPost(Arc<Channels>);

impl ChannelPost {
    /// Of the channels.
    pub fn new(channels: Arc<Channels>) -> Self {
        Self(channels)
    }
}

impl Post for ChannelPost {
    fn channels(&self) -> BTreeMap<Recipient, Vec<String>> {
        let named = self.0.recipients().map(|recipient| {
            let names = self.0.names(recipient).into_iter();
            (recipient, names.map(|channel| channel.as_str().to_owned()).collect::<Vec<String>>())
        });
        named.filter(|(_, names)| !names.is_empty()).gather()
    }

    fn send(&self, to: Recipient, channel: String, message: Message) -> Sending {
        let channels = self.0.clone();
        Box::pin(async move {
            let Some(channel) = AlertChannel::parse(&channel) else {
                return Err(NotSent::Refused);
            };
            // Receivers that were left out don't get it again: the others would get it twice.
            let sent = channels.send(to, channel, &message).await;
            sent.map(drop).map_err(|error| match error.retry {
                Retry::Yes => NotSent::Later(Duration::ZERO),
                Retry::After(span) => NotSent::Later(span),
                Retry::No => NotSent::Refused,
            })
        })
    }
}
