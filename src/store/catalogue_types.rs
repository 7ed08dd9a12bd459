//! The event types that the cap doesn't count: those of the catalogue.

use crate::model::{CATALOGUE, EventType};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

/// The types that the cap doesn't count: those of the catalogue.
#[derive(Debug, Default)]
pub(crate) struct CatalogueTypes(RwLock<Arc<BTreeSet<EventType>>>);

impl CatalogueTypes {
    /// Whether a type is of the catalogue, or one that carteiro itself records: no number of other types keeps it out.
    pub(crate) fn has(&self, name: &str) -> bool {
        let own = name.strip_prefix(EventType::OWN_CATEGORY).is_some_and(|rest| rest.starts_with('.'));
        own || CATALOGUE.iter().any(|entry| entry.event_type == name)
            || self.extra().iter().any(|extra| extra.as_str() == name)
    }

    /// How many of these types the cap counts.
    pub(crate) fn count_others(&self, known: Option<&BTreeMap<String, u32>>) -> usize {
        known.map_or(0, |known| known.keys().filter(|name| !self.has(name)).count())
    }

    /// Replaces the types that the config adds to the catalogue.
    pub(crate) fn set_extra(&self, extra: BTreeSet<EventType>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(extra);
    }

    fn extra(&self) -> Arc<BTreeSet<EventType>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
