//! The task over a real store, with a stand-in for the channels: what it keeps, what it sends, and what a crash leaves.

use super::{Alerts, Mute, NotSent, Post, Sending, Teller, stored};
use crate::alerts::core::rules::{GATHER, HOUR};
use crate::alerts::message::{Kind, Message, Severity};
use crate::alerts::seeing::Observer;
use crate::config::Config;
use crate::delivery::DeliveryHandle;
use crate::delivery::schedule::engine_status::EngineStatus;
use crate::delivery::transport::client::Client;
use crate::delivery::transport::settings::ClientSettings;
use crate::model::{Condition, DisabledReason, NotificationKey, Recipient, Trigger, Verdict, Webhook};
use crate::store::tests::rig::{Rig, START, attempt, event, wait};
use crate::store::{DeleteWebhook, DisableWebhook, EraseEvent, Limits, SetDisableNotice};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Takes messages, or says that it can't.
#[derive(Default)]
struct StandIn {
    taken: Arc<Mutex<Vec<Message>>>,
    is_down: Arc<Mutex<bool>>,
    panics: Arc<AtomicBool>,
    /// The key of the only message that it fails at.
    fails_at: Arc<Mutex<Option<String>>>,
    has_no_channel: Arc<AtomicBool>,
}

impl Post for StandIn {
    fn channels(&self) -> BTreeMap<Recipient, Vec<String>> {
        let all = BTreeMap::from([(Recipient::Operator, vec!["email".to_owned()])]);
        if self.has_no_channel.load(Ordering::Relaxed) { BTreeMap::new() } else { all }
    }

    fn send(&self, to: Recipient, channel: String, message: Message) -> Sending {
        assert_eq!((to, channel.as_str()), (Recipient::Operator, "email"));
        let is_down = *self.is_down.lock().unwrap();
        let fails = self.fails_at.lock().unwrap().as_ref().is_some_and(|key| *key == message.key.to_string());
        if !is_down && !fails && !self.panics.load(Ordering::Relaxed) {
            self.taken.lock().unwrap().push(message);
        }
        let panics = self.panics.load(Ordering::Relaxed);
        Box::pin(async move {
            assert!(!panics, "the channel's own fault");
            if fails {
                return Err(NotSent::Later(Duration::ZERO));
            }
            if is_down { Err(NotSent::Later(Duration::ZERO)) } else { Ok(()) }
        })
    }
}

struct Scene {
    rig: Rig,
    post: Arc<StandIn>,
    alerts: Arc<Alerts>,
    teller: Teller,
    runtime: Runtime,
}

impl Scene {
    fn over(rig: Rig, post: Arc<StandIn>) -> Self {
        let client = Client::new(ClientSettings::allowing(&["127.0.0.0/8"], Duration::from_secs(1)), rig.clock.clone());
        let delivery = DeliveryHandle { status: Arc::new(EngineStatus::new()), client };
        let observer = Observer::new(rig.store.clone(), rig.clock.clone(), delivery, Box::new(|| None));
        let accounts = vec![(rig.account, "main".to_owned())];
        let (alerts, teller) = Alerts::open(observer, post.clone(), Config::default(), accounts).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { rig, post, alerts, teller, runtime }
    }

    fn new() -> Self {
        Self::over(Rig::new(), Arc::default())
    }

    /// As after a crash: what isn't in the store is gone.
    fn crash(self) -> Self {
        let Self { rig, post, alerts, teller, runtime } = self;
        drop((alerts, teller, runtime));
        Self::over(rig.reopen(), post)
    }

    /// A look; what is sent is taken in.
    fn look(&mut self) {
        self.runtime.block_on(self.teller.turn());
    }

    fn look_after(&mut self, span: Duration) {
        self.rig.after(span);
        self.look();
    }

    /// A webhook whose target has failed so often that it is failing, each of its notifications for good.
    fn failing(&self) -> Arc<Webhook> {
        let hook = self.rig.register(&["*"]);
        let paid = |nth: usize| event("ORDER.PAID", &format!(r#"{{"order":{{"external_id":"pedido-{nth}"}}}}"#));
        for event in self.rig.accept((0..5).map(paid).collect()) {
            let key = NotificationKey { seq: event.seq, webhook: hook.no };
            self.rig.settle(key, attempt(Trigger::Automatic, Some(401)), Verdict::Exhausted);
        }
        hook
    }

    fn taken(&self) -> Vec<Message> {
        std::mem::take(&mut *self.post.taken.lock().unwrap())
    }
}

#[test]
fn a_failing_webhook_is_told_of_with_its_orders_the_reason_and_what_to_do() {
    let mut scene = Scene::new();
    let hook = scene.failing();
    scene.look();
    assert_eq!(scene.taken(), [], "it gathers");
    assert_eq!(scene.alerts.list().len(), 2);
    scene.look_after(GATHER);
    let message = scene.taken().pop().unwrap();
    assert_eq!((message.kind, message.severity), (Kind::Opened, Severity::Warning));
    assert_eq!(message.title.as_str(), "O webhook loja.example está com falhas (e mais 1 aviso)");
    let text = message.paragraphs.join("\n");
    for part in ["401", "peça a autorização atual", "5 notificações do webhook", "Pedidos: pedido-0, pedido-1"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let fact = message.conditions.iter().find(|fact| fact.count.is_some()).unwrap();
    assert_eq!((fact.count, fact.external_ids.len()), (Some(5), 5));
    assert_eq!(fact.webhook.as_ref().map(|webhook| webhook.id), Some(hook.id));
    scene.look_after(Duration::from_secs(600));
    assert_eq!(scene.taken(), [], "once");
    // It is well again, and that is told too.
    let event = scene.rig.accept(vec![event("ORDER.PAID", "{}")]).remove(0);
    let key = NotificationKey { seq: event.seq, webhook: hook.no };
    scene.rig.settle(key, attempt(Trigger::Automatic, Some(200)), Verdict::Confirmed);
    scene.look();
    scene.look_after(GATHER);
    let message = scene.taken().pop().unwrap();
    assert_eq!((message.kind, message.severity), (Kind::Over, Severity::Info));
    assert_eq!(message.title.as_str(), "O webhook loja.example voltou ao normal");
    scene.rig.check_rows();
}

/// What is erased before a message leaves is not in it, nor in one that is tried again.
#[test]
fn an_order_that_is_erased_is_told_to_nobody() {
    let mut scene = Scene::new();
    scene.failing();
    let events = scene.rig.all_events();
    let erase = |scene: &Scene, nth: usize| {
        let erase = EraseEvent { account: scene.rig.account, seq: events[nth].seq, external_id: true };
        assert!(wait(scene.rig.store.commit(erase)).unwrap().is_some());
    };
    erase(&scene, 0);
    scene.look();
    erase(&scene, 1);
    *scene.post.is_down.lock().unwrap() = true;
    scene.look_after(GATHER);
    assert_eq!(scene.alerts.figures().pending, 1);
    erase(&scene, 2);
    *scene.post.is_down.lock().unwrap() = false;
    scene.look_after(Duration::from_secs(3600));
    let message = scene.taken().remove(0);
    let fact = message.conditions.iter().find(|fact| fact.count.is_some()).unwrap();
    assert_eq!((fact.count, fact.external_ids.join(" ")), (Some(5), "pedido-3 pedido-4".to_owned()));
    let text = message.paragraphs.join("\n");
    assert!((0..3).all(|nth| !text.contains(&format!("pedido-{nth}"))), "{text}");
    scene.rig.check_rows();
}

/// What is listed while nothing can be kept goes by itself.
#[test]
fn a_full_disk_is_listed_until_there_is_room_though_nobody_is_told() {
    let mut scene = Scene::new();
    scene.post.has_no_channel.store(true, Ordering::Relaxed);
    let listed = |scene: &Scene| scene.alerts.list().iter().any(|alert| alert.condition == Condition::DiskLow);
    scene.rig.store.set_limits(Limits { min_free: u64::MAX, ..Limits::default() });
    scene.look();
    assert!(listed(&scene));
    assert!(scene.rig.store.kept_alerts().unwrap().alerts.is_empty(), "nothing is written");
    scene.rig.store.set_limits(Limits { min_free: 0, ..Limits::default() });
    scene.look();
    assert!(!listed(&scene));
}

/// It went on for as long as the disk was full.
#[test]
fn a_mute_ends_though_the_disk_is_full() {
    let mut scene = Scene::new();
    for condition in [Condition::DiskLow, Condition::StoreRefusing] {
        let (until, (done, _is_done)) = (scene.rig.clock.now().plus(HOUR), oneshot::channel());
        let mute = Mute { condition, until: Some(Some(until)), asked: None, done };
        scene.runtime.block_on(scene.teller.take_mute(mute));
    }
    scene.teller.patience = Duration::ZERO;
    scene.rig.store.set_limits(Limits { min_free: u64::MAX, ..Limits::default() });
    scene.look();
    assert_eq!(scene.taken(), [], "nobody is told");
    scene.look_after(HOUR);
    assert_eq!(scene.taken().len(), 1);
}

/// The config may be what was wrong; a full disk took note of the reload alone.
#[test]
fn a_reload_tries_what_waits_at_once_though_the_disk_is_full() {
    let mut scene = Scene::new();
    scene.failing();
    scene.look();
    *scene.post.is_down.lock().unwrap() = true;
    for _ in 0..6 {
        scene.look_after(HOUR);
    }
    *scene.post.is_down.lock().unwrap() = false;
    scene.rig.store.set_limits(Limits { min_free: u64::MAX, ..Limits::default() });
    scene.teller.patience = HOUR;
    scene.teller.tried_ahead = Some(Instant::now());
    scene.look();
    assert_eq!(scene.taken(), [], "the gap is long");
    scene.alerts.configure(&Config::default());
    scene.look();
    assert_eq!(scene.taken().len(), 1);
}

/// A message that a server answers with 500 each time held up what is critical behind it for a day.
#[test]
fn a_message_that_a_channel_fails_at_holds_up_the_next_ones_for_three_tries() {
    let mut scene = Scene::new();
    scene.failing();
    scene.look();
    *scene.post.is_down.lock().unwrap() = true;
    scene.look_after(GATHER);
    let body = scene.alerts.state().letters.values().next().unwrap().body.clone();
    let key = stored::from_text(&body).unwrap().key.to_string();
    *scene.post.fails_at.lock().unwrap() = Some(key.clone());
    *scene.post.is_down.lock().unwrap() = false;
    scene.failing();
    let (mut tries, start) = (0, scene.rig.clock.now());
    let taken = loop {
        scene.look_after(Duration::from_secs(30));
        tries += 1;
        let taken = scene.taken();
        if !taken.is_empty() {
            break taken;
        }
        assert!(tries < 100, "it holds up the next one");
    };
    assert!(scene.rig.clock.now().since(start) < HOUR);
    assert!(taken.iter().all(|message| message.key.to_string() != key));
    assert_eq!(scene.alerts.figures().pending, 1, "it is still tried");
    *scene.post.fails_at.lock().unwrap() = None;
    scene.look_after(HOUR);
    assert_eq!(scene.taken().pop().map(|message| message.key.to_string()), Some(key));
}

/// It is tried again later as after any other failure, and not at once and without an end.
#[test]
fn a_channel_that_panics_gets_the_message_when_it_can_take_it() {
    let mut scene = Scene::new();
    scene.failing();
    scene.look();
    scene.post.panics.store(true, Ordering::Relaxed);
    scene.look_after(GATHER);
    assert_eq!(scene.alerts.figures().pending, 1);
    scene.post.panics.store(false, Ordering::Relaxed);
    scene.look();
    assert_eq!(scene.taken(), [], "it is not due yet");
    scene.look_after(Duration::from_secs(3600));
    assert_eq!(scene.taken().len(), 1);
    assert_eq!(scene.alerts.figures().pending, 0);
}

/// What is told is kept before it is sent: a crash in between sends it once more, under the same key.
#[test]
fn a_crash_loses_no_message_and_repeats_one_under_its_key() {
    let mut scene = Scene::new();
    scene.failing();
    // The facts outlive a crash before anybody has looked at them.
    let mut scene = {
        scene.rig.barrier();
        *scene.post.is_down.lock().unwrap() = true;
        scene.look();
        scene.crash()
    };
    scene.look_after(GATHER);
    assert_eq!((scene.taken(), scene.alerts.figures().pending), (vec![], 1));
    let mut scene = scene.crash();
    *scene.post.is_down.lock().unwrap() = false;
    scene.look_after(Duration::from_secs(60));
    let first = scene.taken();
    assert_eq!((first.len(), scene.alerts.figures().pending), (1, 0));
    let mut scene = scene.crash();
    scene.look_after(Duration::from_secs(600));
    assert_eq!(scene.taken(), [], "that it was sent is kept as well");
}

#[test]
fn what_is_muted_is_listed_and_not_told_even_after_a_restart() {
    let mut scene = Scene::new();
    let hook = scene.failing();
    let condition = Condition::WebhookFailing(hook.no);
    let alerts = scene.alerts.clone();
    let Scene { runtime, teller, .. } = &mut scene;
    let muted = runtime.block_on(async {
        let order = tokio::spawn(async move { alerts.mute(condition, Some(None), None).await });
        let mute = teller.orders.recv().await.unwrap();
        teller.take_mute(mute).await;
        order.await.unwrap()
    });
    muted.unwrap();
    let mut scene = scene.crash();
    scene.look();
    scene.look_after(GATHER);
    let message = scene.taken().pop().unwrap();
    assert!(!message.title.as_str().contains("está com falhas"), "{}", message.title);
    assert!(scene.alerts.list().iter().any(|open| open.condition == condition && open.muted == Some(None)));
}

/// A webhook that was deleted is nobody's trouble any more.
#[test]
fn nobody_is_told_of_a_deleted_webhook() {
    let mut scene = Scene::new();
    let hook = scene.failing();
    scene.look();
    let delete = DeleteWebhook { account: scene.rig.account, id: hook.id };
    assert!(wait(scene.rig.store.commit(delete)).unwrap());
    scene.look_after(GATHER);
    assert_eq!((scene.taken(), scene.alerts.list()), (vec![], vec![]));
    assert!(scene.rig.clock.now() > START);
}

/// A webhook is disabled a day after its owner was warned, and not behind anybody's back.
#[test]
fn a_webhook_that_is_about_to_be_disabled_is_warned_of_and_told_when_it_is() {
    let mut scene = Scene::new();
    let (hook, account) = (scene.failing(), scene.rig.account);
    let day = Duration::from_secs(24 * 60 * 60);
    let mut config = Config::default();
    (config.delivery.disable_after, config.alerts.repeat) = (Some(2 * day), Vec::new());
    scene.alerts.configure(&config);
    scene.look();
    scene.look_after(GATHER);
    scene.taken();
    let ends_at = Some(scene.rig.clock.now().plus(day));
    let warn = SetDisableNotice { account, webhook: hook.no, ends_at };
    assert!(wait(scene.rig.store.commit(warn)).unwrap());
    scene.look();
    scene.look_after(GATHER);
    let message = scene.taken().pop().unwrap();
    assert_eq!(message.title.as_str(), "O webhook loja.example será desativado em 25/11 às 12:00");
    assert_eq!(message.conditions[0].condition, "WEBHOOK_DISABLING");
    let reason = DisabledReason::Failing { since: START };
    assert!(wait(scene.rig.store.commit(DisableWebhook { account, webhook: hook.no, reason })).unwrap().is_some());
    scene.look();
    scene.look_after(Duration::from_secs(120));
    let message = scene.taken().pop().unwrap();
    assert_eq!(message.title.as_str(), "O webhook loja.example foi desativado");
    let text = message.paragraphs.join("\n");
    assert!(text.contains("em espera") && text.contains("O que fazer"), "{text}");
    scene.look_after(Duration::from_secs(600));
    assert_eq!(scene.taken(), [], "nobody is told that it is well again");
}
