//! The small parts that every event passes through, each by itself. What parses a request and what the store does can't
//! be reached from here; `end_to_end` measures them with all the rest.

#![allow(clippy::unwrap_used, reason = "a bench that can't go on has failed")]

use bytes::Bytes;
use carteiro::delivery::schedule::message::LaneSettings;
use carteiro::delivery::schedule::message::{Action, Input, Reachability};
use carteiro::delivery::schedule::scheduler::Scheduler;
use carteiro::delivery::schedule::wheel::Wheel;
use carteiro::delivery::transport::sign::{SigningKey, signature_by};
use carteiro::model::{
    AccountNo, BodyDraft, EventId, EventType, Fingerprint, NotificationKey, Pattern, PatternSet, PrivateKey,
    ResourceFacts, Seq, SigningSecret, Timestamp, WebhookNo, depth,
};
use carteiro::store::NextAttempt;
use divan::{Bencher, black_box, counter::BytesCount, counter::ItemsCount};

fn main() {
    divan::main();
}

/// The time of everything here.
const NOW: Timestamp = Timestamp::from_ms(1_795_435_200_000);

/// A payment of so many bytes.
fn resource(bytes: usize) -> String {
    let of = |note: &str| {
        format!(r#"{{"payment":{{"id":"p-1","order_id":"o-1","total_cents":12990,"status":"PAID","note":"{note}"}}}}"#)
    };
    of(&"n".repeat(bytes - of("").len()))
}

fn paid() -> EventType {
    EventType::parse("PAYMENT.PAID").unwrap()
}

const SIZES: [usize; 2] = [1024, 64 * 1024];

mod taking_in {
    use super::{
        Bencher, BodyDraft, BytesCount, EventId, EventType, Fingerprint, NOW, ResourceFacts, SIZES, Seq, black_box,
        depth, paid, resource,
    };

    #[divan::bench]
    fn event_type(bencher: Bencher) {
        bencher.bench(|| EventType::parse(black_box("PAYMENT.PAID")));
    }

    #[divan::bench(args = SIZES)]
    fn facts_in_a_resource(bencher: Bencher, bytes: usize) {
        let resource = resource(bytes);
        bencher.counter(BytesCount::new(bytes)).bench(|| ResourceFacts::find(None, black_box(&resource), &[]));
    }

    #[divan::bench(args = SIZES)]
    fn depth_of_a_resource(bencher: Bencher, bytes: usize) {
        let resource = resource(bytes);
        bencher.counter(BytesCount::new(bytes)).bench(|| depth(black_box(&resource)));
    }

    #[divan::bench(args = SIZES)]
    fn fingerprint(bencher: Bencher, bytes: usize) {
        let resource = resource(bytes);
        bencher.counter(BytesCount::new(bytes)).bench(|| Fingerprint::of([black_box(resource.as_bytes())]));
    }

    #[divan::bench(args = SIZES)]
    fn payload(bencher: Bencher, bytes: usize) {
        let (event_type, resource) = (paid(), resource(bytes));
        let id = EventId::compose(NOW.as_ms(), Seq(7), 7);
        bencher
            .counter(BytesCount::new(bytes))
            .bench(|| BodyDraft::new(&event_type, "production", black_box(&resource)).fill(id, NOW));
    }

    #[divan::bench]
    fn event_id(bencher: Bencher) {
        bencher.bench(|| EventId::compose(black_box(NOW.as_ms()), Seq(7), 7).to_string());
    }
}

/// The last of so many patterns is the one that matches.
#[divan::bench(args = [1, 10, 100])]
fn match_patterns(bencher: Bencher, patterns: usize) {
    let other = |at: usize| Pattern::parse(&format!("ORDER.N{at}")).unwrap();
    let matching = Pattern::parse("PAYMENT.*").unwrap();
    let set = PatternSet::new((1..patterns).map(other).chain([matching]).collect()).unwrap();
    let event_type = paid();
    bencher.bench(|| set.matches(black_box(&event_type)));
}

mod signing {
    use super::{
        Bencher, Bytes, BytesCount, NOW, PrivateKey, SIZES, SigningKey, SigningSecret, black_box, resource,
        signature_by,
    };

    #[divan::bench]
    fn make_a_key(bencher: Bencher) {
        let secret = SigningSecret::from_random([7; 32]);
        bencher.bench(|| SigningKey::new(black_box(&secret)));
    }

    #[divan::bench(args = SIZES)]
    fn sign(bencher: Bencher, bytes: usize) {
        let key = SigningKey::new(&SigningSecret::from_random([7; 32]));
        let body = Bytes::from(resource(bytes));
        let id = "0193a5b0-1111-8222-8333-444455556666";
        bencher
            .counter(BytesCount::new(bytes))
            .bench(|| signature_by(std::iter::once(&key), id, NOW.as_secs(), black_box(&body)));
    }

    #[divan::bench]
    fn make_a_key_pair(bencher: Bencher) {
        let private = PrivateKey::from_bytes([7; 32]);
        bencher.bench(|| SigningKey::of_private(black_box(&private)));
    }

    #[divan::bench(args = SIZES)]
    fn sign_v1a(bencher: Bencher, bytes: usize) {
        let key = SigningKey::of_private(&PrivateKey::from_bytes([7; 32]));
        let body = Bytes::from(resource(bytes));
        let id = "0193a5b0-1111-8222-8333-444455556666";
        bencher
            .counter(BytesCount::new(bytes))
            .bench(|| signature_by(std::iter::once(&key), id, NOW.as_secs(), black_box(&body)));
    }
}

/// So many timers over a quarter of a minute, set and fired.
#[divan::bench(args = [100, 10_000])]
fn wheel(bencher: Bencher, timers: u64) {
    const OVER_MS: u64 = 15_000;
    let mut wheel = Wheel::new(NOW);
    let mut now_ms = NOW.as_ms();
    bencher.counter(ItemsCount::new(timers)).bench_local(|| {
        for timer in 0..timers {
            wheel.insert(Timestamp::from_ms(now_ms + timer * OVER_MS / timers), timer).unwrap();
        }
        now_ms += 2 * OVER_MS;
        let mut fired = 0;
        wheel.expire(Timestamp::from_ms(now_ms), |_| fired += 1);
        assert_eq!(fired, timers);
    });
}

/// A scheduler with so many lanes with nothing pending, every page it asked for answered.
fn scheduler(lanes: u32) -> Scheduler<()> {
    let mut scheduler = Scheduler::new(NOW, 512, Seq(0));
    let settings = LaneSettings { account: AccountNo(0), active: true, max_in_flight: 8, rate_limit: None };
    let mut inputs: Vec<Input<()>> = (0..lanes).map(|no| Input::LaneChanged { no: WebhookNo(no), settings }).collect();
    while !inputs.is_empty() {
        let mut asked = Vec::new();
        scheduler.step(NOW, inputs.drain(..), &mut asked);
        inputs.extend(asked.into_iter().filter_map(|action| nothing(&action)));
    }
    scheduler
}

fn nothing(action: &Action<()>) -> Option<Input<()>> {
    match *action {
        Action::LoadUntried(request) => Some(Input::UntriedPage { request, rows: Vec::new() }),
        Action::LoadRetries(request, until) => Some(Input::RetryPage { request, until, rows: Vec::new() }),
        Action::LoadManual(request) => Some(Input::ManualPage { request, rows: Vec::new() }),
        Action::Start { .. } | Action::Audit { .. } | Action::Lost(_) => None,
    }
}

/// An event that becomes pending for each lane, is attempted, confirmed and settled: three steps for all of them.
#[divan::bench(args = [1, 10, 100])]
fn schedule(bencher: Bencher, lanes: u32) {
    let mut scheduler = scheduler(lanes);
    let (mut seq, mut started) = (0, Vec::new());
    bencher.counter(ItemsCount::new(lanes)).bench_local(|| {
        seq += 1;
        let key = |no| NotificationKey { seq: Seq(seq), webhook: WebhookNo(no) };
        scheduler.step(NOW, (0..lanes).map(|no| Input::Untried { key: key(no), payload: Some(()) }), &mut started);
        assert_eq!(started.len(), lanes as usize);
        started.clear();
        let ended = |no| Input::AttemptEnded { key: key(no), reachability: Reachability::Confirmed, hold: None };
        scheduler.step(NOW, (0..lanes).map(ended), &mut started);
        let settled = |no| Input::OutcomeRecorded { key: key(no), next_attempt: NextAttempt::Nothing };
        scheduler.step(NOW, (0..lanes).map(settled), &mut started);
        assert!(started.is_empty());
    });
}
