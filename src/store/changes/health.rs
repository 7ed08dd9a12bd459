//! The health of targets: failing, announced to be disabled, disabled, well again.

use crate::model::{
    AccountNo, Attempt, AuditAction, AuditNote, AuditedField, DisabledReason, Notice, OwnEvent, TargetHealth,
    Timestamp, Trigger, Verdict, Webhook, WebhookNo, WebhookStatus, changed_fields,
};
use crate::store::changes::change::{AuditedChange, Change, Noted, fan_out_bytes};
use crate::store::changes::ledger::Ledger;
use crate::store::changes::own_events::{record_about, tell_others};
use crate::store::changes::webhooks::change;
use crate::store::directory::Directory;
use crate::store::error::StoreError;
use crate::store::txn::Txn;
use std::sync::Arc;

/// Marks a target as failing because it confirmed nothing for long, logs it, and tells the other webhooks. Answers
/// `false` where it has recovered meanwhile.
#[derive(Debug)]
pub struct MarkFailing {
    /// Whose it is.
    pub account: AccountNo,
    /// The webhook.
    pub webhook: WebhookNo,
}

impl Change for MarkFailing {
    type Reply = bool;
    type Error = StoreError;

    const UNAUDITED: Option<&'static str> = Some("it is a finding about a target, and nobody asks for it");

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, stamp: Timestamp) -> Result<Self::Reply, Self::Error> {
        let directory = ledger.shared.directory();
        let Some(webhook) = active(&directory, self.account, self.webhook) else {
            return Ok(false);
        };
        // A clock that is ahead for a moment has nobody fail.
        let (now, rule) = (ledger.shared.times.trusted_now(), ledger.shared.limits().failing);
        let known = ledger.shared.health(self.webhook).filter(|health| !health.failing);
        let Some(health) = known.filter(|health| health.has_come_to_fail(rule, now, true)) else {
            return Ok(false);
        };
        let found = Some(TargetHealth { failing: true, ..health });
        if let Some(event) = take_down(ledger, txn, webhook, known, found) {
            tell_others(ledger, txn, webhook, &event, stamp);
        }
        Ok(true)
    }
}

/// Announces that a webhook will be disabled at a moment, or that it won't. Answers `false` where its target has
/// recovered meanwhile, or the same was announced already.
#[derive(Debug)]
pub struct SetDisableNotice {
    /// Whose it is.
    pub account: AccountNo,
    /// The webhook.
    pub webhook: WebhookNo,
    /// The moment; `None` withdraws the notice.
    pub ends_at: Option<Timestamp>,
}

impl Change for SetDisableNotice {
    type Reply = bool;
    type Error = StoreError;

    const UNAUDITED: Option<&'static str> = Some("the row comes with the disabling itself");

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, _now: Timestamp) -> Result<Self::Reply, Self::Error> {
        let active = active(&ledger.shared.directory(), self.account, self.webhook).is_some();
        let differs = |health: &TargetHealth| health.notice.is_some() != self.ends_at.is_some();
        let Some(health) = ledger.shared.health(self.webhook).filter(|health| active && differs(health)) else {
            return Ok(false);
        };
        let notice = self.ends_at.map(|ends_at| Notice { ends_at, proven: false });
        ledger.put_health(txn, self.webhook, Some(TargetHealth { notice, ..health }));
        Ok(true)
    }
}

/// Disables a webhook and, with it, records an event for the others that subscribe to its type. Answers `None` where
/// the webhook is not active any more, or its target has recovered meanwhile.
pub struct DisableWebhook {
    /// Whose it is.
    pub account: AccountNo,
    /// The webhook.
    pub webhook: WebhookNo,
    /// Why.
    pub reason: DisabledReason,
}

impl AuditedChange for DisableWebhook {
    type Reply = Option<Arc<Webhook>>;
    type Error = StoreError;

    const GROWS: bool = true;

    fn weight(&self, ledger: &Ledger) -> usize {
        fan_out_bytes(ledger, self.account)
    }

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self> {
        let Self { account, webhook: no, reason } = self;
        let known = ledger.shared.health(no);
        // The evaluation of a moment ago must still hold.
        let holds = known.is_some_and(|health| match reason {
            DisabledReason::Gone => health.gone,
            DisabledReason::Failing { since } => health.failing_since == since && health.exhausted,
        });
        let directory = ledger.shared.directory();
        let Some(webhook) = active(&directory, account, no).filter(|_| holds) else {
            return Ok((None, None));
        };
        // First, since it can fail: an error must find nothing staged.
        record_about(ledger, txn, webhook, &OwnEvent::Disabled(reason), now)?;
        let status = WebhookStatus::Disabled { reason, at: now };
        let disabled = change(ledger, txn, webhook, now, |webhook| webhook.status = status);
        let note = AuditNote::new(account, AuditAction::WebhookDisabled).of_webhook(disabled.id, disabled.name());
        let why = match reason {
            DisabledReason::Gone => vec![AuditedField::set("reason", "gone")],
            DisabledReason::Failing { since } => {
                vec![AuditedField::set("reason", "failing"), AuditedField::set("failing_since", since)]
            }
        };
        let note = note.with(changed_fields(Some(webhook), Some(&disabled))).with(why);
        Ok((Some(disabled), Some(note)))
    }
}

/// Takes in what an attempt says of its target, which `webhook` still has. Hardly ever a row: only where a target
/// begins to fail, or no longer does. What is to be told to the other webhooks by it, if anything.
pub(crate) fn note_health(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    webhook: &Webhook,
    attempt: &Attempt,
    verdict: Verdict,
) -> Option<OwnEvent<'static>> {
    let known = ledger.shared.health(webhook.no);
    let found = match attempt.trigger {
        _ if verdict == Verdict::Confirmed => None,
        // Tests and manual attempts are made while somebody repairs the target: they prove it well, and never ill.
        Trigger::Manual | Trigger::Test => known,
        Trigger::Automatic => {
            // The rule goes by the trusted time, which is never after this.
            let (now, rule) = (ledger.clock.now(), ledger.shared.limits().failing);
            let mut health = known.unwrap_or(TargetHealth::first_failure(now));
            health.failing_since = health.failing_since.min(now);
            health.failures = health.failures.saturating_add(1).min(rule.attempts);
            let (trusted, pending) = (ledger.shared.times.trusted_now(), verdict != Verdict::Exhausted);
            health.failing |= health.has_come_to_fail(rule, trusted, pending);
            health.exhausted |= verdict == Verdict::Exhausted;
            health.gone = attempt.result.status() == Some(410);
            health.notice = health.notice.map(|notice| Notice { proven: true, ..notice });
            Some(health)
        }
    };
    take_down(ledger, txn, webhook, known, found)
}

/// Takes down how a target does by now: what is to be told to the other webhooks by it, if anything.
fn take_down(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    webhook: &Webhook,
    known: Option<TargetHealth>,
    found: Option<TargetHealth>,
) -> Option<OwnEvent<'static>> {
    log_health(webhook, known, found);
    if found != known {
        ledger.put_health(txn, webhook.no, found);
    }
    let told = event_of(known, found);
    if let Some(OwnEvent::Failing(health)) = told {
        // Noted for alerts: it may be well again before they look.
        ledger.change_facts(txn, webhook.no, |facts| facts.fell_at = Some(health.failing_since));
    }
    told
}

/// What the other webhooks are told where a target begins to fail or is well again.
fn event_of(before: Option<TargetHealth>, now: Option<TargetHealth>) -> Option<OwnEvent<'static>> {
    let failing = |health: Option<TargetHealth>| health.filter(|health| health.failing);
    match (failing(before), failing(now)) {
        (None, Some(health)) => Some(OwnEvent::Failing(health)),
        (Some(health), None) => Some(OwnEvent::Recovered(health.failing_since)),
        (None, None) | (Some(_), Some(_)) => None,
    }
}

/// Logs that a target begins to fail, once, and that it is well again.
fn log_health(webhook: &Webhook, before: Option<TargetHealth>, now: Option<TargetHealth>) {
    let failing = |health: Option<TargetHealth>| health.filter(|health| health.failing);
    let host = || webhook.target.host_header();
    match (failing(before), failing(now)) {
        (None, Some(health)) => tracing::warn!(
            webhook = %webhook.id, host = host(), since = %health.failing_since, failed_in_a_row = health.failures,
            "the webhook's target is failing: it has confirmed nothing since then; its notifications are retried \
             by its schedule"
        ),
        (Some(health), None) => tracing::info!(
            webhook = %webhook.id, host = host(), since = %health.failing_since,
            "the webhook's target is well again: it has confirmed"
        ),
        (None, None) | (Some(_), Some(_)) => {}
    }
}

/// The webhook, if it is the account's and active.
fn active(directory: &Directory, account: AccountNo, no: WebhookNo) -> Option<&Arc<Webhook>> {
    directory.by_no(no).filter(|webhook| webhook.account == account && webhook.is_active())
}
