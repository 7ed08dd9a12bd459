//! The channels by which alerts reach people: how each does, and a test message.

use super::caller::Caller;
use super::error::Error;
use super::shared::Service;
use crate::alerts::channels::{ChannelError, ChannelState, Retry};
use crate::alerts::message::{Kind, Link, Message, MessageKey, Severity, Title};
use crate::model::{AlertChannel, Localized, Recipient, localized};
use std::time::Duration;
use tokio::task::JoinSet;

/// How long a test of one channel may take. The command waits half a minute for all of them, which are tested at once.
const TEST_PATIENCE: Duration = Duration::from_secs(25);

/// Whose channel it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChannelOwner {
    /// Who runs the daemon: `[alerts]`.
    Operator,
    /// The caller's account: `[account.alerts]`.
    Account,
}

impl ChannelOwner {
    /// As the API names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Account => "account",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Operator, Self::Account].into_iter().find(|owner| owner.as_str() == word)
    }

    fn recipient(self, caller: &Caller) -> Recipient {
        match self {
            Self::Operator => Recipient::Operator,
            Self::Account => Recipient::Account(caller.account),
        }
    }
}

/// A channel that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelView {
    /// Which it is.
    pub channel: AlertChannel,
    /// Whose it is.
    pub owner: ChannelOwner,
    /// How it does since the start.
    pub state: ChannelState,
}

/// What became of a test message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelTest {
    /// By which channel it was sent.
    pub channel: AlertChannel,
    /// Whose that is.
    pub owner: ChannelOwner,
    /// Why it was not sent; `None` where it was.
    pub error: Option<Localized>,
    /// Which of the receivers didn't get it although it was sent, and why; `None` where all did.
    pub left_out: Option<Localized>,
}

impl Service {
    /// The channels of the caller's account, and for an admin of the config's first account the operator's before them.
    pub fn alert_channels(&self, caller: &Caller) -> Vec<ChannelView> {
        let views = |owner: ChannelOwner| {
            let who = owner.recipient(caller);
            let channels = self.channels.names(who).into_iter();
            channels.map(move |channel| ChannelView { channel, owner, state: self.channels.state(who, channel) })
        };
        self.owners(caller).iter().flat_map(|owner| views(*owner)).collect()
    }

    /// Sends a test message by each of [`Service::alert_channels`] at once, or by those of one name or owner alone. One
    /// that is named and not set is an error.
    pub async fn test_alert_channels(
        &self,
        caller: &Caller,
        channel: Option<AlertChannel>,
        owner: Option<ChannelOwner>,
    ) -> Result<Vec<ChannelTest>, Error> {
        let mut wanted = self.alert_channels(caller);
        wanted.retain(|view| {
            channel.is_none_or(|channel| channel == view.channel) && owner.is_none_or(|owner| owner == view.owner)
        });
        if let (Some(channel), true) = (channel, wanted.is_empty()) {
            let name = channel.as_str();
            let problem = localized!(
                "is not set in the config: write [alerts.{name}], and reload the daemon",
                "não está na configuração: escreva [alerts.{name}] e recarregue o daemon"
            );
            return Err(Error::invalid("channel", problem));
        }
        let mut tests = JoinSet::new();
        for ChannelView { channel, owner, .. } in wanted {
            let (channels, who, message) = (self.channels.clone(), owner.recipient(caller), self.test_message(channel));
            tests.spawn(async move {
                let sent = tokio::time::timeout(TEST_PATIENCE, channels.send(who, channel, &message)).await;
                let seconds = TEST_PATIENCE.as_secs();
                let sent = sent.unwrap_or_else(|_| {
                    let sentence = localized!(
                        "No end of it within {seconds} s; the channel may be slow, or its server busy.",
                        "Não terminou em {seconds} s; o canal pode estar lento, ou o servidor dele, ocupado."
                    );
                    Err(ChannelError { sentence, retry: Retry::Yes })
                });
                let (left_out, error) = match sent {
                    Ok(sent) => (sent.left_out, None),
                    Err(error) => (None, Some(error.sentence)),
                };
                ChannelTest { channel, owner, error, left_out }
            });
        }
        let mut ended = tests.join_all().await;
        ended.sort_by_key(|test| (test.owner, test.channel));
        Ok(ended)
    }

    /// The tries to send an alert, for the metrics.
    pub fn alert_sends(&self) -> &crate::stats::AlertMetrics {
        self.channels.metrics()
    }

    fn owners(&self, caller: &Caller) -> &'static [ChannelOwner] {
        let is_operator = self.is_operators(caller) && caller.scopes.allows(crate::model::Scope::Admin);
        if is_operator { &[ChannelOwner::Operator, ChannelOwner::Account] } else { &[ChannelOwner::Account] }
    }

    fn test_message(&self, channel: AlertChannel) -> Message {
        let config = self.config();
        let (language, name) = (config.alerts.language, channel.title());
        let random = u64::from_be_bytes(crate::random::bytes());
        let text = localized!(
            "This is a test of the channel {name}. Alerts of carteiro will arrive here: when a webhook is failing, \
             when notifications have failed, or when the disk is almost full.",
            "Este é um teste do canal {name}. Os avisos do carteiro chegarão aqui: quando um webhook estiver com \
             falhas, quando notificações falharem ou quando o disco estiver quase cheio."
        );
        let page = config.panel.url.as_ref().map(|url| Link {
            label: language.pick("Alerts in the panel", "Avisos no painel").to_owned(),
            url: format!("{}/alerts", url.as_str()),
        });
        Message {
            key: MessageKey::parse(&format!("test:{random:016x}")).expect("lower-case hexadecimal makes a key"),
            kind: Kind::Test,
            severity: Severity::Info,
            language,
            at: self.clock.now(),
            title: Title::new(language.pick("Test of alerts by carteiro", "Teste dos avisos do carteiro")),
            paragraphs: vec![language.of(&text).to_owned()],
            links: page.into_iter().collect(),
            conditions: Vec::new(),
            conditions_left_out: 0,
        }
    }
}
