//! The ways by which alerts reach people.

use super::words::words;

words! {
    /// A way by which alerts reach people.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum AlertChannel {
        /// E-mail, by SMTP.
        Email = "email",
        /// A bot of Telegram.
        Telegram = "telegram",
        /// A topic of ntfy.
        Ntfy = "ntfy",
        /// An incoming webhook of Slack.
        Slack = "slack",
        /// A webhook of Discord.
        Discord = "discord",
        /// JSON to a program.
        Webhook = "webhook",
    }
}

impl AlertChannel {
    /// As people know it; a brand's name, or the same word in both languages.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Email => "E-mail",
            Self::Telegram => "Telegram",
            Self::Ntfy => "ntfy",
            Self::Slack => "Slack",
            Self::Discord => "Discord",
            Self::Webhook => "Webhook",
        }
    }
}
