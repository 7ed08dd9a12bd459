//! Backfills: each event that is owed gets one notification, oldest first, at the webhook's pace.

use super::rig::{Rig, attempt, event, paid, reply, wait, webhook};
use crate::model::{
    BulkJob, Event, JobKind, JobState, NewEvent, NotificationFilter, NotificationKey, Pattern, PayloadFilter,
    ResendRefusal, Seq, SkipReason, State, Status, Timestamp, Trial, Trigger, Verdict, Webhook, WebhookId,
    WebhookPatch, WebhookStatus,
};
use crate::store::{
    BackfillRefusal, BeginBackfill, CancelBulkJob, ChangeWebhook, DeleteWebhook, EraseEvent, RecordOutcome,
    RecordTestEvent, Registration, ResendEventTo, ResendToRefusal,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many first attempts of older events may be pending.
const MOST: usize = 64;
const SECOND: Duration = Duration::from_secs(1);

/// All there is.
fn begin(account: crate::model::AccountNo, hook: &Webhook) -> BeginBackfill {
    BeginBackfill { account, webhook: hook.id, from: Timestamp::default(), to: None, event_type: None, matched: 0 }
}

fn of_resource(id: &str) -> NewEvent {
    event("PAYMENT.PAID", &format!(r#"{{"payment":{{"id":"{id}"}}}}"#))
}

impl Rig {
    fn backfill(&self, hook: &Webhook) -> BulkJob {
        reply(wait(self.store.commit(begin(self.account, hook)))).unwrap().unwrap()
    }

    /// A webhook for everything that keeps order.
    fn ordered(&self) -> Arc<Webhook> {
        let hook = Webhook { ordered: true, ..webhook(self.account, &["*"]) };
        wait(self.store.commit(Registration::from(hook))).unwrap().webhook
    }

    fn job(&self, of: &BulkJob) -> BulkJob {
        self.store.bulk_jobs(self.account).into_iter().find(|job| job.id == of.id).unwrap()
    }

    fn untried(&self, hook: &Webhook) -> Vec<Seq> {
        self.store.untried_page(self.account, hook.no, Seq(0), 5000).unwrap()
    }

    /// Makes the first attempts of these events.
    fn attempt_all(&self, hook: &Webhook, seqs: &[Seq], status: u16) {
        for seq in seqs {
            let verdict = if status == 200 { Verdict::Confirmed } else { Verdict::Exhausted };
            self.store.record_outcome(RecordOutcome {
                account: self.account,
                key: NotificationKey { seq: *seq, webhook: hook.no },
                attempt: attempt(Trigger::Automatic, Some(status)),
                verdict,
                gap: Duration::ZERO,
                requested_at: None,
                webhook_updated_at: self.updated_at(hook.no),
            });
        }
        self.barrier();
    }

    /// Until it has got so far, or no further.
    fn await_job(&self, of: &BulkJob, what: &str, holds: impl Fn(&BulkJob) -> bool) -> BulkJob {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let job = self.job(of);
            if holds(&job) {
                self.barrier();
                return job;
            }
            assert!(Instant::now() < deadline, "{what}: {job:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Makes whatever attempts are due until it has ended; returns the events in the order of their attempts.
    fn attempt_until_ended(&self, of: &BulkJob, hook: &Webhook) -> Vec<Seq> {
        let (mut made, deadline) = (Vec::new(), Instant::now() + Duration::from_secs(60));
        loop {
            let has_ended = self.job(of).state != JobState::Running;
            self.barrier();
            let due = self.untried(hook);
            if due.is_empty() && has_ended {
                return made;
            }
            self.attempt_all(hook, &due, 200);
            made.extend(&due);
            assert!(Instant::now() < deadline, "it never ends: {:?}", self.job(of));
        }
    }

    fn change(&self, hook: &Webhook, patch: WebhookPatch) {
        wait(self.store.commit(ChangeWebhook { account: self.account, id: hook.id, patch })).unwrap().unwrap();
    }

    fn set_status(&self, hook: &Webhook, status: WebhookStatus) {
        self.change(hook, WebhookPatch { status: Some(status), ..WebhookPatch::default() });
    }

    fn skipped(&self, of: &BulkJob) -> BTreeMap<SkipReason, u64> {
        self.job(of).skipped.iter().collect()
    }
}

fn seqs(events: &[Event]) -> Vec<Seq> {
    events.iter().map(|event| event.seq).collect()
}

/// Nothing piles up behind a slow webhook; a restart neither loses nor doubles anything; what is recorded meanwhile is
/// the webhook's own.
#[test]
fn each_event_gets_one_notification_oldest_first_and_a_restart_changes_nothing() {
    let rig = Rig::new();
    let before = rig.accept((0..300).map(|_| paid()).collect());
    rig.after(SECOND);
    let hook = rig.register(&["PAYMENT.*"]);
    let own = rig.accept(vec![paid(), event("ORDER.PAID", "{}")]);
    rig.after(SECOND);
    let begun = rig.backfill(&hook);
    assert_eq!((begun.kind, begun.state, begun.made), (JobKind::Backfill, JobState::Running, 0));
    let live = rig.accept(vec![paid()]);
    // Of those that may be pending one is the webhook's own: it was recorded before the backfill.
    rig.await_job(&begun, "it is at its limit", |job| job.made == MOST as u64 - 1);
    let expected = [seqs(&before[..MOST - 1]), seqs(&own[..1]), seqs(&live)].concat();
    assert_eq!(rig.untried(&hook), expected, "the oldest first");
    let rig = rig.reopen();
    let made = rig.attempt_until_ended(&begun, &hook);
    let mut all = [seqs(&before), seqs(&own[..1]), seqs(&live)].concat();
    let backfilled: Vec<Seq> = made.iter().copied().filter(|seq| *seq <= before[299].seq).collect();
    assert!(backfilled.is_sorted(), "the oldest first");
    let mut sorted = made.clone();
    sorted.sort();
    all.sort();
    assert_eq!(sorted, all, "each once");
    let done = rig.job(&begun);
    assert_eq!((done.state, done.made, done.open), (JobState::Done, 300, 0));
    assert_eq!(rig.skipped(&begun), [(SkipReason::HasNotification, 1)].into());
    rig.finish_jobs();
    rig.check_rows();
    // Once more: there is nothing left.
    rig.after(SECOND);
    let again = rig.backfill(&hook);
    let again = rig.await_job(&again, "it ends", |job| job.state == JobState::Done);
    assert_eq!((again.made, rig.untried(&hook)), (0, vec![]));
    rig.check_rows();
}

/// Notifications of older events leave first. If a turn followed as soon as half of the last one's were sent, a live
/// event would wait for all of the backfill.
#[test]
fn a_live_event_waits_for_two_turns_at_most() {
    let rig = Rig::new();
    let before = rig.accept((0..500).map(|_| paid()).collect());
    rig.after(SECOND);
    let hook = rig.register(&["*"]);
    let begun = rig.backfill(&hook);
    rig.await_job(&begun, "it is at its limit", |job| job.made == MOST as u64);
    let live = rig.accept(vec![paid()])[0].seq;
    rig.attempt_all(&hook, &seqs(&before[..MOST]), 200);
    rig.await_job(&begun, "another turn", |job| job.made == 2 * MOST as u64);
    rig.attempt_all(&hook, &seqs(&before[MOST..2 * MOST]), 200);
    let commits = rig.store.stats().commits;
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!((rig.job(&begun).made, rig.untried(&hook)), (2 * MOST as u64, vec![live]), "the live one's turn");
    assert!(rig.store.stats().commits <= commits + 1, "it waits at rest");
    rig.attempt_all(&hook, &[live], 200);
    rig.await_job(&begun, "it goes on", |job| job.made > 2 * MOST as u64);
    assert_eq!(rig.attempt_until_ended(&begun, &hook).len(), 500 - 2 * MOST);
    rig.check_rows();
}

#[test]
fn what_is_passed_over_is_counted_by_its_reason() {
    let rig = Rig::new();
    let other = rig.register(&["*"]);
    let events = rig.accept(vec![
        event("PAYMENT.PAID", r#"{"n":1}"#),
        event("PAYMENT.PAID", r#"{"n":2}"#),
        event("ORDER.PAID", r#"{"n":1}"#),
        event("PAYMENT.CREATED", r#"{"n":1}"#),
    ]);
    let test = RecordTestEvent { account: rig.account, webhook: other.id, event: event("PAYMENT.PAID", r#"{"n":1}"#) };
    reply(wait(rig.store.commit(test))).unwrap().unwrap();
    wait(rig.store.commit(EraseEvent { account: rig.account, seq: events[3].seq, external_id: false })).unwrap();
    rig.after(SECOND);
    let mut hook = webhook(rig.account, &["PAYMENT.*"]);
    hook.filter = Some(PayloadFilter::parse(r#"{"n":1}"#).unwrap());
    let hook = wait(rig.store.commit(Registration::from(hook))).unwrap().webhook;
    rig.accept(vec![event("PAYMENT.PAID", r#"{"n":1}"#)]);
    rig.after(SECOND);
    let filter = NotificationFilter { from: Some(Timestamp::default()), ..NotificationFilter::default() };
    for (judged, would_create, is_exact) in [(5, 1, true), (4, 2, false), (0, 5, false)] {
        let count = rig.store.count_backfill(&hook, &filter, judged).unwrap();
        assert_eq!((count.matched, count.would_create, count.exact), (5, would_create, is_exact), "{judged}");
    }
    let begun = rig.backfill(&hook);
    let done = rig.await_job(&begun, "it ends", |job| job.state == JobState::Done);
    let reasons = [SkipReason::HasNotification, SkipReason::Filtered, SkipReason::Test, SkipReason::Erased];
    assert_eq!((done.made, rig.skipped(&begun)), (1, reasons.map(|reason| (reason, 1)).into()));
    assert_eq!(rig.untried(&hook)[0], events[0].seq);
    // Without its filter, and of one type.
    rig.after(SECOND);
    rig.change(&hook, WebhookPatch { filter: Some(None), ..WebhookPatch::default() });
    let created = BeginBackfill { event_type: Pattern::parse("PAYMENT.CREATED"), ..begin(rig.account, &hook) };
    let created = reply(wait(rig.store.commit(created))).unwrap().unwrap();
    let created = rig.await_job(&created, "it ends", |job| job.state == JobState::Done);
    assert_eq!((created.made, rig.skipped(&created)), (0, [(SkipReason::Erased, 1)].into()));
    let all = rig.backfill(&hook);
    let all = rig.await_job(&all, "it ends", |job| job.state == JobState::Done);
    assert_eq!(all.made, 1, "the one that the filter had kept out");
    rig.check_rows();
}

/// Times rise along the sequence only as long as nobody sets the clock back.
#[test]
fn a_span_of_time_is_judged_by_each_events_own_time() {
    let rig = Rig::new();
    let start = rig.clock.now();
    let mut recorded = BTreeMap::new();
    for hours in [0, 50, 1, 51, 2, 3] {
        rig.clock.set(start.plus(Duration::from_secs(hours * 3600)));
        recorded.insert(hours, rig.accept(vec![paid()])[0].seq);
    }
    rig.clock.set(start.plus(Duration::from_secs(60 * 3600)));
    let hook = rig.register(&["*"]);
    let at = |hours: u64| start.plus(Duration::from_secs(hours * 3600));
    let span = BeginBackfill { from: at(1), to: Some(at(3)), ..begin(rig.account, &hook) };
    let span = reply(wait(rig.store.commit(span))).unwrap().unwrap();
    rig.await_job(&span, "it ends", |job| job.state == JobState::Done);
    assert_eq!(rig.untried(&hook), [recorded[&1], recorded[&2]]);
    let filter = NotificationFilter { from: Some(at(50)), ..NotificationFilter::default() };
    assert_eq!(rig.store.count_backfill(&hook, &filter, 100).unwrap().would_create, 2);
    rig.check_rows();
}

#[test]
fn a_backfill_waits_for_its_webhook_and_ends_with_it() {
    let rig = Rig::new();
    rig.accept((0..200).map(|_| paid()).collect());
    rig.after(SECOND);
    let hook = rig.register(&["*"]);
    rig.set_status(&hook, WebhookStatus::Paused);
    let begun = rig.backfill(&hook);
    assert_eq!(
        reply(wait(rig.store.commit(begin(rig.account, &hook)))),
        Err(BackfillRefusal::UnderWay(begun.id)),
        "one at a time"
    );
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!((rig.job(&begun).made, rig.untried(&hook)), (0, vec![]), "held");
    let rig = rig.reopen();
    rig.set_status(&hook, WebhookStatus::Active);
    rig.await_job(&begun, "it goes on", |job| job.made == MOST as u64);
    // A target that fails gets one at a time.
    let due = rig.untried(&hook);
    rig.attempt_all(&hook, &due, 500);
    let failing = rig.await_job(&begun, "one finds out", |job| job.made > MOST as u64);
    assert_eq!((failing.made, rig.untried(&hook).len()), (MOST as u64 + 1, 1));
    assert_eq!(rig.notification(NotificationKey { seq: due[0], webhook: hook.no }).state, State::Failed);
    rig.attempt_all(&hook, &rig.untried(&hook), 200);
    rig.await_job(&begun, "it is well again", |job| job.made == 2 * MOST as u64 + 1);
    // Cancelled, it owes nothing more.
    let cancel = || CancelBulkJob { account: rig.account, number: begun.number };
    let cancelled = wait(rig.store.commit(cancel())).unwrap().unwrap();
    assert_eq!((cancelled.state, cancelled.made), (JobState::Cancelled, 2 * MOST as u64 + 1));
    assert_eq!(wait(rig.store.commit(cancel())).unwrap(), None);
    rig.finish_jobs();
    rig.attempt_all(&hook, &rig.untried(&hook), 200);
    assert_eq!(rig.untried(&hook), []);
    // The rest, of a webhook that is deleted meanwhile.
    rig.after(SECOND);
    let rest = rig.backfill(&hook);
    rig.await_job(&rest, "it is at its limit", |job| job.made == MOST as u64);
    wait(rig.store.commit(DeleteWebhook { account: rig.account, id: hook.id })).unwrap();
    rig.await_job(&rest, "it ends", |job| job.state == JobState::Cancelled);
    rig.finish_jobs();
    assert!(rig.all_notifications().iter().all(|one| !one.needs_automatic_attempt()));
    let gone = reply(wait(rig.store.commit(begin(rig.account, &hook)))).unwrap();
    assert_eq!(gone, None);
    rig.check_rows();
}

/// An event that was recorded during the backfill left before older ones of its resource.
#[test]
fn a_webhook_that_keeps_order_receives_a_resource_in_order() {
    let rig = Rig::new();
    let old: Vec<Event> =
        (0..150).map(|nth| rig.accept(vec![of_resource(if nth % 50 == 0 { "a" } else { "b" })]).remove(0)).collect();
    rig.after(SECOND);
    let hook = rig.ordered();
    rig.set_status(&hook, WebhookStatus::Paused);
    let begun = rig.backfill(&hook);
    rig.after(SECOND);
    let live = rig.accept(vec![of_resource("a")]).remove(0);
    let of_a: Vec<Seq> = [0, 50, 100].map(|nth: usize| old[nth].seq).into();
    assert_eq!(rig.untried(&hook), of_a[..1], "the oldest of its resource has its turn");
    let waits = |seq| rig.notification(NotificationKey { seq, webhook: hook.no }).awaits_predecessor;
    assert!(waits(of_a[1]) && waits(of_a[2]) && waits(live.seq));
    let counted = |rig: &Rig| (rig.job(&begun).made, rig.job(&begun).ahead);
    assert_eq!(counted(&rig), (3, 3), "what was brought counts at once");
    rig.check_rows();
    let rig = rig.reopen();
    assert_eq!(counted(&rig), (3, 3));
    rig.set_status(&hook, WebhookStatus::Active);
    let made = rig.attempt_until_ended(&begun, &hook);
    let order = |wanted: &str| -> Vec<Seq> {
        let of = |seq: &Seq| of_a.contains(seq) || *seq == live.seq;
        made.iter().copied().filter(|seq| of(seq) == (wanted == "a")).collect()
    };
    assert_eq!(order("a"), [of_a.clone(), vec![live.seq]].concat());
    assert!(order("b").is_sorted() && order("b").len() == 147);
    let done = rig.job(&begun);
    assert_eq!((done.made, done.skipped.total(), done.ahead), (150, 0, 0), "those that were brought count once");
    rig.check_rows();
}

/// A job that was cancelled said for good that it had created 64, of nearly 5,000 that newer events had brought.
#[test]
fn a_job_that_is_cancelled_counts_what_was_brought_and_brings_no_more() {
    let rig = Rig::new();
    rig.accept((0..20).map(|_| of_resource("a")).collect());
    let by_hand = rig.accept(vec![of_resource("b")]).remove(0);
    rig.after(SECOND);
    let hook = rig.ordered();
    rig.set_status(&hook, WebhookStatus::Paused);
    let begun = rig.backfill(&hook);
    let to = ResendEventTo { account: rig.account, seq: by_hand.seq, webhook: hook.id, in_flight: None };
    assert!(reply(wait(rig.store.commit(to))).unwrap().is_some());
    rig.accept(vec![of_resource("a")]);
    assert_eq!(rig.job(&begun).made, 20);
    let cancel = CancelBulkJob { account: rig.account, number: begun.number };
    let cancelled = wait(rig.store.commit(cancel)).unwrap().unwrap();
    assert_eq!((cancelled.state, cancelled.made), (JobState::Cancelled, 20));
    rig.accept(vec![of_resource("b"), of_resource("a")]);
    assert_eq!(rig.all_notifications().len(), 20 + 1 + 1 + 2);
    // The next one finds all of it.
    rig.after(SECOND);
    let again = rig.backfill(&hook);
    rig.set_status(&hook, WebhookStatus::Active);
    rig.await_job(&again, "it ends", |job| job.state == JobState::Done);
    assert_eq!((rig.job(&again).made, rig.skipped(&again)), (0, [(SkipReason::HasNotification, 24)].into()));
    rig.check_rows();
}

/// What somebody re-sent while a backfill went on was counted as created by it.
#[test]
fn what_somebody_re_sent_meanwhile_is_skipped() {
    let rig = Rig::new();
    let old = rig.accept(vec![of_resource("a"), of_resource("b")]);
    rig.after(SECOND);
    let hook = rig.ordered();
    rig.set_status(&hook, WebhookStatus::Paused);
    let begun = rig.backfill(&hook);
    rig.after(SECOND);
    let to = ResendEventTo { account: rig.account, seq: old[1].seq, webhook: hook.id, in_flight: None };
    assert!(reply(wait(rig.store.commit(to))).unwrap().is_some());
    rig.accept(vec![of_resource("a")]);
    rig.set_status(&hook, WebhookStatus::Active);
    let done = rig.await_job(&begun, "it ends", |job| job.state == JobState::Done);
    assert_eq!((done.made, done.ahead, rig.skipped(&begun)), (1, 0, [(SkipReason::HasNotification, 1)].into()));
    rig.check_rows();
}

#[test]
fn a_backfill_of_a_deleted_webhook_is_cancelled_with_it() {
    let rig = Rig::new();
    rig.accept((0..3).map(|_| paid()).collect());
    rig.after(SECOND);
    let hook = rig.register(&["*"]);
    rig.set_status(&hook, WebhookStatus::Paused);
    let all = BeginBackfill { matched: 3, ..begin(rig.account, &hook) };
    let begun = reply(wait(rig.store.commit(all))).unwrap().unwrap();
    wait(rig.store.commit(DeleteWebhook { account: rig.account, id: hook.id })).unwrap();
    let ended = rig.await_job(&begun, "it ends", |job| job.ended_at.is_some());
    assert_eq!((ended.state, rig.skipped(&begun)), (JobState::Cancelled, [(SkipReason::WebhookDeleted, 3)].into()));
    rig.check_rows();
}

/// A sample keeps no order, yet it brought the older events of its resource with it: many more than the webhook's pace
/// allows.
#[test]
fn a_sample_brings_no_older_events_with_it() {
    let rig = Rig::new();
    let old = rig.accept(vec![of_resource("a")]).remove(0);
    rig.after(SECOND);
    let hook = rig.ordered();
    rig.set_status(&hook, WebhookStatus::Paused);
    rig.backfill(&hook);
    rig.accept(vec![NewEvent { trial: Some(Trial::Sample), ..of_resource("a") }]);
    assert_eq!(rig.untried(&hook), []);
    rig.accept(vec![of_resource("a")]);
    assert_eq!(rig.untried(&hook), [old.seq]);
    rig.check_rows();
}

/// Each event of a resource looked at the same older ones from the beginning: it cost the committer 2,048 looks, and
/// what stood behind those was never brought.
#[test]
fn each_event_of_a_resource_goes_on_looking_where_the_last_one_ended() {
    let rig = Rig::new();
    let with = |n: u8| event("PAYMENT.PAID", &format!(r#"{{"payment":{{"id":"a"}},"n":{n}}}"#));
    for _ in 0..21 {
        rig.accept((0..100).map(|_| with(0)).collect());
    }
    let old = rig.accept(vec![with(1)]).remove(0);
    rig.after(SECOND);
    let filter = PayloadFilter::parse(r#"{"n":1}"#);
    let hook = Webhook { ordered: true, filter: filter.ok(), ..webhook(rig.account, &["*"]) };
    let hook = wait(rig.store.commit(Registration::from(hook))).unwrap().webhook;
    rig.set_status(&hook, WebhookStatus::Paused);
    rig.backfill(&hook);
    let first = rig.accept(vec![with(1)]).remove(0);
    assert_eq!(rig.all_notifications().len(), 1, "the older one stands behind more than an event looks at");
    let second = rig.accept(vec![with(1)]).remove(0);
    let waits = |seq| rig.notification(NotificationKey { seq, webhook: hook.no }).awaits_predecessor;
    assert!(!waits(first.seq) && waits(old.seq) && waits(second.seq));
    // Of a webhook that has changed, all of them may be owed.
    rig.change(&hook, WebhookPatch { filter: Some(None), ..WebhookPatch::default() });
    rig.accept(vec![with(1)]);
    assert_eq!(rig.all_notifications().len(), 3 + 256 + 1, "as many as one event brings");
    rig.accept(vec![with(1)]);
    assert_eq!(rig.all_notifications().len(), 3 + 2 * 257);
    rig.check_rows();
}

/// The first by its event was taken for the oldest: as soon as a backfill had created one, what was pending for long
/// seemed to be new.
#[test]
fn the_oldest_that_is_pending_is_not_the_one_of_the_oldest_event() {
    let rig = Rig::new();
    rig.accept((0..3).map(|_| paid()).collect());
    rig.after(SECOND);
    let hook = rig.register(&["*"]);
    let live = rig.accept(vec![paid()]).remove(0);
    rig.after(SECOND);
    let begun = rig.backfill(&hook);
    rig.await_job(&begun, "it ends", |job| job.state == JobState::Done);
    let backlog = rig.store.backlogs().unwrap().remove(0);
    assert_eq!((backlog.pending, backlog.oldest), (4, Some(live.inserted_at)));
    rig.attempt_all(&hook, &[live.seq], 200);
    let oldest = rig.store.backlogs().unwrap().remove(0).oldest;
    assert!(oldest >= Some(begun.inserted_at), "{oldest:?}");
}

#[test]
fn an_event_is_sent_to_one_webhook_whatever_it_subscribes_to() {
    let rig = Rig::new();
    let (all, orders) = (rig.register(&["*"]), rig.register(&["ORDER.*"]));
    let sent = rig.accept(vec![paid()]).remove(0);
    rig.after(SECOND);
    let to = |webhook: WebhookId, seq: Seq| {
        reply(wait(rig.store.commit(ResendEventTo { account: rig.account, seq, webhook, in_flight: None })))
    };
    let first = to(orders.id, sent.seq).unwrap().unwrap();
    assert_eq!((first.key.webhook, first.manual_at, first.status(true, false)), (orders.no, None, Status::Pending));
    assert_eq!(rig.untried(&orders), [sent.seq]);
    let again = to(all.id, sent.seq).unwrap().unwrap();
    assert!(again.manual_at.is_some(), "it has one already: a manual attempt");
    rig.check_rows();
    assert_eq!(to(all.id, Seq(99)), Ok(None));
    assert_eq!(to(WebhookId::from_bytes([1; 16]), sent.seq), Err(ResendToRefusal::NoWebhook));
    let test = RecordTestEvent { account: rig.account, webhook: all.id, event: paid() };
    let (test, _) = reply(wait(rig.store.commit(test))).unwrap().unwrap();
    assert_eq!(to(orders.id, test.key.seq), Err(ResendToRefusal::TestOfAnother));
    let erased = rig.accept(vec![paid()]).remove(0);
    wait(rig.store.commit(EraseEvent { account: rig.account, seq: erased.seq, external_id: false })).unwrap();
    let why = Err(ResendToRefusal::Resend(ResendRefusal::Erased));
    assert_eq!([to(orders.id, erased.seq), to(all.id, erased.seq)], [why.clone(), why]);
    rig.check_rows();
}
