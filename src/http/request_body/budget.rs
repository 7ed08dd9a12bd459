//! A budget of bytes for bodies that are being read: who gets what is free, and who gives a place up.
//!
//! What is free goes to the account, then to the token, that holds the least, and then to the shortest body: so no
//! token, however many bodies it begins, keeps another one's out, and an event passes a queue of batches. A body that
//! arrives slowly gives its place up while others wait.

use crate::model::{AccountNo, TokenId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How many bytes a second a body must bring at least to keep its place while others wait.
const MIN_PACE: f64 = 16.0 * 1024.0;
/// How long a body may take to bring its first bytes.
const GRACE: Duration = Duration::from_secs(1);
/// How often those that wait look for slow bodies.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Who a body comes from: an account, and which of its tokens (`None` for the config's).
pub(crate) type BodyOwner = (AccountNo, Option<TokenId>);

/// How far a body has come.
pub(crate) struct BodyProgress {
    owner: BodyOwner,
    begun: OnceLock<Instant>,
    received: AtomicUsize,
    /// Bytes a second that it must bring.
    pace: f64,
    whole: AtomicBool,
    displaced: AtomicBool,
    displacing: Notify,
}

impl BodyProgress {
    /// Of a body of `bytes`, for which there is this time.
    pub(crate) fn new(owner: BodyOwner, bytes: usize, time: Duration) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "bodies are megabytes")]
        let pace = bytes as f64 / time.as_secs_f64();
        let (begun, received, whole, displaced, displacing) = Default::default();
        Self { owner, begun, received, pace: pace.max(MIN_PACE), whole, displaced, displacing }
    }

    /// Its bytes are awaited from now on.
    pub(crate) fn begin(&self) {
        self.begun.get_or_init(Instant::now);
    }

    /// So many bytes of it have come.
    pub(crate) fn received(&self, bytes: usize) {
        self.received.store(bytes, Ordering::Relaxed);
    }

    /// All of it has come: it is never slow.
    pub(crate) fn is_whole(&self) {
        self.whole.store(true, Ordering::Relaxed);
    }

    /// Resolves when it must give its place up.
    pub(crate) async fn displaced(&self) {
        self.displacing.notified().await;
    }

    fn displace(&self) {
        self.displaced.store(true, Ordering::Relaxed);
        self.displacing.notify_one();
    }

    fn is_slow(&self, now: Instant) -> bool {
        let Some(begun) = self.begun.get().filter(|_| !self.whole.load(Ordering::Relaxed)) else {
            return false;
        };
        let time = now.duration_since(*begun);
        #[expect(clippy::cast_precision_loss, reason = "bodies are megabytes")]
        let received = self.received.load(Ordering::Relaxed) as f64;
        time >= GRACE && received < time.as_secs_f64() * self.pace
    }
}

/// A budget.
pub(crate) struct ByteBudget {
    capacity: usize,
    table: Mutex<BudgetTable>,
}

struct BudgetTable {
    free: usize,
    next: u64,
    looked: Option<Instant>,
    /// Who waits, in the order of their coming.
    waiting: BTreeMap<u64, (Arc<BodyProgress>, usize, Arc<Notify>)>,
    /// What is held.
    held: BTreeMap<u64, (Arc<BodyProgress>, usize)>,
    accounts: HashMap<AccountNo, usize>,
    tokens: HashMap<BodyOwner, usize>,
}

/// What a body takes or waits for, until this is dropped.
pub(crate) struct Share {
    room: Arc<ByteBudget>,
    id: u64,
}

impl ByteBudget {
    pub(crate) fn new(capacity: usize) -> Arc<Self> {
        let (next, looked, waiting, held, accounts, tokens) = Default::default();
        let table = Mutex::new(BudgetTable { free: capacity, next, looked, waiting, held, accounts, tokens });
        Arc::new(Self { capacity, table })
    }

    fn lock(&self) -> MutexGuard<'_, BudgetTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes are taken.
    pub(crate) fn taken(&self) -> usize {
        self.capacity - self.lock().free
    }

    /// Takes so many bytes, at most the whole budget; waits for `most` where they aren't free, and is `None` then.
    pub(crate) async fn take(
        self: &Arc<Self>,
        progress: &Arc<BodyProgress>,
        bytes: usize,
        most: Duration,
    ) -> Option<Share> {
        let bytes = bytes.min(self.capacity);
        let (share, granted) = {
            let mut table = self.lock();
            let (id, granted) = (table.next, Arc::new(Notify::new()));
            table.next += 1;
            if table.waiting.is_empty() && bytes <= table.free {
                table.hold(id, progress, bytes);
                return Some(Share { room: self.clone(), id });
            }
            table.waiting.insert(id, (progress.clone(), bytes, granted.clone()));
            (Share { room: self.clone(), id }, granted)
        };
        let until = Instant::now() + most;
        loop {
            {
                let mut table = self.lock();
                table.pass_on();
                table.displace_slow(Instant::now());
                if !table.waiting.contains_key(&share.id) {
                    return Some(share);
                }
            }
            if Instant::now() >= until {
                return None;
            }
            let look = (Instant::now() + LOOK_EVERY).min(until);
            tokio::select! {
                () = granted.notified() => {}
                () = tokio::time::sleep_until(look) => {}
            }
        }
    }
}

impl BudgetTable {
    fn hold(&mut self, id: u64, progress: &Arc<BodyProgress>, bytes: usize) {
        self.free -= bytes;
        *self.accounts.entry(progress.owner.0).or_default() += bytes;
        *self.tokens.entry(progress.owner).or_default() += bytes;
        self.held.insert(id, (progress.clone(), bytes));
    }

    fn give_back(&mut self, owner: BodyOwner, bytes: usize) {
        self.free += bytes;
        let of_account = self.accounts.entry(owner.0).or_default();
        *of_account = of_account.saturating_sub(bytes);
        if *of_account == 0 {
            self.accounts.remove(&owner.0);
        }
        let of_token = self.tokens.entry(owner).or_default();
        *of_token = of_token.saturating_sub(bytes);
        if *of_token == 0 {
            self.tokens.remove(&owner);
        }
    }

    fn holds(&self, owner: BodyOwner) -> (usize, usize) {
        let of = |held: Option<&usize>| held.copied().unwrap_or(0);
        (of(self.accounts.get(&owner.0)), of(self.tokens.get(&owner)))
    }

    /// Gives what is free to those that wait, until there is not enough for the next.
    fn pass_on(&mut self) {
        loop {
            let next = self.waiting.iter().min_by_key(|(id, (progress, bytes, _))| {
                let (of_account, of_token) = self.holds(progress.owner);
                (of_account, of_token, *bytes, **id)
            });
            let Some((id, bytes)) =
                next.map(|(id, (_, bytes, _))| (*id, *bytes)).filter(|(_, bytes)| *bytes <= self.free)
            else {
                return;
            };
            if let Some((progress, _, granted)) = self.waiting.remove(&id) {
                self.hold(id, &progress, bytes);
                granted.notify_one();
            }
        }
    }

    /// Has slow bodies give their places up, as many as those that wait need; of the owner that holds the most, the
    /// oldest first.
    fn displace_slow(&mut self, now: Instant) {
        if self.waiting.is_empty() || self.looked.is_some_and(|looked| now.duration_since(looked) < LOOK_EVERY / 2) {
            return;
        }
        self.looked = Some(now);
        let needed: usize = self.waiting.values().map(|(_, bytes, _)| *bytes).sum();
        let mut coming = self.free;
        let mut slow = Vec::new();
        for (id, (progress, bytes)) in &self.held {
            if progress.displaced.load(Ordering::Relaxed) {
                coming += bytes;
            } else if progress.is_slow(now) {
                slow.push((Reverse(self.holds(progress.owner)), *id));
            }
        }
        slow.sort_unstable();
        for (_, id) in slow {
            if coming >= needed {
                return;
            }
            if let Some((progress, bytes)) = self.held.get(&id) {
                progress.displace();
                coming += bytes;
            }
        }
    }
}

impl Share {
    /// Gives back what is beyond so many bytes.
    pub(crate) fn shrink(&self, to: usize) {
        let mut table = self.room.lock();
        let Some((progress, bytes)) = table.held.get_mut(&self.id) else {
            return;
        };
        let (owner, surplus) = (progress.owner, bytes.saturating_sub(to));
        *bytes -= surplus;
        table.give_back(owner, surplus);
        table.pass_on();
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut table = self.room.lock();
        table.waiting.remove(&self.id);
        if let Some((progress, bytes)) = table.held.remove(&self.id) {
            table.give_back(progress.owner, bytes);
        }
        table.pass_on();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(20);

    fn of(account: u32, token: u8) -> BodyOwner {
        (AccountNo(account), Some(TokenId::from_bytes([token; 16])))
    }

    fn body(owner: BodyOwner) -> Arc<BodyProgress> {
        Arc::new(BodyProgress::new(owner, 10, LONG))
    }

    #[tokio::test]
    async fn what_finds_no_room_waits_and_is_then_refused() {
        let room = ByteBudget::new(100);
        let (one, other) = (body(of(0, 1)), body(of(0, 1)));
        let all = room.take(&one, 1000, SOON).await.unwrap();
        assert_eq!(room.taken(), 100, "no more than there is");
        assert!(room.take(&other, 1, SOON).await.is_none());
        assert!(room.lock().waiting.is_empty());
        let (waiting, ()) = tokio::join!(room.take(&other, 1, LONG), async { all.shrink(99) });
        assert!(waiting.is_some() && room.taken() == 100);
        drop((waiting, all));
        let table = room.lock();
        assert!(table.free == 100 && table.accounts.is_empty() && table.tokens.is_empty());
    }

    #[tokio::test]
    async fn what_is_free_goes_to_who_holds_the_least_and_then_to_the_shortest() {
        let room = ByteBudget::new(100);
        let greedy = room.take(&body(of(0, 1)), 60, LONG).await.unwrap();
        let rest = room.take(&body(of(0, 2)), 40, LONG).await.unwrap();
        let order = Mutex::new(Vec::new());
        let waits = async |owner, bytes, name| {
            let share = room.take(&body(owner), bytes, LONG).await.unwrap();
            order.lock().unwrap().push(name);
            drop(share);
        };
        let free = async move {
            tokio::time::sleep(SOON).await;
            drop(rest);
        };
        tokio::join!(
            waits(of(0, 1), 30, "greedy, long"),
            waits(of(0, 1), 20, "greedy, short"),
            waits(of(0, 3), 40, "another token"),
            waits(of(1, 4), 40, "another account"),
            free
        );
        assert_eq!(*order.lock().unwrap(), ["another account", "another token", "greedy, short", "greedy, long"]);
        drop(greedy);
    }

    #[tokio::test]
    async fn slow_bodies_give_their_places_up_while_others_wait() {
        let room = ByteBudget::new(100);
        let (slow, late, quick, whole) = (body(of(0, 1)), body(of(0, 1)), body(of(0, 1)), body(of(0, 1)));
        let mut held = Vec::new();
        for one in [&slow, &late, &quick, &whole] {
            held.push(room.take(one, 25, SOON).await.unwrap());
            one.begin();
        }
        late.received(10);
        quick.received(10 * 1024 * 1024);
        whole.is_whole();
        let then = Instant::now() + 10 * GRACE;
        let is_out = |one: &BodyProgress| one.displaced.load(Ordering::Relaxed);
        room.lock().displace_slow(then);
        assert!(!is_out(&slow), "nobody waits");
        let waits = async { room.take(&body(of(0, 2)), 20, LONG).await.is_some() };
        let makes_room = async {
            tokio::time::sleep(SOON).await;
            room.lock().displace_slow(then + GRACE);
            slow.displaced().await;
            drop(held.remove(0));
        };
        let (taken, ()) = tokio::join!(waits, makes_room);
        assert!(taken && !is_out(&late), "one was enough");
        assert!(late.is_slow(then) && !quick.is_slow(then) && !whole.is_slow(then));
    }
}
