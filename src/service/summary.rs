//! What the panel shows in summary: how targets do, what is pending, events with the state of their notifications.
//! Every figure comes from memory or from a bounded walk.

use super::caller::Caller;
use super::disabling::HealthView;
use super::error::Error;
use super::shared::Service;
use super::views::{Present, Webhooks};
use crate::clock::Zone;
use crate::model::{
    About, AccountNo, Attempt, Event, EventFilter, Listing, Localized, NotificationFilter, Page, Seq, Status,
    Timestamp, WaitReason, Webhook, WebhookId, WebhookStatus,
};
use crate::stats::{HourCounts, WebhookHistory};
use crate::store::{Due, Store, StoreStats};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// How far what is pending is counted: "at least so many" says enough, and costs milliseconds.
pub const MAX_COUNTED: u64 = 1000;
/// Within this time a notification that has failed is tried again a few times as a rule, before anybody has to know.
const SOON: Duration = Duration::from_secs(5 * 60);
/// How many days the first page tells of.
const DAYS: i64 = 30;
const HOUR_MS: u64 = 3_600_000;
/// How many failing webhooks are read closely.
const MAX_FAILING: usize = 10;
/// Of how many of them the orders are counted: those that the first page shows,
const ORDERS_OF: usize = 3;
/// and of each while no more notifications are pending than these, each of which is read with its event.
const MAX_READ_FOR_ORDERS: u64 = 200;

/// An event, and the webhooks of its notifications by where these stand.
pub type EventSummary = (Event, BTreeMap<Status, Vec<WebhookId>>);

/// A webhook and how its target does.
#[derive(Clone, Debug)]
pub struct WebhookSummary {
    /// The webhook.
    pub webhook: Arc<Webhook>,
    /// Since when it fails, if it does.
    pub health: HealthView,
    /// How its recent notifications stand.
    pub history: WebhookHistory,
}

/// How many notifications are pending, by status; each counted to [`MAX_COUNTED`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BacklogCounts {
    /// Not yet tried.
    pub pending: u64,
    /// Tried, and to be tried again.
    pub retrying: u64,
    /// Held back until their webhook is active again.
    pub held: u64,
}

impl BacklogCounts {
    /// All of them, likewise counted.
    pub fn total(self) -> u64 {
        (self.pending + self.retrying + self.held).min(MAX_COUNTED)
    }
}

/// A webhook, what is pending for it, and its failures.
#[derive(Clone, Debug)]
pub struct FailingWebhook {
    /// The webhook.
    pub webhook: Arc<Webhook>,
    /// Since when it fails.
    pub health: HealthView,
    /// How many notifications are pending for it.
    pub backlog: BacklogCounts,
    /// How many orders these are of; `None` where that isn't known: there are none, or many, or one names no order.
    pub orders: Option<u64>,
    /// How many have failed, tests apart; counted to [`MAX_COUNTED`]. They go out only when somebody re-sends them.
    pub failed: u64,
    /// The last attempt of one that isn't delivered, the newest such.
    pub attempt: Option<Attempt>,
    /// When the next retry goes out; `None` where none waits for its time, or the webhook isn't active.
    pub next_attempt_at: Option<Timestamp>,
}

/// How delivery does, by notification and not by attempt: tests are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFigures {
    /// Since when: the beginning of an hour, 24 hours with the present one. The figures of the day are those of events
    /// recorded since then, as `from` has the lists.
    pub since: Timestamp,
    /// How many of the day are delivered, as the list with `status=DELIVERED` has them.
    pub delivered: u64,
    /// How many of the 24 hours before are.
    pub delivered_before: u64,
    /// Which part of the day's that were tried is delivered, in thousandths; `None` where none was tried.
    pub delivered_permille: Option<u64>,
    /// Since when failed ones are counted: seven days.
    pub failed_since: Timestamp,
    /// How many of those have failed, but those of webhooks deleted since; counted to [`MAX_COUNTED`], as the list
    /// with `status=FAILED&webhook_deleted=false` has them.
    pub failed: u64,
    /// How long the day's confirmed attempts took: half of them at most this long.
    pub half: Option<Duration>,
    /// Likewise, 95 of 100.
    pub most: Option<Duration>,
}

/// All that an account's first page says.
#[derive(Clone, Debug)]
pub struct Overview {
    /// How delivery does.
    pub delivery: DeliveryFigures,
    /// How the notifications stand that were recorded in each of the last 24 hours, the present one last.
    pub hours: Vec<HourCounts>,
    /// Of each of the last 30 days of the panel's time zone, today last.
    pub days: Vec<HourCounts>,
    /// When each of these days began, and when today ends.
    pub day_begins: Vec<Timestamp>,
    /// How many notifications are pending.
    pub backlog: BacklogCounts,
    /// Whether one of them leaves later than [`SOON`] from now: then it isn't one of the usual retries.
    pub waits_long: bool,
    /// The failing webhooks, the longest first.
    pub failing: Vec<FailingWebhook>,
    /// How many webhooks the account has.
    pub webhooks: usize,
    /// Whether it has an event in the store.
    pub has_events: bool,
    /// Figures of the store, whatever account asks.
    pub figures: StoreStats,
    /// How many bytes its files take.
    pub disk_bytes: u64,
    /// Why no events are taken now, if they aren't.
    pub not_ready: Option<Localized>,
}

impl Overview {
    /// When one of [`Self::hours`] began, and when it ends.
    pub fn hour(&self, nth: usize) -> (Timestamp, Timestamp) {
        let begin = |nth: usize| Timestamp::from_ms(self.delivery.since.as_ms() + nth as u64 * HOUR_MS);
        (begin(nth), begin(nth + 1))
    }

    /// When one of [`Self::days`] began, and when it ends.
    pub fn day(&self, nth: usize) -> (Timestamp, Timestamp) {
        let begin = |nth: usize| self.day_begins.get(nth).copied().unwrap_or(self.delivery.since);
        (begin(nth), begin(nth + 1))
    }
}

/// Whether a notification is to be tried again later than [`SOON`] from now.
fn waits_long(store: &Store, webhooks: &[Arc<Webhook>], now: Timestamp) -> Result<bool, Error> {
    let (first, end) = (Due { at: now.plus(SOON), seq: Seq(0) }, Timestamp::from_ms(u64::MAX));
    for webhook in webhooks {
        if !store.retry_page(webhook.no, first, end, 1)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the lists show of a status unless they are asked for more: no tests.
fn of_status(status: Status) -> NotificationFilter {
    NotificationFilter { status: Some(status), ..NotificationFilter::default() }.or_default()
}

/// What has failed since then and can still be re-sent: nothing of webhooks deleted since.
fn failed(since: Timestamp) -> NotificationFilter {
    NotificationFilter { webhook_deleted: Some(false), from: Some(since), ..of_status(Status::Failed) }
}

/// What is pending of an account, for one webhook or for all.
fn backlog(store: &Store, account: AccountNo, webhook_id: Option<WebhookId>) -> Result<BacklogCounts, Error> {
    let count = |status| {
        store.count_notifications(account, &NotificationFilter { webhook_id, ..of_status(status) }, MAX_COUNTED)
    };
    Ok(BacklogCounts {
        pending: count(Status::Pending)?,
        retrying: count(Status::Retrying)?,
        held: count(Status::Held)?,
    })
}

/// The beginning of the hour that many hours ago, the present one counted in.
fn since(now: Timestamp, hours: u64) -> Timestamp {
    Timestamp::from_ms((now.as_ms() / HOUR_MS).saturating_sub(hours - 1) * HOUR_MS)
}

impl Service {
    /// Webhooks with how their targets do.
    pub fn summarize_webhooks(&self, webhooks: Vec<Arc<Webhook>>) -> Vec<WebhookSummary> {
        let now = self.now();
        let glance = |webhook: Arc<Webhook>| WebhookSummary {
            health: self.health(&webhook),
            history: self.store.history_of(webhook.no, now),
            webhook,
        };
        webhooks.into_iter().map(glance).collect()
    }

    /// Every webhook of the caller's, the newest first: at most [`crate::store::MAX_WEBHOOKS`].
    pub fn all_webhooks(&self, caller: &Caller) -> Vec<Arc<Webhook>> {
        self.store.directory().of(caller.account).rev().cloned().collect()
    }

    /// Those of [`Self::all_webhooks`] whose name, target or description this text is found in, whatever its case.
    pub fn webhooks_named(&self, caller: &Caller, text: Option<&str>) -> Vec<Arc<Webhook>> {
        let mut webhooks = self.all_webhooks(caller);
        let Some(wanted) = text.map(str::to_lowercase) else { return webhooks };
        let has = |field: &str| field.to_lowercase().contains(&wanted);
        let is_meant = |own: &Arc<Webhook>| {
            has(own.name()) || has(own.target.as_str()) || own.description.as_deref().is_some_and(has)
        };
        webhooks.retain(is_meant);
        webhooks
    }

    /// What is pending for a webhook and how many have failed, its last failure, and when its next retry is.
    pub async fn failing_webhook(&self, caller: &Caller, id: WebhookId) -> Result<FailingWebhook, Error> {
        let webhook = self.webhook(caller, id)?;
        let health = self.health(&webhook);
        let present = self.present();
        self.read(move |store| failing_webhook(store, &present, webhook, health, true)).await
    }

    /// What is pending and how many have failed, for one webhook or for all; each counted to [`MAX_COUNTED`].
    pub async fn status_counts(
        &self,
        caller: &Caller,
        webhook: Option<WebhookId>,
    ) -> Result<(BacklogCounts, u64), Error> {
        let account = caller.account;
        self.read(move |store| Ok((backlog(store, account, webhook)?, count_failed(store, account, webhook)?))).await
    }

    /// A page of events, each with where its notifications stand.
    pub async fn summarize_events(
        &self,
        caller: &Caller,
        filter: EventFilter,
        listing: Listing,
    ) -> Result<Page<EventSummary>, Error> {
        let (account, filter) = (caller.account, filter.or_default());
        self.read(move |store| summarize(store, account, &filter, listing)).await
    }

    /// What an account's first page says.
    pub async fn overview(&self, caller: &Caller) -> Result<Overview, Error> {
        let (account, present) = (caller.account, self.present());
        let now = present.now;
        let webhooks = self.all_webhooks(caller);
        let mut failing: Vec<_> = webhooks
            .iter()
            .map(|webhook| (webhook.clone(), self.health(webhook)))
            .filter(|(webhook, failing)| {
                matches!(webhook.status, WebhookStatus::Disabled { .. })
                    || (failing.since.is_some() && webhook.is_active())
            })
            .collect();
        // Those that have failed for the longest come first; one that was disabled has no other sign of it.
        failing.sort_by_key(|(webhook, failing)| match webhook.status {
            WebhookStatus::Disabled { at, .. } => failing.since.unwrap_or(at),
            WebhookStatus::Active | WebhookStatus::Paused => failing.since.unwrap_or(now),
        });
        failing.truncate(MAX_FAILING);
        let (not_ready, zone) = (self.not_ready(), self.time_zone());
        self.read(move |store| {
            let (all, times) = store.hours_of(account, now);
            let (earlier, hours) = all.split_at(all.len().saturating_sub(24));
            let (day, before) = (HourCounts::sum(hours), HourCounts::sum(&earlier[earlier.len().saturating_sub(24)..]));
            let failed_since = since(now, 7 * 24);
            let delivery = DeliveryFigures {
                since: since(now, 24),
                delivered: day.confirmed,
                delivered_before: before.confirmed,
                delivered_permille: day.delivered_permille(),
                failed_since,
                failed: store.count_notifications(account, &failed(failed_since), MAX_COUNTED)?,
                half: times.quantile(0.5),
                most: times.quantile(0.95),
            };
            let hours = hours.to_vec();
            let (days, day_begins) = by_day(&all, now, &zone);
            let mut webhooks_failing = Vec::with_capacity(failing.len());
            for (nth, (webhook, health)) in failing.into_iter().enumerate() {
                webhooks_failing.push(failing_webhook(store, &present, webhook, health, nth < ORDERS_OF)?);
            }
            Ok(Overview {
                delivery,
                hours,
                days,
                day_begins,
                waits_long: waits_long(store, &webhooks, now)?,
                backlog: backlog(store, account, None)?,
                failing: webhooks_failing,
                webhooks: webhooks.len(),
                has_events: !store.events(account, &EventFilter::default(), Listing::newest(1))?.items.is_empty(),
                figures: store.stats(),
                disk_bytes: store.size_on_disk()?,
                not_ready,
            })
        })
        .await
    }

    /// Writes what is counted of notifications to its file. What can't be written is counted on in memory.
    pub async fn save_history(&self) {
        if let Err(Error::Store(error)) = self.read(|store| Ok(store.save_history()?)).await {
            tracing::warn!(%error, "the figures of the panel could not be written");
        }
    }
}

/// A page of events, each with where its notifications stand.
pub(super) fn summarize(
    store: &Store,
    account: AccountNo,
    filter: &EventFilter,
    listing: Listing,
) -> Result<Page<EventSummary>, Error> {
    let page = store.events(account, filter, listing)?;
    let mut webhooks = Webhooks::new(store, account);
    let mut items = Vec::with_capacity(page.items.len());
    for event in page.items {
        let mut states = BTreeMap::new();
        if event.notifications > 0 {
            for notification in store.notifications_of(account, event.seq)? {
                // One that is gone altogether has no name either.
                let of = webhooks.get(notification.key.webhook)?.map_or(WebhookId::from_bytes([0; 16]), |own| own.id);
                states.entry(webhooks.status(&notification)?).or_insert_with(Vec::new).push(of);
            }
        }
        items.push((event, states));
    }
    Ok(Page { items, next: page.next })
}

/// The last 30 days of a zone, of hours of which the last is the present one; and where they begin, and today ends.
fn by_day(hours: &[HourCounts], now: Timestamp, zone: &Zone) -> (Vec<HourCounts>, Vec<Timestamp>) {
    let today = zone.day(now);
    let first = today - (DAYS - 1);
    let mut days = vec![HourCounts::default(); usize::try_from(DAYS).unwrap_or_default()];
    for (back, one) in hours.iter().rev().enumerate() {
        let begin = since(now, back as u64 + 1);
        if let Some(day) = usize::try_from(zone.day(begin) - first).ok().and_then(|day| days.get_mut(day)) {
            day.add(*one);
        }
    }
    let begin = |day: i64| {
        let seconds = zone.moment(day * 86_400);
        Timestamp::from_ms(u64::try_from(seconds).unwrap_or_default().saturating_mul(1000))
    };
    (days, (first..=today + 1).map(begin).collect())
}

fn failing_webhook(
    store: &Store,
    present: &Present,
    webhook: Arc<Webhook>,
    health: HealthView,
    counts_orders: bool,
) -> Result<FailingWebhook, Error> {
    let backlog = backlog(store, webhook.account, Some(webhook.id))?;
    let orders = if counts_orders { pending_orders(store, &webhook, backlog)? } else { None };
    let failed = count_failed(store, webhook.account, Some(webhook.id))?;
    let attempt = store.last_failure(&webhook)?;
    let next_attempt_at = if webhook.is_active() { next_retry(store, present, &webhook)? } else { None };
    Ok(FailingWebhook { webhook, health, backlog, orders, failed, attempt, next_attempt_at })
}

/// How many orders the notifications are of that are pending for a webhook; see [`FailingWebhook::orders`].
fn pending_orders(store: &Store, webhook: &Webhook, backlog: BacklogCounts) -> Result<Option<u64>, Error> {
    let count = backlog.total();
    if count == 0 || count > MAX_READ_FOR_ORDERS {
        return Ok(None);
    }
    let mut abouts = Vec::new();
    for status in [Status::Pending, Status::Retrying, Status::Held] {
        let filter = NotificationFilter { webhook_id: Some(webhook.id), ..of_status(status) };
        let most = usize::try_from(MAX_READ_FOR_ORDERS).unwrap_or_default();
        let page = store.notifications(webhook.account, &filter, Listing::newest(most))?;
        abouts.extend(page.items.iter().map(|(_, event)| event.about()));
    }
    // Some may have moved on, or a page may have ended early.
    Ok(if abouts.len() as u64 == count { orders_of(&abouts) } else { None })
}

/// How many orders these are of: what has the same id of an order, the shop's or the order's own, is of one. `None`
/// where one has neither.
fn orders_of(abouts: &[About]) -> Option<u64> {
    // A group each, but for those that turn out to be one order: these lead to another group.
    let mut groups: Vec<usize> = Vec::new();
    let mut of_id: HashMap<(bool, &str), usize> = HashMap::new();
    for about in abouts {
        let ids: Vec<(bool, &str)> = [(true, &about.external_id), (false, &about.order_id)]
            .into_iter()
            .filter_map(|(own, id)| Some((own, id.as_deref()?)))
            .collect();
        let mut known: Vec<usize> = ids.iter().filter_map(|id| of_id.get(id)).map(|at| root(&groups, *at)).collect();
        if ids.is_empty() {
            return None;
        }
        if known.is_empty() {
            known.push(groups.len());
            groups.push(groups.len());
        }
        for other in &known {
            groups[*other] = known[0];
        }
        of_id.extend(ids.into_iter().map(|id| (id, known[0])));
    }
    Some(groups.iter().enumerate().filter(|(at, to)| at == *to).count() as u64)
}

/// Where a group leads to in the end.
fn root(groups: &[usize], mut at: usize) -> usize {
    while groups[at] != at {
        at = groups[at];
    }
    at
}

/// How many notifications of an account, or of one webhook of it, have failed and can still be re-sent, as the list
/// with `status=FAILED&webhook_deleted=false` has them; counted to [`MAX_COUNTED`].
fn count_failed(store: &Store, account: AccountNo, webhook: Option<WebhookId>) -> Result<u64, Error> {
    let failed = NotificationFilter { webhook_id: webhook, ..failed(Timestamp::from_ms(0)) };
    Ok(store.count_notifications(account, &failed, MAX_COUNTED)?)
}

/// When the first of a webhook's retries is due, or what holds them ends; `None` where that is past, or there is none.
fn next_retry(store: &Store, present: &Present, webhook: &Webhook) -> Result<Option<Timestamp>, Error> {
    let (first, end) = (Due { at: Timestamp::from_ms(0), seq: Seq(0) }, Timestamp::from_ms(u64::MAX));
    let due = store.retry_page(webhook.no, first, end, 1)?.first().map(|due| due.at);
    let held_until = present.wait(webhook).and_then(WaitReason::until);
    Ok(due.map(|due| held_until.map_or(due, |until| due.max(until))).filter(|at| *at > present.now))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page counted hours from its own clock, which may have begun another one.
    #[test]
    fn hours_are_those_that_the_figures_are_of() {
        let now = Timestamp::parse("2026-11-28T02:30:00Z").unwrap();
        let since = since(now, 24);
        let delivery = DeliveryFigures { since, ..DeliveryFigures::default() };
        let (days, day_begins) = by_day(&vec![HourCounts::default(); 744], now, &Zone::utc());
        let overview = Overview {
            delivery,
            hours: vec![HourCounts::default(); 24],
            days,
            day_begins,
            waits_long: false,
            backlog: BacklogCounts::default(),
            failing: Vec::new(),
            webhooks: 0,
            has_events: false,
            figures: StoreStats::default(),
            disk_bytes: 0,
            not_ready: None,
        };
        let text = |(from, to): (Timestamp, Timestamp)| [from, to].map(|at| at.to_string()[..16].to_owned());
        assert_eq!(overview.hour(0).0, since);
        assert_eq!(text(overview.hour(23)), ["2026-11-28T02:00", "2026-11-28T03:00"]);
        assert_eq!(text(overview.day(29)), ["2026-11-28T00:00", "2026-11-29T00:00"]);
    }

    #[test]
    fn what_shares_an_id_of_an_order_is_of_one_order() {
        let about = |external: &str, order: &str| {
            let id = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            About { external_id: id(external), order_id: id(order), payment_id: id("pay-1"), total_cents: None }
        };
        let count = |all: &[(&str, &str)]| orders_of(&all.iter().map(|(e, o)| about(e, o)).collect::<Vec<_>>());
        assert_eq!(count(&[]), Some(0));
        assert_eq!(count(&[("pedido-1", ""), ("pedido-1", ""), ("pedido-2", "")]), Some(2));
        assert_eq!(count(&[("1", ""), ("", "1")]), Some(2), "the shop's number is none of the order's own");
        assert_eq!(count(&[("a", ""), ("", "b"), ("c", "d"), ("a", "b"), ("a", "d")]), Some(1), "found to be one late");
        assert_eq!(count(&[("a", ""), ("", "")]), None, "a payment alone names no order");
    }

    #[test]
    fn days_begin_where_the_zone_has_them() {
        let one = HourCounts { confirmed: 1, ..HourCounts::default() };
        let (hours, now) = (vec![one; 744], Timestamp::parse("2026-11-28T02:30:00Z").unwrap());
        let (days, begins) = by_day(&hours, now, &Zone::utc());
        assert_eq!((days.len(), begins.len()), (30, 31));
        assert_eq!((days[29].confirmed, days[28].confirmed, days[0].confirmed), (3, 24, 24));
        assert_eq!(begins[29].to_string(), "2026-11-28T00:00:00.000Z");
        // In Recife it is still the day before, and 23:30.
        let (days, begins) = by_day(&hours, now, &Zone::of_variable(Some("<-03>3")));
        assert_eq!((days[29].confirmed, days[28].confirmed, days[0].confirmed), (24, 24, 24));
        let text = |at: usize| begins[at].to_string();
        assert_eq!((text(29).as_str(), text(30).as_str()), ("2026-11-27T03:00:00.000Z", "2026-11-28T03:00:00.000Z"));
        // A day has 25 hours where summer ends.
        let now = Timestamp::parse("2026-10-26T10:00:00Z").unwrap();
        let (days, _) = by_day(&hours, now, &Zone::of_variable(Some("CET-1CEST,M3.5.0,M10.5.0/3")));
        assert_eq!((days[28].confirmed, days[27].confirmed), (25, 24));
    }
}
