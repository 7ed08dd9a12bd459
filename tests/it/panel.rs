//! The panel: who gets in, what a form must carry, what a page shows; and all of it in a real browser.

mod behind_a_proxy;
mod browser;
mod erasures;
mod many;
mod mending;
mod sessions;
mod trials;
mod upkeep;
mod webhooks;

use super::harness::{Answer, Daemon, QUICK, eventually, retrying_after};
use super::receiver::{Receiver, Reply};
use super::stream::{Reader, lets_in};
use serde_json::json;
use std::time::{Duration, Instant};

/// Of `service::MAX_FOLLOWERS`, what pages leave to programs.
const STREAMS_OF_PAGES: usize = 24;
const LEFT_TO_THE_API: usize = 8;

/// The text of a form, as a browser sends it.
fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

pub(super) fn get(daemon: &Daemon, path: &str, headers: &str) -> Answer {
    daemon.call_as("", "GET", path, headers, b"")
}

pub(super) fn post(daemon: &Daemon, path: &str, headers: &str, fields: &[(&str, &str)]) -> Answer {
    let headers = format!("Content-Type: application/x-www-form-urlencoded\r\n{headers}");
    daemon.call_as("", "POST", path, &headers, form(fields).as_bytes())
}

/// Signs in; the header that a browser then sends, and the token of its forms.
pub(super) fn sign_in(daemon: &Daemon, token: &str) -> (String, String) {
    let answer = post(daemon, "/sign-in", "", &[("token", token)]).expect(303);
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    assert!(
        cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Strict") && !cookie.contains("Secure"),
        "{cookie}"
    );
    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    let page = text(&get(daemon, "/webhooks", &cookie).expect(200));
    let csrf = page.split_once("name=\"csrf\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    (cookie, csrf)
}

pub(super) fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

#[test]
fn a_session_is_its_tokens_and_forms_are_its_own() {
    let daemon = Daemon::quick();
    let answer = get(&daemon, "/events?type=PAYMENT.*", "").expect(303);
    assert_eq!(answer.header("location"), Some("/sign-in?next=%2Fevents%3Ftype%3DPAYMENT.*"));
    let made = json!({ "token": { "name": "painel", "scopes": ["admin"] } });
    let made = daemon.post("/api/tokens", &made).expect(201).data();
    let (cookie, csrf) = sign_in(&daemon, made["token"].as_str().unwrap());
    let page = get(&daemon, "/", &cookie).expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("cache-control"), Some("no-store"));

    let webhook = [("target", "http://127.0.0.1:9/x"), ("event", "*")];
    let with = |csrf: &'static str| [webhook.as_slice(), &[("csrf", csrf)]].concat();
    post(&daemon, "/webhooks", &cookie, &webhook).expect(403);
    post(&daemon, "/webhooks", &cookie, &with("wrong")).expect(403);
    let own = [webhook.as_slice(), &[("csrf", csrf.as_str())]].concat();
    for foreign in ["Origin: https://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        post(&daemon, "/webhooks", &format!("{cookie}{foreign}"), &own).expect(403);
        post(&daemon, "/sign-in", foreign, &[("token", &daemon.token)]).expect(403);
    }
    assert_eq!(daemon.list("/api/webhooks").len(), 0, "nothing was done");
    post(&daemon, "/webhooks", &format!("{cookie}Origin: http://carteiro\r\n"), &own).expect(303);
    assert_eq!(daemon.list("/api/webhooks").len(), 1);

    // Where a link leads after signing in is the panel's own affair.
    for next in ["//evil.example", "https://evil.example", "/\\evil.example"] {
        let answer = post(&daemon, "/sign-in", "", &[("token", &daemon.token), ("next", next)]).expect(303);
        assert_eq!(answer.header("location"), Some("/"), "{next}");
    }

    daemon.delete(&format!("/api/tokens/{}", made["id"].as_str().unwrap())).expect(204);
    let signed_out = get(&daemon, "/", &cookie).expect(303);
    assert_eq!(signed_out.header("location"), Some("/sign-in"), "the session died with its token");
}

#[test]
fn what_a_token_allows_is_what_its_owner_can_do() {
    let daemon = Daemon::quick();
    let token = |scope: &str| {
        let body = json!({ "token": { "name": scope, "scopes": [scope] } });
        daemon.post("/api/tokens", &body).expect(201).data()["token"].as_str().unwrap().to_owned()
    };
    post(&daemon, "/sign-in", "", &[("token", &token("ingest"))]).expect(403);
    let (cookie, csrf) = sign_in(&daemon, &token("read"));
    let fields = [("csrf", csrf.as_str()), ("target", "http://127.0.0.1:9/x"), ("event", "*")];
    post(&daemon, "/webhooks", &cookie, &fields).expect(403);
    get(&daemon, "/webhooks/new", &cookie).expect(403);
    assert_eq!(daemon.list("/api/webhooks").len(), 0);
}

#[test]
fn wrong_tokens_are_counted_with_those_of_the_api() {
    let daemon = Daemon::quick();
    let wrong = || post(&daemon, "/sign-in", "", &[("token", "ctr_wrong")]).status;
    assert!((0..20).all(|_| wrong() == 401));
    assert_eq!(wrong(), 429);
    daemon.call_as("ctr_wrong", "GET", "/api/webhooks", "", b"").refused(429, "too_many_wrong_tokens");
    // A right one always passes.
    post(&daemon, "/sign-in", "", &[("token", &daemon.token)]).expect(303);
}

#[test]
fn what_others_wrote_is_text_and_nothing_of_it_acts() {
    let hostile = "</pre><script>alert(1)</script>\"'&";
    let body = format!("HTTP/1.1 500 X\r\nContent-Length: {}\r\n\r\n{hostile}", hostile.len());
    let receiver = Receiver::start(&[Reply::Raw(body.into_bytes())]);
    let daemon = Daemon::start(&retrying_after("1h"));
    daemon.register_with(json!({ "target": receiver.url, "events": ["*"], "description": hostile }));
    let event = daemon.record_with(json!({ "type": "A.B", "external_id": hostile, "resource": { "x": hostile } }));
    daemon.await_status(&event, "RETRYING");
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    for path in [
        &format!("/events/{event}"),
        "/events",
        "/webhooks",
        "/notifications",
        "/",
        "/events?type=%3Cscript%3Ealert(1)",
    ] {
        let page = text(&get(&daemon, path, &cookie).expect(200));
        assert!(!page.contains("<script>alert"), "{path}: {page}");
        assert!(!page.contains("</pre><script"), "{path}");
    }
    let page = text(&get(&daemon, &format!("/events/{event}"), &cookie).expect(200));
    assert!(page.contains("&lt;/pre&gt;&lt;script&gt;alert(1)"), "{page}");
}

#[test]
fn an_open_page_is_told_that_something_changed_for_as_long_as_its_session_lasts() {
    let daemon = Daemon::quick();
    let token = |name: &str| {
        let made = json!({ "token": { "name": name, "scopes": ["read"] } });
        daemon.post("/api/tokens", &made).expect(201).data()
    };
    let (one, other) = (token("one"), token("other"));
    let (cookie, _) = sign_in(&daemon, one["token"].as_str().unwrap());
    let (other_cookie, csrf) = sign_in(&daemon, other["token"].as_str().unwrap());
    for stranger in ["", "Cookie: carteiro=x\r\n", &format!("{cookie}Sec-Fetch-Site: cross-site\r\n")] {
        get(&daemon, "/live", stranger).expect(204);
    }
    get(&daemon, "/live", "Authorization: Bearer x\r\n").expect(204);

    let mut reader = Reader::at(&daemon, "", "/live", &cookie);
    let mut other_reader = Reader::at(&daemon, "", "/live", &other_cookie);
    for reader in [&mut reader, &mut other_reader] {
        assert_eq!(reader.message().event.as_deref(), Some("changed"), "the page may have missed something");
    }
    // Nothing is delivered: what verbs do is shown as well.
    daemon.record("PAYMENT.PAID");
    assert_eq!(reader.message().event.as_deref(), Some("changed"));
    let begun = Instant::now();
    let receiver = Receiver::start(&[Reply::Status(200)]);
    daemon.register(&receiver.url, &["*"]);
    for _ in 0..100 {
        daemon.record("PAYMENT.PAID");
    }
    receiver.await_count(100);
    // The other one signs out; this one's token is revoked. Neither stream outlives that by more than a moment.
    post(&daemon, "/sign-out", &other_cookie, &[("csrf", csrf.as_str())]).expect(303);
    daemon.delete(&format!("/api/tokens/{}", one["id"].as_str().unwrap())).expect(204);
    daemon.record("PAYMENT.PAID");
    for mut reader in [reader, other_reader] {
        let mut words = 0;
        while let Some(message) = reader.next() {
            words += u64::from(message.event.is_some());
        }
        let most = begun.elapsed().as_secs() + 2;
        assert!(words <= most, "{words} words of 300 changes, in {most} s");
    }
    get(&daemon, "/live", &cookie).expect(204);
}

#[test]
fn pages_and_programs_share_the_streams_of_an_account_and_hold_up_no_stop() {
    let mut daemon = Daemon::quick();
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let mut readers: Vec<Reader> = (0..STREAMS_OF_PAGES).map(|_| Reader::at(&daemon, "", "/live", &cookie)).collect();
    for reader in &mut readers {
        assert_eq!(reader.message().event.as_deref(), Some("changed"));
    }
    get(&daemon, "/live", &cookie).expect(204);
    let stream = "/api/notifications/stream";
    let programs: Vec<Reader> = (0..LEFT_TO_THE_API).map(|_| Reader::at(&daemon, &daemon.token, stream, "")).collect();
    daemon.get(stream).refused(409, "too_many_streams");
    drop((programs, readers.pop()));
    eventually("a place is free again", || lets_in(&daemon, "", "/live", &cookie).then_some(()));
    let begun = Instant::now();
    daemon.signal("-TERM");
    assert!(daemon.wait().success());
    assert!(begun.elapsed() < Duration::from_secs(10), "open pages held the stop up for {:?}", begun.elapsed());
}

#[test]
fn cookies_are_secure_where_a_trusted_proxy_says_so() {
    let daemon = Daemon::start(&format!("server.trusted_proxies = [\"127.0.0.1\"]\n{QUICK}"));
    let signed_in = |daemon: &Daemon, headers: &str| {
        let answer = post(daemon, "/sign-in", headers, &[("token", &daemon.token)]).expect(303);
        answer.header("set-cookie").unwrap().to_owned()
    };
    let over_tls = "X-Forwarded-Proto: https\r\n";
    let cookie = signed_in(&daemon, over_tls);
    assert!(cookie.starts_with("__Host-carteiro=") && cookie.contains("; Secure"), "{cookie}");
    let sent = format!("Cookie: {}\r\n{over_tls}", cookie.split(';').next().unwrap());
    let page = text(&get(&daemon, "/webhooks", &sent).expect(200));
    assert!(page.contains("curl -X POST https://"), "{page}");
    let plain = signed_in(&daemon, "X-Forwarded-Proto: http\r\n");
    assert!(plain.starts_with("carteiro=") && !plain.contains("Secure"), "{plain}");
    // From anyone else the header says nothing.
    let daemon = Daemon::quick();
    let cookie = signed_in(&daemon, over_tls);
    assert!(cookie.starts_with("carteiro=") && !cookie.contains("Secure"), "{cookie}");
}

#[test]
fn a_page_says_why_a_notification_goes_or_not_in_its_readers_language() {
    let daemon = Daemon::quick();
    let target = json!({ "target": "http://127.0.0.1:9/x", "events": ["ORDER.*"] });
    daemon.register_with(target);
    let event = daemon.record("PAYMENT.PAID");
    daemon.register("http://127.0.0.1:9/y", &["*"]);
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let path = format!("/events/{event}");
    let page = text(&get(&daemon, &path, &cookie).expect(200));
    assert!(
        page.contains("nenhum dos seus padrões (<code>ORDER.*</code>) corresponde a <code>PAYMENT.PAID</code>"),
        "{page}"
    );
    assert!(page.contains("o webhook foi criado às <time"), "moments are written as such: {page}");
    let english = text(&get(&daemon, &path, &format!("{cookie}Accept-Language: en\r\n")).expect(200));
    assert!(
        english.contains("none of its patterns (<code>ORDER.*</code>) matches <code>PAYMENT.PAID</code>"),
        "{english}"
    );
    let reported = daemon.get(&format!("/api/events/{event}/explain")).expect(200).data();
    assert!(reported[0]["reason_pt"].as_str().unwrap().starts_with("Não foi notificado"), "{reported}");
}

/// Each filter that notifications can be narrowed by, as the form sends it, either re-sends what is counted or says why
/// it can't.
#[test]
fn what_matches_is_resent_whole_or_the_page_says_why_not() {
    let receiver = Receiver::start(&[Reply::Status(200)]);
    let daemon = Daemon::quick();
    let one = daemon.register(&receiver.url, &["PAYMENT.*"]);
    daemon.register(&receiver.url, &["*"]);
    let events = ["PAYMENT.PAID", "PAYMENT.PAID", "ORDER.PAID"].map(|name| daemon.record(name));
    for event in &events {
        daemon.await_status(event, "DELIVERED");
    }
    receiver.await_count(5);
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let again = "include_delivered";
    for (filter, count) in [
        ("status=DELIVERED".to_owned(), 5),
        (format!("webhook_id={one}"), 2),
        (format!("status=&webhook_id={one}&response=&type=payment.paid&period=1h&from=&to=&tz=180"), 2),
        ("type=ORDER.*".to_owned(), 1),
        ("response=2xx&status=DELIVERED".to_owned(), 5),
        ("response=404".to_owned(), 0),
        ("response=none".to_owned(), 0),
        ("from=2020-01-01T00:00&to=2020-01-02T00:00&tz=0".to_owned(), 0),
        ("from=2020-01-01T00:00&tz=-180".to_owned(), 5),
    ] {
        let list = text(&get(&daemon, &format!("/notifications?{filter}"), &cookie).expect(200));
        assert_eq!(list.contains("href=\"/notifications/resend?"), count > 0, "{filter}");
        let ask = |filter: &str| text(&get(&daemon, &format!("/notifications/resend?{filter}"), &cookie).expect(200));
        // What was delivered goes again only where that is asked for in so many words.
        if !filter.contains("DELIVERED") {
            let page = ask(&filter);
            assert!(page.contains("Nada encontrado") && page.contains("Contar também as já entregues"), "{page}");
            let fields = [("csrf", csrf.as_str()), ("query", &filter), (again, "1")];
            let asked = post(&daemon, "/notifications/resend-all", &cookie, &fields).expect(303);
            assert!(asked.header("location").unwrap().ends_with("include_delivered=1"), "{filter}");
        }
        let page = ask(&format!("{filter}&{again}=1"));
        let asks = match count {
            0 => "Nada encontrado".to_owned(),
            1 => "Reenviar 1 notificação?".to_owned(),
            _ => format!("Reenviar {count} notificações?"),
        };
        let button = "Sim, reenviar também as já entregues";
        assert!(page.contains(&asks) && page.contains(button) == (count > 0), "{filter}: {page}");
        let fields = [("csrf", csrf.as_str()), ("query", &filter), (again, "1"), ("confirmed", "1")];
        let sent = post(&daemon, "/notifications/resend-all", &cookie, &fields);
        let job = sent.expect(303).header("location").unwrap().rsplit('/').next().unwrap().to_owned();
        let reported = eventually("the bulk resend is done", || {
            let reported = daemon.get(&format!("/api/notifications/resend/{job}")).expect(200).data();
            (reported["status"] == "DONE").then_some(reported)
        });
        assert_eq!((&reported["queued"], &reported["resent"]), (&json!(count), &json!(count)), "{filter}: {reported}");
    }
    for (filter, why) in [
        ("status=HELD", "saem quando"),
        ("status=CANCELLED", "Canceladas não podem"),
        (&format!("event_id={}", events[0]), "Reenviar a todos"),
    ] {
        let page = text(&get(&daemon, &format!("/notifications?{filter}"), &cookie).expect(200));
        assert!(!page.contains("href=\"/notifications/resend?"), "{filter}");
        assert!(!page.contains("id=\"rows\"") || page.contains(why), "{filter}: {page}");
        let reported = text(&get(&daemon, &format!("/notifications/resend?{filter}"), &cookie).expect(422));
        assert!(
            reported.contains(why) && !reported.contains("action=\"/notifications/resend-all\""),
            "{filter}: {reported}"
        );
        let sent = post(&daemon, "/notifications/resend-all", &cookie, &[("csrf", &csrf), ("query", filter)]);
        sent.expect(404);
    }
}

/// Somebody who re-sends by the thousand is told what goes again, and how many; what can't be read re-sends nothing.
#[test]
fn a_bulk_resend_says_what_it_takes_in_and_is_found_again() {
    let receiver = Receiver::start(&[Reply::Status(200)]);
    let daemon = Daemon::quick();
    let other = daemon.register(&receiver.url, &["*"]);
    let deleted = daemon.register(&receiver.url, &["PAYMENT.*"]);
    for n in 0..70 {
        daemon.record(if n < 2 { "PAYMENT.PAID" } else { "ORDER.PAID" });
    }
    receiver.await_count(72);
    daemon.delete(&format!("/api/webhooks/{deleted}")).expect(204);
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let page = |path: &str, status: u16| text(&get(&daemon, path, &cookie).expect(status));
    for path in ["/notifications/resend?type=PAYMENT.*", "/notifications/resend?type=PAYMENT.*&response=2xx&period=1h"]
    {
        let asked = page(&format!("{path}&include_delivered=1"), 200);
        assert!(
            asked.contains("Reenviar 2 notificações?"),
            "what was pending for a deleted webhook doesn't count: {asked}"
        );
        assert!(asked.contains("inclusive as já entregues") && asked.contains("<dd>PAYMENT.*</dd>"), "{asked}");
    }
    assert!(!page("/notifications/resend?status=DELIVERED", 200).contains("inclusive as já entregues"));
    for (bad, named) in [
        ("period=2h", "2h"),
        ("from=ontem", "ontem"),
        ("from=2020-01-01T00:00&tz=x", "x"),
        ("state=FAILED", "state=FAILED"),
        ("status=failed", "failed"),
    ] {
        let list = page(&format!("/notifications?{bad}"), 200);
        let reported = format!("Filtro inválido, ignorado: {named}<");
        assert!(list.contains(&reported) && !list.contains("href=\"/notifications/resend?"), "{bad}: {list}");
        let asked = page(&format!("/notifications/resend?{bad}"), 422);
        assert!(
            asked.contains(&reported)
                && asked.contains("Corrija o filtro")
                && !asked.contains("/notifications/resend-all"),
            "{bad}: {asked}"
        );
        post(&daemon, "/notifications/resend-all", &cookie, &[("csrf", &csrf), ("query", bad)]).expect(404);
    }
    let list = page(&format!("/notifications?webhook_id={deleted}"), 200);
    assert!(list.contains("de um webhook excluído não podem"), "{list}");
    assert!(!list.contains("href=\"/notifications/resend?"), "{list}");
    assert!(!list.contains("Reenvios em massa"));

    // One that goes on: it hands out 64 at most, and its webhook takes one in a hundred seconds.
    let slow = json!({ "webhook": { "rate_limit": 0.01 } });
    daemon.patch(&format!("/api/webhooks/{other}"), &slow).expect(200);
    let sent = post(
        &daemon,
        "/notifications/resend-all",
        &cookie,
        &[("csrf", &csrf), ("query", "response=2xx"), ("include_delivered", "1"), ("confirmed", "1")],
    );
    let job = sent.expect(303).header("location").unwrap().to_owned();
    let reported = page(&job, 200);
    for words in ["Em andamento", "<dd>2xx</dd>", "inclusive as já entregues", "Enviadas: ", " de 70<"] {
        assert!(reported.contains(words), "{words}: {reported}");
    }
    assert!(reported.contains(&format!("action=\"{job}/stop\"")) && reported.contains(">Cancelar<"), "{reported}");
    assert!(page("/notifications", 200).contains(&format!("<a href=\"{job}\">Em andamento</a>")));
    post(&daemon, &format!("{job}/stop"), &cookie, &[("csrf", &csrf), ("back", &job)]).expect(303);
    eventually("it is listed as cancelled", || {
        page("/notifications", 200).contains(&format!("<a href=\"{job}\">Cancelado</a>")).then_some(())
    });
}

#[test]
fn more_than_a_thousand_are_resent_by_typing_how_many_they_are() {
    let daemon = Daemon::quick();
    // None moves while they are counted.
    let paused = json!({ "target": "http://127.0.0.1:9/x", "events": ["*"], "status": "PAUSED" });
    daemon.register_with(paused);
    let event = json!({ "type": "PAYMENT.PAID", "resource": { "id": "p-1" } });
    for count in [600, 400] {
        daemon.post("/api/events/batch", &json!({ "events": vec![&event; count] })).expect(201);
    }
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let asked = || text(&get(&daemon, "/notifications/resend", &cookie).expect(200));
    assert!(!asked().contains("name=\"typed\""), "a thousand");
    daemon.record("PAYMENT.PAID");
    let page = asked();
    assert!(page.contains("Para confirmar, digite 1.001") && page.contains("name=\"count\" value=\"1001\""), "{page}");
    let send = |typed: &str| {
        let fields = [("csrf", csrf.as_str()), ("query", "period=24h"), ("count", "1001"), ("typed", typed)];
        post(&daemon, "/notifications/resend-all", &cookie, &fields)
    };
    for typed in ["", "1000", "sim"] {
        let refused = text(&send(typed).expect(422));
        assert!(refused.contains("O número digitado é outro."), "{typed}: {refused}");
        assert!(refused.contains("name=\"query\" value=\"period=24h\""), "{refused}");
    }
    assert!(daemon.list("/api/notifications/resend").is_empty());
    send("1.001").expect(303);
}

#[test]
fn a_target_in_trouble_is_shown_with_its_last_failure_and_what_to_do() {
    let receiver = Receiver::start(&[Reply::Status(500)]);
    let daemon = Daemon::start(&retrying_after("1h"));
    let broken = daemon.register(&receiver.url, &["PAYMENT.*"]);
    let refused = daemon.register("http://127.0.0.1:9/x", &["ORDER.*"]);
    for name in ["PAYMENT.PAID", "ORDER.PAID"] {
        // Five failed attempts in a row are failing; one is not.
        let events: Vec<String> = (0..5).map(|_| daemon.record(name)).collect();
        for event in &events {
            daemon.await_status(event, "RETRYING");
        }
    }
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let page =
        |path: &str, lang: &str| text(&get(&daemon, path, &format!("{cookie}Accept-Language: {lang}\r\n")).expect(200));
    let overview = page("/", "pt");
    // In an hour, which may be tomorrow's.
    assert!(overview.contains("Próxima tentativa à") || overview.contains("Próxima tentativa em"), "{overview}");
    for (webhook, why, advice, advice_en) in [
        (
            &broken,
            "O destino respondeu 500",
            "avise quem cuida do destino; o erro é dele",
            "tell the target's operator",
        ),
        (
            &refused,
            "Nada atende em 127.0.0.1:9",
            "veja se o sistema que recebe está em",
            "check that the receiving system is running",
        ),
    ] {
        let path = format!("/webhooks/{webhook}");
        for shown in [&overview, &page(&path, "pt")] {
            assert!(shown.contains(&format!("<p class=\"say\">{why}")), "{why}: {shown}");
            assert!(shown.contains(&format!("<b>O que fazer:</b> {advice}")), "{why}: {shown}");
        }
        assert!(page(&path, "en").contains(&format!("<b>What to do:</b> {advice_en}")));
        // What is pending leads to the list of just that.
        let link =
            format!("href=\"/notifications?webhook_id={webhook}&amp;status=RETRYING\">Ver as 5 que aguardam</a>");
        assert!(page(&path, "pt").contains(&link), "{link}");
        assert!(page(&format!("{path}/delete"), "pt").contains("5 notificações pendentes serão canceladas."));
    }
    for shown in [
        "2 de 2 webhooks precisam de atenção.</strong> 10 notificações aguardam; nada foi perdido.",
        "<title>(2) Início · carteiro</title>",
        "/panel/icon-alert.svg",
        "?status=RETRYING\"><span>Tentando de novo</span><b>10</b>",
        // One that refuses connections may have another port; what the target's log says is nobody's here.
        &format!("/webhooks/{refused}/edit#target"),
    ] {
        assert!(overview.contains(shown), "{shown}: {overview}");
    }
    // A card that was dismissed stays away, and its webhook is still told of.
    let mark = overview.split_once("name=\"what\" value=\"").unwrap().1.split('"').next().unwrap();
    let (csrf, back) = (csrf.as_str(), "/");
    let answer = post(&daemon, "/dismiss", &cookie, &[("csrf", csrf), ("what", mark), ("back", back)]).expect(303);
    let dismissed = answer.header("set-cookie").unwrap().split(';').next().unwrap();
    let with = format!("{}; {dismissed}\r\nAccept-Language: pt\r\n", cookie.trim());
    let page = text(&get(&daemon, "/", &with).expect(200));
    assert_eq!((page.matches("<article").count(), page.contains("1 aviso dispensado.")), (1, true), "{page}");
    assert!(page.contains("2 de 2 webhooks"), "{page}");
}

#[test]
fn the_account_is_named_where_there_are_several() {
    let accounts =
        ["producao", "sandbox"].map(|name| format!("[[account]]\nname = \"{name}\"\nenv = \"{name}-env\"\n"));
    let daemon = Daemon::start(&accounts.concat());
    let token = std::fs::read_to_string(daemon.data().join("admin-token-sandbox")).unwrap();
    let (cookie, _) = sign_in(&daemon, token.trim());
    let page = text(&get(&daemon, "/", &cookie).expect(200));
    assert!(page.contains("<strong>sandbox</strong> · sandbox-env</p>") && !page.contains("producao"), "{page}");
    // What the machine holds is the affair of the first account, which is the operator's.
    assert!(page.contains("Recebimento de eventos") && !page.contains("Eventos guardados"), "{page}");
    let token = std::fs::read_to_string(daemon.data().join("admin-token-producao")).unwrap();
    let (cookie, _) = sign_in(&daemon, token.trim());
    let page = text(&get(&daemon, "/", &cookie).expect(200));
    assert!(page.contains("Eventos guardados em todas as contas"), "{page}");
    let daemon = Daemon::quick();
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let page = text(&get(&daemon, "/", &cookie).expect(200));
    assert!(page.contains("Eventos guardados <b>") && !page.contains("title=\"Conta\""), "{page}");
}

#[test]
fn a_method_that_a_path_of_the_panel_does_not_take_is_refused_with_those_that_it_takes() {
    let daemon = Daemon::quick();
    for (method, path, allow) in
        [("POST", "/panel/panel.css", "GET"), ("PUT", "/panel/panel.js", "GET"), ("DELETE", "/webhooks", "GET, POST")]
    {
        let refused = daemon.send(method, path, b"");
        assert_eq!((refused.status, refused.header("allow")), (405, Some(allow)), "{method} {path}");
    }
}

#[test]
fn the_panel_can_be_off() {
    let daemon = Daemon::start(&format!("panel.enabled = false\n{QUICK}"));
    for path in ["/", "/sign-in", "/panel/panel.css", "/search"] {
        get(&daemon, path, "").refused(404, "not_found");
    }
}

/// The note told of the attempt before, where the target took longer to answer than the page waits.
#[test]
fn the_note_after_a_resend_tells_of_no_earlier_attempt() {
    let late = Reply::Late(Duration::from_secs(4), 200);
    let receiver = Receiver::start(&[Reply::Status(500), Reply::Status(503), late]);
    let daemon = Daemon::start(&retrying_after("1h").replace("timeout = \"1s\"", "timeout = \"20s\""));
    daemon.register(&receiver.url, &["*"]);
    let event = daemon.record("PAYMENT.PAID");
    let id = daemon.await_status(&event, "RETRYING")["id"].as_str().unwrap().to_owned();
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let resend = || {
        let sent = post(&daemon, &format!("/notifications/{id}/resend"), &cookie, &[("csrf", &csrf)]).expect(303);
        let to = sent.header("location").unwrap().to_owned();
        (text(&get(&daemon, &to, &cookie).expect(200)), to)
    };
    let (refused, _) = resend();
    assert!(refused.contains("503, recusada pelo destino."), "{refused}");
    let (unknown, to) = resend();
    assert!(unknown.contains("em andamento") && !unknown.contains("recusada pelo destino."), "{unknown}");
    daemon.await_status(&event, "DELIVERED");
    let delivered = text(&get(&daemon, &to, &cookie).expect(200));
    assert!(delivered.contains("200, entregue em"), "{delivered}");
}
