//! Trying a filter on events before it decides anything.

use super::caller::Caller;
use super::error::Error;
use super::shared::Service;
use crate::model::{
    Effort, Event, EventFilter, EventId, Listing, Localized, Payload, PayloadFilter, Unmet, WebhookId, localized,
};

/// How many events a trial looks at where none is named.
const RECENT: usize = 20;
/// Among how many of the newest events those are looked for that the webhook subscribes to.
const LOOKED_THROUGH: usize = 100;
/// How many bytes of resources such a trial looks at; it takes one event at least.
const LOOKED_AT_BYTES: usize = 256 * 1024;

/// What a filter is tried on.
#[derive(Clone, Debug)]
pub enum TrialOn {
    /// The newest events of types that the webhook subscribes to: 20 of the last 100 of all at most, and fewer
    /// where they are long.
    Recent,
    /// One event, whatever its type.
    Event(EventId),
    /// The text of one JSON object.
    Resource(String),
}

/// What a trial has shown.
#[derive(Clone, Debug)]
pub struct FilterTrial {
    /// The filter; `None` where there is none, and every event meets it.
    pub filter: Option<PayloadFilter>,
    /// For each event what became of it, the newest first.
    pub results: Vec<TrialResult>,
}

/// What a filter says of one event.
#[derive(Clone, Debug)]
pub struct TrialResult {
    /// The event; `None` for a resource that was brought along.
    pub event: Option<Event>,
    /// Whether the filter is met; `None` where the payload was erased.
    pub matches: Option<bool>,
    /// Which condition is not.
    pub unmet: Option<Unmet>,
}

impl TrialResult {
    fn of(filter: Option<&PayloadFilter>, event: Option<Event>, resource: Option<&str>, effort: &mut Effort) -> Self {
        let unmet = filter.zip(resource).and_then(|(filter, resource)| filter.unmet(resource, effort));
        let known = resource.is_some() || filter.is_none();
        Self { event, matches: known.then_some(unmet.is_none()), unmet }
    }

    /// The same in a sentence.
    pub fn reason(&self) -> Localized {
        match (&self.unmet, self.matches) {
            (Some(unmet), _) => {
                let Localized { en, pt } = unmet.localized();
                localized!("It doesn't meet the filter: {en}.", "Não atende ao filtro: {pt}.")
            }
            (None, Some(_)) => localized!("It meets the filter.", "Atende ao filtro."),
            (None, None) => localized!(
                "Its payload was erased: whether it would meet the filter can't be told.",
                "O conteúdo foi apagado: não há como dizer se atenderia ao filtro."
            ),
        }
    }
}

impl Service {
    /// Tries a filter, the webhook's own unless one is given. Nothing is recorded or sent.
    pub async fn try_filter(
        &self,
        caller: &Caller,
        id: WebhookId,
        filter: Option<PayloadFilter>,
        on: TrialOn,
    ) -> Result<FilterTrial, Error> {
        let account = caller.account;
        let webhook = self.webhook(caller, id)?;
        self.read(move |store| {
            let filter = filter.or_else(|| webhook.filter.clone());
            let own = filter.as_ref();
            let mut effort = Effort::default();
            let mut of_event = |seq| -> Result<(TrialResult, usize), Error> {
                let (event, payload) = store.event(account, seq)?.ok_or(Error::NotFound)?;
                let resource = payload.as_ref().map(Payload::resource_text);
                let bytes = resource.map_or(0, str::len);
                Ok((TrialResult::of(own, Some(event), resource, &mut effort), bytes))
            };
            let results = match on {
                TrialOn::Resource(text) => vec![TrialResult::of(own, None, Some(&text), &mut Effort::default())],
                TrialOn::Event(id) => vec![of_event(store.event_seq(account, id)?.ok_or(Error::NotFound)?)?.0],
                TrialOn::Recent => {
                    let listing = Listing::newest(LOOKED_THROUGH);
                    let newest = store.events(account, &EventFilter::default(), listing)?.items;
                    let meant = newest.into_iter().filter(|event| webhook.subscribes_to(&event.event_type));
                    let (mut results, mut looked_at) = (Vec::new(), 0);
                    for event in meant.take(RECENT) {
                        if looked_at >= LOOKED_AT_BYTES {
                            break;
                        }
                        match of_event(event.seq) {
                            Ok((result, bytes)) => {
                                looked_at += bytes;
                                results.push(result);
                            }
                            // Retention has taken it since it was listed.
                            Err(Error::NotFound) => {}
                            Err(error) => return Err(error),
                        }
                    }
                    results
                }
            };
            Ok(FilterTrial { filter, results })
        })
        .await
    }
}
