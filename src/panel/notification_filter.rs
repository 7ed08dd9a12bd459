//! What the list of notifications is narrowed by, as its address says it, and whether all of it can be re-sent.

use super::filters::{Narrowed, PAGING};
use super::view::View;
use crate::model::{NotificationFilter, Status};

/// What the list can be narrowed by.
const FILTERS: [&str; 8] = ["status", "webhook_id", "event_id", "response", "type", "period", "from", "to"];

/// What the page's address asks for, and what of it can't be read.
pub(super) fn asked_for(view: &View<'_>) -> (NotificationFilter, Narrowed) {
    let query = &view.request.query;
    let mut narrowed = Narrowed::of(view);
    let mut filter = NotificationFilter {
        event_type: narrowed.event_type.clone(),
        from: narrowed.from,
        to: narrowed.to,
        ..NotificationFilter::default()
    };
    for (name, field) in
        [("status", "status"), ("webhook_id", "webhook_id"), ("event_id", "event_id"), ("response", "response_status")]
    {
        if let Some(text) = query.get(name)
            && filter.set(field, text).is_err()
        {
            narrowed.aside(view, text);
        }
    }
    // A name that is none would leave the list, and what is re-sent of it, wider than meant.
    for (name, value) in query.iter().filter(|(_, value)| !value.trim().is_empty()) {
        let known = |names: &[&str]| names.contains(&&**name);
        if !known(&FILTERS) && !known(PAGING) && name != "tz" {
            narrowed.aside(view, &format!("{name}={value}"));
        }
    }
    (filter, narrowed)
}

/// Why what a filter matches can't be re-sent all at once; `None` where it can.
pub(super) fn not_whole(view: &View<'_>, filter: &NotificationFilter) -> Option<&'static str> {
    let t = view.t;
    match filter.status {
        Some(Status::Held) => Some(t.not_whole_held),
        Some(Status::Cancelled) => Some(t.not_whole_cancelled),
        Some(Status::Pending | Status::Retrying | Status::Delivered | Status::Failed) | None => {
            let gone = |id| view.service.webhook(view.caller(), id).is_err();
            if filter.event_id.is_some() {
                Some(t.not_whole_event)
            } else {
                filter.webhook_id.filter(|id| gone(*id)).map(|_| t.not_whole_deleted)
            }
        }
    }
}
