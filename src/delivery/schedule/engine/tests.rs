//! The engine with a real store, and a target on loopback that answers when the test says so.

use super::*;
use crate::config::Delivery;
use crate::delivery::transport::settings::ClientSettings;
use crate::model::{Notification, State, TargetUrl, WaitReason, WebhookNo};
use crate::store::tests::rig::{paid, webhook};
use crate::store::{CreateAccount, Limits, RecordEvents, Registration, StoreSettings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Longer than anything takes.
const LONG: Duration = Duration::from_secs(30);
/// Long enough for something that must not happen.
const SHORT: Duration = Duration::from_millis(1500);

/// A request that waits for the status of its answer.
type Request = oneshot::Sender<u16>;

struct Rig {
    _dir: tempfile::TempDir,
    store: Store,
    engine: Engine,
    account: AccountNo,
    requests: mpsc::UnboundedReceiver<Request>,
}

fn settings(max_in_flight: usize) -> Delivery {
    Delivery {
        schedule: vec![Duration::from_millis(200)],
        max_attempts: 20,
        jitter: 0.0,
        retry_after_cap: LONG,
        max_in_flight,
        ..Delivery::default()
    }
}

impl Rig {
    /// With a webhook that gets every payment.
    async fn new(max_in_flight: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (tell, store_updates) = mpsc::unbounded_channel();
        let store_settings = StoreSettings {
            path: dir.path().join("data"),
            cache_bytes: 8 << 20,
            limits: Limits::default(),
            accept_data_loss: false,
            clock: Clock::System,
        };
        let opened = Store::open(store_settings, move |updates| drop(tell.send(updates))).unwrap();
        let store = opened.store;
        // No attempt ends by itself while a test waits for something.
        let client_settings = ClientSettings::allowing(&["127.0.0.0/8"], 4 * LONG);
        let client = Client::new(client_settings, Clock::System);
        let engine = Engine::start(
            store.clone(),
            client,
            settings(max_in_flight),
            Clock::System,
            store.durable(),
            store_updates,
        );
        let account = store.commit(CreateAccount { name: "main".to_owned() }).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut hook = webhook(account, &["PAYMENT.*"]);
        hook.target = TargetUrl::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        store.commit(Registration::from(hook)).await.unwrap();
        let (arrived, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, arrived.clone()));
            }
        });
        Self { _dir: dir, store, engine, account, requests }
    }

    /// Records a payment; gives its notification.
    async fn record(&self) -> NotificationKey {
        let record = RecordEvents { account: self.account, events: vec![paid()], key: None };
        let recorded = self.store.commit(record).await.unwrap();
        let webhook = self.store.directory().all().next().unwrap().no;
        NotificationKey { seq: recorded[0].event.seq, webhook }
    }

    async fn request(&mut self) -> Request {
        timeout(LONG, self.requests.recv()).await.expect("an attempt is made").unwrap()
    }

    async fn no_request(&mut self) -> bool {
        timeout(SHORT, self.requests.recv()).await.is_err()
    }

    /// The notification, once the store has taken in all that was sent to it before.
    async fn notification(&self, key: NotificationKey) -> Notification {
        self.store.commit(CreateAccount { name: "main".to_owned() }).await.unwrap();
        self.store.notification(self.account, key).unwrap().unwrap()
    }
}

/// Reads one request and answers it as the test says; closes the connection if it says nothing.
async fn answer(mut stream: TcpStream, arrived: mpsc::UnboundedSender<Request>) {
    let mut read = Vec::new();
    while !read.ends_with(b"}") {
        if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let (request, status) = oneshot::channel();
    arrived.send(request).ok();
    if let Ok(status) = status.await {
        let head = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.ok();
    }
}

#[test]
fn a_ticket_that_is_dropped_still_reports_its_attempt() {
    let (events, mut events_in) = mpsc::unbounded_channel();
    let key = NotificationKey { seq: Seq(1), webhook: WebhookNo(1) };
    let ticket = || Ticket { key, events: events.clone(), status: Arc::new(EngineStatus::new()), open: true };
    drop(ticket());
    assert!(matches!(events_in.try_recv(), Ok(DriverEvent::Unreadable(dropped)) if dropped == key));
    ticket().close(DriverEvent::Skipped { key, next_attempt: NextAttempt::Nothing });
    assert!(matches!(events_in.try_recv(), Ok(DriverEvent::Skipped { .. })));
    assert!(events_in.try_recv().is_err(), "one event for each ticket");
}

/// On a full disk the outcome of an attempt might not fit: none is made, and all go on once there is space again.
#[tokio::test]
async fn no_attempt_is_made_while_the_disk_is_full() {
    let mut rig = Rig::new(8).await;
    let key = rig.record().await;
    let first = rig.request().await;
    rig.store.set_limits(Limits { min_free: u64::MAX, ..Limits::default() });
    first.send(500).unwrap();
    assert!(rig.no_request().await, "an attempt on a full disk");
    let webhook = rig.store.directory().all().next().unwrap().clone();
    assert_eq!(rig.engine.status.wait(&webhook, 8, Clock::System.now()), Some(WaitReason::DiskFull));
    assert_eq!(rig.notification(key).await.attempts, 1, "the outcome of the attempt in flight was recorded");
    rig.store.set_limits(Limits { min_free: 0, ..Limits::default() });
    rig.request().await.send(200).unwrap();
    assert_eq!(rig.engine.stop(LONG).await, 0);
}

/// Of two attempts in flight at a stop, one ends within the grace and its outcome counts; the other is cut off and
/// stays pending.
#[tokio::test]
async fn a_stop_records_what_ends_meanwhile_and_cuts_off_the_rest() {
    let mut rig = Rig::new(8).await;
    rig.record().await;
    let ends = rig.request().await;
    rig.record().await;
    let hangs = rig.request().await;
    let Rig { _dir, store, engine, account, requests } = rig;
    let stopped = tokio::spawn(engine.stop(Duration::from_secs(4)));
    ends.send(200).unwrap();
    assert_eq!(timeout(LONG, stopped).await.unwrap().unwrap(), 1);
    drop((hangs, requests));
    store.commit(CreateAccount { name: "main".to_owned() }).await.unwrap();
    let webhook = store.directory().all().next().unwrap().no;
    let states: Vec<State> = [1, 2]
        .map(|seq| store.notification(account, NotificationKey { seq: Seq(seq), webhook }).unwrap().unwrap().state)
        .into();
    assert_eq!(states, [State::Delivered, State::Pending]);
}

/// A stop starts nothing more, not even what is due.
#[tokio::test]
async fn a_stop_starts_no_attempt() {
    let mut rig = Rig::new(1).await;
    rig.record().await;
    let first = rig.request().await;
    let second = rig.record().await;
    let Rig { _dir, store, engine, account, mut requests } = rig;
    let stopped = tokio::spawn(engine.stop(LONG));
    tokio::time::sleep(Duration::from_millis(100)).await;
    first.send(200).unwrap();
    assert_eq!(timeout(LONG, stopped).await.unwrap().unwrap(), 0);
    assert!(requests.try_recv().is_err());
    assert_eq!(store.notification(account, second).unwrap().unwrap().state, State::Pending);
}

/// A limit that is raised holds at once, for what waits already.
#[tokio::test]
async fn a_reload_changes_the_limit_of_attempts_in_flight() {
    let mut rig = Rig::new(1).await;
    rig.record().await;
    rig.record().await;
    let first = rig.request().await;
    assert!(rig.no_request().await, "over the limit");
    // A webhook alone gets half of the slots.
    rig.engine.reload(settings(4));
    let second = rig.request().await;
    first.send(200).unwrap();
    second.send(200).unwrap();
    assert_eq!(rig.engine.stop(LONG).await, 0);
}
