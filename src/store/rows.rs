//! The index rows of a notification, the very ones the store writes, for a model of the store that keeps them elsewhere.

use crate::model::{AccountNo, Notification, OrderKey, State, WebhookNo};
use crate::store::schema::index::notification_rows;
use crate::store::schema::keys;

/// A row, or the beginning that a range of rows shares.
pub(crate) type Row = Vec<u8>;

/// Every row a notification has.
pub(crate) fn of(notification: &Notification) -> Vec<Row> {
    notification_rows(notification)
}

/// All notifications of a webhook.
pub(crate) fn of_webhook(webhook: WebhookNo) -> Row {
    keys::of_webhook(webhook)
}

/// Its first queue: what is due at once. An event's number follows.
pub(crate) fn fresh_of(account: AccountNo, webhook: WebhookNo) -> Row {
    keys::fresh_of(account, webhook)
}

/// Its second queue: what is due later. The time follows, and an event's number.
pub(crate) fn retries_of(webhook: WebhookNo) -> Row {
    keys::retries_of(webhook)
}

/// Its third queue: what is owed by hand. The time follows, and an event's number.
pub(crate) fn manuals_of(webhook: WebhookNo) -> Row {
    keys::manuals_of(webhook)
}

/// What waits for its turn.
pub(crate) fn waiting_of(account: AccountNo, webhook: WebhookNo) -> Row {
    keys::in_state_of(account, keys::WAITING, webhook)
}

/// Tests that wait for their one attempt.
pub(crate) fn tests_of(account: AccountNo, webhook: WebhookNo) -> Row {
    keys::in_state_of(account, keys::PENDING_TEST, webhook)
}

/// What is in a state that has rows of its own.
pub(crate) fn in_state_of(account: AccountNo, state: State, webhook: WebhookNo) -> Option<Row> {
    keys::state_byte(state).map(|state| keys::in_state_of(account, state, webhook))
}

/// What is unfinished of one resource, in the order recorded. An event's number follows.
pub(crate) fn chain(webhook: WebhookNo, order: OrderKey) -> Row {
    keys::chain(webhook, order)
}

/// The first row past all that start with `prefix`.
pub(crate) fn end_of(prefix: &[u8]) -> Row {
    keys::end_of(prefix)
}
