//! What a backfill owes a webhook: the events of its types in a span of time that it has no notification for.
//!
//! The events of the webhook's types *match*; of each of these [`judge`] says whether it is owed, and why not. The
//! counts that are shown before a backfill and the backfill's turns both ask there.

use crate::model::{
    Event, EventType, FilterSet, NotificationFilter, Order, Payload, Position, Seq, SkipReason, Webhook,
};
use crate::store::error::StoreError;
use crate::store::query::merge::{Merge, Range, Shape, Union};
use crate::store::schema::keys;
use crate::store::state::Shared;
use std::sync::PoisonError;

/// Why an event isn't owed to a webhook that subscribes to its type and has no notification of it; `None` where it is.
/// `filters` holds the webhook's filter, if it has one; the payload is read only where that asks for it.
pub(crate) fn judge(
    webhook: &Webhook,
    filters: &FilterSet,
    event: &Event,
    payload: impl FnOnce() -> Result<Option<Payload>, StoreError>,
) -> Result<Option<SkipReason>, StoreError> {
    if event.erased_at.is_some() {
        return Ok(Some(SkipReason::Erased));
    }
    if event.trial.is_some() {
        return Ok(Some(SkipReason::Test));
    }
    if event.tells_of_webhook() == Some(webhook.id) {
        return Ok(Some(SkipReason::AboutWebhook));
    }
    if webhook.filter.is_none() {
        return Ok(None);
    }
    let Some(payload) = payload()? else {
        return Ok(Some(SkipReason::Erased));
    };
    let is_met = filters.matches(payload.resource_text()).iter().all(|met| *met);
    Ok((!is_met).then_some(SkipReason::Filtered))
}

/// The events of a webhook's types, and of the backfill's own, from `at` to `last`, both inclusive, the oldest first.
pub(crate) fn matching(
    shared: &Shared,
    webhook: &Webhook,
    filter: &NotificationFilter,
    at: Seq,
    last: Seq,
) -> Result<Merge, StoreError> {
    let account = webhook.account;
    let is_wanted = |name: &str| {
        EventType::parse(name).is_some_and(|event_type| {
            webhook.subscribes_to(&event_type)
                && filter.event_type.as_ref().is_none_or(|pattern| pattern.matches(&event_type))
        })
    };
    let types = shared.types.read().unwrap_or_else(PoisonError::into_inner);
    let known = types.get(&account).into_iter().flatten();
    let (wanted, others): (Vec<_>, Vec<_>) = known.partition(|(name, _)| is_wanted(name));
    let range = |prefix| Range { prefix, shape: Shape::Seq };
    let ranges = if others.is_empty() {
        vec![range(keys::events(account))]
    } else {
        wanted.into_iter().map(|(_, no)| range(keys::events_of_type(account, *no))).collect()
    };
    drop(types);
    let spans = shared.spans(account, filter.from, filter.to, last.0)?;
    Ok(Merge {
        unions: vec![Union::new(ranges)],
        order: Order::Oldest,
        at: Some(Position { seq: at.0, webhook: 0 }),
        last: Position { seq: last.0, webhook: u32::MAX },
        spans,
        steps: usize::MAX,
    })
}
