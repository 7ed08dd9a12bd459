//! Shops under faults: who records what, what was acknowledged, and what nobody has answered yet.

use super::super::harness::{Daemon, exchange, request};
use super::super::receiver::Receiver;
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A generator of numbers whose sequence a seed gives again.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// An event that was acknowledged: the id it was given, and its own number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) n: u64,
}

/// A call that records events, and can be made again as it is.
#[derive(Clone, Debug)]
struct Call {
    path: &'static str,
    key: String,
    body: Value,
    numbers: Vec<u64>,
}

/// How many events a large batch has: more than a mebibyte of them, some in one row and some in two.
const LARGE: u64 = 70;

/// How long an event is at least, and one of a large batch.
const PADS: [usize; 2] = [200, 15_000];

/// What an event calls itself.
pub(super) fn own(n: u64) -> String {
    format!("own-{n}")
}

fn event(n: u64, with_id: bool, least: usize) -> Value {
    let pad = "p".repeat(least + usize::try_from(n * 977 % 5000).unwrap());
    let types = ["PAYMENT.PAID", "ORDER.CREATED", "ORDER.PAID"];
    let at = usize::try_from(n % 3).unwrap();
    let mut event = json!({ "type": types[at], "external_id": own(n), "resource": { "n": n, "pad": pad } });
    if with_id {
        event["id"] = json!(format!("{:08x}-0000-4000-8000-{n:012x}", n.wrapping_mul(2_654_435_761) & 0xffff_ffff));
    }
    event
}

pub(super) struct Books {
    pub(super) receivers: Vec<Receiver>,
    next: AtomicU64,
    known: Mutex<Vec<(Event, Call)>>,
    unanswered: Mutex<Vec<Call>>,
    problems: Mutex<Vec<String>>,
    checked: AtomicU64,
}

impl Books {
    pub(super) fn new(receivers: Vec<Receiver>) -> Self {
        let (known, unanswered, problems) = Default::default();
        Self { receivers, next: AtomicU64::new(1), known, unanswered, problems, checked: AtomicU64::new(0) }
    }

    pub(super) fn acknowledged(&self) -> Vec<Event> {
        self.known.lock().unwrap().iter().map(|(event, _)| event.clone()).collect()
    }

    /// More than the cache holds, before there are faults.
    pub(super) fn fill(&self, address: &str, token: &str) {
        for _ in 0..12 {
            let numbers = self.numbers(40);
            self.make(address, token, Self::call(numbers, true));
        }
        assert!(self.unanswered.lock().unwrap().is_empty());
    }

    fn numbers(&self, count: u64) -> Vec<u64> {
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        (first..first + count).collect()
    }

    fn call(numbers: Vec<u64>, ids: bool) -> Call {
        let key = if ids { String::new() } else { format!("Idempotency-Key: key-{}\r\n", numbers[0]) };
        if let [n] = numbers[..] {
            return Call { path: "/api/events", key, body: json!({ "event": event(n, ids, PADS[0]) }), numbers };
        }
        let least = PADS[usize::from(numbers.len() as u64 == LARGE)];
        let events: Vec<Value> = numbers.iter().map(|n| event(*n, ids, least)).collect();
        Call { path: "/api/events/batch", key, body: json!({ "events": events }), numbers }
    }

    /// Makes a call; an answer that acknowledges nothing, or none at all, leaves it to be made again. Returns whether
    /// anybody answered.
    fn make(&self, address: &str, token: &str, call: Call) -> bool {
        let headers = format!("Content-Type: application/json\r\n{}", call.key);
        let bytes = request(token, "POST", call.path, &headers, call.body.to_string().as_bytes());
        let answer = exchange(address, &bytes);
        match answer.as_ref().map(|answer| answer.status) {
            Ok(200 | 201) => {
                let data = answer.unwrap().data();
                let ids: Vec<Value> = data.as_array().cloned().unwrap_or_else(|| vec![data]);
                if ids.len() != call.numbers.len() {
                    self.problems.lock().unwrap().push(format!("{:?} was answered with {}", call.numbers, ids.len()));
                }
                let mut known = self.known.lock().unwrap();
                for (event, n) in ids.iter().zip(&call.numbers) {
                    let event = Event { id: event["id"].as_str().unwrap().to_owned(), n: *n };
                    known.push((event, call.clone()));
                }
                return true;
            }
            Ok(500 | 503) => {}
            Ok(status) => {
                let said = String::from_utf8_lossy(&answer.as_ref().unwrap().body).into_owned();
                self.problems.lock().unwrap().push(format!("{:?} was answered with {status}: {said}", call.numbers));
            }
            Err(_) => {
                self.unanswered.lock().unwrap().push(call);
                return false;
            }
        }
        self.unanswered.lock().unwrap().push(call);
        true
    }

    /// One shop's work until it is to stop, or nobody answers.
    pub(super) fn work(
        &self,
        worker: usize,
        address: &str,
        token: &str,
        random: &mut Random,
        retires: bool,
        stop: &AtomicBool,
    ) {
        while !stop.load(Ordering::Relaxed) {
            let answered = match worker {
                0 => self.make(address, token, Self::call(self.numbers(1), false)),
                1 => {
                    let count = if random.below(12) == 0 { LARGE } else { 1 + random.below(8) };
                    self.make(address, token, Self::call(self.numbers(count), random.below(2) == 0))
                }
                2 if !retires => self.repeat(address, token, random),
                _ => self.stir(address, token, random),
            };
            if !answered {
                return;
            }
        }
    }

    /// A little of everything, in order, for as long as somebody answers.
    pub(super) fn scene(&self, address: &str, token: &str) {
        let mut random = Random(7);
        for (count, ids) in [(1, false), (5, true), (LARGE, false)] {
            if !self.make(address, token, Self::call(self.numbers(count), ids)) {
                return;
            }
        }
        for _ in 0..8 {
            if !self.stir(address, token, &mut random) {
                return;
            }
        }
        // Outcomes are written too.
        for _ in 0..50 {
            let pending = request(token, "GET", "/api/notifications?status=PENDING&limit=1", "", b"");
            match exchange(address, &pending) {
                Ok(answer) if answer.status == 200 && answer.data().as_array().is_some_and(Vec::is_empty) => return,
                Ok(_) => std::thread::sleep(Duration::from_millis(20)),
                Err(_) => return,
            }
        }
    }

    /// What was acknowledged is asked again: the same event must be the answer.
    fn repeat(&self, address: &str, token: &str, random: &mut Random) -> bool {
        let (event, call) = {
            let known = self.known.lock().unwrap();
            known[usize::try_from(random.below(known.len() as u64)).unwrap()].clone()
        };
        let headers = format!("Content-Type: application/json\r\n{}", call.key);
        let bytes = request(token, "POST", call.path, &headers, call.body.to_string().as_bytes());
        let Ok(answer) = exchange(address, &bytes) else { return false };
        match answer.status {
            500 | 503 => {}
            200 | 201 => {
                let data = answer.data();
                let ids: Vec<Value> = data.as_array().cloned().unwrap_or_else(|| vec![data]);
                if !ids.iter().any(|found| found["id"] == event.id) {
                    self.problems.lock().unwrap().push(format!("{event:?} is another event when it is asked again"));
                }
            }
            status => self.problems.lock().unwrap().push(format!("{event:?} asked again: {status}")),
        }
        true
    }

    /// Reads of old events, resends, a webhook that comes and goes.
    fn stir(&self, address: &str, token: &str, random: &mut Random) -> bool {
        let id = {
            let known = self.known.lock().unwrap();
            known[usize::try_from(random.below(known.len() as u64)).unwrap()].0.id.clone()
        };
        let call = |method: &str, path: &str, body: &[u8]| {
            exchange(address, &request(token, method, path, "Content-Type: application/json\r\n", body))
        };
        let answer = match random.below(8) {
            0 => call("POST", &format!("/api/events/{id}/resend"), b""),
            1 => {
                let target = &self.receivers[0].url;
                let webhook = json!({ "webhook": { "target": format!("{target}/gone"), "events": ["ORDER.*"] } });
                let made = call("POST", "/api/webhooks", webhook.to_string().as_bytes());
                match made {
                    Ok(made) if made.status == 201 => {
                        let id = made.data()["id"].as_str().unwrap().to_owned();
                        call("DELETE", &format!("/api/webhooks/{id}"), b"")
                    }
                    other => other,
                }
            }
            _ => call("GET", &format!("/api/events/{id}"), b""),
        };
        answer.is_ok()
    }

    /// What had no answer, made again as it was, once the disk is well.
    pub(super) fn ask_again(&self, address: &str, token: &str) -> Vec<String> {
        for call in std::mem::take(&mut *self.unanswered.lock().unwrap()) {
            self.make(address, token, call);
        }
        let mut problems = std::mem::take(&mut *self.problems.lock().unwrap());
        let unanswered = std::mem::take(&mut *self.unanswered.lock().unwrap());
        problems
            .extend(unanswered.iter().map(|call| format!("{:?} is not taken on a disk that is well", call.numbers)));
        problems
    }

    /// What was acknowledged since the last check has its content, under its id.
    pub(super) fn check_contents(&self, daemon: &Daemon) -> Vec<String> {
        let known = self.acknowledged();
        let from = self.checked.swap(known.len() as u64, Ordering::Relaxed);
        let mut wrong = Vec::new();
        for Event { id, n } in &known[usize::try_from(from).unwrap()..] {
            let answer = daemon.get(&format!("/api/events/{id}"));
            let found = match answer.status {
                200 => PADS.iter().any(|least| answer.data()["resource"] == event(*n, false, *least)["resource"]),
                // Retention may have taken it; the list is compared beside this.
                404 => continue,
                _ => false,
            };
            if !found {
                wrong.push(format!("event {n}, {id}: {} {}", answer.status, String::from_utf8_lossy(&answer.body)));
            }
        }
        wrong
    }
}
