//! What the list of notifications is narrowed by, as its address says it, and whether all of it can be re-sent.

use super::filters::{self, FORMAT, INCLUDE_DELIVERED, PAGING, parameter, unreadable};
use super::view::View;
use crate::model::{Filter as _, FilterUse, NotificationFilter, Status};

/// What the page's address asks for, and what of it can't be read.
pub(super) fn asked_for(view: &View<'_>) -> (NotificationFilter, Vec<String>) {
    let (filter, mut problems) = filters::asked_for(view);
    // A name that is none would leave the list, and what is re-sent of it, wider than meant.
    for (name, value) in view.request.query.iter().filter(|(_, value)| !value.trim().is_empty()) {
        let mut fields = NotificationFilter::fields(FilterUse::Panel);
        let known = ["period", "tz", FORMAT, INCLUDE_DELIVERED].contains(&&**name) || PAGING.contains(&&**name);
        if !known && !fields.any(|field| parameter(field.name) == name) {
            problems.push(unreadable(view, &format!("{name}={value}")));
        }
    }
    (filter, problems)
}

/// Why what a filter matches can't be re-sent all at once; `None` where it can.
pub(super) fn not_whole(view: &View<'_>, filter: &NotificationFilter) -> Option<&'static str> {
    let t = view.t;
    match filter.status {
        Some(Status::Held) => Some(t.not_whole_held),
        Some(Status::Cancelled) => Some(t.not_whole_cancelled),
        Some(Status::Pending | Status::Retrying | Status::Delivered | Status::Failed) | None => {
            let deleted = |id| view.service.webhook(view.caller(), id).is_err();
            if filter.event_id.is_some() {
                Some(t.not_whole_event)
            } else {
                filter.webhook_id.filter(|id| deleted(*id)).map(|_| t.not_whole_deleted)
            }
        }
    }
}
