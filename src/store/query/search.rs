//! What a search leads to: the events with a key or a number, and what an id names.

use crate::model::{AccountNo, Event, EventId, NotificationId, NotificationKey, SearchText, Seq, WebhookId, WebhookNo};
use crate::store::error::StoreError;
use crate::store::query::merge::{Range, Shape};
use crate::store::query::ranges::webhooks_in;
use crate::store::schema::keys;
use crate::store::schema::references::{self, Kind};
use crate::store::state::Shared;

/// A text that is searched for, and what of the account's it is the id of.
#[derive(Clone, Copy)]
pub(crate) struct Search<'t> {
    text: &'t SearchText,
    event: Option<Seq>,
    notification: Option<NotificationKey>,
    webhook: Option<WebhookNo>,
}

impl<'t> Search<'t> {
    pub(crate) fn of(shared: &Shared, account: AccountNo, text: &'t SearchText) -> Result<Self, StoreError> {
        let written = text.as_str();
        let mut search = Self { text, event: None, notification: None, webhook: None };
        if let Some(id) = EventId::parse(written) {
            search.event = shared.event_seq(account, id)?;
        }
        if let Some(id) = WebhookId::parse(written) {
            search.webhook = shared.webhook_no(account, id)?;
        }
        if let Some(id) = NotificationId::parse(written) {
            search.notification = shared.notification_key(id);
        }
        Ok(search)
    }

    /// Where what it leads to stands. Another account's notification may be among it, which has no record here.
    pub(crate) fn ranges(&self, shared: &Shared, account: AccountNo) -> Result<Vec<Range>, StoreError> {
        let range = |shape| Range { prefix: keys::references(account), shape };
        let mut ranges = vec![range(Shape::Reference(shared.references.hash(Kind::Key, self.text.as_str())))];
        ranges.extend(self.event.map(|seq| range(Shape::Only { seq: seq.0, webhook: None })));
        ranges.extend(self.notification.map(|key| range(Shape::Only { seq: key.seq.0, webhook: Some(key.webhook.0) })));
        if let Some(no) = self.webhook {
            ranges.extend(webhooks_in(shared, &keys::untried_of_account(account), Some(no))?);
            // What is untried moves to it, so it comes last: see `Union::new`.
            ranges.push(Range { prefix: keys::of_webhook(no), shape: Shape::SeqOf(no.0) });
        }
        Ok(ranges)
    }

    /// Whether an event, or its notification to a webhook, is what it means. Of an event alone the notifications aren't
    /// known: where the text is a webhook's id, it means each that its ranges lead to.
    pub(crate) fn means(&self, event: &Event, webhook: Option<WebhookNo>) -> bool {
        references::has(event, Kind::Key, self.text.as_str())
            || self.event == Some(event.seq)
            || self.notification.is_some_and(|key| key.seq == event.seq && webhook.is_none_or(|no| no == key.webhook))
            || (self.webhook.is_some() && (webhook.is_none() || webhook == self.webhook))
    }
}
