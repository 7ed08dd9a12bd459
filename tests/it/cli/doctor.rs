//! `carteiro doctor`: each thing that a running daemon needs, on one line, with and without a daemon.

use super::super::harness::{Daemon, QUICK};
use super::{carteiro, complaint, out};
use serde_json::{Value, json};

/// The exit code and the findings.
#[track_caller]
fn doctor(daemon: &Daemon, arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
    let output = carteiro(daemon, &[&["doctor", "--json"], arguments].concat(), "", &[]);
    let text = out(&output);
    assert!(!text.contains(&daemon.token), "no secret is printed: {text}");
    let findings = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{}", complaint(&output)));
    (output.status.code(), findings)
}

#[track_caller]
fn level<'a>(findings: &'a [Value], check: &str) -> &'a str {
    let found = findings.iter().find(|finding| finding["check"] == check);
    found.unwrap_or_else(|| panic!("nothing of {check}: {findings:?}"))["level"].as_str().unwrap()
}

#[test]
fn a_healthy_daemon_passes_and_what_is_missing_is_told() {
    let daemon = Daemon::quick();
    let (code, findings) = doctor(&daemon, &[]);
    for check in ["config", "folder", "tls", "daemon", "version", "token", "targets", "alerts"] {
        assert_eq!(level(&findings, check), "ok", "{findings:?}");
    }
    for check in ["backups", "channels"] {
        assert_eq!(level(&findings, check), "warn", "{findings:?}");
    }
    let failed = findings.iter().any(|finding| finding["level"] == "fail");
    // The test's machine may be short of room; nothing else fails.
    assert_eq!((code, failed), if level(&findings, "disk") == "fail" { (Some(1), true) } else { (Some(0), false) });

    daemon.register("http://loja.invalid/hooks", &["*"]);
    let (_, findings) = doctor(&daemon, &[]);
    assert_eq!(level(&findings, "dns"), "warn", "{findings:?}");

    let (code, findings) = doctor(&daemon, &["--token", "crt_none"]);
    assert_eq!((code, level(&findings, "token")), (Some(1), "fail"), "{findings:?}");
}

#[test]
fn without_a_daemon_the_rest_is_looked_at() {
    let mut daemon = Daemon::quick();
    daemon.terminate();
    let (code, findings) = doctor(&daemon, &[]);
    assert_eq!((code, level(&findings, "daemon")), (Some(1), "fail"), "{findings:?}");
    assert_eq!((level(&findings, "config"), level(&findings, "folder")), ("ok", "ok"), "{findings:?}");
    assert!(!findings.iter().any(|finding| finding["check"] == "token"), "{findings:?}");

    daemon.configure("[alerts]\nrepat = []\nquiet = 7\n");
    let (code, findings) = doctor(&daemon, &[]);
    let told: Vec<_> = findings.iter().map(|one| (&one["check"], &one["level"])).collect();
    let [config, fail, warn] = [json!("config"), json!("fail"), json!("warn")];
    assert_eq!((code, told), (Some(1), vec![(&config, &fail), (&config, &fail), (&config, &warn)]), "{findings:?}");
    let message = |nth: usize| findings[nth]["message"].as_str().unwrap();
    assert!(message(0).contains(":4:1: ") && message(1).contains(":5:"), "each problem has its line: {findings:?}");
    assert!(message(2).starts_with("nothing else was looked at"), "{findings:?}");
}

#[test]
fn the_lines_are_in_the_language_of_the_locale_or_of_the_config() {
    let daemon = Daemon::quick();
    let said = |locale: &str| out(&carteiro(&daemon, &["doctor"], "", &[("LANG", locale)]));
    assert!(said("pt_BR.UTF-8").contains("ok    pasta de dados"), "{}", said("pt_BR.UTF-8"));
    assert!(said("en_US.UTF-8").contains("ok    data folder"), "{}", said("en_US.UTF-8"));
    daemon.configure(&format!("{QUICK}\n[cli]\nlanguage = \"en\"\n"));
    assert!(said("pt_BR.UTF-8").contains("ok    data folder"), "{}", said("pt_BR.UTF-8"));
}
