//! The index rows of a record, derived from the record in one place: a change takes away the rows of what was and puts
//! the rows of what is, so that no transition can forget one.

use crate::model::{Event, Notification, State};
use crate::store::schema::keys;
use crate::store::schema::keys::Key;
use crate::store::schema::references::References;
use crate::store::updates::NextAttempt;

/// Every index row a notification has.
pub(crate) fn notification_rows(notification: &Notification) -> Vec<Key> {
    let (account, key) = (notification.account, notification.key);
    let mut rows = Vec::with_capacity(5);
    rows.push(keys::by_webhook(key));
    match NextAttempt::from(notification) {
        NextAttempt::Nothing => {}
        NextAttempt::First => rows.push(keys::untried(account, key)),
        NextAttempt::Retry(due) => rows.push(keys::retry(due, key)),
    }
    if let Some(since) = notification.manual_at {
        rows.push(keys::manual(since, key));
    }
    if notification.state == State::Failed && notification.test {
        rows.push(keys::by_state(account, keys::FAILED_TEST, key));
    } else if let Some(state) = keys::state_byte(notification.state) {
        rows.push(keys::by_state(account, state, key));
    } else if notification.awaits_predecessor {
        rows.push(keys::by_state(account, keys::WAITING, key));
    } else if notification.state == State::Pending && notification.test {
        // A test is pending without being untried: it has no automatic attempt to come.
        rows.push(keys::by_state(account, keys::PENDING_TEST, key));
    }
    if let Some(order) = notification.order.filter(|_| notification.needs_automatic_attempt()) {
        rows.push(keys::order(order, key));
    }
    if let Some(attempt) = notification.last.as_ref().filter(|attempt| !attempt.result.confirms()) {
        rows.push(keys::by_response(account, attempt.result.status().unwrap_or(0), key));
    }
    rows
}

/// Every index row an event has, given the number of its type.
pub(crate) fn event_rows(references: &References, event: &Event, type_no: u32) -> Vec<Key> {
    let by_type = keys::by_type(event.account, type_no, event.seq);
    std::iter::once(by_type).chain(references.rows(event)).collect()
}
