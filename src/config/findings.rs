//! What is known of the values of a configuration while they are read: where each was set, and every problem.

use super::error::{ConfigError, Location};
use super::keys::{Secrecy, Setting};
use super::value::{RawValue, ValueError};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of the values that were read.
#[derive(Default)]
pub(crate) struct Findings {
    /// Where each accepted value was set, by the path of its key.
    pub(crate) sources: BTreeMap<String, Location>,
    pub(crate) problems: Vec<ConfigError>,
    /// Keys with a value that was refused somewhere: what they are compared with would be the wrong value.
    pub(crate) refused: BTreeSet<&'static str>,
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
        if key.secrecy != Secrecy::Open {
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
