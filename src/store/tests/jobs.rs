//! Background jobs, erasure, deletion and damage.

use super::busy::eventually;
use super::rig::{DeleteRow, Rig, START, attempt, event, paid, reply, wait, webhook};
use crate::clock::Clock;
use crate::model::{
    AccountNo, Attempt, AttemptResult, BulkJob, DisabledReason, Event, JobKind, JobOutcome, JobState, NewEvent, Notice,
    NotificationFilter, NotificationKey, Pattern, PatternSet, ResendRefusal, Seq, State, Status, TargetHealth,
    TargetUrl, Timestamp, Trigger, Verdict, Webhook, WebhookPatch, WebhookStatus,
};
use crate::store::handle::Store;
use crate::store::lifecycle::open::StoreSettings;
use crate::store::limits::Limits;
use crate::store::read::due::Due;
use crate::store::schema::keys;
use crate::store::{
    BeginBackfill, BeginBulkResend, CancelBulkJob, ChangeWebhook, CreateAccount, DeleteWebhook, DisableWebhook,
    EraseEvent, RecordOutcome, Registration, ResendEvent, ResendNotification, SetDisableNotice,
};
use std::time::Duration;
use std::time::Instant;

#[test]
fn jobs_survive_a_restart_and_late_outcomes_revive_nothing() {
    let rig = Rig::new();
    let (kept, gone) = (rig.register(&["*"]), rig.register(&["*"]));
    let events = rig.accept((0..200).map(|_| paid()).collect());
    let first = |hook: &Webhook| NotificationKey { seq: events[0].seq, webhook: hook.no };
    rig.settle(first(&gone), attempt(Trigger::Automatic, Some(500)), Verdict::RetryAt(START));
    let filter = NotificationFilter { webhook_id: Some(kept.id), ..NotificationFilter::default() };
    wait(rig.store.commit(BeginBulkResend { account: rig.account, filter, queued: 200 })).unwrap();
    assert!(wait(rig.store.commit(DeleteWebhook { account: rig.account, id: gone.id })).unwrap());
    assert!(!wait(rig.store.commit(DeleteWebhook { account: rig.account, id: gone.id })).unwrap());
    let rig = rig.reopen();
    rig.store.record_outcome(RecordOutcome {
        account: rig.account,
        key: first(&gone),
        attempt: attempt(Trigger::Automatic, Some(500)),
        verdict: Verdict::RetryAt(START),
        gap: Duration::ZERO,
        requested_at: None,
        webhook_updated_at: START,
    });
    while rig.only_resend().state == JobState::Running {
        rig.make_attempts_by_hand(&kept);
    }
    rig.make_attempts_by_hand(&kept);
    rig.finish_jobs();
    for event in &events {
        let key = |hook: &Webhook| NotificationKey { seq: event.seq, webhook: hook.no };
        assert_eq!(rig.notification(key(&kept)).state, State::Delivered);
        let cancelled = rig.notification(key(&gone));
        assert_eq!((cancelled.state, cancelled.manual_at), (State::Cancelled, None));
    }
    rig.check_rows();
    assert_eq!(
        reply(wait(rig.store.commit(ResendNotification { account: rig.account, key: first(&gone), in_flight: None }))),
        Err(ResendRefusal::WebhookDeleted)
    );
    rig.settle(first(&gone), attempt(Trigger::Automatic, Some(503)), Verdict::RetryAt(START));
    assert_eq!(rig.notification(first(&gone)).state, State::Cancelled);
    rig.settle(first(&gone), attempt(Trigger::Automatic, Some(204)), Verdict::Confirmed);
    assert_eq!(rig.notification(first(&gone)).state, State::Delivered, "it did arrive");
    rig.check_rows();
}

impl Rig {
    /// Lets every webhook take what bulk resends have for it, until there are none.
    pub(crate) fn work_jobs_off(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.store.shared.tree.scan(&keys::jobs()).next().is_some() {
            assert!(Instant::now() < deadline, "a job does not end");
            for hook in self.store.directory().of(self.account) {
                if !hook.is_active() {
                    let patch = WebhookPatch { status: Some(WebhookStatus::Active), ..WebhookPatch::default() };
                    wait(self.store.commit(ChangeWebhook { account: self.account, id: hook.id, patch }))
                        .unwrap()
                        .unwrap();
                }
                self.make_attempts_by_hand(hook);
            }
        }
    }

    fn only_resend(&self) -> BulkJob {
        let resends = self.store.bulk_jobs(self.account);
        assert_eq!(resends.len(), 1);
        resends[0].clone()
    }

    fn owed_by_hand(&self, hook: &Webhook) -> Vec<Due> {
        self.store.manual_page(hook.no, Due { at: Timestamp::from_ms(0), seq: Seq(0) }, 2000).unwrap()
    }

    /// Makes all the attempts by hand that are owed; returns for how many.
    fn make_attempts_by_hand(&self, hook: &Webhook) -> usize {
        let owed = self.owed_by_hand(hook);
        for due in &owed {
            let key = NotificationKey { seq: due.seq, webhook: hook.no };
            let attempt = attempt(Trigger::Manual, Some(200));
            self.store.record_outcome(RecordOutcome {
                account: self.account,
                key,
                attempt,
                verdict: Verdict::Confirmed,
                gap: Duration::ZERO,
                requested_at: Some(due.at),
                webhook_updated_at: self.updated_at(hook.no),
            });
        }
        self.barrier();
        owed.len()
    }

    fn await_resend(&self, what: &str, holds: impl Fn(&BulkJob) -> bool) -> BulkJob {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let resend = self.only_resend();
            if holds(&resend) {
                // Its figures are seen a moment before its rows are.
                self.barrier();
                return resend;
            }
            assert!(Instant::now() < deadline, "{what}: {resend:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// It is paced by what each webhook takes: nothing piles up behind a slow one, which holds up no other; it survives a
/// restart.
#[test]
fn a_bulk_resend_gets_on_as_attempts_are_made() {
    const MOST: usize = 64;
    let rig = Rig::new();
    let (slow, well) = (rig.register(&["*"]), rig.register(&["*"]));
    let events = rig.accept((0..700).map(|_| paid()).collect());
    let begun = wait(rig.store.commit(BeginBulkResend {
        account: rig.account,
        filter: NotificationFilter::default(),
        queued: 1400,
    }))
    .unwrap();
    assert_eq!((begun.state, begun.queued, begun.made), (JobState::Running, 1400, 0));
    rig.await_resend("both are at their limit", |resend| resend.made == 2 * MOST as u64);
    let owed = rig.owed_by_hand(&slow);
    let oldest: Vec<Seq> = events[..MOST].iter().map(|event| event.seq).collect();
    assert_eq!(owed.iter().map(|due| due.seq).collect::<Vec<_>>(), oldest, "the oldest first");
    let rig = rig.reopen();
    assert_eq!(rig.only_resend().id, begun.id);
    let mut made = 0;
    while made < 700 {
        let deadline = Instant::now() + Duration::from_secs(30);
        let now = rig.make_attempts_by_hand(&well);
        made += now;
        assert!(now <= MOST && (now > 0 || Instant::now() < deadline));
    }
    assert_eq!(rig.owed_by_hand(&slow).len(), MOST);
    assert_eq!(rig.only_resend().state, JobState::Running);
    while rig.only_resend().state == JobState::Running {
        rig.make_attempts_by_hand(&slow);
    }
    let done = rig.only_resend();
    assert_eq!((done.state, done.made, done.skipped.total(), done.open), (JobState::Done, 1400, 0, 0));
    assert!(done.ended_at.is_some());
    rig.finish_jobs();
    rig.check_rows();
}

/// While it waits for room, a backfill of the same webhook goes on, and a target confirms: neither was counted.
#[test]
fn a_bulk_resend_passes_over_what_came_after_it_began() {
    let rig = Rig::new();
    let hook = rig.register(&["PAYMENT.PAID"]);
    let mut new: Vec<NewEvent> = (0..70).map(|_| paid()).collect();
    // Among the last, behind the limit of what may be pending at once.
    new.splice(66..66, (0..5).map(|_| event("ORDER.CREATED", "{}")));
    let events = rig.accept(new);
    let payments: Vec<&Event> = events.iter().filter(|event| event.event_type.as_str() == "PAYMENT.PAID").collect();
    for event in &payments {
        let key = NotificationKey { seq: event.seq, webhook: hook.no };
        rig.settle(key, attempt(Trigger::Automatic, Some(200)), Verdict::Confirmed);
    }
    let filter = NotificationFilter::default();
    wait(rig.store.commit(BeginBulkResend { account: rig.account, filter, queued: 70 })).unwrap();
    rig.await_resend("it is at its limit", |resend| resend.made == 64);
    rig.after(Duration::from_secs(1));
    let everything = PatternSet::new(vec![Pattern::parse("*").unwrap()]);
    let patch = WebhookPatch { events: everything, ..WebhookPatch::default() };
    wait(rig.store.commit(ChangeWebhook { account: rig.account, id: hook.id, patch })).unwrap().unwrap();
    let (from, event_type) = (Timestamp::default(), Pattern::parse("ORDER.CREATED"));
    let begin = BeginBackfill { account: rig.account, webhook: hook.id, from, to: None, event_type, matched: 5 };
    wait(rig.store.commit(begin)).unwrap();
    let of_kind = |kind| rig.store.bulk_jobs(rig.account).into_iter().find(|job| job.kind == kind).unwrap();
    eventually("the backfill is through", || of_kind(JobKind::Backfill).made == 5);
    rig.barrier();
    eventually("the re-send is through", || {
        rig.make_attempts_by_hand(&hook);
        of_kind(JobKind::Resend).state == JobState::Done
    });
    let done = of_kind(JobKind::Resend);
    assert_eq!((done.made, done.skipped.total()), (70, 0));
    for order in events.iter().filter(|event| event.event_type.as_str() == "ORDER.CREATED") {
        let made = rig.notification(NotificationKey { seq: order.seq, webhook: hook.no });
        assert_eq!((made.attempts, made.manual_at), (0, None));
    }
    assert!(payments.iter().all(|event| {
        rig.notification(NotificationKey { seq: event.seq, webhook: hook.no }).state == State::Delivered
    }));
    rig.check_rows();
}

/// One that asks for what was delivered sends nothing that was delivered after it began.
#[test]
fn a_bulk_resend_of_what_was_delivered_passes_over_what_is_delivered_since() {
    let rig = Rig::new();
    let hook = rig.register(&["*"]);
    let events = rig.accept((0..70).map(|_| paid()).collect());
    let key = |event: &Event| NotificationKey { seq: event.seq, webhook: hook.no };
    let (before, since) = events.split_at(66);
    for event in before {
        rig.settle(key(event), attempt(Trigger::Automatic, Some(200)), Verdict::Confirmed);
    }
    let filter = NotificationFilter { status: Some(Status::Delivered), ..NotificationFilter::default() };
    wait(rig.store.commit(BeginBulkResend { account: rig.account, filter, queued: 66 })).unwrap();
    rig.await_resend("it is at its limit", |resend| resend.made == 64);
    rig.after(Duration::from_secs(1));
    for event in since {
        let now = START.plus(Duration::from_secs(1));
        let confirmed = Attempt::bare(Trigger::Automatic, now, AttemptResult::of_status(200));
        rig.settle(key(event), confirmed, Verdict::Confirmed);
    }
    while rig.only_resend().state == JobState::Running {
        rig.make_attempts_by_hand(&hook);
    }
    assert_eq!(rig.only_resend().made, 66);
    for event in since {
        assert_eq!((rig.notification(key(event)).attempts, rig.notification(key(event)).manual_at), (1, None));
    }
    rig.check_rows();
}

#[test]
fn a_cancelled_bulk_resend_owes_nothing_more() {
    let rig = Rig::new();
    let hook = rig.register(&["*"]);
    rig.accept((0..700).map(|_| paid()).collect());
    let begun = wait(rig.store.commit(BeginBulkResend {
        account: rig.account,
        filter: NotificationFilter::default(),
        queued: 700,
    }))
    .unwrap();
    rig.await_resend("it is at its limit", |resend| resend.made == 64);
    assert_eq!(
        wait(rig.store.commit(CancelBulkJob { account: AccountNo(99), number: begun.number })).unwrap(),
        None,
        "another account's"
    );
    let cancelled =
        wait(rig.store.commit(CancelBulkJob { account: rig.account, number: begun.number })).unwrap().unwrap();
    assert_eq!((cancelled.state, cancelled.made), (JobState::Cancelled, 64));
    rig.finish_jobs();
    assert_eq!(rig.make_attempts_by_hand(&hook), 64);
    assert_eq!(wait(rig.store.commit(CancelBulkJob { account: rig.account, number: begun.number })).unwrap(), None);
    let rig = rig.reopen();
    let kept = rig.only_resend();
    assert_eq!((kept.outcomes.of(JobOutcome::Delivered), kept.pending()), (64, 0));
    let kept = BulkJob { outcomes: cancelled.outcomes, ..kept };
    assert_eq!((kept, rig.owed_by_hand(&hook)), (cancelled, vec![]));
    // What matches nothing is done at once, and a deleted webhook's part ends.
    let none = wait(rig.store.commit(BeginBulkResend {
        account: rig.account,
        filter: NotificationFilter::default(),
        queued: 0,
    }))
    .unwrap();
    assert_eq!((none.state, none.ended_at.is_some()), (JobState::Done, true));
    let last = wait(rig.store.commit(BeginBulkResend {
        account: rig.account,
        filter: NotificationFilter::default(),
        queued: 700,
    }))
    .unwrap();
    assert!(wait(rig.store.commit(DeleteWebhook { account: rig.account, id: hook.id })).unwrap());
    rig.finish_jobs();
    let resends = rig.store.bulk_jobs(rig.account);
    let last = resends.iter().find(|resend| resend.id == last.id).unwrap();
    assert_eq!(last.state, JobState::Done);
    rig.check_rows();
}

/// What is known of a target is a row only while it fails, and goes with a confirmation, another target or a new start.
#[test]
fn how_a_target_does_is_kept_while_it_fails() {
    let rig = Rig::new();
    let hook = rig.register(&["*"]);
    let events = rig.accept((0..4).map(|_| paid()).collect());
    let key = |nth: usize| NotificationKey { seq: events[nth].seq, webhook: hook.no };
    rig.settle(key(0), attempt(Trigger::Automatic, Some(410)), Verdict::RetryAt(START));
    let fresh = TargetHealth { failures: 1, gone: true, ..TargetHealth::first_failure(START) };
    assert_eq!(rig.store.health(hook.no), Some(fresh));
    rig.settle(key(1), attempt(Trigger::Automatic, Some(500)), Verdict::Exhausted);
    let rig = rig.reopen();
    let exhausted = TargetHealth { failures: 2, exhausted: true, gone: false, ..fresh };
    assert_eq!(rig.store.health(hook.no), Some(exhausted));
    assert!(
        wait(rig.store.commit(SetDisableNotice { account: rig.account, webhook: hook.no, ends_at: Some(START) }))
            .unwrap()
    );
    assert!(
        !wait(rig.store.commit(SetDisableNotice { account: rig.account, webhook: hook.no, ends_at: Some(START) }))
            .unwrap(),
        "once"
    );
    let notice = |proven| Some(Notice { ends_at: START, proven });
    assert_eq!(rig.store.health(hook.no), Some(TargetHealth { notice: notice(false), ..exhausted }));
    rig.settle(key(3), attempt(Trigger::Automatic, None), Verdict::RetryAt(START));
    assert_eq!(rig.store.health(hook.no), Some(TargetHealth { failures: 3, notice: notice(true), ..exhausted }));
    let rig = rig.reopen();
    assert_eq!(rig.store.health(hook.no).unwrap().notice, notice(false), "not tried in this run");
    // A failure by hand says nothing new; a success by hand says that it does well.
    wait(rig.store.commit(ResendNotification { account: rig.account, key: key(1), in_flight: None })).unwrap().unwrap();
    rig.settle(key(1), attempt(Trigger::Manual, Some(200)), Verdict::Confirmed);
    assert_eq!(rig.store.health(hook.no), None);
    assert!(
        !wait(rig.store.commit(SetDisableNotice { account: rig.account, webhook: hook.no, ends_at: Some(START) }))
            .unwrap()
    );
    rig.settle(key(2), attempt(Trigger::Automatic, Some(500)), Verdict::Exhausted);
    let before = rig.updated_at(hook.no);
    rig.after(Duration::from_secs(1));
    let patch = WebhookPatch { target: TargetUrl::parse("https://other.example/").ok(), ..WebhookPatch::default() };
    wait(rig.store.commit(ChangeWebhook { account: rig.account, id: hook.id, patch })).unwrap().unwrap();
    assert_eq!(rig.store.health(hook.no), None);
    // What the old target answers late says nothing of the new one.
    let late = attempt(Trigger::Automatic, Some(410));
    rig.store.record_outcome(RecordOutcome {
        account: rig.account,
        key: key(3),
        attempt: late,
        verdict: Verdict::RetryAt(START),
        gap: Duration::ZERO,
        requested_at: None,
        webhook_updated_at: before,
    });
    rig.barrier();
    assert_eq!(rig.store.health(hook.no), None);
    rig.check_rows();
    let row = rig.store.shared.tree.get(&keys::health(hook.no)).unwrap();
    assert_eq!(row, None);
}

/// With a place looked at for each of two indexes it never got on, and wrote its own row thousands of times a second.
#[test]
fn a_bulk_resend_by_type_at_its_limit_rests() {
    let rig = Rig::new();
    let hook = rig.register(&["*"]);
    rig.accept((0..200).map(|_| paid()).collect());
    let filter = NotificationFilter {
        event_type: Pattern::parse("PAYMENT.PAID"),
        status: Some(Status::Pending),
        ..NotificationFilter::default()
    };
    wait(rig.store.commit(BeginBulkResend { account: rig.account, filter, queued: 200 })).unwrap();
    rig.await_resend("it is at its limit", |resend| resend.made == 64);
    let one = rig.owed_by_hand(&hook)[0];
    let key = NotificationKey { seq: one.seq, webhook: hook.no };
    rig.store.record_outcome(RecordOutcome {
        account: rig.account,
        key,
        attempt: attempt(Trigger::Manual, Some(200)),
        verdict: Verdict::Confirmed,
        gap: Duration::ZERO,
        requested_at: Some(one.at),
        webhook_updated_at: rig.updated_at(hook.no),
    });
    rig.barrier();
    let commits = rig.store.stats().commits;
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(rig.store.stats().commits, commits);
    while rig.only_resend().state == JobState::Running {
        rig.make_attempts_by_hand(&hook);
    }
    assert_eq!(rig.only_resend().made, 200);
    // Held back with its webhook, and one at a time where order is kept.
    let patch = WebhookPatch { status: Some(WebhookStatus::Paused), ordered: Some(true), ..WebhookPatch::default() };
    wait(rig.store.commit(ChangeWebhook { account: rig.account, id: hook.id, patch })).unwrap().unwrap();
    rig.make_attempts_by_hand(&hook);
    wait(rig.store.commit(BeginBulkResend {
        account: rig.account,
        filter: NotificationFilter::default(),
        queued: 200,
    }))
    .unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(rig.owed_by_hand(&hook), []);
    let patch = WebhookPatch { status: Some(WebhookStatus::Active), ..WebhookPatch::default() };
    wait(rig.store.commit(ChangeWebhook { account: rig.account, id: hook.id, patch })).unwrap().unwrap();
    let mut made = 0;
    while made < 200 {
        let now = rig.make_attempts_by_hand(&hook);
        assert!(now <= 1);
        made += now;
    }
    rig.finish_jobs();
    rig.check_rows();
}

/// Disabling tells the others in one step, and happens only while what was judged still holds.
#[test]
fn a_webhook_is_disabled_together_with_the_event_that_says_so() {
    let rig = Rig::new();
    let (bad, other, deaf) = (rig.register(&["*"]), rig.register(&["WEBHOOK.*"]), rig.register(&["PAYMENT.*"]));
    let owed = rig.accept(vec![paid()]).remove(0);
    let reason = DisabledReason::Failing { since: START };
    let disable =
        |reason| wait(rig.store.commit(DisableWebhook { account: rig.account, webhook: bad.no, reason })).unwrap();
    assert_eq!(disable(reason), None, "nothing is known against it");
    let key = NotificationKey { seq: owed.seq, webhook: bad.no };
    rig.settle(key, attempt(Trigger::Automatic, Some(500)), Verdict::Exhausted);
    assert_eq!(disable(DisabledReason::Gone), None);
    assert_eq!(disable(DisabledReason::Failing { since: Timestamp::from_ms(1) }), None, "it has recovered in between");
    let disabled = disable(reason).unwrap();
    assert_eq!(disabled.status, WebhookStatus::Disabled { reason, at: START });
    assert_eq!(disable(reason), None, "once");
    let told = Seq(owed.seq.0 + 1);
    let telling = rig.store.event_head(rig.account, told).unwrap().unwrap();
    assert_eq!(telling.tells_of_webhook(), Some(bad.id));
    let owed_to = rig.store.notifications_of(rig.account, told).unwrap();
    assert_eq!(owed_to.iter().map(|owed| owed.key.webhook).collect::<Vec<_>>(), [other.no]);
    // What comes meanwhile is owed and held; sent again by hand, the word still goes to the others alone.
    let later = rig.accept(vec![paid()]).remove(0);
    assert_eq!(rig.store.notifications_of(rig.account, later.seq).unwrap().len(), 2, "{}", deaf.id);
    let resent =
        wait(rig.store.commit(ResendEvent { account: rig.account, seq: told, undelivered: false, in_flight: vec![] }))
            .unwrap()
            .unwrap();
    assert_eq!(resent.iter().map(|owed| owed.key.webhook).collect::<Vec<_>>(), [other.no]);
    let patch = WebhookPatch { status: Some(WebhookStatus::Active), ..WebhookPatch::default() };
    wait(rig.store.commit(ChangeWebhook { account: rig.account, id: bad.id, patch })).unwrap().unwrap();
    assert_eq!(rig.store.health(bad.no), None, "a fresh start");
    rig.check_rows();
}

/// A queue row whose record is gone (damage, or a bug of another day) kept the job that cancels at it for ever, with a
/// sync every 100 ms and a whole core.
#[test]
fn a_row_without_its_record_does_not_keep_a_job_busy() {
    let rig = Rig::new();
    let hook = rig.register(&["*"]);
    let event = rig.accept(vec![paid()]).remove(0);
    let key = NotificationKey { seq: event.seq, webhook: hook.no };
    wait(rig.store.commit(DeleteRow(keys::notification(rig.account, key)))).unwrap();
    assert!(wait(rig.store.commit(DeleteWebhook { account: rig.account, id: hook.id })).unwrap());
    rig.finish_jobs();
    assert_eq!(rig.store.untried_page(rig.account, hook.no, Seq(0), 10).unwrap(), vec![]);
}

/// A re-send that met an erased event, from a bulk job or between check and commit, owed an attempt that could never be
/// made: its row stayed in the queue for ever.
#[test]
fn what_was_erased_is_not_owed_again() {
    let rig = Rig::new();
    let hook = rig.register(&["*"]);
    let large = format!(r#"{{"id":"r","x":"{}"}}"#, "y".repeat(50_000));
    let recorded = rig.accept(vec![event("PAYMENT.PAID", &large)]).remove(0);
    let key = NotificationKey { seq: recorded.seq, webhook: hook.no };
    rig.settle(key, attempt(Trigger::Automatic, Some(200)), Verdict::Confirmed);
    let erased = wait(rig.store.commit(EraseEvent { account: rig.account, seq: recorded.seq, external_id: false }))
        .unwrap()
        .unwrap();
    assert_eq!((erased.resource.id, erased.erased_at), (None, Some(START)));
    assert_eq!(
        reply(wait(rig.store.commit(ResendNotification { account: rig.account, key, in_flight: None }))),
        Err(ResendRefusal::Erased)
    );
    assert_eq!(
        reply(wait(rig.store.commit(ResendEvent {
            account: rig.account,
            seq: recorded.seq,
            undelivered: false,
            in_flight: vec![]
        }))),
        Err(ResendRefusal::Erased)
    );
    wait(rig.store.commit(BeginBulkResend { account: rig.account, filter: NotificationFilter::default(), queued: 1 }))
        .unwrap();
    rig.finish_jobs();
    assert_eq!((rig.notification(key).state, rig.notification(key).manual_at), (State::Delivered, None));
    assert_eq!(rig.store.event(rig.account, recorded.seq).unwrap().unwrap().1, None);
    rig.check_rows();
}

#[test]
fn a_panicking_committer_is_not_called_alive() {
    let dir = tempfile::tempdir().unwrap();
    let settings = StoreSettings {
        path: dir.path().to_owned(),
        cache_bytes: 1 << 20,
        limits: Limits::default(),
        accept_data_loss: false,
        clock: Clock::manual(START),
    };
    let opened = Store::open(settings, |_| panic!("a test's own")).unwrap();
    let account = wait(opened.store.commit(CreateAccount { name: "main".to_owned() })).unwrap();
    assert!(opened.store.is_alive());
    wait(opened.store.commit(Registration::from(webhook(account, &["*"])))).unwrap_err();
    opened.thread.join().unwrap_err();
    assert!(!opened.store.is_alive());
}

/// Delivery says which attempts are in flight, as of a moment ago: those whose outcome is recorded by now are over.
#[test]
fn a_re_send_waits_for_the_attempt_in_flight() {
    let rig = Rig::new();
    let hook = rig.register(&["*"]);
    let recorded = rig.accept(vec![paid()]).remove(0);
    let (account, seq) = (rig.account, recorded.seq);
    let key = NotificationKey { seq, webhook: hook.no };
    let one = || reply(wait(rig.store.commit(ResendNotification { account, key, in_flight: Some(1) })));
    let all = || {
        reply(wait(rig.store.commit(ResendEvent { account, seq, undelivered: false, in_flight: vec![(hook.no, 1)] })))
    };
    let before = rig.rows();
    assert_eq!((one(), all()), (Err(ResendRefusal::InFlight), Err(ResendRefusal::InFlight)));
    assert_eq!(rig.rows(), before);
    rig.settle(key, attempt(Trigger::Automatic, Some(200)), Verdict::Confirmed);
    assert!(one().unwrap().is_some_and(|notification| notification.manual_at.is_some()));
    assert_eq!(all().unwrap().map(|notifications| notifications.len()), Some(1));
}
