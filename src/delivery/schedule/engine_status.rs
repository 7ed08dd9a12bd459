//! What others may ask of the engine while it runs.

use super::lane::Standstill;
use crate::model::{NotificationKey, Seq, Timestamp, WaitReason, Webhook, WebhookNo, millis};
use crate::stats::AttemptMetrics;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a driver may go without a step before it counts as stuck.
pub const STUCK_AFTER: Duration = Duration::from_secs(30);

/// What others may ask of the engine while it runs.
#[derive(Debug)]
pub struct EngineStatus {
    /// With the number of the attempt.
    in_flight: Mutex<HashMap<NotificationKey, u16>>,
    /// The lanes that something holds, with the `updated_at` of the webhook it holds for.
    standstills: Mutex<HashMap<WebhookNo, (Standstill, Timestamp)>>,
    /// Why no attempts at all are made: the store has no room for their outcomes.
    starved: Mutex<Option<WaitReason>>,
    /// What `stepped_ms` is counted from.
    begun: Instant,
    /// When the driver last completed a step, by the monotonic clock.
    stepped_ms: AtomicU64,
    /// The attempts that have ended.
    pub attempts: AttemptMetrics,
}

impl EngineStatus {
    pub(crate) fn new() -> Self {
        Self {
            in_flight: Mutex::default(),
            standstills: Mutex::default(),
            starved: Mutex::default(),
            begun: Instant::now(),
            stepped_ms: AtomicU64::new(0),
            attempts: AttemptMetrics::default(),
        }
    }

    /// The number of the attempt of this notification that is in flight.
    pub fn attempt_in_flight(&self, key: NotificationKey) -> Option<u16> {
        lock(&self.in_flight).get(&key).copied()
    }

    /// The attempts of an event's notifications that are in flight: the webhook, and the number of the attempt.
    pub fn attempts_in_flight(&self, event: Seq) -> Vec<(WebhookNo, u16)> {
        let in_flight = lock(&self.in_flight);
        in_flight.iter().filter(|(key, _)| key.seq == event).map(|(key, number)| (key.webhook, *number)).collect()
    }

    /// How many attempts are in flight, or their outcomes not yet taken in.
    pub fn in_flight_now(&self) -> usize {
        lock(&self.in_flight).len()
    }

    /// What keeps automatic attempts to a webhook from leaving at `now`, where it may have `most` in flight; `None`
    /// where nothing does. Of several reasons the one that ends last.
    pub fn wait(&self, webhook: &Webhook, most: usize, now: Timestamp) -> Option<WaitReason> {
        if let Some(starved) = *lock(&self.starved) {
            return Some(starved);
        }
        let known = lock(&self.standstills).get(&webhook.no).copied();
        // What held it before it was changed may be over, without its lane knowing of that yet.
        let held = known.filter(|(_, seen)| *seen == webhook.updated_at).map(|(held, _)| held).unwrap_or_default();
        let timed = [
            WaitReason::RateLimit(held.rate_limited_until),
            WaitReason::LocalFault(held.paused_until),
            WaitReason::RetryAfter(held.held_until),
        ];
        let last = timed.into_iter().filter(|wait| wait.until().is_some_and(|until| until > now));
        if let Some(wait) = last.max_by_key(|wait| wait.until()) {
            return Some(wait);
        }
        if held.unreached {
            return Some(WaitReason::Unreachable);
        }
        let taken = lock(&self.in_flight).keys().filter(|key| key.webhook == webhook.no).count();
        (taken >= most).then_some(WaitReason::InFlightLimit)
    }

    /// Whether the driver makes steps, which it does at least once a second. By the monotonic clock: a step of the wall
    /// clock is no standstill.
    pub fn is_alive(&self) -> bool {
        millis(self.begun.elapsed()).saturating_sub(self.stepped_ms.load(Ordering::Relaxed)) < millis(STUCK_AFTER)
    }

    pub(crate) fn steps(&self) {
        self.stepped_ms.store(millis(self.begun.elapsed()), Ordering::Relaxed);
    }

    pub(crate) fn begins(&self, key: NotificationKey, number: u16) {
        lock(&self.in_flight).insert(key, number);
    }

    pub(crate) fn is_over(&self, key: NotificationKey) {
        lock(&self.in_flight).remove(&key);
    }

    pub(crate) fn set_starved(&self, starved: Option<WaitReason>) {
        *lock(&self.starved) = starved;
    }

    /// What holds a lane, or that nothing does.
    pub(crate) fn show(&self, no: WebhookNo, held: Option<(Standstill, Timestamp)>) {
        let mut standstills = lock(&self.standstills);
        match held {
            Some(held) => drop(standstills.insert(no, held)),
            None => drop(standstills.remove(&no)),
        }
    }
}

/// Nothing under these locks can panic half-way through a change, so a poisoned one is as good as any.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
