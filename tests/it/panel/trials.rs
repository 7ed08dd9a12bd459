//! Samples and tests: marked wherever they stand, and in no figure.

use super::super::harness::{Daemon, retrying_after};
use super::super::receiver::{Receiver, Reply};
use super::{get, post, sign_in, text};
use serde_json::json;

/// A sample counted as business on home and in the lists, and nothing said what it was.
#[test]
fn a_sample_is_a_test_wherever_it_stands() {
    let receiver = Receiver::start(&[Reply::Status(200), Reply::Status(500), Reply::Status(200)]);
    let daemon = Daemon::start(&retrying_after("1h"));
    daemon.register(&receiver.url, &["PAYMENT.*"]);
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let page = |path: &str| text(&get(&daemon, path, &cookie).expect(200));
    let sample = || {
        let fields = [("csrf", csrf.as_str()), ("type", "PAYMENT.PAID")];
        let answer = post(&daemon, "/events/sample", &cookie, &fields).expect(303);
        let there = answer.header("location").unwrap().to_owned();
        there.strip_prefix("/events/").unwrap().split('?').next().unwrap().to_owned()
    };
    let (delivered, failed) = (sample(), {
        receiver.await_count(1);
        sample()
    });
    // It has one attempt: it is sent while somebody looks.
    assert_eq!(daemon.await_status(&delivered, "DELIVERED")["test"], true);
    daemon.await_status(&failed, "FAILED");
    assert_eq!(receiver.requests()[0].json()["env"], "test");
    let home = page("/");
    assert!(
        home.contains("nenhuma notificação nas últimas 24 horas") && home.contains("Ainda não há entregas"),
        "{home}"
    );
    let business = daemon.record("PAYMENT.PAID");
    daemon.await_status(&business, "DELIVERED");
    assert!(page("/").contains("1 notificação entregue nas últimas 24 horas"));

    let mark = "<span class=\"tag\">teste</span>";
    assert!(
        page(&format!("/events/{delivered}")).contains(mark) && !page(&format!("/events/{business}")).contains(mark)
    );
    for list in ["events", "notifications"] {
        let rows = |query: &str| {
            let page = page(&format!("/{list}?{query}"));
            let rows = page.matches("<tr id=\"").count();
            assert_eq!(
                page.matches(mark).count(),
                if query.contains("test=true") { rows } else { 0 },
                "{list}?{query}"
            );
            rows
        };
        assert_eq!((rows(""), rows("test=true"), rows("test=false")), (1, 2, 1), "{list}");
        assert_eq!(daemon.list(&format!("/api/{list}")).len(), 1);
        assert!(daemon.list(&format!("/api/{list}?test=true")).iter().all(|one| one["test"] == json!(true)));
    }
    // Looked for by an id of its own, it is found.
    let order = daemon.get(&format!("/api/events/{delivered}")).expect(200).data()["about"]["payment_id"].clone();
    assert_eq!(daemon.list(&format!("/api/events?q={}", order.as_str().unwrap())).len(), 2);

    // Sent again, it goes to those that subscribe by now as well, and is a test there too.
    let second = daemon.register(&receiver.url, &["PAYMENT.*"]);
    daemon.post(&format!("/api/events/{failed}/resend"), &json!({})).expect(202);
    daemon.await_status(&failed, "DELIVERED");
    let history = daemon.history(&failed);
    assert_eq!(history.len(), 2);
    assert!(history.iter().all(|one| one["test"] == json!(true)), "{history:?}");
    assert!(history.iter().any(|one| one["webhook_id"] == json!(second)));
    // The test of one webhook stays its own.
    let test = daemon.post(&format!("/api/webhooks/{second}/test"), &json!({})).expect(202).data();
    let event = test["event_id"].as_str().unwrap();
    daemon.await_status(event, "DELIVERED");
    daemon.post(&format!("/api/events/{event}/resend"), &json!({})).expect(202);
    assert_eq!(daemon.history(event).len(), 1);
    let reasons = daemon.get(&format!("/api/events/{event}/explain")).expect(200).data();
    assert!(
        reasons.as_array().unwrap().iter().any(|one| one["reason"].as_str().unwrap().contains("test")),
        "{reasons}"
    );
}

/// The first sample was of a type that the only webhook didn't take: it was called sent, and the steps were gone.
#[test]
fn the_first_sample_is_of_a_type_that_a_webhook_takes() {
    let receiver = Receiver::start(&[Reply::Status(200)]);
    let daemon = Daemon::start(&retrying_after("1h"));
    daemon.register(&receiver.url, &["ORDER.*"]);
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let page = |path: &str| text(&get(&daemon, path, &cookie).expect(200));
    let home = page("/");
    let select = home.split_once("id=\"sample-type\"").unwrap().1.split("</select>").next().unwrap();
    let offered: Vec<&str> = select.split("value=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(!offered.is_empty() && offered.iter().all(|one| one.starts_with("ORDER.")), "{offered:?}");
    let page_after = |name: &str| {
        let answer = post(&daemon, "/events/sample", &cookie, &[("csrf", &csrf), ("type", name)]).expect(303);
        page(answer.header("location").unwrap())
    };
    let unsent = page_after("PAYMENT.PAID");
    assert!(unsent.contains("mas nenhum webhook o recebe") && !unsent.contains("exemplo enviado"), "{unsent}");
    let sent = page_after(offered[0]);
    assert!(sent.contains("Evento de exemplo enviado."), "{sent}");
    // Nobody is told of failures: that step is left until it is dismissed.
    assert!(page("/").contains("id=\"last-step\""));
    let dismissed = post(&daemon, "/dismiss", &cookie, &[("csrf", &csrf), ("what", "alerts")]).expect(303);
    let mark = dismissed.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let with = format!("{}; {mark}\r\n", cookie.trim());
    assert!(!text(&get(&daemon, "/", &with).expect(200)).contains("id=\"last-step\""));
}
