//! The ways by which messages reach people: each gives a message its form, sends it once, and says whether another try
//! makes sense. When a message is sent, and how often it is tried, is not known here.
//!
//! What the operator wrote into the config is reached wherever it is: the egress guard is for what users choose.

mod discord;
mod email;
mod error;
mod files;
mod http;
mod ntfy;
mod redact;
mod slack;
mod smtp;
mod telegram;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod webhook;

pub use error::{ChannelError, Retry, Sent};
pub use files::BadFile;

use super::message::Message;
use crate::clock::Clock;
use crate::config::{AlertChannels, Config};
use crate::delivery::transport::client::Client;
use crate::delivery::transport::settings::ClientSettings;
use crate::model::{AccountNo, AlertChannel, Localized, Recipient, Timestamp, localized};
use crate::stats::AlertMetrics;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// How a channel does since the daemon was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelState {
    /// When a message was last sent.
    pub sent_at: Option<Timestamp>,
    /// Which of the receivers didn't get the message that was last sent, and why; `None` where all did.
    pub left_out: Option<Localized>,
    /// When a try last failed, and why; kept when a later one goes well.
    pub failed: Option<(Timestamp, Localized)>,
    /// Whether the last try failed.
    pub is_failing: bool,
}

/// A channel with its secrets.
#[derive(Debug)]
enum Sender {
    Email(email::Email),
    Telegram(telegram::Telegram),
    Ntfy(ntfy::Ntfy),
    Slack(slack::Slack),
    Discord(discord::Discord),
    Webhook(webhook::Webhook),
}

impl Sender {
    /// Reads the files that the config names; `None` for a channel that is not set.
    fn read(channel: AlertChannel, config: &AlertChannels) -> Result<Option<Self>, BadFile> {
        Ok(match channel {
            AlertChannel::Email => email::Email::of(&config.email)?.map(Self::Email),
            AlertChannel::Telegram => telegram::Telegram::of(&config.telegram)?.map(Self::Telegram),
            AlertChannel::Ntfy => ntfy::Ntfy::of(&config.ntfy)?.map(Self::Ntfy),
            AlertChannel::Slack => slack::Slack::of(&config.slack)?.map(Self::Slack),
            AlertChannel::Discord => discord::Discord::of(&config.discord)?.map(Self::Discord),
            AlertChannel::Webhook => webhook::Webhook::of(&config.webhook)?.map(Self::Webhook),
        })
    }

    async fn send(&self, client: &Client, message: &Message, now: Timestamp) -> Result<Sent, ChannelError> {
        let sent = match self {
            Self::Email(email) => return email.send(client, message).await,
            Self::Telegram(telegram) => telegram.send(client, message).await,
            Self::Ntfy(ntfy) => ntfy.send(client, message).await,
            Self::Slack(slack) => slack.send(client, message).await,
            Self::Discord(discord) => discord.send(client, message).await,
            Self::Webhook(webhook) => webhook.send(client, message, now).await,
        };
        // Each of them reaches one receiver.
        sent.map(|()| Sent::default())
    }
}

/// The key of the file that a channel reads; there is one each.
const fn file_key(channel: AlertChannel) -> &'static str {
    match channel {
        AlertChannel::Email => "email.password_file",
        AlertChannel::Telegram => "telegram.token_file",
        AlertChannel::Ntfy => "ntfy.token_file",
        AlertChannel::Slack => "slack.url_file",
        AlertChannel::Discord => "discord.url_file",
        AlertChannel::Webhook => "webhook.secret_file",
    }
}

/// The channels of one recipient: those that are set.
type ChannelSet = BTreeMap<AlertChannel, Sender>;

/// The channels of a config, with their secrets: what its files hold.
#[derive(Debug, Default)]
pub struct ReadChannels {
    operator: ChannelSet,
    /// In the order of the config's accounts.
    accounts: Vec<ChannelSet>,
}

impl ReadChannels {
    /// Reads the files that a config names; the error is every one that is of no use.
    pub fn of(config: &Config) -> Result<Self, Vec<BadFile>> {
        let mut bad = Vec::new();
        let mut read = |config: &AlertChannels, home: &str| {
            let mut set = ChannelSet::new();
            for channel in AlertChannel::ALL {
                match Sender::read(channel, config) {
                    Ok(sender) => set.extend(sender.map(|sender| (channel, sender))),
                    Err(error) => bad.push(BadFile { key: format!("{home}.{}", file_key(channel)), ..error }),
                }
            }
            set
        };
        let operator = read(&config.alert_channels, "alerts");
        let accounts = config.account.iter().enumerate();
        let accounts = accounts.map(|(nth, account)| read(&account.alert_channels, &format!("account[{nth}].alerts")));
        let accounts = accounts.collect();
        if bad.is_empty() { Ok(Self { operator, accounts }) } else { Err(bad) }
    }

    /// The operator's channels.
    pub fn of_operator(&self) -> impl Iterator<Item = AlertChannel> {
        self.operator.keys().copied()
    }
}

/// The channels, shared by all that send.
pub struct Channels {
    client: Client,
    clock: Clock,
    /// The accounts of the config, in its order.
    accounts: Vec<AccountNo>,
    /// Replaced on reload.
    sets: RwLock<Arc<ReadChannels>>,
    states: Mutex<BTreeMap<(Recipient, AlertChannel), ChannelState>>,
    metrics: AlertMetrics,
}

impl Channels {
    /// Channels that connect as notifications do, with the same limits of time. `accounts` are those of the config, in
    /// its order.
    pub fn new(read: ReadChannels, accounts: Vec<AccountNo>, settings: ClientSettings, clock: Clock) -> Self {
        Self {
            client: Client::new(settings.of_the_operator(), clock.clone()),
            clock,
            accounts,
            sets: RwLock::new(Arc::new(read)),
            states: Mutex::default(),
            metrics: AlertMetrics::default(),
        }
    }

    /// No channel at all.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn without_any() -> Arc<Self> {
        let settings = ClientSettings::allowing(&[], std::time::Duration::from_secs(1));
        Arc::new(Self::new(ReadChannels::default(), Vec::new(), settings, Clock::System))
    }

    /// Takes up what a reload changed; the accounts stay as they were at the start. What is under way ends as it began.
    pub fn replace(&self, read: ReadChannels, settings: ClientSettings) {
        self.client.replace(settings.of_the_operator());
        let read = Arc::new(read);
        *self.sets.write().unwrap_or_else(PoisonError::into_inner) = read.clone();
        // Of a channel that was taken out nothing is shown any more.
        self.states().retain(|(who, channel), _| self.set(&read, *who).is_some_and(|set| set.contains_key(channel)));
    }

    /// What reaches any address that the config names.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// All who may have channels.
    pub fn recipients(&self) -> impl Iterator<Item = Recipient> {
        [Recipient::Operator].into_iter().chain(self.accounts.iter().map(|no| Recipient::Account(*no)))
    }

    /// Which channels a recipient has.
    pub fn names(&self, who: Recipient) -> Vec<AlertChannel> {
        self.set(&self.sets(), who).map(|set| set.keys().copied().collect()).unwrap_or_default()
    }

    /// How a channel does since the start.
    pub fn state(&self, who: Recipient, channel: AlertChannel) -> ChannelState {
        self.states().get(&(who, channel)).cloned().unwrap_or_default()
    }

    /// The tries since the start.
    pub fn metrics(&self) -> &AlertMetrics {
        &self.metrics
    }

    /// Sends one message by one channel, once. A channel that the recipient doesn't have, which a reload may have taken
    /// out, is an error without a retry. It is sent if one receiver at least was taken.
    pub async fn send(&self, who: Recipient, channel: AlertChannel, message: &Message) -> Result<Sent, ChannelError> {
        let sets = self.sets();
        let Some(sender) = self.set(&sets, who).and_then(|set| set.get(&channel)) else {
            let name = channel.as_str();
            let gone =
                localized!("`alerts.{name}` is not set in the config.", "`alerts.{name}` não está na configuração.");
            return Err(ChannelError::new(gone, Retry::No));
        };
        let sent = sender.send(&self.client, message, self.clock.now()).await;
        let sent = sent.map_err(|error| error.of_message(message.kind));
        self.metrics.sent(channel, sent.is_ok());
        self.note(who, channel, message, sent.as_ref());
        sent
    }

    /// Keeps how a try went, and logs when a channel begins to fail or to leave receivers out, does so for another
    /// reason, and is well again.
    fn note(&self, who: Recipient, channel: AlertChannel, message: &Message, sent: Result<&Sent, &ChannelError>) {
        let mut states = self.states();
        let state = states.entry((who, channel)).or_default();
        let now = self.clock.now();
        let account = who.account();
        let (channel, key) = (channel.as_str(), message.key.as_str());
        match sent {
            Ok(Sent { left_out }) => {
                if state.is_failing {
                    tracing::info!(channel, account, key, "the alert channel is well again: a message was sent");
                }
                if let Some(Localized { en, .. }) = left_out.as_ref().filter(|_| state.left_out != *left_out) {
                    tracing::warn!(channel, account, key, error = en, "an alert did not reach every receiver");
                }
                state.sent_at = Some(now);
                state.left_out.clone_from(left_out);
                state.is_failing = false;
            }
            Err(ChannelError { sentence, .. }) => {
                let same = state.is_failing && state.failed.as_ref().is_some_and(|(_, before)| before == sentence);
                if !same {
                    tracing::warn!(channel, account, key, error = sentence.en, "an alert could not be sent");
                }
                state.failed = Some((now, sentence.clone()));
                state.is_failing = true;
            }
        }
    }

    fn sets(&self) -> Arc<ReadChannels> {
        self.sets.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set<'a>(&self, sets: &'a ReadChannels, who: Recipient) -> Option<&'a ChannelSet> {
        match who {
            Recipient::Operator => Some(&sets.operator),
            Recipient::Account(no) => sets.accounts.get(self.accounts.iter().position(|other| *other == no)?),
        }
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<(Recipient, AlertChannel), ChannelState>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
