//! What the task keeps in the store.

use crate::alerts::core::State;
use crate::store::KeepAlerts;
use std::collections::BTreeMap;

fn difference<K: Ord + Copy, V: PartialEq + Clone>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
) -> Vec<(K, Option<V>)> {
    let gone = before.keys().filter(|key| !after.contains_key(key)).map(|key| (*key, None));
    let new = after.iter().filter(|(key, value)| before.get(key) != Some(value));
    gone.chain(new.map(|(key, value)| (*key, Some(value.clone())))).collect()
}

/// The rows that make one state of another.
pub(super) fn changes(before: &State, after: &State) -> KeepAlerts {
    KeepAlerts {
        alerts: difference(&before.alerts, &after.alerts),
        letters: difference(&before.letters, &after.letters),
        books: difference(&before.books, &after.books),
        mutes: difference(&before.mutes, &after.mutes),
        taken: Vec::new(),
        asked: None,
    }
}
