//! Who has sent wrong tokens, and how often.
//!
//! A token is 256 random bits, and nobody guesses one: what this bounds is noise, and what a leak of half a token would
//! be worth. A right token always passes, even from the address of a guesser; so the answer comes after the look
//! at the token, and only a wrong one gets a time to wait.

use super::client_address::address_key;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How many wrong tokens an address may send at once,
const BURST: u32 = 20;
/// and after how long it may send one more.
const EVERY: Duration = Duration::from_secs(6);
/// The most addresses that are remembered; past it, the one that has the least to wait is forgotten.
const MAX_ADDRESSES: usize = 4096;

/// By address, when its last wrong token will be forgotten: the generic cell rate algorithm, whose state is one moment.
#[derive(Default)]
pub(crate) struct AuthThrottle {
    forgotten_at: Mutex<HashMap<IpAddr, Instant>>,
    wrong: AtomicU64,
}

impl AuthThrottle {
    /// Counts a wrong token from this address; `Err` with how long to wait, if it has sent too many.
    pub(crate) fn wrong(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.wrong.fetch_add(1, Ordering::Relaxed);
        let key = address_key(address);
        let mut all = self.forgotten_at.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_ADDRESSES && !all.contains_key(&key) {
            all.retain(|_, at| *at > now);
            let least = all.iter().min_by_key(|(_, at)| **at).map(|(key, _)| *key);
            if let Some(least) = least.filter(|_| all.len() >= MAX_ADDRESSES) {
                all.remove(&least);
            }
        }
        let forgotten_at = all.entry(key).or_insert(now);
        let begun = (*forgotten_at).max(now);
        let over = (begun + EVERY).duration_since(now).saturating_sub(EVERY * BURST);
        if !over.is_zero() {
            return Err(over);
        }
        let last = (begun + EVERY * 2).duration_since(now) > EVERY * BURST;
        *forgotten_at = begun + EVERY;
        drop(all);
        if last {
            tracing::warn!(%address, "an address has sent {BURST} wrong access tokens and is throttled");
        }
        Ok(())
    }

    /// Wrong tokens since the start.
    pub(crate) fn count(&self) -> u64 {
        self.wrong.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn so_many_at_once_and_then_one_at_a_time() {
        let (guesses, mut now) = (AuthThrottle::default(), Instant::now());
        let (one, other) = (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::new(192, 0, 2, 2).into());
        for nth in 1..=BURST {
            assert_eq!(guesses.wrong(one, now), Ok(()), "{nth}");
        }
        assert_eq!(guesses.wrong(one, now), Err(EVERY));
        assert_eq!(guesses.wrong(other, now), Ok(()));
        now += EVERY;
        assert_eq!(guesses.wrong(one, now), Ok(()));
        assert!(guesses.wrong(one, now).is_err());
        now += EVERY * BURST;
        for _ in 0..BURST {
            assert_eq!(guesses.wrong(one, now), Ok(()));
        }
        assert!(guesses.wrong(one, now).is_err());
        assert_eq!(guesses.count(), u64::from(BURST) * 2 + 5);
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_remembered() {
        let (guesses, now) = (AuthThrottle::default(), Instant::now());
        let worst = Ipv4Addr::new(192, 0, 2, 1).into();
        while guesses.wrong(worst, now).is_ok() {}
        for n in 0..3 * u32::try_from(MAX_ADDRESSES).unwrap() {
            let _ = guesses.wrong(Ipv4Addr::from_bits(n).into(), now);
        }
        assert_eq!(guesses.forgotten_at.lock().unwrap().len(), MAX_ADDRESSES);
        assert!(guesses.wrong(worst, now).is_err());
    }
}
