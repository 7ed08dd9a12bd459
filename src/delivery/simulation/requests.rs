//! What people and programs ask of the store, by its own handle, and what they are answered.

use super::world::{ACCOUNT, World};
use crate::model::{
    BodyDraft, Event, EventId, EventType, Fingerprint, NewEvent, NotificationFilter, NotificationKey, ResourceFacts,
    Seq, Timestamp, Webhook, WebhookId, WebhookNo, WebhookPatch,
};
use crate::store::simulated::Unsynced;
use crate::store::{
    BeginBackfill, BeginBulkResend, CancelBulkJob, Change, ChangeError, ChangeWebhook, CreateAccount, DeleteWebhook,
    EraseEvent, IdempotencyKey, RecordEvents, RecordTestEvent, Registration, ResendEvent, ResendEventTo,
    ResendNotification, Store, StoreError,
};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// An event about to be recorded; `uid` tells it from every other one, and is in its body.
#[derive(Clone, Debug)]
pub(super) struct New {
    pub(super) uid: u64,
    pub(super) id: Option<EventId>,
    pub(super) event_type: EventType,
    pub(super) resource: Option<String>,
}

impl New {
    fn event(self) -> NewEvent {
        let resource = format!(r#"{{"uid":"{}"}}"#, self.uid);
        NewEvent {
            id: self.id,
            external_id: Some(self.uid.to_string()),
            resource: ResourceFacts { id: self.resource, ..ResourceFacts::default() },
            occurred_at: None,
            fingerprint: Fingerprint::of([resource.as_bytes()]),
            body: BodyDraft::new(&self.event_type, "test", &resource),
            event_type: self.event_type,
            trace: None,
            trial: None,
        }
    }
}

type OfUid = fn(u64) -> bool;

/// Filters on what the resource of [`New::event`] has, and what each says of a `uid`.
pub(super) const FILTERS: [(&str, OfUid); 3] = [
    (r#"{"uid":{"$endsWith":"7"}}"#, |uid| uid % 10 == 7),
    (r#"{"uid":{"$not":{"$endsWith":"7"}}}"#, |uid| uid % 10 != 7),
    (r#"{"$or":[{"uid":{"$endsWith":"2"}},{"uid":{"$endsWith":"4"}}]}"#, |uid| matches!(uid % 10, 2 | 4)),
];

/// Which event a body is of.
pub(super) fn uid_of(body: &[u8]) -> u64 {
    let text = std::str::from_utf8(body).expect("JSON");
    let (_, uid) = text.split_once(r#""uid":""#).expect("each body has one");
    uid.split('"').next().and_then(|uid| uid.parse().ok()).expect("a number")
}

#[derive(Clone, Debug)]
pub(super) enum Request {
    Account,
    Register(Box<Webhook>),
    Change(WebhookId, Box<WebhookPatch>),
    Delete(WebhookId, WebhookNo),
    /// With an idempotency key, or without.
    Accept(Vec<New>, Option<IdempotencyKey>),
    Test(WebhookId, New),
    Resend(NotificationKey),
    ResendEvent(Seq),
    ResendMany(Box<NotificationFilter>),
    CancelResend(u64),
    Backfill(WebhookId, Timestamp),
    /// To one webhook.
    ResendEventTo(Seq, WebhookId),
    Erase(Seq),
}

/// What the caller is answered once it is durable.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// These events are recorded, now or before.
    Accepted(Vec<u64>),
    Registered(WebhookNo),
    Changed(WebhookNo, Timestamp),
    Deleted(WebhookNo),
    /// A manual attempt of each is pending.
    Requested(Vec<NotificationKey>),
    Erased(Seq),
    Nothing,
}

type Answering = Pin<Box<dyn Future<Output = Answer>>>;

/// A request that isn't answered yet.
pub(super) struct Open {
    number: u64,
    answering: Answering,
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request {}", self.number)
    }
}

/// What the store answers to a change.
async fn ask<C: Change<Error = StoreError>>(store: &Store, change: C) -> C::Reply {
    store.commit(change).await.expect("the store takes every change of this story")
}

/// Likewise to one that may be refused.
async fn try_ask<R, C: Change<Error = ChangeError<R>>>(store: &Store, change: C) -> Result<C::Reply, R> {
    store.commit(change).await.map_err(|error| match error {
        ChangeError::Refused(refusal) => refusal,
        ChangeError::Store(error) => panic!("the store takes every change of this story: {error}"),
    })
}

async fn answer(store: Store, request: Request) -> Answer {
    let (store, account) = (&store, ACCOUNT);
    match request {
        Request::Account => {
            assert_eq!(ask(store, CreateAccount { name: "main".to_owned() }).await, ACCOUNT);
            Answer::Nothing
        }
        Request::Register(webhook) => {
            let registered = try_ask(store, Registration::from(*webhook)).await;
            Answer::Registered(registered.expect("there are few webhooks").webhook.no)
        }
        Request::Change(id, patch) => {
            let changed = ask(store, ChangeWebhook { account, id, patch: *patch }).await;
            changed.map_or(Answer::Nothing, |webhook| Answer::Changed(webhook.no, webhook.updated_at))
        }
        Request::Delete(id, no) => {
            let had = ask(store, DeleteWebhook { account, id }).await;
            if had { Answer::Deleted(no) } else { Answer::Nothing }
        }
        Request::Accept(events, key) => {
            let uids: Vec<u64> = events.iter().map(|new| new.uid).collect();
            let events = events.into_iter().map(New::event).collect();
            let accepted = try_ask(store, RecordEvents { account, events, key }).await;
            let accepted = accepted.expect("each id has one event");
            let found: Vec<u64> = accepted.iter().map(|accepted| uid_of_event(&accepted.event)).collect();
            assert_eq!(found, uids, "answered with other events");
            Answer::Accepted(uids)
        }
        Request::Test(webhook, new) => {
            let tested = try_ask(store, RecordTestEvent { account, webhook, event: new.event() }).await;
            let tested = tested.expect("its type is in the catalogue");
            tested.map_or(Answer::Nothing, |(notification, _)| Answer::Requested(vec![notification.key]))
        }
        Request::Resend(key) => match try_ask(store, ResendNotification { account, key, in_flight: None }).await {
            Ok(Some(notification)) => Answer::Requested(vec![notification.key]),
            Ok(None) | Err(_) => Answer::Nothing,
        },
        Request::ResendEvent(seq) => {
            let resend = ResendEvent { account, seq, undelivered: false, in_flight: Vec::new() };
            let requested = try_ask(store, resend).await.ok().flatten().unwrap_or_default();
            let manual = requested.into_iter().filter(|notification| notification.manual_at.is_some());
            Answer::Requested(manual.map(|notification| notification.key).collect())
        }
        Request::ResendMany(filter) => {
            let _ = try_ask(store, BeginBulkResend { account, filter: *filter, queued: 1 }).await;
            Answer::Nothing
        }
        Request::CancelResend(number) => {
            ask(store, CancelBulkJob { account, number }).await;
            Answer::Nothing
        }
        Request::Backfill(webhook, from) => {
            let begin = BeginBackfill { account, webhook, from, to: None, event_type: None, matched: 0 };
            let _ = try_ask(store, begin).await;
            Answer::Nothing
        }
        Request::ResendEventTo(seq, webhook) => {
            let resend = ResendEventTo { account, seq, webhook, in_flight: None };
            let sent = try_ask(store, resend).await.ok().flatten();
            let manual = sent.filter(|notification| notification.manual_at.is_some());
            Answer::Requested(manual.map(|notification| notification.key).into_iter().collect())
        }
        Request::Erase(seq) => {
            let erased = ask(store, EraseEvent { account, seq, external_id: false }).await;
            erased.map_or(Answer::Nothing, |event| Answer::Erased(event.seq))
        }
    }
}

/// The mark that an event keeps when its payload is erased.
pub(super) fn uid_of_event(event: &Event) -> u64 {
    event.external_id.as_deref().and_then(|uid| uid.parse().ok()).expect("each event has a mark")
}

impl World {
    /// Hands a request over; returns the number it is answered by.
    pub(super) fn submit(&mut self, request: Request) -> u64 {
        self.requests += 1;
        let number = self.requests;
        self.say(|| format!("asks {number} {request:?}"));
        if let Request::Delete(_, no) = request {
            self.ledger.doomed.insert(no);
        }
        let store = self.process().store.handle.clone();
        let mut open = Open { number, answering: Box::pin(answer(store, request)) };
        // Its change is sent at once, and nobody has answered yet.
        let waker = self.caller();
        assert!(open.poll(&waker).is_none(), "answered by nobody");
        self.process().open.push(open);
        let at = self.time + self.delay() / 4;
        self.wake_committer(at);
        number
    }

    /// Callers hear what they are answered.
    pub(super) fn answer(&mut self) {
        let waker = self.caller();
        let mut open = std::mem::take(&mut self.process().open);
        open.retain_mut(|request| {
            let Some(answer) = request.poll(&waker) else {
                return true;
            };
            self.say(|| format!("answered {} {answer:?}", request.number));
            self.ledger.acknowledge(&answer);
            self.unanswered.retain(|(unanswered, ..)| *unanswered != request.number);
            false
        });
        self.process().open = open;
    }
}

/// A caller who waits for an answer.
struct Caller(Unsynced);

impl Wake for Caller {
    fn wake(self: Arc<Self>) {
        assert!(!self.0.any(), "answered before the sync is over");
    }
}

impl World {
    fn caller(&mut self) -> Waker {
        Waker::from(Arc::new(Caller(self.process().store.unsynced())))
    }
}

impl Open {
    fn poll(&mut self, waker: &Waker) -> Option<Answer> {
        match self.answering.as_mut().poll(&mut Context::from_waker(waker)) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }
    }
}
