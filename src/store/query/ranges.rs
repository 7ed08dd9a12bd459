//! The ranges of index rows that each filter stands for.

use crate::model::{AccountNo, Pattern, ResponseFilter, Status, WebhookNo};
use crate::store::error::StoreError;
use crate::store::query::merge::{Range, Shape};
use crate::store::schema::keys::Key;
use crate::store::schema::{keys, seqs};
use crate::store::state::Shared;
use std::sync::PoisonError;

/// Where somebody still waits for a notification, or has to look after it.
pub(crate) const UNDELIVERED: [Status; 4] = [Status::Pending, Status::Retrying, Status::Held, Status::Failed];

/// What a status is narrowed to by ranges alone.
#[derive(Clone, Copy)]
pub(crate) struct Apart {
    pub(crate) test: Option<bool>,
    pub(crate) webhook_deleted: Option<bool>,
}

impl Apart {
    /// Without the ranges of webhooks that aren't wanted; a range of more than one webhook stays.
    pub(crate) fn of_webhooks(self, shared: &Shared, mut ranges: Vec<Range>) -> Vec<Range> {
        if let Some(deleted) = self.webhook_deleted {
            let directory = shared.directory();
            ranges.retain(|range| match range.shape {
                Shape::SeqOf(no) => directory.by_no(WebhookNo(no)).is_none() == deleted,
                Shape::SeqAndWebhook | Shape::Seq | Shape::Reference(_) | Shape::Only { .. } => true,
            });
        }
        ranges
    }
}

/// The ranges of every status of [`UNDELIVERED`].
pub(crate) fn undelivered_ranges(
    shared: &Shared,
    account: AccountNo,
    webhook: Option<WebhookNo>,
    apart: Apart,
) -> Result<Vec<Range>, StoreError> {
    let mut ranges = Vec::new();
    for status in UNDELIVERED {
        ranges.extend(status_ranges(shared, account, status, webhook, apart)?);
    }
    Ok(ranges)
}

pub(crate) fn status_ranges(
    shared: &Shared,
    account: AccountNo,
    status: Status,
    webhook: Option<WebhookNo>,
    apart: Apart,
) -> Result<Vec<Range>, StoreError> {
    let Apart { test, webhook_deleted } = apart;
    let of = |prefix: Key, no: WebhookNo| Range { prefix, shape: Shape::SeqOf(no.0) };
    let retrying = |no| of(keys::in_state_of(account, RETRYING, no), no);
    let untried = |no| of(keys::untried_of(account, no), no);
    let waiting = |no| of(keys::in_state_of(account, keys::WAITING, no), no);
    let directory = shared.directory();
    // A deleted webhook is in no directory: what it was owed reads as cancelled while the job is still at it.
    let with_activity = |active: bool| {
        let wanted = move |no: &WebhookNo| webhook.is_none_or(|webhook| webhook == *no);
        let all = directory.of(account).filter(move |webhook| webhook.is_active() == active);
        all.map(|webhook| webhook.no).filter(wanted).collect::<Vec<_>>()
    };
    Ok(match status {
        // Nothing of a deleted webhook waits.
        Status::Pending | Status::Retrying | Status::Held if webhook_deleted == Some(true) => Vec::new(),
        Status::Pending => {
            // A test goes out even while its webhook is paused, so it is never held.
            let tests = match test {
                Some(false) => Vec::new(),
                Some(true) | None => webhooks_in(shared, &keys::in_state(account, keys::PENDING_TEST), webhook)?,
            };
            // A deleted webhook's wait no more.
            let tests = Apart { webhook_deleted: Some(false), ..apart }.of_webhooks(shared, tests);
            let others = if test == Some(true) { Vec::new() } else { with_activity(true) };
            others.into_iter().flat_map(|no| [untried(no), waiting(no)]).chain(tests).collect()
        }
        // A test has one attempt and nothing after it.
        Status::Retrying | Status::Held if test == Some(true) => Vec::new(),
        Status::Retrying => with_activity(true).into_iter().map(retrying).collect(),
        Status::Held => {
            with_activity(false).into_iter().flat_map(|no| [untried(no), waiting(no), retrying(no)]).collect()
        }
        Status::Failed => {
            let mut ranges = Vec::new();
            for (state, wanted) in [(FAILED, test != Some(true)), (keys::FAILED_TEST, test != Some(false))] {
                if wanted {
                    ranges.extend(webhooks_in(shared, &keys::in_state(account, state), webhook)?);
                }
            }
            apart.of_webhooks(shared, ranges)
        }
        Status::Cancelled => {
            apart.of_webhooks(shared, webhooks_in(shared, &keys::in_state(account, CANCELLED), webhook)?)
        }
        // Has no index: see `Walk::within`.
        Status::Delivered => Vec::new(),
    })
}

const RETRYING: u8 = 1;
const FAILED: u8 = 2;
const CANCELLED: u8 = 3;

/// A range for each webhook that has rows below `prefix`, or for the one that is wanted.
pub(crate) fn webhooks_in(shared: &Shared, prefix: &[u8], wanted: Option<WebhookNo>) -> Result<Vec<Range>, StoreError> {
    let range = |no: u32| Range { prefix: [prefix, &no.to_be_bytes()].concat(), shape: Shape::SeqOf(no) };
    if let Some(no) = wanted {
        return Ok(vec![range(no.0)]);
    }
    Ok(seqs::webhooks_below(&*shared.tree, prefix)?.into_iter().map(|no| range(no.0)).collect())
}

pub(crate) fn response_ranges(
    shared: &Shared,
    account: AccountNo,
    filter: ResponseFilter,
    webhook: Option<WebhookNo>,
) -> Result<Vec<Range>, StoreError> {
    let class = match filter {
        ResponseFilter::NoResponse => return webhooks_in(shared, &keys::with_response(account, 0), webhook),
        ResponseFilter::Status(status) => return webhooks_in(shared, &keys::with_response(account, status), webhook),
        ResponseFilter::Class(class) => class,
    };
    let mut ranges = Vec::new();
    let prefix_len = keys::responses(account).len();
    let mut from = keys::with_response(account, class * 100);
    let end = keys::with_response(account, (class + 1) * 100);
    while let Some(key) = shared.tree.range(&from, Some(&end)).keys().next().transpose()? {
        let Some(status) = keys::u16_at(&key, prefix_len) else {
            return Err(StoreError::Damaged { table: "index", what: "has a short key" });
        };
        ranges.extend(webhooks_in(shared, &keys::with_response(account, status), webhook)?);
        from = keys::with_response(account, status + 1);
    }
    Ok(ranges)
}

pub(crate) fn type_ranges(shared: &Shared, account: AccountNo, pattern: &Pattern) -> Vec<Range> {
    let range = |no: u32| Range { prefix: keys::events_of_type(account, no), shape: Shape::Seq };
    let types = shared.types.read().unwrap_or_else(PoisonError::into_inner);
    let Some(known) = types.get(&account) else {
        return Vec::new();
    };
    match pattern {
        Pattern::Exactly(event_type) => known.get(event_type.as_str()).map(|no| range(*no)).into_iter().collect(),
        Pattern::Everything => vec![Range { prefix: keys::events(account), shape: Shape::Seq }],
        Pattern::Category(category) => {
            let dotted = format!("{category}.");
            let within = known.range(dotted.clone()..).take_while(|(name, _)| name.starts_with(&dotted));
            within.map(|(_, no)| range(*no)).collect()
        }
    }
}
