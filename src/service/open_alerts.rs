//! Alerts that are open, and which of them nobody is to be told of.

use super::caller::Caller;
use super::error::Error;
use super::shared::Service;
use crate::alerts::engine::{AlertFigures, Alerts, OpenAlert};
use crate::alerts::message::Severity;
use crate::model::{
    AccountNo, AuditAction, AuditNote, AuditedField, ClientCertificateName, Condition, Localized, Recipient, Timestamp,
    WebhookId,
};
use std::sync::Arc;
use std::time::Duration;

/// The longest time that an alert can be muted for; what is to be muted for longer is muted until somebody ends that.
pub const MAX_MUTE: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// An alert as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertView {
    /// By which it is muted: the condition in small letters and, where that is of a webhook, an account or a
    /// client certificate, its id or name behind a colon.
    pub key: String,
    /// What kind of thing is wrong.
    pub condition: Condition,
    /// What is wrong, in a line; what it is about, of what is muted and isn't open now.
    pub title: Localized,
    /// The webhook that it is about.
    pub webhook: Option<WebhookId>,
    /// Since when; `None` for what is muted and isn't open now.
    pub since: Option<Timestamp>,
    /// When the operator was first told.
    pub told_at: Option<Timestamp>,
    /// How many notifications have failed since somebody was last told.
    pub count: Option<u64>,
    /// Whether nobody is told of it.
    pub muted: bool,
    /// Until when; `None` for good.
    pub muted_until: Option<Timestamp>,
}

impl AlertView {
    /// How soon somebody should look.
    pub fn severity(&self) -> Severity {
        if self.condition.is_critical() { Severity::Critical } else { Severity::Warning }
    }
}

impl Service {
    /// Takes up what tells of alerts. To be called once, at the start.
    pub fn set_alerts(&self, alerts: Arc<Alerts>) {
        // A second one would tell the same a second time: the first stays.
        let _ = self.alerts.set(alerts);
    }

    /// Figures of alerts, for the whole daemon; `None` before they have begun.
    pub fn alert_figures(&self) -> Option<AlertFigures> {
        self.alerts.get().map(|alerts| alerts.figures())
    }

    /// Whether the caller, or who runs carteiro where that is the same person, has a channel that alerts go by.
    pub fn is_reached_by_alerts(&self, caller: &Caller) -> bool {
        let reaches = |recipient| !self.channels.names(recipient).is_empty();
        reaches(Recipient::Account(caller.account)) || (self.sees_all_figures(caller) && reaches(Recipient::Operator))
    }

    /// What is open of the caller's account, and of the machine where the caller sees its figures; then what is muted
    /// and isn't open.
    pub fn alerts(&self, caller: &Caller) -> Vec<AlertView> {
        let Some(alerts) = self.alerts.get() else {
            return Vec::new();
        };
        let mutes = alerts.mutes();
        let view = |open: OpenAlert| AlertView {
            key: self.alert_key(open.condition, open.webhook),
            condition: open.condition,
            title: open.title,
            webhook: open.webhook,
            since: Some(open.since),
            told_at: open.told_at,
            count: open.count,
            muted: mutes.contains_key(&open.condition),
            muted_until: mutes.get(&open.condition).copied().flatten(),
        };
        let open = alerts.list().into_iter().map(view);
        let mut views: Vec<AlertView> = open.filter(|view| self.sees(caller, view.condition)).collect();
        for (condition, until) in mutes {
            if views.iter().any(|view| view.condition == condition) || !self.sees(caller, condition) {
                continue;
            }
            let webhook = self.webhook_of(condition);
            views.push(AlertView {
                key: self.alert_key(condition, webhook),
                condition,
                title: alerts.name_of(condition),
                webhook,
                since: None,
                told_at: None,
                count: None,
                muted: true,
                muted_until: until,
            });
        }
        views
    }

    /// Tells nobody of what this key names, for a span of at most [`MAX_MUTE`] or, without one, until
    /// [`Service::unmute_alert`]. It holds for who runs carteiro and for the account. [`Error::NotFound`] where the key
    /// names nothing that the caller may see.
    pub async fn mute_alert(&self, caller: &Caller, key: &str, span: Option<Duration>) -> Result<AlertView, Error> {
        let condition = self.condition_of(caller, key).ok_or(Error::NotFound)?;
        let alerts = self.alerts.get().ok_or(Error::NotFound)?;
        let until = span.map(|span| self.clock.now().plus(span.min(MAX_MUTE)));
        let note = self.note_of_alert(caller, condition, key, AuditAction::AlertMuted);
        let note = note.with(until.map(|until| AuditedField::set("muted_until", until)));
        alerts.mute(condition, Some(until), Some((caller.actor(), note))).await?;
        self.followers.tell(caller.account);
        tracing::info!(alert = key, until = until.map(tracing::field::display), by = %caller.by, "alert muted");
        let found = self.alerts(caller).into_iter().find(|view| view.condition == condition);
        found.ok_or(Error::NotFound)
    }

    /// Tells of what this key names again.
    pub async fn unmute_alert(&self, caller: &Caller, key: &str) -> Result<(), Error> {
        let condition = self.condition_of(caller, key).ok_or(Error::NotFound)?;
        let alerts = self.alerts.get().ok_or(Error::NotFound)?;
        let note = self.note_of_alert(caller, condition, key, AuditAction::AlertUnmuted);
        alerts.mute(condition, None, Some((caller.actor(), note))).await?;
        self.followers.tell(caller.account);
        tracing::info!(alert = key, by = %caller.by, "alert no longer muted");
        Ok(())
    }

    /// Whether an alert of this condition is the caller's to see: one of the caller's account or, for the operator, of
    /// the machine.
    fn sees(&self, caller: &Caller, condition: Condition) -> bool {
        let of_account = match condition {
            Condition::NoEvents(account) => Some(Some(account)),
            _ => condition.webhook().map(|no| self.store.directory().by_no(no).map(|webhook| webhook.account)),
        };
        of_account.map_or_else(|| self.sees_all_figures(caller), |account| account == Some(caller.account))
    }

    /// What the audit has of an alert that is muted, or is told of again.
    fn note_of_alert(&self, caller: &Caller, condition: Condition, key: &str, action: AuditAction) -> AuditNote {
        let note = AuditNote::new(caller.account, action).with([AuditedField::set("alert", key)]);
        let directory = self.store.directory();
        match condition.webhook().and_then(|no| directory.by_no(no)) {
            Some(webhook) => note.of_webhook(webhook.id, webhook.name()),
            None => note,
        }
    }

    fn webhook_of(&self, condition: Condition) -> Option<WebhookId> {
        self.store.directory().by_no(condition.webhook()?).map(|webhook| webhook.id)
    }

    fn alert_key(&self, condition: Condition, webhook: Option<WebhookId>) -> String {
        let kind = condition.kind();
        let account = |no: AccountNo| self.accounts.iter().find(|account| account.no == no);
        match (condition, webhook) {
            (Condition::NoEvents(no), _) => {
                format!("{kind}:{}", account(no).map_or("", |account| account.name.as_str()))
            }
            (Condition::ClientCertificate(no), _) => {
                let certificates = self.delivery.client.client_certificates();
                let name = certificates.iter().map(|certificate| certificate.name()).find(|name| name.number() == no);
                format!("{kind}:{}", name.map_or("", ClientCertificateName::as_str))
            }
            (_, Some(id)) => format!("{kind}:{id}"),
            (_, None) => kind,
        }
    }

    /// The condition that a key names, where the caller may see it.
    fn condition_of(&self, caller: &Caller, key: &str) -> Option<Condition> {
        let (kind, of) = key.split_once(':').unwrap_or((key, ""));
        let named = Condition::NAMES.into_iter().find(|condition| condition.kind() == kind)?;
        let (code, _) = named.code();
        let found = if named.webhook().is_some() {
            let id = WebhookId::parse(of)?;
            let directory = self.store.directory();
            let webhook = directory.by_id(caller.account, id)?;
            Condition::of_code(code, webhook.no.0)?
        } else if matches!(named, Condition::ClientCertificate(_)) {
            let certificates = self.delivery.client.client_certificates();
            Condition::client_certificate(certificates.iter().find(|one| one.name().as_str() == of)?.name())
        } else if matches!(named, Condition::NoEvents(_)) {
            Condition::NoEvents(self.accounts.iter().find(|account| account.name == of)?.no)
        } else {
            of.is_empty().then_some(named)?
        };
        self.sees(caller, found).then_some(found)
    }
}
