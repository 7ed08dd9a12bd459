//! A configuration while it is read: values so far, where each was set, and every problem.

use super::error::{ConfigError, Location};
use super::keys::Setting;
use super::settings::{Config, KEYS};
use super::value::{RawValue, ValueError};
use crate::model::format_duration;
use crate::suggest::nearest;
use std::collections::{BTreeMap, BTreeSet};

/// A configuration in the making.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) config: Config,
    pub(crate) findings: Findings,
}

/// What is known of the values that were read.
#[derive(Default)]
pub(crate) struct Findings {
    /// Where each accepted value was set, by the path of its key.
    pub(crate) sources: BTreeMap<String, Location>,
    pub(crate) problems: Vec<ConfigError>,
    /// Keys with a value that was refused somewhere: what they are compared with would be the wrong value.
    refused: BTreeSet<&'static str>,
    /// The file could not be parsed to its end: what it sets there isn't known.
    pub(crate) cut_short: bool,
}

impl Findings {
    pub(crate) fn problem(&mut self, place: Location, message: String) {
        self.problems.push(ConfigError { place, message });
    }

    /// Reads a value into its key. `location_of` gives the place of a byte of the file, or without one that of the
    /// value.
    pub(crate) fn set<T>(
        &mut self,
        key: &Setting<T>,
        path: String,
        target: &mut T,
        raw: RawValue<'_>,
        location_of: &dyn Fn(Option<usize>) -> Location,
    ) {
        let errors = match (key.read)(target, raw) {
            Ok(()) => return drop(self.sources.insert(path, location_of(None))),
            Err(errors) => errors,
        };
        self.refused.insert(key.path);
        if key.secret {
            let message = format!("`{}` must be {}", key.path, (key.expected)());
            return self.problem(location_of(None), message);
        }
        for ValueError { item, at, message } in errors {
            let at = at.or_else(|| raw.item_at(item?));
            let item = item.map_or(String::new(), |nth| format!("item {} of ", nth + 1));
            self.problem(location_of(at), format!("{item}`{}` {message}", key.path));
        }
    }
}

impl Draft {
    #[cfg(test)]
    pub(crate) fn problems(&self) -> &[ConfigError] {
        &self.findings.problems
    }

    /// Sets a key from a text that has no places in it.
    pub(crate) fn set_bare(&mut self, key: &Setting<Config>, text: &str, place: &Location) {
        let path = key.path.to_owned();
        self.findings.set(key, path, &mut self.config, RawValue::Bare(text), &|_| place.clone());
    }

    /// Names of the form `CARTEIRO_…__…` are ours alone, so that a typo in one is not silently ignored.
    pub(crate) fn set_variable(&mut self, name: String, text: &str) {
        let Some(rest) = name.strip_prefix("CARTEIRO_").filter(|rest| rest.contains("__")) else {
            return;
        };
        if let Some(key) = KEYS.iter().find(|key| key.variable() == name) {
            return self.set_bare(key, text, &Location::Variable(name));
        }
        let message = if rest.starts_with("ACCOUNT__") {
            "accounts can't be set by variables; write [[account]] in the configuration file".to_owned()
        } else {
            let variables: Vec<String> = KEYS.iter().map(Setting::variable).collect();
            // The prefix is right already: counting its letters would make any two names look alike.
            let names = variables.iter().filter_map(|name| name.strip_prefix("CARTEIRO_"));
            match nearest(rest, names) {
                Some(near) => format!("unknown variable; did you mean `CARTEIRO_{near}`?"),
                None => "unknown variable; unset it, or see config.example.toml for the keys".to_owned(),
            }
        };
        self.findings.problem(Location::Variable(name), message);
    }

    /// Rules for values of several keys.
    pub(crate) fn check_combinations(&mut self) {
        let Config { server, store, delivery, egress, .. } = &self.config;
        let found = &self.findings;
        let unknown = |key: &str| found.cut_short || found.refused.contains(key);
        let mut problems = Vec::new();
        // Reported at the first of these keys that was set.
        let mut problem = |keys: &[&str], message: String| {
            let place = keys.iter().find_map(|key| found.sources.get(*key));
            let place = place.expect("the defaults break no rule, so one of the keys was set").clone();
            problems.push(ConfigError { place, message });
        };
        let (timeout, connect) = ("delivery.timeout", "delivery.connect_timeout");
        if delivery.connect_timeout > delivery.timeout && !unknown(timeout) && !unknown(connect) {
            let message = format!(
                "`{connect}` ({}) must not be above `{timeout}` ({}); lower it, or raise the timeout",
                format_duration(delivery.connect_timeout),
                format_duration(delivery.timeout)
            );
            problem(&[connect, timeout], message);
        }
        let (every, dir) = ("store.backup_every", "store.backup_dir");
        if store.backup_every.is_some() && store.backup_dir.is_none() && !unknown(dir) {
            problem(&[every], format!("`{every}` needs `{dir}`: name the folder that backups are written to"));
        }
        if egress.proxy.is_some() && egress.proxy_file.is_some() {
            let message = "`egress.proxy_file` stands beside `egress.proxy`; keep one of them".to_owned();
            problem(&["egress.proxy_file"], message);
        }
        let (cert, key) = ("server.tls_cert", "server.tls_key");
        if server.tls_cert.is_some() != server.tls_key.is_some() {
            let (named, missing) = if server.tls_cert.is_some() { (cert, key) } else { (key, cert) };
            if !unknown(missing) {
                problem(&[named], format!("`{named}` needs `{missing}`: a certificate and its key go together"));
            }
        }
        self.findings.problems.extend(problems);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_quoted_back() {
        let secret = Setting { secret: true, ..KEYS[0] };
        let mut draft = Draft::default();
        draft.set_bare(&secret, "hunter2", &Location::Flag("x".to_owned()));
        let problems = draft.problems();
        assert!(problems[0].message.starts_with("`server.listen` must be an IP address"), "{problems:?}");
        assert!(!problems[0].message.contains("hunter2"));
    }
}
