//! The cap on event types: what keeps junk out and lets the catalogue in.

use super::harness::{Daemon, QUICK};
use super::receiver::Receiver;
use serde_json::json;

#[test]
fn a_thousand_junk_types_keep_out_no_type_of_the_catalogue_and_no_test() {
    let receiver = Receiver::ok();
    let daemon = Daemon::quick();
    let webhook = daemon.register(&receiver.url, &["PAYMENT.*"]);
    // A shop's bug: the number of the order stands in the type.
    let junk = |n: usize| json!({ "type": format!("ORDER.PAID_{n}"), "resource": {} });
    daemon.post("/api/events/batch", &json!({ "events": (0..1000).map(junk).collect::<Vec<_>>() })).expect(201);
    let one = |event| daemon.post("/api/events", &json!({ "event": event }));
    let fields = one(junk(1000)).refused(422, "invalid_fields");
    let said = fields["type"][0].as_str().unwrap();
    assert!(said.contains("[[catalogue.extra]]") && said.contains("retention"), "{said}");
    one(junk(999)).expect(201);
    one(json!({ "type": "PAYMENT.PAID", "resource": {} })).expect(201);
    one(json!({ "type": "ORDER.CREATED", "resource": {} })).expect(201);
    assert!(daemon.post(&format!("/api/webhooks/{webhook}/test"), &json!({})).status < 300);
    receiver.await_count(2);
    // The way out that the sentence names, without a restart.
    let shipped = || json!({ "type": "SHIPMENT.SENT", "resource": {} });
    one(shipped()).refused(422, "invalid_fields");
    daemon.reload(&format!("{QUICK}[[catalogue.extra]]\ntype = \"SHIPMENT.SENT\"\n"));
    one(shipped()).expect(201);
    one(junk(1000)).refused(422, "invalid_fields");
}
