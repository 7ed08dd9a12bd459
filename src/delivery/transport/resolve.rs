//! From a host to addresses: literals without asking anybody, names by the system's resolver, bounded in number.
//!
//! The resolver blocks a thread for as long as it likes, far beyond the timeout of an attempt. It knows no timeout and
//! no guard: those are its callers'.

use crate::delivery::failure::Unresolved;
use dns_lookup::{AddrInfoHints, SockType, getaddrinfo};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use tokio::sync::Semaphore;

/// How many of the addresses behind one name are looked at.
pub(crate) const MAX_ADDRESSES: usize = 8;

/// What answers for a name, on the thread that calls.
pub(crate) type LookUp = dyn Fn(&str) -> Result<Vec<IpAddr>, Unresolved> + Send + Sync;

/// Resolves names, a limited number at once.
pub(crate) struct Resolver {
    look_up: Arc<LookUp>,
    permits: Arc<Semaphore>,
    /// Names that are being looked up now, each once for all attempts: many at one name would else take all the
    /// permits, and a resolver that is slow for one name would fail the attempts at all others.
    under_way: Arc<Mutex<UnderWay>>,
}

type UnderWay = HashMap<String, Weak<Lookup>>;

/// One lookup, for all who wait for it.
struct Lookup {
    found: OnceLock<Result<Vec<IpAddr>, Arc<Unresolved>>>,
    /// Has no permits; is closed when the lookup has ended.
    done: Semaphore,
}

impl Default for Lookup {
    fn default() -> Self {
        Self { found: OnceLock::new(), done: Semaphore::new(0) }
    }
}

impl Resolver {
    /// `most` names are resolved at once: each keeps one of tokio's 512 blocking threads busy, on which the store reads
    /// too.
    pub(crate) fn new(look_up: Arc<LookUp>, most: usize) -> Self {
        Self { look_up, permits: Arc::new(Semaphore::new(most)), under_way: Arc::default() }
    }

    /// The addresses of a name, from the lookup that is under way or from a new one.
    pub(crate) async fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, Arc<Unresolved>> {
        let lookup = {
            let mut under_way = lock(&self.under_way);
            if let Some(lookup) = under_way.get(host).and_then(Weak::upgrade) {
                lookup
            } else {
                under_way.retain(|_, lookup| lookup.strong_count() > 0);
                let lookup = Arc::new(Lookup::default());
                under_way.insert(host.to_owned(), Arc::downgrade(&lookup));
                // A task of its own: the attempt that began it may time out while others still wait.
                tokio::spawn(self.run(host.to_owned(), lookup.clone()));
                lookup
            }
        };
        // Closed, never given out: waiting for it ends when the lookup does.
        let _ = lookup.done.acquire().await;
        lookup.found.get().cloned().unwrap_or_else(|| {
            let given_up = io::Error::other("the lookup was given up");
            Err(Arc::new(Unresolved::Failed(given_up)))
        })
    }

    fn run(&self, name: String, awaited: Arc<Lookup>) -> impl Future<Output = ()> + use<> {
        let (permits, under_way, look_up) = (self.permits.clone(), self.under_way.clone(), self.look_up.clone());
        async move {
            let permit = permits.acquire_owned().await.expect("the semaphore is never closed");
            {
                // A name whose attempts have all timed out while it waited for its permit must not hold back those
                // behind it. New attempts ask under the same lock.
                let mut under_way = lock(&under_way);
                if Arc::strong_count(&awaited) == 1 {
                    under_way.remove(&name);
                    return;
                }
            }
            // Not tokio's `lookup_host`: the permit has to last as long as the blocked thread does.
            let found = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                look_up(&name)
            });
            let found = found.await.unwrap_or_else(|error| Err(Unresolved::Failed(io::Error::other(error))));
            awaited.found.set(found.map_err(Arc::new)).ok();
            awaited.done.close();
        }
    }
}

/// Nothing under the lock can panic half-way through a change, so a poisoned one is as good as any.
fn lock(under_way: &Mutex<UnderWay>) -> MutexGuard<'_, UnderWay> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The address that a host spells out, in every form the system's resolver takes for one: `127.1`, `0x7f000001`,
/// `2130706433`, `0177.0.0.1`. A name is none, and nobody is asked for it.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    /// `AI_NUMERICHOST`, the same number in glibc, musl, the BSDs and macOS.
    const NUMERIC_HOST: i32 = 4;
    if let Ok(ip) = host.parse() {
        return Some(ip);
    }
    // Whatever inet_aton(3) reads begins with a digit. What remains is most often a name, and spared the call.
    if !host.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let hints = AddrInfoHints { flags: NUMERIC_HOST, ..AddrInfoHints::default() };
    getaddrinfo(Some(host), None, Some(hints)).ok()?.flatten().next().map(|info| info.sockaddr.ip())
}

/// What the system's resolver says of a name.
pub(crate) fn system(name: &str) -> Result<Vec<IpAddr>, Unresolved> {
    // One answer an address, rather than one for each kind of socket.
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    // An address of a family that is neither IPv4 nor IPv6 is passed over, as std does.
    Ok(getaddrinfo(Some(name), None, Some(hints))?
        .flatten()
        .take(MAX_ADDRESSES)
        .map(|info| info.sockaddr.ip())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::net::{Ipv4Addr, ToSocketAddrs as _};
    use std::sync::Condvar;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use tokio::time::timeout;

    const LONG: Duration = Duration::from_secs(20);

    /// A resolver that hangs until it is let go, and counts.
    #[derive(Default)]
    struct Hanging {
        free: Mutex<bool>,
        changed: Condvar,
        now: AtomicUsize,
        asked: AtomicUsize,
    }

    impl Hanging {
        fn look_up(&self) -> Vec<IpAddr> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.now.fetch_add(1, Ordering::SeqCst);
            drop(self.changed.wait_while(self.free.lock().unwrap(), |free| !*free).unwrap());
            self.now.fetch_sub(1, Ordering::SeqCst);
            vec![Ipv4Addr::LOCALHOST.into()]
        }

        fn let_go(&self) {
            *self.free.lock().unwrap() = true;
            self.changed.notify_all();
        }
    }

    fn hanging(most: usize) -> (Arc<Hanging>, Arc<Resolver>) {
        let hanging = Arc::new(Hanging::default());
        let asked = hanging.clone();
        (hanging, Arc::new(Resolver::new(Arc::new(move |_| Ok(asked.look_up())), most)))
    }

    async fn until(condition: impl Fn() -> bool) {
        let come = async {
            while !condition() {
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, come).await.unwrap();
    }

    #[tokio::test]
    async fn names_that_hang_leave_threads_for_the_store() {
        const MOST: usize = 16;
        let (hanging, resolver) = hanging(MOST);
        let waiting: Vec<_> = (0..1000)
            .map(|n| {
                let resolver = resolver.clone();
                tokio::spawn(async move { resolver.look_up(&format!("{n}.example")).await })
            })
            .collect();
        until(|| hanging.now.load(Ordering::SeqCst) == MOST).await;
        // As many reads as the pool has threads but for those that hang.
        let reads = (0..512 - MOST).map(|_| tokio::task::spawn_blocking(|| ()));
        for read in reads.collect::<Vec<_>>() {
            timeout(LONG, read).await.unwrap().unwrap();
        }
        assert_eq!(hanging.now.load(Ordering::SeqCst), MOST);
        hanging.let_go();
        for waiting in waiting {
            assert!(timeout(LONG, waiting).await.unwrap().unwrap().is_ok());
        }
        assert_eq!(hanging.asked.load(Ordering::SeqCst), 1000);
    }

    #[tokio::test]
    async fn one_name_is_looked_up_once_for_all_who_ask() {
        let (hanging, resolver) = hanging(4);
        let waiting: Vec<_> = (0..100)
            .map(|_| {
                let resolver = resolver.clone();
                tokio::spawn(async move { resolver.look_up("loja.example").await })
            })
            .collect();
        until(|| hanging.asked.load(Ordering::SeqCst) == 1).await;
        hanging.let_go();
        for waiting in waiting {
            assert!(timeout(LONG, waiting).await.unwrap().unwrap().is_ok());
        }
        assert!(resolver.look_up("loja.example").await.is_ok());
        assert_eq!(hanging.asked.load(Ordering::SeqCst), 2, "and nothing is remembered");
    }

    #[tokio::test]
    async fn a_name_that_was_given_up_before_its_turn_is_never_asked_for() {
        let (hanging, resolver) = hanging(1);
        let ask = |name: &'static str| {
            let resolver = resolver.clone();
            tokio::spawn(async move { resolver.look_up(name).await })
        };
        let first = ask("first.example");
        until(|| hanging.now.load(Ordering::SeqCst) == 1).await;
        let given_up = ask("second.example");
        until(|| lock(&resolver.under_way).contains_key("second.example")).await;
        given_up.abort();
        assert!(given_up.await.unwrap_err().is_cancelled());
        let last = ask("third.example");
        hanging.let_go();
        for waiting in [first, last] {
            assert!(timeout(LONG, waiting).await.unwrap().unwrap().is_ok());
        }
        assert_eq!(hanging.asked.load(Ordering::SeqCst), 2);
    }

    /// A bare machine has no `/etc/hosts`, and its resolver may not know `localhost`.
    #[test]
    fn the_system_says_what_it_says_to_others() {
        let Ok(told) = ("localhost", 0).to_socket_addrs() else {
            let skipped = b"SKIPPED: the system's resolver: this machine doesn't know localhost\n";
            let _ = io::stderr().write_all(skipped);
            return;
        };
        let told: Vec<_> = told.map(|address| address.ip()).collect();
        assert!(!told.is_empty() && told.iter().all(IpAddr::is_loopback), "{told:?}");
        assert_eq!(system("localhost").unwrap(), told);
    }

    #[test]
    fn every_spelling_of_an_address_is_read_and_no_name_is() {
        for spelling in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0X7F.1",
            "0177.0.0.1",
            "017700000001",
            "0x7f.0x0.0.0x1",
        ] {
            assert_eq!(literal(spelling), Some(Ipv4Addr::LOCALHOST.into()), "{spelling}");
        }
        assert_eq!(literal("0"), Some(Ipv4Addr::UNSPECIFIED.into()));
        assert_eq!(literal("::ffff:7f00:1"), Some("::ffff:127.0.0.1".parse().unwrap()));
        for name in
            ["localhost", "127.0.0.1.example", "1.example", "loja.example", "256.1.1.1.1", "127.0.0.1.", "x7f.1", ""]
        {
            assert_eq!(literal(name), None, "{name}");
        }
    }
}
