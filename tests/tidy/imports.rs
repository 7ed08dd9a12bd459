//! Which file of production code imports which, read from its `use`s and its paths.
//!
//! A path leads to the deepest module that it names. Where that module only hands an item on (`pub use`), it leads to
//! the module the item comes from, so that a `mod.rs` that gathers names makes no circle by that alone.

use super::sources::Module;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Modules, and those that each imports, with the line that does so first.
pub(crate) type Graph = BTreeMap<String, BTreeMap<String, usize>>;

type Modules = BTreeMap<String, Module>;
/// What a module hands on: the name, and the path behind it.
type Names = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// With `see_through`, names that a module hands on lead to where they come from; without, to the module that is named.
pub(crate) fn graph(modules: &Modules, see_through: bool) -> Graph {
    let uses: BTreeMap<&String, Vec<Use>> = modules.iter().map(|(path, module)| (path, uses(&module.code))).collect();
    let handed_on: Names = uses
        .iter()
        .map(|(path, uses)| {
            let names = uses.iter().filter(|one| one.handed_on && see_through);
            let names = names.map(|one| (one.name.clone(), absolute(modules, path, &one.path)));
            ((*path).clone(), names.filter_map(|(name, path)| Some((name, path?))).collect())
        })
        .collect();
    let mut graph = Graph::new();
    for (path, module) in modules {
        let imported = graph.entry(path.clone()).or_default();
        let mut add = |written: &[String], line: usize| {
            let Some(absolute) = absolute(modules, path, written) else {
                return;
            };
            let target = resolve(modules, &handed_on, &absolute, 0);
            if target != *path {
                imported.entry(target).or_insert(line);
            }
        };
        for one in &uses[path] {
            add(&one.path, one.line);
        }
        for (written, line) in paths(&module.code) {
            add(&written, line);
        }
    }
    graph
}

/// One name that a `use` brings in.
struct Use {
    handed_on: bool,
    name: String,
    path: Vec<String>,
    line: usize,
}

/// The items of all `use`s, with braces written out.
fn uses(code: &str) -> Vec<Use> {
    let mut found = Vec::new();
    let mut offset = 0;
    while let Some(at) = code[offset..].find("use ").map(|at| offset + at) {
        offset = at + 4;
        let line_start = code[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let before = code[line_start..at].trim();
        if !(before.is_empty() || before.starts_with("pub")) {
            continue;
        }
        let Some(end) = code[at..].find(';').map(|end| at + end) else {
            break;
        };
        let line = code[..at].matches('\n').count() + 1;
        let text: String = code[at + 4..end].split_whitespace().collect::<Vec<_>>().join(" ");
        expand(&text, &[], &mut |path, name| {
            found.push(Use { handed_on: before.starts_with("pub"), name, path, line });
        });
        offset = end;
    }
    found
}

fn expand(text: &str, prefix: &[String], found: &mut dyn FnMut(Vec<String>, String)) {
    let text = text.trim();
    if let Some((before, inside)) = text.split_once('{') {
        let mut prefix = prefix.to_vec();
        prefix.extend(before.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned));
        let inside = &inside[..inside.rfind('}').unwrap_or(inside.len())];
        let (mut depth, mut start) = (0, 0);
        for (at, one) in inside.char_indices().chain([(inside.len(), ',')]) {
            match one {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    expand(&inside[start..at], &prefix, found);
                    start = at + 1;
                }
                _ => {}
            }
        }
    } else if !text.is_empty() {
        let (path, alias) = text.split_once(" as ").map_or((text, None), |(path, alias)| (path, Some(alias)));
        let mut full = prefix.to_vec();
        full.extend(path.split("::").map(|part| part.trim().to_owned()));
        if full.last().is_some_and(|last| last == "self") {
            full.pop();
        }
        let name = alias.map_or_else(|| full.last().cloned().unwrap_or_default(), |alias| alias.trim().to_owned());
        found(full, name);
    }
}

/// The paths of several parts that stand in the code, each with its line.
fn paths(code: &str) -> Vec<(Vec<String>, usize)> {
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let word = |one: char| one.is_alphanumeric() || one == '_' || one == ':';
        for text in line.split(|one| !word(one)) {
            let text = text.trim_matches(':');
            if text.contains("::") {
                found.push((text.split("::").map(str::to_owned).collect(), number + 1));
            }
        }
    }
    found
}

/// The path from the root of the crate; `None` for one that leads out of it.
fn absolute(modules: &Modules, from: &str, written: &[String]) -> Option<Vec<String>> {
    let mut full: Vec<String> =
        if from.is_empty() { Vec::new() } else { from.split("::").map(str::to_owned).collect() };
    let mut parts = written.iter().peekable();
    match parts.peek()?.as_str() {
        "crate" => {
            full.clear();
            parts.next();
        }
        "self" => {
            parts.next();
        }
        "super" => {
            while parts.peek().is_some_and(|part| *part == "super") {
                full.pop()?;
                parts.next();
            }
        }
        first if modules[from].children.contains(first) => {}
        _ => return None,
    }
    full.extend(parts.cloned());
    Some(full)
}

/// The module that a path leads to, through what modules hand on.
fn resolve(modules: &Modules, handed_on: &Names, path: &[String], depth: usize) -> String {
    let mut module = String::new();
    for (at, part) in path.iter().enumerate() {
        let next = if module.is_empty() { part.clone() } else { format!("{module}::{part}") };
        if modules.contains_key(&next) {
            module = next;
            continue;
        }
        if let Some(elsewhere) = handed_on[&module].get(part).filter(|_| depth < 8) {
            let behind = [elsewhere.as_slice(), &path[at + 1..]].concat();
            return resolve(modules, handed_on, &behind, depth + 1);
        }
        break;
    }
    module
}

/// The groups of modules that import each other in a circle, each with one circle to show.
pub(crate) fn circles(graph: &Graph) -> Vec<(BTreeSet<String>, Vec<String>)> {
    let reach: BTreeMap<&String, BTreeSet<&String>> =
        graph.keys().map(|start| (start, reachable(graph, start))).collect();
    let mut groups: BTreeMap<BTreeSet<String>, Vec<String>> = BTreeMap::new();
    for start in graph.keys() {
        let group: BTreeSet<String> = graph
            .keys()
            .filter(|other| reach[start].contains(other) && reach[*other].contains(start))
            .cloned()
            .collect();
        if !group.is_empty() {
            let circle = way_back(graph, start);
            let shown = groups.entry(group).or_insert_with(|| circle.clone());
            if circle.len() < shown.len() {
                *shown = circle;
            }
        }
    }
    groups.into_iter().collect()
}

fn reachable<'a>(graph: &'a Graph, start: &str) -> BTreeSet<&'a String> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![start]);
    while let Some(at) = next.pop() {
        for to in graph.get(at).into_iter().flat_map(BTreeMap::keys) {
            if seen.insert(to) {
                next.push(to);
            }
        }
    }
    seen
}

/// The shortest way from a module back to itself.
fn way_back(graph: &Graph, start: &str) -> Vec<String> {
    let mut queue = VecDeque::from([vec![start.to_owned()]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = queue.pop_front() {
        for to in graph.get(way.last().unwrap()).into_iter().flat_map(BTreeMap::keys) {
            if to == start {
                return [way, vec![start.to_owned()]].concat();
            }
            if seen.insert(to) {
                queue.push_back([way.clone(), vec![to.clone()]].concat());
            }
        }
    }
    Vec::new()
}
