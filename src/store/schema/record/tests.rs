//! Golden bytes of every record, and that it reads back as it was.

mod damage;
mod samples;

use crate::model::{
    Alert, Attempt, AttemptError, AttemptResult, AuditAction, AuditNote, AuditRow, ErrorCode, Event, EventType,
    ExtraHeaders, KeptHead, Pattern, PatternSet, ResourceFacts, Response, Scopes, SentHeader, SentRequest, Seq, State,
    TargetUrl, TokenId, Trigger, Webhook, WebhookId, WebhookName, WebhookStatus, changed_fields,
};
use crate::store::hex::hex;
use crate::store::schema::record::audit::{decode_audit, encode_audit};
use crate::store::schema::record::clock::{decode_clock, encode_clock};
use crate::store::schema::record::frame::{CHUNK_BYTES, seal};
use crate::store::schema::record::jobs::{
    decode_bulk_job, decode_erasure, decode_job, encode_bulk_job, encode_erasure, encode_job,
};
use crate::store::schema::record::webhooks::{decode_health, decode_webhook, encode_health, encode_webhook};
use crate::store::schema::record::{
    FormatV1, IdempotencyV1, MAX_VALUE_BYTES, Stored, Token, decode_alert, decode_alert_facts, decode_attempt,
    decode_book, decode_chunk, decode_event, decode_event_head, decode_format, decode_head, decode_idempotency,
    decode_letter, decode_mute, decode_notification, decode_seq, decode_text, decode_token, decode_webhook_ref,
    encode_alert, encode_alert_facts, encode_attempt, encode_book, encode_event, encode_event_again, encode_format,
    encode_head, encode_idempotency, encode_letter, encode_mute, encode_notification, encode_seq, encode_text,
    encode_token, encode_webhook_ref,
};
use http::HeaderName;
use samples::{
    ACCOUNT, KEY, at, audits, bare_event, bare_webhook, books, bulk_jobs, clocks, erasures, facts, failed, full_event,
    full_webhook, head, healths, idempotency, jobs, largest_webhook, lasting, letter, notification, notifications,
    payload, registration, responded, token, traced_event, webhook_ref,
};

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
