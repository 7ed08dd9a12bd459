//! The driver: the scheduler, with what it has to know of webhooks, settings and the store.
//!
//! It takes in what the store and the attempts say, has the scheduler step, and says what is to be done. It decides one
//! thing by itself: what an attempt's result means for the schedule, which needs the policy and the clock that the pure
//! core does without. It waits for nothing and spawns nothing: the engine's tasks do that, and in the tests a
//! simulation.

use super::engine_status::EngineStatus;
use super::lane::Standstill;
use super::message::{Action, AttemptKind, Input, LaneSettings, Reachability, RetryAfterHold};
use super::scheduler::Scheduler;
use crate::clock::Clock;
use crate::config;
use crate::delivery::transport::client::{AttemptReport, Client};
use crate::delivery::transport::prepared_webhook::PreparedWebhook;
use crate::model::{
    AccountNo, AttemptResult, ErrorCode, NotificationKey, Payload, RetryPolicy, SentRequest, Seq, Timestamp,
    TraceContext, Trigger, Verdict, WaitReason, Webhook, WebhookNo,
};
use crate::store::{CachedPayload, Due, NextAttempt, RecordOutcome, Store, StoreError, StoreUpdate};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// How long after a failed read of a notification that is due it is tried again.
pub(crate) const READ_AGAIN: Duration = Duration::from_secs(15);
/// The shortest time between two warnings that this machine can't make attempts.
const WARN_AGAIN: Duration = Duration::from_secs(60);
/// How many of each queue's first rows an audit reads.
const AUDIT_ROWS: usize = 64;

/// What comes back of the driver's actions.
pub(crate) enum DriverEvent {
    AttemptEnded(Box<EndedAttempt>),
    /// The notification was not attempted: something else is pending of it by now, or nothing.
    Skipped {
        key: NotificationKey,
        next_attempt: NextAttempt,
    },
    /// It could not be read; [`READ_AGAIN`] later the scheduler is to hear [`Input::Unreadable`].
    Unreadable(NotificationKey),
    Scheduler(Input<Arc<CachedPayload>>),
}

/// An attempt, and what it was made for.
pub(crate) struct EndedAttempt {
    pub(crate) key: NotificationKey,
    /// The webhook as the attempt knew it.
    pub(crate) prepared: Arc<PreparedWebhook>,
    pub(crate) kind: AttemptKind,
    pub(crate) trigger: Trigger,
    /// Automatic attempts made before this one.
    pub(crate) automatic: u8,
    /// When a manual attempt was requested.
    pub(crate) requested_at: Option<Timestamp>,
    pub(crate) started_at: Timestamp,
    /// What was sent.
    pub(crate) request: Option<Box<SentRequest>>,
    pub(crate) report: AttemptReport,
}

pub(crate) struct Driver {
    store: Store,
    client: Client,
    settings: config::Delivery,
    /// That of the settings, for webhooks that have none of their own.
    retry: RetryPolicy,
    clock: Clock,
    scheduler: Scheduler<Arc<CachedPayload>>,
    /// In order, so that whatever goes over all of them does the same in every run.
    webhooks: BTreeMap<WebhookNo, Arc<PreparedWebhook>>,
    status: Arc<EngineStatus>,
    stopping: bool,
    /// Why the store has no room for outcomes, if it has none.
    starved: Option<WaitReason>,
    /// When the log last had a warning that this machine can't make attempts, by [`Clock::pace`].
    warned: Option<Duration>,
    /// What the status says of the lanes that something holds.
    shown: HashMap<WebhookNo, (Standstill, Timestamp)>,
}

impl Driver {
    /// For a store whose events are durable up to `durable`. [`Driver::lanes`] comes first of all.
    pub(crate) fn new(
        store: Store,
        client: Client,
        settings: config::Delivery,
        clock: Clock,
        durable: Seq,
        status: Arc<EngineStatus>,
    ) -> Self {
        let scheduler = Scheduler::new(clock.now(), settings.max_in_flight, durable);
        Self {
            store,
            client,
            retry: settings.retry(),
            settings,
            clock,
            scheduler,
            webhooks: BTreeMap::new(),
            status,
            stopping: false,
            starved: None,
            warned: None,
            shown: HashMap::new(),
        }
    }

    /// Lanes hold no more than this each.
    #[cfg(test)]
    pub(crate) fn bounded(self, bounds: super::queue::Bounds) -> Self {
        Self { scheduler: self.scheduler.bounded(bounds), ..self }
    }

    /// A lane for each webhook there is.
    pub(crate) fn lanes(&mut self) -> Vec<Input<Arc<CachedPayload>>> {
        let directory = self.store.directory();
        let mut webhooks: Vec<_> = directory.all().collect();
        webhooks.sort_unstable_by_key(|webhook| webhook.no);
        webhooks.into_iter().map(|webhook| self.lane(webhook.clone())).collect()
    }

    /// Has the scheduler take in `inputs`; what is to be done is put into `actions`.
    pub(crate) fn step(
        &mut self,
        inputs: &mut Vec<Input<Arc<CachedPayload>>>,
        actions: &mut Vec<Action<Arc<CachedPayload>>>,
    ) {
        self.status.steps();
        let mut touched: Vec<WebhookNo> = inputs.iter().filter_map(touches).collect();
        self.scheduler.step(self.clock.now(), inputs.drain(..), actions);
        touched.extend(actions.iter().filter_map(|action| match action {
            Action::Start { key, .. } => Some(key.webhook),
            _ => None,
        }));
        touched.sort_unstable();
        touched.dedup();
        for no in touched {
            self.show(no);
        }
    }

    /// Makes no attempts while disk or memory are so full that their outcomes might not fit. `None` where nothing has
    /// changed.
    pub(crate) fn check_room(&mut self) -> Option<Input<Arc<CachedPayload>>> {
        let starved = self.store.holds_attempts();
        if starved == self.starved {
            return None;
        }
        self.starved = starved;
        self.status.set_starved(starved);
        Some(Input::MaxInFlight(self.max_in_flight()))
    }

    /// Starts nothing more.
    pub(crate) fn stop(&mut self) -> Input<Arc<CachedPayload>> {
        self.stopping = true;
        Input::MaxInFlight(0)
    }

    fn max_in_flight(&self) -> usize {
        if self.starved.is_some() || self.stopping { 0 } else { self.settings.max_in_flight }
    }

    /// When a step is due at the latest, if no input comes before.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        self.scheduler.next_wake()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.scheduler.in_flight()
    }

    /// How many notifications the lanes hold in memory.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.scheduler.held()
    }

    /// A webhook as attempts are made for it now; `None` where it was deleted.
    pub(crate) fn webhook(&self, no: WebhookNo) -> Option<&Arc<PreparedWebhook>> {
        self.webhooks.get(&no)
    }

    fn lane(&mut self, webhook: Arc<Webhook>) -> Input<Arc<CachedPayload>> {
        let no = webhook.no;
        if webhook.deleted_at.is_some() {
            self.webhooks.remove(&no);
            self.client.forget(no);
            return Input::LaneRemoved(no);
        }
        let settings = LaneSettings {
            account: webhook.account,
            active: webhook.is_active() && !self.store.is_absent(webhook.account),
            max_in_flight: webhook.max_in_flight.unwrap_or(self.settings.max_in_flight_per_webhook).into(),
            rate_limit: webhook.rate_limit,
        };
        let old = self.webhooks.get(&no);
        let moved = old.is_some_and(|old| old.webhook.target != webhook.target);
        let renewals = old.map_or(0, |old| old.renewals);
        // What it keeps leads to the old target, or to one that nothing is sent to for now.
        if moved || !webhook.is_active() {
            self.client.forget(no);
        }
        self.webhooks.insert(no, Arc::new(PreparedWebhook::new(webhook, renewals)));
        Input::LaneChanged { no, settings }
    }

    /// What was learned of the target so far holds no more, nor what attempts in flight will say.
    fn renewed(&mut self, no: WebhookNo, moved: bool) -> Input<Arc<CachedPayload>> {
        if let Some(prepared) = self.webhooks.get_mut(&no) {
            *prepared = Arc::new(PreparedWebhook::new(prepared.webhook.clone(), prepared.renewals.wrapping_add(1)));
        }
        Input::TargetRenewed { no, moved }
    }

    /// Whether an attempt was made for a webhook as it is still: the same target, not set ACTIVE again since.
    fn is_current(&self, prepared: &PreparedWebhook) -> bool {
        self.webhooks.get(&prepared.webhook.no).is_some_and(|now| now.renewals == prepared.renewals)
    }

    /// Tells what holds a lane, if that is another thing than before.
    fn show(&mut self, no: WebhookNo) {
        let lane = self.webhooks.get(&no).zip(self.scheduler.standstill(no));
        let held = lane.map(|(prepared, held)| (held, prepared.webhook.updated_at));
        let held = held.filter(|(held, _)| *held != Standstill::default());
        if self.shown.get(&no) == held.as_ref() {
            return;
        }
        self.status.show(no, held);
        match held {
            Some(held) => drop(self.shown.insert(no, held)),
            None => drop(self.shown.remove(&no)),
        }
    }

    /// Idle connections that have waited for too long, and those that tests of paused webhooks have left. A clock that
    /// jumped has let go of every lane.
    pub(crate) fn sweep(&mut self) {
        let shown: Vec<WebhookNo> = self.shown.keys().copied().collect();
        for no in shown {
            self.show(no);
        }
        self.client.sweep();
        self.webhooks
            .values()
            .filter(|prepared| !prepared.webhook.is_active())
            .for_each(|prepared| self.client.forget(prepared.webhook.no));
    }

    pub(crate) fn reload(&mut self, settings: config::Delivery, inputs: &mut Vec<Input<Arc<CachedPayload>>>) {
        self.retry = settings.retry();
        self.settings = settings;
        inputs.push(Input::MaxInFlight(self.max_in_flight()));
        let webhooks: Vec<Arc<Webhook>> = self.webhooks.values().map(|prepared| prepared.webhook.clone()).collect();
        inputs.extend(webhooks.into_iter().map(|webhook| self.lane(webhook)));
    }

    pub(crate) fn on_store_update(&mut self, update: StoreUpdate) -> Input<Arc<CachedPayload>> {
        match update {
            StoreUpdate::Webhook(webhook) => self.lane(webhook),
            StoreUpdate::Untried { key, payload } => Input::Untried { key, payload },
            StoreUpdate::Manual { key, since, at_once } => Input::Manual { key, since, at_once },
            StoreUpdate::Renewed { no, moved } => self.renewed(no, moved),
            StoreUpdate::Rescheduled { key, due } => Input::Rescheduled { key, due },
            StoreUpdate::OutcomeRecorded { key, next_attempt } => {
                self.status.is_over(key);
                Input::OutcomeRecorded { key, next_attempt }
            }
            StoreUpdate::Cancelled { key } => Input::Cancelled(key),
            StoreUpdate::Durable(seq) => Input::Durable(seq),
        }
    }

    pub(crate) fn on_event(&mut self, event: DriverEvent, inputs: &mut Vec<Input<Arc<CachedPayload>>>) {
        match event {
            DriverEvent::Scheduler(input) => inputs.push(input),
            DriverEvent::Skipped { key, next_attempt } => {
                self.status.is_over(key);
                inputs.push(Input::AttemptEnded { key, reachability: Reachability::NotAttempted, hold: None });
                inputs.push(Input::OutcomeRecorded { key, next_attempt });
            }
            DriverEvent::Unreadable(key) => {
                self.status.is_over(key);
                inputs.push(Input::AttemptEnded { key, reachability: Reachability::NotAttempted, hold: None });
            }
            DriverEvent::AttemptEnded(ended) => self.on_attempt_ended(*ended, inputs),
        }
    }

    /// What a result means: the verdict for the store, the reachability and hold for the scheduler.
    fn on_attempt_ended(&mut self, ended: EndedAttempt, inputs: &mut Vec<Input<Arc<CachedPayload>>>) {
        let EndedAttempt { key, prepared, kind, trigger, automatic, requested_at, started_at, request, report } = ended;
        self.status.attempts.ended(&report.result, Duration::from_micros(u64::from(report.duration_us)));
        let now = self.clock.now();
        let current = self.is_current(&prepared);
        if !current || !prepared.webhook.is_active() {
            // Its connection was given back after those of its webhook had been closed.
            self.client.forget(key.webhook);
        }
        let (retry_after, reachability) = match &report.result {
            result if result.confirms() => (None, Reachability::Confirmed),
            AttemptResult::Response(response) => {
                // A target that the webhook no longer has asks for nothing any more.
                let pause = response.retry_after.filter(|_| current);
                (pause.map(|span| span.min(self.settings.retry_after_cap)), Reachability::Answered)
            }
            AttemptResult::Error(error) => (None, reachability_of(error.code)),
        };
        if reachability == Reachability::LocalFault {
            self.warn_of_local_fault(&report.result, &prepared.webhook);
            // An automatic attempt uses up nothing of its schedule and is made again. A manual one is recorded: a
            // person waits for its outcome.
            let next_attempt = match kind {
                AttemptKind::Untried => Some(NextAttempt::First),
                AttemptKind::Retry(due) => Some(NextAttempt::Retry(due)),
                AttemptKind::Manual => None,
            };
            if let Some(next_attempt) = next_attempt {
                self.status.is_over(key);
                inputs.push(Input::AttemptEnded { key, reachability, hold: None });
                return inputs.push(Input::OutcomeRecorded { key, next_attempt });
            }
        }
        let mut gap = Duration::ZERO;
        let verdict = match trigger {
            _ if reachability == Reachability::Confirmed => Verdict::Confirmed,
            Trigger::Manual | Trigger::Test => Verdict::ScheduleUnchanged,
            Trigger::Automatic => {
                // By the schedule that holds now.
                let prepared = self.webhooks.get(&key.webhook).unwrap_or(&prepared);
                let policy = prepared.retry(&self.retry);
                match policy.next_attempt_at(automatic.saturating_add(1), key, now, retry_after) {
                    Ok(at) => {
                        gap = at.since(now);
                        Verdict::RetryAt(at)
                    }
                    Err(_) => Verdict::Exhausted,
                }
            }
        };
        let manual = trigger != Trigger::Automatic;
        let hold = retry_after.map(|span| RetryAfterHold { span, manual });
        // The store counts.
        let attempt = report.into_attempt(0, trigger, started_at, request);
        self.store.record_outcome(RecordOutcome {
            account: prepared.webhook.account,
            key,
            attempt,
            verdict,
            gap,
            requested_at,
            webhook_updated_at: prepared.webhook.updated_at,
        });
        inputs.push(Input::AttemptEnded { key, reachability, hold });
    }

    fn warn_of_local_fault(&mut self, result: &AttemptResult, webhook: &Webhook) {
        let now = self.clock.pace();
        if self.warned.is_some_and(|warned| now.saturating_sub(warned) < WARN_AGAIN) {
            return;
        }
        self.warned = Some(now);
        if let AttemptResult::Error(error) = result {
            tracing::warn!(
                webhook = %webhook.id, why = error.message,
                "this machine could not make an attempt: it uses up none of the 20 and is made again; look at \
                 LimitNOFILE and memory"
            );
        }
    }
}

/// The lane that may be held from now on, or no longer.
fn touches(input: &Input<Arc<CachedPayload>>) -> Option<WebhookNo> {
    match input {
        Input::LaneChanged { no, .. } | Input::TargetRenewed { no, .. } | Input::LaneRemoved(no) => Some(*no),
        Input::AttemptEnded { key, .. } => Some(key.webhook),
        Input::Untried { .. }
        | Input::Manual { .. }
        | Input::Rescheduled { .. }
        | Input::Unreadable(_)
        | Input::OutcomeRecorded { .. }
        | Input::Cancelled(_)
        | Input::Durable(_)
        | Input::UntriedPage { .. }
        | Input::RetryPage { .. }
        | Input::ManualPage { .. }
        | Input::Audited { .. }
        | Input::MaxInFlight(_) => None,
    }
}

/// Reads the page that an action asks for. Blocks on the disk at worst. `None` for an action that asks for none.
pub(crate) fn load(
    store: &Store,
    action: &Action<Arc<CachedPayload>>,
) -> Result<Option<Input<Arc<CachedPayload>>>, StoreError> {
    Ok(Some(match *action {
        Action::LoadUntried(request) => Input::UntriedPage {
            request,
            rows: store.untried_page(request.account, request.lane, request.from, request.limit)?,
        },
        Action::LoadRetries(request, until) => Input::RetryPage {
            request,
            until,
            rows: store.retry_page(request.lane, request.from, until, request.limit)?,
        },
        Action::LoadManual(request) => {
            Input::ManualPage { request, rows: store.manual_page(request.lane, request.from, request.limit)? }
        }
        Action::Audit { lane, account, before } => {
            let first = Due { at: Timestamp::from_ms(0), seq: Seq(0) };
            let retries = store.retry_page(lane, first, before, AUDIT_ROWS)?;
            let untried = store.untried_page(account, lane, Seq(0), AUDIT_ROWS)?;
            let manual = store.manual_page(lane, first, AUDIT_ROWS)?;
            Input::Audited { lane, retries, untried, manual }
        }
        Action::Start { .. } | Action::Lost(_) => return Ok(None),
    }))
}

/// What an attempt is made of.
pub(crate) struct PreparedAttempt {
    pub(crate) body: bytes::Bytes,
    pub(crate) trigger: Trigger,
    /// Automatic attempts made before this one.
    pub(crate) automatic: u8,
    /// When a manual attempt was requested.
    pub(crate) requested_at: Option<Timestamp>,
    /// Which attempt of its notification it is.
    pub(crate) number: u16,
    pub(crate) trace: Option<Arc<TraceContext>>,
}

impl PreparedAttempt {
    /// Of a notification that the commit which recorded its event has just announced: there is nothing to read that
    /// could differ.
    pub(crate) fn untried(payload: &CachedPayload) -> Self {
        Self {
            body: payload.payload().body().clone(),
            trigger: Trigger::Automatic,
            automatic: 0,
            requested_at: None,
            number: 1,
            trace: payload.trace().cloned(),
        }
    }
}

/// What a failure says of the target.
const fn reachability_of(code: ErrorCode) -> Reachability {
    match code {
        ErrorCode::Internal => Reachability::LocalFault,
        code if code.is_unreachable() => Reachability::Unreachable,
        _ => Reachability::Inconclusive,
    }
}

/// Reads a notification that a timer or a queue says is due: its attempt if it still is, what is pending of it instead
/// if not. That is the whole of cancellation. Blocks on the disk at worst.
pub(crate) fn prepare_attempt(
    store: &Store,
    account: AccountNo,
    key: NotificationKey,
    kind: AttemptKind,
) -> Result<Result<PreparedAttempt, NextAttempt>, StoreError> {
    let Some(notification) = store.notification(account, key)? else {
        return Ok(Err(NextAttempt::Nothing));
    };
    let next_attempt = NextAttempt::from(&notification);
    let still = match kind {
        AttemptKind::Untried => next_attempt == NextAttempt::First,
        AttemptKind::Retry(due) => next_attempt == NextAttempt::Retry(due),
        AttemptKind::Manual => notification.manual_at.is_some(),
    };
    if !still {
        return Ok(Err(next_attempt));
    }
    let Some((event, Some(payload))) = store.event(account, key.seq)? else {
        // Erased between the two reads; the erasure has cancelled it.
        return Ok(Err(NextAttempt::Nothing));
    };
    Ok(Ok(PreparedAttempt {
        body: Payload::body(&payload).clone(),
        trigger: if kind == AttemptKind::Manual { notification.manual_trigger() } else { Trigger::Automatic },
        automatic: notification.automatic,
        requested_at: notification.manual_at.filter(|_| kind == AttemptKind::Manual),
        number: notification.attempts.saturating_add(1),
        trace: event.trace,
    }))
}
