//! What is so now, for alerts: found out from memory, once a second, and from the disk only where the config asks for
//! it.

use crate::alerts::core::{Happened, Lasting, Seen, State};
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::DeliveryHandle;
use crate::model::{
    AccountNo, AlertFacts, ClientCertificateName, ClockSteps, Condition, Recipient, Timestamp, Webhook, WebhookNo,
    WebhookStatus,
};
use crate::store::{DiskLevel, Store};
use crate::tls::CertificateEnd;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A clock that was put forward or back by less is told to nobody: receivers take signatures that are five minutes off.
const STEP_MS: u64 = 60_000;
/// How long one change may take before the store counts as refusing.
const STALLED: Duration = Duration::from_secs(10);
/// How long a look at an account's last event is good for.
const LAST_EVENT_FOR: Duration = Duration::from_secs(30);

/// When carteiro's own certificate ends, as of now; `None` where it has none.
pub type OwnCertificate = Box<dyn Fn() -> Option<CertificateEnd> + Send + Sync>;

/// Finds out what is so.
pub struct Observer {
    pub(super) store: Store,
    pub(super) clock: Clock,
    delivery: DeliveryHandle,
    own_certificate: OwnCertificate,
    started_at: Timestamp,
    /// When each account last recorded an event, and when that was looked at.
    last_events: BTreeMap<AccountNo, (Option<Timestamp>, Timestamp)>,
    /// The last backup as it was when backups were first seen to be scheduled.
    first_backup: Option<Option<Timestamp>>,
    /// What the last look found to be over though nothing says that it is well.
    unsaid: BTreeSet<Condition>,
}

/// What is so, what was taken in for it, and what texts need to know.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// For the rules.
    pub seen: Seen,
    /// The facts that stand in it.
    pub taken: Vec<(WebhookNo, AlertFacts)>,
    /// For texts.
    pub known: Known,
}

/// What texts say of what is so.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// When webhooks with a warning are disabled, and when certificates end.
    pub ends: BTreeMap<Condition, Timestamp>,
    /// The names of the client certificates, by the condition that tells of their end.
    pub certificates: BTreeMap<Condition, ClientCertificateName>,
}

impl View {
    /// Takes in a certificate.
    fn certificate(&mut self, condition: Condition, end: CertificateEnd, now: Timestamp, account: Option<AccountNo>) {
        self.known.ends.insert(condition, end.at);
        if end.is_near(now) {
            lasts(&mut self.seen, condition, now, account);
        }
    }
}

impl Observer {
    /// Of a store and what delivers its notifications.
    pub fn new(store: Store, clock: Clock, delivery: DeliveryHandle, own_certificate: OwnCertificate) -> Self {
        let started_at = clock.now();
        Self {
            store,
            clock,
            delivery,
            own_certificate,
            started_at,
            last_events: BTreeMap::new(),
            first_backup: None,
            unsaid: BTreeSet::new(),
        }
    }

    /// What is so now. `state` says what was so before: some things end later than they begin. Blocks on the disk where
    /// the config asks for `no_events_for`.
    pub fn look(&mut self, config: &Config, accounts: &[(AccountNo, String)], state: &State) -> View {
        let now = self.clock.now();
        let mut view = View::default();
        self.unsaid.clear();
        self.webhooks(config, accounts, now, &mut view);
        self.facts(&mut view);
        critical(&self.store, state, now, &mut view.seen);
        self.backups(config, now, &mut view.seen);
        if let Some(end) = (self.own_certificate)() {
            view.certificate(Condition::OwnCertificate, end, now, None);
        }
        for certificate in self.delivery.client.client_certificates().iter() {
            let condition = Condition::client_certificate(certificate.name());
            view.known.certificates.insert(condition, certificate.name().clone());
            view.certificate(condition, certificate.end(), now, None);
        }
        self.silence(config, accounts, (now, state), &mut view.seen);
        // What was over before is told as it was found.
        let lasted = |condition: &Condition| {
            state.alerts.iter().any(|((_, open), alert)| open == condition && alert.ended_at.is_none())
        };
        self.unsaid.retain(|condition| lasted(condition) && !view.seen.lasting.contains_key(condition));
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
                    view.known.ends.insert(Condition::WebhookDisabling(no), at);
                }
            }
            self.target_certificate(webhook, now, view);
        }
    }

    /// What is known of the certificate that a target showed last; after a start nothing is, until it is spoken to.
    fn target_certificate(&self, webhook: &Webhook, now: Timestamp, view: &mut View) {
        let condition = Condition::TargetCertificate(webhook.no);
        if !webhook.target.is_https() {
            return;
        }
        match self.delivery.client.certificate_of(&webhook.target) {
            None => drop(view.seen.unknown.insert(condition)),
            Some(end) => view.certificate(condition, end, now, Some(webhook.account)),
        }
    }

    fn facts(&mut self, view: &mut View) {
        let directory = self.store.directory();
        for (no, facts) in self.store.alert_facts() {
            let account = directory.by_no(no).map(|webhook| webhook.account);
            let happened = |condition, since, count, steps| Happened {
                condition,
                account,
                since,
                count,
                external_ids: facts.external_ids.clone(),
                steps,
            };
            if let (Some(_), Some(since)) = (account, facts.failed_since) {
                let condition = Condition::NotificationsFailed(no);
                view.seen.happened.push(happened(condition, since, facts.failed, ClockSteps::NONE));
            }
            if let (Some(of), Some(since)) = (account, facts.fell_at) {
                let lasting = Lasting { since, account: Some(of) };
                view.seen.began.insert(Condition::WebhookFailing(no), lasting);
            }
            if facts.begins_anew {
                self.unsaid.extend([Condition::WebhookFailing(no), Condition::TargetCertificate(no)]);
            }
            if let Some(since) = facts.stepped_at.filter(|_| facts.steps.largest_ms() >= STEP_MS) {
                view.seen.happened.push(happened(Condition::ClockStepped, since, 1, facts.steps));
            }
            view.taken.push((no, facts));
        }
    }

    fn backups(&mut self, config: &Config, now: Timestamp, seen: &mut Seen) {
        let condition = Condition::BackupFailed;
        let Some(every) = config.store.backup_every.filter(|_| config.store.backup_dir.is_some()) else {
            // Nobody asks for them any more.
            self.unsaid.insert(condition);
            return;
        };
        let figures = self.store.stats();
        if !figures.backups_scheduled {
            seen.unknown.insert(condition);
            return;
        }
        let first = *self.first_backup.get_or_insert(figures.last_backup);
        // One that is under way at a start has its time.
        let last = figures.last_backup.map_or(self.started_at, |last| last.max(self.started_at));
        let succeeded = figures.last_backup != first || figures.last_backup.is_some_and(|at| at >= self.started_at);
        if self.store.failed_backup().is_some() || last.plus(2 * every) <= now {
            lasts(seen, condition, figures.last_backup.unwrap_or(now), None);
        } else if !succeeded {
            // That the last one failed before the start is not known any more.
            seen.unknown.insert(condition);
        }
    }

    fn silence(
        &mut self,
        config: &Config,
        accounts: &[(AccountNo, String)],
        (now, state): (Timestamp, &State),
        seen: &mut Seen,
    ) {
        let Some(span) = config.alerts.no_events_for else {
            self.last_events.clear();
            // Nobody asks for it any more, and none need have been recorded.
            self.unsaid.extend(accounts.iter().map(|(account, _)| Condition::NoEvents(*account)));
            return;
        };
        for (account, _) in accounts {
            let condition = Condition::NoEvents(*account);
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
                        seen.unknown.insert(condition);
                        continue;
                    }
                },
            };
            // A shop that has never recorded any is being set up.
            if let Some(last) = last.filter(|last| last.plus(span) <= now) {
                lasts(seen, condition, last, Some(*account));
                continue;
            }
            let since = state.alerts.get(&(Recipient::Operator, condition)).map(|alert| alert.since);
            match (last, since) {
                // The clock was put back.
                (Some(last), _) if last > now => drop(seen.unknown.insert(condition)),
                (Some(last), Some(since)) if last > since => {}
                // The config waits longer by now, or retention has taken the last one.
                (_, Some(_)) => drop(self.unsaid.insert(condition)),
                (_, None) => {}
            }
        }
    }

    /// Whether what a condition is about is there still.
    pub fn is_there(&self, condition: Condition, accounts: &[(AccountNo, String)]) -> bool {
        match condition {
            Condition::NoEvents(account) => accounts.iter().any(|(no, _)| *no == account),
            Condition::ClientCertificate(no) => {
                self.delivery.client.client_certificates().iter().any(|one| one.name().number() == no)
            }
            _ => condition.webhook().is_none_or(|no| self.store.directory().by_no(no).is_some()),
        }
    }

    /// Whether anybody looks at it: nobody is told that a webhook is well again that was paused or has another target,
    /// nor that a certificate was renewed that isn't used any more.
    pub fn is_looked_at(&self, condition: Condition, accounts: &[(AccountNo, String)]) -> bool {
        if self.unsaid.contains(&condition) {
            return false;
        }
        let directory = self.store.directory();
        let Some(webhook) = condition.webhook().and_then(|no| directory.by_no(no)) else {
            let has_none = condition == Condition::OwnCertificate && (self.own_certificate)().is_none();
            return !has_none && self.is_there(condition, accounts);
        };
        let is_used = match condition {
            Condition::WebhookFailing(_) | Condition::WebhookDisabling(_) => webhook.is_active(),
            Condition::TargetCertificate(_) => webhook.is_active() && webhook.target.is_https(),
            _ => true,
        };
        is_used && accounts.iter().any(|(no, _)| *no == webhook.account)
    }
}

/// What nothing holds an alert of back. Never blocks: it is looked at while the disk doesn't answer.
pub(super) fn critical(store: &Store, state: &State, now: Timestamp, seen: &mut Seen) {
    let figures = store.stats();
    if let Some(free) = figures.free_bytes {
        // Twice what is kept free is a warning in time; a tenth more ends it, so that it doesn't come and go.
        let mark = figures.min_free_bytes.saturating_mul(2);
        let is_open = state.alerts.contains_key(&(Recipient::Operator, Condition::DiskLow));
        let enough = if is_open { mark.saturating_add(mark / 10) } else { mark };
        if free < enough || store.disk_level() != DiskLevel::Enough {
            lasts(seen, Condition::DiskLow, now, None);
        }
    }
    if store.full().is_some() || !store.is_alive() || store.stuck_for() > STALLED {
        lasts(seen, Condition::StoreRefusing, now, None);
    }
}

fn lasts(seen: &mut Seen, condition: Condition, since: Timestamp, account: Option<AccountNo>) {
    seen.lasting.insert(condition, Lasting { since, account });
}

#[cfg(test)]
mod tests;
