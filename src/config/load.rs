//! Flag > environment > file > default.

use super::file;
use super::keys::{ACCOUNT_KEYS, Effect, KEYS, Key};
use super::problem::{Place, Problem, Problems};
use super::raw::{RawValue, ValueError};
use super::suggest::nearest;
use super::{Account, Config};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read as _;
use std::path::Path;

/// A configuration, and where each of its values came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// By path, `account[0].name` for those of an account; what is missing is a default.
    pub(super) sources: BTreeMap<String, Place>,
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// Nobody set it.
    Default,
    /// It was set here.
    Place(&'a Place),
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Place(Place::File { path, line, .. }) => write!(f, "{}:{line}", path.display()),
            Self::Place(Place::Flag(_)) => f.write_str("command line"),
            Self::Place(place @ (Place::Variable(_) | Place::WholeFile(_))) => place.fmt(f),
        }
    }
}

/// The longest file that is read: a mistaken path may lead to a device or a dump.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

impl Config {
    /// Reads the file, if one is given, then the variables `CARTEIRO_SECTION__KEY`, then the flags, each a key's path and its
    /// text; the last to set a key wins. Every problem is collected, also in values that are overridden later. Variables of
    /// other names are ignored; accounts can be set in the file alone.
    pub fn load(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
        flags: &[(&str, String)],
    ) -> Result<Loaded, Problems> {
        Self::load_read(file.map(|path| (path, read(path))), env, flags)
    }

    /// The same of a file that was read, or of why it could not be.
    pub(super) fn load_read(
        file: Option<(&Path, Result<Vec<u8>, String>)>,
        env: impl Iterator<Item = (String, String)>,
        flags: &[(&str, String)],
    ) -> Result<Loaded, Problems> {
        let mut draft = Draft::default();
        match file {
            Some((path, Ok(bytes))) => file::read_into(&mut draft, path, bytes),
            Some((path, Err(message))) => draft.problem(Place::WholeFile(path.to_owned()), message),
            None => {}
        }
        for (name, text) in env {
            draft.set_variable(name, &text);
        }
        for (path, text) in flags {
            let place = Place::Flag((*path).to_owned());
            match KEYS.iter().find(|key| key.path == *path) {
                Some(key) => draft.set_bare(key, text, place),
                None => draft.problem(place, "there is no such key".to_owned()),
            }
        }
        draft.check_timeouts();
        draft.check_backups();
        draft.check_proxy();
        draft.check_tls();
        match Problems::new(draft.problems) {
            Some(problems) => Err(problems),
            None => Ok(Loaded { config: draft.config, sources: draft.sources }),
        }
    }

    /// This configuration with all that a reload takes up from `new`, and nothing that needs a restart.
    #[must_use]
    pub fn reloaded(&self, new: &Self) -> Self {
        let mut config = self.clone();
        for key in KEYS.iter().filter(|key| key.effect == Effect::Reload) {
            key.access.copy(new, &mut config);
        }
        config
    }
}

impl Loaded {
    /// Where the value of `delivery.timeout`, or of `account[0].name`, came from.
    pub fn source(&self, path: &str) -> Source<'_> {
        self.sources.get(path).map_or(Source::Default, Source::Place)
    }

    /// The keys whose values differ in `new` and aren't taken up by [`Config::reloaded`]; `account` stands for all accounts.
    pub fn changes_needing_restart(&self, new: &Self) -> Vec<&'static str> {
        let differs = |key: &&Key<Config>| {
            key.effect == Effect::Restart && key.access.show(&self.config) != key.access.show(&new.config)
        };
        let accounts = (self.config.account != new.config.account).then_some("account");
        KEYS.iter().filter(differs).map(|key| key.path).chain(accounts).collect()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => Err(format!("the file can't be read: {error}; check its path and its permissions")),
        Ok(_) if bytes.len() as u64 > MAX_FILE_BYTES => {
            Err("the file is longer than 1 MiB and can't be a configuration; check its path".to_owned())
        }
        Ok(_) => Ok(bytes),
    }
}

/// Where an item of a list stands, counted from 0, or what of it begins at this byte.
type ItemAt<'a> = &'a dyn Fn(usize, Option<usize>) -> Place;

/// A configuration in the making.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) config: Config,
    pub(super) sources: BTreeMap<String, Place>,
    problems: Vec<Problem>,
    /// Keys with a value that was refused somewhere: what they are compared with would be the wrong value.
    refused: BTreeSet<&'static str>,
    /// The file could not be parsed to its end: what it sets there isn't known.
    pub(super) cut_short: bool,
}

impl Draft {
    #[cfg(test)]
    pub(super) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    pub(super) fn problem(&mut self, place: Place, message: String) {
        self.problems.push(Problem { place, message });
    }

    /// Sets a key of the daemon.
    pub(super) fn set(&mut self, key: &Key<Config>, raw: &RawValue<'_>, place: Place, item_at: ItemAt<'_>) {
        match take(key, &mut self.config, raw, &place, item_at) {
            Ok(()) => {
                self.sources.insert(key.path.to_owned(), place);
            }
            Err(problems) => {
                self.problems.extend(problems);
                self.refused.insert(key.path);
            }
        }
    }

    /// Sets a key of the account with this number, counted from 0. Whether it was accepted.
    pub(super) fn set_account(
        &mut self,
        (nth, account): (usize, &mut Account),
        key: &Key<Account>,
        raw: &RawValue<'_>,
        place: Place,
    ) -> bool {
        match take(key, account, raw, &place, &|_, _| place.clone()) {
            Ok(()) => {
                self.sources.insert(format!("account[{nth}].{}", key.name()), place);
                true
            }
            Err(problems) => {
                self.problems.extend(problems);
                false
            }
        }
    }

    fn set_bare(&mut self, key: &Key<Config>, text: &str, place: Place) {
        let at = place.clone();
        self.set(key, &RawValue::Bare(text.into()), place, &|_, _| at.clone());
    }

    /// Names of the form `CARTEIRO_…__…` are ours alone, so that a slip in one is not silently ignored.
    fn set_variable(&mut self, name: String, text: &str) {
        let Some(rest) = name.strip_prefix("CARTEIRO_").filter(|rest| rest.contains("__")) else {
            return;
        };
        if let Some(key) = KEYS.iter().find(|key| key.variable() == name) {
            return self.set_bare(key, text, Place::Variable(name));
        }
        let message = if rest.starts_with("ACCOUNT__") || ACCOUNT_KEYS.iter().any(|key| key.variable() == name) {
            "accounts can't be set by variables; write [[account]] in the configuration file".to_owned()
        } else {
            let variables: Vec<String> = KEYS.iter().map(Key::variable).collect();
            // The prefix is right already: counting its letters would make strangers look alike.
            let names = variables.iter().filter_map(|name| name.strip_prefix("CARTEIRO_"));
            match nearest(rest, names) {
                Some(near) => format!("unknown variable; did you mean `CARTEIRO_{near}`?"),
                None => "unknown variable; unset it, or see config.example.toml for the keys".to_owned(),
            }
        };
        self.problem(Place::Variable(name), message);
    }

    /// Said of the interval, wherever it comes from.
    fn check_backups(&mut self) {
        let (every, dir) = ("store.backup_every", "store.backup_dir");
        let store = &self.config.store;
        if self.cut_short || store.backup_every.is_none() || store.backup_dir.is_some() || self.refused.contains(dir) {
            return;
        }
        let place = self.sources.get(every).expect("the default is none, so it was set").clone();
        self.problem(place, format!("`{every}` needs `{dir}`: name the folder that backups are written to"));
    }

    /// Said of the file, wherever it comes from.
    fn check_proxy(&mut self) {
        let egress = &self.config.egress;
        if egress.proxy.is_some() && egress.proxy_file.is_some() {
            let place = self.sources.get("egress.proxy_file").expect("the default is none, so it was set").clone();
            self.problem(place, "`egress.proxy_file` stands beside `egress.proxy`; keep one of them".to_owned());
        }
    }

    /// Said of whichever of the two files was named without the other.
    fn check_tls(&mut self) {
        let (cert, key) = ("server.tls_cert", "server.tls_key");
        let server = &self.config.server;
        let (named, missing) = match (&server.tls_cert, &server.tls_key) {
            (Some(_), None) => (cert, key),
            (None, Some(_)) => (key, cert),
            (Some(_), Some(_)) | (None, None) => return,
        };
        if self.cut_short || self.refused.contains(missing) {
            return;
        }
        let place = self.sources.get(named).expect("the default is none, so it was set").clone();
        self.problem(place, format!("`{named}` needs `{missing}`: a certificate and its key go together"));
    }

    /// Said of the connect timeout, wherever it comes from, unless that is the default and the timeout was lowered below it.
    fn check_timeouts(&mut self) {
        let (timeout, connect) = ("delivery.timeout", "delivery.connect_timeout");
        let delivery = &self.config.delivery;
        if self.cut_short
            || delivery.connect_timeout <= delivery.timeout
            || self.refused.contains(timeout)
            || self.refused.contains(connect)
        {
            return;
        }
        let show = crate::model::format_duration;
        let message = format!(
            "`{connect}` ({}) must not be above `{timeout}` ({}); lower it, or raise the timeout",
            show(delivery.connect_timeout),
            show(delivery.timeout)
        );
        let place = self.sources.get(connect).or_else(|| self.sources.get(timeout));
        let place = place.expect("the defaults agree, so one of them was set").clone();
        self.problem(place, message);
    }
}

fn take<T>(
    key: &Key<T>,
    target: &mut T,
    raw: &RawValue<'_>,
    place: &Place,
    item_at: ItemAt<'_>,
) -> Result<(), Vec<Problem>> {
    let faults = match key.access.read(target, raw) {
        Ok(()) => return Ok(()),
        Err(faults) => faults,
    };
    if key.secret {
        let message = format!("`{}` must be {}", key.path, key.access.expected());
        return Err(vec![Problem { place: place.clone(), message }]);
    }
    let problem = |ValueError { item, at, message }| match item {
        None => Problem { place: place.clone(), message: format!("`{}` {message}", key.path) },
        Some(nth) => {
            Problem { place: item_at(nth, at), message: format!("item {} of `{}` {message}", nth + 1, key.path) }
        }
    };
    Err(faults.into_iter().map(problem).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_quoted_back() {
        let Key { path, doc, effect, access, .. } = KEYS[0];
        let secret = Key { path, doc, effect, secret: true, access };
        let place = Place::Flag("x".to_owned());
        let raw = RawValue::Bare("hunter2".into());
        let problems = take(&secret, &mut Config::default(), &raw, &place, &|_, _| place.clone()).unwrap_err();
        assert!(problems[0].message.starts_with("`server.listen` must be an IP address"), "{problems:?}");
        assert!(!problems[0].message.contains("hunter2"));
    }
}
