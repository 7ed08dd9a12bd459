//! What a newcomer runs first.

use super::commands;
use super::place::{Place, await_port, free_port, has};
use crate::harness::CARTEIRO;
use std::fs;
use std::process::Command;

#[test]
fn the_demo_shows_attempts_and_cleans_up() {
    let [printed] = &*commands::of("the_demo_shows_attempts_and_cleans_up") else {
        panic!("one block shows the demo");
    };
    let arguments = printed.trim().strip_prefix("cargo run --release -- ").unwrap().split(' ');
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Command::new(CARTEIRO);
    let output = demo.args(arguments).args(["--for", "4s"]).env("TMPDIR", folder.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("200 confirmed") && text.contains("again in") && text.contains("attempt 2"), "{text}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_first_webhook_of_ones_own() {
    if !has(&["bash"], "the first webhook of the documents") {
        return;
    }
    let (listening, receiving) = (free_port(), free_port());
    // The address is that of all three shells, which know no other.
    let place = Place::new().with("CARTEIRO_SERVER__LISTEN", &format!("127.0.0.1:{listening}"));
    let blocks = commands::of("a_first_webhook_of_ones_own");
    let [serve, listen, calls] =
        &*blocks.iter().map(|text| text.replace("9000", &receiving.to_string())).collect::<Vec<_>>()
    else {
        panic!("there are three terminals");
    };
    let daemon = place.start(serve);
    daemon.await_line("listening address=");
    let receiver = place.start(listen);
    await_port(receiving);
    let said = place.run(calls);
    assert!(said.contains("whsec_") && said.contains("PAYMENT.PAID"), "{said}");
    receiver.await_line("PAYMENT.PAID");
    let ok = receiver.await_line("  authorization");
    assert!(ok.ends_with("ok"), "{ok}");
}
