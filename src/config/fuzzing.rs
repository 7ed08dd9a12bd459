//! Properties of the configuration: whatever the text, a [`Config`] or problems that have a place in it.

use super::settings::{CLIENT_CERTIFICATE_KEYS, account_keys, config_keys};
use super::{Config, ConfigErrors, Loaded, Location};
use std::fmt::Write as _;
use std::path::Path;

const FILE: &str = "carteiro.toml";

fn load(file: &[u8], variables: &[(String, String)]) -> Result<Loaded, ConfigErrors> {
    Config::load_read(Some((Path::new(FILE), Ok(file.to_vec()))), variables.iter().cloned(), &[])
}

/// Up to the first NUL it is a file, then variables, `NAME=value`, with a NUL between each two.
pub fn config(data: &[u8]) {
    let mut parts = data.split(|byte| *byte == 0);
    let file = parts.next().unwrap_or_default();
    let variables: Vec<(String, String)> = parts
        .filter_map(|part| std::str::from_utf8(part).ok()?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    match load(file, &variables) {
        Ok(loaded) => reads_as_printed(&loaded),
        Err(problems) => {
            assert!(problems.iter().count() > 0);
            for problem in problems.iter() {
                assert!(!problem.message.en.is_empty(), "{problem:?}");
                assert!(!problem.message.en.contains(['\n', '\r']), "{problem:?}");
                stands_in(file, &problem.place, &variables);
            }
            assert_eq!(problems.to_string().lines().count(), problems.iter().count(), "{problems}");
        }
    }
}

/// The place exists, or is the end of its line.
fn stands_in(file: &[u8], place: &Location, variables: &[(String, String)]) {
    match place {
        Location::File { path, line, column } => {
            assert_eq!(path, Path::new(FILE));
            let text = String::from_utf8_lossy(file);
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            let line = text.split('\n').nth(line.checked_sub(1).expect("lines count from 1"));
            let line = line.expect("a problem has a line of the file");
            assert!((1..=line.chars().count() + 1).contains(column), "{place:?} in {line:?}");
        }
        Location::Variable(name) => assert!(variables.iter().any(|(other, _)| other == name), "{place:?}"),
        Location::WholeFile(_) | Location::Flag(_) => panic!("the file was read, and there are no flags: {place:?}"),
    }
}

/// Every key as it is printed, secrets too, makes the same configuration.
fn reads_as_printed(loaded: &Loaded) {
    let mut text = String::new();
    for key in config_keys() {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{} = {}", key.path, (key.show)(&loaded.config));
    }
    for account in &loaded.config.account {
        text.push_str("[[account]]\n");
        for key in account_keys() {
            let name = key.path.strip_prefix("account.").expect("the keys of accounts begin so");
            let _ = writeln!(text, "{name} = {}", (key.show)(account));
        }
    }
    for certificate in &loaded.config.client_certificate {
        text.push_str("[[client_certificate]]\n");
        for key in CLIENT_CERTIFICATE_KEYS {
            let _ = writeln!(text, "{} = {}", key.name(), (key.show)(certificate));
        }
    }
    match load(text.as_bytes(), &[]) {
        Ok(again) => assert_eq!(again.config, loaded.config, "{text}"),
        Err(problems) => panic!("{problems}\n{text}"),
    }
    let certificates = CLIENT_CERTIFICATE_KEYS.len() * loaded.config.client_certificate.len();
    let lines = config_keys().count() + account_keys().count() * loaded.config.account.len() + certificates;
    assert_eq!(loaded.effective().lines().count(), lines);
    assert_eq!(loaded.config.reloaded(&loaded.config), loaded.config);
    assert!(loaded.changes_needing_restart(loaded).is_empty());
}
