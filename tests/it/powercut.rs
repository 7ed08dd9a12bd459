//! Power cuts under load: what was acknowledged is there afterwards, once, and what the target confirmed is not sent
//! again.
//!
//! kill -9 (see `crash.rs`) proves little about disks, since the page cache outlives the process. Here the daemon lives
//! on a disk whose power can be cut at any moment (see `disk.rs`): while it starts, under load, while there is nothing
//! to do, while it stops. Each cut is a disk of its own, with all that the drive had been given, or only with what it
//! had been asked to flush. Afterwards carteiro is started on every one of them and asked what it has, against what
//! shops and target know (see `check.rs`); every fourth is cut once more while it recovers. Rounds build on each other:
//! the next begins on what the last cut has left.
//!
//! One short round in CI; `POWER_CUTS=200 cargo test powercut` for a long run, and `POWER_CUTS_SEED` to have the
//! moments of an earlier one again. Needs root, loop devices and xfsprogs, and says so where it is skipped.

mod check;
mod disk;
mod load;

use super::harness::{Daemon, eventually, say, skipped};
use check::Figures;
use disk::{Plugged, Rack, Taken, Unflushed};
use load::{Book, HOOKS, Random, Shops, Tally, Target};
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Cuts of a round: while the daemon starts, under load at most, while the shops rest, and while the daemon stops.
const STARTING: usize = 2;
const LOADED: usize = 4;
const RESTING: usize = 1;
const STOPPING: usize = 1;
/// How many cuts there are unless `POWER_CUTS` says otherwise: one round.
const CUTS: usize = STARTING + LOADED + RESTING + STOPPING;
/// How far apart cuts under load are at most.
const APART: Duration = Duration::from_millis(700);
/// A start takes about 80 ms, a stop under load about as long: a cut within this time may still fall behind their end.
const STARTING_TIME: Duration = Duration::from_millis(60);
const STOPPING_TIME: Duration = Duration::from_millis(80);
/// How many rounds build on each other before a new disk is taken.
const CHAIN: usize = 4;

/// Retries that wait for a while: some are pending at every cut.
const CONFIG: &str = r#"
[delivery]
schedule = ["50ms", "250ms"]
jitter = 0.0
[egress]
allow = ["127.0.0.0/8"]
"#;

/// Set in the process that runs in a namespace of its own.
const INSIDE: &str = "CARTEIRO_POWERCUT_INSIDE";

#[test]
fn what_was_acknowledged_survives_power_cuts() {
    if std::env::var_os(INSIDE).is_some() {
        return cut_and_check();
    }
    let mut inside = match disk::in_a_namespace() {
        Ok(command) => command,
        Err(why) => return skip(&why),
    };
    let own_name = "powercut::what_was_acknowledged_survives_power_cuts";
    let inside = inside.args(["--exact", own_name, "--nocapture"]).env(INSIDE, "1");
    let output = inside.stderr(Stdio::inherit()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    // A name that matches no test would pass as well.
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn skip(why: &str) {
    skipped("power cuts", why);
}

fn cut_and_check() {
    let number = |name| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let wanted = number("POWER_CUTS").map_or(CUTS, |cuts| usize::try_from(cuts).unwrap());
    let seed = number("POWER_CUTS_SEED").unwrap_or_else(|| RandomState::new().hash_one(()));
    let start = Instant::now();
    let rack = match Rack::set_up() {
        Ok(rack) => rack,
        Err(why) => return skip(&why),
    };
    rack.prove();
    say(&format!("Power cuts: {wanted}, POWER_CUTS_SEED={seed}"));
    let target = Target::open();
    let mut lab = Lab { rack: &rack, target: &target, random: Random(seed), figures: Figures::default() };
    let mut left = None;
    for round in 0.. {
        if lab.figures.cuts >= wanted {
            break;
        }
        let loaded = (wanted - lab.figures.cuts).saturating_sub(STARTING + RESTING + STOPPING).clamp(1, LOADED);
        left = lab.round(round, loaded, left);
        if wanted > CUTS {
            say(&format!("Power cuts after {:.0?}: {}", start.elapsed(), lab.figures));
        }
    }
    let figures = lab.figures;
    drop(rack);
    say(&format!("Power cuts in {:.0?}: {figures}", start.elapsed()));
    assert!(figures.problems.is_empty(), "POWER_CUTS_SEED={seed}\n{}", figures.problems.join("\n"));
    assert!(figures.events > 0 && figures.outcomes > 0, "the load was none");
}

/// What must be on a disk, and delivered, because a check has found it so.
#[derive(Clone, Default)]
struct Known {
    calls: Tally,
    webhooks: usize,
}

/// A disk to begin a round on.
struct Left {
    disk: PathBuf,
    known: Known,
    /// How many rounds it has seen.
    rounds: usize,
}

/// What is known of the moment when the power went.
struct Cut {
    /// The round, the cut in it, what the daemon was at, and what became of unflushed writes.
    name: String,
    known: Known,
    /// Just before the power went.
    at: Instant,
    /// How long the slowest call took, before the cut or across it.
    slowest: Duration,
    /// The calls that had been answered by then.
    acknowledged: Tally,
    /// Those that had been answered just after it. One more of each shop may have been under way.
    answered: Tally,
    /// What the target had received just after it, from one daemon after another: a book, and how much stood in it.
    received: Vec<(Arc<Book>, usize)>,
}

struct Lab<'a> {
    rack: &'a Rack,
    target: &'a Target,
    random: Random,
    figures: Figures,
}

impl Lab<'_> {
    /// One daemon's life, cut up, and the checks of all its cuts. Gives back a disk for the next round to begin on, if
    /// there is a good one.
    fn round(&mut self, round: usize, loaded: usize, left: Option<Left>) -> Option<Left> {
        let problems = self.figures.problems.len();
        let begin = left.unwrap_or_else(|| {
            let disk = self.rack.blank(&format!("disk-{round}"));
            Left { disk, known: Known::default(), rounds: 0 }
        });
        let cuts = self.live(round, loaded, &begin);
        self.rack.discard(&begin.disk);
        let mut next: Option<Left> = None;
        for (taken, cut) in cuts {
            let Some((disk, known)) = self.check(taken, cut) else {
                continue;
            };
            if let Some(earlier) = next.replace(Left { disk, known, rounds: begin.rounds + 1 }) {
                self.rack.discard(&earlier.disk);
            }
        }
        let next = next?;
        if next.rounds < CHAIN && self.figures.problems.len() == problems {
            return Some(next);
        }
        self.rack.discard(&next.disk);
        None
    }

    /// A daemon starts, works and stops on a disk, and is cut meanwhile.
    fn live(&mut self, round: usize, loaded: usize, begin: &Left) -> Vec<(Taken, Cut)> {
        let (rack, mut known) = (self.rack, begin.known.clone());
        let plugged = rack.plug_in(&begin.disk).unwrap();
        let book = self.target.new_book();
        let mut cuts = Vec::new();
        let mut drives = Random(self.random.next());
        let mut cut = |cuts: &mut Vec<(Taken, Cut)>, when: &str, known: &Known, tally: &dyn Fn() -> Tally| {
            let unflushed = unflushed(&mut drives);
            let name = format!("{round}-{}-{when}-{unflushed:?}", cuts.len());
            plugged.write_in_vain();
            let note = || (tally(), Instant::now());
            let (taken, (acknowledged, at)) = rack.cut(&begin.disk, unflushed, &name, note);
            let slowest = Duration::ZERO;
            let (answered, received) = (tally(), vec![(book.clone(), book.received_so_far())]);
            cuts.push((taken, Cut { name, known: known.clone(), at, slowest, acknowledged, answered, received }));
        };
        let mut daemon =
            start(&mut self.random, &plugged, STARTING, || cut(&mut cuts, "starting", &known, &Tally::new))
                .unwrap_or_else(|said| panic!("not up, and no power was cut: {said}"));
        if known.webhooks == 0 {
            for hook in HOOKS {
                daemon.register(&format!("{}/{hook}", self.target.url), &["*"]);
            }
            known.webhooks = HOOKS.len();
        }
        let shops = Shops::new(["w0", "w1", "w2", "w3", "b0"].map(|shop| format!("{shop}r{round}")).to_vec());
        std::thread::scope(|scope| {
            let _stopping = shops.stop_at_the_end();
            for at in 0..shops.count() {
                let (shops, address, token) = (&shops, daemon.address.clone(), daemon.token.clone());
                scope.spawn(move || shops.work(at, &address, &token));
            }
            eventually("the load runs", || shops.tally().values().all(|calls| *calls > 0).then_some(()));
            for _ in 0..loaded {
                self.random.wait(APART);
                cut(&mut cuts, "loaded", &known, &|| shops.tally());
            }
            // Under load every outcome is synced with somebody's event. Those that come last must be so without.
            shops.rest(true);
            eventually("the target has all", || {
                (book.answered.lock().unwrap().len() >= load::attempts_for(&shops.tally())).then_some(())
            });
            std::thread::sleep(check::WINDOW + *shops.slowest.lock().unwrap());
            self.random.wait(APART / 2);
            cut(&mut cuts, "resting", &known, &|| shops.tally());
            let before = shops.tally();
            shops.rest(false);
            eventually("the load runs again", || {
                shops.tally().iter().all(|(shop, calls)| *calls > before[shop] + 5).then_some(())
            });
            shops.expect_the_end();
            daemon.signal("-TERM");
            self.random.wait(STOPPING_TIME);
            cut(&mut cuts, "stopping", &known, &|| shops.tally());
            let exit = daemon.wait();
            self.figures.expect("load", exit.success(), || format!("the daemon stopped with {exit}"));
        });
        let slowest = *shops.slowest.lock().unwrap();
        for (_, cut) in &mut cuts {
            cut.slowest = slowest;
        }
        self.figures.slowest = slowest.max(self.figures.slowest);
        let refused = shops.refused.lock().unwrap().clone();
        self.figures.expect("load", refused.is_empty(), || format!("shops were refused: {refused:?}"));
        self.figures.expect_a_clean_log("load", &daemon.log());
        self.figures.expect_nothing_wrong("load", &book);
        self.figures.recorded += load::events_of(&shops.tally()).count();
        cuts
    }

    /// Cuts a disk once more, while the daemon starts on what the cut before has left.
    fn cut_again(&mut self, disk: &Path, cut: &mut Cut) -> PathBuf {
        let rack = self.rack;
        let plugged = rack.plug_in(disk).unwrap();
        let book = self.target.new_book();
        let unflushed = unflushed(&mut self.random);
        let mut again = None;
        let started = start(&mut self.random, &plugged, 1, || {
            plugged.write_in_vain();
            again = Some(rack.cut(disk, unflushed, &format!("{}-{unflushed:?}", cut.name), || ()).0);
            cut.received.push((book.clone(), book.received_so_far()));
        });
        match started {
            Ok(mut daemon) => {
                // In good order, so that its attempts end up in its own book.
                let exit = daemon.terminate();
                self.figures.expect(&cut.name, exit.success(), || format!("the daemon stopped with {exit}"));
                self.figures.expect_a_clean_log(&cut.name, &daemon.log());
            }
            Err(said) => self.figures.expect(&cut.name, false, || format!("the daemon does not come up: {said}")),
        }
        drop(plugged);
        rack.discard(disk);
        self.figures.cut_again += 1;
        self.put_back(again.unwrap(), &cut.name)
    }

    /// Puts a disk back and makes sure that its power was cut.
    fn put_back(&mut self, taken: Taken, name: &str) -> PathBuf {
        let disk = self.rack.put_back(taken);
        let in_vain = self.rack.plug_in(&disk).unwrap().was_in_vain();
        self.figures.expect(name, in_vain, || "what was never synced is on the disk: this was no power cut".to_owned());
        disk
    }
}

/// What kind of cut comes next: as often one as the other.
fn unflushed(random: &mut Random) -> Unflushed {
    if random.below(2) == 0 { Unflushed::Retained } else { Unflushed::Lost }
}

/// Starts a daemon on a disk, and meanwhile cuts so many times; `Err` with what the daemon said if it does not come up.
fn start(random: &mut Random, disk: &Plugged<'_>, times: usize, mut cut: impl FnMut()) -> Result<Daemon, String> {
    let data = disk.path().join("data");
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| Daemon::try_on(&data, CONFIG));
        for _ in 0..times {
            random.wait(STARTING_TIME);
            cut();
        }
        starting.join().unwrap()
    })
}
