//! Random histories against a model.
//!
//! `SEEDS=n` runs more of them; a failing one says which seed it was (`SEED=n` runs that one alone).

use super::rig::{Rig, START, Skip, attempt, event, idempotency_key, reply, wait, webhook};
use crate::model::Cursor;
use crate::model::Event;
use crate::model::EventId;
use crate::model::NewEvent;
use crate::model::Notification;
use crate::model::NotificationKey;
use crate::model::Order;
use crate::model::Pattern;
use crate::model::PayloadFilter;
use crate::model::ResponseFilter;
use crate::model::Seq;
use crate::model::Status;
use crate::model::Timestamp;
use crate::model::Trigger;
use crate::model::Verdict;
use crate::model::Webhook;
use crate::model::WebhookId;
use crate::model::WebhookNo;
use crate::model::WebhookPatch;
use crate::model::WebhookStatus;
use crate::model::{EventFilter, Listing, NotificationFilter, Page};
use crate::store::schema::keys;
use crate::store::{
    BeginBulkResend, ChangeWebhook, DeleteWebhook, EraseEvent, RecordEvents, RecordTestEvent, Registration,
    ResendEvent, ResendNotification,
};
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 11).unwrap() % end
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        (!from.is_empty()).then(|| &from[self.below(from.len())])
    }

    fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(3) == 0).then(|| value(self))
    }
}

const TYPES: [&str; 4] = ["PAYMENT.PAID", "PAYMENT.PIX.PAID", "PAYMENTS.PAID", "ORDER.CREATED"];
const PATTERNS: [&str; 5] = ["*", "PAYMENT.*", "PAYMENT.PAID", "ORDER.*", "NEVER.SEEN"];
const STATUSES: [Option<u16>; 6] = [Some(200), Some(204), Some(404), Some(500), Some(503), None];

pub(super) fn seeds(default: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(default),
    }
}

fn live(rig: &Rig) -> Vec<Arc<Webhook>> {
    rig.store.directory().of(rig.account).cloned().collect()
}

pub(super) fn random_step(rig: &Rig, random: &mut Random) {
    let (store, account) = (&rig.store, rig.account);
    rig.after(Duration::from_millis(random.next() % 3000));
    if random.below(6) == 0 {
        // The clock steps: by less than a second, by some, by a year.
        let by = [900, 30_000, 3_600_000, 31_536_000_000][random.below(4)];
        let now = rig.clock.now().as_ms();
        let to = if random.below(2) == 0 { now.saturating_sub(random.next() % by) } else { now + random.next() % by };
        rig.clock.step_to(Timestamp::from_ms(to));
    }
    let hooks = live(rig);
    let hook = random.pick(&hooks).cloned();
    let notifications = rig.all_notifications();
    let notification = random.pick(&notifications).cloned();
    match (random.below(20), hook, notification) {
        (0..=1, ..) if hooks.len() < 5 => {
            let ordered = random.below(2) == 0;
            let filter = random.maybe(|random| {
                let text = [r#"{"id":"r1"}"#, r#"{"id":{"$neq":"r2"},"x":{"$startsWith":"y"}}"#][random.below(2)];
                PayloadFilter::parse(text).unwrap()
            });
            let hook = Webhook { filter, ordered, ..webhook(account, &[PATTERNS[random.below(4)]]) };
            wait(store.commit(Registration::from(hook))).unwrap();
        }
        (2, Some(hook), _) => {
            let status = if hook.is_active() { WebhookStatus::Paused } else { WebhookStatus::Active };
            let patch = WebhookPatch { status: Some(status), ..WebhookPatch::default() };
            wait(store.commit(ChangeWebhook { account, id: hook.id, patch })).unwrap().unwrap();
        }
        (3, Some(hook), _) if random.below(4) == 0 => {
            assert!(wait(store.commit(DeleteWebhook { account, id: hook.id })).unwrap());
        }
        (4, Some(hook), _) => {
            let test = event(crate::model::EventType::TEST, "{}");
            wait(store.commit(RecordTestEvent { account, webhook: hook.id, event: test })).unwrap().unwrap();
        }
        (5..=12, _, Some(notification)) => {
            let by_hand = notification.manual_at.is_some() && random.below(2) == 0;
            let trigger = if by_hand { notification.manual_trigger() } else { Trigger::Automatic };
            let attempt = attempt(trigger, STATUSES[random.below(6)]);
            let verdict = match trigger {
                _ if attempt.result.confirms() => Verdict::Confirmed,
                Trigger::Manual | Trigger::Test => Verdict::ScheduleUnchanged,
                Trigger::Automatic if random.below(5) == 0 => Verdict::Exhausted,
                Trigger::Automatic => Verdict::RetryAt(rig.clock.now().plus(Duration::from_secs(5))),
            };
            // What waits for its turn has no automatic attempt.
            if by_hand || (notification.needs_automatic_attempt() && !notification.awaits_predecessor) {
                rig.settle(notification.key, attempt, verdict);
            }
        }
        (13..=14, _, Some(notification)) => {
            let resend = ResendNotification { account, key: notification.key, in_flight: None };
            let _ = reply(wait(store.commit(resend)));
        }
        (15, _, Some(notification)) => {
            let resend = ResendEvent { account, seq: notification.key.seq, undelivered: false, in_flight: vec![] };
            let _ = reply(wait(store.commit(resend)));
        }
        (16, ..) if random.below(6) == 0 => {
            let status = random.pick(&Status::ALL).copied();
            wait(store.commit(BeginBulkResend {
                account,
                filter: NotificationFilter { status, ..NotificationFilter::default() },
                queued: 1,
            }))
            .unwrap();
        }
        (17, _, Some(notification)) if random.below(4) == 0 => {
            wait(store.commit(EraseEvent { account, seq: notification.key.seq, external_id: false })).unwrap().unwrap();
        }
        (18, ..) if random.below(3) == 0 => {
            // Into another block or partition, or past many.
            let by = random.next() >> (44 + random.below(12));
            wait(store.commit(Skip(by))).unwrap();
        }
        _ => {
            let events = (0..=random.below(3)).map(|_| {
                let padding = if random.below(6) == 0 { 20_000 } else { 3 };
                let resource = format!(r#"{{"id":"r{}","x":"{}"}}"#, random.below(4), "y".repeat(padding));
                let external_id = random.maybe(|random| format!("e{}", random.below(3)));
                let id = random
                    .maybe(|random| EventId::from_bytes(random.next().to_be_bytes().repeat(2).try_into().unwrap()));
                NewEvent { id, external_id, ..event(TYPES[random.below(4)], &resource) }
            });
            let events: Vec<NewEvent> = events.collect();
            let key = random.maybe(|random| {
                let name = u8::try_from(random.below(200)).unwrap();
                // Over before it begins, whatever the clock shows.
                let until = Timestamp::from_ms(random.next() % 1000);
                idempotency_key(name, u8::try_from(random.below(200)).unwrap(), until)
            });
            wait(store.commit(RecordEvents { account, events, key })).unwrap();
        }
    }
}

/// The first page and all that follow, checked against one another.
fn pages<T>(mut page: impl FnMut(Option<Cursor>) -> Page<T>, order: Order, limit: usize) -> Vec<T> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = page(cursor);
        assert!(page.items.len() <= limit);
        let empty = page.items.is_empty();
        found.extend(page.items);
        cursor = page.next.map(|cursor| Cursor::parse(&cursor.to_string()).unwrap());
        // A feed has no end: an empty page is where it stands.
        if cursor.is_none() || (empty && order == Order::Oldest) {
            return found;
        }
    }
}

fn holds_response(filter: ResponseFilter, notification: &Notification) -> bool {
    let Some(last) = &notification.last else {
        return false;
    };
    match filter {
        ResponseFilter::Status(status) => last.result.status() == Some(status),
        ResponseFilter::Class(class) => last.result.status().is_some_and(|status| status / 100 == class),
        ResponseFilter::NoResponse => last.result.status().is_none(),
    }
}

fn check_lists(rig: &Rig, random: &mut Random, rounds: usize) {
    let (events, notifications, directory) = (rig.all_events(), rig.all_notifications(), rig.store.directory());
    let jobs = rig.store.bulk_jobs(rig.account);
    let by_seq: BTreeMap<u64, &Event> = events.iter().map(|event| (event.seq.0, event)).collect();
    let status = |notification: &Notification| {
        let hook = directory.by_no(notification.key.webhook);
        notification.status(hook.is_some_and(|hook| hook.is_active()), hook.is_none())
    };
    let responses = [
        ResponseFilter::Status(200),
        ResponseFilter::Status(500),
        ResponseFilter::Class(2),
        ResponseFilter::Class(5),
        ResponseFilter::Class(4),
        ResponseFilter::NoResponse,
    ];
    let within = |at: Timestamp, from: Option<Timestamp>, to: Option<Timestamp>| {
        from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to)
    };
    let settled = [Status::Delivered, Status::Cancelled];
    let open = notifications.iter().filter(|notification| !settled.contains(&status(notification)));
    // Neither tests nor what was for a deleted webhook is anybody's to look after.
    let open = open
        .filter(|notification| !notification.test && rig.store.directory().by_no(notification.key.webhook).is_some());
    let undelivered: BTreeSet<Seq> = open.map(|notification| notification.key.seq).collect();
    for _ in 0..rounds {
        let moment = |random: &mut Random| {
            let at = random.pick(&events).map_or(START, |event| event.inserted_at).as_ms();
            Timestamp::from_ms(at + random.next() % 3 - 1)
        };
        let (from, to) = (random.maybe(moment), random.maybe(moment));
        let order = if random.below(2) == 0 { Order::Newest } else { Order::Oldest };
        let limit = 1 + random.below(7);
        let event_type = random.maybe(|random| Pattern::parse(PATTERNS[random.below(5)]).unwrap());
        let webhook = random.maybe(|random| WebhookNo(u32::try_from(1 + random.below(6)).unwrap()));
        let webhook = webhook.and_then(|no| rig.store.webhook(rig.account, no).unwrap());
        let job = if random.below(4) == 0 { random.pick(&jobs) } else { None };
        let query = NotificationFilter {
            q: None,
            webhook_id: webhook.as_ref().map(|webhook| webhook.id),
            event_id: if random.below(8) == 0 { random.pick(&events).map(|event| event.id) } else { None },
            job_id: job.as_ref().map(|job| job.id),
            status: random.maybe(|random| Status::ALL[random.below(6)]),
            event_type: event_type.clone(),
            response: random.maybe(|random| responses[random.below(6)]),
            undelivered: random.maybe(|random| random.below(2) == 0),
            test: random.maybe(|random| random.below(2) == 0),
            webhook_deleted: random.maybe(|random| random.below(2) == 0),
            from,
            to,
        };
        let exists = |no| rig.store.directory().by_no(no).is_some();
        let naive = notifications.iter().filter(|notification| {
            let event = by_seq[&notification.key.seq.0];
            webhook.as_ref().is_none_or(|webhook| webhook.no == notification.key.webhook)
                && query.event_id.is_none_or(|id| id == event.id)
                && job.is_none_or(|job| notification.job.is_some_and(|of| of.number == job.number))
                && query.undelivered.is_none_or(|undelivered| {
                    let ended = matches!(status(notification), Status::Delivered | Status::Cancelled);
                    undelivered != ended
                })
                && query.test.is_none_or(|test| test == notification.test)
                && query.webhook_deleted.is_none_or(|deleted| deleted != exists(notification.key.webhook))
                && query.status.is_none_or(|wanted| wanted == status(notification))
                && query.event_type.as_ref().is_none_or(|pattern| pattern.matches(&event.event_type))
                && query.response.is_none_or(|filter| holds_response(filter, notification))
                && within(event.inserted_at, from, to)
        });
        let mut naive: Vec<NotificationKey> = naive.map(|notification| notification.key).collect();
        if order == Order::Newest {
            naive.reverse();
        }
        let listing = |cursor| Listing { order, cursor, limit };
        let page = |cursor| rig.store.notifications(rig.account, &query, listing(cursor)).unwrap();
        let found = pages(page, order, limit);
        assert_eq!(found.iter().map(|(found, _)| found.key).collect::<Vec<_>>(), naive, "{query:?}");
        assert!(found.iter().all(|(notification, event)| notification.key.seq == event.seq));
        let counted = rig.store.count_notifications(rig.account, &query, u64::MAX).unwrap();
        assert_eq!(counted, naive.len() as u64, "{query:?}");

        let query = EventFilter {
            q: None,
            event_type,
            external_id: random.maybe(|random| format!("e{}", random.below(3))),
            resource_id: random.maybe(|random| format!("r{}", random.below(4))),
            undelivered: (random.below(3) == 0).then_some(true),
            test: random.maybe(|random| random.below(2) == 0),
            from,
            to,
        };
        let naive = events.iter().filter(|event| {
            let external = [&event.external_id, &event.resource.external_id];
            query.event_type.as_ref().is_none_or(|pattern| pattern.matches(&event.event_type))
                && query.external_id.as_ref().is_none_or(|id| external.iter().any(|own| own.as_ref() == Some(id)))
                && query.resource_id.as_ref().is_none_or(|id| event.resource.id.as_ref() == Some(id))
                && (query.undelivered.is_none() || undelivered.contains(&event.seq))
                && query.test.is_none_or(|test| event.trial.is_some() == test)
                && within(event.inserted_at, from, to)
        });
        let mut naive: Vec<Seq> = naive.map(|event| event.seq).collect();
        if order == Order::Newest {
            naive.reverse();
        }
        let page = |cursor| rig.store.events(rig.account, &query, listing(cursor)).unwrap();
        let found = pages(page, order, limit);
        assert_eq!(found.iter().map(|event| event.seq).collect::<Vec<_>>(), naive, "{query:?}");
    }
}

#[test]
fn after_any_history_rows_and_records_agree_and_every_filter_equals_a_naive_one() {
    for seed in seeds(2) {
        let told = format!("replay with SEED={seed}");
        let result = std::panic::catch_unwind(|| {
            let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
            let mut rig = Rig::new();
            for step in 0..160 {
                random_step(&rig, &mut random);
                if step % 40 == 39 {
                    rig.work_jobs_off();
                    rig.await_brought_forward();
                    rig.check_rows();
                    check_lists(&rig, &mut random, 60);
                    let before = rig.rows();
                    rig = rig.reopen();
                    rig.barrier();
                    let idempotency = |rows: BTreeMap<Vec<u8>, Vec<u8>>| -> Vec<_> {
                        // All that a reopened store does by itself is to sweep these (deleted webhooks without a
                        // notification among them); the head counts the batch.
                        let swept = [
                            keys::idempotency(rig.account, [0; 16])[0],
                            keys::idempotency_ends()[0],
                            keys::meta("clock")[0],
                            keys::head()[0],
                            keys::webhooks()[0],
                            keys::webhook_id(WebhookId::from_bytes([0; 16]))[0],
                        ];
                        rows.into_iter().filter(|(key, _)| !swept.contains(&key[0])).collect()
                    };
                    assert_eq!(idempotency(before), idempotency(rig.rows()));
                }
            }
            check_lists(&rig, &mut random, 400);
            assert_eq!(rig.blobs(), 0);
        });
        assert!(result.is_ok(), "{told}");
    }
}
