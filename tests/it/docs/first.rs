//! What a newcomer runs first.

use super::blocks::{Document, english, portuguese};
use super::commands;
use super::place::{Place, await_port, free_port, has};
use crate::harness::{CARTEIRO, eventually};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

type Read = fn() -> Document;

/// What is printed where the system speaks English, and Portuguese.
const LANGUAGES: [(&str, Read); 2] = [("en_US.UTF-8", english), ("pt_BR.UTF-8", portuguese)];

#[test]
fn the_demo_shows_attempts_and_cleans_up() {
    let [printed] = &*commands::of("the_demo_shows_attempts_and_cleans_up") else {
        panic!("one block shows the demo");
    };
    let arguments = printed.trim().strip_prefix("./carteiro ").unwrap().split(' ');
    let words = [["200 confirmed", "again in", "attempt 2"], ["200 confirmada", "de novo em", "tentativa 2"]];
    for ((locale, document), words) in LANGUAGES.into_iter().zip(words) {
        let folder = tempfile::tempdir().unwrap();
        let mut demo = Command::new(CARTEIRO);
        demo.args(arguments.clone()).args(["--for", "4s"]).env("TMPDIR", folder.path()).env("LC_ALL", locale);
        let output = demo.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
        // Whether an attempt is confirmed is left to chance; what comes before that isn't.
        for line in shown(&document(), "pedido-1 R$").lines() {
            let before = line.split(": ").next().unwrap();
            assert!(text.contains(before), "{before:?} is shown, and not printed: {text}");
        }
    }
}

/// It panicked, and left its folder where it was.
#[test]
fn a_demo_that_nobody_reads_to_its_end_cleans_up_and_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    // At a port of one's choice, which a tunnel leads to.
    let port = free_port();
    let start = || {
        let mut demo = Command::new(CARTEIRO);
        demo.args(["demo", "--port", &port.to_string()]).env("TMPDIR", folder.path());
        demo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut demo = start();
    let mut first = String::new();
    let mut printed = BufReader::new(demo.stdout.take().unwrap());
    printed.read_line(&mut first).unwrap();
    assert!(first.starts_with(&format!("carteiro listens on http://127.0.0.1:{port};")), "{first}");
    let second = start().wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(second.status.code() == Some(1) && said.contains("a free port is taken"), "{said}");
    drop(printed);
    let status = eventually("the demo ends", || demo.try_wait().unwrap());
    let mut said = String::new();
    demo.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((status.code(), said.contains("panicked")), (Some(0), false), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_first_webhook_of_ones_own() {
    if !has(&["bash", "curl"], "the first webhook of the documents") {
        return;
    }
    for (locale, document) in LANGUAGES {
        a_first_webhook(locale, &document());
    }
}

fn a_first_webhook(locale: &str, document: &Document) {
    let (listening, receiving) = (free_port(), free_port());
    // The address is that of all three shells, which know no other.
    let place = Place::unpacked().with("CARTEIRO_SERVER__LISTEN", &format!("127.0.0.1:{listening}"));
    let place = place.with("LC_ALL", locale);
    let blocks = commands::of("a_first_webhook_of_ones_own");
    let moved = |text: &String| {
        let text =
            text.replace("9000", &receiving.to_string()).replace("127.0.0.1:8080", &format!("127.0.0.1:{listening}"));
        text.replace("curl ", "curl -sS --fail-with-body ")
    };
    let [serve, listen, calls, record] = &*blocks.iter().map(moved).collect::<Vec<_>>() else {
        panic!("there are three terminals, and the shop's own call");
    };
    let daemon = place.start(serve);
    daemon.await_line("listening address=");
    let receiver = place.start(listen);
    await_port(receiving);
    let said = place.run(calls);
    assert!(said.contains("whsec_") && said.contains("PAYMENT.PAID"), "{said}");
    let arrived = shown(document, "webhook-id");
    receiver.await_line("PAYMENT.PAID");
    receiver.await_line(arrived.lines().last().unwrap());
    same_lines(&shown(document, "PAYMENT.PAID  pedido-1042"), &place.run("./carteiro notifications list"));
    same_lines(&arrived, &receiver.lines()[3..].join("\n"));
    let answer = place.run(record);
    assert!(answer.contains("\"notifications\":1"), "{answer}");
    // Its first line without the time.
    let first = arrived.lines().next().unwrap().split_once("  ").unwrap().1;
    eventually("the shop's own event arrives", || {
        (receiver.lines().iter().filter(|line| line.contains(first)).count() == 2).then_some(())
    });
}

/// The block of output that has this in it.
fn shown(document: &Document, part: &str) -> String {
    let block = document.of("text").into_iter().find(|block| block.text.contains(part)).unwrap();
    block.text.clone()
}

/// Words of which each run holds its own, ids, times and ports, stand for any other.
fn same_lines(shown: &str, printed: &str) {
    let plain = |line: &str| {
        let words = line.split_whitespace().map(|word| {
            let own = word.contains(|one: char| one.is_ascii_digit()) && !matches!(word, "1/20" | "200" | "1");
            if own { "…" } else { word }
        });
        words.collect::<Vec<_>>().join(" ")
    };
    let printed: Vec<String> = printed.lines().map(plain).collect();
    for line in shown.lines() {
        assert!(printed.contains(&plain(line)), "{line:?} is shown, and not printed: {printed:#?}");
    }
}

/// Every block of output is compared with what is printed.
#[test]
fn every_output_that_is_shown_is_known() {
    assert!(LANGUAGES.iter().all(|(_, document)| document().of("text").len() == 3));
}
