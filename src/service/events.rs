//! Events: record, list, read, re-send, explain, erase.

use super::caller::Caller;
use super::error::{Error, refused};
use super::explaining::{Explanation, explain_all};
use super::find::find_event;
use super::requests::RequestParts;
use super::shared::{Service, allows};
use super::views::{NotificationDetail, NotificationView, Present, Webhooks};
use crate::http::OWN_MAPPING;
use crate::model::{
    BodyDraft, Event, EventDraft, EventFilter, EventId, Fingerprint, KnownType, Listing, Localized, NewEvent,
    Notification, NotificationKey, Page, Payload, Status, Trial, WebhookId, localized,
};
use crate::store::{AuditedChange as _, EraseEvent, RecordEvents, ResendEvent, ResendEventTo, Store};
use bytes::BytesMut;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What bodies of samples and of tests by a sample say as `env`, so that no target takes them for business.
pub(super) const SAMPLE_ENV: &str = "test";

/// The bodies of a batch of more bytes share one buffer, which goes back to the system with the last of them.
const LARGE_BATCH: usize = 4 * 1024 * 1024;

/// What recording answered.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The events, in the order given.
    pub events: Vec<Event>,
    /// Whether all of them had been recorded before, so that nothing was done.
    pub replayed: bool,
}

/// One event, whole.
#[derive(Clone, Debug)]
pub struct EventDetail {
    /// The event.
    pub event: Event,
    /// Its payload, unless it was erased.
    pub payload: Option<Payload>,
    /// How many of its notifications stand where.
    pub summary: BTreeMap<Status, u32>,
}

/// An event with what became of it.
#[derive(Clone)]
pub struct EventHistory {
    /// The event, and what the requests of its attempts are built from.
    pub parts: RequestParts,
    /// Its notifications with their attempts.
    pub notifications: Page<NotificationDetail>,
    /// For every webhook, why it was or wasn't notified.
    pub reasons: Vec<Explanation>,
}

/// Events that were looked at and are ready to be recorded: as long as the bodies that targets will receive.
#[derive(Clone, Debug)]
pub struct PreparedEvents {
    events: Vec<NewEvent>,
    in_batch: bool,
}

impl Service {
    /// Looks at events that are to be recorded. It takes time by their length, and waits for nothing.
    pub fn prepare_events(
        &self,
        caller: &Caller,
        drafts: Vec<EventDraft<'_>>,
        in_batch: bool,
    ) -> Result<PreparedEvents, Error> {
        let config = self.config();
        if let Some(index) = drafts.iter().position(|draft| draft.event_type.is_own()) {
            let field = if in_batch { format!("events[{index}].type") } else { "type".to_owned() };
            return Err(Error::invalid(&field, own_type()));
        }
        let unknown = drafts.iter().enumerate().filter(|(_, draft)| !allows(&config.catalogue, &draft.event_type));
        let unknown: BTreeMap<String, Vec<Localized>> = unknown
            .map(|(index, draft)| {
                let field = if in_batch { format!("events[{index}].type") } else { "type".to_owned() };
                let event_type = &draft.event_type;
                let problem = localized!(
                    "`{event_type}` is not in the catalogue; see GET /api/event_types",
                    "`{event_type}` não está no catálogo; veja GET /api/event_types"
                );
                (field, vec![problem])
            })
            .collect();
        if !unknown.is_empty() {
            return Err(Error::Invalid(unknown));
        }
        let large = drafts.iter().map(|draft| draft.resource.len()).sum::<usize>() > LARGE_BATCH;
        let mut buffer = BytesMut::with_capacity(if large { OWN_MAPPING } else { 0 });
        let key_fields = &config.catalogue.keys;
        let events = drafts.into_iter().map(|draft| {
            if !large {
                return draft.into_new(&caller.env, key_fields);
            }
            let body = BodyDraft::within(&mut buffer, &draft.event_type, &caller.env, draft.resource);
            draft.with_body(body, key_fields)
        });
        let events = events.collect();
        Ok(PreparedEvents { events, in_batch })
    }

    /// Records events, all or none. On `Ok` they and all their notifications survive kill -9 and power loss.
    pub async fn record(
        &self,
        caller: &Caller,
        prepared: PreparedEvents,
        idempotency_key: Option<&str>,
    ) -> Result<Recorded, Error> {
        let PreparedEvents { events, in_batch } = prepared;
        let key = idempotency_key.map(|key| {
            let ids: Vec<[u8; 16]> = events.iter().map(|event| event.id.map_or([0; 16], EventId::to_bytes)).collect();
            let parts = events.iter().zip(&ids).flat_map(|(event, id)| [event.fingerprint.0.as_slice(), id.as_slice()]);
            self.idempotency_key(Fingerprint::of([key.as_bytes()]), Fingerprint::of(parts))
        });
        let accepted = self
            .store
            .commit(RecordEvents { account: caller.account, events, key })
            .await
            .map_err(|error| error.map(|refusal| refused(refusal, in_batch)))?;
        self.followers.tell(caller.account);
        let replayed = accepted.iter().all(|accepted| accepted.replayed);
        Ok(Recorded { events: accepted.into_iter().map(|accepted| accepted.event).collect(), replayed })
    }

    /// Records the catalogue's sample of a type, for every webhook that subscribes to it. It is a trial: its targets
    /// see so by the `env` of the body, its notifications have one attempt each, and no figure counts it.
    /// [`Error::NotFound`] where the catalogue has no such type, or it is one of carteiro's own.
    pub async fn record_sample(&self, caller: &Caller, event_type: &str) -> Result<Event, Error> {
        let is_meant = |known: &KnownType| known.event_type.as_str() == event_type;
        let known = self.event_types().into_iter().find(is_meant);
        let known = known.filter(|known| !known.event_type.is_own());
        let known = known.ok_or(Error::NotFound)?;
        let draft = EventDraft {
            id: None,
            event_type: known.event_type.clone(),
            external_id: None,
            occurred_at: None,
            resource: known.resource(),
            trace: None,
        };
        let caller = Caller { env: Arc::from(SAMPLE_ENV), ..caller.clone() };
        let mut prepared = self.prepare_events(&caller, vec![draft], false)?;
        for event in &mut prepared.events {
            event.trial = Some(Trial::Sample);
        }
        let recorded = self.record(&caller, prepared, None).await?;
        recorded.events.into_iter().next().ok_or(Error::NotFound)
    }

    /// A page of events.
    pub async fn events(&self, caller: &Caller, filter: EventFilter, listing: Listing) -> Result<Page<Event>, Error> {
        let (account, filter) = (caller.account, filter.or_default());
        self.read(move |store| Ok(store.events(account, &filter, listing)?)).await
    }

    /// One event with its payload.
    pub async fn event(&self, caller: &Caller, id: EventId) -> Result<EventDetail, Error> {
        let account = caller.account;
        self.read(move |store| {
            let seq = store.event_seq(account, id)?.ok_or(Error::NotFound)?;
            let (event, payload) = store.event(account, seq)?.ok_or(Error::NotFound)?;
            let mut webhooks = Webhooks::new(store, account);
            let mut summary = BTreeMap::new();
            for notification in store.notifications_of(account, seq)? {
                let status = webhooks.status(&notification)?;
                *summary.entry(status).or_insert(0) += 1;
            }
            Ok(EventDetail { event, payload, summary })
        })
        .await
    }

    /// A page of the notification history of one event: each notification with its attempts, the newest webhook's
    /// first.
    pub async fn notifications_of_event(
        &self,
        caller: &Caller,
        id: EventId,
        listing: Listing,
    ) -> Result<Page<NotificationDetail>, Error> {
        let (account, present) = (caller.account, self.present());
        self.read(move |store| {
            let event = find_event(store, account, id)?;
            let notifications = store.notifications_of(account, event.seq)?;
            page_of(store, &present, &mut Webhooks::new(store, account), &event, &notifications, listing)
        })
        .await
    }

    /// All that one event's page shows: a page of its notification history as [`Self::notifications_of_event`] gives
    /// it, the reasons of [`Self::explain`], and what the requests are built from. Everything is read once.
    pub async fn event_history(&self, caller: &Caller, id: EventId, listing: Listing) -> Result<EventHistory, Error> {
        let (account, present) = (caller.account, self.present());
        self.read(move |store| {
            let seq = store.event_seq(account, id)?.ok_or(Error::NotFound)?;
            let (event, payload) = store.event(account, seq)?.ok_or(Error::NotFound)?;
            let notifications = store.notifications_of(account, seq)?;
            let mut webhooks = Webhooks::new(store, account);
            let reasons = explain_all(store, &present, &mut webhooks, &event, &notifications, || Ok(payload.clone()))?;
            let page = page_of(store, &present, &mut webhooks, &event, &notifications, listing)?;
            let parts = RequestParts::of(event, payload, webhooks.into_found());
            Ok(EventHistory { parts, notifications: page, reasons })
        })
        .await
    }

    /// Sends an event again to every webhook that matches it now; with `undelivered` not to those that have confirmed
    /// it.
    pub async fn resend_event(
        &self,
        caller: &Caller,
        id: EventId,
        undelivered: bool,
    ) -> Result<Vec<NotificationView>, Error> {
        let account = caller.account;
        let event = self.read(move |store| find_event(store, account, id)).await?;
        let in_flight = self.delivery.status.attempts_in_flight(event.seq);
        let resend = ResendEvent { account, seq: event.seq, undelivered, in_flight };
        let notifications = self.store.commit(resend.by(caller.actor())).await?;
        let notifications = notifications.ok_or(Error::NotFound)?;
        self.followers.tell(account);
        let directory = self.store.directory();
        let view = |notification| self.view(notification, &event, directory.by_no(notification.key.webhook));
        Ok(notifications.iter().map(view).collect())
    }

    /// Sends an event again to one webhook, whatever its types and its filter say: a manual attempt, now, where it has
    /// a notification of the event already, else a notification with the whole schedule.
    pub async fn resend_event_to(
        &self,
        caller: &Caller,
        id: EventId,
        webhook: WebhookId,
    ) -> Result<NotificationView, Error> {
        let account = caller.account;
        let event = self.read(move |store| find_event(store, account, id)).await?;
        let no = self.store.directory().by_id(account, webhook).map(|webhook| webhook.no);
        let key = no.map(|webhook| NotificationKey { seq: event.seq, webhook });
        let in_flight = key.and_then(|key| self.delivery.status.attempt_in_flight(key));
        let resend = ResendEventTo { account, seq: event.seq, webhook, in_flight };
        let sent = self.store.commit(resend.by(caller.actor())).await?.ok_or(Error::NotFound)?;
        self.followers.tell(account);
        Ok(self.view(&sent, &event, self.store.directory().by_no(sent.key.webhook)))
    }

    /// Erases an event's payload and what was found in it (LGPD): its id, type, times and history stay, and the
    /// caller's own `external_id`, unless that is to go as well; its pending notifications are cancelled.
    pub async fn erase(&self, caller: &Caller, id: EventId, external_id: bool) -> Result<(), Error> {
        let account = caller.account;
        let seq = self.read(move |store| store.event_seq(account, id)?.ok_or(Error::NotFound)).await?;
        let erasure = EraseEvent { account, seq, external_id };
        self.store.commit(erasure.by(caller.actor())).await?.ok_or(Error::NotFound)?;
        self.followers.tell(account);
        tracing::info!(event = %id, "payload erased");
        Ok(())
    }
}

/// A page of an event's notifications, the newest webhook's first.
fn page_of(
    store: &Store,
    present: &Present,
    webhooks: &mut Webhooks<'_>,
    event: &Event,
    notifications: &[Notification],
    listing: Listing,
) -> Result<Page<NotificationDetail>, Error> {
    let numbered = notifications.iter().map(|notification| ((0, notification.key.webhook.0), notification));
    let page = Page::cut(numbered.collect(), listing);
    let mut details = Vec::with_capacity(page.items.len());
    for notification in page.items {
        let attempts = store.attempts(notification)?;
        details.push(NotificationDetail { view: webhooks.view(notification, event, present)?, attempts });
    }
    Ok(Page { items: details, next: page.next })
}

/// Why nobody but carteiro sends an event of one of its own types.
pub(super) fn own_type() -> Localized {
    Localized::new(
        "types that begin with `WEBHOOK.` are carteiro's own: it records them itself, and POST \
         /api/webhooks/{id}/test sends a test",
        "tipos que começam com `WEBHOOK.` são do próprio carteiro: ele mesmo os registra, e POST \
         /api/webhooks/{id}/test envia um teste",
    )
}
