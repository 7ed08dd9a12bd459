//! The rules of telling, by cases and by seed.

use super::rules::{GATHER, HOUR, Rules};
use super::sending::{Delivery, Errand, Failures};
use super::{Draft, Happened, Lasting, Phase, Seen, State};
use crate::clock::Zone;
use crate::model::{
    AccountNo, ClockSteps, Condition, QuietHours, Recipient, TimeOfDay, Timestamp, WebhookNo, splitmix64,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const OPERATOR: Recipient = Recipient::Operator;
const SHOP: AccountNo = AccountNo(1);
const SECOND: Duration = Duration::from_secs(1);

fn start() -> Timestamp {
    Timestamp::parse("2026-11-29T12:00:00Z").unwrap()
}

fn rules(channels: &[(Recipient, &[&str])]) -> Rules {
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Rules {
        repeat: vec![6 * HOUR, 24 * HOUR],
        quiet: None,
        digest: None,
        zone: Zone::utc(),
        channels: channels.iter().map(|(recipient, names)| (*recipient, named(names))).collect(),
    }
}

fn failing(no: u32) -> Condition {
    Condition::WebhookFailing(WebhookNo(no))
}

fn lasting(conditions: impl IntoIterator<Item = Condition>) -> Seen {
    let lasting = |condition: Condition| {
        let account = condition.webhook().map(|_| SHOP);
        (condition, Lasting { since: start(), account })
    };
    Seen { lasting: conditions.into_iter().map(lasting).collect(), ..Seen::default() }
}

/// A letter: to whom, how many seconds after the start, and of what.
type Told = (Recipient, u64, Vec<(Condition, Phase)>);

/// A state that is looked at once a second.
struct Watch {
    state: State,
    rules: Rules,
    now: Timestamp,
    drafts: Vec<(Timestamp, Draft)>,
}

impl Watch {
    fn new(rules: Rules) -> Self {
        Self { state: State::default(), rules, now: start(), drafts: Vec::new() }
    }

    fn run(&mut self, seen: &Seen, span: Duration) -> &mut Self {
        let end = self.now.plus(span);
        while self.now < end {
            self.look(seen);
            self.now = self.now.plus(SECOND);
        }
        self
    }

    fn look(&mut self, seen: &Seen) {
        let drafts = self.state.look(self.now, &self.rules, seen);
        self.drafts.extend(drafts.into_iter().map(|draft| (self.now, draft)));
    }

    /// The letters since the last call: to whom, how long after the start, and of what.
    fn told(&mut self) -> Vec<Told> {
        let drafts = std::mem::take(&mut self.drafts);
        let line = |draft: &Draft| draft.lines.iter().map(|line| (line.condition, line.phase)).collect();
        drafts.iter().map(|(at, draft)| (draft.recipient, at.since(start()).as_secs(), line(draft))).collect()
    }
}

#[test]
fn what_begins_is_told_once_repeated_while_it_lasts_and_told_when_it_is_over() {
    let mut watch = Watch::new(rules(&[(OPERATOR, &["email"])]));
    watch.run(&lasting([failing(1)]), 30 * HOUR);
    let gather = GATHER.as_secs();
    assert_eq!(
        watch.told(),
        [
            (OPERATOR, gather, vec![(failing(1), Phase::New)]),
            (OPERATOR, gather + 6 * 3600, vec![(failing(1), Phase::Lasts)]),
            (OPERATOR, gather + 24 * 3600, vec![(failing(1), Phase::Lasts)]),
        ]
    );
    watch.run(&Seen::default(), HOUR);
    assert_eq!(watch.told(), [(OPERATOR, 30 * 3600 + gather, vec![(failing(1), Phase::Over)])]);
    assert!(watch.state.alerts.is_empty());
}

/// A machine that fifty targets stand on goes down: one message, and one when it is back.
#[test]
fn fifty_webhooks_are_one_letter_to_each_recipient() {
    let mut watch = Watch::new(rules(&[(OPERATOR, &["email", "ntfy"]), (Recipient::Account(SHOP), &["ntfy"])]));
    let all = lasting((1..=50).map(failing));
    watch.run(&all, HOUR).run(&Seen::default(), HOUR);
    let told = watch.told();
    assert_eq!(told.len(), 4, "one for each recipient and end: {told:?}");
    assert!(told.iter().all(|(.., lines)| lines.len() == 50));
    assert_eq!(watch.state.letters.len(), 4);
    assert_eq!(watch.state.letters[&(OPERATOR, 1)].pending.len(), 2, "a message for each channel");
}

/// Targets that fail one after another would be a message each.
#[test]
fn a_storm_is_a_handful_of_letters_that_leave_nothing_out() {
    let mut watch = Watch::new(rules(&[(OPERATOR, &["email"])]));
    for count in 1..=50 {
        watch.run(&lasting((1..=count).map(failing)), 60 * SECOND);
    }
    watch.run(&lasting((1..=50).map(failing)), HOUR);
    let told = watch.told();
    assert!(told.len() <= 8, "{}", told.len());
    let lines: Vec<Condition> = told.iter().flat_map(|(.., lines)| lines.iter().map(|(one, _)| *one)).collect();
    assert_eq!((lines.len(), lines.iter().collect::<BTreeSet<_>>().len()), (50, 50));
}

#[test]
fn a_quiet_night_holds_all_but_what_is_critical_and_ends_in_one_letter() {
    let mut rules = rules(&[(OPERATOR, &["email"])]);
    rules.quiet = QuietHours::parse("12:00-20:00");
    let mut watch = Watch::new(rules);
    watch.run(&lasting([failing(1)]), HOUR);
    watch.run(&lasting([failing(1), Condition::DiskLow]), HOUR);
    assert_eq!(watch.told(), [(OPERATOR, 3600 + GATHER.as_secs(), vec![(Condition::DiskLow, Phase::New)])]);
    watch.run(&lasting([failing(2)]), 5 * HOUR);
    assert_eq!(watch.told(), [], "that the disk has room again wakes nobody");
    watch.run(&lasting([failing(2)]), 2 * HOUR);
    let night = vec![(Condition::DiskLow, Phase::Over), (failing(1), Phase::Over), (failing(2), Phase::New)];
    assert_eq!(watch.told(), [(OPERATOR, 8 * 3600, night)]);
}

#[test]
fn what_has_failed_is_counted_into_one_alert_an_hour() {
    let mut watch = Watch::new(rules(&[(OPERATOR, &["email"])]));
    let condition = Condition::NotificationsFailed(WebhookNo(1));
    let happened = |nth: u64| Happened {
        condition,
        account: Some(SHOP),
        since: start(),
        count: 1,
        external_ids: vec![format!("p-{nth}")],
        steps: ClockSteps::NONE,
    };
    for nth in 0..90 {
        let seen = Seen { happened: vec![happened(nth)], ..Seen::default() };
        watch.look(&seen);
        watch.now = watch.now.plus(SECOND);
        watch.run(&Seen::default(), 59 * SECOND);
    }
    let drafts = std::mem::take(&mut watch.drafts);
    let counts: Vec<u64> = drafts.iter().map(|(_, draft)| draft.lines[0].count).collect();
    assert_eq!(counts, [1, 60]);
    assert_eq!(drafts[1].1.lines[0].external_ids.len(), 20, "no more than a person reads");
    watch.run(&Seen::default(), 3 * HOUR);
    assert_eq!(watch.told().len(), 1, "the rest");
    assert!(watch.state.alerts.is_empty());
}

#[test]
fn a_webhook_that_was_disabled_is_not_told_to_be_well_again() {
    let mut watch = Watch::new(rules(&[(OPERATOR, &["email"])]));
    let (warned, disabled) = (Condition::WebhookDisabling(WebhookNo(1)), Condition::WebhookDisabled(WebhookNo(1)));
    watch.run(&lasting([failing(1), warned]), HOUR).run(&lasting([disabled]), HOUR);
    let told: Vec<_> = watch.told().into_iter().map(|(.., lines)| lines).collect();
    assert_eq!(told, [vec![(failing(1), Phase::New), (warned, Phase::New)], vec![(disabled, Phase::New)]]);
    watch.run(&Seen::default(), HOUR);
    assert_eq!(watch.told()[0].2, [(disabled, Phase::Over)]);
}

#[test]
fn what_is_muted_is_told_to_nobody_until_the_mute_ends() {
    let mut watch = Watch::new(rules(&[(OPERATOR, &["email"])]));
    watch.state.mutes.insert(failing(1), Some(start().plus(HOUR)));
    watch.run(&lasting([failing(1)]), HOUR);
    assert_eq!(watch.told(), []);
    watch.run(&lasting([failing(1)]), HOUR);
    assert_eq!(watch.told().len(), 1);
    watch.state.mutes.insert(failing(1), None);
    watch.run(&Seen::default(), HOUR);
    assert_eq!((watch.told(), watch.state.alerts.len()), (vec![], 0));
}

/// Who sets up a channel while something is wrong is told of it.
#[test]
fn what_lasts_is_told_once_there_is_a_channel() {
    let mut watch = Watch::new(rules(&[]));
    watch.run(&lasting([failing(1)]), HOUR);
    assert_eq!((watch.told(), watch.state.alerts.len()), (vec![], 1));
    watch.rules = rules(&[(OPERATOR, &["email"])]);
    watch.run(&lasting([failing(1)]), HOUR);
    assert_eq!(watch.told().len(), 1);
}

#[test]
fn a_day_is_summed_up_once_from_the_second_day_on() {
    let mut rules = rules(&[(OPERATOR, &["email"])]);
    rules.digest = TimeOfDay::parse("08:00");
    let mut watch = Watch::new(rules);
    watch.run(&lasting([failing(1)]), 20 * HOUR);
    watch.told();
    watch.run(&lasting([failing(1)]), 3 * HOUR);
    let digests: Vec<_> = watch.drafts.iter().filter(|(_, draft)| draft.digest_since.is_some()).collect();
    assert_eq!((digests.len(), digests[0].0), (1, start().plus(20 * HOUR)));
    assert_eq!((digests[0].1.digest_since, digests[0].1.lines[0].condition), (Some(start()), failing(1)));
    watch.drafts.clear();
    watch.run(&Seen::default(), 24 * HOUR);
    assert_eq!(watch.drafts.iter().filter(|(_, draft)| draft.digest_since.is_some()).count(), 1);
}

/// A machine that was put back by a day told nobody anything for that day.
#[test]
fn a_clock_that_was_put_back_holds_nothing_up() {
    let mut watch = Watch::new(rules(&[(OPERATOR, &["email"])]));
    watch.run(&lasting([failing(1)]), HOUR);
    watch.told();
    let errand = watch.state.errands(watch.now, &BTreeSet::new(), &Failures::default()).remove(0);
    watch.state.done(watch.now, &errand, Delivery::Later(Duration::ZERO));
    watch.now = Timestamp::from_ms(watch.now.as_ms() - 24 * 3_600_000);
    watch.run(&lasting([failing(1), failing(2)]), 60 * SECOND);
    assert_eq!(watch.drafts.len(), 1);
    watch.run(&lasting([failing(1), failing(2)]), HOUR);
    assert!(!watch.state.errands(watch.now, &BTreeSet::new(), &Failures::default()).is_empty());
}

/// The operator's letter of this number by e-mail.
fn email(number: u64) -> Errand {
    Errand { recipient: OPERATOR, channel: "email".to_owned(), number }
}

#[test]
fn a_channel_that_is_down_is_tried_by_one_letter_at_a_time_for_a_day() {
    let mut watch = Watch::new(rules(&[(OPERATOR, &["email", "ntfy"])]));
    watch.run(&lasting([failing(1)]), HOUR).run(&lasting([failing(1), failing(2)]), HOUR);
    let mut tries = 0;
    let (mut given_up, mut failures) = (Vec::new(), Failures::default());
    while !watch.state.letters.is_empty() && tries < 1000 {
        for errand in watch.state.errands(watch.now, &BTreeSet::new(), &failures) {
            let up = errand.channel == "ntfy";
            tries += u32::from(!up);
            let delivery = if up { Delivery::Sent } else { Delivery::Later(Duration::ZERO) };
            failures.note(&errand, delivery);
            if watch.state.done(watch.now, &errand, delivery) {
                given_up.push(errand);
            }
        }
        watch.now = watch.now.plus(60 * SECOND);
    }
    assert!((10..40).contains(&tries), "{tries}");
    given_up.sort();
    assert_eq!(given_up, [email(1), email(2)]);
}

/// A token may be renewed: what is refused is tried again by its schedule, and holds nobody up meanwhile.
#[test]
fn what_a_channel_refuses_is_tried_again_and_holds_nobody_up() {
    let mut watch = Watch::new(rules(&[(OPERATOR, &["email"])]));
    watch.run(&lasting([failing(1)]), HOUR);
    let first = watch.state.errands(watch.now, &BTreeSet::new(), &Failures::default()).remove(0);
    assert!(!watch.state.done(watch.now, &first, Delivery::Refused), "it is not given up");
    let mut refused = Failures::default();
    refused.note(&first, Delivery::Refused);
    assert_eq!(watch.state.errands(watch.now, &BTreeSet::new(), &refused), []);
    watch.run(&lasting([failing(1), failing(2)]), HOUR);
    let second = watch.state.errands(watch.now, &BTreeSet::new(), &refused).remove(0);
    assert!(second.number > first.number, "the second goes first");
    watch.state.done(watch.now, &second, Delivery::Sent);
    assert_eq!(watch.state.errands(watch.now, &BTreeSet::new(), &refused), std::slice::from_ref(&first));
    watch.state.done(watch.now, &first, Delivery::Sent);
    assert!(watch.state.letters.is_empty());
    // What can't be sent any more is given up.
    watch.run(&lasting([failing(3)]), HOUR);
    let lost = watch.state.errands(watch.now, &BTreeSet::new(), &refused).remove(0);
    assert!(watch.state.done(watch.now, &lost, Delivery::Lost));
}

/// What is critical waits for no older letter, nor for the gap that one has come to.
#[test]
fn a_new_letter_tries_a_channel_again_and_what_is_critical_goes_first() {
    let mut watch = Watch::new(rules(&[(OPERATOR, &["email"])]));
    watch.run(&lasting([failing(1)]), HOUR);
    let due = |watch: &Watch| watch.state.errands(watch.now, &BTreeSet::new(), &Failures::default());
    for _ in 0..12 {
        watch.now = watch.now.plus(HOUR);
        for errand in due(&watch) {
            watch.state.done(watch.now, &errand, Delivery::Later(Duration::ZERO));
        }
    }
    watch.now = watch.now.plus(60 * SECOND);
    assert_eq!(due(&watch), [], "the gap is long");
    watch.run(&lasting([failing(1), Condition::DiskLow]), GATHER + 2 * SECOND);
    let mut sent = Vec::new();
    while let Some(errand) = due(&watch).pop() {
        watch.state.done(watch.now, &errand, Delivery::Sent);
        sent.push(errand.number);
    }
    assert_eq!(sent, [2], "it tells anew of all that the first one tells of");
    // Down, it is tried by one of them.
    watch.run(&lasting([failing(1), failing(2), Condition::DiskLow]), HOUR);
    let errand = due(&watch).pop().unwrap();
    watch.state.done(watch.now, &errand, Delivery::Later(Duration::ZERO));
    assert_eq!(due(&watch), []);
    watch.state.try_now(watch.now);
    assert_eq!(due(&watch), [errand]);
}

/// A receiver may hang up at one message and take all others.
#[test]
fn a_letter_that_a_channel_fails_at_lets_the_others_pass_after_three_tries() {
    let mut watch = Watch::new(rules(&[(OPERATOR, &["email"])]));
    watch.run(&lasting([failing(1)]), HOUR).run(&lasting([failing(1), failing(2)]), HOUR);
    let mut failures = Failures::default();
    let tries = |watch: &mut Watch, failures: &mut Failures, fails: &dyn Fn(u64) -> bool, most: usize| {
        let mut tried = Vec::new();
        while tried.len() < most && !watch.state.letters.is_empty() {
            for errand in watch.state.errands(watch.now, &BTreeSet::new(), failures) {
                let fails = fails(errand.number);
                let delivery = if fails { Delivery::Later(Duration::ZERO) } else { Delivery::Sent };
                watch.state.done(watch.now, &errand, delivery);
                failures.note(&errand, delivery);
                tried.push(errand.number);
            }
            watch.now = watch.now.plus(60 * SECOND);
        }
        tried
    };
    assert_eq!(tries(&mut watch, &mut failures, &|number| number == 1, 5), [1, 1, 1, 2, 1]);
    // What comes now goes first, and the other has a try after it.
    watch.run(&lasting([failing(1), failing(2), failing(3)]), 60 * SECOND);
    assert_eq!(tries(&mut watch, &mut failures, &|number| number == 1, 2), [3, 1]);
    // Down for all: each has its tries and then its turn, and they arrive in order but for the one that is tried first.
    for no in 4..=5 {
        watch.run(&lasting((1..=no).map(failing)), HOUR);
    }
    assert_eq!(tries(&mut watch, &mut failures, &|_| true, 9), [4, 4, 4, 5, 5, 5, 1, 4, 5]);
    assert_eq!(tries(&mut watch, &mut failures, &|_| false, 9), [1, 4, 5]);
}

/// One that ends and one that begins, in one letter, and then the end of the other: the newest of each is read last.
#[test]
fn a_letter_passes_none_that_tells_of_the_same_unless_that_is_of_no_use_then() {
    let mut watch = Watch::new(rules(&[(OPERATOR, &["email"])]));
    let mut failures = Failures::default();
    let mut fail = |watch: &mut Watch, number: u64| {
        for _ in 0..3 {
            let errand = email(number);
            watch.state.done(watch.now, &errand, Delivery::Later(Duration::ZERO));
            failures.note(&errand, Delivery::Later(Duration::ZERO));
        }
        failures.clone()
    };
    let next = |watch: &Watch, failures: &Failures| {
        let due = watch.state.errands(watch.now, &BTreeSet::new(), failures);
        due.first().map(|errand| errand.number)
    };
    let take = |watch: &mut Watch, number: u64| {
        watch.state.done(watch.now, &email(number), Delivery::Sent);
    };
    watch.run(&lasting([failing(1)]), HOUR);
    take(&mut watch, 1);
    // The second tells that the first is over, and of another; the third that this is over too.
    watch.run(&lasting([failing(2)]), HOUR);
    let tried = fail(&mut watch, 2);
    watch.run(&lasting([]), HOUR);
    assert_eq!(watch.state.letters.len(), 2);
    assert_eq!(next(&watch, &tried), Some(2), "after it, the third would be contradicted");
    watch.state.done(watch.now, &email(2), Delivery::Later(Duration::ZERO));
    let due = |number: u64| watch.state.letters[&(OPERATOR, number)].pending[0].due;
    assert_eq!(due(3), due(2), "it makes no tries of the second more frequent");
    take(&mut watch, 2);
    take(&mut watch, 3);
    // The fifth tells anew of all that the fourth tells of: it goes first, and the fourth is of no use then.
    watch.run(&lasting([failing(1)]), HOUR);
    let tried = fail(&mut watch, 4);
    watch.run(&lasting([]), HOUR);
    assert_eq!(next(&watch, &tried), Some(5));
    take(&mut watch, 5);
    assert!(watch.state.letters.is_empty());
}

/// However many messages there are that a channel fails at.
#[test]
fn what_is_critical_waits_for_no_letter_that_a_channel_fails_at() {
    let mut watch = Watch::new(rules(&[(OPERATOR, &["email"])]));
    let mut failures = Failures::default();
    for no in 1..=6 {
        watch.run(&lasting((1..=no).map(failing)), HOUR);
        for _ in 0..3 {
            watch.state.done(watch.now, &email(no.into()), Delivery::Later(Duration::ZERO));
            failures.note(&email(no.into()), Delivery::Later(Duration::ZERO));
        }
    }
    watch.run(&lasting((1..=7).map(failing)), HOUR);
    failures.note(&email(7), Delivery::Sent);
    watch.state.done(watch.now, &email(7), Delivery::Sent);
    watch.run(&lasting((1..=7).map(failing).chain([Condition::DiskLow])), GATHER + 2 * SECOND);
    assert_eq!(watch.state.errands(watch.now, &BTreeSet::new(), &failures), [email(8)]);
}

/// That something began would contradict that it is over, which the channel has taken meanwhile.
#[test]
fn what_is_over_is_not_told_to_have_begun_afterwards() {
    let mut watch = Watch::new(rules(&[(OPERATOR, &["email", "ntfy"])]));
    watch.run(&lasting([failing(1)]), HOUR);
    let send = |watch: &mut Watch, channel: &str, number: u64, delivery: Delivery| {
        let errand = Errand { recipient: OPERATOR, channel: channel.to_owned(), number };
        watch.state.done(watch.now, &errand, delivery);
    };
    let waiting = |watch: &Watch| -> Vec<(u64, usize)> {
        watch.state.letters.iter().map(|((_, number), letter)| (*number, letter.pending.len())).collect()
    };
    send(&mut watch, "email", 1, Delivery::Refused);
    // Another begins: the first still lasts, and is told late.
    watch.run(&lasting([failing(1), failing(2)]), HOUR);
    send(&mut watch, "email", 2, Delivery::Sent);
    assert_eq!(waiting(&watch), [(1, 2), (2, 1)]);
    // The first is over, and begins again.
    watch.run(&lasting([failing(2)]), HOUR);
    send(&mut watch, "email", 3, Delivery::Sent);
    assert_eq!(waiting(&watch), [(1, 1), (2, 1), (3, 1)], "withdrawn from the channel that has said so");
    watch.run(&lasting([failing(2)]), HOUR);
    send(&mut watch, "ntfy", 1, Delivery::Sent);
    assert_eq!(waiting(&watch), [(2, 1), (3, 1)], "the others get it in their turn");
}

/// A world by seed: conditions begin and end, channels fail, and the process ends at any place and begins anew with
/// what was durable. Each episode of a condition that anybody has looked at is told once, and its end once; a
/// letter is sent again only where the process ended between sending it and noting that.
#[test]
fn nothing_is_missed_told_twice_or_lost_by_a_crash() {
    let seeds = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(300);
    for seed in 0..seeds {
        World::new(seed).live();
    }
}

struct World {
    seed: u64,
    draws: u64,
    now: Timestamp,
    rules: Rules,
    /// What is durable.
    kept: State,
    lasting: BTreeMap<Condition, Lasting>,
    /// How often each condition was seen to begin.
    episodes: BTreeMap<Condition, u64>,
    /// What the letters that were sent say, by number; each once, however often it was sent.
    received: BTreeMap<u64, Vec<(Condition, Phase)>>,
    written: BTreeMap<u64, Vec<(Condition, Phase)>>,
    /// The newest letter that was taken of each condition.
    newest: BTreeMap<Condition, u64>,
    /// How many ends were told by no letter, as a newer one of the same condition was taken first.
    withdrawn: BTreeMap<Condition, u64>,
    /// What the letters say to be over, and since when it had lasted.
    ends: BTreeMap<u64, Vec<(Condition, Timestamp)>>,
    /// Since when what was told to be over had lasted, the last time.
    over: BTreeMap<Condition, Timestamp>,
    failures: Failures,
    sent: BTreeMap<u64, u32>,
    crashes_after_sending: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            draws: 0,
            now: start(),
            rules: rules(&[(OPERATOR, &["email"])]),
            kept: State::default(),
            lasting: BTreeMap::new(),
            episodes: BTreeMap::new(),
            received: BTreeMap::new(),
            written: BTreeMap::new(),
            newest: BTreeMap::new(),
            withdrawn: BTreeMap::new(),
            ends: BTreeMap::new(),
            over: BTreeMap::new(),
            failures: Failures::default(),
            sent: BTreeMap::new(),
            crashes_after_sending: 0,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.draws += 1;
        splitmix64(self.seed.wrapping_mul(0x9e37_79b9) ^ self.draws.rotate_left(32)) % bound
    }

    fn live(mut self) {
        if self.below(2) == 0 {
            self.rules.quiet = QuietHours::parse("13:00-14:00");
        }
        for _ in 0..400 {
            let condition = match self.below(6) {
                0 => Condition::DiskLow,
                no => failing(u32::try_from(no).unwrap()),
            };
            if self.below(10) == 0 && self.lasting.remove(&condition).is_none() {
                self.lasting.insert(condition, Lasting { since: self.now, account: None });
            }
            self.turn();
            let wait = 1 + self.below(600);
            self.now = self.now.plus(Duration::from_secs(wait));
        }
        // In the end all is well, and everything is told.
        self.lasting.clear();
        for _ in 0..600 {
            self.turn();
            self.now = self.now.plus(60 * SECOND);
        }
        assert!(self.kept.alerts.is_empty() && self.kept.letters.is_empty(), "seed {}: {:?}", self.seed, self.kept);
        let told = |of: Condition, phase: Phase| {
            let lines = self.received.values().flatten();
            lines.filter(|(condition, told)| *condition == of && *told == phase).count() as u64
        };
        for (condition, episodes) in &self.episodes {
            let (began, over) = (told(*condition, Phase::New), told(*condition, Phase::Over));
            let over = over + self.withdrawn.get(condition).copied().unwrap_or(0);
            assert_eq!(over, *episodes, "seed {}: {condition:?} ended", self.seed);
            // One that was over before anybody was told is told as over alone.
            assert!(began <= over, "seed {}: {condition:?} began {began} times", self.seed);
        }
        let again: u32 = self.sent.values().map(|sent| sent - 1).sum();
        assert!(again <= self.crashes_after_sending, "seed {}: {again}", self.seed);
    }

    /// A look, and what is sent; the process may end at each step.
    fn turn(&mut self) {
        let seen = Seen { lasting: self.lasting.clone(), ..Seen::default() };
        let mut next = self.kept.clone();
        let drafts = next.look(self.now, &self.rules, &seen);
        if self.below(20) == 0 {
            return;
        }
        for condition in next.alerts.keys().map(|(_, condition)| *condition) {
            if !self.kept.alerts.contains_key(&(OPERATOR, condition)) {
                *self.episodes.entry(condition).or_default() += 1;
            }
        }
        for draft in drafts {
            let ends = draft.lines.iter().filter(|line| line.phase == Phase::Over);
            self.ends.insert(draft.number, ends.map(|line| (line.condition, line.since)).collect());
            let lines = draft.lines.iter().map(|line| (line.condition, line.phase)).collect();
            assert_eq!(self.written.insert(draft.number, lines), None, "a number names one letter");
        }
        self.kept = next;
        if self.below(20) == 0 {
            return;
        }
        for errand in self.kept.errands(self.now, &BTreeSet::new(), &self.failures) {
            let delivery = match self.below(12) {
                0..4 => Delivery::Later(Duration::ZERO),
                4 => Delivery::Refused,
                _ => Delivery::Sent,
            };
            if delivery == Delivery::Sent {
                let told = &self.kept.letters[&(OPERATOR, errand.number)].told;
                let is_over = |(of, since): &(Condition, Option<Timestamp>)| {
                    since.is_some_and(|since| self.over.get(of).is_some_and(|over| *over >= since))
                };
                assert!(
                    !told.iter().all(is_over),
                    "seed {}: letter {} tells of what was over",
                    self.seed,
                    errand.number
                );
                for (condition, _) in told {
                    let newest = self.newest.get(condition).copied().unwrap_or(0);
                    assert!(newest <= errand.number, "seed {}: {condition:?} by {newest} before", self.seed);
                }
                *self.sent.entry(errand.number).or_default() += 1;
                self.received.insert(errand.number, self.written[&errand.number].clone());
            }
            if self.below(20) == 0 {
                self.crashes_after_sending += 1;
                self.failures = Failures::default();
                return;
            }
            if delivery == Delivery::Sent {
                for (condition, since) in self.ends.get(&errand.number).into_iter().flatten() {
                    let over = self.over.entry(*condition).or_insert(*since);
                    *over = (*over).max(*since);
                }
                for (condition, _) in &self.written[&errand.number] {
                    self.newest.insert(*condition, errand.number);
                }
            }
            let before: Vec<u64> = self.kept.letters.keys().map(|(_, number)| *number).collect();
            self.kept.done(self.now, &errand, delivery);
            self.failures.note(&errand, delivery);
            let gone = before.into_iter().filter(|number| *number != errand.number);
            for number in gone.filter(|number| !self.kept.letters.contains_key(&(OPERATOR, *number))) {
                if !self.received.contains_key(&number) {
                    for (condition, _) in &self.ends[&number] {
                        *self.withdrawn.entry(*condition).or_default() += 1;
                    }
                }
            }
        }
    }
}
