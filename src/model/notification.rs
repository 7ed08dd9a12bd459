//! A notification: one event for one webhook. The transitions between its states are decided here, and nowhere else.

use super::words::words;
use super::{AccountNo, Attempt, JobOutcome, NotificationKey, OfJob, OrderKey, RetryPolicy, Timestamp, Trigger};
use std::time::Duration;

/// Maximum number of attempts stored for one notification: 20 automatic ones, the rest manual. A resend beyond it is
/// refused, so that a runaway script can't grow one record without end.
pub const MAX_ATTEMPTS_KEPT: u16 = 200;

/// One event for one webhook, in its present state. Attempts before the last are rows of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The event and the webhook.
    pub key: NotificationKey,
    /// The account of event and webhook.
    pub account: AccountNo,
    /// The stored state; see [`Notification::status`] for the API's.
    pub state: State,
    /// Created by testing the webhook: it gets one attempt and no retries.
    pub test: bool,
    /// Its event's payload was erased: what targets answer is no longer stored.
    pub erased: bool,
    /// Number of automatic attempts so far.
    pub automatic: u8,
    /// Number of attempts so far, manual ones and tests included.
    pub attempts: u16,
    /// When a manual attempt (or the test's own) was requested, while it is pending.
    pub manual_at: Option<Timestamp>,
    /// When it was created.
    pub inserted_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When a target first answered 2XX.
    pub delivered_at: Option<Timestamp>,
    /// The key of its order, if its webhook was ordered when it was created.
    pub order: Option<OrderKey>,
    /// A notification before it in that order has to end before its first automatic attempt.
    pub awaits_predecessor: bool,
    /// Delay of the next automatic attempt after the last one: the longest it waits, whatever the wall clock does.
    /// `None` before the first attempt.
    pub gap: Option<Duration>,
    /// The bulk job that has requested or created it last.
    pub job: Option<OfJob>,
    /// The attempt made last.
    pub last: Option<Attempt>,
}

/// The stored state of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No automatic attempt made yet. Due at once.
    Pending,
    /// Attempted, and due again.
    Retrying {
        /// Not before this.
        due: Timestamp,
    },
    /// A target answered 2XX.
    Delivered,
    /// All automatic attempts are used up.
    Failed,
    /// Its webhook was deleted, or its payload erased.
    Cancelled,
}

words! {
    /// The status that the API shows: [`State`], and whether the webhook is paused or disabled.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub enum Status {
        /// Not attempted yet.
        Pending = "PENDING",
        /// Attempted, and due again.
        Retrying = "RETRYING",
        /// Pending, and its webhook is paused or disabled.
        Held = "HELD",
        /// A target answered 2XX.
        Delivered = "DELIVERED",
        /// All automatic attempts are used up; it can still be re-sent.
        Failed = "FAILED",
        /// Its webhook was deleted, or its payload erased.
        Cancelled = "CANCELLED",
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an attempt's result means for its notification. The delivery engine decides, since it has the retry policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The target answered 2XX.
    Confirmed,
    /// The schedule goes on.
    RetryAt(Timestamp),
    /// That was the last automatic attempt.
    Exhausted,
    /// A manual attempt failed: the schedule, if there is one, stays as it was.
    ScheduleUnchanged,
}

words! {
    /// Why a notification can't be re-sent.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub enum ResendRefusal {
        /// The payload of its event was erased.
        Erased = "erased",
        /// An attempt of it is in flight.
        InFlight = "in_flight",
        /// Its webhook was deleted.
        WebhookDeleted = "webhook_deleted",
        /// It was cancelled.
        Cancelled = "cancelled",
        /// It has [`MAX_ATTEMPTS_KEPT`] attempts.
        TooManyAttempts = "too_many_attempts",
    }
}

/// What decides on a resend beside the notification itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResendContext {
    /// The payload of its event was erased, or the event is gone.
    pub erased: bool,
    /// Its webhook was deleted.
    pub webhook_deleted: bool,
    /// The number of its attempt that is in flight, as far as delivery knows.
    pub in_flight: Option<u16>,
}

impl Notification {
    /// A notification created at `now`: of a recorded event, or of a test.
    pub fn new(key: NotificationKey, account: AccountNo, now: Timestamp, test: bool) -> Self {
        Self {
            key,
            account,
            state: State::Pending,
            test,
            erased: false,
            automatic: 0,
            attempts: 0,
            manual_at: test.then_some(now),
            inserted_at: now,
            updated_at: now,
            delivered_at: None,
            order: None,
            awaits_predecessor: false,
            gap: None,
            job: None,
            last: None,
        }
    }

    /// Whether another automatic attempt has to be made, now or later.
    pub fn needs_automatic_attempt(&self) -> bool {
        match self.state {
            State::Pending => !self.test,
            State::Retrying { .. } => true,
            State::Delivered | State::Failed | State::Cancelled => false,
        }
    }

    /// Whether any attempt has to be made, now or later.
    pub fn is_pending(&self) -> bool {
        self.needs_automatic_attempt() || self.manual_at.is_some()
    }

    /// Belongs to a bulk job from now on. Returns what that means for the job that it has belonged to, and that has not
    /// counted it yet; `None` where there is none.
    pub fn join_job(&mut self, number: u64) -> Option<(u64, JobOutcome)> {
        let earlier = self.job.replace(OfJob { number, counted: false })?;
        (!earlier.counted).then_some((earlier.number, JobOutcome::Replaced))
    }

    /// As what the bulk job that it belongs to is to count it now, which is done once: as soon as it is delivered, else
    /// once it isn't pending any more. `None` where there is nothing to count.
    pub fn tell_job(&mut self, outcome: JobOutcome) -> Option<(u64, JobOutcome)> {
        let has_ended = outcome == JobOutcome::Delivered || !self.is_pending();
        let job = self.job.as_mut().filter(|job| has_ended && !job.counted)?;
        job.counted = true;
        Some((job.number, outcome))
    }

    /// The number of the bulk job that it belongs to, and that has not counted it yet.
    pub fn awaited_by(&self) -> Option<u64> {
        self.job.filter(|job| !job.counted).map(|job| job.number)
    }

    /// Whether its next automatic attempt waits for no other notification.
    pub fn is_ready(&self) -> bool {
        self.needs_automatic_attempt() && !self.awaits_predecessor
    }

    /// The status that the API shows, given the state of its webhook.
    pub fn status(&self, webhook_active: bool, webhook_deleted: bool) -> Status {
        match self.state {
            // A background job cancels the notifications of a deleted webhook; they read as cancelled at once.
            State::Pending | State::Retrying { .. } if webhook_deleted => Status::Cancelled,
            State::Pending | State::Retrying { .. } if !webhook_active && self.needs_automatic_attempt() => {
                Status::Held
            }
            State::Pending => Status::Pending,
            State::Retrying { .. } => Status::Retrying,
            State::Delivered => Status::Delivered,
            State::Failed => Status::Failed,
            State::Cancelled => Status::Cancelled,
        }
    }

    /// The trigger of the manual attempt that is pending.
    pub fn manual_trigger(&self) -> Trigger {
        if self.test && self.attempts == 0 { Trigger::Test } else { Trigger::Manual }
    }

    /// Whether its attempt with this number, which was in flight a moment ago, has no outcome yet: one whose outcome
    /// can be read already is over, though its lane may not know of that yet.
    pub fn is_in_flight(&self, attempt: u16) -> bool {
        attempt > self.attempts
    }

    /// Why it can't be re-sent; `None` where it can. The one rule: a change that re-sends and a view that offers it
    /// both ask here.
    pub fn resend_refusal(&self, context: ResendContext) -> Option<ResendRefusal> {
        if context.erased {
            // Without a payload there is nothing to send: it would be pending for ever.
            Some(ResendRefusal::Erased)
        } else if context.webhook_deleted {
            Some(ResendRefusal::WebhookDeleted)
        } else if context.in_flight.is_some_and(|attempt| self.is_in_flight(attempt)) {
            Some(ResendRefusal::InFlight)
        } else if self.state == State::Cancelled {
            Some(ResendRefusal::Cancelled)
        } else if self.attempts >= MAX_ATTEMPTS_KEPT {
            Some(ResendRefusal::TooManyAttempts)
        } else {
            None
        }
    }

    /// Requests a manual attempt, unless [`Self::resend_refusal`] says why not. One attempt serves every request made
    /// before it began, and none made after: a request made while one is in flight gets another.
    pub fn resend(&mut self, context: ResendContext, now: Timestamp) -> Result<(), ResendRefusal> {
        if let Some(refusal) = self.resend_refusal(context) {
            return Err(refusal);
        }
        // Later than an earlier request, within one millisecond too: `record_outcome` distinguishes them.
        let after_the_last = self.manual_at.map(|last| last.plus(Duration::from_millis(1)));
        self.manual_at = Some(after_the_last.map_or(now, |after| after.max(now)));
        self.updated_at = now;
        Ok(())
    }

    /// When `policy` alone would make the next automatic attempt, if that is earlier than planned because of a target's
    /// `Retry-After` or an earlier policy. `None` if it was attempted since `requested_at`, or if the plan differs by a
    /// second at most, which planning itself may take.
    pub fn due_by_schedule(&self, policy: &RetryPolicy, requested_at: Timestamp) -> Option<Timestamp> {
        const A_MOMENT: Duration = Duration::from_secs(1);
        let (State::Retrying { due }, Some(last)) = (self.state, &self.last) else {
            return None;
        };
        let ended = last.started_at.plus(Duration::from_micros(u64::from(last.duration_us)));
        let scheduled = ended.plus(policy.gap_after(self.automatic, self.key).ok()?);
        (last.started_at < requested_at && scheduled.plus(A_MOMENT) < due).then_some(scheduled)
    }

    /// Moves the next automatic attempt to an earlier time. Returns whether that changed anything.
    pub fn bring_forward(&mut self, due: Timestamp, now: Timestamp) -> bool {
        match &mut self.state {
            State::Retrying { due: planned } if due < *planned => {
                self.gap = self.gap.map(|gap| gap.saturating_sub(planned.since(due)));
                *planned = due;
                self.updated_at = now;
                true
            }
            _ => false,
        }
    }

    /// Cancels pending attempts. Delivered and failed notifications keep their state. Returns whether anything changed.
    pub fn cancel(&mut self, now: Timestamp) -> bool {
        let unfinished = match self.state {
            State::Pending | State::Retrying { .. } => true,
            State::Delivered | State::Failed | State::Cancelled => false,
        };
        let changed = unfinished || self.manual_at.is_some();
        if unfinished {
            self.state = State::Cancelled;
            self.awaits_predecessor = false;
        }
        if changed {
            self.manual_at = None;
            self.updated_at = now;
        }
        changed
    }

    /// If the next automatic attempt is further away than the delay it was scheduled with, because the clock was put
    /// back, moves it to `now` plus that delay. Returns the new due time; `None` if nothing changes.
    pub fn cap_to_gap(&mut self, now: Timestamp) -> Option<Timestamp> {
        let State::Retrying { due } = self.state else {
            return None;
        };
        let ended = |last: &Attempt| last.started_at.plus(Duration::from_micros(u64::from(last.duration_us)));
        let known = self.gap.or_else(|| self.last.as_ref().map(|last| due.since(ended(last))));
        let latest = now.plus(known.unwrap_or(RetryPolicy::MAX_GAP).min(RetryPolicy::MAX_GAP));
        if due <= latest {
            return None;
        }
        self.state = State::Retrying { due: latest };
        self.updated_at = now;
        if let Some(last) = &mut self.last {
            last.next_attempt_at = Some(latest);
        }
        Some(latest)
    }

    /// For an event whose payload is erased: cancels pending attempts, and forgets the target's answer, which may echo
    /// the payload. Attempts before the last are rows of their own.
    pub fn erase(&mut self, now: Timestamp) {
        self.cancel(now);
        self.erased = true;
        if let Some(last) = &mut self.last {
            last.forget_answer();
        }
    }

    /// Records an attempt that has ended. Returns the attempt that was the last until now, which becomes a row of its
    /// own.
    ///
    /// `requested_at` is the [`Notification::manual_at`] that a manual attempt began for. A confirmation counts in any
    /// case: a notification that was cancelled with its attempt in flight is delivered all the same.
    pub fn record_outcome(
        &mut self,
        mut attempt: Attempt,
        verdict: Verdict,
        requested_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Attempt> {
        self.attempts = self.attempts.saturating_add(1);
        attempt.number = self.attempts;
        if self.erased {
            attempt.forget_answer();
        }
        match attempt.trigger {
            Trigger::Automatic => self.automatic = self.automatic.saturating_add(1),
            Trigger::Manual | Trigger::Test => self.manual_at = self.manual_at.filter(|at| requested_at != Some(*at)),
        }
        self.state = match (self.state, verdict) {
            (_, Verdict::Confirmed) => {
                self.delivered_at = self.delivered_at.or(Some(now));
                State::Delivered
            }
            // A test has no schedule to fall back on.
            (State::Pending, Verdict::ScheduleUnchanged) if self.test => State::Failed,
            (State::Pending | State::Retrying { .. }, Verdict::RetryAt(due)) => State::Retrying { due },
            (State::Pending | State::Retrying { .. }, Verdict::Exhausted) => State::Failed,
            // Manual, or too late: what was decided stays.
            (state, Verdict::ScheduleUnchanged)
            | (
                state @ (State::Delivered | State::Failed | State::Cancelled),
                Verdict::RetryAt(_) | Verdict::Exhausted,
            ) => state,
        };
        // After a manual delivery it waits for nothing any more.
        self.awaits_predecessor &= self.state == State::Pending;
        attempt.next_attempt_at = match self.state {
            State::Retrying { due } => Some(due),
            State::Pending | State::Delivered | State::Failed | State::Cancelled => None,
        };
        self.updated_at = now;
        self.last.replace(attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AttemptResult, Seq, WebhookNo};

    const NOW: Timestamp = Timestamp::from_ms(1_000);
    const LATER: Timestamp = Timestamp::from_ms(9_000);

    fn attempt(trigger: Trigger, status: u16) -> Attempt {
        Attempt::bare(trigger, NOW, AttemptResult::of_status(status))
    }

    /// As the engine does: a manual attempt began for the request that is pending.
    fn record(n: &mut Notification, attempt: Attempt, verdict: Verdict, now: Timestamp) -> Option<Attempt> {
        let asked_at = n.manual_at.filter(|_| attempt.trigger != Trigger::Automatic);
        n.record_outcome(attempt, verdict, asked_at, now)
    }

    fn notification(test: bool) -> Notification {
        Notification::new(NotificationKey { seq: Seq(1), webhook: WebhookNo(1) }, AccountNo(1), NOW, test)
    }

    #[test]
    fn the_schedule_runs_its_course() {
        let mut n = notification(false);
        assert_eq!(record(&mut n, attempt(Trigger::Automatic, 500), Verdict::RetryAt(LATER), NOW), None);
        assert_eq!((n.state, n.automatic, n.attempts), (State::Retrying { due: LATER }, 1, 1));
        let before = record(&mut n, attempt(Trigger::Automatic, 500), Verdict::Exhausted, LATER).unwrap();
        assert_eq!((before.number, before.next_attempt_at), (1, Some(LATER)));
        assert_eq!((n.state, n.attempts), (State::Failed, 2));
    }

    #[test]
    fn a_retry_waits_for_its_gap_at_most_whatever_the_clock_does() {
        const YEAR: Timestamp = Timestamp::from_ms(31_536_000_000);
        let mut n = notification(false);
        assert_eq!(n.cap_to_gap(NOW), None);
        n.state = State::Retrying { due: YEAR };
        n.gap = Some(Duration::from_secs(3));
        assert_eq!(n.cap_to_gap(NOW), Some(Timestamp::from_ms(4_000)));
        assert_eq!((n.state, n.cap_to_gap(NOW)), (State::Retrying { due: Timestamp::from_ms(4_000) }, None));
        assert_eq!(n.cap_to_gap(LATER), None, "what is due is due");
        // A record without a gap: the gap of its last attempt, at most the longest one.
        n.gap = None;
        n.last = Some(attempt(Trigger::Automatic, 500));
        assert_eq!(n.cap_to_gap(Timestamp::from_ms(500)), Some(Timestamp::from_ms(3_500)));
        (n.state, n.last) = (State::Retrying { due: YEAR }, None);
        assert_eq!(n.cap_to_gap(NOW), Some(NOW.plus(RetryPolicy::MAX_GAP)));
    }

    #[test]
    fn an_attempt_by_hand_never_harms() {
        let mut n = notification(false);
        n.resend(ResendContext::default(), NOW).unwrap();
        record(&mut n, attempt(Trigger::Manual, 500), Verdict::ScheduleUnchanged, NOW);
        assert_eq!((n.state, n.automatic, n.manual_at), (State::Pending, 0, None));
        record(&mut n, attempt(Trigger::Automatic, 500), Verdict::RetryAt(LATER), NOW);
        record(&mut n, attempt(Trigger::Manual, 500), Verdict::ScheduleUnchanged, NOW);
        assert_eq!((n.state, n.automatic, n.attempts), (State::Retrying { due: LATER }, 1, 3));
        record(&mut n, attempt(Trigger::Manual, 200), Verdict::Confirmed, NOW);
        assert_eq!((n.state, n.delivered_at), (State::Delivered, Some(NOW)));
        n.resend(ResendContext::default(), LATER).unwrap();
        record(&mut n, attempt(Trigger::Manual, 500), Verdict::ScheduleUnchanged, LATER);
        assert_eq!((n.state, n.delivered_at), (State::Delivered, Some(NOW)));
    }

    /// The target was changed and the notification re-sent while an attempt to the old target was in flight: its end
    /// took the request along, and nothing went to the new one.
    #[test]
    fn a_request_made_while_an_attempt_is_in_flight_is_owed_another() {
        let mut n = notification(false);
        n.resend(ResendContext::default(), NOW).unwrap();
        let first = n.manual_at;
        n.resend(ResendContext::default(), NOW).unwrap();
        n.record_outcome(attempt(Trigger::Manual, 500), Verdict::ScheduleUnchanged, first, NOW);
        assert!(n.manual_at.is_some());
        let second = n.manual_at;
        n.record_outcome(attempt(Trigger::Manual, 500), Verdict::ScheduleUnchanged, second, NOW);
        assert_eq!(n.manual_at, None);
    }

    #[test]
    fn cancelling_ends_what_is_owed_and_a_late_confirmation_still_counts() {
        let mut n = notification(false);
        assert!(n.cancel(NOW));
        assert!(!n.cancel(LATER));
        assert_eq!(n.resend(ResendContext::default(), NOW), Err(ResendRefusal::Cancelled));
        record(&mut n, attempt(Trigger::Automatic, 500), Verdict::RetryAt(LATER), NOW);
        assert_eq!(n.state, State::Cancelled);
        record(&mut n, attempt(Trigger::Automatic, 204), Verdict::Confirmed, NOW);
        assert_eq!(n.state, State::Delivered);
    }

    #[test]
    fn a_test_has_one_attempt_and_no_schedule() {
        let mut n = notification(true);
        assert_eq!((n.needs_automatic_attempt(), n.manual_trigger()), (false, Trigger::Test));
        record(&mut n, attempt(Trigger::Test, 500), Verdict::ScheduleUnchanged, NOW);
        assert_eq!((n.state, n.manual_at), (State::Failed, None));
        n.resend(ResendContext::default(), NOW).unwrap();
        assert_eq!(n.manual_trigger(), Trigger::Manual);
    }

    #[test]
    fn attempts_have_an_end() {
        let mut n = notification(false);
        n.attempts = MAX_ATTEMPTS_KEPT - 1;
        assert_eq!(n.resend(ResendContext::default(), NOW), Ok(()));
        n.attempts = MAX_ATTEMPTS_KEPT;
        assert_eq!(n.resend(ResendContext::default(), NOW), Err(ResendRefusal::TooManyAttempts));
    }

    #[test]
    fn a_pause_holds_what_is_owed_and_nothing_else() {
        let mut n = notification(false);
        assert_eq!(n.status(true, false), Status::Pending);
        assert_eq!(n.status(false, false), Status::Held);
        assert_eq!(n.status(false, true), Status::Cancelled);
        record(&mut n, attempt(Trigger::Automatic, 200), Verdict::Confirmed, NOW);
        assert_eq!(n.status(false, false), Status::Delivered);
        assert_eq!(n.status(false, true), Status::Delivered);
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
    }
}
