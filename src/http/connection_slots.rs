//! The slots that connections take, and which are freed when all are taken.
//!
//! A new connection never waits in the system's queue. When no slot is free, it replaces the connection that has waited
//! for its caller the longest: slow in its handshake, head or body, idle, or not reading its answer. So thousands of
//! slow connections cost an honest caller nothing: it is the newest, and sends its request at once. A request that is
//! being worked on is never cut off; where all are, a new connection is refused. A caller that is sending a body goes
//! last: a body is awaited only of a caller whose token is right, so a flood of strangers costs no upload.

use super::client_address::address_key;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How often it is logged that there are no slots.
const LOG_EVERY: Duration = Duration::from_secs(60);
/// The share of the slots that is cleared at once, so that the table is not walked for every single connection of a
/// flood.
const SHARE: usize = 64;

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The TLS handshake.
    Handshake,
    /// Its first head is awaited.
    Head,
    /// Its next head is awaited.
    Idle,
    /// A body is awaited of a caller who is known.
    Body,
    /// A request is worked on.
    Working,
    /// An answer goes out.
    Answering,
    /// An answer goes out that has no end of its own: its connection closes behind it.
    Streaming,
    /// It has lost its slot, and ends.
    Dropped,
    /// A form is awaited of a visitor who isn't signed in.
    Form,
}

impl Phase {
    const ALL: [Self; 9] = [
        Self::Handshake,
        Self::Head,
        Self::Idle,
        Self::Body,
        Self::Working,
        Self::Answering,
        Self::Streaming,
        Self::Dropped,
        Self::Form,
    ];
    /// How many bits of a slot's state hold its phase.
    const BITS: u32 = 4;

    /// Whether the caller is the one who is waited for.
    fn waits_for_caller(self) -> bool {
        match self {
            Self::Handshake | Self::Head | Self::Idle | Self::Body | Self::Form | Self::Answering => true,
            // Streams are few (see `service::MAX_FOLLOWERS`), and their callers are known.
            Self::Working | Self::Streaming | Self::Dropped => false,
        }
    }
}

/// The slot of one connection. Its phase and since when in one word, so that who is dropped is dropped in the very
/// phase in which it was chosen.
pub(crate) struct Slot {
    base: Instant,
    /// Microseconds since `base`, times sixteen, and the phase. Fine enough that no two phases of one connection begin
    /// at once.
    state: AtomicU64,
    dropped: Notify,
}

impl Slot {
    pub(crate) fn new(base: Instant, phase: Phase) -> Self {
        let slot = Self { base, state: AtomicU64::new(0), dropped: Notify::new() };
        slot.state.store(slot.pack(phase), Ordering::Release);
        slot
    }

    fn pack(&self, phase: Phase) -> u64 {
        let since_us = u64::try_from(self.base.elapsed().as_micros()).unwrap_or(u64::MAX);
        since_us << Phase::BITS | phase as u64
    }

    fn unpack(state: u64) -> (u64, Phase) {
        (state >> Phase::BITS, *Phase::ALL.get((state & ((1 << Phase::BITS) - 1)) as usize).unwrap_or(&Phase::Dropped))
    }

    /// Goes over into a phase; false for a connection that has lost its slot.
    pub(crate) fn enter(&self, phase: Phase) -> bool {
        let new = self.pack(phase);
        let entered = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            (Self::unpack(state).1 != Phase::Dropped).then_some(new)
        });
        entered.is_ok()
    }

    /// The phase, and when it began.
    pub(crate) fn phase(&self) -> (Phase, Instant) {
        let (since_us, phase) = Self::unpack(self.state.load(Ordering::Acquire));
        (phase, self.base + Duration::from_micros(since_us))
    }

    /// Resolves when it has lost its slot.
    pub(crate) async fn dropped(&self) {
        self.dropped.notified().await;
    }

    /// Takes the slot away, if the connection is still where it was seen.
    fn take_from(&self, seen: u64) -> bool {
        let dropped = self.pack(Phase::Dropped);
        let taken = self.state.compare_exchange(seen, dropped, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if taken {
            // The permit stays for a caller of `dropped` that comes later.
            self.dropped.notify_one();
        }
        taken
    }
}

/// Why a connection gets no slot: every one that could make room is being worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSlot {
    /// There are as many as there may be.
    Full,
    /// Its address has as many as it may have.
    TooManyOfAddress,
}

/// All slots.
pub(crate) struct ConnectionSlots {
    base: Instant,
    /// As many as there are file descriptors for, whatever the settings say.
    most: usize,
    table: Mutex<SlotTable>,
    refused: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Default)]
struct SlotTable {
    next: u64,
    taken: HashMap<u64, (Arc<Slot>, IpAddr)>,
    by_address: HashMap<IpAddr, usize>,
    last_logged: Option<Instant>,
}

impl SlotTable {
    /// Under a flood, a line for each connection would be a second one.
    fn may_log(&mut self) -> bool {
        let now = Instant::now();
        let may = self.last_logged.is_none_or(|at| now.duration_since(at) >= LOG_EVERY);
        if may {
            self.last_logged = Some(now);
        }
        may
    }

    fn give_back(&mut self, id: u64) {
        let Some((_, address)) = self.taken.remove(&id) else {
            return;
        };
        if let Some(count) = self.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }

    /// Drops at most `most` connections, of one address or of all: those whose callers have been waited for the
    /// longest.
    fn make_room(&mut self, of: Option<IpAddr>, most: usize) -> usize {
        let mut waiting: Vec<(bool, u64, u64)> = self
            .taken
            .iter()
            .filter(|(_, (_, address))| of.is_none_or(|of| *address == of))
            .map(|(id, (slot, _))| (slot.state.load(Ordering::Acquire), *id))
            .map(|(state, id)| (Slot::unpack(state).1, state, id))
            .filter(|(phase, ..)| phase.waits_for_caller())
            .map(|(phase, state, id)| (phase == Phase::Body, state, id))
            .collect();
        if waiting.len() > most {
            // The time is in the higher bits: the smallest has waited the longest.
            waiting.select_nth_unstable(most);
            waiting.truncate(most);
        }
        let mut dropped = 0;
        for (_, state, id) in waiting {
            if self.taken.get(&id).is_some_and(|(slot, _)| slot.take_from(state)) {
                self.give_back(id);
                dropped += 1;
            }
        }
        dropped
    }
}

/// A slot that is taken, until this is dropped.
pub(crate) struct HeldSlot {
    slots: Arc<ConnectionSlots>,
    id: u64,
    pub(crate) slot: Arc<Slot>,
}

impl Drop for HeldSlot {
    fn drop(&mut self) {
        self.slots.lock().give_back(self.id);
    }
}

impl ConnectionSlots {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            base: Instant::now(),
            most,
            table: Mutex::default(),
            refused: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, SlotTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot for a connection from `peer`: one of `max` in all, and one of `max_of_address`, unless that is `None`.
    pub(crate) fn take(
        self: &Arc<Self>,
        peer: IpAddr,
        phase: Phase,
        max: usize,
        max_of_address: Option<usize>,
    ) -> Result<HeldSlot, NoSlot> {
        let (address, max) = (address_key(peer), max.min(self.most));
        let mut table = self.lock();
        let of_address = table.by_address.get(&address).copied().unwrap_or(0);
        if max_of_address.is_some_and(|max| of_address >= max) {
            let made = table.make_room(Some(address), 1);
            self.count(&mut table, made, NoSlot::TooManyOfAddress, peer)?;
        }
        if table.taken.len() >= max {
            // A reload may have lowered it.
            let surplus = table.taken.len() - max;
            let made = table.make_room(None, surplus + max.div_ceil(SHARE));
            self.count(&mut table, made, NoSlot::Full, peer)?;
        }
        let id = table.next;
        table.next += 1;
        let slot = Arc::new(Slot::new(self.base, phase));
        table.taken.insert(id, (slot.clone(), address));
        *table.by_address.entry(address).or_default() += 1;
        Ok(HeldSlot { slots: self.clone(), id, slot })
    }

    /// Drops some connections if the system has no descriptors or memory left for one more; a peer that gave up is none
    /// of theirs.
    pub(crate) fn make_room(&self, error: &io::Error) {
        use rustix::io::Errno;
        let short = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM].map(Errno::raw_os_error);
        if !error.raw_os_error().is_some_and(|code| short.contains(&code)) {
            return;
        }
        let mut table = self.lock();
        if table.may_log() {
            tracing::warn!(%error, "a connection could not be accepted; the slowest are closed");
        }
        let most = table.taken.len().div_ceil(SHARE);
        let made = table.make_room(None, most);
        self.dropped.fetch_add(made as u64, Ordering::Relaxed);
    }

    fn count(&self, table: &mut SlotTable, made: usize, short: NoSlot, peer: IpAddr) -> Result<(), NoSlot> {
        self.dropped.fetch_add(made as u64, Ordering::Relaxed);
        if table.may_log() {
            match short {
                NoSlot::Full => tracing::warn!(
                    connections = table.taken.len() + made,
                    "every connection is taken: the slowest are closed for new ones; raise `server.max_connections` if \
                     these are callers of yours"
                ),
                NoSlot::TooManyOfAddress => tracing::warn!(
                    %peer,
                    "an address has all the connections it may have: its slowest are closed for new ones; raise \
                     `server.max_connections_per_address`, or name it in `server.trusted_proxies` if it is a proxy of \
                     yours"
                ),
            }
        }
        if made > 0 {
            return Ok(());
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(short)
    }

    /// Connections that are open, were closed to make room, and were refused.
    pub(crate) fn figures(&self) -> (u64, u64, u64) {
        let open = self.lock().taken.len() as u64;
        (open, self.dropped.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Until the phases that follow begin measurably later.
    fn later() {
        let now = Instant::now();
        while now.elapsed() < Duration::from_micros(10) {
            std::hint::spin_loop();
        }
    }

    #[tokio::test]
    async fn the_one_that_is_waited_for_the_longest_makes_room() {
        let slots = Arc::new(ConnectionSlots::new(3));
        let take = |from: &str| slots.take(ip(from), Phase::Head, 4, None);
        let oldest = take("192.0.2.1").ok().unwrap();
        later();
        let idle = take("192.0.2.2").ok().unwrap();
        later();
        let busy = take("192.0.2.3").ok().unwrap();
        assert!(busy.slot.enter(Phase::Working));
        later();
        // What it is waited for begins anew with its answer.
        assert!(oldest.slot.enter(Phase::Idle));
        later();
        let new = take("192.0.2.4").ok().unwrap();
        idle.slot.dropped().await;
        assert!(!idle.slot.enter(Phase::Working), "it has lost its slot for good");
        assert_eq!(slots.figures(), (3, 1, 0));
        drop(idle);
        assert_eq!(slots.figures().0, 3, "a slot is given back once");
        for held in [&oldest, &new] {
            assert!(held.slot.enter(Phase::Working));
        }
        assert_eq!(take("192.0.2.5").err(), Some(NoSlot::Full), "nobody is cut off at work");
        assert_eq!(slots.figures(), (3, 1, 1));
        drop((oldest, new, busy));
        assert_eq!(slots.figures().0, 0);
        assert!(slots.lock().by_address.is_empty());
    }

    #[test]
    fn a_body_makes_room_last() {
        let slots = Arc::new(ConnectionSlots::new(2));
        let take = |from: &str| slots.take(ip(from), Phase::Head, 2, None).ok().unwrap();
        let upload = take("192.0.2.1");
        assert!(upload.slot.enter(Phase::Working) && upload.slot.enter(Phase::Body));
        later();
        let stranger = take("192.0.2.2");
        let _new = take("192.0.2.3");
        assert_eq!((upload.slot.phase().0, stranger.slot.phase().0), (Phase::Body, Phase::Dropped));
        // The form of a visitor who isn't signed in is none.
        drop(stranger);
        let form = take("192.0.2.4");
        assert!(form.slot.enter(Phase::Form));
        let _newer = take("192.0.2.5");
        assert_eq!((upload.slot.phase().0, form.slot.phase().0), (Phase::Body, Phase::Dropped));
    }

    #[tokio::test]
    async fn an_address_makes_room_for_itself_alone() {
        let slots = Arc::new(ConnectionSlots::new(1000));
        let take = |from: &str| slots.take(ip(from), Phase::Head, 100, Some(2));
        let other = take("2001:db8:0:1::1").ok().unwrap();
        let first = take("2001:db8::1").ok().unwrap();
        let second = take("2001:db8::2").ok().unwrap();
        assert_eq!(slots.figures().1, 0, "two of one /64 are within the limit");
        assert!(second.slot.enter(Phase::Working));
        let third = take("2001:db8::3").ok().unwrap();
        first.slot.dropped().await;
        assert!(other.slot.enter(Phase::Working), "another /64 is another address");
        assert!(third.slot.enter(Phase::Working));
        assert_eq!(take("2001:db8::4").err(), Some(NoSlot::TooManyOfAddress));
        drop(second);
        assert!(take("2001:db8::4").is_ok());
    }

    #[tokio::test]
    async fn a_flood_clears_a_share_at_once() {
        let slots = Arc::new(ConnectionSlots::new(1000));
        let take = || slots.take(ip("192.0.2.1"), Phase::Head, 128, None).ok().unwrap();
        let held: Vec<HeldSlot> = std::iter::repeat_with(take).take(128).collect();
        let _one = take();
        assert_eq!(slots.figures(), (127, 2, 0));
        assert_eq!(held.iter().filter(|held| held.slot.phase().0 == Phase::Dropped).count(), 2);
    }
}
