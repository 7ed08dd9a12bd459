//! What reading long queues costs. `cargo test --release --lib store::tests::speed -- --ignored --nocapture`.

use super::index_rows::Layered;
use super::rig::key_of;
use crate::model::{AccountNo, Order, Position, Seq, WebhookNo};
use crate::store::engine::{SledBase, Tree};
use crate::store::query::merge::{Range, Shape};
use crate::store::schema::{keys, seqs};
use std::path::Path;
use std::time::{Duration, Instant};

const ACCOUNT: AccountNo = AccountNo(7);
const HOOK: WebhookNo = WebhookNo(1);

fn timed<T>(what: &str, mut work: impl FnMut() -> T) -> Duration {
    const TIMES: u32 = 20;
    let begun = Instant::now();
    for _ in 0..TIMES {
        std::hint::black_box(work());
    }
    let each = begun.elapsed() / TIMES;
    println!("{what:>60}: {each:?}");
    each
}

/// A queue of 100,000, of which the first were delivered.
fn delivered(folder: &Path, count: u64, loaded: bool) -> Layered<SledBase> {
    let mut layered = Layered::over(SledBase::open(folder, 16 << 20).unwrap());
    let row = |seq| keys::untried(ACCOUNT, key_of(seq, HOOK.0));
    for first in (0..100).map(|n| n * 1000) {
        layered.write((first..first + 1000).map(|seq| (row(seq), true)));
    }
    if loaded {
        layered.checkpoint();
    }
    for first in (0..count / 1000).map(|n| n * 1000) {
        layered.write((first..first + 1000).map(|seq| (row(seq), false)));
    }
    layered
}

#[test]
#[ignore = "it measures"]
fn a_page_of_a_queue_whose_beginning_was_just_delivered() {
    for (count, loaded) in [(90_000, true), (90_000, false), (30_000, true), (30_000, false), (0, true)] {
        let folder = tempfile::tempdir().unwrap();
        let layered = delivered(folder.path(), count, loaded);
        let tree = &layered.rows;
        println!("{count} of 100000 delivered, moved into sled before: {loaded}");
        let prefix = keys::untried_of(ACCOUNT, HOOK);
        timed("a page from the last key on", || {
            seqs::page(tree, &prefix, count, 512, |error| panic!("{error}")).unwrap()
        });
        timed("a page from the queue's beginning on", || {
            seqs::page(tree, &prefix, 0, 512, |error| panic!("{error}")).unwrap()
        });
        timed("the webhooks", || seqs::webhooks_below(tree, &keys::untried_of_account(ACCOUNT)).unwrap());
        let range = Range { prefix: prefix.clone(), shape: Shape::SeqOf(HOOK.0) };
        for order in [Order::Newest, Order::Oldest] {
            let at = Position { seq: 95_000, webhook: HOOK.0 };
            timed("a seek", || range.seek(tree, at, order, &mut 1).unwrap());
        }
        timed("all of it counted", || tree.scan(&prefix).keys().count());
    }
}

#[test]
#[ignore = "it measures"]
fn a_look_for_a_reference() {
    const PARTITIONS: u64 = 10;
    let folder = tempfile::tempdir().unwrap();
    let mut layered = Layered::over(SledBase::open(folder.path(), 16 << 20).unwrap());
    let hash = |n: u64| (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17).wrapping_mul(n | 1).to_be_bytes();
    let begun = Instant::now();
    for first in (0..PARTITIONS << 16).step_by(1 << 14) {
        let rows = (first..first + (1 << 14)).flat_map(|seq| [(seq, 2 * seq), (seq, 2 * seq + 1)]);
        layered.write(rows.map(|(seq, n)| (keys::reference(ACCOUNT, hash(n), Seq(seq)), true)));
        layered.checkpoint();
    }
    println!("{} rows in {:?}", PARTITIONS << 17, begun.elapsed());
    let mut n = 0;
    for order in [Order::Newest, Order::Oldest] {
        let at = Position { seq: if order == Order::Newest { PARTITIONS << 16 } else { 0 }, webhook: 0 };
        timed("what nothing has, in ten partitions", || {
            n += 1;
            let shape = Shape::Reference(hash((1 << 40) + n));
            Range { prefix: keys::references(ACCOUNT), shape }.seek(&layered.rows, at, order, &mut 99).unwrap()
        });
    }
}
