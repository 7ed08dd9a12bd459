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
