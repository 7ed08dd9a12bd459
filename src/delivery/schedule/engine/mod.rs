//! The engine: the tasks that carry out what the driver decides.
//!
//! One task owns the [`Driver`]. It hears from the store over one channel and from its own attempts and reads over
//! another; every attempt is a task of its own, owned and joined here.

use super::driver::{Driver, DriverEvent, EndedAttempt, PreparedAttempt, READ_AGAIN, load, prepare_attempt};
use super::engine_status::EngineStatus;
use super::message::{Action, AttemptKind, Input};
use crate::clock::Clock;
use crate::config;
use crate::delivery::redact::redact;
use crate::delivery::transport::client::Client;
use crate::delivery::transport::prepared_webhook::PreparedWebhook;
use crate::model::{AccountNo, AttemptResult, NotificationKey, Seq};
use crate::store::{CachedPayload, NextAttempt, Store, StoreError, StoreUpdate};
use std::panic::{AssertUnwindSafe, catch_unwind};
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
/// How many attempts' contents one thread reads, one after the other: handing each to a thread of its own costs more
/// than reading it, unless the disk is slow, and then these wait for each other.
const READ_TOGETHER: usize = 16;

/// A running engine.
pub struct Engine {
    /// What others may ask of it.
    pub status: Arc<EngineStatus>,
    commands: mpsc::UnboundedSender<EngineCommand>,
    task: tokio::task::JoinHandle<()>,
}

enum EngineCommand {
    Reload(Box<config::Delivery>),
    Stop { grace: Duration, done: oneshot::Sender<usize> },
}

/// The store's end of the channel: unbounded, because the committer must never wait for the engine. What is in it is
/// bounded all the same, by the store's limit of waiting commits and of payloads on their way.
pub type StoreUpdateReceiver = mpsc::UnboundedReceiver<Vec<StoreUpdate>>;

impl Engine {
    /// Starts delivering what is pending in the store, the backlog of earlier runs included.
    pub fn start(
        store: Store,
        client: Client,
        settings: config::Delivery,
        clock: Clock,
        durable: Seq,
        store_updates: StoreUpdateReceiver,
    ) -> Self {
        let status = Arc::new(EngineStatus::new());
        let (commands, commands_in) = mpsc::unbounded_channel();
        let (events, events_in) = mpsc::unbounded_channel();
        let driver = Driver::new(store.clone(), client.clone(), settings, clock.clone(), durable, status.clone());
        let tasks = Tasks { driver, store, client, clock, attempts: JoinSet::new(), events, status: status.clone() };
        let task = tokio::spawn(tasks.run(store_updates, events_in, commands_in));
        Self { status, commands, task }
    }

    /// Takes up what a reload changed; attempts in flight end as they began.
    pub fn reload(&self, settings: config::Delivery) {
        // An engine that has stopped needs no settings.
        let _ = self.commands.send(EngineCommand::Reload(Box::new(settings)));
    }

    /// Starts nothing more, lets attempts in flight end for at most `grace`, and stops; what was cut off stays pending.
    /// Returns how many attempts were cut off.
    pub async fn stop(self, grace: Duration) -> usize {
        let (done, stopped) = oneshot::channel();
        let _ = self.commands.send(EngineCommand::Stop { grace, done });
        let cut_off = stopped.await.unwrap_or(0);
        // A driver that panicked has nothing in flight any more.
        let _ = self.task.await;
        cut_off
    }
}

/// The driver's tasks, and the channel by which they report.
struct Tasks {
    driver: Driver,
    store: Store,
    client: Client,
    clock: Clock,
    attempts: JoinSet<()>,
    events: mpsc::UnboundedSender<DriverEvent>,
    status: Arc<EngineStatus>,
}

impl Tasks {
    async fn run(
        mut self,
        mut store_updates: StoreUpdateReceiver,
        mut events_in: mpsc::UnboundedReceiver<DriverEvent>,
        mut commands: mpsc::UnboundedReceiver<EngineCommand>,
    ) {
        let mut inputs = self.driver.lanes();
        let mut actions = Vec::new();
        let mut stopping: Option<(oneshot::Sender<usize>, tokio::time::Instant)> = None;
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        let mut store_updates_open = true;
        loop {
            self.driver.step(&mut inputs, &mut actions);
            self.perform(&mut actions);
            let is_over = |at: tokio::time::Instant| self.driver.in_flight() == 0 || tokio::time::Instant::now() >= at;
            if stopping.as_ref().is_some_and(|(_, cut_off_at)| is_over(*cut_off_at)) {
                break;
            }
            if let Some(input) = self.driver.check_room() {
                inputs.push(input);
                continue;
            }
            let nap = self.driver.next_wake().map_or(MAX_SLEEP, |wake| wake.since(self.clock.now()).min(MAX_SLEEP));
            tokio::select! {
                updates = store_updates.recv(), if store_updates_open => match updates {
                    Some(updates) => self.on_store_updates(updates, &mut inputs),
                    None => store_updates_open = false,
                },
                Some(event) = events_in.recv() => self.on_event(event, &mut inputs),
                command = commands.recv(), if stopping.is_none() => {
                    // Without its handle, nobody wants the engine any more.
                    let dropped = || EngineCommand::Stop { grace: Duration::ZERO, done: oneshot::channel().0 };
                    match command.unwrap_or_else(dropped) {
                        EngineCommand::Reload(settings) => self.driver.reload(*settings, &mut inputs),
                        EngineCommand::Stop { grace, done } => {
                            stopping = Some((done, tokio::time::Instant::now() + grace));
                            inputs.push(self.driver.stop());
                        }
                    }
                }
                _ = sweep.tick() => self.driver.sweep(),
                () = tokio::time::sleep(nap) => {}
            }
            // Whatever else waits is taken along: one step for many messages.
            while inputs.len() < MAX_TURN {
                if let Ok(updates) = store_updates.try_recv() {
                    self.on_store_updates(updates, &mut inputs);
                } else if let Ok(event) = events_in.try_recv() {
                    self.on_event(event, &mut inputs);
                } else {
                    break;
                }
            }
            while self.attempts.try_join_next().is_some() {}
        }
        let cut_off = self.driver.in_flight();
        self.attempts.shutdown().await;
        // What ended while the others were cut off still counts.
        while let Ok(event) = events_in.try_recv() {
            self.on_event(event, &mut inputs);
        }
        if let Some((done, _)) = stopping {
            let _ = done.send(cut_off);
        }
    }

    fn on_store_updates(&mut self, updates: Vec<StoreUpdate>, inputs: &mut Vec<Input<Arc<CachedPayload>>>) {
        inputs.extend(updates.into_iter().map(|update| self.driver.on_store_update(update)));
    }

    fn on_event(&mut self, event: DriverEvent, inputs: &mut Vec<Input<Arc<CachedPayload>>>) {
        if let DriverEvent::Unreadable(key) = event {
            let events = self.events.clone();
            // Not joined: it ends by itself, or with the runtime.
            tokio::spawn(async move {
                tokio::time::sleep(READ_AGAIN).await;
                let _ = events.send(DriverEvent::Scheduler(Input::Unreadable(key)));
            });
        }
        self.driver.on_event(event, inputs);
    }

    fn perform(&mut self, actions: &mut Vec<Action<Arc<CachedPayload>>>) {
        let mut unread = Vec::new();
        for action in actions.drain(..) {
            match action {
                Action::Start { key, account, kind, payload } => {
                    let content = if let Some(payload) = payload {
                        Content::Ready(PreparedAttempt::untried(&payload))
                    } else {
                        let (read, content) = oneshot::channel();
                        unread.push(Unread { account, key, kind, read });
                        Content::Unread(content)
                    };
                    self.start(key, kind, content);
                }
                Action::LoadUntried(_) | Action::LoadRetries(..) | Action::LoadManual(_) | Action::Audit { .. } => {
                    self.load(action);
                }
                Action::Lost(key) => {
                    let notification = self.store.notification_id(key);
                    tracing::error!(
                        %notification,
                        "an overdue notification was held by no lane; this is a bug, it is taken up again"
                    );
                }
            }
        }
        while !unread.is_empty() {
            let more = unread.split_off(unread.len().min(READ_TOGETHER));
            let (store, together) = (self.store.clone(), std::mem::replace(&mut unread, more));
            // Not joined: it ends with its answers.
            tokio::task::spawn_blocking(move || together.into_iter().for_each(|unread| unread.read_from(&store)));
        }
    }

    fn start(&mut self, key: NotificationKey, kind: AttemptKind, content: Content) {
        let Some(prepared) = self.driver.webhook(key.webhook).cloned() else {
            // Deleted between two steps; the slot must come back all the same.
            let _ = self.events.send(DriverEvent::Skipped { key, next_attempt: NextAttempt::Nothing });
            return;
        };
        let ticket = Ticket { key, events: self.events.clone(), status: self.status.clone(), open: true };
        let (store, client, clock) = (self.store.clone(), self.client.clone(), self.clock.clone());
        self.attempts.spawn(attempt(ticket, prepared, kind, content, store, client, clock));
    }

    /// Reads a page off the async threads. A read that fails is tried again until it doesn't: the lane waits for its
    /// answer.
    fn load(&self, action: Action<Arc<CachedPayload>>) {
        let (store, events, action) = (self.store.clone(), self.events.clone(), Arc::new(action));
        // Not joined: it ends with its answer, or with the runtime.
        tokio::spawn(async move {
            loop {
                let (failed, store, action) = (store.clone(), store.clone(), action.clone());
                match tokio::task::spawn_blocking(move || load(&store, &action)).await {
                    Ok(Ok(input)) => {
                        return drop(input.map(|input| events.send(DriverEvent::Scheduler(input))));
                    }
                    Ok(Err(error)) => failed.note_failed_read(&error, "what is due"),
                    Err(error) => tracing::error!(%error, "reading what is due panicked"),
                }
                tokio::time::sleep(LOAD_AGAIN).await;
            }
        });
    }
}

/// The event that each attempt has to send to the driver. If its task is dropped or panics, the driver still hears that
/// it has ended.
struct Ticket {
    key: NotificationKey,
    events: mpsc::UnboundedSender<DriverEvent>,
    status: Arc<EngineStatus>,
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
            // The attempt is still pending in the store, and read again after a while.
            let _ = self.events.send(DriverEvent::Unreadable(self.key));
        }
    }
}

/// What an attempt is made of, or why it is not to be made.
type Read = Result<Result<PreparedAttempt, NextAttempt>, StoreError>;

enum Content {
    Ready(PreparedAttempt),
    /// It comes from the store.
    Unread(oneshot::Receiver<Read>),
}

/// An attempt whose content isn't in memory.
struct Unread {
    account: AccountNo,
    key: NotificationKey,
    kind: AttemptKind,
    read: oneshot::Sender<Read>,
}

impl Unread {
    fn read_from(self, store: &Store) {
        // One that panics says so by sending nothing, and keeps no other from being read.
        let read = catch_unwind(AssertUnwindSafe(|| prepare_attempt(store, self.account, self.key, self.kind)));
        if let Ok(read) = read {
            // An attempt that was cut off meanwhile needs no answer.
            let _ = self.read.send(read);
        }
    }
}

async fn attempt(
    ticket: Ticket,
    prepared: Arc<PreparedWebhook>,
    kind: AttemptKind,
    content: Content,
    store: Store,
    client: Client,
    clock: Clock,
) {
    let key = ticket.key;
    let ready = match content {
        Content::Ready(ready) => ready,
        Content::Unread(content) => match content.await {
            Ok(Ok(Ok(ready))) => ready,
            Ok(Ok(Err(next_attempt))) => return ticket.close(DriverEvent::Skipped { key, next_attempt }),
            // The ticket says so: it is still due, uses up no attempt, and is read again in a while.
            Ok(Err(error)) => return store.note_failed_read(&error, "an attempt"),
            Err(_) => return tracing::error!("reading a notification that is due panicked"),
        },
    };
    let started_at = clock.now();
    ticket.begins(ready.number);
    let request =
        prepared.request(store.notification_id(key), ready.number, started_at, ready.body, ready.trace.as_deref());
    let kept = prepared.kept(&request);
    let mut report = client.attempt(request).await;
    if let AttemptResult::Response(response) = &mut report.result {
        redact(response, &prepared.webhook);
    }
    let PreparedAttempt { trigger, automatic, requested_at, .. } = ready;
    ticket.close(DriverEvent::AttemptEnded(Box::new(EndedAttempt {
        key,
        prepared,
        kind,
        trigger,
        automatic,
        requested_at,
        started_at,
        request: Some(Box::new(kept)),
        report,
    })));
}

#[cfg(test)]
mod tests;
