//! Holds the shape of the source that docs/architecture.md describes: which module may import which, where sled and
//! bincode may be named, and how long files and lines may be. That public items are documented is held by the lint
//! `missing_docs`.

#![allow(clippy::unwrap_used, reason = "a test that can't read its sources has failed")]

#[path = "it/deadline.rs"]
mod a_deadline;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/sources.rs"]
mod sources;

use imports::{Graph, circles, graph};
use sources::{Module, files, modules, plain};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

/// The layers, the uppermost first. A module imports what stands in a lower layer.
const LAYERS: [&[&str]; 9] = [
    &["cli"],
    &["daemon"],
    &["api", "panel"],
    &["service", "control"],
    &["alerts"],
    &["http", "delivery"],
    &["store"],
    &["config", "stats"],
    &["model", "clock", "random", "shutdown", "atomic_file", "tls", "suggest", "gather"],
];

/// What may be imported within a layer: the clock gives timestamps, and certificates say until when they are good.
const WITHIN_A_LAYER: [(&str, &str); 2] = [("clock", "model"), ("tls", "model")];

/// These know HTTP and the service, never what stands below the service.
const ABOVE_THE_SERVICE: [&str; 2] = ["api", "panel"];
const BELOW_THE_SERVICE: [&str; 2] = ["store", "delivery"];

/// The folders and files of `store`, the uppermost first, where they are layers of their own.
const STORE_LAYERS: [&[&str]; 11] = [
    &["lifecycle"],
    &["read"],
    &["handle"],
    &["committer"],
    &["backup"],
    &["changes"],
    &["query"],
    &["txn"],
    &["state"],
    &["schema"],
    &["engine"],
];

const MAX_LINES: usize = 600;
const MAX_COLUMNS: usize = 120;

/// Files of production code that are longer than [`MAX_LINES`], and why.
const LONG_FILES: [(&str, &str); 0] = [];

/// Where a name may stand.
const NAMED_ONLY_IN: [(&str, &[&str]); 3] = [
    ("sled::", &["src/store/engine"]),
    ("bincode::", &["src/store/schema"]),
    ("SystemTime::now", &["src/clock.rs", "src/clock"]),
];

/// What is counted in the texts of the program; the panel's own tables have a test of theirs.
const COUNTED: [&str; 30] = [
    "accounts",
    "alerts",
    "attempts",
    "days",
    "events",
    "hours",
    "lines",
    "notifications",
    "orders",
    "re-sends",
    "requests",
    "rows",
    "seconds",
    "targets",
    "tokens",
    "webhooks",
    "avisos",
    "contas",
    "destinos",
    "dias",
    "eventos",
    "horas",
    "linhas",
    "notificações",
    "pedidos",
    "reenvios",
    "requisições",
    "segundos",
    "tentativas",
    "tokens",
];
/// Places that never hold one.
const NEVER_ONE: [&str; 3] = ["most", "total", "several"];
/// Texts in which a word of many follows a place all the same: a part of each, and why it may.
const MANY_ALL_THE_SAME: [(&str, &str); 4] = [
    ("refuses events", "an address before a verb"),
    ("recusa eventos", "likewise"),
    ("free; events", "a size"),
    ("re-sends {notifications}", "an id before a verb"),
];

/// Fails with what breaks a rule.
fn hold(rule: &str, broken: &BTreeMap<String, Vec<String>>) {
    let lines: Vec<String> =
        broken.iter().map(|(what, places)| format!("{what}\n    {}", places.join("\n    "))).collect();
    assert!(lines.is_empty(), "these break the rule {rule:?}:\n{}", lines.join("\n"));
}

/// The production code of the crate, read once.
fn production() -> &'static BTreeMap<String, Module> {
    static MODULES: OnceLock<BTreeMap<String, Module>> = OnceLock::new();
    MODULES.get_or_init(modules)
}

fn top(module: &str) -> &str {
    module.split("::").next().unwrap()
}

/// The imports of the crate's modules; `lib.rs` and `main.rs` import nothing that matters here.
fn imports_of(modules: &BTreeMap<String, Module>, see_through: bool) -> Graph {
    let mut graph = graph(modules, see_through);
    graph.remove("");
    for imported in graph.values_mut() {
        imported.remove("");
    }
    graph
}

fn layer_of(layers: &[&[&str]], module: &str) -> Option<usize> {
    layers.iter().position(|layer| layer.contains(&module))
}

fn place(modules: &BTreeMap<String, Module>, from: &str, to: &str, line: usize) -> String {
    format!("{}:{line} imports {to}", modules[from].file.display())
}

#[test]
fn modules_import_lower_layers_only() {
    let modules = production();
    let mut broken: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (from, imported) in imports_of(modules, false) {
        let upper = top(&from);
        let Some(at) = layer_of(&LAYERS, upper) else {
            broken.insert(format!("{upper} has no layer"), Vec::new());
            continue;
        };
        for (to, line) in imported {
            let lower = top(&to);
            let down = layer_of(&LAYERS, lower).is_none_or(|below| at < below);
            let narrow = ABOVE_THE_SERVICE.contains(&upper) && BELOW_THE_SERVICE.contains(&lower);
            if upper != lower && (!down && !WITHIN_A_LAYER.contains(&(upper, lower)) || narrow) {
                let places = broken.entry(format!("{upper} imports {lower}")).or_default();
                places.push(place(modules, &from, &to, line));
            }
        }
    }
    hold("layers", &broken);
    assert!(modules.len() > 100, "the sources were found");
}

#[test]
fn the_documents_map_shows_the_same_layers() {
    let text = fs::read_to_string("docs/architecture.md").unwrap();
    let mut shown: BTreeSet<(usize, String)> = BTreeSet::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let Some(layer) = cells.get(1).and_then(|cell| cell.parse().ok()) {
            let names = cells[2].split(',').map(|name| name.trim().trim_matches('`').to_owned());
            shown.extend(names.map(|name| (layer, name)));
        }
    }
    let mut held = BTreeSet::new();
    for (above, names) in LAYERS.iter().enumerate() {
        held.extend(names.iter().map(|name| (LAYERS.len() - 1 - above, (*name).to_owned())));
    }
    assert_eq!(shown, held);
}

#[test]
fn the_stores_modules_import_lower_layers_only() {
    let modules = production();
    let mut broken: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let part = |module: &str| module.strip_prefix("store::").map(|rest| top(rest).to_owned());
    for (from, imported) in imports_of(modules, true) {
        let Some((upper, at)) = part(&from).and_then(|part| Some((part.clone(), layer_of(&STORE_LAYERS, &part)?)))
        else {
            continue;
        };
        for (to, line) in imported {
            let Some(lower) = part(&to) else {
                continue;
            };
            if upper != lower && layer_of(&STORE_LAYERS, &lower).is_some_and(|below| at >= below) {
                let places = broken.entry(format!("{upper} imports {lower}")).or_default();
                places.push(place(modules, &from, &to, line));
            }
        }
    }
    hold("store's layers", &broken);
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let modules = production();
    let imports = imports_of(modules, true);
    let mut broken: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (group, circle) in circles(&imports) {
        let step = |step: &[String]| place(modules, &step[0], &step[1], imports[&step[0]][&step[1]]);
        let mut places: Vec<String> = circle.windows(2).map(step).collect();
        // A folder's `mod.rs` and its files are the usual ones: either may import the other, not both.
        for from in &group {
            let above =
                imports[from].iter().filter(|(to, _)| group.contains(*to) && from.starts_with(&format!("{to}::")));
            places.extend(above.map(|(to, line)| format!("upwards: {}", place(modules, from, to, *line))));
        }
        broken.insert(format!("one circle of {} files", group.iter().cloned().collect::<Vec<_>>().join(", ")), places);
    }
    hold("circles", &broken);
}

/// Folders count as one each: what is in one may not import a neighbour that imports anything of it.
#[test]
fn no_folders_import_each_other_in_a_circle() {
    let modules = production();
    let imports = imports_of(modules, true);
    let mut broken: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for parent in modules.keys() {
        let prefix = if parent.is_empty() { String::new() } else { format!("{parent}::") };
        let child = |module: &str| module.strip_prefix(&prefix).map(|rest| top(rest).to_owned());
        let mut contracted = Graph::new();
        for (from, imported) in &imports {
            for (to, line) in imported {
                if let (Some(from), Some(to)) = (child(from), child(to))
                    && from != to
                {
                    contracted.entry(to.clone()).or_default();
                    contracted.entry(from).or_default().insert(to, *line);
                }
            }
        }
        for (group, circle) in circles(&contracted) {
            let places = broken.entry(parent.clone()).or_default();
            places.push(format!("one of {}:", group.into_iter().collect::<Vec<_>>().join(", ")));
            for step in circle.windows(2) {
                for (from, imported) in imports.iter().filter(|(from, _)| child(from).as_ref() == Some(&step[0])) {
                    let mine = imported.iter().filter(|(to, _)| child(to).as_ref() == Some(&step[1]));
                    places.extend(mine.map(|(to, line)| place(modules, from, to, *line)));
                }
            }
        }
    }
    hold("circles of folders", &broken);
}

#[test]
fn names_stand_only_where_they_may() {
    let mut broken: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files("src") {
        let text = plain(&fs::read_to_string(&file).unwrap());
        for (name, folders) in NAMED_ONLY_IN {
            if folders.iter().any(|folder| file.starts_with(folder)) {
                continue;
            }
            for (at, _) in text.lines().enumerate().filter(|(_, line)| line.contains(name)) {
                broken.entry(format!("{name} in {}", file.display())).or_default().push(format!("line {}", at + 1));
            }
        }
    }
    hold("names", &broken);
}

/// A file's own tests at its end don't count.
#[test]
fn files_of_production_code_are_short() {
    let mut broken = BTreeMap::new();
    for module in production().values() {
        let text = fs::read_to_string(&module.file).unwrap();
        let lines = text.split("#[cfg(test)]\nmod tests {").next().unwrap().lines().count();
        let name = module.file.display().to_string();
        if lines > MAX_LINES && !LONG_FILES.iter().any(|(file, _)| *file == name) {
            broken.insert(name, vec![format!("{lines} lines")]);
        }
    }
    hold("long files", &broken);
    for (file, why) in LONG_FILES {
        assert!(Path::new(file).exists() && why.len() > 20, "{file}");
    }
}

/// Comments and strings too, which rustfmt doesn't wrap.
#[test]
fn lines_are_short() {
    let mut broken: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in ["src", "tests", "benches"].into_iter().flat_map(files).filter(|file| !file.starts_with("tests/fuzz")) {
        let text = fs::read_to_string(&file).unwrap();
        for (at, _) in text.lines().enumerate().filter(|(_, line)| line.chars().count() > MAX_COLUMNS) {
            broken.entry(file.display().to_string()).or_default().push(format!("line {}", at + 1));
        }
    }
    hold("long lines", &broken);
}

/// "1 events match", "1 rows are damaged": a number before a word of many has a case for one above it, or is written by
/// `Noun::counted`.
#[test]
fn numbers_agree_with_what_they_count() {
    let mut broken: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (module, source) in production() {
        if module.starts_with("panel::texts") {
            continue;
        }
        let text = &texts_of(&source.file);
        for (at, place) in places(text) {
            let behind = text[at..].split([' ', ',', '.', ';', ':', ')', '"', '\\']).filter(|word| !word.is_empty());
            let is_many = behind.take(2).any(|word| COUNTED.contains(&word));
            // The case for one stands above it: `1 =>`, `== 1`.
            let from = text[..at].char_indices().rev().nth(600).map_or(0, |(from, _)| from);
            let has_one = ["1 =>", "== 1", "(1, ", "> 1 "].iter().any(|mark| text[from..at].contains(mark));
            let listed = MANY_ALL_THE_SAME.iter().any(|(part, _)| text[at..].starts_with(part));
            // A limit is a constant.
            let is_limit = place.bytes().any(|byte| byte.is_ascii_uppercase()) || NEVER_ONE.contains(&place);
            if is_many && !has_one && !listed && !is_limit {
                let line = text[..at].matches('\n').count() + 1;
                let shown: String = text[at..].chars().take(40).collect();
                broken.entry(format!("{module}:{line}")).or_default().push(shown);
            }
        }
    }
    hold("a number agrees with what it counts: see `Noun::counted`", &broken);
}

/// A file without its comments and what stands behind its tests.
fn texts_of(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let production = text.split("\n#[cfg(test)]\nmod tests").next().unwrap();
    let lines = production.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

/// Where each place of a format string, `{count}`, is followed by a space and more: behind that, and what fills it.
fn places(text: &str) -> Vec<(usize, &str)> {
    let opened = text.match_indices('{');
    let found = opened.filter_map(|(at, _)| {
        let (name, _) = text[at + 1..].split_once('}').filter(|(_, behind)| behind.starts_with(' '))?;
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_name.then_some((at + name.len() + 3, name))
    });
    found.collect()
}
