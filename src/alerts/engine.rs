//! The task that tells: it looks once a second at what is so, keeps what is to be told, sends it, and keeps that it was
//! sent. The rules are [`core`](crate::alerts::core)'s; this performs them, in the order that makes them durable.
//!
//! A letter is in the store before it is sent, together with the note that its recipient was told. One exception: while
//! the store takes no change, which is itself an alert, the operator is told of what is critical all the same.

mod post;
mod rows;

pub use post::{NotSent, Post, Sending};

use crate::alerts::core::rules::{HOUR, Rules};
use crate::alerts::core::sending::{Delivery, Errand, Failures};
use crate::alerts::core::{Ahead, Draft, Line, Seen, State, is_ahead};
use crate::alerts::message::Message;
use crate::alerts::seeing::{self, Known, Observer, View};
use crate::alerts::stored;
use crate::alerts::writing::Writer;
use crate::clock::Clock;
use crate::config::Config;
use crate::gather::Gather as _;
use crate::model::{
    AccountNo, Actor, AlertFacts, AuditNote, Condition, Language, Letter, Localized, Recipient, Timestamp, WebhookId,
    WebhookNo,
};
use crate::shutdown;
use crate::store::{KeepAlerts, KeptAlerts, Store, StoreError};
use post::guarded;
use rows::changes;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout};

/// How often it is looked what is so.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the store may take for a change until what is critical is told without it, and how often that is tried: a
/// little longer than until it counts as refusing.
const PATIENCE: Duration = Duration::from_secs(11);
/// How long a stop waits for messages that are being sent: one that is cut off would be sent again.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Something that lasts, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAlert {
    /// What.
    pub condition: Condition,
    /// What is wrong, in a line.
    pub title: Localized,
    /// The webhook that it is about, if it is about one.
    pub webhook: Option<WebhookId>,
    /// Since when.
    pub since: Timestamp,
    /// When the operator was first told; `None` where nobody was.
    pub told_at: Option<Timestamp>,
    /// How many notifications have failed since somebody was last told.
    pub count: Option<u64>,
    /// Until when nobody is told of it: `Some(None)` for good, `None` where it isn't muted.
    pub muted: Option<Option<Timestamp>>,
}

/// Figures for metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertFigures {
    /// How many conditions of each name last.
    pub open: BTreeMap<&'static str, u64>,
    /// How many messages are on their way; one by two channels is two.
    pub pending: u64,
    /// How many were sent since the start, by any channel.
    pub sent: u64,
    /// How many were given up.
    pub dropped: u64,
}

/// What others may ask of alerts. It lives as long as the daemon.
pub struct Alerts {
    store: Store,
    clock: Clock,
    accounts: Vec<(AccountNo, String)>,
    /// Replaced on reload; shared with the heartbeat.
    config: Arc<RwLock<Arc<Config>>>,
    state: RwLock<Arc<State>>,
    known: RwLock<Known>,
    orders: mpsc::UnboundedSender<Mute>,
    sent: AtomicU64,
    dropped: AtomicU64,
}

/// An order to mute a condition, or to tell of it again.
struct Mute {
    condition: Condition,
    /// Until then, or for good; `None` tells of it again.
    until: Option<Option<Timestamp>>,
    /// Who asks for it, and what the audit is to have of it.
    asked: Option<(Actor, AuditNote)>,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// Sends what alerts tell until the daemon stops.
pub struct Teller {
    alerts: Arc<Alerts>,
    observer: Arc<Mutex<Observer>>,
    post: Arc<dyn Post>,
    orders: mpsc::UnboundedReceiver<Mute>,
    /// What the store holds: the state, but for what became of messages while the disk was full.
    kept: Arc<State>,
    /// The config of the last look.
    config: Arc<Config>,
    busy: BTreeSet<(Recipient, String)>,
    /// Which channels have asked to be left alone, and until when.
    waits: BTreeMap<(Recipient, String), Timestamp>,
    failures: Failures,
    sending: JoinSet<(Errand, Result<(), NotSent>)>,
    ahead: BTreeMap<Condition, Ahead>,
    /// When that was last tried.
    tried_ahead: Option<Instant>,
    /// [`PATIENCE`].
    pub(in crate::alerts) patience: Duration,
}

impl Alerts {
    /// Takes up what was kept. Blocks on the disk.
    pub fn open(
        observer: Observer,
        post: Arc<dyn Post>,
        config: Config,
        accounts: Vec<(AccountNo, String)>,
    ) -> Result<(Arc<Self>, Teller), StoreError> {
        let (store, clock) = (observer.store.clone(), observer.clock.clone());
        let KeptAlerts { alerts, letters, books, mutes } = store.kept_alerts()?;
        let (orders, received) = mpsc::unbounded_channel();
        let alerts = Arc::new(Self {
            store,
            clock,
            accounts,
            config: Arc::new(RwLock::new(Arc::new(config))),
            state: RwLock::new(Arc::new(State { alerts, letters, books, mutes })),
            known: RwLock::default(),
            orders,
            sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        });
        let teller = Teller {
            alerts: alerts.clone(),
            observer: Arc::new(Mutex::new(observer)),
            post,
            orders: received,
            kept: alerts.state(),
            config: alerts.config(),
            busy: BTreeSet::new(),
            waits: BTreeMap::new(),
            failures: Failures::default(),
            sending: JoinSet::new(),
            ahead: BTreeMap::new(),
            tried_ahead: None,
            patience: PATIENCE,
        };
        Ok((alerts, teller))
    }

    /// Takes up what a reload changed.
    pub fn configure(&self, config: &Config) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config.clone());
    }

    /// The config as it is now, for the heartbeat, which reads it again each second.
    pub fn shared_config(&self) -> Arc<RwLock<Arc<Config>>> {
        self.config.clone()
    }

    fn config(&self) -> Arc<Config> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn state(&self) -> Arc<State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_state(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }

    /// Takes what was erased out of what is told. Only between a commit and the next look, never while the task works
    /// on an older state.
    fn forget_erased(&self) {
        if let Some(left) = stored::without_erased(&self.store, &self.state()) {
            self.set_state(left);
        }
    }

    fn writer(&self, language: Language) -> Writer<'_> {
        let config = self.config();
        Writer {
            store: &self.store,
            language,
            zone: config.zone(),
            now: self.clock.now(),
            panel: config.panel.url.as_ref().map(|url| url.as_str().to_owned()),
            accounts: &self.accounts,
            known: self.known.read().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// What lasts, the machine's first.
    pub fn list(&self) -> Vec<OpenAlert> {
        let state = self.state();
        let (en, pt) = (self.writer(Language::En), self.writer(Language::Pt));
        let open = state.alerts.iter().filter(|((recipient, condition), alert)| {
            let lasts = if condition.is_momentary() { alert.untold > 0 } else { alert.ended_at.is_none() };
            *recipient == Recipient::Operator && lasts
        });
        open.map(|((_, condition), alert)| OpenAlert {
            condition: *condition,
            title: Localized { en: en.title_of(*condition, alert), pt: pt.title_of(*condition, alert) },
            webhook: en.webhook_of(*condition),
            since: alert.since,
            told_at: alert.told_at,
            count: condition.counts().then_some(alert.untold),
            muted: state.mutes.get(condition).copied(),
        })
        .collect()
    }

    /// What a condition is about, in a line, whether it is so or not.
    pub fn name_of(&self, condition: Condition) -> Localized {
        let name = |language: Language| self.writer(language).name_of(condition);
        Localized { en: name(Language::En), pt: name(Language::Pt) }
    }

    /// What nobody is told of, whether it lasts or not, and until when.
    pub fn mutes(&self) -> BTreeMap<Condition, Option<Timestamp>> {
        let now = self.clock.now();
        let mut mutes = self.state().mutes.clone();
        mutes.retain(|_, until| is_ahead(*until, now));
        mutes
    }

    /// Tells nobody of a condition until a moment, or for good; with `None` everybody again. Durable on return, as is
    /// what the audit has of who `asked` for it; it has nothing where that is so already.
    pub async fn mute(
        &self,
        condition: Condition,
        until: Option<Option<Timestamp>>,
        asked: Option<(Actor, AuditNote)>,
    ) -> Result<(), StoreError> {
        let (done, is_done) = oneshot::channel();
        self.orders.send(Mute { condition, until, asked, done }).map_err(|_| StoreError::Stopped)?;
        is_done.await.map_err(|_| StoreError::Stopped)?
    }

    /// Figures for metrics.
    pub fn figures(&self) -> AlertFigures {
        let state = self.state();
        let lasting = Condition::NAMES.iter().filter(|one| !one.is_momentary());
        let mut open: BTreeMap<&'static str, u64> = lasting.map(|one| (one.as_str(), 0)).gather();
        for ((recipient, condition), alert) in &state.alerts {
            if *recipient == Recipient::Operator && alert.ended_at.is_none() && !condition.is_momentary() {
                *open.entry(condition.as_str()).or_default() += 1;
            }
        }
        AlertFigures {
            open,
            pending: state.letters.values().map(|letter| letter.pending.len() as u64).sum(),
            sent: self.sent.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }

    fn rules(&self, post: &dyn Post) -> Rules {
        let config = self.config();
        Rules {
            repeat: config.alerts.repeat.clone(),
            quiet: config.alerts.quiet,
            digest: config.alerts.digest,
            zone: config.zone(),
            channels: post.channels(),
        }
    }

    /// A look at what is so, and what follows from it; the letters are written. Blocks on the disk.
    fn look(&self, observer: &mut Observer, post: &dyn Post, ahead: &BTreeMap<Condition, Ahead>) -> Looked {
        let (state, config, rules) = (self.state(), self.config(), self.rules(post));
        let View { seen, taken, known } = observer.look(&config, &self.accounts, &state);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        let mut next = State::clone(&state);
        next.alerts.retain(|(_, condition), _| observer.is_looked_at(*condition, &self.accounts));
        next.mutes.retain(|condition, _| observer.is_there(*condition, &self.accounts));
        next.were_told(ahead, &rules.repeat);
        let drafts = next.look(self.clock.now(), &rules, &seen);
        let gone = next.forget_channels(&rules);
        if !drafts.is_empty() {
            let writer = self.writer(config.alerts.language);
            for draft in &drafts {
                if let Some(letter) = next.letters.get_mut(&(draft.recipient, draft.number)) {
                    letter.body = stored::to_text(&writer.write(draft)).into();
                }
            }
        }
        Looked { next, gone, taken }
    }

    /// Lists what is critical though it can't be kept: the first look that finds room keeps what is so then.
    fn show_critical(&self, ahead: &BTreeMap<Condition, Ahead>, tries_now: bool) {
        let now = self.clock.now();
        let (mut next, _) = self.with_critical(now, ahead);
        if tries_now {
            next.try_now(now);
        }
        self.set_state(next);
    }

    /// The state with what is critical, and what that is. Never blocks on a disk that doesn't answer.
    fn with_critical(&self, now: Timestamp, ahead: &BTreeMap<Condition, Ahead>) -> (State, Seen) {
        let (mut next, mut seen) = (State::clone(&self.state()), Seen::default());
        seeing::critical(&self.store, &next, now, &mut seen);
        next.see_critical(now, &seen);
        next.were_told(ahead, &self.config().alerts.repeat);
        (next, seen)
    }

    /// A message to the operator of what is critical and wasn't told, or is to be told again; `None` where there is
    /// nothing. Never blocks on a disk that doesn't answer.
    fn critical(&self, ahead: &BTreeMap<Condition, Ahead>) -> Option<(Vec<Line>, Message)> {
        let (now, recipient, config) = (self.clock.now(), Recipient::Operator, self.config());
        let (state, seen) = self.with_critical(now, ahead);
        let lines = state.wanted_ahead(now, &seen, &config.alerts.repeat);
        // The letter of this number, should there ever be one, is of another moment and thus has another key.
        let number = state.books.get(&recipient).map_or(0, |book| book.last_letter) + 1;
        let draft = Draft { recipient, number, digest_since: None, lines };
        let message = self.writer(config.alerts.language).write(&draft);
        (!draft.lines.is_empty()).then_some((draft.lines, message))
    }
}

/// What a look leads to.
struct Looked {
    next: State,
    /// Errands of channels that there are no more.
    gone: Vec<Errand>,
    taken: Vec<(WebhookNo, AlertFacts)>,
}

impl Teller {
    /// Tells until the daemon stops. What is being sent then is waited for, for a while.
    pub async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        let mut interval = tokio::time::interval(LOOK_EVERY);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // A look can take as long as a channel that hangs: neither a stop nor a mute waits for more than one.
                biased;
                () = shutdown::requested(&mut stopping) => break,
                Some(mute) = self.orders.recv() => self.take_mute(mute).await,
                Some(sent) = self.sending.join_next() => {
                    if self.take_sent(sent).await.is_ok() {
                        self.send_what_is_due();
                    }
                }
                _ = interval.tick() => self.tick().await,
            }
        }
        let rest = async {
            while let Some(sent) = self.sending.join_next().await {
                if self.take_sent(sent).await.is_err() {
                    return;
                }
            }
        };
        // Those that are cut off are sent again after the next start, under the same keys.
        let _ = timeout(STOP_PATIENCE, rest).await;
    }

    /// One look, and what is sent for it taken in.
    #[cfg(test)]
    pub(in crate::alerts) async fn turn(&mut self) {
        self.tick().await;
        while let Some(sent) = self.sending.join_next().await {
            if self.take_sent(sent).await.is_ok() {
                self.send_what_is_due();
            }
        }
    }

    async fn tick(&mut self) {
        self.alerts.forget_erased();
        let (alerts, observer, post) = (self.alerts.clone(), self.observer.clone(), self.post.clone());
        let ahead = self.ahead.clone();
        let looking = tokio::task::spawn_blocking(move || {
            let mut observer = observer.lock().unwrap_or_else(PoisonError::into_inner);
            (alerts.look(&mut observer, &*post, &ahead), ahead)
        });
        // A look that panicked (sled, on damage) is one look less.
        let Ok((Looked { mut next, gone, taken }, ahead)) = self.wait_for(looking).await else {
            return;
        };
        let (config, now) = (self.alerts.config(), self.alerts.clock.now());
        let is_new_config = !Arc::ptr_eq(&config, &self.config);
        if is_new_config {
            next.try_now(now);
        }
        match self.keep(next, taken, None).await {
            Ok(()) => {
                self.config = config;
                self.ahead.retain(|condition, told| ahead.get(condition) != Some(told));
                for errand in gone {
                    self.give_up(&errand, "the channel is no longer in the config");
                }
            }
            Err(StoreError::Full { .. }) => {
                self.tell_ahead().await;
                self.alerts.show_critical(&self.ahead, is_new_config);
                self.config = config;
            }
            Err(_) => return self.tell_ahead().await,
        }
        self.send_what_is_due();
    }

    /// Makes a state durable, and takes it up. What is critical doesn't wait for a store that takes no change.
    async fn keep(
        &mut self,
        next: State,
        taken: Vec<(WebhookNo, AlertFacts)>,
        asked: Option<(Actor, AuditNote)>,
    ) -> Result<(), StoreError> {
        let change = KeepAlerts { taken, ..changes(&self.kept, &next) };
        if change.is_empty() {
            // What was listed of a full disk may be over.
            self.alerts.set_state(next);
            return Ok(());
        }
        let change = KeepAlerts { asked, ..change };
        let store = self.alerts.store.clone();
        let kept = self.wait_for(store.commit(change)).await;
        if kept.is_ok() {
            self.alerts.set_state(next);
            self.kept = self.alerts.state();
        }
        kept
    }

    /// Waits for the store, however long it takes: a change may be made yet, and must not be made twice. What is
    /// critical doesn't wait with it.
    async fn wait_for<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        loop {
            match timeout(self.patience, &mut future).await {
                Ok(done) => return done,
                Err(_) => self.tell_ahead().await,
            }
        }
    }

    /// Tells the operator of what is critical though it can't be kept, by whichever channels take it: once, and then as
    /// often as the config says.
    async fn tell_ahead(&mut self) {
        if self.tried_ahead.is_some_and(|at| at.elapsed() < self.patience) {
            return;
        }
        self.tried_ahead = Some(Instant::now());
        let now = self.alerts.clock.now();
        self.ahead.values_mut().for_each(|told| told.cap_at(now));
        let recipient = Recipient::Operator;
        let channels = self.post.channels().remove(&recipient).unwrap_or_default();
        let Some((lines, message)) = self.alerts.critical(&self.ahead) else {
            return;
        };
        let sendings = channels.into_iter().map(|channel| guarded(self.post.send(recipient, channel, message.clone())));
        let sendings: JoinSet<Result<(), NotSent>> = sendings.collect();
        let sent = sendings.join_all().await.iter().filter(|sent| sent.is_ok()).count() as u64;
        self.alerts.sent.fetch_add(sent, Ordering::Relaxed);
        if sent > 0 {
            tracing::warn!(title = %message.title, "an alert was sent though the store can't keep that it was");
            let state = self.alerts.state();
            for line in lines {
                let before = state.alerts.get(&(recipient, line.condition)).and_then(|alert| alert.told_at);
                let (told_at, last_told_at) = (before.unwrap_or(message.at), message.at);
                let told = Ahead { since: line.since, told_at, last_told_at };
                self.ahead.entry(line.condition).or_insert(told).last_told_at = message.at;
            }
        }
    }

    fn send_what_is_due(&mut self) {
        self.alerts.forget_erased();
        let (state, now) = (self.alerts.state(), self.alerts.clock.now());
        // A clock that was put back silences none.
        self.waits.retain(|_, until| now < *until && *until <= now.plus(HOUR));
        let busy = self.busy.iter().chain(self.waits.keys()).cloned().collect();
        for errand in state.errands(now, &busy, &self.failures) {
            let body = state.letters.get(&(errand.recipient, errand.number)).map(|letter: &Letter| &letter.body);
            let sending: Sending = match body.and_then(|body| stored::from_text(body)) {
                Some(message) => guarded(self.post.send(errand.recipient, errand.channel.clone(), message)),
                None => Box::pin(std::future::ready(Err(NotSent::Unreadable))),
            };
            self.busy.insert((errand.recipient, errand.channel.clone()));
            self.sending.spawn(async move {
                let sent = sending.await;
                (errand, sent)
            });
        }
    }

    /// Keeps what became of a message. `Err` where that can't be kept, but for a full disk: the channel then gets
    /// nothing more from this process, which is about to end, since it would get the same message again and again.
    async fn take_sent(&mut self, sent: Result<(Errand, Result<(), NotSent>), JoinError>) -> Result<(), StoreError> {
        // None panics, and none is aborted before the daemon ends.
        let Ok((errand, sent)) = sent else { return Ok(()) };
        let delivery = sent.map_or_else(NotSent::delivery, |()| Delivery::Sent);
        let (mut next, now) = (State::clone(&self.alerts.state()), self.alerts.clock.now());
        let gives_up = next.done(now, &errand, delivery);
        self.failures.note(&errand, delivery);
        self.failures.keep_pending(&next);
        if delivery == Delivery::Sent {
            self.alerts.sent.fetch_add(1, Ordering::Relaxed);
        }
        if gives_up && let Err(not_sent) = sent {
            self.give_up(&errand, not_sent.why());
        }
        let channel = (errand.recipient, errand.channel);
        if let Err(NotSent::Later(after)) = sent {
            self.waits.insert(channel.clone(), now.plus(after.min(HOUR)));
        }
        match self.keep(next.clone(), Vec::new(), None).await {
            // It is kept with the first change that the disk has room for.
            Err(StoreError::Full { .. }) => self.alerts.set_state(next),
            kept => kept?,
        }
        self.busy.remove(&channel);
        Ok(())
    }

    fn give_up(&self, errand: &Errand, why: &'static str) {
        self.alerts.dropped.fetch_add(1, Ordering::Relaxed);
        let account = errand.recipient.account();
        tracing::warn!(channel = errand.channel, account, letter = errand.number, why, "an alert was given up");
    }

    async fn take_mute(&mut self, mute: Mute) {
        let mut next = State::clone(&self.alerts.state());
        match mute.until {
            Some(until) => drop(next.mutes.insert(mute.condition, until)),
            None => drop(next.mutes.remove(&mute.condition)),
        }
        let kept = self.keep(next, Vec::new(), mute.asked).await;
        // Its caller may have disconnected.
        let _ = mute.done.send(kept);
    }
}

#[cfg(test)]
mod tests;
