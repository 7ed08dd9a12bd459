//! How what bulk jobs have sent ended, as the rows of the jobs count it.

use crate::model::{
    BulkJob, Event, JobId, JobOutcome, Listing, NotificationFilter, NotificationKey, State, Timestamp, Trigger,
    Verdict, Webhook,
};
use crate::store::schema::keys;
use crate::store::tests::rig::{DeleteRow, Rig, START, attempt, paid, reply, wait};
use crate::store::{BeginBackfill, BeginBulkResend, DeleteWebhook, EraseEvent, ResendNotification};
use std::time::Duration;

impl Rig {
    /// Re-sends everything, and awaits that all of it is requested.
    fn resend_all(&self) -> BulkJob {
        self.resend(NotificationFilter::default())
    }

    fn resend(&self, filter: NotificationFilter) -> BulkJob {
        let begun = wait(self.store.commit(BeginBulkResend { account: self.account, filter, queued: 1 })).unwrap();
        self.finish_jobs();
        self.barrier();
        self.job_now(&begun)
    }

    fn job_now(&self, job: &BulkJob) -> BulkJob {
        self.store.bulk_jobs(self.account).into_iter().find(|other| other.id == job.id).unwrap()
    }

    /// How many are pending, and how many ended as delivered, failed, cancelled and replaced.
    fn counts(&self, job: &BulkJob) -> [u64; 5] {
        let job = self.job_now(job);
        let ended = [JobOutcome::Delivered, JobOutcome::Failed, JobOutcome::Cancelled, JobOutcome::Replaced];
        let [delivered, failed, cancelled, replaced] = ended.map(|outcome| job.outcomes.of(outcome));
        [job.pending(), delivered, failed, cancelled, replaced]
    }

    /// What a job was the last to send, the oldest first.
    fn listed(&self, job: &BulkJob, undelivered: Option<bool>) -> Vec<NotificationKey> {
        let filter = NotificationFilter { job_id: Some(job.id), undelivered, ..NotificationFilter::default() };
        let page = self.store.notifications(self.account, &filter, Listing::oldest(50)).unwrap();
        page.items.into_iter().map(|(notification, _)| notification.key).collect()
    }

    fn fail_all(&self, events: &[Event], hook: &Webhook) -> Vec<NotificationKey> {
        let all: Vec<_> = events.iter().map(|event| NotificationKey { seq: event.seq, webhook: hook.no }).collect();
        for key in &all {
            self.settle(*key, attempt(Trigger::Automatic, Some(500)), Verdict::Exhausted);
            assert_eq!(self.notification(*key).state, State::Failed);
        }
        all
    }

    fn by_hand(&self, key: NotificationKey) {
        let resend = ResendNotification { account: self.account, key, in_flight: None };
        reply(wait(self.store.commit(resend))).unwrap().unwrap();
    }
}

/// A job that had ended told how many were sent, and nothing of how that went.
#[test]
fn each_counts_once_as_it_first_ended() {
    let rig = Rig::new();
    let hook = rig.register(&["*"]);
    let events = rig.accept((0..5).map(|_| paid()).collect());
    let keys = rig.fail_all(&events, &hook);
    let job = rig.resend_all();
    assert_eq!((job.made, rig.counts(&job)), (5, [5, 0, 0, 0, 0]));
    rig.check_rows();
    rig.settle(keys[0], attempt(Trigger::Manual, Some(200)), Verdict::Confirmed);
    rig.settle(keys[1], attempt(Trigger::Manual, Some(500)), Verdict::ScheduleUnchanged);
    wait(rig.store.commit(EraseEvent { account: rig.account, seq: keys[2].seq, external_id: false })).unwrap();
    assert_eq!(rig.counts(&job), [2, 1, 1, 1, 0]);
    // One by hand is the same attempt; of what has ended it is another matter.
    rig.by_hand(keys[3]);
    assert_eq!(rig.counts(&job), [2, 1, 1, 1, 0]);
    rig.settle(keys[3], attempt(Trigger::Manual, Some(200)), Verdict::Confirmed);
    rig.by_hand(keys[1]);
    rig.settle(keys[1], attempt(Trigger::Manual, Some(200)), Verdict::Confirmed);
    assert_eq!(rig.counts(&job), [1, 2, 1, 1, 0]);
    rig.check_rows();
    let rig = rig.reopen();
    assert_eq!(rig.counts(&job), [1, 2, 1, 1, 0]);
    // Another job takes over what has not ended.
    let second = rig.resend_all();
    assert_eq!((rig.counts(&job), rig.counts(&second)), ([0, 2, 1, 1, 1], [4, 0, 0, 0, 0]));
    // What was delivered before, and is refused now, failed as far as the job goes.
    rig.settle(keys[0], attempt(Trigger::Manual, Some(500)), Verdict::ScheduleUnchanged);
    assert_eq!(rig.notification(keys[0]).state, State::Delivered);
    rig.check_rows();
    assert!(wait(rig.store.commit(DeleteWebhook { account: rig.account, id: hook.id })).unwrap());
    rig.finish_jobs();
    rig.barrier();
    assert_eq!((rig.counts(&job), rig.counts(&second)), ([0, 2, 1, 1, 1], [0, 0, 1, 3, 0]));
    rig.check_rows();
}

/// One whose schedule goes on is still tried after the attempt that the job has asked for.
#[test]
fn what_is_tried_again_is_pending_until_its_schedule_ends() {
    let rig = Rig::new();
    let hook = rig.register(&["*"]);
    let events = rig.accept((0..2).map(|_| paid()).collect());
    let [one, two] = [0, 1].map(|n: usize| NotificationKey { seq: events[n].seq, webhook: hook.no });
    let due = Verdict::RetryAt(START.plus(Duration::from_secs(3600)));
    for key in [one, two] {
        rig.settle(key, attempt(Trigger::Automatic, Some(500)), due);
    }
    let job = rig.resend_all();
    rig.settle(one, attempt(Trigger::Manual, Some(500)), Verdict::ScheduleUnchanged);
    assert_eq!(rig.counts(&job), [2, 0, 0, 0, 0]);
    rig.settle(one, attempt(Trigger::Automatic, Some(500)), Verdict::Exhausted);
    // By the schedule, before the attempt that was asked for.
    rig.settle(two, attempt(Trigger::Automatic, Some(200)), Verdict::Confirmed);
    assert_eq!(rig.counts(&job), [0, 1, 1, 0, 0]);
    rig.settle(two, attempt(Trigger::Manual, Some(500)), Verdict::ScheduleUnchanged);
    assert_eq!(rig.counts(&job), [0, 1, 1, 0, 0]);
    rig.check_rows();
}

#[test]
fn what_a_job_was_the_last_to_send_is_listed_and_sent_again() {
    let rig = Rig::new();
    let hook = rig.register(&["*"]);
    let events = rig.accept((0..4).map(|_| paid()).collect());
    let keys = rig.fail_all(&events, &hook);
    let job = rig.resend_all();
    rig.settle(keys[0], attempt(Trigger::Manual, Some(200)), Verdict::Confirmed);
    rig.settle(keys[1], attempt(Trigger::Manual, Some(500)), Verdict::ScheduleUnchanged);
    assert_eq!((rig.listed(&job, None), rig.listed(&job, Some(true))), (keys.clone(), keys[1..].to_vec()));
    // Counted as failed, it is delivered by hand: the figures stay, and the list is of the present.
    rig.by_hand(keys[1]);
    rig.settle(keys[1], attempt(Trigger::Manual, Some(200)), Verdict::Confirmed);
    assert_eq!((rig.counts(&job), rig.listed(&job, Some(true))), ([2, 1, 1, 0, 0], keys[2..].to_vec()));
    let filter = NotificationFilter { job_id: Some(job.id), undelivered: Some(true), ..NotificationFilter::default() };
    let second = rig.resend(filter);
    assert_eq!((second.made, rig.counts(&job)), (2, [0, 1, 1, 0, 2]));
    assert_eq!((rig.listed(&job, None), rig.listed(&second, None)), (keys[..2].to_vec(), keys[2..].to_vec()));
    rig.check_rows();
    let stranger = BulkJob { id: JobId::from_bytes([7; 16]), ..job };
    assert_eq!(rig.listed(&stranger, None), []);
}

#[test]
fn a_backfill_counts_what_it_has_created() {
    let rig = Rig::new();
    let events = rig.accept((0..3).map(|_| paid()).collect());
    let hook = rig.register(&["*"]);
    let begin = BeginBackfill {
        account: rig.account,
        webhook: hook.id,
        from: Timestamp::default(),
        to: None,
        event_type: None,
        matched: 3,
    };
    let job = reply(wait(rig.store.commit(begin))).unwrap().unwrap();
    rig.finish_jobs();
    rig.barrier();
    assert_eq!((rig.job_now(&job).made, rig.counts(&job)), (3, [3, 0, 0, 0, 0]));
    rig.check_rows();
    rig.fail_all(&events[..1], &hook);
    let key = NotificationKey { seq: events[1].seq, webhook: hook.no };
    rig.settle(key, attempt(Trigger::Automatic, Some(200)), Verdict::Confirmed);
    assert_eq!(rig.counts(&job), [1, 1, 1, 0, 0]);
    rig.check_rows();
}

#[test]
fn verifying_finds_what_a_job_has_lost() {
    let rig = Rig::new();
    let hook = rig.register(&["*"]);
    let events = rig.accept((0..2).map(|_| paid()).collect());
    let keys_of = rig.fail_all(&events, &hook);
    let job = rig.resend_all();
    let report = || rig.store.verify(|_| {});
    assert!(report().is_sound(), "{}", report());
    wait(rig.store.commit(DeleteRow(keys::notification(rig.account, keys_of[1])))).unwrap();
    let told = format!("bulk job {}: it has sent 2, has counted the ends of 0, and 1 wait to be counted", job.id);
    assert!(report().findings.contains(&told), "{}", report());
}
