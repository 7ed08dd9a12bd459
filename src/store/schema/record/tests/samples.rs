//! Records of every kind, bare and full.

use crate::model::{
    AccountNo, Actor, Alert, AlertFacts, Attempt, AttemptError, AttemptResult, AuditAction, AuditNote, AuditRow,
    AuditSubject, AuditedField, Authorization, Book, BulkJob, ClientCertificateName, ClockSteps, Condition,
    DisabledReason, Erasure, ErasureId, ErasureState, ErrorCode, Event, EventId, EventType, ExtraHeaders, Fingerprint,
    JobId, JobKind, JobOutcome, JobOutcomes, JobState, KeptHead, Letter, Notice, Notification, NotificationFilter,
    NotificationId, NotificationKey, OfJob, OrderKey, Origin, Pattern, PatternSet, Payload, PayloadFilter, Pending,
    PrivateKey, RateLimit, ResourceFacts, Response, ResponseFilter, RetryPolicy, Scopes, SearchText, SentHeader,
    SentRequest, Seq, Signatures, SigningSecret, SkipReason, Skipped, State, Status, TargetHealth, TargetUrl,
    Timestamp, Timings, TlsVersion, TokenHash, TokenId, TraceContext, Trial, Trigger, Webhook, WebhookId, WebhookName,
    WebhookNo, WebhookStatus,
};
use crate::store::schema::record::clock::{ClockV1, RunV1};
use crate::store::schema::record::jobs::Job;
use crate::store::schema::record::{HeadV1, IdempotencyV1, RegisteredV1, Token, WebhookRefV1};
use bytes::Bytes;
use http::HeaderName;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

pub(super) const ACCOUNT: AccountNo = AccountNo(7);
pub(super) const KEY: NotificationKey = NotificationKey { seq: Seq(0x0102_0304), webhook: WebhookNo(9) };

pub(super) fn at(ms: u64) -> Timestamp {
    Timestamp::from_ms(ms)
}

pub(super) fn head() -> HeadV1 {
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

pub(super) fn token(expires_at: Option<Timestamp>) -> Token {
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

pub(super) fn bare_webhook() -> Webhook {
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

pub(super) fn full_webhook() -> Webhook {
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

pub(super) fn bare_event() -> Event {
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

pub(super) fn traced_event() -> Event {
    let trace =
        TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "congo=t61rcWkgMzE").unwrap();
    Event { trace: Some(Arc::new(trace)), trial: Some(Trial::Sample), ..full_event() }
}

pub(super) fn full_event() -> Event {
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

pub(super) fn payload(bytes: &[u8], resource_at: usize) -> Payload {
    Payload::new(Bytes::copy_from_slice(bytes), resource_at).unwrap()
}

pub(super) fn responded() -> Attempt {
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

pub(super) fn failed(trigger: Trigger) -> Attempt {
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

pub(super) fn notification(state: State, last: Option<Attempt>) -> Notification {
    Notification { state, last, ..Notification::new(KEY, ACCOUNT, at(1000), false) }
}

pub(super) fn clocks() -> Vec<ClockV1> {
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

pub(super) fn notifications() -> Vec<Notification> {
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
        Notification {
            job: Some(OfJob { number: 5, counted: false }),
            manual_at: Some(at(2000)),
            ..notification(State::Failed, None)
        },
        Notification { job: Some(OfJob { number: 6, counted: true }), ..notification(State::Delivered, None) },
    ]
}

pub(super) fn idempotency() -> IdempotencyV1 {
    IdempotencyV1 { fingerprint: [8; 16], until_ms: 9000, seqs: vec![1, 300], webhook: None }
}

/// The key of a registration.
pub(super) fn registration() -> IdempotencyV1 {
    IdempotencyV1 { seqs: Vec::new(), webhook: Some(RegisteredV1 { no: 9, secret: [7; 16] }), ..idempotency() }
}

pub(super) fn webhook_ref(key: Option<[u8; 16]>) -> WebhookRefV1 {
    WebhookRefV1 { account: ACCOUNT.0, webhook: 9, key }
}

pub(super) fn jobs() -> [Job; 6] {
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

pub(super) fn bulk_jobs() -> [BulkJob; 4] {
    let running = BulkJob {
        number: 5,
        account: ACCOUNT,
        id: JobId::from_bytes([10; 16]),
        kind: JobKind::Resend,
        filter: NotificationFilter {
            q: SearchText::parse("Pedido-1"),
            webhook_id: Some(WebhookId::from_bytes([9; 16])),
            event_id: None,
            job_id: None,
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
        outcomes: JobOutcomes::default(),
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
        filter: NotificationFilter {
            job_id: Some(JobId::from_bytes([11; 16])),
            response: Some(ResponseFilter::NoResponse),
            ..NotificationFilter::default()
        },
        ..running.clone()
    };
    let mut outcomes = JobOutcomes::default();
    outcomes.add(JobOutcome::Delivered, 12);
    outcomes.add(JobOutcome::Failed, 3);
    let backfill = BulkJob {
        kind: JobKind::Backfill,
        ahead: 7,
        outcomes,
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

pub(super) fn lasting() -> Alert {
    Alert {
        told_at: Some(at(3000)),
        last_told_at: Some(at(4000)),
        reminders: 1,
        ended_at: Some(at(5000)),
        untold: 2,
        external_ids: vec!["pedido-1".to_owned()],
        steps: ClockSteps { forward_ms: 3, back_ms: 5 },
        ..Alert::new(at(1000), at(2000))
    }
}

pub(super) fn letter() -> Letter {
    let pending = Pending { channel: "email".to_owned(), failed: 2, due: at(2000) };
    let told = vec![(Condition::DiskLow, Some(at(900))), (Condition::StoreRefusing, None)];
    Letter { at: at(1000), body: "{}".into(), told, pending: vec![pending] }
}

pub(super) fn books() -> [Book; 2] {
    let full = Book {
        last_letter: 300,
        written: vec![at(1000), at(2000)],
        digest_day: Some(20_786),
        digest_since: Some(at(3000)),
    };
    [Book::default(), full]
}

pub(super) fn facts() -> AlertFacts {
    AlertFacts {
        failed: 3,
        failed_since: Some(at(1000)),
        external_ids: vec!["pedido-1".to_owned()],
        fell_at: Some(at(2000)),
        begins_anew: true,
        steps: ClockSteps::one(7000),
        stepped_at: Some(at(3000)),
    }
}

pub(super) fn erasures() -> [Erasure; 2] {
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

pub(super) fn healths() -> [TargetHealth; 2] {
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

pub(super) fn audits() -> Vec<AuditRow> {
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

pub(super) fn largest_webhook() -> Webhook {
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
