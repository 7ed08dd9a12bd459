//! How long targets took to confirm, as a histogram that is small enough to keep one for each hour.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Times by buckets, each a fifth longer than the one before: a quantile is at most that much too long.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResponseTimes(BTreeMap<u8, u64>);

/// How many buckets double a time.
const PER_DOUBLING: f64 = 4.0;
/// The last bucket: 65 s and more.
const LAST: u8 = 64;

impl ResponseTimes {
    /// One more.
    pub(crate) fn note(&mut self, us: u32) {
        *self.0.entry(bucket(us)).or_default() += 1;
    }

    /// All of another's.
    pub fn add(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            *self.0.entry(*bucket).or_default() += count;
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The time that this part of them took at most, such as 0.95; `None` where there are none. A millisecond at least.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank")]
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let rank = (self.count() as f64 * part).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.0.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        found.map(|(bucket, _)| Duration::from_secs_f64((f64::from(*bucket) / PER_DOUBLING).exp2() / 1000.0))
    }
}

/// The bucket of a time: 0 up to a millisecond.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 64")]
fn bucket(us: u32) -> u8 {
    let bucket = ((f64::from(us) / 1000.0).max(1.0).log2() * PER_DOUBLING).ceil();
    bucket.min(f64::from(LAST)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_no_shorter_than_the_time_and_a_fifth_longer_at_most() {
        for us in [0_u32, 1, 999, 1000, 1001, 23_456, 100_000, 1_999_999, 30_000_000, 60_000_000] {
            let mut times = ResponseTimes::default();
            times.note(us);
            let (found, real) = (times.quantile(0.5).unwrap().as_secs_f64(), f64::from(us.max(1000)) / 1e6);
            assert!(found >= real * 0.999_999 && found <= real * 1.2, "{us}: {found}");
        }
        assert!(bucket(u32::MAX) == LAST && ResponseTimes::default().quantile(0.5).is_none());
    }

    #[test]
    fn quantiles_are_of_all_that_were_noted() {
        let (mut times, mut slow) = (ResponseTimes::default(), ResponseTimes::default());
        (0..95).for_each(|_| times.note(10_000));
        (0..5).for_each(|_| slow.note(2_000_000));
        times.add(&slow);
        assert_eq!(times.count(), 100);
        assert!(times.quantile(0.5).unwrap() < Duration::from_millis(12));
        assert!(times.quantile(0.95).unwrap() < Duration::from_millis(12));
        assert!(times.quantile(0.96).unwrap() >= Duration::from_secs(2));
        let text = serde_json::to_string(&times).unwrap();
        assert_eq!(serde_json::from_str::<ResponseTimes>(&text).unwrap(), times);
    }
}
