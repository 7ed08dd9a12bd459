//! When a failed notification is tried again. Pure: it touches no clock and no store.

use super::{Localized, NotificationKey, Timestamp, display_in_english, millis};
use std::time::Duration;

/// The guide's ceiling: 20 attempts in all, the first included.
pub const MAX_AUTOMATIC_ATTEMPTS: u8 = 20;

/// The gap after each failed attempt, how many attempts there are, and how much a gap may be stretched.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    schedule: Vec<Duration>,
    max_attempts: u8,
    jitter_permille: u16,
}

/// Why a policy was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryPolicyError {
    /// Not 1 to 20 attempts.
    Attempts,
    /// No gap at all, or more than 19.
    Gaps,
    /// A gap of less than a millisecond or more than 30 days.
    Gap,
    /// Jitter below 0 or above 1.
    Jitter,
}

impl RetryPolicyError {
    /// The sentence a field error shows.
    pub fn localized(self) -> Localized {
        let (en, pt) = match self {
            Self::Attempts => ("max_attempts must be 1 to 20", "as tentativas devem ser de 1 a 20"),
            Self::Gaps => ("the schedule must have 1 to 19 gaps", "a agenda deve ter de 1 a 19 intervalos"),
            Self::Gap => {
                ("each gap of the schedule must be 1ms to 30days", "cada intervalo da agenda deve ser de 1ms a 30days")
            }
            Self::Jitter => ("jitter must be 0 to 1", "a variação deve ser de 0 a 1"),
        };
        Localized::new(en, pt)
    }
}

display_in_english!(RetryPolicyError);

/// The last attempt has been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// 72 h in all: nine attempts in about the first hour (the ninth after 63m35s) cover a deploy, the tail covers a
/// weekend.
const DEFAULT_SCHEDULE_S: [u64; 19] = [
    5,
    30,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    4 * HOUR,
    6 * HOUR,
    6 * HOUR,
    8 * HOUR,
    12 * HOUR,
    12 * HOUR,
    16 * HOUR,
];

impl Default for RetryPolicy {
    fn default() -> Self {
        let schedule = DEFAULT_SCHEDULE_S.into_iter().map(Duration::from_secs).collect();
        Self { schedule, max_attempts: MAX_AUTOMATIC_ATTEMPTS, jitter_permille: 100 }
    }
}

impl RetryPolicy {
    /// The longest gap that can be asked for.
    pub const MAX_GAP: Duration = Duration::from_secs(30 * 24 * HOUR);

    /// A schedule shorter than the attempts repeats its last gap; a longer one is cut by them. Gaps are whole
    /// milliseconds: what is left over is dropped, here and not only when the policy is written to the store.
    pub fn new(schedule: Vec<Duration>, max_attempts: u8, jitter: f64) -> Result<Self, RetryPolicyError> {
        if !(1..=MAX_AUTOMATIC_ATTEMPTS).contains(&max_attempts) {
            return Err(RetryPolicyError::Attempts);
        }
        if schedule.is_empty() || schedule.len() >= usize::from(MAX_AUTOMATIC_ATTEMPTS) {
            return Err(RetryPolicyError::Gaps);
        }
        if !schedule.iter().all(|gap| (Duration::from_millis(1)..=Self::MAX_GAP).contains(gap)) {
            return Err(RetryPolicyError::Gap);
        }
        if !(0.0..=1.0).contains(&jitter) {
            return Err(RetryPolicyError::Jitter);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000, checked above")]
        let jitter_permille = (jitter * 1000.0).round() as u16;
        let schedule = schedule.into_iter().map(|gap| Duration::from_millis(millis(gap))).collect();
        Ok(Self { schedule, max_attempts, jitter_permille })
    }

    /// The gaps, in whole milliseconds.
    pub fn schedule(&self) -> &[Duration] {
        &self.schedule
    }

    /// How many automatic attempts there are in all.
    pub fn max_attempts(&self) -> u8 {
        self.max_attempts
    }

    /// By how much a gap may be stretched, 0 to 1.
    pub fn jitter(&self) -> f64 {
        f64::from(self.jitter_permille) / 1000.0
    }

    /// The gap after `failed` automatic attempts have failed, jitter included. Jitter only ever adds, so that it can't
    /// undercut what was promised, and is drawn from the notification and the attempt: asking twice gives the same
    /// answer.
    pub fn gap_after(&self, failed: u8, key: NotificationKey) -> Result<Duration, Exhausted> {
        if failed >= self.max_attempts || failed == 0 {
            return Err(Exhausted);
        }
        let nth = usize::from(failed - 1).min(self.schedule.len() - 1);
        let gap_ms = millis(self.schedule[nth]);
        let seed = key.seq.0.rotate_left(20) ^ u64::from(key.webhook.0) << 8 ^ u64::from(failed);
        let draw_permille = splitmix64(seed) % (u64::from(self.jitter_permille) + 1);
        Ok(Duration::from_millis(gap_ms + gap_ms / 1000 * draw_permille + gap_ms % 1000 * draw_permille / 1000))
    }

    /// When the next attempt is due after one that ended at `now`: the later of the schedule and `retry_after`.
    pub fn next_attempt_at(
        &self,
        failed: u8,
        key: NotificationKey,
        now: Timestamp,
        retry_after: Option<Duration>,
    ) -> Result<Timestamp, Exhausted> {
        let gap = self.gap_after(failed, key)?;
        Ok(now.plus(gap.max(retry_after.unwrap_or_default())))
    }
}

/// Steele, Lea and Flood's mixer: scatters neighbouring seeds. For jitter, never for secrets.
pub(crate) fn splitmix64(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Seq, WebhookNo};

    fn key(seq: u64) -> NotificationKey {
        NotificationKey { seq: Seq(seq), webhook: WebhookNo(1) }
    }

    fn unjittered() -> RetryPolicy {
        RetryPolicy { jitter_permille: 0, ..RetryPolicy::default() }
    }

    /// Found by fuzzing: a gap of `1ms 500us` was answered as such and was one of 1 ms after the next start.
    #[test]
    fn gaps_are_what_the_store_keeps() {
        let policy = RetryPolicy::new(vec![Duration::from_micros(1500)], 2, 0.0).unwrap();
        assert_eq!(policy.schedule(), [Duration::from_millis(1)]);
    }

    #[test]
    fn the_default_is_20_attempts_over_72_hours_nine_of_them_within_the_first() {
        let policy = unjittered();
        let gaps: Vec<Duration> = (1..20).map(|failed| policy.gap_after(failed, key(1)).unwrap()).collect();
        assert_eq!(gaps.len(), 19);
        let within = |hours: u64| {
            let mut at = Duration::ZERO;
            1 + gaps
                .iter()
                .take_while(|gap| {
                    at += **gap;
                    at <= Duration::from_secs(hours * HOUR)
                })
                .count()
        };
        assert_eq!(within(1), 8, "the ninth follows 63m35s after the first");
        assert_eq!(gaps[..8].iter().sum::<Duration>(), Duration::from_secs(63 * 60 + 35));
        assert_eq!(gaps.iter().sum::<Duration>(), Duration::from_secs(259_415), "72 h and four minutes");
        assert_eq!(policy.gap_after(20, key(1)), Err(Exhausted));
        assert_eq!(policy.gap_after(255, key(1)), Err(Exhausted));
    }

    #[test]
    fn jitter_only_adds_and_repeats_itself() {
        let policy = RetryPolicy::default();
        let mut drawn = std::collections::BTreeSet::new();
        for seq in 0..1000 {
            let gap = policy.gap_after(2, key(seq)).unwrap();
            assert!((30_000..=33_000).contains(&gap.as_millis()), "{gap:?}");
            assert_eq!(policy.gap_after(2, key(seq)), Ok(gap));
            drawn.insert(gap);
        }
        assert!(drawn.len() > 50, "spread, not clumped: {}", drawn.len());
    }

    #[test]
    fn retry_after_can_put_off_but_not_hurry() {
        let (policy, now) = (unjittered(), Timestamp::from_ms(1_000_000));
        let at = |retry_after| policy.next_attempt_at(2, key(1), now, retry_after).unwrap();
        assert_eq!(at(None), now.plus(Duration::from_secs(30)));
        assert_eq!(at(Some(Duration::from_secs(1))), now.plus(Duration::from_secs(30)));
        assert_eq!(at(Some(Duration::from_secs(90))), now.plus(Duration::from_secs(90)));
    }

    #[test]
    fn a_short_schedule_repeats_its_last_gap_and_limits_hold_at_the_value_and_past_it() {
        let gap = Duration::from_secs(1);
        let policy = RetryPolicy::new(vec![gap, gap * 2], 20, 0.0).unwrap();
        assert_eq!(policy.gap_after(19, key(1)), Ok(gap * 2));
        assert_eq!(RetryPolicy::new(vec![gap], 21, 0.0), Err(RetryPolicyError::Attempts));
        assert_eq!(RetryPolicy::new(vec![gap], 0, 0.0), Err(RetryPolicyError::Attempts));
        assert!(RetryPolicy::new(vec![gap; 19], 1, 1.0).is_ok());
        assert_eq!(RetryPolicy::new(vec![gap; 20], 1, 1.0), Err(RetryPolicyError::Gaps));
        assert_eq!(RetryPolicy::new(vec![], 1, 1.0), Err(RetryPolicyError::Gaps));
        assert!(RetryPolicy::new(vec![RetryPolicy::MAX_GAP], 1, 1.0).is_ok());
        assert_eq!(RetryPolicy::new(vec![RetryPolicy::MAX_GAP + gap], 1, 1.0), Err(RetryPolicyError::Gap));
        assert_eq!(RetryPolicy::new(vec![gap], 1, 1.001), Err(RetryPolicyError::Jitter));
        assert_eq!(RetryPolicy::new(vec![gap], 1, 0.0).unwrap().gap_after(1, key(1)), Err(Exhausted));
    }
}
