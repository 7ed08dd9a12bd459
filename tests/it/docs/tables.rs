//! The documents' tables and names, held to the code's own lists.

use super::blocks::{Document, english, portuguese, spans};
use crate::harness::{CARTEIRO, Daemon};
use carteiro::model::{ApiCode, ErrorCode};
use std::collections::BTreeSet;
use std::process::Command;

fn both(check: impl Fn(&Document)) {
    for document in [english(), portuguese()] {
        check(&document);
    }
}

/// What the first cells name, of the table that names this.
fn named<'a>(document: &'a Document, one: &str) -> Vec<&'a str> {
    let firsts = document.tables().into_iter().map(|table| {
        let cells = table.into_iter().map(|row| row[0]);
        cells.map(|cell| spans(cell).next().unwrap_or(cell)).collect::<Vec<_>>()
    });
    firsts.into_iter().find(|firsts| firsts.contains(&one)).unwrap_or_else(|| panic!("no table names {one}"))
}

fn sorted<'a>(list: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut list: Vec<&str> = list.into_iter().collect();
    list.sort_unstable();
    list
}

#[test]
fn every_code_of_an_attempt_is_explained() {
    let codes = sorted(ErrorCode::ALL.map(ErrorCode::as_str));
    both(|document| assert_eq!(sorted(named(document, "dns_not_found")), codes));
}

#[test]
fn every_code_of_the_api_is_explained() {
    let codes = sorted(ApiCode::ALL.map(ApiCode::as_str));
    both(|document| assert_eq!(sorted(named(document, "not_json")), codes));
}

#[test]
fn every_exit_code_is_explained() {
    let help = Command::new(CARTEIRO).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let codes = help.lines().find_map(|line| line.strip_prefix("Exit codes: ")).unwrap();
    let codes = codes.split(", ").map(|code| code.split(' ').next().unwrap());
    let codes = sorted(codes);
    both(|document| assert_eq!(sorted(named(document, "75")), codes));
}

/// The paths of the table, written out.
fn paths(document: &Document) -> BTreeSet<String> {
    let table = document.tables().into_iter().find(|table| table.iter().any(|row| row[0].contains("/api/webhooks")));
    let mut paths = BTreeSet::new();
    for row in table.unwrap() {
        let bases: Vec<&str> = spans(row[0]).collect();
        paths.extend(bases.iter().map(|base| (*base).to_owned()));
        let more = spans(row[1]).filter(|span| span.starts_with('/'));
        paths.extend(more.map(|path| format!("{}{path}", bases[0])));
    }
    paths
}

#[test]
fn every_path_of_the_api_is_listed() {
    let daemon = Daemon::quick();
    let described = daemon.get("/api/openapi.json").expect(200).json();
    let described: BTreeSet<String> = described["paths"].as_object().unwrap().keys().cloned().collect();
    both(|document| assert_eq!(paths(document), described));
}

#[test]
fn every_setting_and_every_figure_that_is_named_exists() {
    let daemon = Daemon::quick();
    let figures = String::from_utf8(daemon.get("/metrics").expect(200).body).unwrap();
    let absent = [
        "carteiro_last_backup_timestamp_seconds",
        "carteiro_certificate_expiry_timestamp_seconds",
        "carteiro_client_certificate_expiry_timestamp_seconds",
    ];
    let config = Command::new(CARTEIRO).arg("config").output().unwrap();
    let config = String::from_utf8(config.stdout).unwrap();
    let keys: BTreeSet<&str> = config.lines().filter_map(|line| line.split(" = ").next()).collect();
    let sections: BTreeSet<&str> =
        keys.iter().filter_map(|key| key.split_once('.')).map(|(section, _)| section).collect();
    assert!(sections.contains("store"), "{config}");
    both(|document| {
        let mut seen = 0;
        for span in document.spans() {
            if let Some((section, _)) = span.split_once('.').filter(|(section, _)| sections.contains(section)) {
                assert!(section == "carteiro" || keys.contains(span), "there is no setting {span}");
                seen += 1;
            } else if span.starts_with("carteiro_") {
                assert!(
                    figures.contains(&format!("# HELP {span} ")) || absent.contains(&span),
                    "there is no figure {span}"
                );
                seen += 1;
            }
        }
        assert!(seen > 15, "{seen}");
    });
}

/// In the table of commands: what a command is said to take stands in its help.
#[test]
fn every_command_and_option_that_is_listed_exists() {
    let help = |command: &[&str]| {
        let out = Command::new(CARTEIRO).args(command).arg("--help").output().unwrap();
        assert!(out.status.success(), "{command:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    let whole = help(&[]);
    let commands: BTreeSet<&str> = whole
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    both(|document| {
        let tables = document.tables();
        let table = tables.iter().find(|table| table.iter().any(|row| row[0].contains("carteiro tail"))).unwrap();
        let mut listed = BTreeSet::new();
        for row in table {
            for command in spans(row[0]) {
                let command = command.trim_start_matches("carteiro ").split(' ').next().unwrap();
                listed.insert(command);
                let help = help(&[command]);
                let taken = spans(row[1]).filter(|span| !span.starts_with("carteiro "));
                for word in taken.map(|span| span.split(' ').next().unwrap()) {
                    assert!(help.contains(word), "`carteiro {command}` knows no {word}");
                }
            }
        }
        assert_eq!(listed, commands, "every command is listed");
    });
}
