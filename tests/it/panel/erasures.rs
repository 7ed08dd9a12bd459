//! The list of erasures by key: what it tells while one goes on and once it has ended, and to whom.

use super::super::harness::{Daemon, QUICK, eventually};
use super::super::monitoring::more_than_is_free;
use super::{get, post, sign_in, text};
use serde_json::json;

const EMAIL: &str = "maria@cliente.example";

/// Jobs wait while the disk has less room than this.
fn config(min_free: &str) -> String {
    format!("store.min_free = \"{min_free}\"\n[catalogue]\nkeys = [\"email\"]\n{QUICK}")
}

/// Part of a number that orders have led to a page with nothing but a way back.
#[test]
fn a_part_of_a_key_leads_to_the_keys_that_it_may_mean() {
    let daemon = Daemon::start(&config("1MiB"));
    let order = |nth: u32| format!("pedido-112{nth:02}");
    let events: Vec<_> = (0..23)
        .map(|nth| json!({ "type": "ORDER.PAID", "external_id": order(nth), "resource": { "id": format!("o-{nth}") } }))
        .collect();
    daemon.post("/api/events/batch", &json!({ "events": events })).expect(201);
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let page = |path: &str| text(&get(&daemon, path, &cookie).expect(200));
    let asked = page("/erasures/new?q=112");
    assert_eq!(asked.matches("href=\"/erasures/new?q=pedido-112").count(), 20, "{asked}");
    assert!(asked.contains(&format!(">{}</a>", order(22))) && !asked.contains(&order(2)), "the newest: {asked}");
    assert!(asked.contains("e mais 3 chaves") && !asked.contains("Procurado apenas"), "{asked}");
    // Of a number that the search knows, its only key is meant.
    let whole = get(&daemon, "/erasures/new?q=11207", &cookie).expect(303);
    assert_eq!(whole.header("location"), Some("/erasures/new?q=pedido-11207"));
    let one = page("/erasures/new?q=dido-11207");
    assert!(one.contains("href=\"/erasures/new?q=pedido-11207\""), "{one}");
    assert!(!page("/erasures/new?q=999").contains("Você quis dizer"));
}

/// The panel showed one erasure's page and no list: who had closed it found it by the API alone.
#[test]
fn erasures_are_listed_with_their_keys_until_they_end() {
    let daemon = Daemon::start(&config("1MiB"));
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let page = |path: &str| text(&get(&daemon, path, &cookie).expect(200));
    assert!(page("/").contains("href=\"/erasures\""), "the menu leads there");
    let none = page("/erasures");
    assert!(none.contains("Nada foi apagado na última semana") && none.contains("action=\"/erasures/new\""), "{none}");
    let nothing_typed = get(&daemon, "/erasures/new?q=%20", &cookie).expect(303);
    assert_eq!(nothing_typed.header("location"), Some("/erasures"));

    let event = daemon.record_with(json!({ "type": "ORDER.PAID", "resource": { "id": "o-1", "email": EMAIL } }));
    let reader = json!({ "token": { "name": "leitor", "scopes": ["read"] } });
    let reader = daemon.post("/api/tokens", &reader).expect(201).data()["token"].as_str().unwrap().to_owned();
    let (reader, _) = sign_in(&daemon, &reader);
    daemon.reload(&config(&more_than_is_free(&daemon)));
    let asked = page(&format!("/erasures/new?q={EMAIL}"));
    assert!(asked.contains("Eventos: 1") && asked.contains("href=\"/erasures\""), "{asked}");
    let begun = post(&daemon, "/erasures", &cookie, &[("csrf", &csrf), ("q", EMAIL)]).expect(303);
    let own = begun.header("location").unwrap().to_owned();
    let stop = format!("action=\"{own}/stop\"");
    for shown in [page("/erasures"), page(&own)] {
        for says in [EMAIL, "Em andamento", "Apagados: 0 de 1", " · painel", &stop] {
            assert!(shown.contains(says), "{says}: {shown}");
        }
    }
    assert!(page("/erasures").contains(&format!("href=\"{own}\"")));
    for path in ["/erasures", &own] {
        let seen = text(&get(&daemon, path, &reader).expect(200));
        assert!(seen.contains(EMAIL), "the API tells it too: {seen}");
        for hidden in [" · painel", "/stop", "/erasures/new"] {
            assert!(!seen.contains(hidden), "{hidden}: {seen}");
        }
    }

    let file = get(&daemon, "/erasures?format=csv", &reader).expect(200);
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(page("/erasures").contains("href=\"/erasures?format=csv\"") && text(&file).contains(EMAIL));

    // It is ended from the list; what was searched for is told no more.
    let stopped = post(&daemon, &format!("{own}/stop"), &cookie, &[("csrf", &csrf), ("back", "/erasures")]).expect(303);
    assert_eq!(stopped.header("location"), Some("/erasures"));
    daemon.reload(&config("1MiB"));
    post(&daemon, "/erasures", &cookie, &[("csrf", &csrf), ("q", EMAIL), ("external_id", "1")]).expect(303);
    let ended =
        eventually("the second has ended", || Some(page("/erasures")).filter(|list| !list.contains("Em andamento")));
    for says in ["Cancelado", "Concluído", "Apagados: 1 de 1", "Chave esquecida"] {
        assert!(ended.contains(says), "{says}: {ended}");
    }
    assert!(!ended.contains(EMAIL) && !page(&own).contains(EMAIL), "{ended}");
    assert!(page(&own).contains("Fim") && page("/audit").contains(&format!("href=\"{own}\"")));
    assert!(daemon.get(&format!("/api/events/{event}")).expect(200).data()["resource"].is_null());
}
