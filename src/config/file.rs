//! The walk over a parsed file. By hand rather than with serde, which stops at the first problem and knows no columns.

use super::keys::{ACCOUNT_KEYS, KEYS, Key};
use super::load::Draft;
use super::problem::{Lines, Place};
use super::raw::{RawValue, clipped};
use super::suggest::nearest;
use super::{Account, MAX_ACCOUNTS};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads what the file says into the draft, and each problem of it.
pub(super) fn read_into(draft: &mut Draft, path: &Path, bytes: Vec<u8>) {
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
            let place = At { path, lines: Lines::of(without_bom(&before)) }.end();
            return draft.problem(place, "the file is not UTF-8 from here on; save it as UTF-8".to_owned());
        }
    };
    let text = without_bom(&text);
    let at = At { path, lines: Lines::of(text) };
    let (table, errors) = DeTable::parse_recoverable(text);
    // Behind the first error the parser guesses, and so would we: a key may be in the wrong section, a value cut short. A
    // key given twice is no such error: the parser keeps one of them and its bearings.
    let lost = errors.iter().filter(|error| error.message() != "duplicate key").filter_map(toml::de::Error::span);
    let sure = lost.map(|span| at.line(&span)).min().unwrap_or(usize::MAX);
    draft.cut_short |= sure < usize::MAX;
    for error in errors {
        let place = error.span().map_or_else(|| at.end(), |span| at.place(&span));
        draft.problem(place, error.message().replace(['\r', '\n'], " "));
    }
    Walk { draft, at: &at, sure }.document(table.get_ref());
}

/// Some editors of Windows begin a file with this mark; it is no character of the first line.
fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

struct At<'a> {
    path: &'a Path,
    lines: Lines<'a>,
}

impl At<'_> {
    fn place(&self, span: &Range<usize>) -> Place {
        let (line, column) = self.lines.locate(span.start);
        Place::File { path: self.path.to_owned(), line, column }
    }

    fn line(&self, span: &Range<usize>) -> usize {
        self.lines.line(span.start)
    }

    fn end(&self) -> Place {
        self.place(&(usize::MAX..usize::MAX))
    }
}

struct Walk<'a> {
    draft: &'a mut Draft,
    at: &'a At<'a>,
    /// Lines from this one on are left unsaid: the parser has lost its way there.
    sure: usize,
}

type Entry<'a, 'i> = (&'a str, Range<usize>, &'a Spanned<DeValue<'i>>);

/// In the order of the file, which the parser's map has lost.
fn entries<'a, 'i>(table: &'a DeTable<'i>) -> Vec<Entry<'a, 'i>> {
    let mut entries: Vec<Entry<'a, 'i>> =
        table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value)).collect();
    entries.sort_by_key(|(_, span, _)| span.start);
    entries
}

impl Walk<'_> {
    fn document(&mut self, table: &DeTable<'_>) {
        for (name, span, value) in entries(table) {
            match value.get_ref() {
                DeValue::Table(section) if name != "account" => self.section(name, &span, section),
                DeValue::Array(accounts) if name == "account" => self.accounts(&span, accounts),
                _ if name == "account" => {
                    self.problem(&span, "write [[account]] in double brackets, once for each account".to_owned());
                }
                DeValue::Array(items) if is_section(name) && items.iter().all(|item| item.get_ref().is_table()) => {
                    self.problem(&span, format!("write [{name}] once, in single brackets"));
                }
                DeValue::Array(items) if !items.is_empty() && items.iter().all(|item| item.get_ref().is_table()) => {
                    self.unknown_section(name, &span);
                }
                _ if is_section(name) => {
                    self.problem(&span, format!("`{name}` is a section; write [{name}] and its keys below"));
                }
                _ => self.unknown_key("", name, &span),
            }
        }
    }

    fn section(&mut self, name: &str, span: &Range<usize>, table: &DeTable<'_>) {
        let section = if is_section(name) {
            name
        } else {
            // Where it is clear what is meant, the keys below are looked at as well.
            match self.unknown_section(name, span).filter(|near| *near != "account") {
                Some(near) => near,
                None => return,
            }
        };
        for (name, span, value) in entries(table) {
            let Some(key) = KEYS.iter().find(|key| key.section() == section && key.name() == name) else {
                self.unknown_key(section, name, &span);
                continue;
            };
            let at = self.at;
            if at.line(&value.span()) >= self.sure {
                continue;
            }
            let items: Vec<Range<usize>> = match value.get_ref() {
                DeValue::Array(items) => items.iter().map(Spanned::span).collect(),
                _ => Vec::new(),
            };
            let item_at = |nth: usize, byte: Option<usize>| match byte {
                Some(byte) => at.place(&(byte..byte)),
                None => at.place(items.get(nth).unwrap_or(&value.span())),
            };
            self.draft.set(key, &RawValue::from(value.get_ref()), at.place(&value.span()), &item_at);
        }
    }

    fn accounts(&mut self, span: &Range<usize>, tables: &[Spanned<DeValue<'_>>]) {
        if !(1..=MAX_ACCOUNTS).contains(&tables.len()) {
            return self.problem(span, format!("there must be 1 to {MAX_ACCOUNTS} accounts, not {}", tables.len()));
        }
        let mut accounts = Vec::with_capacity(tables.len());
        let mut lines: BTreeMap<String, usize> = BTreeMap::new();
        for (nth, table) in tables.iter().enumerate() {
            let DeValue::Table(entries_of) = table.get_ref() else {
                self.problem(&table.span(), "write [[account]] in double brackets, once for each account".to_owned());
                continue;
            };
            let (mut account, mut named_at, mut named_well) = (Account::default(), table.span(), true);
            for (name, span, value) in entries(entries_of) {
                let Some(key) = ACCOUNT_KEYS.iter().find(|key| key.name() == name) else {
                    self.unknown_key("account", name, &span);
                    continue;
                };
                if self.at.line(&value.span()) >= self.sure {
                    continue;
                }
                let place = self.at.place(&value.span());
                let taken = self.draft.set_account((nth, &mut account), key, &RawValue::from(value.get_ref()), place);
                if name == "name" {
                    (named_at, named_well) = (value.span(), taken);
                }
            }
            let line = self.at.line(&named_at);
            // An account whose name was refused, or lost in a part that can't be parsed, still has the default's, which
            // is not to clash with anything.
            if named_well && self.sure == usize::MAX {
                match lines.get(&account.name) {
                    Some(first) => {
                        let name = clipped(&account.name);
                        let message =
                            format!("`account.name` must be unique, and {name} is the account of line {first} already");
                        self.problem(&named_at, message);
                    }
                    None => {
                        lines.insert(account.name.clone(), line);
                    }
                }
            }
            accounts.push(account);
        }
        self.draft.config.account = accounts;
    }

    /// The section that was probably meant.
    fn unknown_section(&mut self, name: &str, span: &Range<usize>) -> Option<&'static str> {
        let near = nearest(name, sections());
        let hint = match near {
            Some(near) => format!("did you mean {}?", bracketed(near)),
            None => format!("there are {}", sections().map(bracketed).join_with(", ")),
        };
        self.problem(span, format!("unknown section [{}]; {hint}", plain(name)));
        near
    }

    fn unknown_key(&mut self, section: &str, name: &str, span: &Range<usize>) {
        let all = || {
            let accounts = ACCOUNT_KEYS.iter().map(|key| (key.section(), key.name()));
            KEYS.iter().map(|key| (key.section(), key.name())).chain(accounts)
        };
        let names = |wanted: bool| all().filter(move |(of, _)| (*of == section) == wanted).map(|(_, name)| name);
        let homes = |name: &str| {
            let found = all().filter(|(_, other)| *other == name);
            found.map(|(of, _)| bracketed(of)).join_with(" or ")
        };
        let hint = if names(false).any(|other| other == name) {
            format!("; it belongs in {}", homes(name))
        } else if let Some(near) = nearest(name, names(true)) {
            format!("; did you mean `{near}`?")
        } else if let Some(near) = nearest(name, names(false)) {
            format!("; did you mean `{near}` in {}?", homes(near))
        } else if section.is_empty() {
            "; see config.example.toml for the keys".to_owned()
        } else {
            format!("; {} has {}", bracketed(section), names(true).join_with(", "))
        };
        let path = if section.is_empty() { plain(name) } else { format!("{section}.{}", plain(name)) };
        self.problem(span, format!("unknown key `{path}`{hint}"));
    }

    fn problem(&mut self, span: &Range<usize>, message: String) {
        if self.at.line(span) < self.sure {
            self.draft.problem(self.at.place(span), message);
        }
    }
}

/// A key as it is, unless it holds what a key without quotes can't.
fn plain(name: &str) -> String {
    let bare = !name.is_empty()
        && name.len() <= 80
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { name.to_owned() } else { clipped(name) }
}

fn bracketed(section: &str) -> String {
    if section == "account" { "[[account]]".to_owned() } else { format!("[{section}]") }
}

fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.section() == name)
}

fn sections() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<&str> = KEYS.iter().map(Key::section).chain(["account"]).collect();
    names.dedup();
    names.into_iter()
}

trait JoinWith {
    fn join_with(self, between: &str) -> String;
}

impl<S: AsRef<str>, I: Iterator<Item = S>> JoinWith for I {
    fn join_with(self, between: &str) -> String {
        let all: Vec<String> = self.map(|item| item.as_ref().to_owned()).collect();
        all.join(between)
    }
}
