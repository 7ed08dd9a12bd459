//! The walk over a parsed file. Written out rather than derived with serde, which stops at the first problem and knows
//! no columns.

use super::draft::Draft;
use super::error::{Lines, Location};
use super::findings::Findings;
use super::keys::Setting;
use super::limits::{MAX_ACCOUNTS, MAX_CLIENT_CERTIFICATES};
use super::settings::{Account, CLIENT_CERTIFICATE_KEYS, ClientCertificate, Config, account_keys, config_keys};
use super::value::{RawValue, clipped, entries, plain};
use crate::gather::Gather as _;
use crate::model::{Localized, localized};
use crate::suggest::nearest;
use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads what the file says into the draft, and each problem of it.
pub(crate) fn read_into(draft: &mut Draft, path: &Path, bytes: Vec<u8>) {
    let Draft { config, findings } = draft;
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
            let place = FileText { path, lines: Lines::of(without_bom(&before)) }.place(usize::MAX);
            let message = localized!(
                "the file is not UTF-8 from here on; save it as UTF-8",
                "o arquivo não é UTF-8 daqui em diante; salve-o em UTF-8"
            );
            return findings.problem(place, message);
        }
    };
    let text = without_bom(&text);
    let at = FileText { path, lines: Lines::of(text) };
    let (table, errors) = DeTable::parse_recoverable(text);
    // After its first error the parser guesses: a key may be in the wrong section, a value cut short. A key given twice
    // is no such error: the parser keeps one of them and continues as usual.
    let lost = errors.iter().filter(|error| error.message() != "duplicate key").filter_map(toml::de::Error::span);
    let sure = lost.map(|span| at.lines.line(span.start)).min().unwrap_or(usize::MAX);
    findings.cut_short |= sure < usize::MAX;
    for error in errors {
        let place = at.place(error.span().map_or(usize::MAX, |span| span.start));
        findings.problem(place, syntax(&error.message().replace(['\r', '\n'], " ")));
    }
    FileReader { findings, at: &at, sure }.document(config, table.get_ref());
}

/// Some editors on Windows begin a file with this mark; it is no character of the first line.
fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// What the parser says, which it does in English: its commonest sentence in both languages.
fn syntax(message: &str) -> Localized {
    if message == "duplicate key" {
        return localized!("duplicate key", "chave repetida");
    }
    localized!("{message}", "erro de sintaxe TOML: {message}")
}

struct FileText<'a> {
    path: &'a Path,
    lines: Lines<'a>,
}

impl FileText<'_> {
    /// The place of a byte; the end of the file for one beyond it.
    fn place(&self, byte: usize) -> Location {
        let (line, column) = self.lines.locate(byte);
        Location::File { path: self.path.to_owned(), line, column }
    }
}

struct FileReader<'a> {
    findings: &'a mut Findings,
    at: &'a FileText<'a>,
    /// From this line on nothing is reported: the parser guesses there.
    sure: usize,
}

/// The tables that may be in the file several times.
const TABLES: [&str; 2] = ["account", "client_certificate"];

/// What each of those stands for.
fn called(table: &str) -> Localized {
    match table {
        "client_certificate" => localized!("client certificate", "certificado de cliente"),
        _ => localized!("account", "conta"),
    }
}

fn is_table(name: &str) -> bool {
    TABLES.contains(&name)
}

fn double_brackets(name: &str) -> Localized {
    let Localized { en, pt } = called(name);
    localized!(
        "write [[{name}]] in double brackets, once for each {en}",
        "escreva [[{name}]] em colchetes duplos, uma vez por {pt}"
    )
}

/// Of a section that is written as a key.
fn is_a_section(name: &str) -> Localized {
    localized!(
        "`{name}` is a section; write [{name}] and its keys below",
        "`{name}` é uma seção; escreva [{name}] e as chaves dela abaixo"
    )
}

/// Of a section that there isn't: the nearest, or all that there are.
fn unknown(section: &str, near: Option<&str>, all: &[String]) -> Localized {
    if let Some(near) = near {
        return localized!(
            "unknown section [{section}]; did you mean {near}?",
            "seção desconhecida [{section}]; seria {near}?"
        );
    }
    let all = all.join(", ");
    localized!("unknown section [{section}]; there are {all}", "seção desconhecida [{section}]; existem {all}")
}

impl FileReader<'_> {
    fn document(&mut self, config: &mut Config, table: &DeTable<'_>) {
        for (name, span, value) in entries(table) {
            let tables = value.get_ref().as_array().filter(|items| items.iter().all(|item| item.get_ref().is_table()));
            match value.get_ref() {
                DeValue::Array(tables) if name == "account" => self.accounts(config, &span, tables),
                DeValue::Array(tables) if name == "client_certificate" => {
                    self.client_certificates(config, &span, tables);
                }
                _ if is_table(name) => self.problem(&span, double_brackets(name)),
                DeValue::Table(table) => self.section(config, name, &span, table),
                _ if is_section(name) && tables.is_some() => {
                    let message = localized!(
                        "write [{name}] once, in single brackets",
                        "escreva [{name}] uma vez só, em colchetes simples"
                    );
                    self.problem(&span, message);
                }
                _ if is_section(name) => self.problem(&span, is_a_section(name)),
                _ if tables.is_some_and(|tables| !tables.is_empty()) => drop(self.unknown_section(name, &span)),
                _ => self.unknown_key("", name, &span),
            }
        }
    }

    fn section(&mut self, config: &mut Config, name: &str, span: &Range<usize>, table: &DeTable<'_>) {
        // Where it is clear which section is meant, its keys are checked as well.
        let section = if is_section(name) { Some(name) } else { self.unknown_section(name, span) };
        if let Some(section) = section.filter(|section| !is_table(section)) {
            self.keys(section, section, &config_keys(), config, table);
        }
    }

    /// Reads the keys of one table, and of the tables in it. `home` is its path in [`Findings::sources`].
    fn keys<T: 'static>(
        &mut self,
        section: &str,
        home: &str,
        keys: &(impl Iterator<Item = &'static Setting<T>> + Clone),
        target: &mut T,
        table: &DeTable<'_>,
    ) {
        for (name, span, value) in entries(table) {
            let path = format!("{home}.{name}");
            if let Some(key) = keys.clone().find(|key| key.section() == section && key.name() == name) {
                let (at, start) = (self.at, value.span().start);
                if at.lines.line(start) < self.sure {
                    let location_of = |byte: Option<usize>| at.place(byte.unwrap_or(start));
                    self.findings.set(key, path, target, RawValue::Toml(value.get_ref()), &location_of);
                }
                continue;
            }
            let below = format!("{section}.");
            let inner: BTreeSet<&str> = keys
                .clone()
                .filter_map(|key| key.section().strip_prefix(&below))
                .map(|rest| rest.split('.').next().unwrap_or(rest))
                .gather();
            match value.get_ref() {
                DeValue::Table(table) if inner.contains(name) => {
                    self.keys(&format!("{below}{name}"), &path, keys, target, table);
                }
                _ if inner.contains(name) => self.problem(&span, is_a_section(&format!("{below}{name}"))),
                DeValue::Table(_) if !inner.is_empty() => {
                    let bracketed = |name: &str| format!("[{below}{name}]");
                    let near = nearest(name, inner.iter().copied()).map(bracketed);
                    let all: Vec<String> = inner.into_iter().map(bracketed).collect();
                    self.problem(&span, unknown(&format!("{below}{}", plain(name)), near.as_deref(), &all));
                }
                _ => self.unknown_key(section, name, &span),
            }
        }
    }

    fn accounts(&mut self, config: &mut Config, span: &Range<usize>, tables: &[Spanned<DeValue<'_>>]) {
        if !(1..=MAX_ACCOUNTS).contains(&tables.len()) {
            let given = tables.len();
            let message = localized!(
                "there must be 1 to {MAX_ACCOUNTS} accounts, not {given}",
                "deve haver de 1 a {MAX_ACCOUNTS} contas, e não {given}"
            );
            return self.problem(span, message);
        }
        config.account = self.tables("account", &account_keys(), tables, Account::default, |account| &account.name);
    }

    fn client_certificates(&mut self, config: &mut Config, span: &Range<usize>, tables: &[Spanned<DeValue<'_>>]) {
        if tables.len() > MAX_CLIENT_CERTIFICATES {
            let (most, given) = (MAX_CLIENT_CERTIFICATES, tables.len());
            let message = localized!(
                "there can be at most {most} client certificates, not {given}",
                "pode haver no máximo {most} certificados de cliente, e não {given}"
            );
            return self.problem(span, message);
        }
        let section = "client_certificate";
        for (value, table) in tables.iter().filter_map(|value| Some((value, value.get_ref().as_table()?))) {
            for name in ["name", "cert", "key"].into_iter().filter(|name| !table.contains_key(*name)) {
                let what = if name == "name" { "\"pix\"" } else { "\"/path/to/a.pem\"" };
                let message = localized!(
                    "`{section}` has no `{name}`; write {name} = {what}",
                    "`{section}` não tem `{name}`; escreva {name} = {what}"
                );
                self.problem(&value.span(), message);
            }
        }
        let keys = &CLIENT_CERTIFICATE_KEYS.iter();
        config.client_certificate = self.tables(section, keys, tables, ClientCertificate::default, |one| &one.name);
    }

    /// Reads each of the tables `[[section]]`, whose names must be unique.
    fn tables<T: 'static>(
        &mut self,
        section: &str,
        keys: &(impl Iterator<Item = &'static Setting<T>> + Clone),
        tables: &[Spanned<DeValue<'_>>],
        default: impl Fn() -> T,
        name_of: impl Fn(&T) -> &str,
    ) -> Vec<T> {
        let mut items = Vec::with_capacity(tables.len());
        let mut lines: BTreeMap<String, usize> = BTreeMap::new();
        for (nth, value) in tables.iter().enumerate() {
            let DeValue::Table(table) = value.get_ref() else {
                self.problem(&value.span(), double_brackets(section));
                continue;
            };
            let (mut item, home) = (default(), format!("{section}[{nth}]"));
            self.keys(section, &home, keys, &mut item, table);
            let name_at = table.get("name").map(Spanned::span);
            // One whose name was refused, or is in a part that can't be parsed, has the default's name, which must not
            // conflict with another; neither must that of one that must have a name, and has none.
            let named = self.findings.sources.contains_key(&format!("{home}.name"));
            let known = named || (name_at.is_none() && !name_of(&item).is_empty());
            if known && self.sure == usize::MAX {
                let name_at = name_at.unwrap_or_else(|| value.span());
                let line = self.at.lines.line(name_at.start);
                match lines.entry(name_of(&item).to_owned()) {
                    Entry::Vacant(free) => drop(free.insert(line)),
                    Entry::Occupied(taken) => {
                        let (name, first) = (clipped(name_of(&item)), taken.get());
                        let Localized { en, pt } = called(section);
                        let message = localized!(
                            "`{section}.name` must be unique, and {name} is the {en} of line {first} already",
                            "`{section}.name` deve ser único, e {name} já é o nome de {pt} na linha {first}"
                        );
                        self.problem(&name_at, message);
                    }
                }
            }
            items.push(item);
        }
        items
    }

    /// The section that was probably meant.
    fn unknown_section(&mut self, name: &str, span: &Range<usize>) -> Option<&'static str> {
        let near = nearest(name, sections());
        let all: Vec<String> = sections().map(bracketed).collect();
        self.problem(span, unknown(&plain(name), near.map(bracketed).as_deref(), &all));
        near
    }

    fn unknown_key(&mut self, section: &str, name: &str, span: &Range<usize>) {
        let accounts = account_keys().map(|key| (key.section(), key.name()));
        let certificates = CLIENT_CERTIFICATE_KEYS.iter().map(|key| (key.section(), key.name()));
        let keys = config_keys().map(|key| (key.section(), key.name()));
        let all: Vec<(&str, &str)> = keys.chain(accounts).chain(certificates).collect();
        let (here, elsewhere): (Vec<_>, Vec<_>) = all.iter().partition(|(of, _)| *of == section);
        let names = |keys: &[(&'static str, &'static str)]| keys.iter().map(|(_, name)| *name).collect::<Vec<_>>();
        let (here, elsewhere) = (names(&here), names(&elsewhere));
        let homes = |name: &str| {
            let found = all.iter().filter(|(_, other)| *other == name);
            let found: Vec<String> = found.map(|(of, _)| bracketed(of)).collect();
            Localized { en: found.join(" or "), pt: found.join(" ou ") }
        };
        let file = here.iter().find(|key| key.strip_suffix("_file") == Some(name));
        let hint = if let Some(file) = file {
            localized!(
                "; write it into a file of its own, and name that in `{file}`",
                "; grave-a em um arquivo só dela, e indique esse em `{file}`"
            )
        } else if elsewhere.contains(&name) {
            let Localized { en, pt } = homes(name);
            localized!("; it belongs in {en}", "; o lugar dela é {pt}")
        } else if let Some(near) = nearest(name, here.iter().copied()) {
            localized!("; did you mean `{near}`?", "; seria `{near}`?")
        } else if let Some(near) = nearest(name, elsewhere) {
            let Localized { en, pt } = homes(near);
            localized!("; did you mean `{near}` in {en}?", "; seria `{near}` em {pt}?")
        } else if section.is_empty() {
            localized!("; see config.example.toml for the keys", "; veja as chaves em config.example.toml")
        } else {
            let (section, here) = (bracketed(section), here.join(", "));
            localized!("; {section} has {here}", "; {section} tem {here}")
        };
        let path = if section.is_empty() { plain(name) } else { format!("{section}.{}", plain(name)) };
        let Localized { en, pt } = hint;
        self.problem(span, localized!("unknown key `{path}`{en}", "chave desconhecida `{path}`{pt}"));
    }

    fn problem(&mut self, span: &Range<usize>, message: Localized) {
        if self.at.lines.line(span.start) < self.sure {
            self.findings.problem(self.at.place(span.start), message);
        }
    }
}

fn bracketed(section: &str) -> String {
    if is_table(section) { format!("[[{section}]]") } else { format!("[{section}]") }
}

fn is_section(name: &str) -> bool {
    config_keys().any(|key| key.section() == name)
}

fn sections() -> impl Iterator<Item = &'static str> {
    let outermost = config_keys().map(Setting::section).filter(|section| !section.contains('.'));
    let mut names: Vec<&str> = outermost.chain(TABLES).collect();
    names.dedup();
    names.into_iter()
}
