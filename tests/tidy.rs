//! Holds the doors of the house: who may import whom, and where sled and bincode may be named.

#![allow(clippy::unwrap_used, reason = "a test that can't read its sources has failed")]

#[path = "it/deadline.rs"]
mod a_deadline;

use std::fs;
use std::path::{Path, PathBuf};

/// Each room with its floor. A room imports what stands on a lower floor, and itself.
const ROOMS: [(&str, u8); 18] = [
    ("cli", 7),
    ("daemon", 6),
    ("api", 5),
    ("panel", 5),
    ("control", 4),
    ("service", 4),
    ("http", 3),
    ("delivery", 3),
    ("store", 2),
    ("config", 1),
    ("stats", 1),
    ("model", 0),
    ("clock", 0),
    ("random", 0),
    ("shutdown", 0),
    ("tls", 0),
    ("suggest", 0),
    ("atomic_file", 0),
];

/// Floor 0 has no order among its rooms: the clock gives timestamps, certificates tell them, and the model knows neither.
const BESIDE: [(&str, &str); 2] = [("clock", "model"), ("tls", "model")];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn room_of(path: &Path) -> Option<&'static str> {
    let inside = path.strip_prefix("src").unwrap().to_str().unwrap();
    ROOMS
        .iter()
        .map(|(room, _)| *room)
        .find(|room| inside == format!("{room}.rs") || inside.starts_with(&format!("{room}/")))
}

fn floor(room: &str) -> u8 {
    ROOMS.iter().find(|(other, _)| *other == room).unwrap().1
}

/// Lines that are code, or close enough: doc links may point anywhere.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn rooms_import_downwards_only() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let mut broken = Vec::new();
    for path in &files {
        let Some(from) = room_of(path) else {
            continue;
        };
        let text = fs::read_to_string(path).unwrap();
        for (at, line) in code(&text) {
            for (to, _) in ROOMS {
                let named = line.contains(&format!("crate::{to}::")) || line.contains(&format!("crate::{to};"));
                let allowed = from == to || floor(to) < floor(from) || BESIDE.contains(&(from, to));
                if named && !allowed {
                    broken.push(format!("{}:{}: {from} imports {to}", path.display(), at + 1));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(files.len() > 30, "the sources were found");
}

#[test]
fn sled_and_bincode_live_in_the_store_alone() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    for path in files.iter().filter(|path| !path.starts_with("src/store")) {
        let text = fs::read_to_string(path).unwrap();
        for (at, line) in code(&text) {
            assert!(!line.contains("sled::") && !line.contains("bincode::"), "{}:{}: {line}", path.display(), at + 1);
        }
    }
}

#[test]
fn only_the_clock_asks_the_system_for_the_time() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    for path in files.iter().filter(|path| !path.ends_with("clock.rs")) {
        let text = fs::read_to_string(path).unwrap();
        for (at, line) in code(&text) {
            assert!(!line.contains("SystemTime::now"), "{}:{}: {line}", path.display(), at + 1);
        }
    }
}
