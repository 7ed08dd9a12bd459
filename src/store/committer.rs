//! The committer: the one thread that makes every change, many at a time.
//!
//! It drains whatever waits into one group, appends it to the journal as one commit, syncs that, and only then shows it
//! and answers: a **group commit**. While one group is synced the next one gathers, so a lone caller never waits for
//! company and 256 of them share one sync.
//!
//! Nobody waits for outcomes of attempts: they linger for a few milliseconds, so that many share one commit, and are
//! synced with the next group or after [`OUTCOME_SYNC`], whichever comes first. A crash in between repeats a delivery.

use crate::model::Seq;
use crate::store::backup::format as backup;
use crate::store::backup::live::Begun;
use crate::store::changes::alerts::note_step;
use crate::store::changes::audit::retire_audit;
use crate::store::changes::audit_retirement::AuditRetirement;
use crate::store::changes::bring_forward::after_clock_step;
use crate::store::changes::bulk_jobs::{count_outcomes, sweep_bulk_jobs};
use crate::store::changes::change::{Answer, FEW_ROWS_BYTES, Reply, Submitted};
use crate::store::changes::erasures::sweep_erasures;
use crate::store::changes::jobs::{take_turn, turn_of};
use crate::store::changes::ledger::Ledger;
use crate::store::changes::notifications::{RecordOutcome, record_outcome};
use crate::store::changes::retention::retire;
use crate::store::changes::sweep::{forget_types, sweep_idempotency_keys, sweep_webhooks};
use crate::store::changes::tokens::sweep_tokens;
use crate::store::commit_queue::{CommitReceiver, Gather};
use crate::store::engine::Writer;
use crate::store::engine::disk_space::{DiskLevel, DiskMonitor};
use crate::store::engine::ending::{or_end, this_thread_changes};
use crate::store::error::StoreError;
use crate::store::limits::Limits;
use crate::store::schema::record::{ClockV1, FormatV1};
use crate::store::schema::{keys, record};
use crate::store::state::Shared;
use crate::store::txn::Txn;
use crate::store::updates::{SendUpdates, StoreUpdate};
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// The most commits in one group: enough to share a sync among everybody, few enough to bound one batch's memory.
const MAX_GROUP: usize = 1024;
/// About how many bytes one group may stage; a commit that is larger by itself is a group of its own.
const MAX_GROUP_BYTES: usize = 32 * 1024 * 1024;
/// How long an outcome may stay applied and not yet durable.
const OUTCOME_SYNC: Duration = Duration::from_millis(100);
/// The longest the committer waits: as often, it looks at the disk.
const IDLE: Duration = Duration::from_secs(1);
/// How long a group waits until what was recorded before is moved into sled; after that nothing that grows is taken.
const ROOM_PATIENCE: Duration = Duration::from_secs(10);
/// From this pressure on nothing is done in the background: no retention, no jobs. They would fill the memory of a
/// store whose checkpoint can't get on.
const BACKGROUND_PRESSURE: usize = 200;
/// From this pressure on no attempts are made either, since each has an outcome.
const MAX_PRESSURE: usize = 400;
/// How often what was erased is made to go from the journal.
const FORGET_EVERY: Duration = Duration::from_secs(1);
/// How long an outcome waits for company before it is committed, and for how many: the target has confirmed, and its
/// slot is free already.
const GATHER: Gather = Gather { time: Duration::from_millis(5), most: 256 };
/// How often expired idempotency keys are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// How many expired idempotency keys are swept at a time.
const SWEEP_BATCH: usize = 500;

/// What the committer is asked for.
pub(crate) enum Commit {
    /// A change whose caller waits.
    Change(Box<dyn Submitted>),
    /// The outcome of an attempt: nobody waits for it, and there are as many of them as of all others together.
    Outcome(Box<RecordOutcome>),
    /// A backup; `None` while another one is under way.
    Backup { reply: Reply<Option<Begun>> },
    /// The commits so far, in segments of the journal that are closed; answers with the last one.
    CloseSegment { done: Sender<u64> },
    /// The end, once everything before it is durable.
    Stop { reply: Reply<()> },
}

pub(crate) struct Committer {
    pub(crate) ledger: Ledger,
    writer: Box<dyn Writer>,
    send_updates: SendUpdates,
    format: u32,
    /// Since when something is visible and not durable.
    unsynced: Option<Duration>,
    swept: Option<Duration>,
    disk: DiskMonitor,
    limits: Limits,
    /// The backup that is under way, as long as it lives.
    backup: Weak<()>,
    /// When what was erased was last made to go from the journal.
    forgot: Option<Duration>,
}

impl Committer {
    /// Reads into memory what changes are checked against.
    pub(crate) fn load(
        shared: Arc<Shared>,
        writer: Box<dyn Writer>,
        send_updates: SendUpdates,
        format: &FormatV1,
        clock_record: Option<&ClockV1>,
    ) -> Result<Self, StoreError> {
        let mut ledger = Ledger::load(shared, clock_record)?;
        ledger.commit = writer.last_commit();
        // What was still to be done when the process ended, is at once.
        ledger.erased = ledger.head.erased_in >= writer.first_commit();
        ledger.publish();
        let shared = &ledger.shared;
        let limits = shared.limits();
        let mut disk = DiskMonitor::default();
        disk.look(&shared.space);
        Ok(Self {
            writer,
            send_updates,
            format: format.format,
            unsynced: None,
            swept: None,
            disk,
            limits,
            backup: Weak::new(),
            forgot: None,
            ledger,
        })
    }

    /// Makes changes until it is asked to stop, or every handle is dropped. A change that fails ends the process.
    pub(crate) fn run(&mut self, commits: &CommitReceiver<Commit>) {
        this_thread_changes();
        while commits.wait(self.patience(), GATHER) {
            self.ledger.shared.committer_stall.begin();
            let stopping = self.round(commits);
            if let Some(answers) = stopping {
                self.stop();
                self.ledger.shared.committer_stall.end();
                for answer in answers {
                    answer();
                }
                return;
            }
            self.ledger.shared.committer_stall.end();
        }
        self.stop();
    }

    /// Whether there is nothing to do but for jobs that wait for paused webhooks.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        let ledger = &self.ledger;
        let directory = ledger.shared.directory();
        let is_paused = |no| directory.by_no(no).is_some_and(|webhook| !webhook.is_active());
        self.unsynced.is_none()
            && ledger.updates.is_empty()
            && !ledger.clock_steps.is_under_way()
            && ledger.jobs.wait_for_paused(is_paused)
    }

    /// Makes the changes that wait by now, then a little of what is done in the background. Waits for room alone.
    /// Returns the answers to a stop, if one was asked for.
    pub(crate) fn round(&mut self, commits: &CommitReceiver<Commit>) -> Option<Vec<Answer>> {
        self.ledger.read_clock();
        let (mut count, mut weight) = (0, 0);
        let group = commits.take(|commit| {
            let fits = count < MAX_GROUP && weight < MAX_GROUP_BYTES;
            (count, weight) = (count + 1, weight + self.weight(commit));
            fits
        });
        self.disk.look(&self.ledger.shared.space);
        let group = self.wait_for_room(group, commits);
        let stopping = self.commit(group);
        if self.ledger.clock_steps.has_step() && self.may_retire() {
            self.tidy_up(note_step);
        }
        self.sweep();
        self.retire_some();
        self.retire_some_audit();
        if self.may_retire() {
            self.tidy_up(after_clock_step);
        }
        self.work();
        self.forget_deleted();
        let overdue = self.unsynced.is_some_and(|since| self.ledger.clock.pace().saturating_sub(since) >= OUTCOME_SYNC);
        let must_sync = overdue || self.ledger.to_be_durable;
        if must_sync || !self.ledger.updates.is_empty() {
            self.finish(must_sync, Vec::new());
        }
        or_end(self.writer.tidy(self.ledger.clock.pace()));
        stopping
    }

    /// Waits until a checkpoint has made room for a group, for a while, and returns what is left of the group: outcomes
    /// don't wait, neither those in it nor those that come meanwhile. That is no stall: the checkpoint is watched by
    /// itself.
    fn wait_for_room(&mut self, mut group: Vec<Commit>, commits: &CommitReceiver<Commit>) -> Vec<Commit> {
        let was_busy = self.ledger.shared.is_busy.load(Ordering::Relaxed);
        let until = Instant::now() + if was_busy { Duration::ZERO } else { ROOM_PATIENCE };
        let is_busy = loop {
            if self.writer.pressure() >= 100 {
                let is_outcome = |commit: &Commit| matches!(commit, Commit::Outcome(_));
                let mut outcomes: Vec<Commit> = group.extract_if(.., |commit| is_outcome(commit)).collect();
                outcomes.extend(commits.take_those(is_outcome));
                // They wait for nobody, so nobody is answered here.
                self.commit(outcomes);
                // No checkpoint takes what isn't durable, and nobody else makes it so.
                if self.unsynced.is_some() {
                    self.finish(true, Vec::new());
                }
            }
            let began = Instant::now();
            let patience = until.saturating_duration_since(began).min(OUTCOME_SYNC);
            self.ledger.shared.committer_stall.end();
            let has_room = self.writer.wait_for_room(patience);
            self.ledger.shared.committer_stall.begin();
            // Waiting is in vain where it ends before its time.
            if has_room || patience.is_zero() || began.elapsed() < patience {
                break !has_room;
            }
        };
        let shared = &self.ledger.shared;
        shared.is_busy.store(is_busy, Ordering::Relaxed);
        shared.takes_no_outcomes.store(self.writer.pressure() >= MAX_PRESSURE, Ordering::Relaxed);
        if is_busy && !was_busy {
            tracing::warn!(
                "the disk can't keep up with what is recorded: until it does, what makes the store grow is refused \
                 with 503; deletes and deliveries go on"
            );
        }
        group
    }

    /// About how many bytes a commit stages.
    fn weight(&self, commit: &Commit) -> usize {
        match commit {
            Commit::Change(change) => change.weight(&self.ledger),
            Commit::Outcome(_) | Commit::Backup { .. } | Commit::CloseSegment { .. } | Commit::Stop { .. } => {
                FEW_ROWS_BYTES
            }
        }
    }

    /// How long there is nothing to do but wait for the next commit.
    pub(crate) fn patience(&self) -> Duration {
        if self.ledger.clock_steps.is_under_way() && self.may_retire() {
            return Duration::ZERO;
        }
        let now = self.ledger.clock.pace();
        let job = self.ledger.jobs.due_in(now).filter(|_| self.may_work_on_jobs());
        let sync = self.unsynced.map(|since| OUTCOME_SYNC.saturating_sub(now.saturating_sub(since)));
        let retiring = (self.limits.retention.is_some() || self.limits.retention_bytes.is_some()) && self.may_retire();
        let retire = retiring.then(|| self.ledger.retirement.due_in(now));
        let audit = self.audit_due_in(now);
        let forget = self.ledger.erased.then(|| self.forget_in(now));
        [job, sync, retire, audit, forget, self.writer.tidy_in(now)].into_iter().flatten().fold(IDLE, Duration::min)
    }

    /// Makes a group's changes; makes it durable and answers if anybody waits for it. Returns the answers to a stop, if
    /// one was asked.
    fn commit(&mut self, group: Vec<Commit>) -> Option<Vec<Answer>> {
        if group.is_empty() {
            return None;
        }
        let tree = self.ledger.shared.tree.clone();
        let mut txn = Txn::new(&*tree);
        let (mut answers, mut stops): (Vec<Answer>, Vec<Answer>) = (Vec::new(), Vec::new());
        let (mut backups, mut closings) = (Vec::new(), Vec::new());
        for commit in group {
            let now = self.ledger.stamp();
            match commit {
                Commit::Change(change) => {
                    answers.push(match change.refusal(&self.ledger.shared) {
                        Some(full) => change.refuse(full),
                        None => change.apply(&mut self.ledger, &mut txn, now),
                    });
                }
                Commit::Outcome(outcome) => record_outcome(&mut self.ledger, &mut txn, *outcome, now),
                Commit::Backup { reply } => backups.push(reply),
                Commit::CloseSegment { done } => closings.push(done),
                Commit::Stop { reply } => stops.push(reply.later(Ok(()))),
            }
        }
        self.append(txn);
        for reply in backups {
            let begun = self.begin_backup();
            answers.push(reply.later(begun));
        }
        for done in closings {
            or_end(self.writer.close_segment());
            let last = self.writer.last_commit();
            // The caller may have disconnected.
            answers.push(Box::new(move || {
                let _ = done.send(last);
            }));
        }
        if !answers.is_empty() || self.ledger.to_be_durable {
            self.finish(true, answers);
        } else {
            self.show();
        }
        (!stops.is_empty()).then_some(stops)
    }

    /// Of the store as it is once this group is visible, since it is read only then.
    fn begin_backup(&mut self) -> Result<Option<Begun>, StoreError> {
        if self.backup.strong_count() > 0 {
            return Ok(None);
        }
        let sign = Arc::new(());
        self.backup = Arc::downgrade(&sign);
        let header = backup::Header::new(self.format, &self.ledger.head, self.ledger.clock.now());
        Ok(Some(Begun { header, past: self.writer.hold()?, sign }))
    }

    /// Writes what is staged into the journal, as one commit; it is neither durable nor visible yet.
    fn append(&mut self, mut txn: Txn<'_>) {
        if txn.is_empty() {
            return;
        }
        count_outcomes(&mut self.ledger, &mut txn);
        let Ledger { clock_steps, clock, shared, .. } = &mut self.ledger;
        clock_steps.write_if_due(clock, shared, &mut txn);
        self.ledger.commit += 1;
        let Ledger { commit, head, .. } = &self.ledger;
        txn.put(keys::head(), record::encode_head(head));
        self.disk.staged(txn.bytes());
        or_end(self.writer.append(*commit, head.time_ms, txn.into_rows()));
        self.ledger.publish();
        self.unsynced.get_or_insert_with(|| self.ledger.clock.pace());
    }

    /// Makes a background change: nobody waits for its sync.
    fn apply(&mut self, txn: Txn<'_>) {
        self.append(txn);
        self.show();
    }

    /// Makes visible what was appended, durable or not.
    fn show(&mut self) {
        or_end(self.writer.publish());
        self.ledger.shared.outcomes.publish(&mut self.ledger.outcomes);
    }

    /// Makes durable what was appended, if it must be, then passes it to delivery and answers. New events wait for
    /// their sync; outcomes, and what a job cancels, are facts as soon as they are visible.
    fn finish(&mut self, sync: bool, answers: Vec<Answer>) {
        let mut updates = std::mem::take(&mut self.ledger.updates);
        if sync {
            or_end(self.writer.sync(self.ledger.clock.pace()));
            self.ledger.shared.outcomes.publish(&mut self.ledger.outcomes);
            self.unsynced = None;
            self.ledger.to_be_durable = false;
            let seq = self.ledger.head.seq;
            if self.ledger.shared.durable.swap(seq, Ordering::AcqRel) != seq {
                updates.push(StoreUpdate::Durable(Seq(seq)));
            }
        }
        if !updates.is_empty() {
            (self.send_updates)(updates);
        }
        for answer in answers {
            answer();
        }
    }

    fn stop(&mut self) {
        self.finish(true, Vec::new());
        or_end(self.writer.stop());
    }

    /// Has what was erased go from the journal, and from what sled still holds of it.
    fn forget_deleted(&mut self) {
        let now = self.ledger.clock.pace();
        if self.ledger.erased && self.forget_in(now).is_zero() {
            (self.ledger.erased, self.forgot) = (false, Some(now));
            self.finish(true, Vec::new());
            or_end(self.writer.forget_deleted());
        }
    }

    fn forget_in(&self, now: Duration) -> Duration {
        self.forgot.map_or(Duration::ZERO, |at| FORGET_EVERY.saturating_sub(now.saturating_sub(at)))
    }

    fn retire_some(&mut self) {
        let limits = self.ledger.shared.limits();
        if !limits.keep_the_same_as(&self.limits) {
            self.ledger.retirement.restart();
            self.ledger.audit_retirement = AuditRetirement::default();
        }
        self.limits = limits;
        // Nothing that only tidies up may grow a store on a disk that is nearly full.
        if !self.may_retire() {
            return;
        }
        let tree = self.ledger.shared.tree.clone();
        let mut txn = Txn::tentative(&*tree);
        let before = (self.ledger.head, self.ledger.retired, self.ledger.retirement.heads.clone());
        if let Err(error) = self.ledger.ready(&mut txn, retire) {
            self.ledger.shared.note_failed_read(&error, "retention");
            (self.ledger.head, self.ledger.retired) = (before.0, before.1);
            self.ledger.retirement.step_over(before.2);
            return;
        }
        self.apply(txn);
        if self.ledger.retirement.rests() {
            self.tidy_up(forget_types);
        }
    }

    /// How long until retention has something to do in the audit; `None` where it is kept for ever.
    fn audit_due_in(&self, now: Duration) -> Option<Duration> {
        let retires = self.limits.audit_keep.is_some() && self.may_retire();
        retires.then(|| self.ledger.audit_retirement.due_in(now))
    }

    fn retire_some_audit(&mut self) {
        if self.audit_due_in(self.ledger.clock.pace()).is_none_or(|wait| !wait.is_zero()) {
            return;
        }
        let tree = self.ledger.shared.tree.clone();
        let mut txn = Txn::tentative(&*tree);
        if let Err(error) = self.ledger.ready(&mut txn, retire_audit) {
            self.ledger.shared.note_failed_read(&error, "retention of the audit");
            self.ledger.audit_retirement = AuditRetirement::resting(self.ledger.clock.pace());
            return;
        }
        self.apply(txn);
    }

    /// Stages and applies what passes over rows that it can't read.
    fn tidy_up(&mut self, work: fn(&mut Ledger, &mut Txn<'_>)) {
        let tree = self.ledger.shared.tree.clone();
        let mut txn = Txn::tentative(&*tree);
        work(&mut self.ledger, &mut txn);
        self.apply(txn);
    }

    pub(crate) fn may_retire(&self) -> bool {
        self.ledger.shared.space.level() != DiskLevel::Critical && self.writer.pressure() < BACKGROUND_PRESSURE
    }

    /// Jobs make the store grow: they wait until the disk has room.
    fn may_work_on_jobs(&self) -> bool {
        self.ledger.shared.space.level() == DiskLevel::Enough && self.writer.pressure() < BACKGROUND_PRESSURE
    }

    fn sweep(&mut self) {
        if self.swept.is_some_and(|at| self.ledger.clock.pace().saturating_sub(at) < SWEEP_EVERY) {
            return;
        }
        let tree = self.ledger.shared.tree.clone();
        let mut txn = Txn::tentative(&*tree);
        // What is forgotten can't be had back: not by a clock that is ahead for a moment.
        let now = self.ledger.shared.times.trusted_now();
        let swept = self.ledger.ready(&mut txn, |_, txn| sweep_idempotency_keys(txn, now.as_ms(), SWEEP_BATCH));
        let swept = match swept {
            Ok(swept) => swept,
            Err(error) => {
                self.ledger.shared.note_failed_read(&error, "the sweep of idempotency keys");
                self.swept = Some(self.ledger.clock.pace());
                return;
            }
        };
        sweep_bulk_jobs(&mut self.ledger, &mut txn, now);
        sweep_erasures(&mut self.ledger, &mut txn, now);
        sweep_webhooks(&mut self.ledger, &mut txn);
        sweep_tokens(&mut self.ledger, &mut txn, now);
        self.apply(txn);
        self.tidy_up(forget_types);
        // A full batch means there are more: come back with the next group.
        self.swept = (swept < SWEEP_BATCH).then(|| self.ledger.clock.pace());
    }

    fn work(&mut self) {
        if !self.may_work_on_jobs() {
            return;
        }
        let now = self.ledger.stamp();
        let tree = self.ledger.shared.tree.clone();
        let mut txn = Txn::tentative(&*tree);
        let Some(open) = self.ledger.jobs.next(self.ledger.clock.pace()) else {
            return;
        };
        let (job, updates, head) = (open.job.clone(), self.ledger.updates.len(), self.ledger.head);
        let turned = self.ledger.ready(&mut txn, |ledger, txn| turn_of(ledger, txn, &job, now));
        if let Err(error) = &turned
            && !error.is_damage()
        {
            self.ledger.shared.note_failed_read(error, "a background job");
            self.ledger.updates.truncate(updates);
            self.ledger.head = head;
            self.ledger.jobs.rest(open, self.ledger.clock.pace());
            return;
        }
        if turned.is_err() {
            // What it staged goes with it.
            txn = Txn::tentative(&*tree);
            self.ledger.updates.truncate(updates);
            self.ledger.head = head;
        }
        take_turn(&mut self.ledger, &mut txn, open, turned, now);
        self.apply(txn);
    }
}
