//! One search for whatever somebody has at hand: an order's number, a payment's id, an id of carteiro's own.

use super::caller::Caller;
use super::error::Error;
use super::find::find_notification;
use super::shared::Service;
use super::summary::{EventSummary, summarize};
use crate::model::{About, AccountNo, Cursor, EventFilter, EventId, Listing, NotificationId, SearchText, WebhookId};
use crate::store::Store;

/// How many events a search shows.
const MAX_FOUND: usize = 50;

/// What a search has found.
#[derive(Clone, Debug)]
pub enum Found {
    /// The text names a webhook, deleted or not.
    Webhook(WebhookId),
    /// The text names a notification, of this event.
    Notification(NotificationId, EventId),
    /// One event, by its id or because nothing else has what is searched for.
    Event(EventId),
    /// Events by order, the newest order first; none where nothing has what is searched for.
    Orders {
        /// What was found, at most 50 events in all.
        orders: Vec<FoundOrder>,
        /// Where `GET /api/events?q=` goes on, where there may be more.
        next: Option<Cursor>,
    },
}

/// What was found of one order: events that say the same order or, where they say none, the same external id,
/// payment or resource.
#[derive(Clone, Debug)]
pub struct FoundOrder {
    /// Which order, as its newest event says it.
    pub about: About,
    /// Its events, the newest first, each with where its notifications stand.
    pub events: Vec<EventSummary>,
}

impl Service {
    /// Finds what has this key, number or id among the caller's.
    pub async fn search(&self, caller: &Caller, text: SearchText) -> Result<Found, Error> {
        let account = caller.account;
        self.read(move |store| search(store, account, text)).await
    }
}

fn search(store: &Store, account: AccountNo, text: SearchText) -> Result<Found, Error> {
    if let Some(found) = by_id(store, account, text.as_str())? {
        return Ok(found);
    }
    let filter = EventFilter { q: Some(text), ..EventFilter::default() };
    let page = summarize(store, account, &filter, Listing::newest(MAX_FOUND))?;
    if let ([(event, _)], None) = (page.items.as_slice(), page.next) {
        return Ok(Found::Event(event.id));
    }
    let mut orders: Vec<(Vec<String>, FoundOrder)> = Vec::new();
    for summary in page.items {
        let about = summary.0.about();
        let names = names_of(&about, &summary);
        match orders.iter_mut().find(|(known, _)| known.iter().any(|name| names.contains(name))) {
            Some((known, order)) => {
                known.extend(names);
                order.events.push(summary);
            }
            None => orders.push((names, FoundOrder { about, events: vec![summary] })),
        }
    }
    Ok(Found::Orders { orders: orders.into_iter().map(|(_, order)| order).collect(), next: page.next })
}

/// What ties an event to others of its order.
fn names_of(about: &About, (event, _): &EventSummary) -> Vec<String> {
    let of_kind = |kind: &str, id: &Option<String>| id.as_ref().map(|id| format!("{kind} {id}"));
    let order = of_kind("order", &about.order_id).into_iter().chain(of_kind("external", &about.external_id));
    let names: Vec<String> = order.collect();
    if !names.is_empty() {
        return names;
    }
    let rest = of_kind("payment", &about.payment_id).or_else(|| of_kind("resource", &event.resource.id));
    vec![rest.unwrap_or_else(|| format!("event {}", event.id))]
}

fn by_id(store: &Store, account: AccountNo, text: &str) -> Result<Option<Found>, Error> {
    if let Some(id) = EventId::parse(text)
        && store.event_seq(account, id)?.is_some()
    {
        return Ok(Some(Found::Event(id)));
    }
    if let Some(id) = WebhookId::parse(text)
        && store.webhook_no(account, id)?.is_some()
    {
        return Ok(Some(Found::Webhook(id)));
    }
    let Some(id) = NotificationId::parse(text) else {
        return Ok(None);
    };
    match find_notification(store, account, id) {
        Ok((_, event)) => Ok(Some(Found::Notification(id, event.id))),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
