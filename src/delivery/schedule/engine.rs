//! The thin driver around the scheduler: it learns, steps, and does as it is told.
//!
//! One task owns the scheduler. It hears from the store over one channel and from its own attempts and reads over another;
//! every attempt is a task of its own, owned and joined here. The driver decides one thing by itself: what an attempt's
//! result means for the schedule, which needs the policy and the clock that the pure core does without.

use super::lane::{Settings, Standstill};
use super::scheduler::{Action, AttemptKind, Input, Reachability, RetryAfterHold, Scheduler};
use super::status::Status;
use crate::clock::Clock;
use crate::delivery::redact::redact;
use crate::delivery::transport::client::{AttemptReport, Client};
use crate::delivery::transport::prepare::PreparedWebhook;
use crate::model::{
    AccountNo, AttemptResult, ErrorCode, NotificationKey, Payload, RetryPolicy, Seq, Timestamp, TraceContext, Trigger,
    Verdict, Webhook, WebhookNo,
};
use crate::store::{Due, Hot, Room, Standing, Store, StoreError, Told};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// The longest the driver sleeps: a wall clock that steps, or a machine that was suspended, is noticed within it.
const MAX_SLEEP: Duration = Duration::from_secs(1);
/// How many messages are taken in before the scheduler steps.
const MAX_TURN: usize = 512;
/// How often idle connections are looked through.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// How long after a failed read of what is due it is tried again.
const LOAD_AGAIN: Duration = Duration::from_secs(5);
/// How long after a failed read of a notification that is due it is tried again.
const READ_AGAIN: Duration = Duration::from_secs(15);
/// How often it is said at most that this machine can't make attempts.
const SAY_AGAIN: Duration = Duration::from_secs(60);
/// How many of a lane's first rows an audit looks at.
const AUDIT_ROWS: usize = 64;

/// What the config says of delivery; replaced on reload.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// The schedule of webhooks that have none of their own.
    pub retry: RetryPolicy,
    /// The longest `Retry-After` that is honoured.
    pub retry_after_cap: Duration,
    /// The most attempts in flight over all webhooks.
    pub max_in_flight: usize,
    /// The most attempts in flight of a webhook that has no limit of its own.
    pub max_in_flight_per_webhook: usize,
}

/// A running engine.
pub struct Engine {
    /// What others may ask of it.
    pub status: Arc<Status>,
    commands: mpsc::UnboundedSender<Command>,
    task: tokio::task::JoinHandle<()>,
}

enum Command {
    Reload(Box<EngineSettings>),
    Stop { grace: Duration, done: oneshot::Sender<usize> },
}

/// The store's end of the channel: unbounded, because the committer must never wait for the engine. What is in it is bounded
/// all the same, by the store's limit of waiting commits and of payloads on their way.
pub type Feed = mpsc::UnboundedReceiver<Vec<Told>>;

impl Engine {
    /// Starts delivering what the store owes, the backlog of earlier runs included.
    pub fn start(
        store: Store,
        client: Client,
        settings: EngineSettings,
        clock: Clock,
        durable: Seq,
        feed: Feed,
    ) -> Self {
        let status = Arc::new(Status::new());
        let (commands, commands_in) = mpsc::unbounded_channel();
        let (events, events_in) = mpsc::unbounded_channel();
        let scheduler = Scheduler::new(clock.now(), settings.max_in_flight, durable);
        let driver = Driver {
            store,
            client,
            settings,
            clock,
            scheduler,
            lanes: HashMap::new(),
            attempts: JoinSet::new(),
            events,
            status: status.clone(),
            stopping: None,
            starved: false,
            said_ours: None,
            shown: HashMap::new(),
        };
        let task = tokio::spawn(driver.run(feed, events_in, commands_in));
        Self { status, commands, task }
    }

    /// Takes up what a reload changed; attempts in flight end as they began.
    pub fn reload(&self, settings: EngineSettings) {
        // An engine that is gone needs no settings.
        let _ = self.commands.send(Command::Reload(Box::new(settings)));
    }

    /// Starts nothing more, lets attempts in flight end for at most `grace`, and stops; what was cut off stays owed. Returns
    /// how many attempts were cut off.
    pub async fn stop(self, grace: Duration) -> usize {
        let (done, stopped) = oneshot::channel();
        let _ = self.commands.send(Command::Stop { grace, done });
        let cut_off = stopped.await.unwrap_or(0);
        // A driver that panicked has nothing in flight any more.
        let _ = self.task.await;
        cut_off
    }
}

/// What the driver hears from its own tasks.
enum DriverEvent {
    AttemptEnded(Box<EndedAttempt>),
    /// The notification was not attempted: it is owed something else by now, or nothing.
    Skipped {
        key: NotificationKey,
        standing: Standing,
    },
    /// It could not be read.
    Unreadable(NotificationKey),
    Scheduler(Input<Arc<Hot>>),
}

struct EndedAttempt {
    key: NotificationKey,
    lane: Arc<PreparedWebhook>,
    kind: AttemptKind,
    trigger: Trigger,
    /// Automatic attempts made before this one.
    automatic: u8,
    /// Since when an attempt by hand was owed.
    requested_at: Option<Timestamp>,
    started_at: Timestamp,
    report: AttemptReport,
}

struct Driver {
    store: Store,
    client: Client,
    settings: EngineSettings,
    clock: Clock,
    scheduler: Scheduler<Arc<Hot>>,
    lanes: HashMap<WebhookNo, Arc<PreparedWebhook>>,
    attempts: JoinSet<()>,
    events: mpsc::UnboundedSender<DriverEvent>,
    status: Arc<Status>,
    stopping: Option<oneshot::Sender<usize>>,
    /// Whether the disk leaves no room for outcomes.
    starved: bool,
    /// When it was last said that this machine can't make attempts.
    said_ours: Option<tokio::time::Instant>,
    /// What is told of the lanes that something holds.
    shown: HashMap<WebhookNo, (Standstill, Timestamp)>,
}

impl Driver {
    fn max_in_flight(&self) -> usize {
        if self.starved || self.stopping.is_some() { 0 } else { self.settings.max_in_flight }
    }

    async fn run(
        mut self,
        mut feed: Feed,
        mut events_in: mpsc::UnboundedReceiver<DriverEvent>,
        mut commands: mpsc::UnboundedReceiver<Command>,
    ) {
        let mut inputs = Vec::new();
        for webhook in self.store.directory().all() {
            inputs.push(self.lane(webhook.clone()));
        }
        let mut actions = Vec::new();
        let mut cut_off_at: Option<tokio::time::Instant> = None;
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        let mut feed_open = true;
        loop {
            let now = self.clock.now();
            self.status.steps();
            let mut touched: Vec<WebhookNo> = inputs.iter().filter_map(touches).collect();
            self.scheduler.step(now, inputs.drain(..), &mut actions);
            for action in actions.drain(..) {
                if let Action::Start { key, .. } = &action {
                    touched.push(key.webhook);
                }
                self.perform(action);
            }
            touched.sort_unstable();
            touched.dedup();
            for no in touched {
                self.show(no);
            }
            if self.stopping.is_some()
                && (self.scheduler.in_flight() == 0 || cut_off_at.is_some_and(|at| tokio::time::Instant::now() >= at))
            {
                break;
            }
            // On a disk that is nearly full, outcomes must find room: no attempt is made whose outcome might not.
            let starved = self.store.room() == Room::Critical;
            if starved != self.starved {
                self.starved = starved;
                self.status.has_room(!starved);
                inputs.push(Input::MaxInFlight(self.max_in_flight()));
                continue;
            }
            let nap = self.scheduler.next_wake().map_or(MAX_SLEEP, |wake| wake.since(self.clock.now()).min(MAX_SLEEP));
            tokio::select! {
                told = feed.recv(), if feed_open => match told {
                    Some(told) => inputs.extend(told.into_iter().map(|told| self.on_store_update(told))),
                    None => feed_open = false,
                },
                Some(event) = events_in.recv() => self.on_event(event, &mut inputs),
                command = commands.recv(), if self.stopping.is_none() => {
                    let command = command.unwrap_or_else(|| Command::Stop { grace: Duration::ZERO, done: oneshot::channel().0 });
                    match command {
                        Command::Reload(settings) => self.reload(*settings, &mut inputs),
                        Command::Stop { grace, done } => {
                            self.stopping = Some(done);
                            cut_off_at = Some(tokio::time::Instant::now() + grace);
                            inputs.push(Input::MaxInFlight(0));
                        }
                    }
                }
                _ = sweep.tick() => self.sweep(),
                () = tokio::time::sleep(nap) => {}
            }
            // Whatever else waits is taken along: one step for many messages.
            while inputs.len() < MAX_TURN {
                if let Ok(told) = feed.try_recv() {
                    inputs.extend(told.into_iter().map(|told| self.on_store_update(told)));
                } else if let Ok(event) = events_in.try_recv() {
                    self.on_event(event, &mut inputs);
                } else {
                    break;
                }
            }
            while self.attempts.try_join_next().is_some() {}
        }
        let cut_off = self.scheduler.in_flight();
        self.attempts.shutdown().await;
        // What ended while the others were cut off still counts.
        while let Ok(event) = events_in.try_recv() {
            self.on_event(event, &mut inputs);
        }
        if let Some(done) = self.stopping.take() {
            let _ = done.send(cut_off);
        }
    }

    fn lane(&mut self, webhook: Arc<Webhook>) -> Input<Arc<Hot>> {
        let no = webhook.no;
        if webhook.deleted_at.is_some() {
            self.lanes.remove(&no);
            self.client.forget(no);
            return Input::LaneRemoved(no);
        }
        let settings = Settings {
            account: webhook.account,
            active: webhook.is_active() && !self.store.is_absent(webhook.account),
            max_in_flight: webhook.max_in_flight.map_or(self.settings.max_in_flight_per_webhook, usize::from),
            rate_limit: webhook.rate_limit,
        };
        let old = self.lanes.get(&no);
        let moved = old.is_some_and(|old| old.webhook.target != webhook.target);
        let renewals = old.map_or(0, |old| old.renewals);
        // What it keeps leads to the old target, or to one that nothing is sent to for now.
        if moved || !webhook.is_active() {
            self.client.forget(no);
        }
        self.lanes.insert(no, Arc::new(PreparedWebhook::new(webhook, renewals)));
        Input::LaneChanged { no, settings }
    }

    /// What was learned of the target so far holds no more, nor what attempts in flight will say.
    fn renewed(&mut self, no: WebhookNo, moved: bool) -> Input<Arc<Hot>> {
        if let Some(lane) = self.lanes.get_mut(&no) {
            *lane = Arc::new(PreparedWebhook::new(lane.webhook.clone(), lane.renewals.wrapping_add(1)));
        }
        Input::TargetRenewed { no, moved }
    }

    /// Whether an attempt was made for a webhook as it is still: the same target, nothing asked of it anew.
    fn is_current(&self, lane: &PreparedWebhook) -> bool {
        self.lanes.get(&lane.webhook.no).is_some_and(|now| now.renewals == lane.renewals)
    }

    /// Tells what holds a lane, if that is another thing than before.
    fn show(&mut self, no: WebhookNo) {
        let lane = self.lanes.get(&no).zip(self.scheduler.standstill(no));
        let held = lane.map(|(lane, held)| (held, lane.webhook.updated_at));
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

    /// Idle connections that have waited for too long, and those that tests of paused webhooks have left. A clock that jumped has let
    /// go of every lane.
    fn sweep(&mut self) {
        let shown: Vec<WebhookNo> = self.shown.keys().copied().collect();
        for no in shown {
            self.show(no);
        }
        self.client.sweep();
        self.lanes
            .values()
            .filter(|lane| !lane.webhook.is_active())
            .for_each(|lane| self.client.forget(lane.webhook.no));
    }

    fn reload(&mut self, settings: EngineSettings, inputs: &mut Vec<Input<Arc<Hot>>>) {
        self.settings = settings;
        inputs.push(Input::MaxInFlight(self.max_in_flight()));
        let webhooks: Vec<Arc<Webhook>> = self.lanes.values().map(|lane| lane.webhook.clone()).collect();
        inputs.extend(webhooks.into_iter().map(|webhook| self.lane(webhook)));
    }

    fn on_store_update(&mut self, told: Told) -> Input<Arc<Hot>> {
        match told {
            Told::Webhook(webhook) => self.lane(webhook),
            Told::Fresh { key, hot } => Input::Untried { key, hot },
            Told::Manual { key, since, at_once } => Input::Manual { key, since, at_once },
            Told::Renewed { no, moved } => self.renewed(no, moved),
            Told::Moved { key, due } => Input::Rescheduled { key, due },
            Told::Settled { key, standing } => {
                self.status.is_over(key);
                Input::OutcomeRecorded { key, standing }
            }
            Told::Cancelled { key } => Input::Cancelled(key),
            Told::Durable(seq) => Input::Durable(seq),
        }
    }

    fn on_event(&mut self, event: DriverEvent, inputs: &mut Vec<Input<Arc<Hot>>>) {
        match event {
            DriverEvent::Scheduler(input) => inputs.push(input),
            DriverEvent::Skipped { key, standing } => {
                self.status.is_over(key);
                inputs.push(Input::AttemptEnded { key, reachability: Reachability::NotAttempted, hold: None });
                inputs.push(Input::OutcomeRecorded { key, standing });
            }
            DriverEvent::Unreadable(key) => {
                self.status.is_over(key);
                inputs.push(Input::AttemptEnded { key, reachability: Reachability::NotAttempted, hold: None });
                let events = self.events.clone();
                // Not joined: it ends by itself, or with the runtime.
                tokio::spawn(async move {
                    tokio::time::sleep(READ_AGAIN).await;
                    let _ = events.send(DriverEvent::Scheduler(Input::Unreadable(key)));
                });
            }
            DriverEvent::AttemptEnded(ended) => self.on_attempt_ended(*ended, inputs),
        }
    }

    /// What a result means: the verdict for the store, the reachability and hold for the scheduler.
    fn on_attempt_ended(&mut self, ended: EndedAttempt, inputs: &mut Vec<Input<Arc<Hot>>>) {
        let EndedAttempt { key, lane, kind, trigger, automatic, requested_at, started_at, report } = ended;
        self.status.attempts.ended(&report.result, Duration::from_micros(u64::from(report.duration_us)));
        let now = self.clock.now();
        let current = self.is_current(&lane);
        if !current || !lane.webhook.is_active() {
            // Its connection was given back after those of its webhook had been closed.
            self.client.forget(key.webhook);
        }
        let (retry_after, reachability) = match &report.result {
            result if result.confirms() => (None, Reachability::Confirmed),
            AttemptResult::Response(response) => {
                // A target that the webhook no longer has asks for nothing any more.
                let asked = response.retry_after.filter(|_| current);
                (asked.map(|span| span.min(self.settings.retry_after_cap)), Reachability::Answered)
            }
            AttemptResult::Error(error) => (None, reachability_of(error.code)),
        };
        if reachability == Reachability::LocalFault {
            self.say_ours(&report.result, &lane.webhook);
            // Of the schedule it uses up nothing: it is owed what it was. Whoever waits for an attempt by hand is told how it went.
            let standing = match kind {
                AttemptKind::Untried => Some(Standing::Fresh),
                AttemptKind::Retry(due) => Some(Standing::Retry(due)),
                AttemptKind::Manual => None,
            };
            if let Some(standing) = standing {
                self.status.is_over(key);
                inputs.push(Input::AttemptEnded { key, reachability, hold: None });
                return inputs.push(Input::OutcomeRecorded { key, standing });
            }
        }
        let mut gap = Duration::ZERO;
        let verdict = match trigger {
            _ if reachability == Reachability::Confirmed => Verdict::Confirmed,
            Trigger::Manual | Trigger::Test => Verdict::ScheduleUnchanged,
            Trigger::Automatic => {
                // By the schedule that holds now.
                let lane = self.lanes.get(&key.webhook).unwrap_or(&lane);
                let policy = lane.retry(&self.settings.retry);
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
        let hold = retry_after.map(|span| RetryAfterHold { until: now.plus(span), manual });
        // The store counts.
        let attempt = report.into_attempt(0, trigger, started_at);
        self.store.settle(lane.webhook.account, key, attempt, verdict, gap, requested_at, lane.webhook.updated_at);
        inputs.push(Input::AttemptEnded { key, reachability, hold });
    }

    fn say_ours(&mut self, result: &AttemptResult, webhook: &Webhook) {
        let now = tokio::time::Instant::now();
        if self.said_ours.is_some_and(|said| now.duration_since(said) < SAY_AGAIN) {
            return;
        }
        self.said_ours = Some(now);
        if let AttemptResult::Error(error) = result {
            tracing::warn!(
                webhook = %webhook.id, why = error.message,
                "this machine could not make an attempt: it uses up none of the 20 and is made again; look at LimitNOFILE and memory"
            );
        }
    }

    fn perform(&mut self, action: Action<Arc<Hot>>) {
        match action {
            Action::Start { key, account, kind, hot } => {
                let Some(lane) = self.lanes.get(&key.webhook).cloned() else {
                    // Deleted between two steps; the slot must come back all the same.
                    let _ = self.events.send(DriverEvent::Skipped { key, standing: Standing::Nothing });
                    return;
                };
                let ticket = Ticket { key, events: self.events.clone(), status: self.status.clone(), open: true };
                let (store, client, clock) = (self.store.clone(), self.client.clone(), self.clock.clone());
                self.attempts.spawn(attempt(ticket, lane, account, kind, hot, store, client, clock));
            }
            Action::LoadUntried(ask) => self.load(move |store| {
                let rows = store.fresh_page(ask.account, ask.lane, ask.from, ask.limit)?;
                Ok(Input::UntriedPage { ask, rows })
            }),
            Action::LoadRetries(ask, until) => self.load(move |store| {
                let rows = store.retry_page(ask.lane, ask.from, until, ask.limit)?;
                Ok(Input::RetryPage { ask, until, rows })
            }),
            Action::LoadManual(ask) => self.load(move |store| {
                let rows = store.manual_page(ask.lane, ask.from, ask.limit)?;
                Ok(Input::ManualPage { ask, rows })
            }),
            Action::Audit { lane, account, before } => self.load(move |store| {
                let first = Due { at: Timestamp::from_ms(0), seq: Seq(0) };
                let retries = store.retry_page(lane, first, before, AUDIT_ROWS)?;
                let fresh = store.fresh_page(account, lane, Seq(0), AUDIT_ROWS)?;
                let manual = store.manual_page(lane, first, AUDIT_ROWS)?;
                Ok(Input::Audited { lane, retries, fresh, manual })
            }),
            Action::Lost(key) => {
                let notification = self.store.notification_id(key);
                tracing::error!(%notification, "an overdue notification was held by nobody; this is a bug, it is taken up again");
            }
        }
    }

    /// Reads a page off the async threads. A read that fails is tried again until it doesn't: the lane waits for its answer.
    fn load(&self, read: impl Fn(&Store) -> Result<Input<Arc<Hot>>, StoreError> + Send + Sync + 'static) {
        let (store, events, read) = (self.store.clone(), self.events.clone(), Arc::new(read));
        // Not joined: it ends with its answer, or with the runtime.
        tokio::spawn(async move {
            loop {
                let (failed, store, read) = (store.clone(), store.clone(), read.clone());
                match tokio::task::spawn_blocking(move || read(&store)).await {
                    Ok(Ok(input)) => return drop(events.send(DriverEvent::Scheduler(input))),
                    Ok(Err(error)) => failed.note_failed_read(&error, "what is due"),
                    Err(error) => tracing::error!(%error, "reading what is due panicked"),
                }
                tokio::time::sleep(LOAD_AGAIN).await;
            }
        });
    }
}

/// The lane that may be held from now on, or no longer.
fn touches(input: &Input<Arc<Hot>>) -> Option<WebhookNo> {
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

/// The word that an attempt owes the driver. If its task is dropped or panics, the driver still hears that it has ended.
struct Ticket {
    key: NotificationKey,
    events: mpsc::UnboundedSender<DriverEvent>,
    status: Arc<Status>,
    open: bool,
}

impl Ticket {
    /// The attempt begins now, and will be this notification's attempt of that number.
    fn begins(&self, number: u16) {
        self.status.begins(self.key, number);
    }

    fn close(mut self, event: DriverEvent) {
        self.open = false;
        let _ = self.events.send(event);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            // Still owed in the store, and read again after a while.
            let _ = self.events.send(DriverEvent::Unreadable(self.key));
        }
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "everything one attempt needs, named; a struct would only repeat the names"
)]
async fn attempt(
    ticket: Ticket,
    lane: Arc<PreparedWebhook>,
    account: AccountNo,
    kind: AttemptKind,
    hot: Option<Arc<Hot>>,
    store: Store,
    client: Client,
    clock: Clock,
) {
    let key = ticket.key;
    let ready = if let Some(hot) = hot {
        // Told by the commit that made it owed, and never attempted: there is nothing to read that could differ.
        PreparedAttempt {
            body: hot.payload().body().clone(),
            trigger: Trigger::Automatic,
            automatic: 0,
            requested_at: None,
            number: 1,
            trace: hot.trace().cloned(),
        }
    } else {
        let (failed, store) = (store.clone(), store.clone());
        let read = tokio::task::spawn_blocking(move || read(&store, account, key, kind)).await;
        match read {
            Ok(Ok(Ok(ready))) => ready,
            Ok(Ok(Err(standing))) => return ticket.close(DriverEvent::Skipped { key, standing }),
            // The ticket says so: it is still due, uses up no attempt, and is read again in a while.
            Ok(Err(error)) => return failed.note_failed_read(&error, "an attempt"),
            Err(error) => return tracing::error!(%error, "reading a notification that is due panicked"),
        }
    };
    let started_at = clock.now();
    ticket.begins(ready.number);
    let request =
        lane.request(store.notification_id(key), ready.number, started_at, ready.body, ready.trace.as_deref());
    let mut report = client.attempt(request).await;
    if let AttemptResult::Response(response) = &mut report.result {
        redact(response, &lane.webhook);
    }
    let PreparedAttempt { trigger, automatic, requested_at, .. } = ready;
    ticket.close(DriverEvent::AttemptEnded(Box::new(EndedAttempt {
        key,
        lane,
        kind,
        trigger,
        automatic,
        requested_at,
        started_at,
        report,
    })));
}

struct PreparedAttempt {
    body: bytes::Bytes,
    trigger: Trigger,
    automatic: u8,
    requested_at: Option<Timestamp>,
    number: u16,
    trace: Option<Arc<TraceContext>>,
}

/// What a failure says of the target.
const fn reachability_of(code: ErrorCode) -> Reachability {
    match code {
        ErrorCode::Internal => Reachability::LocalFault,
        code if code.is_unreachable() => Reachability::Unreachable,
        _ => Reachability::Inconclusive,
    }
}

/// Reads a notification that a timer or a queue says is due: the request if it still is, what it is owed instead if not.
/// That is the whole of cancellation.
fn read(
    store: &Store,
    account: AccountNo,
    key: NotificationKey,
    kind: AttemptKind,
) -> Result<Result<PreparedAttempt, Standing>, StoreError> {
    let Some(notification) = store.notification(account, key)? else {
        return Ok(Err(Standing::Nothing));
    };
    let standing = Standing::from(&notification);
    let still = match kind {
        AttemptKind::Untried => standing == Standing::Fresh,
        AttemptKind::Retry(due) => standing == Standing::Retry(due),
        AttemptKind::Manual => notification.manual_at.is_some(),
    };
    if !still {
        return Ok(Err(standing));
    }
    let Some((event, Some(payload))) = store.event(account, key.seq)? else {
        // Erased between the two reads; the erasure has cancelled it.
        return Ok(Err(Standing::Nothing));
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
