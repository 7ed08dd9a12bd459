//! The panel's webhooks: their list, their secrets, and the form that registers and changes one.

use super::super::harness::{Answer, Daemon, QUICK, eventually};
use super::super::receiver::{Receiver, Reply};
use super::{form, get, post, sign_in, text};
use serde_json::json;

/// The page that a form leads to, without the note of what was done.
fn made_at(answer: &Answer) -> String {
    answer.header("location").unwrap().split('?').next().unwrap().to_owned()
}

#[test]
fn webhooks_are_paged_both_ways() {
    let daemon = Daemon::quick();
    for n in 0..60 {
        daemon.register(&format!("http://127.0.0.1:9/loja-{n}"), &["*"]);
    }
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let rows = |page: &str| page.matches("<tr id=\"w-").count();
    let link = |page: &str, rel: &str| {
        let tag = page.split_once(&format!("<a rel=\"{rel}\" href=\""))?.1;
        Some(tag.split('"').next().unwrap().replace("&amp;", "&"))
    };
    let first = text(&get(&daemon, "/webhooks", &cookie).expect(200));
    assert_eq!((rows(&first), link(&first, "prev")), (50, None));
    assert!(first.contains("/loja-0<") && !first.contains("/loja-59<"));
    let second = text(&get(&daemon, &link(&first, "next").unwrap(), &cookie).expect(200));
    assert_eq!((rows(&second), link(&second, "next")), (10, None));
    let back = text(&get(&daemon, &link(&second, "prev").unwrap(), &cookie).expect(200));
    assert_eq!(rows(&back), 50);
    assert!(back.contains("/loja-0<"));
    // What needs somebody comes first, then names; and they are found by either.
    let paused = daemon.list("/api/webhooks").pop().unwrap()["id"].as_str().unwrap().to_owned();
    let change = json!({ "webhook": { "status": "PAUSED", "name": "Zeladoria" } });
    daemon.patch(&format!("/api/webhooks/{paused}"), &change).expect(200);
    let first = text(&get(&daemon, "/webhooks", &cookie).expect(200));
    assert!(first.split_once("<tr id=\"w-").unwrap().1.starts_with(&paused), "{first}");
    for wanted in ["zelador", "LOJA-59"] {
        let found = text(&get(&daemon, &format!("/webhooks?q={wanted}"), &cookie).expect(200));
        assert_eq!(rows(&found), 1, "{wanted}");
        // The file beside the list has the same rows.
        let link = found.split_once("format=csv").map(|(before, _)| before.rsplit('"').next().unwrap()).unwrap();
        let file = text(&get(&daemon, &format!("{}format=csv", link.replace("&amp;", "&")), &cookie).expect(200));
        assert_eq!(file.lines().count(), 1 + 1, "{file}");
    }
}

/// It was shown once: a reload, or a page left open that asked again by itself, took it away.
#[test]
fn a_secret_is_shown_until_somebody_has_kept_it() {
    let daemon = Daemon::quick();
    let id = daemon.register("http://127.0.0.1:9/x", &["*"]);
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let path = format!("/webhooks/{id}");
    let has_secret = |answer: &Answer| text(answer).contains("whsec_");
    let asked = text(&get(&daemon, &format!("{path}/rotate"), &cookie).expect(200));
    assert!(asked.contains("O segredo vazou?") && asked.contains("name=\"leaked\""), "{asked}");
    for _ in 0..4 {
        post(&daemon, &format!("{path}/rotate"), &cookie, &[("csrf", &csrf)]).expect(303);
    }
    let refused = text(&post(&daemon, &format!("{path}/rotate"), &cookie, &[("csrf", &csrf)]).expect(409));
    assert!(refused.contains("troque dizendo que o segredo vazou"), "{refused}");
    post(&daemon, &format!("{path}/rotate"), &cookie, &[("csrf", &csrf), ("leaked", "1")]).expect(303);
    // Until somebody has kept it, also where the page was left and come back to; and on no other webhook's page.
    let other = daemon.register("http://127.0.0.1:9/y", &["*"]);
    for _ in 0..2 {
        assert!(has_secret(&get(&daemon, &path, &cookie).expect(200)));
    }
    assert!(!has_secret(&get(&daemon, &format!("/webhooks/{other}"), &cookie).expect(200)));
    let file = get(&daemon, &format!("{path}/secret.txt"), &cookie).expect(200);
    let named = "attachment; filename=\"segredo-do-webhook.txt\"";
    assert_eq!((file.header("content-disposition"), file.header("cache-control")), (Some(named), Some("no-store")));
    assert!(text(&file).starts_with("127.0.0.1\nhttp://127.0.0.1:9/x\nwhsec_"), "{}", text(&file));
    get(&daemon, &format!("/webhooks/{other}/secret.txt"), &cookie).expect(404);
    let (stranger, _) = sign_in(&daemon, &daemon.token);
    assert!(!has_secret(&get(&daemon, &path, &stranger).expect(200)), "another session");
    get(&daemon, &format!("{path}/secret.txt"), &stranger).expect(404);
    post(&daemon, &format!("{path}/kept"), &cookie, &[("csrf", &csrf), ("back", &path)]).expect(303);
    assert!(!has_secret(&get(&daemon, &path, &cookie).expect(200)));
    get(&daemon, &format!("{path}/secret.txt"), &cookie).expect(404);
}

/// The largest filters made an address longer than proxies let one be.
#[test]
fn a_filter_is_tried_and_used_by_forms_that_change_nothing() {
    let daemon = Daemon::quick();
    let id = daemon.register("http://127.0.0.1:9/x", &["*"]);
    daemon.record_with(json!({"type": "A.B", "resource": {"n": "é".repeat(10)}}));
    let reading = daemon.post("/api/tokens", &json!({"token": {"name": "r", "scopes": ["read"]}})).expect(201).data();
    let values: Vec<String> = (0..240).map(|n| format!("\"ééééé{n}\"")).collect();
    let filter = format!(r#"{{"n": {{"$in": [{}]}}}}"#, values.join(","));
    for (token, can_change) in [(reading["token"].as_str().unwrap(), false), (&*daemon.token, true)] {
        let (cookie, csrf) = sign_in(&daemon, token);
        let path = format!("/webhooks/{id}/filter");
        let tried = text(&post(&daemon, &path, &cookie, &[("csrf", &csrf), ("filter", &filter)]).expect(200));
        assert!(tried.contains("0 de 1") && tried.contains("ééééé239"), "{tried}");
        assert!(!text(&get(&daemon, &path, &cookie).expect(200)).contains("ééééé239"));
        let faulty = text(&post(&daemon, &path, &cookie, &[("csrf", &csrf), ("filter", "{")]).expect(200));
        assert!(faulty.contains("id=\"filter-problem\""), "{faulty}");
        post(&daemon, &path, &cookie, &[("filter", &filter)]).expect(403);
        let edit = format!("/webhooks/{id}/edit");
        let status = if can_change { 200 } else { 403 };
        let used = post(&daemon, &edit, &cookie, &[("csrf", &csrf), ("filter", &filter)]).expect(status);
        assert_eq!(text(&used).contains("ééééé239"), can_change);
    }
    assert!(daemon.get(&format!("/api/webhooks/{id}")).data()["filter"].is_null());
    let signed_out = post(&daemon, &format!("/webhooks/{id}/filter"), "", &[("filter", "{}")]).expect(303);
    assert_eq!(signed_out.header("location"), Some(&*format!("/sign-in?next=%2Fwebhooks%2F{id}%2Ffilter")));
    let no_page = post(&daemon, "/dismiss", "", &[]).expect(303);
    assert_eq!(no_page.header("location"), Some("/sign-in"));
}

/// A double click registered two webhooks, and the shop's target received everything twice.
#[test]
fn a_form_that_is_sent_twice_registers_once() {
    let daemon = Daemon::quick();
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let form = text(&get(&daemon, "/webhooks/new", &cookie).expect(200));
    let key = form.split_once("name=\"key\" value=\"").unwrap().1.split('"').next().unwrap();
    let send = |target: &str| {
        let fields = [("csrf", csrf.as_str()), ("key", key), ("target", target), ("event", "*")];
        post(&daemon, "/webhooks", &cookie, &fields).expect(303).header("location").unwrap().to_owned()
    };
    let first = send("http://127.0.0.1:9/x");
    assert_eq!(send("http://127.0.0.1:9/x"), first);
    assert_eq!(daemon.list("/api/webhooks").len(), 1);
    // Gone back to and filled in anew, it is another webhook.
    assert_ne!(send("http://127.0.0.1:9/y"), first);
    assert_eq!(daemon.list("/api/webhooks").len(), 2);
}

/// Two tabs edited one webhook, and the second reverted what the first had saved.
#[test]
fn a_form_that_another_tab_has_overtaken_shows_both_values_and_loses_none() {
    let daemon = Daemon::quick();
    let webhook = json!({ "target": "http://127.0.0.1:9/x", "events": ["*"], "description": "um" });
    let id = daemon.register_with(webhook)["id"].as_str().unwrap().to_owned();
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let version =
        |page: &str| page.split_once("name=\"version\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let path = format!("/webhooks/{id}");
    let seen = version(&text(&get(&daemon, &format!("{path}/edit"), &cookie).expect(200)));
    let save = |version: &str, description: &str, more: &[(&str, &str)]| {
        let fields = [
            ("csrf", csrf.as_str()),
            ("version", version),
            ("target", "http://127.0.0.1:9/x"),
            ("event", "*"),
            ("description", description),
        ];
        post(&daemon, &path, &cookie, &[fields.as_slice(), more].concat())
    };
    let stored = || daemon.get(&format!("/api{path}")).expect(200).data();
    // That carteiro or somebody pauses it meanwhile is nothing that a form would undo.
    daemon.patch(&format!("/api{path}"), &json!({ "webhook": { "status": "PAUSED" } })).expect(200);
    save(&seen, "dois", &[]).expect(303);
    let refused = text(&save(&seen, "três", &[("ordered", "1"), ("authorization", "Bearer tres")]).expect(409));
    for shown in ["alterado em outra janela", "value=\"três\"", "Salvo agora: dois", "Salvo agora: não"] {
        assert!(refused.contains(shown), "{shown}: {refused}");
    }
    assert!(!refused.contains("Bearer tres"));
    assert_eq!((&stored()["description"], &stored()["ordered"]), (&json!("dois"), &json!(false)));
    // Another mistake doesn't make the form forget what it had seen.
    let mistaken = text(&save(&seen, "três", &[("max_in_flight", "0")]).expect(422));
    assert_eq!(version(&mistaken), seen);
    // Whose form says what is stored already has nothing to decide.
    save(&seen, "dois", &[]).expect(303);
    save(&version(&refused), "três", &[("ordered", "1")]).expect(303);
    assert_eq!((&stored()["description"], &stored()["ordered"]), (&json!("três"), &json!(true)));
    assert_eq!(stored()["status"], "PAUSED");
}

/// Who had changed the URL alone was shown the name in red, with the old one in its field: saving took back what the
/// other tab had saved.
#[test]
fn a_field_that_nobody_touched_takes_what_another_tab_has_saved() {
    let daemon = Daemon::quick();
    let webhook = json!({ "target": "http://127.0.0.1:9/x", "events": ["*"], "name": "um", "rate_limit": 2.5 });
    let path = format!("/webhooks/{}", daemon.register_with(webhook)["id"].as_str().unwrap());
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let hidden = |page: &str, name: &str| {
        let from = format!("name=\"{name}\" value=\"");
        page.split_once(&from).unwrap_or_else(|| panic!("{name}: {page}")).1.split('"').next().unwrap().to_owned()
    };
    let form = text(&get(&daemon, &format!("{path}/edit"), &cookie).expect(200));
    let save = |form: &str, name: &str, target: &str| {
        let (version, marks) = (hidden(form, "version"), hidden(form, "marks"));
        let fields = [
            ("csrf", csrf.as_str()),
            ("version", &version),
            ("marks", &marks),
            ("name", name),
            ("target", target),
            ("event", "*"),
            ("rate_limit", "2,50"),
        ];
        post(&daemon, &path, &cookie, &fields)
    };
    let other = json!({ "webhook": { "name": "dois", "ordered": true, "rate_limit": 3 } });
    daemon.patch(&format!("/api{path}"), &other).expect(200);
    let refused = text(&save(&form, "um", "http://127.0.0.1:9/y").expect(409));
    for shown in ["value=\"dois\"", "value=\"3\"", "value=\"http://127.0.0.1:9/y\"", "id=\"target-problem\""] {
        assert!(refused.contains(shown), "{shown}: {refused}");
    }
    for untouched in ["name-problem", "ordered-problem", "rate_limit-problem"] {
        assert!(!refused.contains(untouched), "{untouched}: {refused}");
    }
    // Nobody touches it on the next form either, which knows what that one was filled with.
    daemon.patch(&format!("/api{path}"), &json!({ "webhook": { "name": "três" } })).expect(200);
    let refused = text(&save(&refused, "dois", "http://127.0.0.1:9/y").expect(409));
    assert!(refused.contains("value=\"três\"") && !refused.contains("name-problem"), "{refused}");
    save(&refused, "três", "http://127.0.0.1:9/y").expect(303);
    let stored = daemon.get(&format!("/api{path}")).expect(200).data();
    assert_eq!((&stored["name"], &stored["target"]), (&json!("três"), &json!("http://127.0.0.1:9/y")));
}

#[test]
fn a_name_is_optional_and_the_host_without_one() {
    let daemon = Daemon::quick();
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let with = |path: &str, name: &str, target: &str| {
        let fields = [("csrf", csrf.as_str()), ("target", target), ("event", "*"), ("name", name)];
        post(&daemon, path, &cookie, &fields)
    };
    let made = made_at(&with("/webhooks", "", "http://127.0.0.1:9/x").expect(303));
    let name = || daemon.list("/api/webhooks")[0]["name"].as_str().unwrap().to_owned();
    assert_eq!(name(), "127.0.0.1");
    // Saved as it is shown, it is still its host's.
    assert!(text(&get(&daemon, &format!("{made}/edit"), &cookie)).contains("value=\"127.0.0.1\""));
    with(&made, "127.0.0.1", "http://loja.example/x").expect(303);
    assert_eq!(name(), "loja.example");
    with(&made, "127.0.0.1", "http://loja.example/x").expect(303);
    assert_eq!(name(), "127.0.0.1", "a name of its own by now");
    with(&made, " ERP Bling ", "http://loja.example/x").expect(303);
    assert_eq!(name(), "ERP Bling");
    assert!(text(&get(&daemon, "/webhooks", &cookie)).contains("ERP Bling"));
    let refused = text(&with(&made, &"é".repeat(81), "http://loja.example/x").expect(422));
    assert!(refused.contains("Use de 1 a 80 caracteres"), "{refused}");
}

#[test]
fn headers_and_a_schedule_are_set_kept_and_refused_beside_their_fields() {
    let daemon = Daemon::quick();
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let with = |path: &str, fields: &[(&str, &str)]| {
        let own = [("csrf", csrf.as_str()), ("target", "http://127.0.0.1:9/x"), ("event", "*")];
        post(&daemon, path, &cookie, &[own.as_slice(), fields].concat())
    };
    let bad = [
        ("headers", "Host: x"),
        ("retry_schedule", "5s 1 fortnight"),
        ("retry_attempts", "21"),
        ("retry_jitter", "101"),
    ];
    let page = text(&with("/webhooks", &bad).expect(422));
    for (field, value) in bad.iter().take(2) {
        assert!(page.contains(&format!("id=\"{field}-problem\"")) && page.contains(value), "{field}: {page}");
    }
    assert!(page.contains("<code>Host</code> é definido pelo carteiro"), "in the page's language: {page}");
    for (schedule, field) in [("5s", "retry_attempts"), ("", "retry_schedule")] {
        let page = text(&with("/webhooks", &[("retry_schedule", schedule), ("retry_attempts", "21")]).expect(422));
        assert!(page.contains(&format!("id=\"{field}-problem\"")), "{field}: {page}");
    }
    assert!(daemon.list("/api/webhooks").is_empty());

    let good = [
        ("headers", "X-Loja: 42\r\nX-Chave: s3gr3do\r\n"),
        ("retry_schedule", "5s, 2h 30m"),
        ("retry_attempts", "3"),
        ("retry_jitter", "2,5%"),
    ];
    let made = made_at(&with("/webhooks", &good).expect(303));
    let own = || daemon.list("/api/webhooks").pop().unwrap();
    assert_eq!(own()["retry"], json!({ "schedule": ["5s", "2h", "30m"], "max_attempts": 3, "jitter": 0.025 }));
    let form = text(&get(&daemon, &format!("{made}/edit"), &cookie).expect(200));
    assert!(form.contains("x-loja: …") && !form.contains("s3gr3do") && form.contains("5s 2h 30m"), "{form}");
    // One stays as it is, one goes, the schedule too.
    with(&made, &[("headers", "x-chave: …")]).expect(303);
    assert_eq!((&own()["headers"], &own()["retry"]), (&json!({ "x-chave": "…" }), &json!(null)));
    let receiver = Receiver::start(&[Reply::Status(200)]);
    with(&made, &[("target", &receiver.url), ("headers", "x-chave: …")]).expect(303);
    with(&made, &[("headers", "x-nova: …")]).expect(422);
}

/// An authorization is no part of any page: after a refusal its field was empty, and correcting the other one saved a
/// webhook without.
#[test]
fn an_authorization_is_not_lost_without_a_word() {
    let daemon = Daemon::quick();
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let with = |path: &str, fields: &[(&str, &str)]| {
        post(&daemon, path, &cookie, &[[("csrf", csrf.as_str()), ("event", "*")].as_slice(), fields].concat())
    };
    let asks = |answer: &Answer| text(answer).contains("id=\"authorization-problem\"");
    let has_it = |answer: &Answer| text(answer).contains("token-da-loja");
    let typed = ("authorization", "token-da-loja");
    let made = with("/webhooks", &[("target", "http://127.0.0.1:9/x")]).expect(303);
    for path in ["/webhooks", &made_at(&made)] {
        let refused = with(path, &[("target", "ftp://x"), typed]).expect(422);
        assert!(asks(&refused) && !has_it(&refused), "{path}");
        assert!(text(&refused).contains("name=\"had_authorization\""), "{path}");
        let refused = with(path, &[("target", "ftp://x"), ("had_authorization", "1")]).expect(422);
        assert!(asks(&refused), "{path}: once more, for as long as there is something else to correct");
        assert!(!asks(&with(path, &[("target", "ftp://x")]).expect(422)), "{path}: none was typed");
    }
}

/// People paste the token that a system shows them, and only "Bearer …" works there: all that followed was refused.
#[test]
fn a_token_alone_does_not_replace_one_with_its_scheme_unasked() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::start(&[Reply::Status(200)]));
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let stored = json!({ "target": receiver.url, "events": ["*"], "authorization": "Bearer antigo" });
    let path = format!("/webhooks/{}", daemon.register_with(stored)["id"].as_str().unwrap());
    let own = [("csrf", csrf.as_str()), ("event", "*"), ("target", receiver.url.as_str())];
    let with = |fields: &[(&str, &str)]| post(&daemon, &path, &cookie, &[own.as_slice(), fields].concat());
    let mut events = 0;
    let mut sent = || {
        daemon.record("PAYMENT.PAID");
        events += 1;
        receiver.await_count(events).last().unwrap().header("authorization").unwrap().to_owned()
    };
    let asked = text(&with(&[("authorization", "novo-token")]).expect(422));
    assert!(asked.contains("A autorização atual começa com “Bearer ”"), "{asked}");
    assert!(!asked.contains("novo-token"), "no page repeats it");
    assert_eq!(sent(), "Bearer antigo", "nothing is saved yet");
    // Something else has to be corrected meanwhile; the answer holds, and the token is not typed again.
    let keep = ("authorization_scheme", "keep");
    let refused = text(&with(&[("description", &"x".repeat(501)), keep, ("had_authorization", "1")]).expect(422));
    let chosen = "id=\"authorization_scheme-keep\" type=\"radio\" name=\"authorization_scheme\" value=\"keep\" checked";
    assert!(refused.contains(chosen), "{refused}");
    with(&[keep, ("had_authorization", "1")]).expect(303);
    assert_eq!(sent(), "Bearer novo-token");
    // What was saved is not kept for another form, and nobody is told that something was saved.
    let gone = text(&with(&[keep, ("had_authorization", "1")]).expect(422));
    assert!(gone.contains("no máximo 10 minutos e já não está mais. Digite a autorização de novo."), "{gone}");
    assert!(!gone.contains("authorization_scheme"), "{gone}");
    // Sent once more as it is, with an empty field: what stays is said.
    let saved = with(&[("had_authorization", "1")]).expect(303);
    let page = text(&get(&daemon, saved.header("location").unwrap(), &cookie).expect(200));
    assert!(page.contains("salvo. A autorização continua como estava."), "{page}");
    assert_eq!(sent(), "Bearer novo-token");
    with(&[keep]).expect(303);
    assert_eq!(sent(), "Bearer novo-token");
    with(&[("authorization", "outro")]).expect(422);
    with(&[("authorization_scheme", "none"), ("had_authorization", "1")]).expect(303);
    assert_eq!(sent(), "outro", "because somebody wants that");
    // One that has a scheme, or takes the place of one without, is not asked about.
    for value in ["Basic dXNlcg==", "so-um-token", "Basic dXNlcg=="] {
        let answer = with(&[("authorization", value)]);
        if answer.status == 422 {
            with(&[("authorization_scheme", "none"), ("had_authorization", "1")]).expect(303);
        }
        assert_eq!((sent().as_str(), answer.status), (value, if value == "so-um-token" { 422 } else { 303 }));
    }
}

/// The box was left aside without a word where something was typed: who ticked it had an authorization saved.
#[test]
fn an_authorization_is_typed_or_removed_and_not_both() {
    let daemon = Daemon::quick();
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let target = "http://127.0.0.1:9/x";
    let stored = json!({ "target": target, "events": ["*"], "authorization": "Bearer antigo" });
    let path = format!("/webhooks/{}", daemon.register_with(stored)["id"].as_str().unwrap());
    let own = [("csrf", csrf.as_str()), ("event", "*"), ("target", target)];
    let with = |fields: &[(&str, &str)]| post(&daemon, &path, &cookie, &[own.as_slice(), fields].concat());
    let audited = || daemon.list("/api/audit").iter().filter(|row| row["action"] == "WEBHOOK_CHANGED").count();
    let (remove, had) = (("remove_authorization", "1"), ("had_authorization", "1"));
    let both = "Digite a nova ou marque para remover, não as duas coisas.";
    for typed in ["Bearer novo", "so-o-token"] {
        let refused = text(&with(&[("authorization", typed), remove]).expect(422));
        assert!(refused.contains(both) && !refused.contains("authorization_scheme"), "{refused}");
        assert!(!refused.contains(typed), "no page repeats it");
    }
    // At the question too, whose text the session keeps.
    with(&[("authorization", "so-o-token")]).expect(422);
    let keep = ("authorization_scheme", "keep");
    let refused = text(&with(&[keep, had, remove]).expect(422));
    assert!(refused.contains(both) && refused.contains("value=\"1\" checked"), "{refused}");
    assert_eq!(audited(), 0, "nothing is saved");
    // The box alone, as that page has it.
    with(&[had, remove]).expect(303);
    let shown = text(&get(&daemon, &path, &cookie).expect(200));
    assert!(shown.contains("Autorização <b>não definida</b>"), "{shown}");
}

#[test]
fn a_form_that_is_too_long_says_so_and_keeps_what_was_typed() {
    let daemon = Daemon::quick();
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let made = daemon.register("http://127.0.0.1:9/x", &["*"]);
    // The names and the other values of the form below.
    let rest =
        form(&[("csrf", &csrf), ("target", "http://127.0.0.1:9/loja"), ("event", "*"), ("description", "")]).len();
    let with = |path: &str, bytes: usize| {
        let description = "x".repeat(bytes - rest);
        let fields = [("csrf", &*csrf), ("target", "http://127.0.0.1:9/loja"), ("event", "*")];
        post(&daemon, path, &cookie, &[fields.as_slice(), &[("description", &description)]].concat())
    };
    for path in ["/webhooks", &format!("/webhooks/{made}")] {
        let page = text(&with(path, 64 * 1024).expect(422));
        assert!(page.contains("Use no máximo 500 bytes"), "{path}: {page}");
        let page = text(&with(path, 64 * 1024 + 1).expect(413));
        assert!(page.contains("id=\"description-problem\"") && page.contains("passa de 64 KB"), "{path}: {page}");
        assert!(page.contains("http://127.0.0.1:9/loja") && page.contains("xxxxx"), "{path}: what was typed stays");
    }
    let page = text(&with("/notifications/resend", 64 * 1024 + 1).expect(413));
    assert!(page.contains("passa de 64 KB"), "{page}");
    let strange = form(&[("token", &"x".repeat(64 * 1024))]);
    let headers = "Content-Type: application/x-www-form-urlencoded\r\n";
    daemon.call_as("", "POST", "/sign-in", headers, strange.as_bytes()).expect(413);
    assert_eq!(daemon.list("/api/webhooks").len(), 1);
}

#[test]
fn a_pattern_that_means_nothing_is_remarked_on_and_not_refused() {
    let daemon = Daemon::quick();
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    daemon.record("SHIPMENT.SENT");
    let own = [("csrf", csrf.as_str()), ("target", "http://127.0.0.1:9/x"), ("event", "PAYMENT.*")];
    let with = |more: &str| {
        let made = post(&daemon, "/webhooks", &cookie, &[own.as_slice(), &[("more", more)]].concat()).expect(303);
        text(&get(&daemon, made.header("location").unwrap(), &cookie).expect(200))
    };
    let page = with("ENTREGA.*\nshipment.sent\nORDER.EMBALADO");
    assert!(page.contains("evento registrado corresponde a: ENTREGA.*, ORDER.EMBALADO."), "{page}");
    assert!(!with("SHIPMENT.*").contains("id=\"unknown\""));
    let form = text(&get(&daemon, "/webhooks/new", &cookie).expect(200));
    assert!(form.contains("como ORDER.* ou PAYMENT.PAID"), "the hint names types that there are: {form}");
}

/// A test was of carteiro's own type alone, which no ERP knows what to do with.
#[test]
fn a_test_is_of_a_type_that_is_chosen_and_goes_to_the_tested_webhook_alone() {
    let (receiver, other) = (Receiver::ok(), Receiver::ok());
    let daemon = Daemon::quick();
    let id = daemon.register(&receiver.url, &["PAYMENT.*"]);
    daemon.register(&other.url, &["*"]);
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let page = text(&get(&daemon, &format!("/webhooks/{id}"), &cookie).expect(200));
    assert!(
        page.contains("<option value=\"\">") && page.contains("<option value=\"PAYMENT.PAID\">Pagamento pago"),
        "{page}"
    );
    assert!(!page.contains("<option value=\"ORDER.PAID\">") && !page.contains("<option value=\"WEBHOOK."), "{page}");
    let send = |of: &str| post(&daemon, &format!("/webhooks/{id}/test"), &cookie, &[("csrf", &csrf), ("type", of)]);
    let made = made_at(&send("PAYMENT.PAID").expect(303));
    let body = receiver.await_count(1)[0].json();
    assert_eq!((&body["event"], &body["env"]), (&json!("PAYMENT.PAID"), &json!("test")), "{body}");
    assert!(body["resource"].is_object(), "{body}");
    let notification = daemon.get(&format!("/api{made}")).expect(200).data();
    assert_eq!(notification["test"], true, "{notification}");
    let event = notification["event_id"].as_str().unwrap();
    daemon.await_status(event, "DELIVERED");
    let reasons = daemon.get(&format!("/api/events/{event}/explain")).expect(200).data();
    assert!(reasons[1]["reason"].as_str().unwrap().contains("a test goes to the tested webhook alone"), "{reasons}");
    // Nor does a re-send of the event reach anybody else.
    daemon.send("POST", &format!("/api/events/{event}/resend"), b"").expect(202);
    receiver.await_count(2);
    send("").expect(303);
    assert_eq!(receiver.await_count(3)[2].json()["event"], "WEBHOOK.TEST");
    send("NOBODY.KNOWS").expect(404);
    // It was sent as if a webhook had been disabled.
    for own in ["WEBHOOK.DISABLED", "WEBHOOK.FAILING"] {
        assert!(text(&send(own).expect(422)).contains("são do próprio carteiro"), "{own}");
    }
    assert_eq!(other.count(), 0);
}

/// Home said that all was well as soon as a target answered again, though nobody had sent what had failed meanwhile.
#[test]
fn what_has_failed_is_told_of_until_it_is_resent() {
    let replies: Vec<Reply> = (0..6).map(|nth| Reply::Status(if nth < 5 { 401 } else { 200 })).collect();
    let receiver = Receiver::start(&replies);
    let daemon = Daemon::start(&QUICK.replace("[delivery]", "[delivery]\nmax_attempts = 1"));
    let id = daemon.register(&receiver.url, &["PAYMENT.*"]);
    // What has failed for a deleted webhook can't be re-sent, and isn't counted with what can.
    let deleted = daemon.register("http://127.0.0.1:9/x", &["ORDER.*"]);
    daemon.await_status(&daemon.record("ORDER.PAID"), "FAILED");
    daemon.delete(&format!("/api/webhooks/{deleted}")).expect(204);
    for _ in 0..5 {
        daemon.await_status(&daemon.record("PAYMENT.PAID"), "FAILED");
    }
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let page = |path: &str| text(&get(&daemon, path, &cookie).expect(200));
    let list = format!("href=\"/notifications?webhook_id={id}&amp;status=FAILED\">Ver as 5 que falharam</a>");
    let shown = page("/");
    assert!(shown.contains("5 notificações falharam e só saem se você as reenviar."), "{shown}");
    for shown in [shown, page(&format!("/webhooks/{id}"))] {
        assert!(shown.contains(&list) && shown.contains("as que já falharam, reenvie."), "{shown}");
    }
    let chip = "href=\"/notifications?status=FAILED&amp;webhook_deleted=false\">Falharam <b>5</b>";
    assert!(page("/notifications").contains(chip), "{chip}");
    assert_eq!(page("/notifications?status=FAILED&webhook_deleted=false").matches("<tr id=").count(), 5);
    // The target is mended; the five are not.
    daemon.await_status(&daemon.record("PAYMENT.PAID"), "DELIVERED");
    let shown = page("/");
    assert!(shown.contains("5 notificações falharam nos últimos 7 dias.") && !shown.contains("Tudo certo"), "{shown}");
    let link = shown.split_once("p class=\"health warn\"").unwrap().1.split_once("href=\"").unwrap().1;
    let link = link.split('"').next().unwrap().replace("&amp;", "&");
    assert_eq!(page(&link).matches("<tr id=").count(), 5, "{link}");
    let alerts = |is_there: &str| eventually(is_there, || page("/alerts").contains(is_there).then_some(()));
    alerts(">Ver as 5 que falharam</a>");
    let fields = [("csrf", &*csrf), ("query", "status=FAILED")];
    post(&daemon, "/notifications/resend-all", &cookie, &fields).expect(303);
    eventually("all is well", || page("/").contains("Tudo certo:</strong> 6 notificações").then_some(()));
    // Its alert goes on for a while, with nothing left to do about it.
    let shown = page("/alerts");
    let (_, row) = shown.split_once(">Falharam: 127.0.0.1").expect(&shown);
    let row = row.split("</tr>").next().unwrap();
    assert!(row.contains(">Resolvido</span>") && row.contains("Nenhuma continua com falha."), "{row}");
    assert!(!row.contains("/alerts/mute"), "{row}");
}

/// A type that was too long got a sentence about its form, or none; a moment in the future one without its field.
#[test]
fn the_form_of_a_backfill_says_what_is_wrong_with_each_field() {
    let daemon = Daemon::quick();
    let id = daemon.register("http://127.0.0.1:9/x", &["*"]);
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let (path, long) = (format!("/webhooks/{id}/backfill"), "A".repeat(300));
    let too_long = ("deve ter no máximo", " bytes, não 300.");
    for (asked, told) in [
        (&*format!("period=24h&type={long}"), too_long),
        ("period=24h&type=pedido.pag%2A", ("“pedido.pag*” não é um evento", "PAYMENT.PAID")),
        ("from=2999-01-01T00:00", (">De: não pode estar", " no futuro.")),
    ] {
        let page = text(&get(&daemon, &format!("{path}?{asked}"), &cookie).expect(422));
        assert!(page.contains(told.0) && page.contains(told.1) && page.contains("name=\"period\""), "{page}");
        assert!(!page.contains("method=\"post\" action=\"/webhooks/"), "nothing to confirm: {page}");
    }
    let sent = [("csrf", &*csrf), ("from", "2020-01-01T00:00:00Z"), ("type", &*long)];
    let page = text(&post(&daemon, &path, &cookie, &sent).expect(422));
    assert!(page.contains(too_long.0) && page.contains(too_long.1), "{page}");
    let body = json!({ "from": "2020-01-01T00:00:00Z", "type": long });
    let refused = daemon.post(&format!("/api{path}"), &body).refused(422, "invalid_fields");
    assert!(refused["type"][0].as_str().unwrap().ends_with("bytes, not 300"), "{refused}");
}

#[test]
fn signatures_are_chosen_in_the_form_and_the_public_key_stands_in_its_tab() {
    let daemon = Daemon::quick();
    let id = daemon.register("http://127.0.0.1:9/x", &["*"]);
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let webhook = || daemon.get(&format!("/api/webhooks/{id}")).expect(200).data();
    let path = format!("/webhooks/{id}");
    let tab = || text(&get(&daemon, &format!("{path}?tab=signature"), &cookie).expect(200));
    let shown = tab();
    let first = webhook()["public_key"].as_str().unwrap().to_owned();
    assert!(shown.contains("Chave pública") && shown.contains(&first) && shown.contains("data-copy=\"public-key\""));
    assert!(shown.contains("v1: com o segredo") && !shown.contains("client_certificate"), "{shown}");

    let fields = [("csrf", &*csrf), ("target", "http://127.0.0.1:9/x"), ("event", "*"), ("signatures", "v1 v1a")];
    post(&daemon, &path, &cookie, &fields).expect(303);
    assert_eq!(webhook()["signatures"], json!(["v1", "v1a"]));
    let edit = text(&get(&daemon, &format!("{path}/edit"), &cookie).expect(200));
    assert!(edit.contains("<option value=\"v1 v1a\" selected>"), "{edit}");
    // The check of a signature that isn't sent would refuse everything.
    let (by_secret, by_key) = ("createHmac", format!("const PUBLIC_KEY = &quot;{first}&quot;;"));
    assert!(shown.contains(by_secret) && !shown.contains(&by_key), "{shown}");
    let both = tab();
    assert!(both.contains(by_secret) && both.contains(&by_key) && both.contains("Como conferir a v1a"), "{both}");
    let alone = fields.map(|(name, value)| (name, if name == "signatures" { "v1a" } else { value }));
    post(&daemon, &path, &cookie, &alone).expect(303);
    let alone = tab();
    assert!(!alone.contains(by_secret) && alone.contains(&by_key) && !alone.contains("Um único segredo"), "{alone}");
    post(&daemon, &path, &cookie, &fields).expect(303);
    let strange = fields.map(|(name, value)| (name, if name == "signatures" { "v9" } else { value }));
    let refused = text(&post(&daemon, &path, &cookie, &strange).expect(422));
    assert!(refused.contains("id=\"signatures-problem\""), "{refused}");

    let asked = text(&get(&daemon, &format!("{path}/rotate-key"), &cookie).expect(200));
    assert!(asked.contains("A chave privada vazou?") && asked.contains("name=\"leaked\""), "{asked}");
    post(&daemon, &format!("{path}/rotate-key"), &cookie, &[("csrf", &csrf)]).expect(303);
    let second = webhook()["public_key"].as_str().unwrap().to_owned();
    let shown = tab();
    assert!(first != second && shown.contains(&second) && shown.contains("Uma chave anterior também assina até"));
    post(&daemon, &format!("{path}/rotate-key"), &cookie, &[("csrf", &csrf), ("leaked", "1")]).expect(303);
    assert!(!tab().contains("Uma chave anterior"));
}

#[test]
fn a_client_certificate_is_chosen_where_the_config_has_one() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["loja.example".to_owned()]).unwrap();
    let (cert, key) = (folder.path().join("pix.pem"), folder.path().join("pix.key"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let config = format!(
        "{QUICK}[[client_certificate]]\nname = \"pix\"\ncert = \"{}\"\nkey = \"{}\"\n",
        cert.display(),
        key.display()
    );
    let daemon = Daemon::start(&config);
    let id = daemon.register("https://loja.invalid/x", &["*"]);
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let path = format!("/webhooks/{id}");
    let edit = || text(&get(&daemon, &format!("{path}/edit"), &cookie).expect(200));
    assert!(edit().contains("<option value=\"pix\">pix, vale até"), "{}", edit());
    let send = |target: &str, name: &str| {
        let fields = [("csrf", &*csrf), ("target", target), ("event", "*"), ("client_certificate", name)];
        post(&daemon, &path, &cookie, &fields)
    };
    send("https://loja.invalid/x", "pix").expect(303);
    assert_eq!(daemon.get(&format!("/api/webhooks/{id}")).data()["client_certificate"], "pix");
    let refused = text(&send("http://loja.invalid/x", "pix").expect(422));
    assert!(
        refused.contains("id=\"client_certificate-problem\"") && refused.contains("destino com https://"),
        "{refused}"
    );
    // It is gone from the config, and stays chosen until somebody chooses otherwise.
    daemon.reload(QUICK);
    let gone = "<option value=\"pix\" selected>pix, que não está mais disponível";
    assert!(edit().contains(gone), "{}", edit());
    let shown = text(&get(&daemon, &format!("{path}?tab=configuration"), &cookie).expect(200));
    assert!(shown.contains("pix, que não está mais disponível"), "{shown}");
    send("https://loja.invalid/x", "pix").expect(303);
    send("https://loja.invalid/x", "").expect(303);
    assert!(daemon.get(&format!("/api/webhooks/{id}")).data()["client_certificate"].is_null());
    assert!(!edit().contains("client_certificate"));
}
