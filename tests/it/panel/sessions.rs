//! Who is signed in, over restarts of the daemon; and what becomes of a form whose session has ended.

use super::super::harness::{Answer, Daemon};
use super::{get, post, sign_in, text};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const OWN: &str = "Sec-Fetch-Site: same-origin\r\n";

/// The hidden fields of the form that leads on, as a browser sends them.
fn hidden(page: &str, action: &str) -> Vec<(String, String)> {
    let form = page.split_once(&format!("action=\"{action}\"")).unwrap().1.split("</form>").next().unwrap();
    let value = |tag: &str, name: &str| {
        let raw = tag.split_once(&format!("{name}=\"")).unwrap().1.split('"').next().unwrap();
        raw.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    };
    let tags = form.split("<input ").skip(1).filter(|tag| tag.starts_with("type=\"hidden\""));
    tags.map(|tag| (value(tag, "name"), value(tag, "value"))).collect()
}

fn send(daemon: &Daemon, path: &str, headers: &str, fields: &[(String, String)], more: &[(&str, &str)]) -> Answer {
    let own = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    post(daemon, path, headers, &own.chain(more.iter().copied()).collect::<Vec<_>>())
}

fn cookie_of(answer: &Answer) -> String {
    format!("Cookie: {}\r\n", answer.header("set-cookie").unwrap().split(';').next().unwrap())
}

/// Every update of the binary signed everybody out.
#[test]
fn a_restart_signs_nobody_out_but_those_who_were_to_be() {
    let mut daemon = Daemon::quick();
    let made = json!({ "token": { "name": "painel", "scopes": ["admin"] } });
    let made = daemon.post("/api/tokens", &made).expect(201).data();
    let token = made["token"].as_str().unwrap().to_owned();
    let (kept, csrf) = sign_in(&daemon, &daemon.token);
    let (left, left_csrf) = sign_in(&daemon, &daemon.token);
    let (revoked, _) = sign_in(&daemon, &token);
    post(&daemon, "/sign-out", &left, &[("csrf", &left_csrf)]).expect(303);
    daemon.kill_9();
    daemon.spawn();
    get(&daemon, "/webhooks", &kept).expect(200);
    get(&daemon, "/webhooks", &revoked).expect(200);
    get(&daemon, "/webhooks", &left).expect(303);
    // A form that was open meanwhile is still its own.
    let webhook = [("target", "http://127.0.0.1:9/x"), ("event", "*"), ("csrf", csrf.as_str())];
    post(&daemon, "/webhooks", &format!("{kept}{OWN}"), &webhook).expect(303);
    daemon.delete(&format!("/api/tokens/{}", made["id"].as_str().unwrap())).expect(204);
    get(&daemon, "/webhooks", &revoked).expect(303);
    daemon.terminate();

    let file = daemon.data().join("sessions");
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let cookie = |header: &str| header.trim().split_once('=').unwrap().1.to_owned();
    for secret in [cookie(&kept), cookie(&revoked), csrf, daemon.token.clone(), token] {
        assert!(!written.contains(&secret), "{written}");
        assert!(!daemon.log().contains(&secret), "{}", daemon.log());
    }
    daemon.spawn();
    get(&daemon, "/webhooks", &kept).expect(200);
    get(&daemon, "/webhooks", &revoked).expect(303);

    // A backup holds none, and neither a store that was restored nor a copy of the file beside it signs anybody in.
    let backup = daemon.data().parent().unwrap().join("store.backup");
    let (code, _, said) = daemon.run(&["backup", backup.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    daemon.terminate();
    let sessions = fs::read(&file).unwrap();
    let old = daemon.data().with_extension("old");
    fs::rename(daemon.data(), &old).unwrap();
    let (code, _, said) = daemon.run(&["restore", backup.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!file.exists());
    fs::copy(old.join("admin-token"), daemon.data().join("admin-token")).unwrap();
    fs::write(&file, sessions).unwrap();
    daemon.spawn();
    get(&daemon, "/webhooks", &kept).expect(303);
    sign_in(&daemon, &daemon.token);
    daemon.terminate();
    fs::write(&file, "carteiro sessions 1\nwhat is this").unwrap();
    daemon.spawn();
    daemon.logged("no sessions can be read from this file");
    get(&daemon, "/", &kept).expect(303);
}

/// Saving with a session that had ended led to an empty sign-in page and then to the first page: the owner believed
/// that it was saved, and what was typed was gone.
#[test]
fn a_form_whose_session_has_ended_is_shown_again_after_signing_in_and_does_nothing_by_itself() {
    let daemon = Daemon::quick();
    let made = json!({ "token": { "name": "painel", "scopes": ["admin"] } });
    let made = daemon.post("/api/tokens", &made).expect(201).data();
    let (cookie, csrf) = sign_in(&daemon, made["token"].as_str().unwrap());
    let id = daemon.register("http://127.0.0.1:9/x", &["PAYMENT.PAID"]);
    daemon.delete(&format!("/api/tokens/{}", made["id"].as_str().unwrap())).expect(204);
    let fields = [
        ("csrf", csrf.as_str()),
        ("target", "http://127.0.0.1:9/novo"),
        ("event", "ORDER.*"),
        ("event", "PAYMENT.*"),
        ("description", "aspas \" e <b> & ã"),
        ("headers", "X-Um: 1\r\nX-Dois: 2"),
        ("authorization", "Bearer segredo-digitado"),
    ];
    let path = format!("/webhooks/{id}");
    let ended = post(&daemon, &path, &cookie, &fields).expect(401);
    let page = text(&ended);
    assert!(page.contains("Sua sessão terminou e nada foi salvo. Entre para continuar."), "{page}");
    assert!(!page.contains("segredo-digitado"));
    let kept = hidden(&page, "/sign-in");
    assert!(kept.contains(&("next".to_owned(), format!("{path}/edit"))), "{kept:?}");
    // Neither a slip nor another language loses it.
    let wrong = send(&daemon, "/sign-in", &cookie, &kept, &[("token", "ctr_wrong")]).expect(401);
    let kept = hidden(&text(&wrong), "/sign-in");
    let other = send(&daemon, "/language", &cookie, &hidden(&text(&wrong), "/language"), &[("lang", "en")]).expect(401);
    assert!(text(&other).contains("Your session has ended, and nothing was saved."));
    assert_eq!(hidden(&text(&other), "/sign-in"), kept);
    let again = send(&daemon, "/sign-in", &cookie, &kept, &[("token", &daemon.token)]).expect(200);
    assert_eq!(daemon.get(&format!("/api{path}")).data()["target"], "http://127.0.0.1:9/x", "nothing is done");
    let page = text(&again);
    for shown in [
        "value=\"http://127.0.0.1:9/novo\"",
        "value=\"aspas &quot; e &lt;b&gt; &amp; ã\"",
        "X-Um: 1\r\nX-Dois: 2",
        "value=\"ORDER.*\" checked",
        "value=\"PAYMENT.*\" checked",
        "nada foi feito ainda",
        &format!("action=\"{path}\""),
        // It was typed, and has to be typed again.
        "id=\"authorization-problem\"",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let (cookie, fresh) = (cookie_of(&again), hidden(&page, &path));
    assert!(!fresh.contains(&("csrf".to_owned(), csrf.clone())), "its token is the new session's");
    let typed = [("target", "http://127.0.0.1:9/novo"), ("event", "ORDER.*")];
    send(&daemon, &path, &cookie, &fresh, &typed).expect(303);
    assert_eq!(daemon.get(&format!("/api{path}")).data()["target"], "http://127.0.0.1:9/novo");

    // What has no form but its button waits for that.
    let stale = format!("Cookie: carteiro=x\r\n{OWN}");
    let pause = [("back", "/webhooks?cursor=1"), ("csrf", "x")];
    let ended = text(&post(&daemon, &format!("{path}/pause"), &stale, &pause).expect(401));
    let kept = hidden(&ended, "/sign-in");
    assert!(kept.contains(&("next".to_owned(), "/webhooks?cursor=1".to_owned())), "{kept:?}");
    let again = send(&daemon, "/sign-in", OWN, &kept, &[("token", &daemon.token)]).expect(200);
    assert_eq!(daemon.get(&format!("/api{path}")).data()["status"], "ACTIVE");
    let fresh = hidden(&text(&again), &format!("{path}/pause"));
    let done = send(&daemon, &format!("{path}/pause"), &cookie_of(&again), &fresh, &[]).expect(303);
    assert!(done.header("location").unwrap().starts_with("/webhooks?cursor=1&done=paused&n="));
    assert_eq!(daemon.get(&format!("/api{path}")).data()["status"], "PAUSED");
    // What a page of its own explains is explained again.
    let ended = text(&post(&daemon, &format!("{path}/delete"), &stale, &[]).expect(401));
    let again = send(&daemon, "/sign-in", OWN, &hidden(&ended, "/sign-in"), &[("token", &daemon.token)]).expect(303);
    assert_eq!(again.header("location"), Some(format!("{path}/delete").as_str()));
    daemon.get(&format!("/api{path}")).expect(200);
}

/// Else a page of somebody else's could have a form of its making shown to the next who signs in.
#[test]
fn only_forms_of_the_panels_own_pages_are_carried_through_signing_in() {
    let daemon = Daemon::quick();
    let fields = [("csrf", "x"), ("target", "http://evil.example/"), ("event", "*")];
    let carried = |headers: &str| {
        let answer = post(&daemon, "/webhooks", headers, &fields);
        let shown = text(&answer).contains("evil.example");
        (answer.status, shown)
    };
    assert_eq!(carried(OWN), (401, true));
    assert_eq!(carried("Origin: http://carteiro\r\n"), (401, true));
    // A browser that says nothing, and no cookie whose form it is.
    assert_eq!(carried(""), (401, false));
    assert_eq!(carried("Cookie: carteiro=y\r\n"), (401, false));
    for foreign in ["Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n", "Origin: null\r\n"] {
        assert_eq!(carried(foreign), (303, false), "{foreign}");
    }
    let kept = [("kept", "/webhooks"), ("kept.target", "http://evil.example/"), ("kept.csrf", "x"), ("lang", "en")];
    let switched = post(&daemon, "/language", "Sec-Fetch-Site: cross-site\r\n", &kept).expect(303);
    assert_eq!(switched.header("location"), Some("/"));
    for path in ["/sign-in", "/sign-out", "/nada", "//evil.example", "https://evil.example/webhooks"] {
        let kept = [("kept", path), ("kept.target", "x"), ("token", daemon.token.as_str())];
        let answer = post(&daemon, "/sign-in", OWN, &kept).expect(303);
        assert_eq!(answer.header("location"), Some("/"), "{path}");
    }
    assert_eq!(daemon.list("/api/webhooks").len(), 0);
}

/// A mistyped address showed a person JSON.
#[test]
fn what_is_nowhere_is_a_page_to_people_and_json_to_programs() {
    let daemon = Daemon::quick();
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let html = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
    let id = "0193a5b0-1111-7222-8333-444455556666";
    for path in ["/nada", "/painel", "/login/x", "/webhook", "/index.html", "/eventos/", &format!("/webhooks/{id}/x")] {
        let page = get(&daemon, path, &format!("{html}{cookie}")).expect(404);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        assert!(text(&page).contains("não encontrada") && text(&page).contains("<nav"), "{path}: {}", text(&page));
        let outside = get(&daemon, path, html).expect(404);
        assert!(text(&outside).contains("não encontrada") && !text(&outside).contains("<nav"), "{path}");
    }
    let below = text(&get(&daemon, "/carteiro/webhooks", html).expect(404));
    assert!(below.contains("publica o carteiro em /carteiro"), "{below}");
    for (path, headers) in
        [("/nada", ""), ("/nada", "Accept: */*\r\n"), ("/api/nada", html), ("/nada", "Accept: application/json\r\n")]
    {
        get(&daemon, path, headers).refused(404, "not_found");
    }
    for (path, own) in [
        ("/webhooks/", "/webhooks".to_owned()),
        ("/events/?type=PAYMENT.*", "/events?type=PAYMENT.*".to_owned()),
        (&format!("/webhooks/{id}/"), format!("/webhooks/{id}")),
        ("/sign-in/", "/sign-in".to_owned()),
    ] {
        for headers in [html, ""] {
            let answer = get(&daemon, path, headers).expect(308);
            assert_eq!(answer.header("location"), Some(&*own), "{path}");
        }
    }
}

/// What stands behind the `#` of a link.
fn secret_of(link: &str) -> String {
    link.split_once("/sign-in/link#").unwrap().1.to_owned()
}

#[test]
fn a_link_signs_in_once_and_a_look_at_it_does_not_spend_it() {
    let mut daemon = Daemon::quick();
    let (code, link, said) = daemon.run(&["panel-link"]);
    assert_eq!(code, Some(0), "{said}");
    let link = link.trim();
    assert!(link.starts_with(&format!("http://{}/sign-in/link#ctl_", daemon.address)), "{link}");
    assert!(said.contains("It signs in once, until "), "{said}");
    let secret = secret_of(link);
    // What messengers and mail filters do with it.
    for method in ["HEAD", "GET", "GET"] {
        let page = daemon.call_as("", method, "/sign-in/link", "", b"").expect(200);
        assert!(page.header("set-cookie").is_none() && page.header("cache-control") == Some("no-store"));
    }
    let page = text(&get(&daemon, "/sign-in/link", "").expect(200));
    assert!(page.contains("action=\"/sign-in/link\"") && page.contains("name=\"link\""), "{page}");
    post(&daemon, "/sign-in/link", "Sec-Fetch-Site: cross-site\r\n", &[("link", &secret)]).expect(403);
    post(&daemon, "/sign-in/link", "", &[("link", &secret[1..])]).expect(401);
    // Whole, as somebody pastes it where no script runs.
    let answer = post(&daemon, "/sign-in/link", "", &[("link", &format!(" {link} "))]).expect(303);
    assert_eq!(answer.header("location"), Some("/"));
    let cookie = cookie_of(&answer);
    get(&daemon, "/tokens", &cookie).expect(200);
    let spent = post(&daemon, "/sign-in/link", "", &[("link", &secret)]).expect(401);
    assert!(text(&spent).contains("já foi usado") && spent.header("set-cookie").is_none());
    // Asked for over the control socket, it is the account's admin token's.
    let admin = daemon.list("/api/tokens")[0]["id"].as_str().unwrap().to_owned();
    let made = json!({ "token": { "name": "outro", "scopes": ["admin"] } });
    let other = daemon.post("/api/tokens", &made).expect(201).data();
    let other_token = other["token"].as_str().unwrap().to_owned();

    // Asked for with a token, it is that token's.
    let asked = daemon.call_as(&other_token, "POST", "/api/panel_links", "", b"").expect(201).data();
    let mine = secret_of(asked["url"].as_str().unwrap());
    let answer = post(&daemon, "/sign-in/link", "", &[("link", &mine)]).expect(303);
    let of_other = cookie_of(&answer);
    daemon.call_as(&other_token, "DELETE", &format!("/api/tokens/{admin}"), "", b"").expect(204);
    get(&daemon, "/webhooks", &cookie).expect(303);
    get(&daemon, "/webhooks", &of_other).expect(200);
    let read = json!({ "token": { "name": "leitura", "scopes": ["read"] } });
    let read = daemon.call_as(&other_token, "POST", "/api/tokens", "", read.to_string().as_bytes()).expect(201).data();
    let read = read["token"].as_str().unwrap();
    daemon.call_as(read, "POST", "/api/panel_links", "", b"").refused(403, "forbidden");
    // A link of a token that was revoked meanwhile is worth nothing.
    let asked = daemon.call_as(&other_token, "POST", "/api/panel_links", "", b"").expect(201).data();
    let late = secret_of(asked["url"].as_str().unwrap());
    let id = other["id"].as_str().unwrap();
    daemon.call_as(&other_token, "DELETE", &format!("/api/tokens/{id}"), "", b"").expect(204);
    post(&daemon, "/sign-in/link", "", &[("link", &late)]).expect(401);
    get(&daemon, "/webhooks", &of_other).expect(303);
    let (code, _, said) = daemon.run(&["panel-link"]);
    assert!(code == Some(1) && said.contains("has no admin token"), "{said}");
    daemon.terminate();
    for secret in [secret, mine, late, other_token] {
        assert!(!daemon.log().contains(&secret), "{}", daemon.log());
    }
}

#[test]
fn a_link_begins_where_people_reach_the_panel() {
    let daemon =
        Daemon::start(&format!("panel.url = \"https://painel.loja.example/\"\n{}", super::super::harness::QUICK));
    let link = json!({ "url": "https://painel.loja.example/sign-in/link#ctl_" });
    let starts = |url: &str| url.starts_with(link["url"].as_str().unwrap());
    let (_, printed, _) = daemon.run(&["panel-link", "--json"]);
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert!(starts(printed["url"].as_str().unwrap()) && printed["expires_at"].is_string(), "{printed}");
    let asked = daemon.send("POST", "/api/panel_links", b"").expect(201).data();
    assert!(starts(asked["url"].as_str().unwrap()), "{asked}");
    let (code, printed, said) =
        daemon.run(&["panel-link", "--token", &daemon.token, "--server", &format!("http://{}", daemon.address)]);
    assert!(code == Some(0) && starts(&printed), "{printed} {said}");
    let (code, _, said) = daemon.run(&["panel-link", "--account", "nenhuma"]);
    assert!(code == Some(1) && said.contains("the config has no account `nenhuma`; it has default"), "{said}");
    // A log is read by others: the first start, whose words go nowhere, tells the command alone.
    assert!(daemon.log().contains("carteiro panel-link") && !daemon.log().contains("ctl_"), "{}", daemon.log());
}

#[test]
fn admins_make_and_revoke_tokens() {
    let daemon = Daemon::quick();
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let csrf = ("csrf", csrf.as_str());
    let page = text(&get(&daemon, "/tokens", &cookie).expect(200));
    assert!(page.contains("este acesso") && !page.contains("ctr_"), "{page}");
    // Each slip is told beside its field, and what is right isn't blamed.
    for (bad, name, scopes) in [
        (vec![csrf, ("scope", "read")], true, false),
        (vec![csrf, ("name", "loja")], false, true),
        (vec![csrf, ("name", "a\u{7}"), ("scope", "x")], true, true),
    ] {
        let refused = text(&post(&daemon, "/tokens", &cookie, &bad).expect(422));
        assert_eq!(refused.contains("id=\"name-problem\" role=\"alert\">Dê um nome"), name, "{refused}");
        assert_eq!(refused.contains("id=\"scopes-problem\" role=\"alert\">Escolha ao menos"), scopes, "{refused}");
    }
    assert!(page.contains("Revogar e sair") && page.contains("Registrar eventos <span"), "{page}");
    let wanted = [csrf, ("name", "<b>loja</b>"), ("scope", "ingest"), ("scope", "read"), ("days", "30")];
    post(&daemon, "/tokens", &cookie, &wanted).expect(303);
    daemon.call_as("", "HEAD", "/tokens", &cookie, b"").expect(200);
    let shown = text(&get(&daemon, "/tokens", &cookie).expect(200));
    let made = shown.split_once("ctr_").unwrap().1.split('<').next().unwrap();
    let made = format!("ctr_{made}");
    assert!(shown.contains("&lt;b&gt;loja") && !shown.contains("<b>loja"), "{shown}");
    // The history has the words of the form.
    let audit = text(&get(&daemon, "/audit", &cookie).expect(200));
    assert!(audit.contains("</span>Registrar eventos; Ver tudo, sem alterar nada"), "{audit}");
    assert!(!text(&get(&daemon, "/tokens", &cookie).expect(200)).contains("ctr_"), "once");
    daemon.call_as(&made, "GET", "/api/webhooks", "", b"").expect(200);
    let listed = daemon.list("/api/tokens");
    let of = |name: &str| listed.iter().find(|token| token["name"] == name).unwrap()["id"].as_str().unwrap().to_owned();
    let id = of("<b>loja</b>");
    // One that may only read sees none of it.
    let (reader, reader_csrf) = sign_in(&daemon, &made);
    get(&daemon, "/tokens", &reader).expect(403);
    get(&daemon, &format!("/tokens/{id}/revoke"), &reader).expect(403);
    post(&daemon, &format!("/tokens/{id}/revoke"), &reader, &[("csrf", &reader_csrf)]).expect(403);
    let asked = text(&get(&daemon, &format!("/tokens/{id}/revoke"), &cookie).expect(200));
    assert!(!asked.contains("Você entrou com este token"), "{asked}");
    post(&daemon, &format!("/tokens/{id}/revoke"), &cookie, &[csrf]).expect(303);
    daemon.call_as(&made, "GET", "/api/webhooks", "", b"").refused(401, "unauthorized");
    get(&daemon, "/", &reader).expect(303);
    post(&daemon, &format!("/tokens/{id}/revoke"), &cookie, &[csrf]).expect(404);
    let own = of("admin");
    let asked = text(&get(&daemon, &format!("/tokens/{own}/revoke"), &cookie).expect(200));
    assert!(asked.contains("Você entrou com este token"), "{asked}");
    post(&daemon, &format!("/tokens/{own}/revoke"), &cookie, &[csrf]).expect(303);
    let next = get(&daemon, "/tokens", &cookie).expect(303);
    assert_eq!(next.header("location"), Some("/sign-in?next=%2Ftokens"));
}

/// Hours stood in UTC where everything else was local, and days turned at 21:00.
#[test]
fn times_are_those_of_the_panels_zone() {
    let zone = "America/Sao_Paulo";
    if !std::path::Path::new("/usr/share/zoneinfo").join(zone).exists() {
        super::super::harness::skipped("the panel's time zone", "this machine has no tzdata");
        return;
    }
    let daemon = Daemon::start(&format!("panel.time_zone = \"{zone}\"\n{}", super::super::harness::QUICK));
    let event = daemon.record("PAYMENT.PAID");
    let at = daemon.get(&format!("/api/events/{event}")).data()["inserted_at"].as_str().unwrap().to_owned();
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let page = text(&get(&daemon, &format!("/events/{event}"), &cookie).expect(200));
    // Three hours west of UTC, all year.
    let shown = page.split_once(&format!("<time datetime=\"{at}\" data-t=\"\">")).unwrap().1.split('<').next().unwrap();
    let hour = |text: &str| text[11..13].parse::<u32>().unwrap();
    assert_eq!((hour(&at) + 21) % 24, hour(shown), "{shown}");
    assert!(!shown.contains("UTC"), "{shown}");
    // What is typed without a script is in that zone too.
    let list = text(&get(&daemon, "/events", &cookie).expect(200));
    assert!(list.contains(zone), "{list}");
    let local = format!("{}-{}-{}T{}:59:59", &shown[6..10], &shown[3..5], &shown[..2], &shown[11..13]);
    let found = |query: &str| {
        let page = text(&get(&daemon, &format!("/events?{query}"), &cookie).expect(200));
        page.contains(&format!("/events/{event}"))
    };
    assert!(found(&format!("to={local}")) && !found(&format!("from={local}")), "{local}");
    // What says its offset, as the links of the home page do, is that moment in any zone, and shown in the panel's.
    let before = format!("{}:00:00Z", &at[..13]);
    assert!(found(&format!("from={before}")) && found(&format!("from={before}&tz=-60")), "{before}");
    assert!(!found(&format!("to={before}")) && !found(&format!("to={before}&tz=300")), "{before}");
    let list = text(&get(&daemon, &format!("/events?from={before}"), &cookie).expect(200));
    let local = format!("value=\"{}-{}-{}T{}:00\"", &shown[6..10], &shown[3..5], &shown[..2], &shown[11..13]);
    assert!(list.contains(&local), "{local}: {list}");
    let bad = daemon.data().parent().unwrap().join("bad.toml");
    fs::write(&bad, "[panel]\nenabled = true\ntime_zone = \"America/Sao Paulo\"\nurl = \"loja.example\"\n").unwrap();
    let out = daemon.command().args(["check-config", "--config"]).arg(&bad).output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(78), "{said}");
    assert!(said.contains("bad.toml:3:13: ") && said.contains("the name of a time zone"), "{said}");
    assert!(said.contains("bad.toml:4:7: ") && said.contains("https://carteiro.loja.example"), "{said}");
}
