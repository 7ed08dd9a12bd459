//! The audit: who changed what, kept as one row for each change that somebody asked for.
//!
//! A row has no payload, no answer of a target, and no secret: of secrets, header values and the queries of addresses
//! it says that they were changed.

use super::words::words;
use super::{AccountNo, ErasureId, EventId, JobId, NotificationId, Timestamp, TokenId, WebhookId};
use std::fmt;
use std::net::IpAddr;

words! {
    /// What was done. A new verb gets one of its own.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum AuditAction {
        /// A webhook was registered.
        WebhookRegistered = "WEBHOOK_REGISTERED",
        /// Fields of a webhook were changed, its status among them.
        WebhookChanged = "WEBHOOK_CHANGED",
        /// A webhook was deleted.
        WebhookDeleted = "WEBHOOK_DELETED",
        /// Carteiro itself has disabled a webhook.
        WebhookDisabled = "WEBHOOK_DISABLED",
        /// A webhook was sent a test.
        WebhookTested = "WEBHOOK_TESTED",
        /// A webhook was given a new signing secret.
        SecretRotated = "SECRET_ROTATED",
        /// A webhook was given a new pair of signing keys.
        KeyRotated = "KEY_ROTATED",
        /// One event was sent again to the webhooks that match it.
        EventResent = "EVENT_RESENT",
        /// One notification was sent again.
        NotificationResent = "NOTIFICATION_RESENT",
        /// A bulk resend was started.
        BulkResendStarted = "BULK_RESEND_STARTED",
        /// A bulk resend was cancelled.
        BulkResendCancelled = "BULK_RESEND_CANCELLED",
        /// A backfill of a webhook was started.
        BackfillStarted = "BACKFILL_STARTED",
        /// A backfill was cancelled.
        BackfillCancelled = "BACKFILL_CANCELLED",
        /// The payload of an event was erased.
        EventErased = "EVENT_ERASED",
        /// An alert was muted.
        AlertMuted = "ALERT_MUTED",
        /// An alert is told of again.
        AlertUnmuted = "ALERT_UNMUTED",
        /// An erasure of all events that have one key was started.
        ErasureStarted = "ERASURE_STARTED",
        /// An erasure was cancelled.
        ErasureCancelled = "ERASURE_CANCELLED",
        /// An access token was created.
        TokenCreated = "TOKEN_CREATED",
        /// An access token was revoked.
        TokenRevoked = "TOKEN_REVOKED",
        /// A link that signs in to the panel was created.
        PanelLinkCreated = "PANEL_LINK_CREATED",
        /// Somebody signed in to the panel with an access token.
        SignedIn = "SIGNED_IN",
        /// Somebody signed in to the panel by a link.
        SignedInByLink = "SIGNED_IN_BY_LINK",
        /// The account was created.
        AccountCreated = "ACCOUNT_CREATED",
        /// Another account was removed with all it had.
        AccountRemoved = "ACCOUNT_REMOVED",
    }
}

impl fmt::Display for AuditAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

words! {
    /// What somebody used to make a change.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Through {
        /// A call of the API, the command line among it.
        Api = "API",
        /// A page of the panel.
        Panel = "PANEL",
        /// The control socket in the data folder, or the store itself while no daemon ran.
        Operator = "OPERATOR",
        /// Nothing: carteiro did it by itself.
        Carteiro = "CARTEIRO",
    }
}

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// What was used.
    pub through: Through,
    /// The client's address, where there is one.
    pub address: Option<IpAddr>,
}

impl Origin {
    /// A call of the API from this address.
    pub const fn api(address: IpAddr) -> Self {
        Self { through: Through::Api, address: Some(address) }
    }

    /// A request of the panel from this address.
    pub const fn panel(address: IpAddr) -> Self {
        Self { through: Through::Panel, address: Some(address) }
    }

    /// The operator, who reaches the data folder.
    pub const OPERATOR: Self = Self { through: Through::Operator, address: None };
    /// Carteiro itself.
    pub const CARTEIRO: Self = Self { through: Through::Carteiro, address: None };
}

/// Who makes a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// From where.
    pub origin: Origin,
    /// The id and the name of the access token. `None` for the token of the config's `admin_token_file`, and where none
    /// was needed.
    pub token: Option<(TokenId, String)>,
}

impl Actor {
    /// Carteiro itself.
    pub const CARTEIRO: Self = Self { origin: Origin::CARTEIRO, token: None };
    /// The operator, who reaches the data folder.
    pub const OPERATOR: Self = Self { origin: Origin::OPERATOR, token: None };
}

/// What a change was made to, where that isn't the webhook alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditSubject {
    /// An event.
    Event(EventId),
    /// A notification.
    Notification(NotificationId),
    /// A bulk resend.
    BulkResend(JobId),
    /// A backfill.
    Backfill(JobId),
    /// An erasure of all events that have one key.
    Erasure(ErasureId),
    /// An access token, and its name.
    Token(TokenId, String),
    /// An account, by its name.
    Account(String),
}

impl AuditSubject {
    /// The word of the API for its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Event(_) => "EVENT",
            Self::Notification(_) => "NOTIFICATION",
            Self::BulkResend(_) => "BULK_RESEND",
            Self::Backfill(_) => "BACKFILL",
            Self::Erasure(_) => "ERASURE",
            Self::Token(..) => "TOKEN",
            Self::Account(_) => "ACCOUNT",
        }
    }

    /// Its id; `None` for an account.
    pub fn id(&self) -> Option<String> {
        match self {
            Self::Event(id) => Some(id.to_string()),
            Self::Notification(id) => Some(id.to_string()),
            Self::BulkResend(id) | Self::Backfill(id) => Some(id.to_string()),
            Self::Erasure(id) => Some(id.to_string()),
            Self::Token(id, _) => Some(id.to_string()),
            Self::Account(_) => None,
        }
    }

    /// Its name, where it has one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Token(_, name) | Self::Account(name) => Some(name),
            Self::Event(_) | Self::Notification(_) | Self::BulkResend(_) | Self::Backfill(_) | Self::Erasure(_) => None,
        }
    }
}

/// One field that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedField {
    /// Its name in the API.
    pub field: String,
    /// What it was; `None` where it was not set.
    pub from: Option<String>,
    /// What it is; `None` where it is not set.
    pub to: Option<String>,
    /// Whether its values, or a part of them, are left out: `…` stands in their place.
    pub hidden: bool,
}

/// What stands in place of a value that the audit doesn't keep.
pub const HIDDEN: &str = "…";
/// How many bytes of a value are kept; `…` ends one that was longer. A webhook with every field at its limit then makes
/// a row that fits into the store.
pub const MAX_AUDITED_BYTES: usize = 512;

impl AuditedField {
    /// A field that is set to something harmless.
    pub fn set(field: &str, to: impl fmt::Display) -> Self {
        Self { field: field.to_owned(), from: None, to: Some(cut(&to.to_string())), hidden: false }
    }

    /// Whether it is the beginning of time, which a period without a beginning is asked for with.
    pub fn is_open_start(&self) -> bool {
        let from = self.to.as_deref().and_then(|text| Timestamp::parse(text).ok());
        matches!(&*self.field, "from" | "filter.from") && from == Some(Timestamp::default())
    }

    /// A field that is set to something that is left out.
    pub fn set_hidden(field: &str) -> Self {
        Self { field: field.to_owned(), from: None, to: Some(HIDDEN.to_owned()), hidden: true }
    }
}

/// `field: before → after`, with a dash where it was not set.
impl fmt::Display for AuditedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, from, to, hidden: _ } = self;
        match (from, to) {
            (None, Some(to)) => write!(f, "{field}: {to}"),
            (from, to) => {
                let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
                write!(f, "{field}: {} → {}", shown(from), shown(to))
            }
        }
    }
}

/// A value as far as it is kept.
pub(super) fn cut(text: &str) -> String {
    if text.len() <= MAX_AUDITED_BYTES {
        return text.to_owned();
    }
    let mut end = MAX_AUDITED_BYTES - HIDDEN.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned() + HIDDEN
}

/// What a change tells the audit of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditNote {
    /// In whose audit it stands.
    pub account: AccountNo,
    /// What was done.
    pub action: AuditAction,
    /// The webhook it was done to, and what it was called.
    pub webhook: Option<(WebhookId, String)>,
    /// What else it was done to.
    pub subject: Option<AuditSubject>,
    /// What was changed.
    pub fields: Vec<AuditedField>,
}

impl AuditNote {
    /// A note that names nothing but the action yet.
    pub const fn new(account: AccountNo, action: AuditAction) -> Self {
        Self { account, action, webhook: None, subject: None, fields: Vec::new() }
    }

    /// With the webhook.
    #[must_use]
    pub fn of_webhook(mut self, id: WebhookId, name: &str) -> Self {
        self.webhook = Some((id, name.to_owned()));
        self
    }

    /// With what else it was done to.
    #[must_use]
    pub fn about(mut self, subject: AuditSubject) -> Self {
        self.subject = Some(subject);
        self
    }

    /// With what was changed.
    #[must_use]
    pub fn with(mut self, fields: impl IntoIterator<Item = AuditedField>) -> Self {
        self.fields.extend(fields);
        self
    }
}

/// A row of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Its place among all rows of the store; rises with each, and gaps mean nothing.
    pub number: u64,
    /// When the change was made.
    pub inserted_at: Timestamp,
    /// Who made it.
    pub actor: Actor,
    /// What was done.
    pub note: AuditNote,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_at_a_letter() {
        let most = "é".repeat(MAX_AUDITED_BYTES / 2);
        assert_eq!(cut(&most), most);
        let kept = cut(&(most.clone() + "x"));
        assert!(kept.len() <= MAX_AUDITED_BYTES && kept.ends_with("é…"), "{kept}");
    }
}
