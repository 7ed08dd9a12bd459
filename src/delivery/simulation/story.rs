//! A story: what people, targets, the network, the clock and fate do, drawn from one seed; and its end, in which all is
//! well again and everything must come to its own end.

use super::ledger::check_backfilled;
use super::network::Mood;
use super::random::Random;
use super::requests::{FILTERS, New, Request};
use super::world::{ACCOUNT, World};
use crate::config::Delivery;
use crate::delivery::schedule::queue::Bounds;
use crate::model::{
    EventId, EventType, ExtraHeaders, Fingerprint, MAX_AUTOMATIC_ATTEMPTS, NotificationFilter, NotificationKey,
    Pattern, PatternSet, PayloadFilter, PrivateKey, RateLimit, RetryPolicy, Seq, Signatures, SigningSecret, State,
    Status, TargetUrl, Timestamp, Webhook, WebhookId, WebhookNo, WebhookPatch, WebhookStatus, millis,
};
use crate::store::IdempotencyKey;
use std::sync::Arc;
use std::time::Duration;

const TYPES: [&str; 5] = ["PAYMENT.PAID", "PAYMENT.CREATED", "ORDER.PAID", "ORDER.CREATED", "SHOP.OPENED"];
const PATTERNS: [&str; 6] = ["*", "*", "PAYMENT.*", "ORDER.*", "PAYMENT.PAID", "ORDER.CREATED"];
const RATES: [f64; 6] = [0.05, 0.5, 2.0, 3.0, 50.0, 700.0];
const HOUR_MS: u64 = 3_600_000;

/// Tells the whole story of a seed; panics where a promise is broken.
pub(super) fn tell(seed: u64, trace: bool) {
    let mut random = Random::new(seed);
    let story = Story::draw(&mut random);
    let retry = policy(&mut random, true);
    let settings = Delivery {
        schedule: retry.schedule().to_vec(),
        max_attempts: retry.max_attempts(),
        jitter: retry.jitter(),
        retry_after_cap: Duration::from_secs(random.of(&[60, 60, 600, 24 * 3600])),
        max_in_flight: 64,
        max_in_flight_per_webhook: random.of(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        ..Delivery::default()
    };
    // With so little room, every bound is met; with the real one now and then, that it is the bound that was met.
    let held = random.of(&[8, 12, 16, 40, 1024]);
    let bounds = Bounds { held, untried: held * random.of(&[1, 4]), settling: random.of(&[2, 5, 20, 1024]) };
    let mut world = World::new(random, settings, bounds, trace);
    world.lag = world.random.of(&[0, 2, 50, 400, 3000]);
    world.sync_ms = world.random.of(&[1, 5, 50, 1 + world.lag]);
    world.say(|| format!("{story:?} {:?} {bounds:?} lag {} sync {}", world.settings, world.lag, world.sync_ms));
    world.start();
    world.submit(Request::Account);
    world.run_until(world.time + 5 * world.lag + 3 * world.sync_ms + 1000);
    for _ in 0..=world.random.below(4) {
        let webhook = world.any_webhook();
        world.submit(Request::Register(Box::new(webhook)));
    }
    for _ in 0..story.chapters {
        let until = world.time + world.random.below(8000);
        world.run_until(until);
        world.chapter(&story);
    }
    world.finish();
}

/// What kind of story it is.
#[derive(Debug)]
struct Story {
    chapters: u64,
    /// How many events are recorded at a time, at most.
    batch: u64,
    /// Whether the clock is set now and then, and the process dies.
    jumps: bool,
    dies: bool,
}

impl Story {
    fn draw(random: &mut Random) -> Self {
        let long = random.one_in(4);
        Self {
            chapters: if long { 40 + random.below(60) } else { 10 + random.below(25) },
            batch: random.of(&[3, 3, 5, 12]),
            jumps: random.one_in(2),
            dies: random.one_in(2),
        }
    }
}

/// Mostly schedules that are over within minutes; the default one takes three days.
fn policy(random: &mut Random, twenty: bool) -> RetryPolicy {
    if random.one_in(60) {
        return RetryPolicy::default();
    }
    let first = 20 + random.below(3000);
    let gaps = 1 + random.below(4);
    let gap = |nth: u64, random: &mut Random| Duration::from_millis(first + nth * random.below(15_000));
    let schedule = (0..gaps).map(|nth| gap(nth, random)).collect();
    let attempts = if twenty { MAX_AUTOMATIC_ATTEMPTS } else { 1 + random.of(&[0, 1, 4, 19, 19]) };
    let jitter = random.of(&[0.0, 0.1, 1.0]);
    RetryPolicy::new(schedule, attempts, jitter).expect("1 to 4 gaps of at least 20 ms")
}

impl World {
    fn any_webhook(&mut self) -> Webhook {
        let random = &mut self.random;
        let id = u128::from(random.below(u64::MAX)) << 64 | u128::from(random.below(u64::MAX));
        let retry = random.one_in(3).then(|| {
            let twenty = random.one_in(2);
            policy(random, twenty)
        });
        Webhook {
            no: WebhookNo(0),
            account: ACCOUNT,
            id: WebhookId::from_random(id.to_be_bytes()),
            own_name: None,
            target: TargetUrl::parse("https://loja.example/").expect("a target"),
            authorization: None,
            client_certificate: None,
            events: any_patterns(random),
            filter: any_filter(random),
            description: None,
            status: WebhookStatus::Active,
            headers: ExtraHeaders::default(),
            max_in_flight: any_width(random),
            rate_limit: any_rate(random),
            ordered: random.one_in(2),
            retry,
            secret: SigningSecret::from_random([1; 32]),
            old_secrets: Vec::new(),
            signatures: Signatures::default(),
            key: PrivateKey::from_bytes([2; 32]),
            old_keys: Vec::new(),
            registered_after: Seq(0),
            inserted_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            deleted_at: None,
        }
    }

    /// The webhooks there are.
    fn hooks(&mut self) -> Vec<Arc<Webhook>> {
        self.process().store.handle.directory().of(ACCOUNT).cloned().collect()
    }

    fn any_hook(&mut self) -> Option<(WebhookNo, WebhookId)> {
        let hooks: Vec<_> = self.hooks().iter().map(|webhook| (webhook.no, webhook.id)).collect();
        (!hooks.is_empty()).then(|| self.random.of(&hooks))
    }

    fn any_new(&mut self) -> New {
        self.uids += 1;
        let random = &mut self.random;
        let own: [u8; 16] = (u128::from(random.below(u64::MAX)) << 64 | 0x8000_0000_0000_0000).to_be_bytes();
        New {
            uid: self.uids,
            id: random.one_in(2).then(|| EventId::from_bytes(own)),
            event_type: EventType::parse(random.of(&TYPES)).expect("a type"),
            resource: (!random.one_in(4)).then(|| random.of(&["a", "b", "c"]).to_owned()),
        }
    }

    fn any_seq(&mut self) -> Seq {
        let last = self.process().store.handle.durable().0;
        // Mostly of the latest: something is still going on with those.
        let span = if self.random.one_in(3) { last } else { last.min(8) };
        Seq(last.saturating_sub(self.random.below(span)))
    }

    fn record(&mut self, most: u64) {
        let mut calls = Vec::new();
        for _ in 0..=self.random.below(most) {
            let new = self.any_new();
            // Several in one call, which stand or fall together, or in calls that come at the same time.
            match calls.last_mut() {
                Some(call) if self.random.one_in(2) => Vec::push(call, new),
                _ => calls.push(vec![new]),
            }
        }
        for events in calls {
            let key = self.random.one_in(4).then(|| self.any_key(&events));
            let number = self.submit(Request::Accept(events.clone(), key));
            let own: Vec<New> = events.into_iter().filter(|new| key.is_some() || new.id.is_some()).collect();
            if !own.is_empty() {
                // A caller that named an event, or the request, can ask again, even though it was recorded.
                if self.random.one_in(8) {
                    self.submit(Request::Accept(own.clone(), key));
                }
                self.unanswered.push((number, own, key));
            }
        }
    }

    /// A key of its own for a request, which is recognised for longer than any story lasts.
    fn any_key(&self, events: &[New]) -> IdempotencyKey {
        let of = Fingerprint::of([events[0].uid.to_string().as_bytes()]).0;
        let until = Timestamp::from_ms(self.wall() + 7 * 24 * HOUR_MS);
        IdempotencyKey { hash: of, fingerprint: of, until }
    }

    fn patch(&mut self, (no, id): (WebhookNo, WebhookId)) {
        let random = &mut self.random;
        let mut patch = WebhookPatch::default();
        match random.below(11) {
            // The new target is another one; how it does has nothing to do with the old one.
            9..=10 => {
                let target = format!("https://loja.example/{}", random.below(1000));
                patch.target = Some(TargetUrl::parse(&target).expect("a target"));
                let mood = Mood::any(random);
                self.network.moods.insert(no, mood);
            }
            0..=3 => patch.status = Some(any_status(random)),
            4 => patch.max_in_flight = Some(any_width(random)),
            5 => patch.rate_limit = Some(any_rate(random)),
            6 => patch.ordered = Some(random.one_in(2)),
            7 if random.one_in(2) => patch.filter = Some(any_filter(random)),
            7 => patch.events = Some(any_patterns(random)),
            _ => {
                let twenty = random.one_in(2);
                patch.retry = Some(random.one_in(2).then(|| policy(random, twenty)));
            }
        }
        self.submit(Request::Change(id, Box::new(patch)));
    }

    fn chapter(&mut self, story: &Story) {
        let Some((no, id)) = self.any_hook() else {
            let webhook = self.any_webhook();
            self.submit(Request::Register(Box::new(webhook)));
            return;
        };
        let seq = self.any_seq();
        match self.random.below(32) {
            0..=7 => self.record(story.batch),
            8..=12 => {
                let mood = Mood::any(&mut self.random);
                self.say(|| format!("the target of {no:?} is {mood:?}"));
                self.network.moods.insert(no, mood);
            }
            13..=15 => {
                self.patch((no, id));
                // While the page is read that a lane which is active again asks for.
                if self.random.one_in(2) {
                    let until = self.time + self.random.below(2 * self.lag + 2);
                    self.run_until(until);
                    self.record(4);
                }
            }
            16..=17 => {
                let key = NotificationKey { seq, webhook: no };
                for _ in 0..=self.random.below(2) {
                    self.submit(Request::Resend(key));
                }
            }
            18 if self.random.one_in(2) => drop(self.submit(Request::ResendEventTo(seq, id))),
            18 => drop(self.submit(Request::ResendEvent(seq))),
            19 if self.random.one_in(4) => {
                let resends = self.process().store.handle.bulk_jobs(ACCOUNT);
                if let Some(last) = resends.last() {
                    self.submit(Request::CancelResend(last.number));
                }
            }
            19 => {
                let webhook_id = self.random.one_in(2).then_some(id);
                let status = self.random.one_in(2).then(|| self.random.of(&Status::ALL));
                let event_type = self.random.one_in(3).then(|| Pattern::parse(TYPES[0]).expect("a pattern"));
                let filter = NotificationFilter { webhook_id, status, event_type, ..NotificationFilter::default() };
                self.submit(Request::ResendMany(Box::new(filter)));
            }
            20 if self.random.one_in(2) => {
                let from = if self.random.one_in(2) { 0 } else { self.wall().saturating_sub(60_000) };
                self.submit(Request::Backfill(id, Timestamp::from_ms(from)));
            }
            20 => drop(self.submit(Request::Erase(seq))),
            21 => {
                let event_type = EventType::parse(EventType::TEST).expect("a type");
                let new = New { id: None, event_type, resource: None, ..self.any_new() };
                self.submit(Request::Test(id, new));
            }
            22 if self.random.one_in(2) => drop(self.submit(Request::Delete(id, no))),
            22 => {
                let webhook = self.any_webhook();
                self.submit(Request::Register(Box::new(webhook)));
            }
            23 if self.random.one_in(3) => {
                self.network.out_of_files = !self.network.out_of_files;
                self.unreadable = self.random.one_in(2);
                self.say(|| format!("this machine is out of files: {}", self.network.out_of_files));
            }
            23 => {
                self.network.down = !self.network.down;
                self.say(|| format!("the network is down: {}", self.network.down));
            }
            24 => {
                // None while the disk has no room for outcomes.
                let max_in_flight = self.random.index(12) * self.random.index(4);
                self.limit(max_in_flight);
            }
            25 => {
                self.settings.max_in_flight = 1 + self.random.index(12);
                self.settings.max_in_flight_per_webhook = self.random.of(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
                self.reload();
            }
            26..=27 if story.dies => {
                if self.random.one_in(2) {
                    self.revive();
                } else {
                    self.dies_in = Some(1 + self.random.below(12));
                }
            }
            28..=29 if story.jumps => {
                let far = self.random.of(&[900, 20_000, 100_000, 2 * HOUR_MS]);
                let by = i64::try_from(self.random.below(far)).expect("two hours at most");
                let by = if self.random.one_in(2) { by } else { -by };
                self.set_clock(by);
            }
            _ => {
                let until = self.time + self.random.below(60_000);
                self.run_until(until);
            }
        }
    }

    /// No faults from here on, except that some webhooks may stay paused: everything pending must end within the
    /// longest wait that earlier faults can have caused.
    fn finish(&mut self) {
        self.say(|| "all is well from here on".to_owned());
        self.dies_in = None;
        // The clock is left alone for long enough to be noticed.
        let until = self.time + 5 * self.lag + 3 * self.sync_ms + 2000;
        self.run_until(until);
        let wall = self.wall();
        let process = self.process.as_ref().expect("a process runs");
        self.ledger.check_waits(&process.store, wall);
        (self.network.down, self.network.out_of_files, self.unreadable) = (false, false, false);
        self.settings.max_in_flight = 8 + self.random.index(60);
        self.reload();
        for webhook in self.hooks() {
            let no = webhook.no;
            let mood = if self.random.one_in(6) { Mood::any_that_answers(&mut self.random) } else { Mood::Healthy };
            self.network.moods.insert(no, mood);
            let status = if self.random.one_in(8) { any_status(&mut self.random) } else { WebhookStatus::Active };
            // The slowest would take days for their backlog; from now on nothing waits at their old rate.
            let slow = webhook.rate_limit.filter(|rate| rate.as_f64() < 0.5);
            let rate_limit = slow.map(|_| Some(RateLimit::per_second(50.0).expect("within the range")));
            let patch = WebhookPatch { status: Some(status), rate_limit, ..WebhookPatch::default() };
            self.submit(Request::Change(webhook.id, Box::new(patch)));
        }
        let until = self.time + 1000;
        self.run_until(until);
        let deadline = self.time + self.longest_wait();
        self.run_until_done(deadline);
        if self.random.one_in(2) {
            self.send_all_again();
        }
        if self.random.one_in(2) {
            self.send_what_is_missing();
        }
        let process = self.process.as_mut().expect("a process runs");
        self.ledger.check_end(&process.store, &self.settings.retry());
    }

    fn run_until_done(&mut self, deadline: u64) {
        while !self.is_done() {
            assert!(self.time < deadline, "stuck: {:?}", self.stuck());
            self.run_until((self.time + 30_000).min(deadline));
        }
        self.say(|| "everything has ended".to_owned());
    }

    /// A bulk resend of everything there is: it reaches whatever it matches, and ends.
    fn send_all_again(&mut self) {
        let last = |world: &mut Self| world.process().store.handle.bulk_jobs(ACCOUNT).last().map(|last| last.number);
        let (time, before) = (self.time, last(self));
        self.submit(Request::ResendMany(Box::default()));
        let until = self.time + 5 * self.lag + 3 * self.sync_ms + 1000;
        self.run_until(until);
        if last(self) == before {
            // Too many are under way: those of paused webhooks.
            return;
        }
        let deadline = self.time + self.longest_wait();
        self.run_until_done(deadline);
        let moods = self.network.moods.iter();
        let healthy = moods.filter(|(_, mood)| **mood == Mood::Healthy).map(|(no, _)| *no).collect();
        let process = self.process.as_ref().expect("a process runs");
        self.ledger.check_resent(&process.store, time, &healthy);
    }

    /// A backfill of everything there is to every webhook: then none lacks anything that it asks for.
    fn send_what_is_missing(&mut self) {
        for webhook in self.hooks() {
            // A target that fails gets one at a time, with its whole schedule.
            self.network.moods.insert(webhook.no, Mood::Healthy);
            self.submit(Request::Backfill(webhook.id, Timestamp::default()));
        }
        let until = self.time + 5 * self.lag + 3 * self.sync_ms + 1000;
        self.run_until(until);
        let deadline = self.time + 2 * self.longest_wait();
        self.run_until_done(deadline);
        let process = self.process.as_ref().expect("a process runs");
        check_backfilled(&process.store);
    }

    fn longest_wait(&mut self) -> u64 {
        let hooks = self.hooks();
        let notifications = self.process().store.notifications(ACCOUNT);
        let default = self.settings.retry();
        let own = hooks.iter().filter_map(|webhook| webhook.retry.as_ref());
        let policies = own.chain([&default]);
        let whole = |policy: &RetryPolicy| {
            let gaps = policy.schedule().iter().map(|gap| millis(*gap)).sum::<u64>();
            let last = policy.schedule().last().map_or(0, |gap| millis(*gap));
            2 * (gaps + last * u64::from(policy.max_attempts()))
        };
        let schedule = policies.map(whole).max().unwrap_or(0);
        let slowest = hooks.iter().filter_map(|webhook| webhook.rate_limit).map(RateLimit::as_f64);
        let slowest = if slowest.fold(f64::MAX, f64::min) < 1.0 { 17_000 } else { 16_000 };
        // A gap of a schedule that the webhook no longer has.
        let dues = notifications.values().filter_map(|n| match n.state {
            State::Retrying { due } => Some(millis(due.since(Timestamp::from_ms(self.wall())))),
            State::Pending | State::Delivered | State::Failed | State::Cancelled => None,
        });
        let schedule = schedule.max(dues.max().unwrap_or(0));
        let pending = notifications.len() as u64;
        // Those of one chain fail one after the other.
        schedule * (pending + 1)
            + millis(self.settings.retry_after_cap)
            + self.set_back
            + pending * 20 * slowest
            + HOUR_MS
    }

    fn stuck(&mut self) -> Vec<String> {
        let notifications = self.process().store.notifications(ACCOUNT);
        let pending = notifications.values().filter(|n| n.needs_automatic_attempt() || n.manual_at.is_some());
        pending.take(3).map(|notification| format!("{notification:?}")).collect()
    }
}

impl Mood {
    /// One that leads to an end: confirmed, or failed after the last attempt.
    fn any_that_answers(random: &mut Random) -> Self {
        random.of(&[Self::Failing, Self::Alternating, Self::Slow, Self::BreaksOff, Self::Garbled, Self::TooLate])
    }
}

fn any_patterns(random: &mut Random) -> PatternSet {
    let patterns = (0..=random.below(2)).map(|_| Pattern::parse(random.of(&PATTERNS)).expect("a pattern"));
    PatternSet::new(patterns.collect()).expect("one at least")
}

fn any_filter(random: &mut Random) -> Option<PayloadFilter> {
    let (filter, _) = random.of(&FILTERS);
    random.one_in(3).then(|| PayloadFilter::parse(filter).expect("a filter"))
}

fn any_width(random: &mut Random) -> Option<u16> {
    random.one_in(2).then(|| random.of(&[1, 1, 2, 5, 12]))
}

fn any_rate(random: &mut Random) -> Option<RateLimit> {
    random.one_in(3).then(|| RateLimit::per_second(random.of(&RATES)).expect("within the range"))
}

fn any_status(random: &mut Random) -> WebhookStatus {
    match random.below(4) {
        0..=1 => WebhookStatus::Active,
        2 => WebhookStatus::Paused,
        _ => WebhookStatus::Disabled { reason: crate::model::DisabledReason::Gone, at: Timestamp::from_ms(0) },
    }
}
