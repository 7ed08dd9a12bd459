//! Golden bytes of every record, and that it reads back as it was.

mod damage;

use crate::model::{
    AccountNo, Actor, Alert, AlertFacts, Attempt, AttemptError, AttemptResult, AuditAction, AuditNote, AuditRow,
    AuditSubject, AuditedField, Authorization, Book, BulkJob, ClientCertificateName, DisabledReason, Erasure,
    ErasureId, ErasureState, ErrorCode, Event, EventId, EventType, ExtraHeaders, Fingerprint, JobId, JobKind, JobState,
    KeptHead, Letter, Notice, Notification, NotificationFilter, NotificationId, NotificationKey, OrderKey, Origin,
    Pattern, PatternSet, Payload, PayloadFilter, Pending, PrivateKey, RateLimit, ResourceFacts, Response,
    ResponseFilter, RetryPolicy, Scopes, SearchText, SentHeader, SentRequest, Seq, Signatures, SigningSecret,
    SkipReason, Skipped, State, Status, TargetHealth, TargetUrl, Timestamp, Timings, TlsVersion, TokenHash, TokenId,
    TraceContext, Trial, Trigger, Webhook, WebhookId, WebhookName, WebhookNo, WebhookStatus, changed_fields,
};
use crate::store::hex::hex;
use crate::store::schema::record::audit::{decode_audit, encode_audit};
use crate::store::schema::record::clock::{ClockV1, RunV1, decode_clock, encode_clock};
use crate::store::schema::record::frame::{CHUNK_BYTES, seal};
use crate::store::schema::record::jobs::{
    Job, decode_bulk_job, decode_erasure, decode_job, encode_bulk_job, encode_erasure, encode_job,
};
use crate::store::schema::record::webhooks::{decode_health, decode_webhook, encode_health, encode_webhook};
use crate::store::schema::record::{
    FormatV1, HeadV1, IdempotencyV1, MAX_VALUE_BYTES, RegisteredV1, Stored, Token, WebhookRefV1, decode_alert,
    decode_alert_facts, decode_attempt, decode_book, decode_chunk, decode_event, decode_event_head, decode_format,
    decode_head, decode_idempotency, decode_letter, decode_mute, decode_notification, decode_seq, decode_text,
    decode_token, decode_webhook_ref, encode_alert, encode_alert_facts, encode_attempt, encode_book, encode_event,
    encode_event_again, encode_format, encode_head, encode_idempotency, encode_letter, encode_mute,
    encode_notification, encode_seq, encode_text, encode_token, encode_webhook_ref,
};
use bytes::Bytes;
use http::HeaderName;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

const ACCOUNT: AccountNo = AccountNo(7);
const KEY: NotificationKey = NotificationKey { seq: Seq(0x0102_0304), webhook: WebhookNo(9) };

fn at(ms: u64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn head() -> HeadV1 {
    HeadV1 {
        seq: 300,
        time_ms: 1_795_435_200_123,
        webhook_no: 5,
        job: 2,
        audit: 40,
        erased_in: 7000,
        events: 290,
        notifications: 500,
        payload_bytes: 70_000,
    }
}

fn token(expires_at: Option<Timestamp>) -> Token {
    Token {
        id: TokenId::from_bytes([1; 16]),
        account: ACCOUNT,
        name: "caixa".to_owned(),
        scopes: Scopes::ADMIN,
        hash: TokenHash::from_bytes([2; 32]),
        inserted_at: at(1000),
        expires_at,
        last_used_at: None,
    }
}

fn bare_webhook() -> Webhook {
    Webhook {
        no: WebhookNo(9),
        account: ACCOUNT,
        id: WebhookId::from_bytes([3; 16]),
        own_name: None,
        target: TargetUrl::parse("https://loja.example/x").unwrap(),
        authorization: None,
        client_certificate: None,
        events: PatternSet::new(vec![Pattern::Everything]).unwrap(),
        filter: None,
        description: None,
        status: WebhookStatus::Active,
        headers: ExtraHeaders::default(),
        max_in_flight: None,
        rate_limit: None,
        ordered: false,
        retry: None,
        secret: SigningSecret::from_bytes(vec![4; 24]).unwrap(),
        old_secrets: Vec::new(),
        signatures: Signatures::Symmetric,
        key: PrivateKey::from_bytes([7; 32]),
        old_keys: Vec::new(),
        registered_after: Seq(299),
        inserted_at: at(1000),
        updated_at: at(1000),
        deleted_at: None,
    }
}

fn full_webhook() -> Webhook {
    Webhook {
        own_name: WebhookName::parse("ERP Bling"),
        authorization: Some(Authorization::parse("Bearer x").unwrap()),
        client_certificate: ClientCertificateName::parse("pix"),
        events: PatternSet::new(vec![Pattern::parse("ORDER.*").unwrap(), Pattern::parse("PAYMENT.PAID").unwrap()])
            .unwrap(),
        filter: Some(PayloadFilter::parse(r#"{"x":{"$gt":1}}"#).unwrap()),
        description: Some("loja".to_owned()),
        status: WebhookStatus::Disabled { reason: DisabledReason::Failing { since: at(1500) }, at: at(1900) },
        headers: ExtraHeaders::new([("x-shop", "1")]).unwrap(),
        max_in_flight: Some(3),
        rate_limit: RateLimit::from_millis(1500),
        ordered: true,
        retry: Some(RetryPolicy::new(vec![Duration::from_secs(5), Duration::from_secs(60)], 3, 0.25).unwrap()),
        old_secrets: [(vec![5; 24], 9000), (vec![6; 32], 8000)]
            .map(|(bytes, until)| (SigningSecret::from_bytes(bytes).unwrap(), at(until)))
            .to_vec(),
        signatures: Signatures::Both,
        key: PrivateKey::from_bytes([8; 32]),
        old_keys: vec![(PrivateKey::from_bytes([9; 32]), at(9000))],
        updated_at: at(2000),
        deleted_at: Some(at(3000)),
        ..bare_webhook()
    }
}

fn bare_event() -> Event {
    Event {
        seq: KEY.seq,
        account: ACCOUNT,
        id: EventId::from_bytes([6; 16]),
        event_type: EventType::parse("PAYMENT.PAID").unwrap(),
        external_id: None,
        resource: ResourceFacts::default(),
        occurred_at: None,
        inserted_at: at(1000),
        fingerprint: Fingerprint([7; 16]),
        notifications: 2,
        erased_at: None,
        trace: None,
        trial: None,
    }
}

fn traced_event() -> Event {
    let trace =
        TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "congo=t61rcWkgMzE").unwrap();
    Event { trace: Some(Arc::new(trace)), trial: Some(Trial::Sample), ..full_event() }
}

fn full_event() -> Event {
    Event {
        external_id: Some("p-1".to_owned()),
        resource: ResourceFacts {
            id: Some("R-1".to_owned()),
            external_id: Some("e-1".to_owned()),
            order_id: Some("o-1".to_owned()),
            payment_id: Some("R-1".to_owned()),
            total_cents: Some(12_990),
            keys: ["e-1", "r-1", "o-1", "m-7"].map(str::to_owned).into(),
        },
        occurred_at: Some(at(900)),
        ..bare_event()
    }
}

fn payload(bytes: &[u8], resource_at: usize) -> Payload {
    Payload::new(Bytes::copy_from_slice(bytes), resource_at).unwrap()
}

fn responded() -> Attempt {
    Attempt {
        number: 2,
        trigger: Trigger::Automatic,
        started_at: at(5000),
        duration_us: 70_000,
        timings: Timings { dns_us: Some(1), connect_us: Some(2), tls_us: Some(3), first_byte_us: Some(400) },
        remote_ip: Some(Ipv4Addr::new(203, 0, 113, 9).into()),
        tls: Some(TlsVersion::V1_3),
        request: Some(Box::new(SentRequest {
            target: "https://loja.example/x".to_owned(),
            sent: true,
            headers: [("host", false), ("x-loja", true), ("authorization", true), ("webhook-id", false)]
                .map(|(name, own)| SentHeader { name: HeaderName::from_static(name), own })
                .to_vec(),
            user_agent: "carteiro/1".to_owned(),
            signature_tag: 77,
        })),
        result: AttemptResult::Response(Response {
            status: 503,
            body: b"busy".to_vec(),
            retry_after: Some(Duration::from_secs(30)),
            location: Some("/n".to_owned()),
            head: KeptHead { headers: vec![("server".to_owned(), "nginx".to_owned())], cut: true },
        }),
        next_attempt_at: Some(at(6000)),
    }
}

fn failed(trigger: Trigger) -> Attempt {
    Attempt {
        number: 1,
        trigger,
        started_at: at(5000),
        duration_us: 10,
        timings: Timings::default(),
        remote_ip: Some(Ipv6Addr::LOCALHOST.into()),
        tls: None,
        request: None,
        result: AttemptResult::Error(AttemptError {
            code: ErrorCode::ConnectRefused,
            message: "no".to_owned(),
            message_pt: "não".to_owned(),
        }),
        next_attempt_at: None,
    }
}

fn notification(state: State, last: Option<Attempt>) -> Notification {
    Notification { state, last, ..Notification::new(KEY, ACCOUNT, at(1000), false) }
}

fn clocks() -> Vec<ClockV1> {
    let run = |start, last_ms| RunV1 { start, first_ms: 300, last_ms, disorder_ms: 70_000 };
    vec![
        ClockV1::default(),
        ClockV1 {
            runs: vec![run(0, 500), run(9, u64::MAX)],
            is_bringing_forward: true,
            trust: Some((1_795_435_200_123, 1000)),
        },
    ]
}

fn notifications() -> Vec<Notification> {
    vec![
        notification(State::Pending, None),
        Notification::new(KEY, ACCOUNT, at(1000), true),
        Notification {
            automatic: 2,
            attempts: 2,
            manual_at: Some(at(5500)),
            ..notification(State::Retrying { due: at(6000) }, Some(responded()))
        },
        Notification { delivered_at: Some(at(5100)), ..notification(State::Delivered, Some(responded())) },
        Notification { automatic: 20, attempts: 21, ..notification(State::Failed, Some(failed(Trigger::Manual))) },
        notification(State::Cancelled, Some(Attempt { remote_ip: None, ..failed(Trigger::Test) })),
        Notification { erased: true, ..notification(State::Cancelled, None) },
        Notification { order: Some(OrderKey(77)), awaits_predecessor: true, ..notification(State::Pending, None) },
        Notification { gap: Some(Duration::from_secs(30)), ..notification(State::Retrying { due: at(6000) }, None) },
    ]
}

fn idempotency() -> IdempotencyV1 {
    IdempotencyV1 { fingerprint: [8; 16], until_ms: 9000, seqs: vec![1, 300], webhook: None }
}

/// The key of a registration.
fn registration() -> IdempotencyV1 {
    IdempotencyV1 { seqs: Vec::new(), webhook: Some(RegisteredV1 { no: 9, secret: [7; 16] }), ..idempotency() }
}

fn webhook_ref(key: Option<[u8; 16]>) -> WebhookRefV1 {
    WebhookRefV1 { account: ACCOUNT.0, webhook: 9, key }
}

fn jobs() -> [Job; 6] {
    [
        Job::Cancel { account: 7, webhook: 9 },
        Job::Resend {
            account: 7,
            resend: 5,
            webhook: 9,
            at_seq: 1,
            at_webhook: 0,
            last_seq: 300,
            last_webhook: u32::MAX,
        },
        Job::BringForward { account: 7, webhook: 9, asked_ms: 500, at_ms: 600, at_seq: 300 },
        Job::Remove { account: 7 },
        Job::Backfill { account: 7, job: 5, webhook: 9, at_seq: 1, last_seq: 300, mark_seq: 310 },
        Job::Erase { account: 7, erasure: 6, at_seq: 1, last_seq: 300 },
    ]
}

fn bulk_jobs() -> [BulkJob; 4] {
    let running = BulkJob {
        number: 5,
        account: ACCOUNT,
        id: JobId::from_bytes([10; 16]),
        kind: JobKind::Resend,
        filter: NotificationFilter {
            q: SearchText::parse("Pedido-1"),
            webhook_id: Some(WebhookId::from_bytes([9; 16])),
            event_id: None,
            status: Some(Status::Failed),
            event_type: Pattern::parse("PAYMENT.*"),
            response: None,
            undelivered: None,
            test: Some(false),
            webhook_deleted: None,
            from: Some(at(500)),
            to: Some(at(900)),
        },
        state: JobState::Running,
        queued: 300,
        made: 20,
        ahead: 0,
        skipped: Skipped([(SkipReason::Changed, 1)].into()),
        open: 2,
        broken: false,
        inserted_at: at(1000),
        updated_at: at(2000),
        ended_at: None,
    };
    let ended = BulkJob {
        filter: NotificationFilter::default(),
        state: JobState::Cancelled,
        ended_at: Some(at(3000)),
        ..running.clone()
    };
    let unanswered = BulkJob {
        filter: NotificationFilter { response: Some(ResponseFilter::NoResponse), ..NotificationFilter::default() },
        ..running.clone()
    };
    let backfill = BulkJob {
        kind: JobKind::Backfill,
        ahead: 7,
        filter: NotificationFilter {
            webhook_id: Some(WebhookId::from_bytes([9; 16])),
            from: Some(at(500)),
            ..NotificationFilter::default()
        },
        skipped: Skipped([(SkipReason::HasNotification, 1), (SkipReason::Filtered, 2)].into()),
        ..running.clone()
    };
    [running, ended, unanswered, backfill]
}

fn lasting() -> Alert {
    Alert {
        told_at: Some(at(3000)),
        last_told_at: Some(at(4000)),
        reminders: 1,
        ended_at: Some(at(5000)),
        untold: 2,
        external_ids: vec!["pedido-1".to_owned()],
        stepped_ms: -5,
        ..Alert::new(at(1000), at(2000))
    }
}

fn letter() -> Letter {
    let pending = Pending { channel: "email".to_owned(), failed: 2, due: at(2000) };
    Letter { at: at(1000), body: "{}".to_owned(), pending: vec![pending] }
}

fn books() -> [Book; 2] {
    let full = Book {
        last_letter: 300,
        written: vec![at(1000), at(2000)],
        digest_day: Some(20_786),
        digest_since: Some(at(3000)),
    };
    [Book::default(), full]
}

fn facts() -> AlertFacts {
    AlertFacts {
        failed: 3,
        failed_since: Some(at(1000)),
        external_ids: vec!["pedido-1".to_owned()],
        fell_at: Some(at(2000)),
        stepped_ms: 7000,
        stepped_at: Some(at(3000)),
    }
}

fn erasures() -> [Erasure; 2] {
    let running = Erasure {
        number: 6,
        account: ACCOUNT,
        id: ErasureId::from_bytes([11; 16]),
        key: SearchText::parse("Pedido-1"),
        external_id: true,
        state: ErasureState::Running,
        events: 300,
        erased: 20,
        inserted_at: at(1000),
        updated_at: at(2000),
        ended_at: None,
    };
    let mut ended = running.clone();
    ended.end(ErasureState::Failed, at(3000));
    [running, ended]
}

fn healths() -> [TargetHealth; 2] {
    let fresh = TargetHealth { failures: 1, gone: true, ..TargetHealth::first_failure(at(1000)) };
    [
        fresh,
        TargetHealth {
            failures: 5,
            failing: true,
            exhausted: true,
            gone: false,
            notice: Some(Notice { ends_at: at(2000), proven: false }),
            ..fresh
        },
    ]
}

fn audits() -> Vec<AuditRow> {
    let note = |action| AuditNote::new(ACCOUNT, action);
    let token = Some((TokenId::from_bytes([1; 16]), "caixa".to_owned()));
    let subjects = [
        AuditSubject::Event(EventId::from_bytes([2; 16])),
        AuditSubject::Notification(NotificationId::from_bytes([3; 16])),
        AuditSubject::BulkResend(JobId::from_bytes([4; 16])),
        AuditSubject::Token(TokenId::from_bytes([5; 16]), "erp".to_owned()),
        AuditSubject::Account("loja".to_owned()),
        AuditSubject::Backfill(JobId::from_bytes([7; 16])),
        AuditSubject::Erasure(ErasureId::from_bytes([6; 16])),
    ];
    let changed = AuditedField { from: Some("ACTIVE".to_owned()), ..AuditedField::set("status", "PAUSED") };
    let first = AuditRow {
        number: 40,
        inserted_at: at(1000),
        actor: Actor { origin: Origin::panel(Ipv4Addr::new(203, 0, 113, 9).into()), token },
        note: note(AuditAction::WebhookChanged)
            .of_webhook(WebhookId::from_bytes([3; 16]), "ERP")
            .with([changed, AuditedField::set_hidden("authorization")]),
    };
    let others = subjects.into_iter().map(|subject| AuditRow {
        actor: Actor::OPERATOR,
        note: note(AuditAction::AccountRemoved).about(subject),
        ..first.clone()
    });
    let others: Vec<AuditRow> = others.collect();
    [vec![first], others].concat()
}

/// Every kind of record, with a name.
fn all() -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = vec![
        ("head".to_owned(), encode_head(&head())),
        ("format".to_owned(), encode_format(&FormatV1 { format: 1, id_key: [9; 32], life: [8; 8] })),
        ("text".to_owned(), encode_text("sandbox")),
        ("seq".to_owned(), encode_seq(KEY.seq)),
        ("webhook ref".to_owned(), encode_webhook_ref(&webhook_ref(None))),
        ("webhook ref with a key".to_owned(), encode_webhook_ref(&webhook_ref(Some([6; 16])))),
        ("token".to_owned(), encode_token(&token(None))),
        ("token with an end".to_owned(), encode_token(&token(Some(at(2000))))),
        ("bare webhook".to_owned(), encode_webhook(&bare_webhook())),
        ("full webhook".to_owned(), encode_webhook(&full_webhook())),
        ("inline event".to_owned(), encode_event(&full_event(), Some(&payload(b"{\"a\":{}}", 5))).0),
        (
            "chunked event".to_owned(),
            encode_event_again(&bare_event(), &Stored::Chunked { len: 40_000, resource_at: 5, chunks: 3 }),
        ),
        ("traced event".to_owned(), encode_event(&traced_event(), Some(&payload(b"{\"a\":{}}", 5))).0),
        ("erased event".to_owned(), encode_event(&Event { erased_at: Some(at(4000)), ..bare_event() }, None).0),
        ("chunk".to_owned(), seal(&(), b"piece")),
        ("idempotency".to_owned(), encode_idempotency(&idempotency())),
        ("idempotency of a registration".to_owned(), encode_idempotency(&registration())),
        ("attempt with a response".to_owned(), encode_attempt(&responded())),
        ("attempt with an error".to_owned(), encode_attempt(&failed(Trigger::Manual))),
    ];
    let nth = |kind: &str, n: usize| format!("{kind} {n}");
    all.extend(
        notifications().iter().enumerate().map(|(n, record)| (nth("notification", n), encode_notification(record))),
    );
    all.extend(clocks().iter().enumerate().map(|(n, clock)| (nth("clock", n), encode_clock(clock))));
    all.extend(jobs().iter().enumerate().map(|(n, job)| (nth("job", n), encode_job(job))));
    all.extend(bulk_jobs().iter().enumerate().map(|(n, resend)| (nth("bulk job", n), encode_bulk_job(resend))));
    all.push((nth("alert", 0), encode_alert(&Alert::new(at(1000), at(2000)))));
    all.push((nth("alert", 1), encode_alert(&lasting())));
    all.push(("letter".to_owned(), encode_letter(&letter())));
    all.extend(books().iter().enumerate().map(|(n, book)| (nth("book", n), encode_book(book))));
    all.push((nth("mute", 0), encode_mute(None)));
    all.push((nth("mute", 1), encode_mute(Some(at(1000)))));
    all.push(("facts for alerts".to_owned(), encode_alert_facts(&facts())));
    all.extend(erasures().iter().enumerate().map(|(n, erasure)| (nth("erasure", n), encode_erasure(erasure))));
    all.extend(audits().iter().enumerate().map(|(n, row)| (nth("audit", n), encode_audit(row))));
    all.extend(healths().iter().enumerate().map(|(n, health)| (nth("health", n), encode_health(health))));
    all
}

/// The bytes of every record are part of the file format: a change here needs a new version of the record.
#[test]
fn golden_bytes() {
    let golden: Vec<(&str, &str)> =
        include_str!("golden.txt").lines().filter_map(|line| line.split_once(": ")).collect();
    let found: Vec<(String, String)> = all().into_iter().map(|(name, bytes)| (name, hex(&bytes))).collect();
    let text = found.iter().map(|(name, bytes)| format!("{name}: {bytes}")).collect::<Vec<_>>().join("\n");
    let same = golden.len() == found.len() && golden.iter().zip(&found).all(|(a, b)| (a.0, a.1) == (&*b.0, &*b.1));
    assert!(same, "the records are now\n{text}");
}

#[test]
fn everything_reads_back_as_it_was() {
    assert_eq!(decode_head(&encode_head(&head())).unwrap(), head());
    let format = FormatV1 { format: 1, id_key: [9; 32], life: [8; 8] };
    assert_eq!(decode_format(&encode_format(&format)).unwrap(), format);
    assert_eq!(decode_text(&encode_text("caixa é")).unwrap(), "caixa é");
    assert_eq!(decode_seq(&encode_seq(KEY.seq)).unwrap(), KEY.seq);
    for by_id in [webhook_ref(None), webhook_ref(Some([6; 16]))] {
        assert_eq!(decode_webhook_ref(&encode_webhook_ref(&by_id)).unwrap(), by_id);
    }
    for expires_at in [None, Some(at(2000))] {
        let used = Token { last_used_at: Some(at(3000)), ..token(expires_at) };
        assert_eq!(decode_token(&encode_token(&used)).unwrap().last_used_at, Some(at(3000)));
        let back = decode_token(&encode_token(&token(expires_at))).unwrap();
        assert_eq!(back.last_used_at, None);
        assert!(back.hash.matches(&token(None).hash));
        assert_eq!(
            (back.id, back.account, &*back.name, back.scopes),
            (TokenId::from_bytes([1; 16]), ACCOUNT, "caixa", Scopes::ADMIN)
        );
        assert_eq!((back.inserted_at, back.expires_at), (at(1000), expires_at));
    }
    let paused = Webhook { status: WebhookStatus::Paused, ..bare_webhook() };
    for webhook in [bare_webhook(), full_webhook(), paused, largest_webhook()] {
        assert_eq!(decode_webhook(&encode_webhook(&webhook)).unwrap(), webhook);
    }
    for notification in notifications() {
        assert_eq!(decode_notification(ACCOUNT, KEY, &encode_notification(&notification)).unwrap(), notification);
    }
    for attempt in [responded(), failed(Trigger::Manual), failed(Trigger::Test)] {
        assert_eq!(decode_attempt(&encode_attempt(&attempt)).unwrap(), attempt);
    }
    for known in [idempotency(), registration()] {
        assert_eq!(decode_idempotency(&encode_idempotency(&known)).unwrap(), known);
    }
    for job in jobs() {
        assert_eq!(decode_job(&encode_job(&job)).unwrap(), job);
    }
    for resend in bulk_jobs() {
        assert_eq!(decode_bulk_job(ACCOUNT, 5, &encode_bulk_job(&resend)).unwrap(), resend);
    }
    for erasure in erasures() {
        assert_eq!(decode_erasure(ACCOUNT, 6, &encode_erasure(&erasure)).unwrap(), erasure);
    }
    for row in audits() {
        assert_eq!(decode_audit(ACCOUNT, 40, &encode_audit(&row)).unwrap(), row);
    }
    for clock in clocks() {
        assert_eq!(decode_clock(&encode_clock(&clock)).unwrap(), clock);
    }
    for alert in [Alert::new(at(1000), at(2000)), lasting()] {
        assert_eq!(decode_alert(&encode_alert(&alert)).unwrap(), alert);
    }
    assert_eq!(decode_letter(&encode_letter(&letter())).unwrap(), letter());
    for book in books() {
        assert_eq!(decode_book(&encode_book(&book)).unwrap(), book);
    }
    for until in [None, Some(at(1000))] {
        assert_eq!(decode_mute(&encode_mute(until)).unwrap(), until);
    }
    assert_eq!(decode_alert_facts(&encode_alert_facts(&facts())).unwrap(), facts());
    for health in healths() {
        assert_eq!(decode_health(&encode_health(&health)).unwrap(), health);
    }
}

#[test]
fn events_read_back_wherever_their_payload_stands() {
    for event in [bare_event(), full_event(), traced_event()] {
        for length in [6, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 1] {
            let payload = payload(&vec![b'x'; length], 5);
            let (row, chunks) = encode_event(&event, Some(&payload));
            let (back, stored) = decode_event(ACCOUNT, KEY.seq, &row).unwrap();
            assert_eq!(back, event);
            assert_eq!(decode_event_head(ACCOUNT, KEY.seq, &row).unwrap(), event);
            assert_eq!(encode_event_again(&event, &stored), row);
            if length <= CHUNK_BYTES {
                assert_eq!((stored, chunks.len()), (Stored::Inline(payload), 0));
                continue;
            }
            let joined: Vec<u8> = chunks.iter().flat_map(|chunk| decode_chunk(chunk).unwrap().to_vec()).collect();
            assert_eq!(joined, &payload.body()[..]);
            let count = u16::try_from(length.div_ceil(CHUNK_BYTES)).unwrap();
            assert_eq!(stored, Stored::Chunked { len: length, resource_at: 5, chunks: count });
        }
        let erased = Event { erased_at: Some(at(4000)), trace: None, ..event };
        let (row, chunks) = encode_event(&erased, None);
        assert_eq!(decode_event(ACCOUNT, KEY.seq, &row).unwrap(), (erased, Stored::Erased));
        assert!(chunks.is_empty());
    }
}

fn largest_webhook() -> Webhook {
    let longest_patterns = (0..PatternSet::MAX).map(|n| {
        let name = format!("A.{}{n:03}", "B".repeat(EventType::MAX_BYTES - 5));
        Pattern::parse(&name).unwrap()
    });
    let value = "v".repeat(ExtraHeaders::MAX_TOTAL_BYTES / ExtraHeaders::MAX - 4);
    let names: Vec<String> = (0..ExtraHeaders::MAX).map(|n| format!("x-{n:02}")).collect();
    let target = format!("https://loja.example/{}", "x".repeat(TargetUrl::MAX_BYTES - 21));
    Webhook {
        no: WebhookNo(u32::MAX),
        account: AccountNo(u32::MAX),
        own_name: WebhookName::parse(&"\u{1f69a}".repeat(WebhookName::MAX_CHARS)),
        target: TargetUrl::parse(&target).unwrap(),
        authorization: Authorization::parse(&"a".repeat(Authorization::MAX_BYTES)),
        client_certificate: ClientCertificateName::parse(&"c".repeat(ClientCertificateName::MAX_BYTES)),
        events: PatternSet::new(longest_patterns.collect()).unwrap(),
        filter: PayloadFilter::parse(&format!(r#"{{"a":"{}"}}"#, "f".repeat(PayloadFilter::MAX_BYTES - 8))).ok(),
        description: Some("d".repeat(crate::model::MAX_DESCRIPTION_BYTES)),
        headers: ExtraHeaders::new(names.iter().map(|name| (name.as_str(), value.as_str()))).unwrap(),
        max_in_flight: Some(u16::MAX),
        rate_limit: RateLimit::from_millis(10_000_000),
        retry: Some(RetryPolicy::new(vec![RetryPolicy::MAX_GAP; 19], 20, 1.0).unwrap()),
        secret: SigningSecret::from_bytes(vec![4; 64]).unwrap(),
        old_secrets: vec![
            (SigningSecret::from_random([5; SigningSecret::NEW_BYTES]), at(u64::MAX));
            Webhook::MAX_SECRETS - 1
        ],
        old_keys: vec![(PrivateKey::from_bytes([6; 32]), at(u64::MAX)); Webhook::MAX_KEYS - 1],
        registered_after: Seq(u64::MAX),
        inserted_at: at(u64::MAX),
        updated_at: at(u64::MAX),
        deleted_at: Some(at(u64::MAX)),
        ..full_webhook()
    }
}

/// A target that a stricter reading refuses since must not cost the webhook, and with it the start.
#[test]
fn a_target_that_was_once_taken_still_loads() {
    for target in ["http://[]", "http://[v1.a]/"] {
        assert!(TargetUrl::parse(target).is_err());
        let kept = Webhook { target: TargetUrl::restored(target).unwrap(), ..full_webhook() };
        assert_eq!(decode_webhook(&encode_webhook(&kept)).unwrap().target, kept.target, "{target}");
    }
}

/// What the edges let through must fit: `seal` itself asserts it in a debug build, and only there.
#[test]
fn the_largest_records_fit_into_a_row() {
    let webhook = encode_webhook(&largest_webhook());
    assert!((20 * 1024..=MAX_VALUE_BYTES).contains(&webhook.len()), "{}", webhook.len());
    let longest = Some("x".repeat(255));
    let event = Event {
        seq: Seq(Seq::END.0 - 1),
        event_type: EventType::parse(&format!("A.{}", "B".repeat(EventType::MAX_BYTES - 2))).unwrap(),
        external_id: longest.clone(),
        resource: ResourceFacts {
            id: longest.clone(),
            external_id: longest.clone(),
            order_id: Some("o".repeat(255)),
            payment_id: Some("p".repeat(255)),
            total_cents: Some(i64::MIN),
            keys: (0..8).map(|n| format!("{n}{}", "k".repeat(127))).collect(),
        },
        occurred_at: Some(at(u64::MAX)),
        inserted_at: at(u64::MAX),
        notifications: u32::MAX,
        ..bare_event()
    };
    let mut other = largest_webhook();
    other.events = PatternSet::new(vec![Pattern::Everything]).unwrap();
    other.headers = ExtraHeaders::default();
    let fields = changed_fields(Some(&largest_webhook()), Some(&other));
    let name = "\u{1f69a}".repeat(WebhookName::MAX_CHARS);
    let note = AuditNote::new(ACCOUNT, AuditAction::WebhookChanged).of_webhook(WebhookId::from_bytes([3; 16]), &name);
    let fields =
        [changed_fields(Some(&largest_webhook()), None), changed_fields(None, Some(&largest_webhook())), fields];
    let audit = AuditRow { note: note.with(fields.concat()), ..audits().remove(0) };
    let audit = encode_audit(&audit);
    assert!(audit.len() <= MAX_VALUE_BYTES, "{}", audit.len());
    let (row, _) = encode_event(&event, Some(&payload(&vec![b'x'; CHUNK_BYTES], 5)));
    assert!(row.len() <= MAX_VALUE_BYTES, "{}", row.len());
    let seqs = vec![Seq::END.0 - 1; 1000];
    let idempotency = encode_idempotency(&IdempotencyV1 { until_ms: u64::MAX, seqs, ..registration() });
    assert!(idempotency.len() <= MAX_VALUE_BYTES, "{}", idempotency.len());
    let response = Response {
        status: 503,
        body: vec![0; Response::KEPT_BODY_BYTES],
        retry_after: None,
        location: Some("x".repeat(1500)),
        head: KeptHead { headers: vec![("x".to_owned(), String::new()); KeptHead::KEPT_BYTES / 5], cut: true },
    };
    let longest = HeaderName::try_from("x".repeat(ExtraHeaders::MAX_TOTAL_BYTES)).unwrap();
    let request = SentRequest {
        target: "x".repeat(TargetUrl::MAX_BYTES),
        headers: vec![SentHeader { name: longest, own: true }],
        ..*responded().request.unwrap()
    };
    let sentence = "x".repeat(AttemptError::MAX_MESSAGE_BYTES);
    let error = AttemptError { code: ErrorCode::Internal, message: sentence.clone(), message_pt: sentence };
    for result in [AttemptResult::Response(response), AttemptResult::Error(error)] {
        let attempt = Attempt { result, request: Some(Box::new(request.clone())), ..responded() };
        let row = encode_notification(&notification(State::Failed, Some(attempt)));
        assert!(row.len() <= MAX_VALUE_BYTES, "{}", row.len());
    }
}
