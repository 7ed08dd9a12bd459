//! What ends an alert, and what ends it without a word.

use super::{Observer, View};
use crate::alerts::core::State;
use crate::config::Config;
use crate::delivery::DeliveryHandle;
use crate::delivery::schedule::engine_status::EngineStatus;
use crate::delivery::transport::client::Client;
use crate::delivery::transport::settings::ClientSettings;
use crate::model::{
    AccountNo, Alert, Condition, NotificationKey, Recipient, TargetUrl, Timestamp, Trigger, Verdict, Webhook,
    WebhookPatch,
};
use crate::store::tests::rig::{Rig, START, attempt, event, wait};
use crate::store::{ChangeWebhook, FailedBackup, KeepAlerts};
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

struct Scene {
    rig: Rig,
    observer: Observer,
    config: Config,
    accounts: Vec<(AccountNo, String)>,
}

impl Scene {
    fn new() -> Self {
        Self::over(Rig::new())
    }

    fn over(rig: Rig) -> Self {
        let client = Client::new(ClientSettings::allowing(&["127.0.0.0/8"], Duration::from_secs(1)), rig.clock.clone());
        let delivery = DeliveryHandle { status: Arc::new(EngineStatus::new()), client };
        let observer = Observer::new(rig.store.clone(), rig.clock.clone(), delivery, Box::new(|| None));
        let accounts = vec![(rig.account, "main".to_owned())];
        Self { rig, observer, config: Config::default(), accounts }
    }

    fn restarted(self) -> Self {
        let Self { rig, observer, .. } = self;
        drop(observer);
        Self::over(rig.reopen())
    }

    /// One more notification of a webhook, and how its attempt ended.
    fn settle(&self, hook: &Webhook, status: u16, verdict: Verdict) {
        let event = self.rig.accept(vec![event("ORDER.PAID", "{}")]).remove(0);
        let key = NotificationKey { seq: event.seq, webhook: hook.no };
        self.rig.settle(key, attempt(Trigger::Automatic, Some(status)), verdict);
    }

    fn fail(&self, hook: &Webhook) {
        for _ in 0..5 {
            self.settle(hook, 500, Verdict::Exhausted);
        }
    }

    fn look(&mut self, state: &State) -> View {
        self.observer.look(&self.config, &self.accounts, state)
    }

    /// Whether an alert that is open would be told to be over.
    fn ends(&mut self, condition: Condition, since: Timestamp) -> bool {
        self.ends_of(&open(condition, since), condition)
    }

    fn ends_of(&mut self, state: &State, condition: Condition) -> bool {
        let View { seen, taken, .. } = self.look(state);
        wait(self.rig.store.commit(KeepAlerts { taken, ..KeepAlerts::default() })).unwrap();
        let goes_on = seen.lasting.contains_key(&condition) || seen.unknown.contains(&condition);
        !goes_on && self.observer.is_looked_at(condition, &self.accounts)
    }
}

fn open(condition: Condition, since: Timestamp) -> State {
    let mut state = State::default();
    state.alerts.insert((Recipient::Operator, condition), Alert::new(since, since));
    state
}

#[test]
fn a_backup_that_failed_before_a_start_is_over_once_one_was_written() {
    let mut scene = Scene::new();
    let (condition, store) = (Condition::BackupFailed, scene.rig.store.clone());
    assert!(!scene.ends(condition, START), "no config asks for backups: not a word");
    assert!(!scene.observer.is_looked_at(condition, &scene.accounts));
    (scene.config.store.backup_every, scene.config.store.backup_dir) = (Some(HOUR), Some("/backups".into()));
    let is_unknown = |scene: &mut Scene| scene.look(&open(condition, START)).seen.unknown.contains(&condition);
    assert!(is_unknown(&mut scene), "the folder isn't read yet");
    store.schedule_backups(Some((Timestamp::from_ms(START.as_ms() - 1), None)));
    scene.rig.after(HOUR);
    assert!(is_unknown(&mut scene), "the old one says nothing");
    store.note_failed_backup(FailedBackup { at: scene.rig.clock.now(), error: "full".to_owned() });
    assert!(scene.look(&open(condition, START)).seen.lasting.contains_key(&condition));
    store.note_backup(scene.rig.clock.now(), None);
    assert!(scene.ends(condition, START));
    scene.rig.after(3 * HOUR);
    assert!(scene.look(&State::default()).seen.lasting.contains_key(&condition), "it is overdue");
}

#[test]
fn a_webhook_is_well_again_by_a_confirmation_and_not_by_a_change_of_its_target() {
    let mut scene = Scene::new();
    let hook = scene.rig.register(&["*"]);
    let condition = Condition::WebhookFailing(hook.no);
    scene.fail(&hook);
    assert!(!scene.ends(condition, START), "it fails");
    scene.settle(&hook, 200, Verdict::Confirmed);
    assert!(scene.ends(condition, START));
    scene.fail(&hook);
    assert!(!scene.ends(condition, START));
    let change = |scene: &Scene| {
        scene.rig.after(Duration::from_secs(1));
        let target = Some(TargetUrl::parse("https://outra.example/").unwrap());
        let patch = WebhookPatch { target, ..WebhookPatch::default() };
        let change = ChangeWebhook { account: scene.rig.account, id: hook.id, patch };
        assert!(wait(scene.rig.store.commit(change)).unwrap().is_some());
    };
    change(&scene);
    assert!(!scene.ends(condition, START));
    assert!(!scene.observer.is_looked_at(condition, &scene.accounts), "it is dropped, without a word");
    assert!(scene.ends(condition, START), "for once: what fails next is another matter");
    // The end that waits to be told, for the night to pass, is told whatever is changed meanwhile.
    let mut over = open(condition, START);
    over.alerts.values_mut().for_each(|alert| alert.ended_at = Some(START));
    change(&scene);
    assert!(scene.ends_of(&over, condition));
}

/// What happens between two looks, a restart among it.
#[test]
fn a_recovery_is_told_beside_another_change_and_a_change_of_the_target_is_none_after_a_restart() {
    let mut scene = Scene::new();
    let hook = scene.rig.register(&["*"]);
    let condition = Condition::WebhookFailing(hook.no);
    let change = |scene: &Scene, patch: WebhookPatch| {
        let change = ChangeWebhook { account: scene.rig.account, id: hook.id, patch };
        assert!(wait(scene.rig.store.commit(change)).unwrap().is_some());
    };
    scene.fail(&hook);
    assert!(!scene.ends(condition, START), "it fails");
    change(&scene, WebhookPatch { description: Some(Some("ERP".to_owned())), ..WebhookPatch::default() });
    scene.settle(&hook, 200, Verdict::Confirmed);
    assert!(scene.ends(condition, START));
    scene.fail(&hook);
    assert!(!scene.ends(condition, START));
    let target = Some(TargetUrl::parse("https://outra.example/").unwrap());
    change(&scene, WebhookPatch { target, ..WebhookPatch::default() });
    let mut scene = scene.restarted();
    assert!(!scene.ends(condition, START));
    assert!(!scene.observer.is_looked_at(condition, &scene.accounts));
    // One that begins to fail and is changed before anybody looks has not failed, and is not well again.
    scene.fail(&hook);
    let target = Some(TargetUrl::parse("https://terceira.example/").unwrap());
    change(&scene, WebhookPatch { target, ..WebhookPatch::default() });
    assert!(!scene.look(&State::default()).seen.began.contains_key(&condition));
}

#[test]
fn the_certificate_of_another_target_is_not_a_renewed_one() {
    let mut scene = Scene::new();
    let hook = scene.rig.register(&["*"]);
    let condition = Condition::TargetCertificate(hook.no);
    assert!(scene.look(&open(condition, START)).seen.unknown.contains(&condition));
    assert!(scene.observer.is_looked_at(condition, &scene.accounts), "it goes on");
    scene.rig.after(Duration::from_secs(1));
    let target = Some(TargetUrl::parse("https://outra.example/").unwrap());
    let patch = WebhookPatch { target, ..WebhookPatch::default() };
    let change = ChangeWebhook { account: scene.rig.account, id: hook.id, patch };
    assert!(wait(scene.rig.store.commit(change)).unwrap().is_some());
    scene.look(&open(condition, START));
    assert!(!scene.observer.is_looked_at(condition, &scene.accounts));
}

#[test]
fn events_are_recorded_again_only_where_one_was() {
    let mut scene = Scene::new();
    let condition = Condition::NoEvents(scene.rig.account);
    scene.config.alerts.no_events_for = Some(HOUR);
    scene.rig.accept(vec![event("ORDER.PAID", "{}")]);
    scene.rig.after(2 * HOUR);
    let lasting = scene.look(&State::default()).seen.lasting;
    let since = lasting.get(&condition).unwrap().since;
    assert_eq!(since, START);
    for longer in [Some(12 * HOUR), None] {
        scene.config.alerts.no_events_for = longer;
        assert!(!scene.ends(condition, since), "{longer:?}");
        assert!(!scene.observer.is_looked_at(condition, &scene.accounts));
    }
    scene.config.alerts.no_events_for = Some(HOUR);
    scene.rig.accept(vec![event("ORDER.PAID", "{}")]);
    scene.rig.after(Duration::from_secs(60));
    assert!(scene.ends(condition, since));
}
