//! The audit: every verb leaves a row that says who did it, and no secret with it; the row is there if the change is.

use super::absent_accounts::{both, token as token_of};
use super::cli::carteiro;
use super::harness::{Daemon, QUICK, eventually};
use super::panel::{get, post, sign_in, text};
use super::receiver::{Receiver, Reply};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const AUTHORIZATION: &str = "Bearer s3gredo-da-loja";
const HEADER: &str = "v4lor-do-cabecalho";
const QUERY: &str = "ch4ve-na-consulta";
const PAYLOAD: &str = "c0nteudo-do-pedido";

/// Each call of the API that changes something, with what the audit has of it; or why it has nothing. A new call must
/// be put here.
const CALLS: [(&str, Result<&str, &str>); 25] = [
    ("registerWebhook", Ok("WEBHOOK_REGISTERED")),
    ("patchWebhook", Ok("WEBHOOK_CHANGED")),
    ("putWebhook", Ok("WEBHOOK_CHANGED")),
    ("deleteWebhook", Ok("WEBHOOK_DELETED")),
    ("testWebhook", Ok("WEBHOOK_TESTED")),
    ("testFilter", Err("it changes nothing")),
    ("testAlerts", Err("it changes nothing")),
    ("rotateSecret", Ok("SECRET_ROTATED")),
    ("rotateKey", Ok("KEY_ROTATED")),
    ("recordEvent", Err("the event tells of itself")),
    ("recordBatch", Err("the events tell of themselves")),
    ("resendEvent", Ok("EVENT_RESENT")),
    ("backfillWebhook", Ok("BACKFILL_STARTED")),
    ("cancelBackfill", Ok("BACKFILL_CANCELLED")),
    ("resendNotification", Ok("NOTIFICATION_RESENT")),
    ("resendMany", Ok("BULK_RESEND_STARTED")),
    ("cancelResend", Ok("BULK_RESEND_CANCELLED")),
    ("muteAlert", Ok("ALERT_MUTED")),
    ("unmuteAlert", Ok("ALERT_UNMUTED")),
    ("createToken", Ok("TOKEN_CREATED")),
    ("revokeToken", Ok("TOKEN_REVOKED")),
    ("createPanelLink", Ok("PANEL_LINK_CREATED")),
    // From here on there is nothing left to send.
    ("eraseResource", Ok("EVENT_ERASED")),
    ("eraseEvents", Ok("ERASURE_STARTED")),
    ("cancelErasure", Err("one that has ended stays as it is; another test cancels one that goes on")),
];

fn rows(daemon: &Daemon, query: &str) -> Vec<Value> {
    daemon.list(&format!("/api/audit?limit=500&{query}"))
}

fn newest(daemon: &Daemon) -> Value {
    rows(daemon, "").remove(0)
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

/// A change by the name of its field.
fn change<'r>(row: &'r Value, field: &str) -> &'r Value {
    let changes = row["changes"].as_array().unwrap();
    changes.iter().find(|change| change["field"] == field).unwrap_or_else(|| panic!("no {field} in {row}"))
}

fn webhook(target: &str) -> Value {
    json!({ "target": format!("{target}?chave={QUERY}"), "events": ["*"], "authorization": AUTHORIZATION,
        "name": "ERP", "headers": { "X-Chave": HEADER } })
}

/// What each call is sent to, made before.
struct Scene {
    webhook: String,
    event: String,
    notification: String,
    resend: String,
    backfill: String,
    token: String,
}

fn scene(daemon: &Daemon, target: &str) -> Scene {
    let hook = id(&daemon.register_with(webhook(target)));
    let event = daemon.record_with(json!({ "type": "PAYMENT.PAID", "resource": { "payment": { "id": PAYLOAD } } }));
    let notification = id(&daemon.await_status(&event, "DELIVERED"));
    // One that doesn't end: of a paused webhook.
    let paused = id(&daemon.register_with(json!({ "target": target, "events": ["ORDER.PAID"] })));
    let late = daemon.record("ORDER.PAID");
    eventually("it is delivered to both", || {
        daemon.history(&late).iter().all(|one| one["status"] == "DELIVERED").then_some(())
    });
    daemon.patch(&format!("/api/webhooks/{paused}"), &json!({ "webhook": { "status": "PAUSED" } })).expect(200);
    let filter = json!({ "filter": { "webhook_id": paused, "q": PAYLOAD }, "include_delivered": true });
    daemon.post("/api/notifications/resend", &filter).expect(202);
    let filter = json!({ "filter": { "webhook_id": paused }, "include_delivered": true });
    let resend = id(&daemon.post("/api/notifications/resend", &filter).expect(202).data());
    let backfill = json!({ "from": "2020-01-01T00:00:00Z" });
    let backfill = id(&daemon.post(&format!("/api/webhooks/{paused}/backfill"), &backfill).expect(202).data());
    let made = json!({ "token": { "name": "caixa", "scopes": ["ingest"] } });
    let token = id(&daemon.post("/api/tokens", &made).expect(201).data());
    Scene { webhook: hook, event, notification, resend, backfill, token }
}

fn made_by(daemon: &Daemon, operation: &str, scene: &Scene, target: &str) {
    let Scene { webhook: hook, event, notification, resend, backfill, token } = scene;
    let hook = format!("/api/webhooks/{hook}");
    let empty = |path: &str| daemon.send("POST", path, b"");
    let answer = match operation {
        "registerWebhook" => daemon.post("/api/webhooks", &json!({ "webhook": webhook(target) })),
        "patchWebhook" => daemon.patch(&hook, &json!({ "webhook": { "description": "loja" } })),
        "putWebhook" => daemon.send("PUT", &hook, br#"{"webhook":{"ordered":true}}"#),
        "deleteWebhook" => daemon.delete(&hook),
        "testWebhook" => empty(&format!("{hook}/test")),
        "rotateSecret" => empty(&format!("{hook}/rotate_secret")),
        "rotateKey" => empty(&format!("{hook}/rotate_key")),
        "resendEvent" => empty(&format!("/api/events/{event}/resend")),
        "eraseResource" => daemon.delete(&format!("/api/events/{event}/resource")),
        "resendNotification" => empty(&format!("/api/notifications/{notification}/resend")),
        "resendMany" => daemon.post("/api/notifications/resend", &json!({ "filter": { "q": PAYLOAD } })),
        "cancelResend" => daemon.delete(&format!("/api/notifications/resend/{resend}")),
        "eraseEvents" => daemon.post("/api/erasures", &json!({ "q": PAYLOAD })),
        "backfillWebhook" => daemon.post(&format!("{hook}/backfill"), &json!({ "from": "2020-01-01T00:00:00Z" })),
        "cancelBackfill" => daemon.delete(&format!("/api/webhooks/backfill/{backfill}")),
        "muteAlert" => daemon.post("/api/alerts/mutes", &json!({ "mute": { "key": "disk-low", "for": "24h" } })),
        "unmuteAlert" => daemon.delete("/api/alerts/mutes?key=disk-low"),
        "createToken" => daemon.post("/api/tokens", &json!({ "token": { "name": "erp", "scopes": ["read"] } })),
        "revokeToken" => daemon.delete(&format!("/api/tokens/{token}")),
        "createPanelLink" => empty("/api/panel_links"),
        other => panic!("{other}"),
    };
    assert!((200..300).contains(&answer.status), "{operation}: {answer:?}");
}

#[test]
fn every_call_leaves_a_row_that_a_crash_right_after_it_does_not_take() {
    let mut daemon = Daemon::quick();
    let receiver = Receiver::ok();
    let document = daemon.get("/api/openapi.json").expect(200).json();
    let mut described = BTreeSet::new();
    for (_, methods) in document["paths"].as_object().unwrap() {
        let changing = methods.as_object().unwrap().iter().filter(|(method, _)| *method != "get");
        described.extend(changing.map(|(_, call)| call["operationId"].as_str().unwrap().to_owned()));
    }
    let known: BTreeSet<String> = CALLS.iter().map(|(call, _)| (*call).to_owned()).collect();
    assert_eq!(known, described, "each call says here what the audit has of it");

    let mut scene = scene(&daemon, &receiver.url);
    for (call, audited) in CALLS {
        let Ok(action) = audited else { continue };
        if call == "deleteWebhook" {
            scene.webhook = id(&daemon.register_with(webhook(&receiver.url)));
        }
        let before = newest(&daemon)["number"].as_u64().unwrap();
        made_by(&daemon, call, &scene, &receiver.url);
        daemon.kill_9();
        daemon.spawn();
        let found: Vec<Value> =
            rows(&daemon, "").into_iter().filter(|row| row["number"].as_u64() > Some(before)).collect();
        assert_eq!(found.len(), 1, "{call}: {found:?}");
        let row = &found[0];
        assert_eq!((&row["action"], &row["through"]), (&json!(action), &json!("API")), "{call}");
        assert_eq!((&row["token_name"], &row["address"]), (&json!("admin"), &json!("127.0.0.1")), "{call}");
        if call == "deleteWebhook" {
            scene.webhook = id(&daemon.register_with(webhook(&receiver.url)));
        }
    }
    let (code, out, said) = daemon.run(&["verify"]);
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(out.contains("audit"), "{out}");

    // What is there once is in a backup.
    let kept = rows(&daemon, "");
    let backup = daemon.data().parent().unwrap().join("store.backup");
    let (code, _, said) = daemon.run(&["backup", backup.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    daemon.terminate();
    std::fs::rename(daemon.data(), daemon.data().with_extension("old")).unwrap();
    let (code, _, said) = daemon.run(&["restore", backup.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    std::fs::copy(daemon.data().with_extension("old").join("admin-token"), daemon.data().join("admin-token")).unwrap();
    daemon.spawn();
    assert_eq!(rows(&daemon, ""), kept);
    let numbered = kept[0]["number"].as_u64().unwrap();
    daemon.send("POST", "/api/panel_links", b"").expect(201);
    assert!(newest(&daemon)["number"].as_u64().unwrap() > numbered + 1, "no number is given out twice");
}

#[test]
fn rows_say_what_was_changed_and_hold_no_secret() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    let hook = daemon.register_with(webhook(&receiver.url));
    let path = format!("/api/webhooks/{}", id(&hook));
    let registered = newest(&daemon);
    assert_eq!((&registered["webhook_id"], &registered["webhook_name"]), (&hook["id"], &json!("ERP")));
    let target = json!({ "field": "target", "from": null, "to": format!("{}?…", receiver.url), "hidden": true });
    assert_eq!(change(&registered, "target"), &target);
    let hidden =
        |field: &str, from: Value, to: Value| json!({ "field": field, "from": from, "to": to, "hidden": true });
    assert_eq!(change(&registered, "authorization"), &hidden("authorization", Value::Null, json!("…")));
    assert_eq!(change(&registered, "headers.x-chave"), &hidden("headers.x-chave", Value::Null, json!("…")));

    let edit = |webhook: Value| daemon.patch(&path, &json!({ "webhook": webhook })).expect(200);
    let shown =
        |field: &str, from: Value, to: Value| json!({ "field": field, "from": from, "to": to, "hidden": false });
    edit(json!({ "status": "PAUSED", "rate_limit": 2.5, "authorization": null, "headers": { "X-Chave": "outro" },
        "target": format!("{}?chave=0utra-chave", receiver.url), "name": "ERP 2" }));
    let row = newest(&daemon);
    let changed: BTreeMap<&str, &Value> =
        row["changes"].as_array().unwrap().iter().map(|one| (one["field"].as_str().unwrap(), one)).collect();
    let expected = [
        ("authorization", hidden("authorization", json!("…"), Value::Null)),
        ("headers.x-chave", hidden("headers.x-chave", json!("…"), json!("…"))),
        ("name", shown("name", json!("ERP"), json!("ERP 2"))),
        ("rate_limit", shown("rate_limit", Value::Null, json!("2.5"))),
        ("status", shown("status", json!("ACTIVE"), json!("PAUSED"))),
        // Only its query.
        ("target", hidden("target", json!(format!("{}?…", receiver.url)), json!(format!("{}?…", receiver.url)))),
    ];
    assert_eq!(changed, expected.iter().map(|(field, change)| (*field, change)).collect());
    // What changes nothing is no change.
    edit(json!({ "status": "PAUSED" }));
    assert_eq!(newest(&daemon), row);
    // The panel's form has its types in an order of its own: the same ones in another order are no change.
    edit(json!({ "events": ["PAYMENT.PAID", "ORDER.*"] }));
    let row = newest(&daemon);
    assert_eq!(change(&row, "events")["to"], "PAYMENT.PAID, ORDER.*");
    edit(json!({ "events": ["ORDER.*", "PAYMENT.PAID"] }));
    assert_eq!(newest(&daemon), row);
    daemon.delete("/api/events/0193a5b0-1111-7222-8333-444455556666/resource").refused(404, "not_found");
    daemon.post("/api/webhooks", &json!({ "webhook": { "target": "x", "events": ["*"] } })).expect(422);
    assert_eq!(newest(&daemon), row, "what was refused was not done");

    let rotated = daemon.send("POST", &format!("{path}/rotate_secret"), br#"{"overlap":"0s"}"#).expect(200).data();
    assert_eq!(change(&newest(&daemon), "overlap")["to"], "0s", "{}", newest(&daemon));
    let made = json!({ "token": { "name": "erp", "scopes": ["ingest", "read"], "expires_in": "90d" } });
    let made = daemon.post("/api/tokens", &made).expect(201).data();
    let row = newest(&daemon);
    assert_eq!(row["subject"], json!({ "kind": "TOKEN", "id": made["id"], "name": "erp" }));
    assert_eq!(change(&row, "scopes")["to"], "ingest, read");
    assert_eq!(change(&row, "expires_at")["to"], made["expires_at"]);
    let event = daemon.record_with(json!({ "type": "PAYMENT.PAID", "external_id": PAYLOAD,
        "resource": { "payment": { "id": PAYLOAD } } }));
    daemon.delete(&format!("/api/events/{event}/resource?external_id=true")).expect(204);
    assert_eq!(newest(&daemon)["subject"], json!({ "kind": "EVENT", "id": event, "name": null }));
    daemon.post("/api/notifications/resend", &json!({ "filter": { "q": PAYLOAD, "status": "FAILED" } })).expect(202);
    let row = newest(&daemon);
    assert_eq!(change(&row, "filter.q"), &hidden("filter.q", Value::Null, json!("…")));
    assert_eq!((&change(&row, "filter.status")["to"], &change(&row, "queued")["to"]), (&json!("FAILED"), &json!("0")));

    daemon.post("/api/erasures", &json!({ "q": PAYLOAD })).expect(202);
    assert_eq!(change(&newest(&daemon), "q"), &hidden("q", Value::Null, json!("…")));

    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let printed = |arguments: &[&str]| {
        let out = carteiro(&daemon, arguments, "", &[]);
        assert!(out.status.success(), "{arguments:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    let said = [
        text(&daemon.get("/api/audit?limit=500").expect(200)),
        text(&daemon.get("/api/audit?format=csv").expect(200)),
        text(&get(&daemon, "/audit", &cookie).expect(200)),
        text(&get(&daemon, "/audit?format=csv", &cookie).expect(200)),
        printed(&["audit", "--all"]),
        printed(&["audit", "--all", "--json"]),
    ];
    let secret =
        |value: &Value| value.as_str().unwrap().trim_start_matches("whsec_").trim_start_matches("ctr_").to_owned();
    let secrets =
        [secret(&hook["secret"]), secret(&rotated["secret"]), secret(&made["token"]), daemon.token[4..].to_owned()];
    let typed = [AUTHORIZATION, HEADER, QUERY, PAYLOAD, "0utra-chave"].map(str::to_owned);
    for text in said {
        assert!(text.contains("ERP 2") && text.contains('…'), "{text}");
        for secret in secrets.iter().chain(&typed) {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[test]
fn rows_are_found_by_what_was_done_to_what_by_whom_and_when_for_admins_alone() {
    let daemon = Daemon::quick();
    let made = |scope: &str| {
        daemon.post("/api/tokens", &json!({ "token": { "name": scope, "scopes": [scope] } })).expect(201).data()
    };
    let (admin, reader) = (made("admin"), made("read"));
    let token = |of: &Value| of["token"].as_str().unwrap().to_owned();
    let one = daemon.register("http://127.0.0.1:9/um", &["*"]);
    let two = daemon.register("http://127.0.0.1:9/dois", &["*"]);
    daemon.call_as(&token(&admin), "DELETE", &format!("/api/webhooks/{one}"), "", b"").expect(204);
    let actions = |query: &str| {
        let names = rows(&daemon, query).into_iter().map(|row| row["action"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(actions(&format!("webhook_id={one}")), ["WEBHOOK_DELETED", "WEBHOOK_REGISTERED"], "deleted or not");
    assert_eq!(actions(&format!("webhook_id={two}")), ["WEBHOOK_REGISTERED"]);
    let by = format!("token_id={}", id(&admin));
    assert_eq!(actions(&by), ["WEBHOOK_DELETED", "TOKEN_CREATED"], "made with it, and to it");
    assert_eq!(actions(&format!("{by}&action=TOKEN_CREATED")), ["TOKEN_CREATED"]);
    let first = rows(&daemon, "order=asc");
    let begins = first.iter().map(|row| row["action"].as_str().unwrap()).take(2).collect::<Vec<_>>();
    assert_eq!(begins, ["ACCOUNT_CREATED", "TOKEN_CREATED"]);
    assert!(first[..2].iter().all(|row| row["through"] == "CARTEIRO" && row["address"].is_null()), "{first:?}");
    let at = first[3]["inserted_at"].as_str().unwrap();
    let before = rows(&daemon, &format!("to={at}&order=asc"));
    let after = rows(&daemon, &format!("from={at}&order=asc"));
    assert_eq!([before, after].concat(), first);
    assert!(actions("from=2100-01-01T00:00:00Z").is_empty());

    // Page by page, both ways; the last page of a feed says where it goes on.
    for order in ["asc", "desc"] {
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        for _ in 0..=first.len() {
            let page = daemon.get(&format!("/api/audit?limit=2&order={order}{cursor}")).expect(200).json();
            let found = page["data"].as_array().unwrap().clone();
            let next = page["page"]["next_cursor"].as_str().map(|next| format!("&cursor={next}"));
            paged.extend(found.clone());
            match next {
                Some(next) if !found.is_empty() => cursor = next,
                _ => break,
            }
        }
        if order == "desc" {
            paged.reverse();
        } else {
            daemon.send("POST", "/api/panel_links", b"").expect(201);
            let fed = daemon.list(&format!("/api/audit?limit=2&order=asc{cursor}"));
            assert_eq!(fed.len(), 1, "{fed:?}");
            assert_eq!(fed[0]["action"], "PANEL_LINK_CREATED");
            paged.extend(fed);
        }
        let all = rows(&daemon, "order=asc");
        assert_eq!(paged, all[..paged.len()], "{order}");
        assert_eq!(paged.len(), all.len(), "{order}");
    }

    for (query, field) in
        [("action=x", "action"), ("token_id=1", "token_id"), ("webhook_id=", "webhook_id"), ("from=x", "from")]
    {
        let refused = daemon.get(&format!("/api/audit?{query}")).refused(422, "invalid_fields");
        assert!(refused[field].is_array(), "{refused}");
    }
    daemon.call_as(&token(&reader), "GET", "/api/audit", "", b"").refused(403, "forbidden");
    let (cookie, _) = sign_in(&daemon, &token(&reader));
    get(&daemon, "/audit", &cookie).expect(403);
    let csv = get(&daemon, "/audit?format=csv", &cookie).expect(403);
    assert!(!text(&csv).contains("TOKEN_CREATED"));

    let csv = text(&daemon.get(&format!("/api/audit?format=csv&lang=pt&webhook_id={one}")).expect(200));
    let lines: Vec<&str> = csv.trim_start_matches('\u{feff}').lines().collect();
    assert!(lines[0].starts_with("Número;Feita em (UTC);Ação;"), "{csv}");
    assert!(csv.contains("WEBHOOK_DELETED;API;") && csv.contains(&one) && !csv.contains(&two), "{csv}");
    let out = carteiro(&daemon, &["audit", "--webhook-id", &one], "", &[("CARTEIRO_TOKEN", &daemon.token)]);
    let out = String::from_utf8(out.stdout).unwrap();
    assert!(out.contains("WEBHOOK_DELETED") && out.contains("admin, API, 127.0.0.1"), "{out}");
}

#[test]
fn the_panel_its_links_and_carteiro_itself_are_told_apart() {
    let daemon = Daemon::quick();
    let gone = Receiver::start(&[Reply::Status(410)]);
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let row = newest(&daemon);
    assert_eq!(
        (&row["action"], &row["through"], &row["address"]),
        (&json!("SIGNED_IN"), &json!("PANEL"), &json!("127.0.0.1"))
    );
    post(&daemon, "/sign-in", "", &[("token", "ctr_wrong")]).expect(401);
    assert_eq!(newest(&daemon), row, "who isn't let in stands in the log");
    let fields = [("csrf", csrf.as_str()), ("target", &gone.url), ("event", "*")];
    post(&daemon, "/webhooks", &cookie, &fields).expect(303);
    let row = newest(&daemon);
    assert_eq!((&row["action"], &row["through"]), (&json!("WEBHOOK_REGISTERED"), &json!("PANEL")));
    assert_eq!((&row["token_name"], &row["address"]), (&json!("admin"), &json!("127.0.0.1")));
    let hook = row["webhook_id"].as_str().unwrap().to_owned();

    daemon.record("PAYMENT.PAID");
    let row = eventually("it is disabled", || Some(newest(&daemon)).filter(|row| row["action"] == "WEBHOOK_DISABLED"));
    assert_eq!((&row["through"], &row["token_id"], &row["address"]), (&json!("CARTEIRO"), &Value::Null, &Value::Null));
    assert_eq!((&row["webhook_id"], &change(&row, "reason")["to"]), (&json!(hook), &json!("gone")));
    assert_eq!(change(&row, "status")["to"], "DISABLED");

    let (code, link, said) = daemon.run(&["panel-link"]);
    assert_eq!(code, Some(0), "{said}");
    let row = newest(&daemon);
    assert_eq!((&row["action"], &row["through"]), (&json!("PANEL_LINK_CREATED"), &json!("OPERATOR")));
    post(&daemon, "/sign-in/link", "", &[("link", link.trim())]).expect(303);
    let row = newest(&daemon);
    assert_eq!((&row["action"], &row["token_name"]), (&json!("SIGNED_IN_BY_LINK"), &json!("admin")));

    let page = text(&get(&daemon, "/audit", &cookie).expect(200));
    for said in [
        "Histórico de alterações",
        "Entrada no painel por link",
        "o próprio carteiro",
        "Operador (na própria máquina)",
        "o destino respondeu 410 Gone",
        "Webhook desativado",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let narrowed =
        text(&get(&daemon, &format!("/audit?webhook_id={hook}&action=WEBHOOK_REGISTERED"), &cookie).expect(200));
    assert_eq!(narrowed.matches("<tr id=\"a-").count(), 1, "{narrowed}");
    let metric = |action: &str| daemon.metric(&format!("carteiro_audit_rows_total{{action=\"{action}\"}}"));
    assert_eq!((metric("SIGNED_IN"), metric("WEBHOOK_DISABLED"), metric("TOKEN_REVOKED")), (1, 1, 0));
}

#[test]
fn accounts_have_an_audit_each_which_goes_with_them_and_the_operators_tells_of_it() {
    let mut daemon = Daemon::start(&both());
    let [mine, theirs] = ["producao", "sandbox"].map(|name| token_of(&daemon, name));
    let list = |daemon: &Daemon, token: &str| {
        let listed = daemon.call_as(token, "GET", "/api/audit?limit=500", "", b"").expect(200).data();
        listed.as_array().unwrap().clone()
    };
    daemon.call_as(&theirs, "POST", "/api/panel_links", "", b"").expect(201);
    assert_eq!(list(&daemon, &theirs)[0]["action"], "PANEL_LINK_CREATED");
    assert!(list(&daemon, &mine).iter().all(|row| row["action"] != "PANEL_LINK_CREATED"));
    daemon.terminate();
    daemon.configure(
        QUICK
            .split_once("[egress]")
            .map(|(_, rest)| format!("[egress]{rest}[[account]]\nname = \"producao\"\n"))
            .as_deref()
            .unwrap(),
    );
    daemon.spawn();
    let (code, _, said) = daemon.run(&["account", "remove", "sandbox", "--yes"]);
    assert_eq!(code, Some(0), "{said}");
    let row = list(&daemon, &mine).remove(0);
    assert_eq!((&row["action"], &row["through"]), (&json!("ACCOUNT_REMOVED"), &json!("OPERATOR")));
    assert_eq!(row["subject"], json!({ "kind": "ACCOUNT", "id": null, "name": "sandbox" }));
    daemon.terminate();
    daemon.configure(&both());
    daemon.spawn();
    let theirs = token_of(&daemon, "sandbox");
    let left: Vec<Value> = list(&daemon, &theirs);
    let left: Vec<&str> = left.iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(left, ["TOKEN_CREATED", "ACCOUNT_CREATED"], "a new account of that name has nothing of the old one");
}
