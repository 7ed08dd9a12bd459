//! What is known of the values of a configuration while they are read: where each was set, and every problem.

use super::error::{ConfigError, Location};
use super::keys::{Secrecy, Setting};
use super::value::{RawValue, ValueError};
use crate::model::{Localized, localized};
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
    pub(crate) fn problem(&mut self, place: Location, message: Localized) {
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
            let (path, Localized { en, pt }) = (key.path, (key.expected)());
            let message = localized!("`{path}` must be {en}", "`{path}` deve ser {pt}");
            return self.problem(location_of(None), message);
        }
        for ValueError { item, at, message } in errors {
            let at = at.or_else(|| raw.item_at(item?));
            let (path, Localized { en, pt }) = (key.path, message);
            let message = match item.map(|nth| nth + 1) {
                None => localized!("`{path}` {en}", "`{path}` {pt}"),
                Some(nth) => localized!("item {nth} of `{path}` {en}", "o item {nth} de `{path}` {pt}"),
            };
            self.problem(location_of(at), message);
        }
    }
}
