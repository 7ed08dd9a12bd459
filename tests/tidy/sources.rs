//! The files of `src/` as modules, and what of each is production code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// All files below a folder whose names end in `.rs`, sorted.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new(folder), &mut found);
    found.sort();
    found
}

/// One file of production code.
pub(crate) struct Module {
    pub(crate) file: PathBuf,
    /// Without comments, literals and what is compiled for tests or fuzzing alone; lines are those of the file.
    pub(crate) code: String,
    /// The modules that it declares and that are files.
    pub(crate) children: BTreeSet<String>,
}

/// The production code of `src/lib.rs`, by the module's path: "" for the root, `store::engine` for
/// `src/store/engine/mod.rs`.
pub(crate) fn modules() -> BTreeMap<String, Module> {
    let mut modules = BTreeMap::new();
    load("", Path::new("src/lib.rs"), Path::new("src"), &mut modules);
    modules
}

fn load(path: &str, file: &Path, folder: &Path, modules: &mut BTreeMap<String, Module>) {
    let code = production(&plain(&fs::read_to_string(file).unwrap()));
    let mut children = BTreeSet::new();
    for name in declared(&code) {
        let (flat, nested) = (folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs"));
        let child = if flat.exists() { flat } else { nested };
        let full = if path.is_empty() { name.clone() } else { format!("{path}::{name}") };
        load(&full, &child, &folder.join(&name), modules);
        children.insert(name);
    }
    modules.insert(path.to_owned(), Module { file: file.to_owned(), code, children });
}

/// The names behind `mod` that a file of its own follows.
fn declared(code: &str) -> Vec<String> {
    let words: Vec<&str> = code.split_whitespace().collect();
    let pairs = words.windows(2).filter(|pair| pair[0] == "mod");
    pairs.filter_map(|pair| pair[1].strip_suffix(';')).map(str::to_owned).collect()
}

/// The text with comments, strings and characters blanked out.
pub(crate) fn plain(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    let blank =
        |out: &mut Vec<u8>, span: &[u8]| out.extend(span.iter().map(|b| if *b == b'\n' { b'\n' } else { b' ' }));
    while at < bytes.len() {
        let rest = &text[at..];
        let word_before = out.last().is_some_and(|b: &u8| b.is_ascii_alphanumeric() || *b == b'_');
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with('"') || (!word_before && rest.starts_with("b\"")) {
            quoted(rest)
        } else if !word_before && (rest.starts_with("r\"") || rest.starts_with("r#\"") || rest.starts_with("br")) {
            raw(rest)
        } else if rest.starts_with('\'') {
            character(rest)
        } else {
            0
        };
        if length == 0 {
            out.push(bytes[at]);
            at += 1;
            while at < bytes.len() && !text.is_char_boundary(at) {
                out.push(b' ');
                at += 1;
            }
        } else {
            blank(&mut out, &bytes[at..at + length]);
            at += length;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn quoted(rest: &str) -> usize {
    let start = rest.find('"').unwrap() + 1;
    let mut escaped = false;
    for (at, one) in rest[start..].char_indices() {
        match one {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return start + at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a raw string; 0 for a word that only begins like one.
fn raw(rest: &str) -> usize {
    let hashes = rest.trim_start_matches(['b', 'r']);
    let start = rest.len() - hashes.len();
    let count = hashes.len() - hashes.trim_start_matches('#').len();
    if !hashes[count..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(count));
    rest[start + count + 1..].find(&end).map_or(rest.len(), |at| start + count + 1 + at + end.len())
}

/// The length of a character; 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut inside = rest[1..].char_indices();
    match inside.next() {
        Some((_, '\\')) => rest[3..].find('\'').map_or(0, |at| 3 + at + 1),
        Some((_, one)) if rest[1 + one.len_utf8()..].starts_with('\'') => 2 + one.len_utf8(),
        _ => 0,
    }
}

/// The code without the items behind `#[cfg(test)]` and `#[cfg(fuzzing)]`.
fn production(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    let marks = ["#[cfg(test)]", "#[cfg(any(test, fuzzing))]", "#[cfg(fuzzing)]"];
    while let Some((at, mark)) = marks.iter().filter_map(|mark| Some((rest.find(mark)?, mark))).min() {
        out.push_str(&rest[..at]);
        let item = &rest[at + mark.len()..];
        let length = item_length(item);
        out.extend(item[..length].chars().filter(|one| *one == '\n'));
        rest = &item[length..];
    }
    out.push_str(rest);
    out
}

/// How far an item goes, its further attributes included: to a semicolon, or to the end of its braces.
fn item_length(item: &str) -> usize {
    let (mut braces, mut others) = (0, 0);
    for (at, one) in item.char_indices() {
        match one {
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces <= 0 && others == 0 {
                    return at + usize::from(braces == 0);
                }
            }
            '(' | '[' => others += 1,
            ')' | ']' => others -= 1,
            ';' if braces == 0 && others == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}
