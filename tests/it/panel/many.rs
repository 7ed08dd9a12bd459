//! The panel of a shop with thirty webhooks and five thousand events: what needs somebody is seen first, an order is
//! found by its number, and no page takes long.

use super::super::harness::{Daemon, QUICK};
use super::{get, sign_in, text};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// In a build that isn't optimized, on a machine that does other things as well; a page takes a few milliseconds.
const SLOW: Duration = Duration::from_secs(3);

#[test]
fn among_thirty_webhooks_and_five_thousand_events_the_one_that_matters_is_found() {
    let daemon = Daemon::start(QUICK);
    for n in 0..30 {
        let webhook = json!({
            "name": format!("Sistema {n:02}"),
            "target": format!("http://127.0.0.1:9/s{n}"),
            "events": [if n == 17 { "PAYMENT.REFUNDED" } else { "INVOICE.ISSUED" }],
        });
        daemon.register_with(webhook);
    }
    for batch in 0..10 {
        let event = |n: usize| {
            json!({
                "type": if n == 4711 { "PAYMENT.REFUNDED" } else { "PAYMENT.PAID" },
                "external_id": format!("pedido-{}", 100_000 + n),
                "resource": { "payment": { "id": format!("pay_{n}"), "total_cents": 100 + n } },
            })
        };
        let events: Vec<Value> = (batch * 500..(batch + 1) * 500).map(event).collect();
        daemon.post("/api/events/batch", &json!({ "events": events })).expect(201);
    }
    // Five failures in a row make it one that fails.
    for _ in 0..4 {
        daemon.record("PAYMENT.REFUNDED");
    }
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let page = |path: &str, status: u16| {
        let begun = Instant::now();
        let answer = get(&daemon, path, &cookie).expect(status);
        assert!(begun.elapsed() < SLOW, "{path} took {:?}", begun.elapsed());
        answer
    };
    super::eventually("it is failing", || {
        text(&page("/", 200)).contains("1 de 30 webhooks precisa de atenção.").then_some(())
    });
    let webhooks = text(&page("/webhooks", 200));
    let first = webhooks.split_once("<tr id=\"w-").unwrap().1;
    assert!(first.split("</tr>").next().unwrap().contains("Sistema 17"), "{first}");
    assert_eq!(webhooks.matches("<tr id=\"w-").count(), 30);
    for path in ["/events", "/events?undelivered=1", "/notifications", "/notifications?status=RETRYING&period=24h"] {
        assert!(text(&page(path, 200)).contains("id=\"rows\""), "{path}");
    }
    // By its number, a part of it, and the payment's id; from any page.
    for wanted in ["104711", "pedido-104711", "PEDIDO-104711", "pay_4711"] {
        let found = page(&format!("/search?q={wanted}"), 303);
        let event = text(&page(found.header("location").unwrap(), 200));
        assert!(event.contains("<h1>Pagamento devolvido</h1>") && event.contains("pedido-104711"), "{wanted}: {event}");
        assert!(event.contains("R$\u{a0}48,11") && event.contains("Sistema 17"), "{wanted}: {event}");
    }
    let nothing = text(&page("/search?q=999999", 200));
    assert!(nothing.contains("Nada encontrado para “999999”."), "{nothing}");
}

/// An event's page held the request and its curl command of every attempt: 90 MB of 50 webhooks and 256 KiB.
#[test]
fn the_page_of_an_event_is_bounded_and_what_it_leaves_out_is_a_link_away() {
    let daemon = Daemon::start(QUICK);
    for n in 0..30 {
        daemon.register(&format!("http://127.0.0.1:9/s{n}"), &["*"]);
    }
    let record = |bytes: usize| {
        let resource = json!({ "payment": { "id": "pay_1" }, "note": "x".repeat(bytes) });
        let id = daemon.record_with(json!({ "type": "PAYMENT.PAID", "resource": resource }));
        super::eventually("all have failed", || {
            let event = daemon.get(&format!("/api/events/{id}")).expect(200).data();
            (event["summary"]["FAILED"] == 30).then_some(())
        });
        id
    };
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let page = |path: &str| text(&get(&daemon, path, &cookie).expect(200));
    let calls = |page: &str, call: &str| -> Vec<String> {
        let begin = format!("<code>GET {call}");
        let after = page.split(&begin).skip(1);
        after.map(|rest| format!("{call}{}", rest.split('<').next().unwrap())).collect()
    };
    let exchanges = |page: &str| page.matches("<div class=\"two\">").count();
    for (bytes, least, most) in [(100, 30, 60), (60_000, 5, 30), (200_000, 5, 30)] {
        let id = record(bytes);
        let event = page(&format!("/events/{id}"));
        assert!(event.len() < 4 << 20, "{} bytes", event.len());
        let shown = exchanges(&event);
        assert!((least..=most).contains(&shown), "{shown} of a body of {bytes} bytes");
        let is_long = bytes > 64 * 1024;
        assert_eq!(event.contains("xxxxx"), !is_long);
        assert_eq!(event.contains("data-copy=\"curl-"), !is_long);
        // What is left out is answered whole by the calls that are named.
        for call in calls(&event, "/api/").iter().take(3) {
            let answer = text(&daemon.get(call).expect(200));
            assert!(answer.contains("xxxxx"), "{call}");
        }
        assert_eq!(calls(&event, "/api/events/").len(), usize::from(is_long));
        assert_eq!(calls(&event, "/api/notifications/").len(), if is_long { shown } else { 0 });
        // A run of equal failures shows the last one, and leads to the others.
        let link = event.split_once("?attempt=3#").unwrap().0.rsplit('"').next().unwrap();
        let opened = page(&format!("{link}?attempt=3"));
        let id = link.rsplit('/').next().unwrap();
        assert!(opened.contains(&format!("<details id=\"b-{id}-3\" open>")), "{opened}");
        assert!(opened.contains("carteiro-attempt: 3"), "{opened}");
    }
}
