//! Disabling that nobody regrets: off unless the config asks for it, announced a day before, and nothing is lost by it.

use super::shared::Service;
use crate::model::{AccountNo, Actor, DisableDecision, DisabledReason, Timestamp, Webhook, WebhookStatus};
use crate::store::{AuditedChange as _, DisableWebhook, MarkFailing, SetDisableNotice, StoreError};

/// How a webhook's target does, beside what the webhook itself says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealthView {
    /// Since when nothing was confirmed; `None` for a target that isn't failing
    /// ([`crate::model::TargetHealth::has_come_to_fail`]).
    pub since: Option<Timestamp>,
    /// When the webhook will be disabled if that stays so; `None` before the notice.
    pub disables_at: Option<Timestamp>,
}

/// How many webhooks are failing or disabled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailingCounts {
    /// Active, and their targets are failing.
    pub failing: u64,
    /// Of those, the ones about to be disabled.
    pub warned: u64,
    /// Disabled.
    pub disabled: u64,
}

impl Service {
    /// How a webhook's target does.
    pub fn health(&self, webhook: &Webhook) -> HealthView {
        let Some(health) = self.store.health(webhook.no) else {
            return HealthView::default();
        };
        let disables_at = self.config().delivery.disable_rule().disables_at(&health).filter(|_| webhook.is_active());
        HealthView { since: health.failing.then_some(health.failing_since), disables_at }
    }

    /// How many webhooks are failing or disabled, of one account or of all.
    pub fn failing_counts(&self, of: Option<AccountNo>) -> FailingCounts {
        let (healths, rule) = (self.store.healths(), self.config().delivery.disable_rule());
        let mut counts = FailingCounts::default();
        for webhook in self.store.directory().all().filter(|webhook| of.is_none_or(|of| webhook.account == of)) {
            let health = healths.get(&webhook.no).filter(|_| webhook.is_active());
            counts.failing += u64::from(health.is_some_and(|health| health.failing));
            counts.warned += u64::from(health.is_some_and(|health| rule.disables_at(health).is_some()));
            counts.disabled += u64::from(matches!(webhook.status, WebhookStatus::Disabled { .. }));
        }
        counts
    }

    /// Warns of the webhooks whose targets have failed for almost too long, and disables those that were warned of. To
    /// be called again and again; it asks the disk for nothing while all is well.
    pub async fn disable_failing(&self) {
        // A clock that is ahead for a moment warns of nothing and disables nobody.
        let (config, now) = (self.config(), self.store.trusted_now());
        let (rule, failing) = (config.delivery.disable_rule(), config.alerts.failing_rule());
        for (no, mut health) in self.store.healths() {
            let webhook = self.store.directory().by_no(no).filter(|webhook| webhook.is_active()).cloned();
            // Nobody can be notified for an account that is no longer in the config, nor set its webhooks to ACTIVE
            // again.
            let is_known = |webhook: &Webhook| self.accounts.iter().any(|account| account.no == webhook.account);
            let Some(webhook) = webhook.as_deref().filter(|webhook| is_known(webhook)) else {
                continue;
            };
            if !health.failing && health.has_come_to_fail(failing, now, true) {
                let of = webhook.account;
                let pending = self.read(move |store| Ok(store.needs_automatic_attempt(of, no)?)).await.unwrap_or(false);
                health.failing =
                    pending && self.store.commit(MarkFailing { account: of, webhook: no }).await.unwrap_or(false);
                if health.failing {
                    self.followers.tell(of);
                }
            }
            let done = match rule.evaluate(&health, now) {
                DisableDecision::None => Ok(()),
                DisableDecision::Warn(at) => self.warn(webhook, health.failing_since, at).await,
                DisableDecision::Withdraw => self
                    .store
                    .commit(SetDisableNotice { account: webhook.account, webhook: no, ends_at: None })
                    .await
                    .map(drop),
                DisableDecision::Disable(reason) => self.disable(webhook, reason).await,
            };
            match done {
                Ok(()) | Err(StoreError::Stopped) => {}
                // It says so itself, and this waits until there is room.
                Err(StoreError::Full { .. } | StoreError::NoRoom { .. } | StoreError::Busy) => return,
                Err(error) => tracing::error!(%error, webhook = %webhook.id, "a failing webhook can't be evaluated"),
            }
        }
    }

    async fn warn(&self, webhook: &Webhook, since: Timestamp, at: Timestamp) -> Result<(), StoreError> {
        if self
            .store
            .commit(SetDisableNotice { account: webhook.account, webhook: webhook.no, ends_at: Some(at) })
            .await?
        {
            tracing::warn!(
                webhook = %webhook.id, failing_since = %since, disables_at = %at,
                "the webhook's target confirms nothing: it will be disabled, unless it does until then"
            );
        }
        Ok(())
    }

    async fn disable(&self, webhook: &Webhook, reason: DisabledReason) -> Result<(), StoreError> {
        let disable = DisableWebhook { account: webhook.account, webhook: webhook.no, reason };
        if self.store.commit(disable.by(Actor::CARTEIRO)).await?.is_some() {
            self.followers.tell(webhook.account);
            tracing::warn!(webhook = %webhook.id, reason = reason.localized().en, "webhook DISABLED");
        }
        Ok(())
    }
}
