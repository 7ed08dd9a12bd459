//! The guide's calls, by curl, to the ten lines of Python.

use super::blocks::english;
use super::commands;
use super::place::{Place, await_port, free_port, has};
use crate::harness::{Daemon, LOOPBACK};

#[test]
fn the_guides_calls_work_as_printed() {
    if !has(&["bash", "curl", "python3"], "the calls of the documents") {
        return;
    }
    let daemon = Daemon::start(LOOPBACK);
    let place = Place::beside(&daemon);
    let port = free_port();
    let document = english();
    place.write("ten.py", &document.of("python")[0].text.replace("9000", &port.to_string()));
    let receiver = place.start("python3 ten.py");
    await_port(port);
    let calls: Vec<String> = commands::of("the_guides_calls_work_as_printed")
        .into_iter()
        .map(|block| {
            block
                .replace("127.0.0.1:8080", &daemon.address)
                .replace("127.0.0.1:9000", &format!("127.0.0.1:{port}"))
                .replace("curl ", "curl -sS --fail-with-body -w '\\n' ")
        })
        .collect();
    let [token, register, record, look] = &*calls else {
        panic!("the documents has {} blocks of calls; this test knows four", calls.len());
    };
    let registered = place.run(&format!("{token}{register}"));
    assert!(registered.contains("\"secret\":\"whsec_"), "{registered}");
    let recorded = place.run(&format!("{token}{record}"));
    let event: serde_json::Value = serde_json::from_str(recorded.trim()).unwrap();
    let event_id = event["data"]["id"].as_str().unwrap();
    assert_eq!(event["data"]["notifications"], 1);
    let line = receiver.await_line("PAYMENT.PAID");
    let notification_id = line.split(' ').next().unwrap();
    daemon.await_status(event_id, "DELIVERED");
    // The block sets what it asks for, and the event that it finds is the one above.
    let looked = place.run(&format!("{token}{look}echo \"$EVENT_ID $NOTIFICATION_ID\"\n"));
    assert!(looked.ends_with(&format!("{event_id} {notification_id}\n")), "{looked}");
    crate::harness::eventually("it is sent again under the same id", || {
        let sent = receiver.lines().iter().filter(|line| line.starts_with(notification_id)).count();
        (sent == 2).then_some(())
    });
}

#[test]
fn the_bodies_that_are_shown_are_json() {
    let document = english();
    let bodies = document.of("json");
    assert_eq!(bodies.len(), 2);
    for body in bodies {
        let _: serde_json::Value = serde_json::from_str(&body.text).unwrap();
    }
}
