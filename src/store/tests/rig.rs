//! The store as its callers see it, on a real folder, with a clock set by hand.

use crate::clock::Clock;
use crate::model::{
    AccountNo, Attempt, AttemptError, AttemptResult, BodyDraft, ErrorCode, Event, EventType, ExtraHeaders, Fingerprint,
    NewEvent, Notification, NotificationKey, OrderKey, Pattern, PatternSet, PrivateKey, ResourceFacts, Seq, Signatures,
    SigningSecret, TargetUrl, Timestamp, Trigger, Verdict, Webhook, WebhookId, WebhookNo, WebhookStatus,
};
use crate::store::changes::change::Change;
use crate::store::changes::idempotency::IdempotencyKey;
use crate::store::changes::ledger::Ledger;
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::lifecycle::open::StoreSettings;
use crate::store::limits::Limits;
use crate::store::schema::index::{event_rows, notification_rows};
use crate::store::schema::keys::Key;
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;
use crate::store::updates::StoreUpdate;
use crate::store::{ChangeError, CreateAccount, RecordEvents, RecordOutcome, Registration};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(crate) const START: Timestamp = Timestamp::from_ms(1_795_435_200_000);

pub(crate) struct Rig {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) told: Arc<Mutex<Vec<StoreUpdate>>>,
    pub(crate) thread: std::thread::JoinHandle<()>,
    pub(crate) account: AccountNo,
}

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// The reply to a change, or why its verb refuses it.
pub(crate) fn reply<T, R>(changed: Result<T, ChangeError<R>>) -> Result<T, R> {
    changed.map_err(|error| match error {
        ChangeError::Refused(refusal) => refusal,
        ChangeError::Store(error) => panic!("{error}"),
    })
}

/// A row that goes behind everybody's back.
pub(crate) struct DeleteRow(pub(crate) Key);

impl Change for DeleteRow {
    type Reply = ();
    type Error = StoreError;

    const UNAUDITED: Option<&'static str> = Some("a test breaks the store");

    fn apply(self, _ledger: &mut Ledger, txn: &mut Txn<'_>, _now: Timestamp) -> Result<(), StoreError> {
        txn.delete(self.0);
        Ok(())
    }
}

/// A row that comes behind everybody's back.
pub(crate) struct PutRow(pub(crate) Key);

impl Change for PutRow {
    type Reply = ();
    type Error = StoreError;

    const UNAUDITED: Option<&'static str> = Some("a test breaks the store");

    fn apply(self, _ledger: &mut Ledger, txn: &mut Txn<'_>, _now: Timestamp) -> Result<(), StoreError> {
        txn.put(self.0, Vec::new());
        Ok(())
    }
}

/// So many sequence numbers that no event gets.
pub(crate) struct Skip(pub(crate) u64);

impl Change for Skip {
    type Reply = ();
    type Error = StoreError;

    const UNAUDITED: Option<&'static str> = Some("a test breaks the store");

    fn apply(self, ledger: &mut Ledger, _txn: &mut Txn<'_>, _now: Timestamp) -> Result<(), StoreError> {
        ledger.head.seq += self.0;
        Ok(())
    }
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap(), Clock::manual(START))
    }

    pub(crate) fn at(dir: tempfile::TempDir, clock: Clock) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = told.clone();
        let path = dir.path().join("data");
        let settings = StoreSettings {
            path,
            cache_bytes: 8 << 20,
            limits: Limits::default(),
            accept_data_loss: false,
            clock: clock.clone(),
        };
        let opened = Store::open(settings, move |told| heard.lock().unwrap().extend(told)).unwrap();
        let account = wait(opened.store.commit(CreateAccount { name: "main".to_owned() })).unwrap();
        Self { dir, store: opened.store, clock, told, thread: opened.thread, account }
    }

    /// Stops it; gives its folder back.
    pub(crate) fn close(self) -> tempfile::TempDir {
        let Self { dir, store, thread, .. } = self;
        wait(store.stop()).unwrap();
        drop(store);
        thread.join().unwrap();
        dir
    }

    pub(crate) fn reopen(self) -> Self {
        let clock = self.clock.clone();
        Self::at(self.close(), clock)
    }

    pub(crate) fn after(&self, span: Duration) {
        self.clock.set(self.clock.now().plus(span));
    }

    pub(crate) fn register(&self, patterns: &[&str]) -> Arc<Webhook> {
        wait(self.store.commit(Registration::from(webhook(self.account, patterns)))).unwrap().webhook
    }

    pub(crate) fn accept(&self, events: Vec<NewEvent>) -> Vec<Event> {
        let accepted = wait(self.store.commit(RecordEvents { account: self.account, events, key: None })).unwrap();
        accepted.into_iter().map(|accepted| accepted.event).collect()
    }

    pub(crate) fn settle(&self, key: NotificationKey, attempt: Attempt, verdict: Verdict) {
        let asked_at = self.notification(key).manual_at.filter(|_| attempt.trigger != Trigger::Automatic);
        let gap = if let Verdict::RetryAt(at) = verdict { at.since(self.clock.now()) } else { Duration::ZERO };
        self.store.record_outcome(RecordOutcome {
            account: self.account,
            key,
            attempt,
            verdict,
            gap,
            requested_at: asked_at,
            webhook_updated_at: self.updated_at(key.webhook),
        });
        self.barrier();
    }

    /// What an attempt that begins now knows of its webhook.
    pub(crate) fn updated_at(&self, no: WebhookNo) -> Timestamp {
        self.store.directory().by_no(no).map_or(START, |webhook| webhook.updated_at)
    }

    /// Whatever was sent before is done.
    pub(crate) fn barrier(&self) {
        wait(self.store.commit(CreateAccount { name: "main".to_owned() })).unwrap();
    }

    pub(crate) fn finish_jobs(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.store.shared.tree.scan(&keys::jobs()).next().is_some() {
            assert!(Instant::now() < deadline, "a job does not end");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The events that the engine was told of as fresh, in order.
    pub(crate) fn told_untried(&self) -> Vec<Seq> {
        let told = self.told.lock().unwrap();
        told.iter()
            .filter_map(|told| if let StoreUpdate::Untried { key, .. } = told { Some(key.seq) } else { None })
            .collect()
    }

    /// How many retries the engine was told to make sooner.
    pub(crate) fn told_sooner(&self) -> usize {
        self.told.lock().unwrap().iter().filter(|told| matches!(told, StoreUpdate::Rescheduled { .. })).count()
    }

    pub(crate) fn notification(&self, key: NotificationKey) -> Notification {
        self.store.notification(self.account, key).unwrap().unwrap()
    }

    pub(crate) fn blobs(&self) -> usize {
        std::fs::read_dir(self.store.path().join("blobs")).unwrap().count()
    }

    pub(crate) fn rows(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.store.shared.tree.range(&[], None).map(|row| row.map(|(k, v)| (k.to_vec(), v.to_vec())).unwrap()).collect()
    }

    pub(crate) fn all_events(&self) -> Vec<Event> {
        let rows = self.store.shared.tree.scan(&keys::events(self.account));
        rows.map(|row| {
            let (key, value) = row.unwrap();
            record::decode_event_head(self.account, Seq(keys::u64_at(&key, 5).unwrap()), &value).unwrap()
        })
        .collect()
    }

    pub(crate) fn all_notifications(&self) -> Vec<Notification> {
        let rows = self.store.shared.tree.scan(&keys::notifications(self.account));
        let mut found: BTreeMap<NotificationKey, Notification> = rows
            .map(|row| {
                let (row, value) = row.unwrap();
                let key = key_of(keys::u64_at(&row, 5).unwrap(), keys::u32_at(&row, 13).unwrap());
                (key, record::decode_notification(self.account, key, &value).unwrap())
            })
            .collect();
        for row in self.store.shared.tree.scan(&keys::all_untried()).keys().map(Result::unwrap) {
            let key = key_of(keys::u64_at(&row, 9).unwrap(), keys::u32_at(&row, 5).unwrap());
            let implied = || self.store.shared.notification(self.account, key).unwrap().unwrap();
            found.entry(key).or_insert_with(implied);
        }
        found.into_values().collect()
    }

    /// Looks the whole tree over, both ways: each index row has its record, and each record all of its rows.
    pub(crate) fn check_rows(&self) {
        let types = self.store.shared.types.read().unwrap().get(&self.account).cloned().unwrap_or_default();
        let (events, notifications) = (self.all_events(), self.all_notifications());
        let mut expected: BTreeSet<Vec<u8>> = BTreeSet::new();
        for event in &events {
            expected.extend(event_rows(&self.store.shared.references, event, types[event.event_type.as_str()]));
            let row = self.store.shared.tree.get(&keys::event(self.account, event.seq)).unwrap().unwrap();
            let (_, stored) = record::decode_event(self.account, event.seq, &row).unwrap();
            assert_eq!(stored == record::Stored::Erased, event.erased_at.is_some());
            if let record::Stored::Chunked { chunks, .. } = stored {
                expected.extend((0..chunks).map(|number| keys::chunk(event.seq, number)));
            }
            let owed = notifications.iter().filter(|notification| notification.key.seq == event.seq).count();
            assert_eq!(usize::try_from(event.notifications).unwrap(), owed, "{event:?}");
        }
        for notification in &notifications {
            let record = keys::notification(self.account, notification.key);
            if self.store.shared.tree.contains(&record).unwrap() {
                expected.extend(notification_rows(notification));
            } else {
                expected.insert(keys::untried(self.account, notification.key));
            }
            let earlier = notification.last.as_ref().map_or(0, |last| last.number - 1);
            expected.extend((1..=earlier).map(|number| keys::attempt(notification.key, number)));
            let numbers: Vec<u16> =
                self.store.attempts(notification).unwrap().iter().map(|attempt| attempt.number).collect();
            assert_eq!(numbers, (1..=notification.attempts).collect::<Vec<_>>());
        }
        let (key, any) = (key_of(0, 0), AccountNo(0));
        let tables: BTreeSet<u8> = [
            keys::by_webhook(key),
            keys::untried(any, key),
            keys::retry(START, key),
            keys::manual(START, key),
            keys::by_state(any, 0, key),
            keys::by_response(any, 0, key),
            keys::order(OrderKey(0), key),
            keys::attempts(key),
            keys::events_of_type(any, 0),
            keys::references(any),
            keys::chunk(Seq(0), 0),
        ]
        .map(|key| key[0])
        .into();
        let found: BTreeSet<Vec<u8>> = self.rows().into_keys().filter(|key| tables.contains(&key[0])).collect();
        let orphans: Vec<_> = found.difference(&expected).collect();
        let missing: Vec<_> = expected.difference(&found).collect();
        assert!(orphans.is_empty() && missing.is_empty(), "orphans {orphans:x?}, missing {missing:x?}");
        // And as an operator would look.
        let report = self.store.verify(|_| {});
        assert!(report.is_sound(), "{report}");
        let figures = self.store.stats();
        let counted = (events.len() as u64, notifications.len() as u64);
        assert_eq!((figures.events, figures.notifications), counted);
        let payload = |event: &Event| {
            let row = self.store.shared.tree.get(&keys::event(self.account, event.seq)).unwrap().unwrap();
            record::decode_event(self.account, event.seq, &row).unwrap().1.payload_bytes()
        };
        assert_eq!(figures.payload_bytes, events.iter().map(payload).sum::<u64>());
    }
}

pub(crate) fn key_of(seq: u64, webhook: u32) -> NotificationKey {
    NotificationKey { seq: Seq(seq), webhook: WebhookNo(webhook) }
}

pub(crate) fn webhook(account: AccountNo, patterns: &[&str]) -> Webhook {
    Webhook {
        no: WebhookNo(0),
        account,
        id: WebhookId::from_random(crate::random::bytes()),
        own_name: None,
        target: TargetUrl::parse("https://loja.example/").unwrap(),
        authorization: None,
        client_certificate: None,
        events: PatternSet::new(patterns.iter().map(|text| Pattern::parse(text).unwrap()).collect()).unwrap(),
        filter: None,
        description: None,
        status: WebhookStatus::Active,
        headers: ExtraHeaders::default(),
        max_in_flight: None,
        rate_limit: None,
        ordered: false,
        retry: None,
        secret: SigningSecret::from_random([1; 32]),
        old_secrets: Vec::new(),
        signatures: Signatures::default(),
        key: PrivateKey::from_bytes([2; 32]),
        old_keys: Vec::new(),
        registered_after: Seq(0),
        inserted_at: START,
        updated_at: START,
        deleted_at: None,
    }
}

pub(crate) fn event(event_type: &str, resource: &str) -> NewEvent {
    let event_type = EventType::parse(event_type).unwrap();
    NewEvent {
        id: None,
        external_id: None,
        resource: ResourceFacts::find(None, resource, &[]),
        occurred_at: None,
        fingerprint: Fingerprint::of([event_type.as_str().as_bytes(), resource.as_bytes()]),
        body: BodyDraft::new(&event_type, "production", resource),
        event_type,
        trace: None,
        trial: None,
    }
}

pub(crate) fn paid() -> NewEvent {
    event("PAYMENT.PAID", "{}")
}

pub(crate) fn attempt(trigger: Trigger, status: Option<u16>) -> Attempt {
    let slow = || AttemptError { code: ErrorCode::Timeout, message: "slow".to_owned(), message_pt: "lento".to_owned() };
    let result = status.map_or_else(|| AttemptResult::Error(slow()), AttemptResult::of_status);
    Attempt::bare(trigger, START, result)
}

pub(crate) fn idempotency_key(name: u8, fingerprint: u8, until: Timestamp) -> IdempotencyKey {
    IdempotencyKey { hash: [name; 16], fingerprint: [fingerprint; 16], until }
}
