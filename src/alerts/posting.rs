//! The channels of the config, as the task that tells uses them.

use crate::alerts::channels::{Channels, Retry};
use crate::alerts::engine::{NotSent, Post, Sending};
use crate::alerts::message::Message;
use crate::model::{AccountNo, AlertChannel, Recipient};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Sends by the channels of the operator and of these accounts.
pub struct ChannelPost {
    channels: Arc<Channels>,
    accounts: Vec<AccountNo>,
}

impl ChannelPost {
    /// Of the channels, and the accounts of the config.
    pub fn new(channels: Arc<Channels>, accounts: Vec<AccountNo>) -> Self {
        Self { channels, accounts }
    }
}

impl Post for ChannelPost {
    fn channels(&self) -> BTreeMap<Recipient, Vec<String>> {
        let accounts = self.accounts.iter().map(|no| Recipient::Account(*no));
        let all = [Recipient::Operator].into_iter().chain(accounts);
        let named = all.map(|recipient| {
            let names = self.channels.names(recipient).into_iter();
            (recipient, names.map(|channel| channel.as_str().to_owned()).collect::<Vec<String>>())
        });
        named.filter(|(_, names)| !names.is_empty()).collect()
    }

    fn send(&self, to: Recipient, channel: String, message: Message) -> Sending {
        let channels = self.channels.clone();
        Box::pin(async move {
            let Some(channel) = AlertChannel::parse(&channel) else {
                return Err(NotSent { retry: None });
            };
            // Whoever was left out is not sent it again: the others would get it twice.
            let sent = channels.send(to, channel, &message).await;
            sent.map(drop).map_err(|error| NotSent {
                retry: match error.retry {
                    Retry::Yes => Some(Duration::ZERO),
                    Retry::After(span) => Some(span),
                    Retry::No => None,
                },
            })
        })
    }
}
