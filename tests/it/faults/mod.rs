//! A disk that fails: reads, writes and syncs of the data folder that end in an error, or do half of their work.
//!
//! A shim (`faults.c`, compiled with `cc`, loaded with `LD_PRELOAD`) fails chosen calls of the daemon while shops
//! record events, repeat calls, re-send and delete, and while targets confirm or fail (see `load.rs`). The daemon may
//! end or go on. Then the disk is well again, the daemon starts, and everything that was acknowledged must be there:
//! see [`Lab::check`].
//!
//! A few rounds in CI; `FAULT_ROUNDS=500 cargo test faults` for a long run, `FAULT_SWEEP=1` to fail every call of a
//! scene in turn, and `FAULT_SEED` to have an earlier one again. A line for each kind of fault says how often it ended
//! the daemon, and how much was wrong afterwards. Needs `cc`.

mod full;
mod load;
mod shim;

use super::harness::{Daemon, eventually, say};
use super::receiver::{Receiver, Reply};
use load::{Books, Event, Random};
use shim::{Aim, Call, Fault, Files, Plan, Shim};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How many rounds there are unless `FAULT_ROUNDS` says otherwise: one of each plan.
const ROUNDS: u64 = 8;
/// How long the load goes on under faults, unless the daemon ends before.
const LOAD: Duration = Duration::from_millis(700);
/// How long it may take to answer the last calls of a round.
const PATIENCE: Duration = Duration::from_secs(15);
/// A cache far smaller than the store, so that reads meet the disk; retries that come soon.
const CONFIG: &str = r#"
store.cache = "1 MiB"
store.min_free = "0 B"
RETENTION
[delivery]
schedule = ["20ms", "60ms"]
jitter = 0.0
timeout = "5s"
WINDOW
[egress]
allow = ["127.0.0.0/8"]
"#;

fn plan(round: u64, random: &mut Random) -> Plan {
    use Call::{Fdatasync, Fsync, Open, Pread, Pwrite, Read, SyncFileRange, Truncate, Write};
    let syncs = [Fsync, Fdatasync, SyncFileRange];
    let nth = Aim::Nth(1 + random.below(if round < ROUNDS { 12 } else { 60 }));
    let chance = |random: &mut Random, most| Aim::Chance(1 + random.below(most));
    let (calls, fault, aim, files): (&[Call], _, _, _) = match round % ROUNDS {
        0 | 5 => (&[Pread], Fault::Io, Aim::Chance(20_000), Files::Db),
        1 => (&[Pwrite, Write], Fault::Io, nth, Files::All),
        2 => (&syncs, Fault::Io, nth, Files::All),
        3 => (&[Pread, Pwrite, Read, Write], Fault::Short, Aim::Chance(200_000), Files::All),
        4 => (&[Pwrite, Write, Truncate, Open], Fault::Full, nth, Files::All),
        6 => (&[Pread], Fault::Io, Aim::Nth(1 + random.below(200)), Files::Db),
        _ => (&Call::ALL, Fault::Io, chance(random, 20_000), Files::All),
    };
    Plan { calls: calls.to_vec(), fault, aim, files, seed: random.next() }
}

/// A store that lives through many rounds, and all that is known of it.
struct Lab {
    daemon: Daemon,
    books: Books,
    /// Whether old events are deleted meanwhile: what is not listed any more was at least delivered.
    retires: bool,
}

/// What became of the rounds of one kind of fault.
#[derive(Default)]
struct Figures {
    rounds: u64,
    struck: u64,
    stops: u64,
    wrong: u64,
}

#[test]
fn what_was_acknowledged_survives_a_disk_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let Some(shim) = Shim::build("a disk that fails", folder.path()) else { return };
    let number = |name| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let rounds = number("FAULT_ROUNDS").unwrap_or(ROUNDS);
    let seed = number("FAULT_SEED").unwrap_or_else(|| RandomState::new().hash_one(()));
    let mut random = Random(seed);
    say(&format!("Faults: {rounds} rounds, FAULT_SEED={seed}"));
    let mut figures: BTreeMap<String, Figures> = BTreeMap::new();
    let mut problems = Vec::new();
    let mut labs: [Option<Lab>; 2] = [None, None];
    for round in 0..rounds {
        let plan = plan(round, &mut random);
        let retires = round % ROUNDS == 5;
        let slot = &mut labs[usize::from(retires)];
        // A chain of rounds on one store, then a new one: it need not grow for ever.
        if slot.as_ref().is_some_and(|lab| lab.books.acknowledged().len() > 4000) {
            *slot = None;
        }
        let lab = slot.get_or_insert_with(|| Lab::new(&shim, retires));
        let name = format!("{:?} {:?}", plan.fault, plan.calls);
        let (struck, stopped, mut wrong) = lab.round(&shim, &plan, &mut random);
        wrong.extend(lab.check());
        let of = figures.entry(name.clone()).or_default();
        of.rounds += 1;
        of.struck += struck;
        of.stops += u64::from(stopped);
        of.wrong += u64::from(!wrong.is_empty());
        if !wrong.is_empty() {
            let first = shim.first();
            problems.push(format!("round {round}, {plan:?}, first struck {first:?}: {wrong:?}\n{}", lab.daemon.log()));
            // What is damaged once would be found again in every later round.
            lab.daemon.forgive();
            *slot = None;
        }
    }
    for (name, Figures { rounds, struck, stops, wrong }) in &figures {
        say(&format!("Faults: {name}: {rounds} rounds, {struck} calls struck, {stops} stops, {wrong} wrong"));
    }
    for lab in labs.into_iter().flatten() {
        lab.daemon.forgive();
    }
    assert!(problems.is_empty(), "FAULT_SEED={seed}\n{}", problems.join("\n"));
    assert!(figures.values().any(|of| of.stops > 0), "no fault has ended the daemon: the load was none");
}

/// By chance some calls of a start, of a stop or of a rare change are never struck: here each is, by its number. CI
/// strikes the first, second, fourth, eighth and so on; `FAULT_SWEEP=1` every one, with every fault.
#[test]
fn a_start_a_scene_and_a_stop_survive_the_failure_of_any_call() {
    use Call::{Fdatasync, Fsync, Open, Pwrite, Rename, SyncFileRange, Truncate, Write};
    let folder = tempfile::tempdir().unwrap();
    let Some(shim) = Shim::build("a disk that fails at each call", folder.path()) else { return };
    let every = std::env::var_os("FAULT_SWEEP").is_some();
    let faults: &[Fault] = if every { &[Fault::Io, Fault::Full, Fault::Short] } else { &[Fault::Io] };
    let calls = vec![Pwrite, Write, Fsync, Fdatasync, SyncFileRange, Truncate, Open, Rename];
    let mut problems = Vec::new();
    for fault in faults {
        let mut lab = Lab::new(&shim, false);
        let (mut nth, mut stops) = (1, 0);
        loop {
            let plan = Plan { calls: calls.clone(), fault: *fault, aim: Aim::Nth(nth), files: Files::All, seed: 0 };
            let (struck, stopped, mut wrong) = lab.scene(&shim, &plan);
            wrong.extend(lab.check());
            if !wrong.is_empty() {
                let first = shim.first();
                problems.push(format!("{fault:?} of call {nth}, a {first:?}: {wrong:?}\n{}", lab.daemon.log()));
                lab.daemon.forgive();
                lab = Lab::new(&shim, false);
            }
            stops += u64::from(stopped);
            if !struck {
                break;
            }
            nth = if every { nth + 1 } else { nth * 2 };
            // Each check reads all there is: a store that lived through a whole sweep would make it take hours.
            if every && nth % 50 == 0 {
                lab.daemon.forgive();
                lab = Lab::new(&shim, false);
            }
        }
        say(&format!("Faults: {fault:?} of each call: the scene is whole at {nth}, {stops} stops"));
        lab.daemon.forgive();
        // What was written in part only is written on.
        assert!(nth > 8 && (stops > 0) == (*fault != Fault::Short), "{fault:?}: {stops} stops at {nth}");
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

impl Lab {
    fn new(shim: &Shim, retires: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (stored, window) = if retires {
            ("store.retention_bytes = \"1 MiB\"", "idempotency_window = \"1s\"")
        } else {
            ("", "idempotency_window = \"1day\"")
        };
        let data = folder.path().canonicalize().unwrap().join("data");
        let mut daemon = Daemon::at(&data, &CONFIG.replace("RETENTION", stored).replace("WINDOW", window));
        daemon.keep(folder);
        for (name, value) in shim.environment(&data) {
            daemon.set_env(name, value.into());
        }
        shim.disarm();
        daemon.spawn();
        let turns = [500, 204, 204].into_iter().cycle().take(6001).map(Reply::Status);
        let turns: Vec<Reply> = turns.chain([Reply::Status(204)]).collect();
        let receivers = [Receiver::ok(), Receiver::start(&turns)];
        for receiver in &receivers {
            daemon.register(&receiver.url, &["*"]);
        }
        let books = Books::new(receivers.to_vec());
        books.fill(&daemon.address, &daemon.token);
        Self { daemon, books, retires }
    }

    /// Load under faults, until the daemon ends or the time is over. Returns how many calls were struck, whether
    /// it ended, and what was wrong with that.
    fn round(&mut self, shim: &Shim, plan: &Plan, random: &mut Random) -> (u64, bool, Vec<String>) {
        let stop = AtomicBool::new(false);
        let daemon = &mut self.daemon;
        let (address, token) = (daemon.address.clone(), daemon.token.clone());
        let mut hung = false;
        let ended = std::thread::scope(|scope| {
            let mut shops = Vec::new();
            for worker in 0..4 {
                let (books, address, token, stop) = (&self.books, &address, &token, &stop);
                let (mut random, retires) = (Random(random.next()), self.retires);
                shops.push(scope.spawn(move || books.work(worker, address, token, &mut random, retires, stop)));
            }
            std::thread::sleep(Duration::from_millis(50));
            shim.arm(plan);
            let begun = Instant::now();
            let mut ended = None;
            while ended.is_none() && begun.elapsed() < LOAD {
                std::thread::sleep(Duration::from_millis(5));
                ended = daemon.ended();
            }
            stop.store(true, Ordering::Relaxed);
            // A daemon that answers nobody must not hold up the test.
            let stopping = Instant::now();
            while ended.is_none() && !hung && shops.iter().any(|shop| !shop.is_finished()) {
                std::thread::sleep(Duration::from_millis(5));
                ended = daemon.ended();
                hung = stopping.elapsed() > PATIENCE;
            }
            if hung {
                daemon.kill_9();
            }
            ended
        });
        shim.disarm();
        // The last answers may have been given, or the fault met, while the shops were stopping.
        let ended = ended.or_else(|| if hung { None } else { daemon.ended() });
        let (log, mut wrong) = (daemon.log(), Vec::new());
        match ended {
            Some(status) => {
                if status.code() != Some(1) || !log.contains("the process ends") {
                    wrong.push(format!("it ended with {status}, and this log: {log}"));
                }
            }
            None if hung => wrong.push(format!("it answers nobody: {log}")),
            None if random.below(2) == 0 => daemon.kill_9(),
            None => drop(daemon.terminate()),
        }
        if log.contains("is a bug") {
            wrong.push(format!("the log speaks of a bug: {log}"));
        }
        daemon.forgive();
        (shim.injected(), ended.is_some(), wrong)
    }

    /// A start, a little of everything, and a stop, of which one call fails. Returns whether it was struck, whether the
    /// daemon ended by itself, and what was wrong with that.
    fn scene(&mut self, shim: &Shim, plan: &Plan) -> (bool, bool, Vec<String>) {
        let daemon = &mut self.daemon;
        daemon.terminate();
        shim.arm(plan);
        let (said, stopped) = if let Err(said) = daemon.try_spawn() {
            (said, true)
        } else {
            self.books.scene(&daemon.address, &daemon.token);
            let ended = daemon.ended();
            let status = ended.unwrap_or_else(|| daemon.terminate());
            (daemon.log(), !status.success())
        };
        shim.disarm();
        daemon.forgive();
        let struck = shim.injected() > 0;
        let mut wrong = Vec::new();
        if said.contains("is a bug") || said.contains("panicked") || stopped && said.trim().is_empty() {
            wrong.push(format!("it said: {said}"));
        } else if stopped && !struck {
            wrong.push(format!("it ended without a fault: {said}"));
        }
        (struck, stopped, wrong)
    }

    /// The disk is well again: everything that was acknowledged is there, once, as it was sent, and delivered.
    fn check(&mut self) -> Vec<String> {
        let (daemon, mut wrong) = (&mut self.daemon, Vec::new());
        let (code, said, complaint) = daemon.run(&["verify"]);
        if code != Some(0) {
            return vec![format!("verify: {code:?} {said} {complaint}")];
        }
        if let Err(said) = daemon.try_spawn() {
            return vec![format!("it does not start: {said}")];
        }
        // What has had no answer is asked again, as a shop does.
        wrong.extend(self.books.ask_again(&daemon.address, &daemon.token));
        let pending = |status: &str| daemon.list(&format!("/api/notifications?status={status}&limit=1")).len();
        let start = Instant::now();
        while pending("PENDING") + pending("RETRYING") > 0 {
            if start.elapsed() > Duration::from_secs(30) {
                wrong.push("something stays pending".to_owned());
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut listed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut cursor = String::new();
        loop {
            let page = daemon.get(&format!("/api/events?order=asc&limit=500{cursor}")).expect(200).json();
            let events = page["data"].as_array().unwrap();
            if events.is_empty() {
                break;
            }
            for event in events {
                let own = event["external_id"].as_str().unwrap_or_default().to_owned();
                listed.entry(own).or_default().push(event["id"].as_str().unwrap().to_owned());
            }
            cursor = format!("&cursor={}", page["page"]["next_cursor"].as_str().unwrap());
        }
        let acknowledged = self.books.acknowledged();
        for (own, ids) in listed.iter().filter(|(_, ids)| ids.len() > 1) {
            wrong.push(format!("{own} is listed as {ids:?}"));
        }
        for Event { id, n } in &acknowledged {
            match listed.get(&load::own(*n)) {
                Some(ids) if ids.contains(id) => {}
                None if self.retires => {}
                found => wrong.push(format!("event {n} was acknowledged as {id}, and listed is {found:?}")),
            }
        }
        wrong.extend(self.books.check_contents(daemon));
        for (target, receiver) in self.books.receivers.iter().enumerate() {
            let mut got: BTreeSet<(String, u64)> = BTreeSet::new();
            let mut meant: BTreeMap<String, String> = BTreeMap::new();
            for request in receiver.requests() {
                let (body, number) = (request.json(), request.header("webhook-id").unwrap().to_owned());
                let id = body["id"].as_str().unwrap().to_owned();
                if let Some(n) = body["resource"]["n"].as_u64() {
                    got.insert((id.clone(), n));
                }
                let before = meant.entry(number.clone()).or_insert_with(|| id.clone());
                if *before != id {
                    wrong.push(format!("webhook-id {number} went out for {before} and for {id}"));
                }
            }
            let missing = acknowledged.iter().filter(|event| !got.contains(&(event.id.clone(), event.n)));
            let missing: Vec<_> = missing.map(|event| event.n).collect();
            if !missing.is_empty() {
                wrong.push(format!("target {target} never got {missing:?}"));
            }
        }
        let stored: usize = listed.values().map(Vec::len).sum();
        let counted = eventually("metrics", || {
            let text = String::from_utf8(daemon.get("/metrics").expect(200).body).unwrap();
            text.lines().find_map(|line| line.strip_prefix("carteiro_events ")?.parse::<usize>().ok())
        });
        if !self.retires && counted != stored {
            wrong.push(format!("{stored} events are listed, and {counted} are counted"));
        }
        wrong.truncate(12);
        wrong
    }
}
