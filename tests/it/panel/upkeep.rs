//! What somebody does and sees who looks after a shop's carteiro without a shell: erasing, re-sending after a mend,
//! the catalogue, the system; and addresses and numbers as people type them.

use super::super::harness::{Daemon, QUICK, eventually, retrying_after};
use super::super::receiver::{Receiver, Reply};
use super::{get, post, sign_in, text};
use serde_json::json;
use std::time::Duration;

/// Only the API could erase a payload.
#[test]
fn a_payload_is_erased_by_a_page_that_says_what_stays() {
    let daemon = Daemon::start(&retrying_after("1h"));
    daemon.register("http://127.0.0.1:9/x", &["*"]);
    let own = json!({ "type": "ORDER.PAID", "external_id": "pedido-7", "resource": { "id": "o-77" } });
    let event = daemon.record_with(own);
    daemon.await_status(&event, "RETRYING");
    let reader = json!({ "token": { "name": "leitor", "scopes": ["read"] } });
    let reader = daemon.post("/api/tokens", &reader).expect(201).data()["token"].as_str().unwrap().to_owned();
    let (reader, reader_csrf) = sign_in(&daemon, &reader);
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let path = format!("/events/{event}/erase");
    assert!(!text(&get(&daemon, &format!("/events/{event}"), &reader).expect(200)).contains(&path));
    get(&daemon, &path, &reader).expect(403);
    post(&daemon, &path, &reader, &[("csrf", &reader_csrf)]).expect(403);

    let shown = || text(&get(&daemon, &format!("/events/{event}"), &cookie).expect(200));
    assert!(shown().contains("Apagar dados…") && shown().contains("o-77"));
    let asked = text(&get(&daemon, &path, &cookie).expect(200));
    for says in ["Ficam o tipo", "1 notificação pendente será cancelada", "Apagar também o id externo pedido-7"] {
        assert!(asked.contains(says), "{says}: {asked}");
    }
    let erased = post(&daemon, &path, &cookie, &[("csrf", &csrf)]).expect(303);
    assert_eq!(erased.header("location"), Some(&*format!("/events/{event}?done=erased")));
    assert!(shown().contains("Os dados deste evento foram apagados.") && !shown().contains("o-77"));
    assert!(shown().contains("pedido-7") && shown().contains("Apagar id externo…"), "what the shop called it stays");
    assert_eq!(daemon.list("/api/events?q=pedido-7").len(), 1);
    let asked = text(&get(&daemon, &path, &cookie).expect(200));
    assert!(asked.contains("já foram apagados") && asked.contains("value=\"1\""), "{asked}");
    post(&daemon, &path, &cookie, &[("csrf", &csrf), ("external_id", "1")]).expect(303);
    assert!(!shown().contains("pedido-7") && !shown().contains(&path), "nothing is left to erase");
    assert_eq!(daemon.list("/api/events?q=pedido-7").len(), 0);
    let nothing = get(&daemon, &path, &cookie).expect(303);
    assert_eq!(nothing.header("location"), Some(&*format!("/events/{event}")));
    get(&daemon, "/events/0193a5b0-1111-7222-8333-444455556666/erase", &cookie).expect(404);
}

/// After a token was mended, what waited kept its schedule, up to 12 hours.
#[test]
fn what_waits_goes_at_once_after_a_mend() {
    let receiver = Receiver::start(&[Reply::Status(401)]);
    let daemon = Daemon::start(&retrying_after("1h"));
    let id = daemon.register(&receiver.url, &["*"]);
    let other = daemon.register("http://127.0.0.1:9/x", &["ORDER.*"]);
    let events: Vec<String> = (0..6).map(|_| daemon.record("PAYMENT.PAID")).collect();
    let elsewhere = daemon.record("ORDER.PAID");
    for event in &events {
        daemon.await_status(event, "RETRYING");
    }
    eventually("the other's waits too", || {
        let found = daemon.list(&format!("/api/notifications?webhook_id={other}&status=RETRYING"));
        (found.len() == 1).then_some(())
    });
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let page = |path: &str| text(&get(&daemon, path, &cookie).expect(200));
    let action = format!("action=\"/webhooks/{id}/resend-waiting\"");
    let label = "Reenviar agora as 7 que aguardam";
    // On the card, and on the webhook's page, where its form leads after saving.
    assert!(page("/").contains(&action) && page("/").contains(label), "{}", page("/"));
    receiver.now(Reply::Status(200));
    let form = [("csrf", csrf.as_str()), ("target", &receiver.url), ("event", "*"), ("authorization", "Bearer novo")];
    let saved = post(&daemon, &format!("/webhooks/{id}"), &cookie, &form).expect(303);
    let there = page(saved.header("location").unwrap());
    assert!(there.contains(&action) && there.contains(label), "{there}");
    let sent = post(&daemon, &format!("/webhooks/{id}/resend-waiting"), &cookie, &[("csrf", &csrf)]).expect(303);
    assert!(sent.header("location").unwrap().starts_with("/notifications/resends/"));
    for event in &events {
        daemon.await_status(event, "DELIVERED");
    }
    eventually("all of this webhook's are delivered", || {
        daemon.list(&format!("/api/notifications?webhook_id={id}&undelivered=true")).is_empty().then_some(())
    });
    let left = daemon.history(&elsewhere);
    let left = left.iter().find(|one| one["webhook_id"] == json!(other)).unwrap();
    assert_eq!(
        (&left["status"], &left["attempts_count"]),
        (&json!("RETRYING"), &json!(1)),
        "the other's is left alone"
    );
    assert!(!page(&format!("/webhooks/{id}")).contains(&action), "nothing waits");
}

#[test]
fn the_catalogue_says_what_there_is_and_who_is_told() {
    let config = "[catalogue]\nextra = [{ type = \"SHIPMENT.LATE\", pt = \"O envio atrasou.\", en = \"The shipment is \
                  late.\", sample = '{\"envio\": {\"id\": 7}}' }]\n";
    let daemon = Daemon::start(config);
    daemon
        .register_with(json!({ "name": "Transportes", "target": "https://loja.example/x", "events": ["SHIPMENT.*"] }));
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let page = text(&get(&daemon, "/event-types", &cookie).expect(200));
    let row = page.split_once("id=\"t-SHIPMENT.LATE\"").unwrap().1.split("</tr>").next().unwrap();
    for part in ["O envio atrasou", "Transportes", "&quot;id&quot;: 7"] {
        assert!(row.contains(part), "{part}: {row}");
    }
    let row = page.split_once("id=\"t-PAYMENT.PAID\"").unwrap().1.split("</tr>").next().unwrap();
    assert!(row.contains("Pagamento pago") && row.contains("Nenhum webhook"), "{row}");
    let english = text(&get(&daemon, "/event-types", &format!("{cookie}Accept-Language: en\r\n")).expect(200));
    assert!(english.contains("The shipment is late"), "{english}");
}

#[test]
fn the_system_is_seen_without_a_shell_by_its_operator_alone() {
    let folder = tempfile::tempdir().unwrap();
    let accounts =
        ["producao", "sandbox"].map(|name| format!("[[account]]\nname = \"{name}\"\nenv = \"{name}\"\n")).concat();
    let backups = folder.path().join("copias");
    let store = format!(
        "store.retention = \"30d\"\nstore.backup_dir = \"{}\"\nstore.backup_every = \"1d\"\n{accounts}",
        backups.display()
    );
    let daemon = Daemon::start(&store);
    let token = |name: &str| std::fs::read_to_string(daemon.data().join(format!("admin-token-{name}"))).unwrap();
    let (cookie, _) = sign_in(&daemon, token("producao").trim());
    let page = || text(&get(&daemon, "/system", &cookie).expect(200));
    let shown = eventually("the first backup is told of", || Some(page()).filter(|page| page.contains("Tamanho")));
    for part in ["30 dias", "1 dia<", "copias", env!("CARGO_PKG_VERSION"), "Livre no disco", "Formato do armazenamento"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // Another account sees how long its events are kept, and nothing of the machine.
    let (other, _) = sign_in(&daemon, token("sandbox").trim());
    let others = text(&get(&daemon, "/system", &other).expect(200));
    assert!(others.contains("30 dias") && others.contains("na conta de quem opera"), "{others}");
    for secret in ["copias", "Livre no disco", "Em execução desde"] {
        assert!(!others.contains(secret), "{secret}: {others}");
    }
    let reader = json!({ "token": { "name": "leitor", "scopes": ["read"] } });
    let made = daemon.call_as(token("producao").trim(), "POST", "/api/tokens", "", reader.to_string().as_bytes());
    let (reader, _) = sign_in(&daemon, made.expect(201).data()["token"].as_str().unwrap());
    get(&daemon, "/system", &reader).expect(403);
}

/// A backup that fails stood in the log alone.
#[test]
fn a_backup_that_fails_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    // A file is no folder: nothing can be written below it.
    let blocked = folder.path().join("arquivo");
    std::fs::write(&blocked, "").unwrap();
    let below = blocked.join("copias");
    let daemon =
        Daemon::start(&format!("store.backup_dir = \"{}\"\nstore.backup_every = \"1d\"\n{QUICK}", below.display()));
    daemon.forgive();
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let failed = "O último backup agendado falhou em";
    eventually("the failure is told of", || {
        text(&get(&daemon, "/system", &cookie).expect(200)).contains(failed).then_some(())
    });
}

/// An address with two slashes answered JSON, and one that a cursor of no list stood in the newest page, as if that had
/// been asked for.
#[test]
fn addresses_as_people_type_them_are_answered_by_a_page() {
    let daemon = Daemon::quick();
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let browser = "Accept: text/html\r\n";
    for path in ["//x/", "//evil.example/", "//webhooks/", "//evil.example/?done=sample"] {
        for who in ["", &cookie] {
            let answer = get(&daemon, path, &format!("{browser}{who}")).expect(404);
            let page = text(&answer);
            assert!(page.contains("Página não encontrada") && answer.header("location").is_none(), "{path}: {page}");
            assert!(!page.contains("href=\"//") && !page.contains("value=\"//"), "{path}: {page}");
        }
    }
    get(&daemon, "//x/", "").refused(404, "not_found");
    let home = get(&daemon, "//", browser).expect(308);
    assert_eq!(home.header("location"), Some("/"));
    daemon.register("http://127.0.0.1:9/x", &["*"]);
    for path in
        ["/events?older=x", "/notifications?newer=x", "/tokens?older=%C3%A9", "/webhooks?page=x", "/webhooks?page=2"]
    {
        let page = text(&get(&daemon, path, &cookie).expect(200));
        assert!(page.contains("A página pedida não existe"), "{path}: {page}");
    }
    for path in ["/events", "/notifications?older=", "/webhooks?page=1"] {
        assert!(!text(&get(&daemon, path, &cookie).expect(200)).contains("A página pedida"), "{path}");
    }
}

/// `1.000` was taken as 1: a thousandth of the rate that was meant.
#[test]
fn numbers_are_taken_as_the_pages_language_writes_them() {
    let daemon = Daemon::quick();
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let own = [("csrf", csrf.as_str()), ("target", "http://127.0.0.1:9/x"), ("event", "*")];
    let with = |language: &str, fields: &[(&str, &str)]| {
        post(
            &daemon,
            "/webhooks",
            &format!("{cookie}Accept-Language: {language}\r\n"),
            &[own.as_slice(), fields].concat(),
        )
    };
    let stored = |field: &str| daemon.list("/api/webhooks")[0][field].clone();
    for (language, typed, rate) in [("pt", "1.000", 1000.0), ("pt", "2,5", 2.5), ("en", "1,000.5", 1000.5)] {
        with(language, &[("rate_limit", typed), ("max_in_flight", if language == "pt" { "1.000" } else { "1,000" })])
            .expect(303);
        assert_eq!((stored("rate_limit"), stored("max_in_flight")), (json!(rate), json!(1000)), "{typed}");
    }
    for bad in ["1.00.0", "1,000,5", "mil", "20.000"] {
        let page = text(&with("pt", &[("rate_limit", bad)]).expect(422));
        assert!(page.contains("id=\"rate_limit-problem\"") && page.contains(bad), "{bad}: {page}");
    }
}

/// Nothing is ticked that its reader hasn't chosen.
#[test]
fn the_form_of_a_token_chooses_nothing_by_itself() {
    let daemon = Daemon::quick();
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let page = text(&get(&daemon, "/tokens", &cookie).expect(200));
    assert!(page.contains("name=\"scope\"") && !page.contains(" checked"), "{page}");
    post(&daemon, "/tokens", &cookie, &[("csrf", &csrf), ("name", "loja")]).expect(422);
}

/// The page that asked again had no reason on it where fewer than a thousand were left.
#[test]
fn a_wrong_number_is_told_of_however_many_are_left() {
    let daemon = Daemon::start(&retrying_after("1h"));
    daemon.register("http://127.0.0.1:9/x", &["*"]);
    let event = daemon.record("PAYMENT.PAID");
    daemon.await_status(&event, "RETRYING");
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let fields = [("csrf", csrf.as_str()), ("query", "status=RETRYING"), ("count", "1500"), ("typed", "15")];
    let page = text(&post(&daemon, "/notifications/resend-all", &cookie, &fields).expect(422));
    assert!(page.contains("a quantidade mudou: agora são 1."), "{page}");
    assert!(page.contains("Reenviar 1 notificação?"), "{page}");
}

/// The files of the panel had the API's words, and no amount.
#[test]
fn the_panels_files_speak_its_readers_language() {
    let daemon = Daemon::start(&retrying_after("1h"));
    daemon.register("http://127.0.0.1:9/x", &["*"]);
    let payment = json!({ "payment": { "id": "p-1", "total_cents": 123_456 } });
    let event = daemon.record_with(json!({ "type": "PAYMENT.PAID", "resource": payment }));
    daemon.record_with(json!({ "type": "PAYMENT.REFUNDED", "resource": { "payment": { "total_cents": -5 } } }));
    daemon.await_status(&event, "RETRYING");
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let file = |path: &str, language: &str| {
        text(&get(&daemon, path, &format!("{cookie}Accept-Language: {language}\r\n")).expect(200))
    };
    let portuguese = file("/notifications?format=csv", "pt");
    assert!(portuguese.contains("Valor (R$)") && portuguese.contains(";\"1234,56\";"), "{portuguese}");
    assert!(portuguese.contains(";Tentando de novo;") && !portuguese.contains("RETRYING"), "{portuguese}");
    let english = file("/events?format=csv", "en");
    assert!(
        english.contains("Amount (BRL)") && english.contains(",1234.56,") && english.contains(",-0.05,"),
        "{english}"
    );
    assert!(file("/webhooks?format=csv", "pt").contains(";Ativo;"));
    let api = text(&daemon.get("/api/notifications?format=csv&lang=pt").expect(200));
    assert!(api.contains(";RETRYING;"), "{api}");
}

/// The audit's file had the API's words where its page has people's, and the beginning of time for a period that has
/// none; tokens, jobs and what was searched for had no file.
#[test]
fn every_list_is_a_file_and_the_audits_speaks_as_its_page() {
    let daemon = Daemon::quick();
    let webhook = daemon.register("http://127.0.0.1:9/x", &["*"]);
    let patch = json!({ "webhook": { "status": "PAUSED", "authorization": "Bearer x" } });
    daemon.patch(&format!("/api/webhooks/{webhook}"), &patch).expect(200);
    let all = json!({ "from": "1970-01-01T00:00:00Z" });
    daemon.post(&format!("/api/webhooks/{webhook}/backfill"), &all).expect(202);
    daemon.post("/api/notifications/resend", &json!({ "filter": { "status": "FAILED" } })).expect(202);
    daemon.post("/api/erasures", &json!({ "q": "pedido-1" })).expect(202);
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let file = |path: &str, language: &str| {
        let answer = get(&daemon, path, &format!("{cookie}Accept-Language: {language}\r\n")).expect(200);
        assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"), "{path}");
        text(&answer)
    };
    let audit = file("/audit?format=csv", "pt");
    for told in [
        "Webhook alterado;API;",
        "Situação: Ativo → Pausado",
        "Autorização: valor definido",
        ";Envio de eventos anteriores;",
        "Período: qualquer",
        "Entrada no painel;painel;",
    ] {
        assert!(audit.contains(told), "{told}: {audit}");
    }
    for code in ["WEBHOOK_CHANGED", "PAUSED", "BACKFILL", "1970", "1969", "notifications"] {
        assert!(!audit.contains(code), "{code}: {audit}");
    }
    let english = file("/audit?format=csv", "en");
    assert!(english.contains("Status: Active → Paused") && !english.contains("Ativo"), "{english}");
    let tokens = file("/tokens?format=csv", "pt");
    assert!(tokens.starts_with("\u{feff}Token;Nome;Permissões;Criado em"), "{tokens}");
    // Programs have the API's words.
    let api = |path: &str| text(&daemon.get(path).expect(200));
    let audit = api("/api/audit?format=csv");
    assert!(audit.contains(",BACKFILL_STARTED,API,") && !audit.contains("1970"), "{audit}");
    for (path, begins, has) in [
        ("/api/tokens", "Token,Name,Scopes,", ",admin,"),
        ("/api/webhooks/backfill", "Backfill,Status,Webhook,", &*format!(",{webhook},,,,")),
        ("/api/notifications/resend", "Bulk resend,Status,Filter,", ",status=FAILED,"),
        ("/api/erasures", "Erasure,Status,Key,", ",no,0,0,"),
    ] {
        let csv = api(&format!("{path}?format=csv"));
        assert!(csv.trim_start_matches('\u{feff}').starts_with(begins) && csv.contains(has), "{path}: {csv}");
        assert_eq!(csv.lines().count(), 2, "{path}: {csv}");
        daemon.get(&format!("{path}?format=xls")).refused(422, "invalid_fields");
    }
}

/// The catalogue and the alerts were the only lists without a file.
#[test]
fn the_catalogue_and_the_alerts_are_files_too() {
    let late = "{ type = \"SHIPMENT.LATE\", pt = \"=SOMA(A1)\", en = \"The shipment is late.\", \
                sample = '{\"envio\": {\"id\": 7}}' }";
    let daemon = Daemon::start(&format!("[catalogue]\nextra = [{late}]\n{QUICK}"));
    let target = json!({ "name": "@Transportes", "target": "http://127.0.0.1:9/x", "events": ["SHIPMENT.*"] });
    let webhook = daemon.register_with(target)["id"].as_str().unwrap().to_owned();
    daemon.record("SHIPMENT.LATE");
    let failed = format!("notifications-failed:{webhook}");
    let is_open = || daemon.list("/api/alerts").iter().any(|alert| alert["key"] == *failed);
    eventually("the alert is open", || is_open().then_some(()));
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let file = |path: &str, language: &str| {
        let answer = get(&daemon, path, &format!("{cookie}Accept-Language: {language}\r\n")).expect(200);
        assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"), "{path}");
        text(&answer)
    };
    for (path, begins) in [("/event-types", "Tipo;Descrição;"), ("/alerts", "Aviso;Chave;Crítico;")] {
        let page = text(&get(&daemon, path, &cookie).expect(200));
        assert!(page.contains(&format!("href=\"{path}?format=csv\"")), "{page}");
        let csv = file(&format!("{path}?format=csv"), "pt");
        assert!(csv.trim_start_matches('\u{feff}').starts_with(begins), "{csv}");
    }
    let types = file("/event-types?format=csv", "pt");
    let row = "SHIPMENT.LATE;\"'=SOMA(A1)\";\"'@Transportes\";\"{\"\"envio\"\": {\"\"id\"\": 7}}\"";
    assert!(types.contains(row), "{types}");
    assert!(file("/event-types?format=csv", "en").contains("SHIPMENT.LATE,The shipment is late.,"));
    // Programs are answered the same lists.
    let api = |path: &str| text(&daemon.get(path).expect(200));
    let types = api("/api/event_types?format=csv");
    assert_eq!(types.lines().count(), daemon.list("/api/event_types").len() + 1, "{types}");
    let row = |csv: String| csv.lines().find(|line| line.contains(&failed)).map(str::to_owned).unwrap_or(csv);
    let english = row(api("/api/alerts?format=csv"));
    assert!(english.starts_with("A notification of the webhook @Transportes failed,"), "{english}");
    assert!(
        english.contains(&format!(",{failed},no,{webhook},\"'@Transportes\",")) && english.ends_with(",1,no,"),
        "{english}"
    );
    let portuguese = row(api("/api/alerts?format=csv&lang=pt"));
    assert!(portuguese.contains(";não;") && portuguese.ends_with(";1;não;"), "{portuguese}");
    for path in ["/api/event_types", "/api/alerts"] {
        for bad in ["format=xls", "lang=fr", "limit=5", "nope=1"] {
            daemon.get(&format!("{path}?{bad}")).refused(422, "invalid_fields");
        }
    }

    // What the page says of what has failed is so when it is read: it went on telling of what was re-sent since.
    let list = format!("href=\"/notifications?status=FAILED&amp;webhook_id={webhook}&amp;webhook_deleted=false\"");
    let shown = || text(&get(&daemon, "/alerts", &cookie).expect(200));
    let page = shown();
    assert!(page.contains(&list) && page.contains(">Ver a 1 que falhou</a>"), "{page}");
    assert!(page.contains("Falharam: @Transportes"), "{page}");
    // The history says what was muted; the key of an alert is for programs.
    post(&daemon, "/alerts/mute", &cookie, &[("csrf", &csrf), ("key", &failed)]).expect(303);
    let audit = text(&get(&daemon, "/audit", &cookie).expect(200));
    assert!(audit.contains("Aviso: </span>Notificações com falha<") && !audit.contains(&failed), "{audit}");
    post(&daemon, &format!("/webhooks/{webhook}/delete"), &cookie, &[("csrf", &csrf)]).expect(303);
    assert!(!shown().contains(&list));
}

/// "Other events of this order" said not how many, and stood there for one alone.
#[test]
fn an_event_says_how_many_others_its_order_has() {
    let daemon = Daemon::quick();
    let record = |order: &str| {
        daemon.record_with(json!({ "type": "ORDER.PAID", "external_id": order, "resource": { "id": order } }))
    };
    let (only, first) = (record("pedido-1"), record("pedido-22"));
    for _ in 0..3 {
        record("pedido-22");
    }
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let page = |event: &str| text(&get(&daemon, &format!("/events/{event}"), &cookie).expect(200));
    assert!(page(&first).contains("Outros eventos deste pedido (3)"), "{}", page(&first));
    assert!(!page(&only).contains("Outros eventos deste pedido"));
    for _ in 0..60 {
        record("pedido-22");
    }
    assert!(page(&first).contains("Outros eventos deste pedido (50+)"));
    // The page opens quickly all the same.
    let begun = std::time::Instant::now();
    page(&first);
    assert!(begun.elapsed() < Duration::from_secs(2));
}
