//! Ranges of index rows give what an ordered set gives, whichever of the engine's layers their rows are in.

use super::rig::key_of;
use crate::model::{AccountNo, Order, Position, Seq, WebhookNo};
use crate::store::engine::rows::memory::MemoryBase;
use crate::store::engine::{Base, Limits, RowStore, RowWrite, Slice, Tree};
use crate::store::query::merge::{Range, Shape, Sought};
use crate::store::schema::keys::Key;
use crate::store::schema::layout::layout;
use crate::store::schema::{keys, seqs};
use proptest::prelude::*;
use std::collections::BTreeSet;

const ACCOUNT: AccountNo = AccountNo(7);
/// Those of the other account stand beside them.
const OTHER: AccountNo = AccountNo(8);

/// A store whose rows come and go commit by commit, the last one in its active overlay.
pub(super) struct Layered<B> {
    pub(super) rows: RowStore<B>,
    commit: u64,
}

impl Layered<MemoryBase> {
    fn new() -> Self {
        Self::over(MemoryBase::default())
    }
}

impl<B: Base> Layered<B> {
    pub(super) fn over(base: B) -> Self {
        Self { rows: RowStore::open(base, layout, [5; 16], Limits::default()).unwrap(), commit: 0 }
    }

    /// One commit: rows that are there from now on, and rows that aren't.
    pub(super) fn write(&mut self, rows: impl IntoIterator<Item = (Key, bool)>) {
        self.commit += 1;
        let write = |(key, is_there): (Key, bool)| (Slice::from(key), is_there.then(|| Slice::from(&[][..])));
        let rows: Vec<RowWrite> = rows.into_iter().map(write).collect();
        self.rows.publish(self.commit, &rows).unwrap();
    }

    /// Moves all of it into sled.
    pub(super) fn checkpoint(&self) {
        while !self.rows.checkpoint_step().unwrap().done {}
        self.rows.freeze();
        while !self.rows.checkpoint_step().unwrap().done {}
    }
}

/// Webhook, sequence number, and whether it is there after the change.
type Changes = Vec<(u32, u64, bool)>;

/// Around the borders of blocks, most of them.
fn seqs_of_rows() -> impl Strategy<Value = u64> {
    prop_oneof![1..1100_u64, 250..260_u64, 510..515_u64, (0..3_u64).prop_map(|n| (1 << 47) + 255 + n)]
}

fn changes() -> impl Strategy<Value = Changes> {
    let there = prop::bool::weighted(0.6);
    prop::collection::vec((1..5_u32, seqs_of_rows(), there), 0..200)
}

/// Some of it in sled, some frozen with a part of that moved, and some in the active overlay.
fn spread(parts: &[Changes], row: impl Fn(u32, u64) -> Key) -> (Layered<MemoryBase>, BTreeSet<(u32, u64)>) {
    let (mut layered, mut model) = (Layered::new(), BTreeSet::new());
    for (nth, part) in parts.iter().enumerate() {
        layered.write(part.iter().map(|(webhook, seq, is_there)| (row(*webhook, *seq), *is_there)));
        for (webhook, seq, is_there) in part {
            if *is_there {
                model.insert((*webhook, *seq))
            } else {
                model.remove(&(*webhook, *seq))
            };
        }
        match nth {
            0 => layered.checkpoint(),
            1 => {
                layered.rows.freeze();
                layered.rows.checkpoint_step().unwrap();
            }
            _ => {}
        }
    }
    (layered, model)
}

fn positions() -> impl Strategy<Value = Position> {
    (seqs_of_rows(), 0..6_u32).prop_map(|(seq, webhook)| Position { seq, webhook })
}

/// The first of these places at or after `at`.
fn first(places: impl Iterator<Item = Position>, at: Position, order: Order) -> Sought {
    let first = match order {
        Order::Newest => places.filter(|place| *place <= at).max(),
        Order::Oldest => places.filter(|place| *place >= at).min(),
    };
    first.map_or(Sought::Nowhere, Sought::At)
}

fn seek(range: &Range, tree: &dyn Tree, at: Position, order: Order) -> Sought {
    range.seek(tree, at, order, &mut usize::MAX.clone()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pages_and_webhooks_are_those_of_a_plain_set(
        parts in prop::array::uniform3(changes()),
        asked in prop::collection::vec((1..5_u32, seqs_of_rows(), 0..300_usize), 8),
    ) {
        let account = |webhook: u32| if webhook == 4 { OTHER } else { ACCOUNT };
        let (layered, model) = spread(&parts, |webhook, seq| keys::untried(account(webhook), key_of(seq, webhook)));
        for (webhook, from, limit) in asked {
            let prefix = keys::untried_of(account(webhook), WebhookNo(webhook));
            let expected: Vec<u64> =
                model.range((webhook, from)..(webhook + 1, 0)).map(|(_, seq)| *seq).take(limit).collect();
            let page = seqs::page(&layered.rows, &prefix, from, limit, |error| panic!("{error}"));
            prop_assert_eq!(page.unwrap(), expected);
        }
        let found = seqs::webhooks_below(&layered.rows, &keys::untried_of_account(ACCOUNT)).unwrap();
        let expected = model.iter().map(|(webhook, _)| WebhookNo(*webhook)).filter(|no| no.0 < 4);
        prop_assert_eq!(found, expected.collect::<BTreeSet<_>>());
    }

    #[test]
    fn a_range_of_one_webhook_names_the_first_place_at_or_after_any(
        parts in prop::array::uniform3(changes()),
        asked in prop::collection::vec((1..5_u32, positions()), 8),
    ) {
        let (layered, model) = spread(&parts, |webhook, seq| keys::by_state(ACCOUNT, 2, key_of(seq, webhook)));
        for (webhook, at) in asked {
            let prefix = keys::in_state_of(ACCOUNT, 2, WebhookNo(webhook));
            let range = Range { prefix, shape: Shape::SeqOf(webhook) };
            for order in [Order::Newest, Order::Oldest] {
                let places = model.range((webhook, 0)..(webhook + 1, 0)).map(|(_, seq)| *seq);
                let expected = first(places.map(|seq| Position { seq, webhook }), at, order);
                prop_assert_eq!(seek(&range, &layered.rows, at, order), expected);
            }
        }
    }

    #[test]
    fn a_range_of_events_means_every_webhook_of_each(
        parts in prop::array::uniform3(changes()),
        asked in prop::collection::vec((1..5_u32, positions()), 8),
    ) {
        let (layered, model) = spread(&parts, |type_no, seq| keys::by_type(ACCOUNT, type_no, Seq(seq)));
        for (type_no, at) in asked {
            let range = Range { prefix: keys::events_of_type(ACCOUNT, type_no), shape: Shape::Seq };
            for order in [Order::Newest, Order::Oldest] {
                let seqs = model.range((type_no, 0)..(type_no + 1, 0)).map(|(_, seq)| *seq);
                let places = seqs.flat_map(|seq| [0, at.webhook, u32::MAX].map(|webhook| Position { seq, webhook }));
                prop_assert_eq!(seek(&range, &layered.rows, at, order), first(places, at, order));
            }
        }
    }

    #[test]
    fn a_reference_is_found_in_whichever_partition_and_a_look_into_many_is_cut_off(
        parts in prop::array::uniform3(prop::collection::vec((0..4_usize, in_partitions(), prop::bool::ANY), 0..100)),
        asked in prop::collection::vec((0..4_usize, in_partitions(), 0..4_usize), 8),
    ) {
        let changes = parts.map(|part| {
            part.into_iter().map(|(hash, seq, is_there)| (u32::try_from(hash).unwrap(), seq, is_there)).collect()
        });
        let hash = |nth: u32| HASHES[nth as usize];
        let (layered, model) = spread(&changes, |nth, seq| keys::reference(ACCOUNT, hash(nth), Seq(seq)));
        let model: BTreeSet<_> = model.into_iter().map(|(nth, seq)| (hash(nth), seq)).collect();
        for (nth, seq, steps) in asked {
            let range = Range { prefix: keys::references(ACCOUNT), shape: Shape::Reference(HASHES[nth]) };
            let seqs = || model.range((HASHES[nth], 0)..=(HASHES[nth], u64::MAX)).map(|(_, seq)| *seq);
            for order in [Order::Newest, Order::Oldest] {
                let begin = Position { seq, webhook: if order == Order::Newest { u32::MAX } else { 0 } };
                let places = || seqs().map(|seq| Position { seq, ..begin });
                let expected = first(places(), begin, order);
                prop_assert_eq!(seek(&range, &layered.rows, begin, order), expected);
                // As pages do: on from where it was cut off.
                let (mut at, mut looks) = (begin, 0);
                let found = loop {
                    match range.seek(&layered.rows, at, order, &mut steps.clone()).unwrap() {
                        Sought::NotBefore(next) => {
                            let gets_on = if order == Order::Newest { next < at } else { next > at };
                            prop_assert!(gets_on, "{next:?} {at:?}");
                            at = next;
                            looks += 1;
                        }
                        found => break found,
                    }
                };
                prop_assert_eq!(found, expected);
                // Each of the eight partitions is looked into twice at most.
                prop_assert!(looks <= 16);
            }
        }
    }
}

/// Of two in one block, one in a block of its own, and the last of all.
const HASHES: [[u8; 8]; 4] = [[0x10, 0x40, 0, 0, 0, 0, 0, 0], [0x10, 0x41, 0, 0, 0, 0, 0, 9], [0x20; 8], [0xff; 8]];

/// Numbers at the borders of partitions, some of them far apart.
fn in_partitions() -> impl Strategy<Value = u64> {
    let partition = prop_oneof![0..5_u64, Just(1 << 17), Just((1 << 17) + 1), Just((1 << 32) - 1)];
    (partition, prop_oneof![0..3_u64, 0xfffd..0x1_0000_u64]).prop_map(|(partition, rest)| partition << 16 | rest)
}
