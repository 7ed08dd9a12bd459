//! A target that fails and is mended: what the owner of a shop is told on the way, and by which buttons they get there.

use super::super::harness::{Daemon, eventually, retrying_after};
use super::super::receiver::{Receiver, Reply};
use super::{get, post, sign_in, text};
use serde_json::json;

/// What a page has behind the first of these.
fn behind<'p>(page: &'p str, what: &str) -> &'p str {
    page.split_once(what).unwrap_or_else(|| panic!("no {what:?}: {page}")).1
}

/// Home was green while eighty notifications waited for hours, a bulk resend of which each was refused ended in a green
/// bar, and a card advised to mend what had just been mended.
#[test]
fn what_waits_is_told_of_until_it_is_delivered() {
    let said = r#"{"erro":"token expirado","detalhe":"<b>Gere</b> um novo"}"#;
    let refused = format!("HTTP/1.1 401 X\r\nContent-Length: {}\r\n\r\n{said}", said.len()).into_bytes();
    let replies = [vec![Reply::Raw(refused); 12], vec![Reply::Status(200)]].concat();
    let (receiver, other) = (Receiver::start(&replies), Receiver::start(&[Reply::Status(200)]));
    let daemon = Daemon::start(&retrying_after("1h"));
    let erp = daemon.register_with(json!({ "name": "ERP", "target": receiver.url, "events": ["*"] }));
    let id = erp["id"].as_str().unwrap();
    daemon.register_with(json!({ "name": "Nota fiscal", "target": other.url, "events": ["*"] }));
    let mut events = Vec::new();
    for order in 1..=3 {
        for name in ["ORDER.PAID", "PAYMENT.PAID"] {
            let event = json!({ "type": name, "external_id": format!("pedido-{order}"), "resource": {} });
            events.push(daemon.record_with(event));
        }
    }
    let count = |query: &str| daemon.list(&format!("/api/notifications?{query}")).len();
    eventually("all wait at one webhook, and none at the other", || {
        (count("status=RETRYING") == 6 && count("status=DELIVERED") == 6).then_some(())
    });
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let page = |path: &str| text(&get(&daemon, path, &cookie).expect(200));
    let form = [("csrf", csrf.as_str())];

    // How many orders wait, what the target itself says, and the failing webhook before the one that works.
    let home = page("/");
    let quoted = format!("“{}”", said.replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;"));
    for told in ["6 notificações de 3 pedidos aguardam.", "Resposta do destino:", &quoted, "peça a autorização atual"]
    {
        assert!(home.contains(told), "{told}: {home}");
    }
    assert!(behind(&home, "class=\"btn small main\"").starts_with(&format!(" href=\"/webhooks/{id}/edit#authoriz")));
    let event = page(&format!("/events/{}", events[0]));
    assert!(behind(&event, ">ERP</a>").contains(">Nota fiscal</a>"), "{event}");
    assert_eq!(event.matches(" open>").count(), 1, "the last attempt that failed: {event}");
    assert!(event.contains("Tentativas automáticas: 1 de 20, nenhuma confirmada; a próxima sai às <time"), "{event}");

    // All again, and all refused again: sent is not delivered.
    let sent = post(&daemon, &format!("/webhooks/{id}/resend-waiting"), &cookie, &form).expect(303);
    let job = sent.header("location").unwrap().to_owned();
    let ended = eventually("the resend has ended, and all attempts", || {
        receiver.await_count(12);
        Some(page(&job)).filter(|page| page.contains("Concluído"))
    });
    for told in ["6 reenviadas: 6 ainda tentando<", "O que foi pedido", "<progress class=\"warn\"", "Ver o webhook"] {
        assert!(ended.contains(told), "{told}: {ended}");
    }
    assert!(!ended.contains("puladas"), "{ended}");
    let list = behind(&ended, "href=\"/notifications?job_id=").split('"').next().unwrap().replace("&amp;", "&");
    let list = page(&format!("/notifications?job_id={list}"));
    assert_eq!(list.matches("<tr id=\"n-").count(), 6, "{list}");

    // Altered since: the advice is of before, and a test is the next step.
    let token = json!({ "webhook": { "authorization": "novo" } });
    daemon.patch(&format!("/api/webhooks/{id}"), &token).expect(200);
    let saved = page(&format!("/webhooks/{id}?done=saved&n={id}"));
    for told in
        ["ERP: salvo. Agora envie um teste, ou reenvie as 6 que aguardam.", "foi alterado depois desta resposta"]
    {
        assert!(saved.contains(told), "{told}: {saved}");
    }
    assert!(!saved.contains("peça a autorização atual"), "{saved}");
    let primary = saved.matches("class=\"small main\"").count() + saved.matches("class=\"main\"").count();
    assert_eq!((primary, saved.matches("class=\"btn small main\"").count()), (1, 0), "one primary button: {saved}");

    // The test works; home doesn't call that mended yet.
    let tested = post(&daemon, &format!("/webhooks/{id}/test"), &cookie, &form).expect(303);
    let path = tested.header("location").unwrap();
    let worked = eventually("the test has worked", || Some(page(path)).filter(|page| page.contains("Entregue")));
    for told in
        ["O destino confirmou.", "6 notificações aguardam a hora", "Reenviar agora as 6 que aguardam", "<h1>Teste "]
    {
        assert!(worked.contains(told), "{told}: {worked}");
    }
    let home = page("/");
    assert!(!home.contains("Tudo certo") && home.contains("<div class=\"health warn\">"), "{home}");
    for told in ["Nenhum webhook está falhando agora.", "6 notificações aguardam a hora"] {
        assert!(home.contains(told), "{told}: {home}");
    }
    let button = behind(&home, "action=\"/notifications/resend-all\"");
    assert!(button.contains("Reenviar agora as 6 que aguardam"), "{home}");
    let query = behind(button, "name=\"query\" value=\"").split('"').next().unwrap();
    let sent = post(&daemon, "/notifications/resend-all", &cookie, &[form[0], ("query", query)]).expect(303);
    let job = sent.header("location").unwrap().to_owned();
    eventually("all is well", || page("/").contains("Tudo certo:</strong> 12 notificações").then_some(()));
    let ended = page(&job);
    assert!(ended.contains("6 reenviadas: 6 entregues<") && ended.contains("<progress class=\"ok\""), "{ended}");
}

/// The only button on what a search had found erased it, and a re-sent notification stood in the history without its
/// order.
#[test]
fn an_order_is_found_resent_and_named_in_the_history() {
    let receiver = Receiver::start(&[Reply::Status(500), Reply::Status(200)]);
    let daemon = Daemon::start(&retrying_after("1h"));
    let headers = json!({ "X-Loja": "1" });
    let webhook = json!({ "name": "Estoque", "target": receiver.url, "events": ["*"], "headers": headers });
    daemon.register_with(webhook);
    let event = daemon.record_with(json!({ "type": "ORDER.PAID", "external_id": "pedido-11249", "resource": {} }));
    let waiting = daemon.await_status(&event, "RETRYING")["id"].as_str().unwrap().to_owned();
    daemon.record_with(json!({ "type": "ORDER.UPDATED", "external_id": "pedido-11249", "resource": {} }));
    receiver.await_count(2);
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let page = |path: &str| text(&get(&daemon, path, &cookie).expect(200));

    let found = page("/search?q=11249");
    assert!(found.contains("href=\"/notifications/resend?q=11249\">Reenviar…</a>"), "{found}");
    assert!(behind(&found, "<summary>Mais</summary>").contains("Apagar dados…"), "{found}");
    let standing = "<span class=\"pill warn\">Tentando de novo</span> Estoque";
    assert!(found.contains(standing) && !page("/events").contains(standing), "{found}");
    let asked = page("/notifications/resend?q=11249");
    assert!(asked.contains("Reenviar 1 notificação?") && asked.contains("<dt>Busca</dt><dd>11249</dd>"), "{asked}");
    let none = page("/search?q=Jo%C3%A3o");
    assert!(none.contains("número inteiro do pedido") && none.contains("Nomes de clientes não"), "{none}");

    post(&daemon, &format!("/notifications/{waiting}/resend"), &cookie, &[("csrf", &*csrf)]).expect(303);
    let history = page("/audit");
    assert!(history.contains(">Notificação pedido-11249</a>"), "{history}");
    // What a new webhook has is folded behind its first fact.
    let made = behind(&history, "class=\"t1\">Webhook criado<");
    assert_eq!(made.split("<details").next().unwrap().matches("class=\"clip fact\"").count(), 1, "{made}");
    assert!(behind(made, "<summary>mais ").contains("Cabeçalho x-loja"), "{made}");
}

/// One click sent a payment once more to four systems that had confirmed it, and the cards went on saying "at the first
/// attempt".
#[test]
fn an_event_is_resent_to_those_that_have_not_confirmed() {
    let (works, fails) = (Receiver::start(&[Reply::Status(200)]), Receiver::start(&[Reply::Status(500)]));
    let daemon = Daemon::start(&retrying_after("1h"));
    daemon.register_with(json!({ "name": "ERP", "target": works.url, "events": ["*"] }));
    let failing = daemon.register_with(json!({ "name": "Estoque", "target": fails.url, "events": ["*"] }));
    let event = daemon.record_with(json!({ "type": "PAYMENT.PAID", "external_id": "pedido-11248", "resource": {} }));
    eventually("one has confirmed, and one waits", || {
        let count = |status: &str| daemon.list(&format!("/api/notifications?status={status}")).len();
        (count("DELIVERED") == 1 && count("RETRYING") == 1).then_some(())
    });
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let page = |path: &str| text(&get(&daemon, path, &cookie).expect(200));
    let path = format!("/events/{event}/resend");

    // The page asks, and offers what repeats nothing first.
    let link = format!("<a class=\"btn\" href=\"{path}\">Reenviar a todos…</a>");
    assert!(page(&format!("/events/{event}")).contains(&link));
    let asked = page(&path);
    for told in ["1 webhook já confirmou este evento.", "em dobro", ">Reenviar só a quem não confirmou (1)</button>"]
    {
        assert!(asked.contains(told), "{told}: {asked}");
    }
    let back = format!("/events/{event}");
    let form = [("csrf", csrf.as_str()), ("back", back.as_str()), ("undelivered", "1")];
    let sent = post(&daemon, &path, &cookie, &form).expect(303);
    let noted = page(sent.header("location").unwrap());
    assert!(noted.contains("Reenviado a 1 webhook: pedido-11248."), "{noted}");
    fails.await_count(2);
    assert_eq!(works.count(), 1, "who has confirmed isn't sent it again");

    // Likewise by the API, which refuses what contradicts itself.
    let api = format!("/api{path}");
    let both = json!({ "undelivered": true, "webhook_id": failing["id"] });
    assert!(daemon.post(&api, &both).refused(422, "invalid_fields")["undelivered"].is_array());
    let resent = eventually("no attempt is in flight", || {
        let answer = daemon.post(&api, &json!({ "undelivered": true }));
        (answer.status == 202).then(|| answer.data())
    });
    assert_eq!(resent.as_array().map(Vec::len), Some(1), "{resent}");
    fails.await_count(3);
    assert_eq!(works.count(), 1);

    // To all, because somebody wants that; the card says so.
    let all = eventually("no attempt is in flight", || {
        let sent = post(&daemon, &path, &cookie, &form[..2]);
        (sent.status == 303).then(|| sent.header("location").unwrap().to_owned())
    });
    assert!(page(&all).contains("Reenviado a 2 webhooks: pedido-11248."));
    works.await_count(2);
    eventually("its card tells of the second one", || {
        let shown = page(&back);
        let card = behind(&shown, "Confirmou na 1ª tentativa");
        (card.contains("reenviada às <time") && card.contains(", confirmada (200)")).then_some(())
    });
}

/// One retry of a shop where all is well made its first page amber.
#[test]
fn a_retry_that_comes_soon_is_nothing_to_look_after() {
    let (receiver, daemon) = (Receiver::start(&[Reply::Status(500)]), Daemon::start(&retrying_after("2m")));
    daemon.register(&receiver.url, &["*"]);
    daemon.record_with(json!({ "type": "ORDER.PAID", "resource": {} }));
    eventually("it waits for its second attempt", || {
        (daemon.list("/api/notifications?status=RETRYING").len() == 1).then_some(())
    });
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let home = text(&get(&daemon, "/", &cookie).expect(200));
    assert!(home.contains("class=\"health ok\""), "{home}");
}

/// A card said that sixty wait, one button that 47 do, and another that 13 do.
#[test]
fn what_waits_in_several_ways_is_named_by_each() {
    let replies = [vec![Reply::Status(500); 5], vec![Reply::Silence]].concat();
    let receiver = Receiver::start(&replies);
    let daemon = Daemon::start(&retrying_after("1h"));
    daemon.register_with(json!({ "target": receiver.url, "events": ["*"], "max_in_flight": 1 }));
    for _ in 0..8 {
        daemon.record("PAYMENT.PAID");
    }
    receiver.await_count(6);
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let home = eventually("five have failed", || {
        Some(text(&get(&daemon, "/", &cookie).expect(200))).filter(|page| page.contains("Falhando há"))
    });
    for told in [
        "status=RETRYING\">Ver as 5 que serão tentadas de novo</a>",
        "status=PENDING\">Ver as 3 na fila</a>",
        "Reenviar agora as 5 que serão tentadas de novo</button>",
    ] {
        assert!(home.contains(told), "{told}: {home}");
    }
    assert!(!home.contains("que aguardam</"), "{home}");
}
