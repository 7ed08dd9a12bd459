//! The load under which the power goes: shops that record events, and a target that receives them. Everything about a
//! call, and every answer of the target, follows from a name, so that to repeat or to check one nothing need be
//! remembered of it.

use crate::harness::{exchange, request};
use crate::receiver::{Reply, Request, answer, read_request};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A small generator (splitmix64): the same seed gives the same moments and the same loads.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % bound
    }

    /// Waits for up to so long. Nothing is awaited by this: it decides a moment.
    pub(super) fn wait(&mut self, at_most: Duration) {
        std::thread::sleep(Duration::from_micros(self.below(usize::try_from(at_most.as_micros()).unwrap()) as u64));
    }
}

/// The generator that belongs to a name.
fn random_of(name: &str) -> Random {
    let hash =
        name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
    Random(hash)
}

/// One call that records: the `number`th of a shop. A shop whose name begins with `b` records batches.
pub(super) struct Call<'a> {
    pub(super) shop: &'a str,
    pub(super) number: usize,
}

impl Call<'_> {
    /// Its idempotency key.
    fn key(&self) -> String {
        format!("{}-{}", self.shop, self.number)
    }

    fn is_batch(&self) -> bool {
        self.shop.starts_with('b')
    }

    /// The `external_id`s of the events it records.
    pub(super) fn events(&self) -> Vec<String> {
        let key = self.key();
        if !self.is_batch() {
            return vec![key];
        }
        let size = 2 + random_of(&key).below(12);
        (0..size).map(|at| format!("{key}.{at}")).collect()
    }

    /// Makes the call; the answer's status, or `None` when there was no answer. The key makes it safe to repeat.
    pub(super) fn make(&self, address: &str, token: &str) -> Option<u16> {
        let events: Vec<String> = self
            .events()
            .iter()
            .map(|own| {
                let kind = ["PAYMENT.PAID", "ORDER.CREATED", "PAYMENT.SETTLED"][random_of(own).below(3)];
                format!(r#"{{"type":"{kind}","external_id":"{own}","resource":{}}}"#, resource(own))
            })
            .collect();
        let (path, body) = if self.is_batch() {
            ("/api/events/batch", format!(r#"{{"events":[{}]}}"#, events.join(",")))
        } else {
            ("/api/events", format!(r#"{{"event":{}}}"#, events[0]))
        };
        let headers = format!("Content-Type: application/json\r\nIdempotency-Key: {}\r\n", self.key());
        exchange(address, &request(token, "POST", path, &headers, body.as_bytes())).ok().map(|answer| answer.status)
    }
}

/// Whether this event's resource is a large one.
pub(super) fn is_large(own: &str) -> bool {
    random_of(own).below(32) == 0
}

/// The resource of an event: mostly small, now and then 100 KiB to 240 KiB, which the store keeps in many rows.
pub(super) fn resource(own: &str) -> String {
    let mut random = random_of(&format!("{own}, texto"));
    let length = if is_large(own) { 100 * 1024 + random.below(140 * 1024) } else { random.below(600) };
    let mut text = String::with_capacity(length + 64);
    // Every line is unlike any other, so that rows that change places would show.
    for line in 0.. {
        if text.len() >= length {
            break;
        }
        write!(text, "{own}, linha {line}; ").unwrap();
    }
    json!({ "payment": { "id": own, "texto": text } }).to_string()
}

/// How many calls of each shop have been answered 201. A shop makes one call at a time, in order, so that a number says
/// which.
pub(super) type Tally = BTreeMap<String, usize>;

/// The events of all these calls.
pub(super) fn events_of(tally: &Tally) -> impl Iterator<Item = String> {
    let calls = tally.iter().flat_map(|(shop, calls)| (0..*calls).map(move |number| Call { shop, number }));
    calls.flat_map(|call| call.events())
}

/// Shops at work.
pub(super) struct Shops {
    names: Vec<String>,
    acknowledged: Vec<AtomicUsize>,
    resting: AtomicBool,
    ending: AtomicBool,
    stop: AtomicBool,
    /// Answers that no shop should get while the daemon is up.
    pub(super) refused: Mutex<Vec<String>>,
    /// How long the slowest call took: on a disk that is busy with something else, a sync can take seconds.
    pub(super) slowest: Mutex<Duration>,
}

impl Shops {
    pub(super) fn new(names: Vec<String>) -> Self {
        let acknowledged = names.iter().map(|_| AtomicUsize::new(0)).collect();
        Self {
            names,
            acknowledged,
            resting: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            refused: Mutex::default(),
            slowest: Mutex::default(),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.names.len()
    }

    /// How many calls of each have been answered by now.
    pub(super) fn tally(&self) -> Tally {
        let counts = self.acknowledged.iter().map(|count| count.load(Ordering::SeqCst));
        self.names.iter().cloned().zip(counts).collect()
    }

    /// One shop's day, until it is told to stop or a call fails; for a thread of its own.
    pub(super) fn work(&self, at: usize, address: &str, token: &str) {
        let shop = &self.names[at];
        let mut pauses = random_of(shop);
        for number in 0.. {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let start = Instant::now();
            let status = Call { shop, number }.make(address, token);
            let mut slowest = self.slowest.lock().unwrap();
            *slowest = start.elapsed().max(*slowest);
            drop(slowest);
            if status != Some(201) {
                if !self.ending.load(Ordering::SeqCst) {
                    self.refused.lock().unwrap().push(format!("{shop}-{number}: {status:?}"));
                }
                return;
            }
            self.acknowledged[at].fetch_add(1, Ordering::SeqCst);
            // So that the target keeps up, and groups of commits differ in size.
            pauses.wait(Duration::from_millis(8));
            while self.resting.load(Ordering::SeqCst) && !self.stop.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Whether the shops make no calls for now.
    pub(super) fn rest(&self, resting: bool) {
        self.resting.store(resting, Ordering::SeqCst);
    }

    /// From now on the daemon may go down. The shops go on until it does.
    pub(super) fn expect_the_end(&self) {
        self.ending.store(true, Ordering::SeqCst);
    }

    /// Stops the shops when it goes out of scope, by a panic too: the one who joins their threads would wait for ever.
    pub(super) fn stop_at_the_end(&self) -> Stopping<'_> {
        Stopping(&self.stop)
    }
}

pub(super) struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The target's two webhooks. `lento` takes its time, so that there are always attempts in flight.
pub(super) const HOOKS: [&str; 2] = ["rapido", "lento"];

/// What the target answers to an attempt: 500 to the first two of every tenth notification or so, else 204.
fn status_of(own: &str, hook: &str, attempt: usize) -> u16 {
    if attempt < attempts_of(own, hook) { 500 } else { 204 }
}

/// How many attempts a notification takes until it is delivered, whatever happens between them.
pub(super) fn attempts_of(own: &str, hook: &str) -> usize {
    if random_of(&format!("{own}/{hook}")).below(10) == 0 { 3 } else { 1 }
}

/// How many attempts it takes to deliver everything that these calls have recorded.
pub(super) fn attempts_for(tally: &Tally) -> usize {
    events_of(tally).map(|own| HOOKS.map(|hook| attempts_of(&own, hook)).iter().sum::<usize>()).sum()
}

/// One attempt as the target saw it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Attempt {
    pub(super) own: String,
    pub(super) hook: String,
    pub(super) number: usize,
}

/// What the target received from one daemon.
#[derive(Default)]
pub(super) struct Book {
    /// Attempts, written down before they were answered.
    pub(super) received: Mutex<Vec<Attempt>>,
    /// Attempts whose answer had gone out whole, and when.
    pub(super) answered: Mutex<Vec<(Attempt, Instant)>>,
    /// What should not have been sent.
    pub(super) wrong: Mutex<Vec<String>>,
}

impl Book {
    pub(super) fn received_so_far(&self) -> usize {
        self.received.lock().unwrap().len()
    }
}

/// The target. It lives until the test process ends.
pub(super) struct Target {
    pub(super) url: String,
    book: Arc<Mutex<Arc<Book>>>,
}

impl Target {
    pub(super) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let book: Arc<Mutex<Arc<Book>>> = Arc::default();
        let current = book.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A connection belongs to one daemon, and with it to one book.
                let book = current.lock().unwrap().clone();
                std::thread::spawn(move || listen(stream, &book));
            }
        });
        Self { url, book }
    }

    /// Opens a new book. For a daemon that starts when the one before has ended in good order, so that nothing of it is
    /// on its way any more.
    pub(super) fn new_book(&self) -> Arc<Book> {
        let book = Arc::new(Book::default());
        *self.book.lock().unwrap() = book.clone();
        book
    }
}

fn listen(mut stream: TcpStream, book: &Book) {
    while let Some((head, body)) = read_request(&mut stream) {
        let request = Request { head, body, at: Instant::now(), connection: 0 };
        let attempt = attempt_in(&request);
        if !request.body.ends_with(format!("\"resource\":{}}}", resource(&attempt.own)).as_bytes()) {
            book.wrong.lock().unwrap().push(format!("{attempt:?} came with another resource"));
        }
        book.received.lock().unwrap().push(attempt.clone());
        let reply = Reply::Status(status_of(&attempt.own, &attempt.hook, attempt.number));
        let late = if attempt.hook == "lento" { Duration::from_millis(5) } else { Duration::ZERO };
        std::thread::sleep(late);
        if !answer(&mut stream, reply) {
            return;
        }
        book.answered.lock().unwrap().push((attempt, Instant::now()));
    }
}

fn attempt_in(request: &Request) -> Attempt {
    let hook = request.head.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
    let number = request.header("carteiro-attempt").unwrap().parse().unwrap();
    let own = request.json()["resource"]["payment"]["id"].as_str().unwrap().to_owned();
    Attempt { own, hook, number }
}
