//! What is so now, for alerts: found out from memory, once a second, and from the disk only where the config asks for
//! it.

use crate::alerts::core::{Happened, Lasting, Seen, State};
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::DeliveryHandle;
use crate::model::{AccountNo, AlertFacts, Condition, Recipient, Timestamp, Webhook, WebhookNo, WebhookStatus};
use crate::store::{DiskLevel, Store};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long before its end a certificate is warned of, unless a quarter of its time is shorter. Let's Encrypt's are
/// renewed 30 days before theirs, so something is amiss.
const BEFORE_THE_END: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// A clock that was put forward or back by less is told to nobody: receivers take signatures that are five minutes off.
const STEP_MS: u64 = 60_000;
/// How long one change may take before the store counts as refusing.
const STALLED: Duration = Duration::from_secs(10);
/// How long a look at an account's last event is good for.
const LAST_EVENT_FOR: Duration = Duration::from_secs(30);

/// From when to when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From then on.
    pub from: Timestamp,
    /// Until then.
    pub to: Timestamp,
}

impl Validity {
    /// Whether its end is near enough to be told.
    pub fn ends_soon(self, now: Timestamp) -> bool {
        let before = BEFORE_THE_END.min(self.to.since(self.from) / 4);
        self.to.since(now) <= before
    }
}

/// The validity of carteiro's own certificate now; `None` where it has none.
pub type OwnCertificate = Box<dyn Fn() -> Option<Validity> + Send + Sync>;

/// Finds out what is so.
pub struct Observer {
    pub(super) store: Store,
    pub(super) clock: Clock,
    delivery: DeliveryHandle,
    own_certificate: OwnCertificate,
    started_at: Timestamp,
    /// When each account last recorded an event, and when that was looked at.
    last_events: BTreeMap<AccountNo, (Option<Timestamp>, Timestamp)>,
}

/// What is so, what was taken in for it, and when things end.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// For the rules.
    pub seen: Seen,
    /// The facts that stand in it.
    pub taken: Vec<(WebhookNo, AlertFacts)>,
    /// When webhooks with a warning are disabled, and when certificates end.
    pub ends: BTreeMap<Condition, Timestamp>,
}

impl Observer {
    /// Of a store and what delivers its notifications.
    pub fn new(store: Store, clock: Clock, delivery: DeliveryHandle, own_certificate: OwnCertificate) -> Self {
        let started_at = clock.now();
        Self { store, clock, delivery, own_certificate, started_at, last_events: BTreeMap::new() }
    }

    /// What is so now. `state` says what was so before: some things end later than they begin. Blocks on the disk where
    /// the config asks for `no_events_for`.
    pub fn look(&mut self, config: &Config, accounts: &[(AccountNo, String)], state: &State) -> View {
        let now = self.clock.now();
        let mut view = View::default();
        self.webhooks(config, accounts, now, &mut view);
        self.facts(&mut view);
        self.machine(config, state, now, &mut view.seen);
        if let Some(own) = (self.own_certificate)() {
            view.ends.insert(Condition::OwnCertificate, own.to);
            if own.ends_soon(now) {
                lasts(&mut view.seen, Condition::OwnCertificate, now, None);
            }
        }
        self.silence(config, accounts, now, &mut view.seen);
        view
    }

    fn webhooks(&self, config: &Config, accounts: &[(AccountNo, String)], now: Timestamp, view: &mut View) {
        let (healths, rule) = (self.store.healths(), config.delivery.disable_rule());
        for webhook in self.store.directory().all() {
            // Nothing is delivered for an account that the config lacks.
            if !accounts.iter().any(|(no, _)| *no == webhook.account) {
                continue;
            }
            let (no, of) = (webhook.no, Some(webhook.account));
            if let WebhookStatus::Disabled { at, .. } = webhook.status {
                lasts(&mut view.seen, Condition::WebhookDisabled(no), at, of);
            }
            if !webhook.is_active() {
                continue;
            }
            if let Some(health) = healths.get(&no) {
                if health.failing {
                    lasts(&mut view.seen, Condition::WebhookFailing(no), health.failing_since, of);
                }
                if let Some(at) = rule.disables_at(health) {
                    lasts(&mut view.seen, Condition::WebhookDisabling(no), health.failing_since, of);
                    view.ends.insert(Condition::WebhookDisabling(no), at);
                }
            }
            self.certificate(webhook, now, view);
        }
    }

    /// What is known of the certificate that a target showed last; after a start nothing is, until it is spoken to.
    fn certificate(&self, webhook: &Webhook, now: Timestamp, view: &mut View) {
        let condition = Condition::TargetCertificate(webhook.no);
        if !webhook.target.is_https() {
            return;
        }
        match self.delivery.client.certificate_of(&webhook.target) {
            None => drop(view.seen.unknown.insert(condition)),
            Some((from, to)) => {
                view.ends.insert(condition, to);
                if (Validity { from, to }).ends_soon(now) {
                    lasts(&mut view.seen, condition, now, Some(webhook.account));
                }
            }
        }
    }

    fn facts(&self, view: &mut View) {
        let directory = self.store.directory();
        for (no, facts) in self.store.alert_facts() {
            let account = directory.by_no(no).map(|webhook| webhook.account);
            let happened = |condition, since, count, stepped_ms| Happened {
                condition,
                account,
                since,
                count,
                external_ids: facts.external_ids.clone(),
                stepped_ms,
            };
            if let (Some(_), Some(since)) = (account, facts.failed_since) {
                let condition = Condition::NotificationsFailed(no);
                view.seen.happened.push(happened(condition, since, facts.failed, 0));
            }
            if let (Some(of), Some(since)) = (account, facts.fell_at) {
                let lasting = Lasting { since, account: Some(of) };
                view.seen.began.insert(Condition::WebhookFailing(no), lasting);
            }
            if let Some(since) = facts.stepped_at.filter(|_| facts.stepped_ms.unsigned_abs() >= STEP_MS) {
                view.seen.happened.push(happened(Condition::ClockStepped, since, 1, facts.stepped_ms));
            }
            view.taken.push((no, facts));
        }
    }

    fn machine(&self, config: &Config, state: &State, now: Timestamp, seen: &mut Seen) {
        let figures = self.store.stats();
        if let Some(free) = figures.free_bytes {
            // Twice what is kept free is a warning in time; a tenth more ends it, so that it doesn't come and go.
            let mark = figures.min_free_bytes.saturating_mul(2);
            let is_open = state.alerts.contains_key(&(Recipient::Operator, Condition::DiskLow));
            let enough = if is_open { mark.saturating_add(mark / 10) } else { mark };
            if free < enough || self.store.disk_level() != DiskLevel::Enough {
                lasts(seen, Condition::DiskLow, now, None);
            }
        }
        if self.store.full().is_some() || !self.store.is_alive() || self.store.stuck_for() > STALLED {
            lasts(seen, Condition::StoreRefusing, now, None);
        }
        if let Some(every) = config.store.backup_every.filter(|_| figures.backups_scheduled) {
            // One that is under way at a start has its time.
            let last = figures.last_backup.map_or(self.started_at, |last| last.max(self.started_at));
            if self.store.failed_backup().is_some() || last.plus(2 * every) <= now {
                lasts(seen, Condition::BackupFailed, figures.last_backup.unwrap_or(now), None);
            }
        }
    }

    fn silence(&mut self, config: &Config, accounts: &[(AccountNo, String)], now: Timestamp, seen: &mut Seen) {
        let Some(span) = config.alerts.no_events_for else {
            self.last_events.clear();
            return;
        };
        for (account, _) in accounts {
            let known = self.last_events.get(account).copied();
            let is_fresh = |(_, at): &(Option<Timestamp>, Timestamp)| now.since(*at) < LAST_EVENT_FOR && *at <= now;
            let last = match known.filter(is_fresh) {
                Some((last, _)) => last,
                None => match self.store.last_event_at(*account) {
                    Ok(last) => {
                        self.last_events.insert(*account, (last, now));
                        last
                    }
                    Err(error) => {
                        self.store.note_failed_read(&error, "alerts");
                        seen.unknown.insert(Condition::NoEvents(*account));
                        continue;
                    }
                },
            };
            // A shop that has never recorded any is being set up.
            if let Some(last) = last.filter(|last| last.plus(span) <= now) {
                lasts(seen, Condition::NoEvents(*account), last, Some(*account));
            }
        }
    }

    /// Whether what an alert is about is there still: nobody is told of a webhook that was deleted.
    pub fn is_there(&self, condition: Condition, accounts: &[(AccountNo, String)]) -> bool {
        match condition {
            Condition::NoEvents(account) => accounts.iter().any(|(no, _)| *no == account),
            _ => condition.webhook().is_none_or(|no| self.store.directory().by_no(no).is_some()),
        }
    }
}

fn lasts(seen: &mut Seen, condition: Condition, since: Timestamp, account: Option<AccountNo>) {
    seen.lasting.insert(condition, Lasting { since, account });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_certificate_is_told_of_in_its_last_quarter() {
        let day = |days: u64| Timestamp::from_ms(1_795_435_200_000 + days * 86_400_000);
        let usual = Validity { from: day(0), to: day(90) };
        assert!(!usual.ends_soon(day(75)) && usual.ends_soon(day(76)) && usual.ends_soon(day(100)));
        let short = Validity { from: day(0), to: day(8) };
        assert!(!short.ends_soon(day(5)) && short.ends_soon(day(6)));
    }
}
