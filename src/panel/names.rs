//! What things are called on the pages: an event by what happened, a webhook by its name, an order by its number.

use super::layout::number;
use super::texts::{EventTexts, Lang};
use super::view::View;
use crate::model::{About, Event, EventType, Language, Pattern, Status, Webhook, WebhookId};
use maud::{Markup, html};

/// What happened, in a few words: "Pagamento pago". Of a type that the guide doesn't have, what the shop says of it,
/// else the type itself.
pub(super) fn event_title(view: &View<'_>, event_type: &str) -> String {
    if let Some(title) = of_the_guide(view.lang, event_type) {
        return title.to_owned();
    }
    let known = view.catalogue().iter().find(|known| known.event_type.as_str() == event_type);
    match known.and_then(|known| known.sentences.as_ref()) {
        Some(sentences) => view.lang.pick(&sentences.en, &sentences.pt).trim_end_matches('.').to_owned(),
        None => event_type.to_owned(),
    }
}

/// The types of the catalogue that a shop may record and that one of these webhooks subscribes to: what a test or a
/// sample is offered of.
pub(super) fn types_taken_by<'v>(view: &'v View<'_>, webhooks: &[&Webhook]) -> Vec<&'v str> {
    let shops = view.catalogue().iter().map(|known| &known.event_type).filter(|known| !known.is_own());
    let is_taken = |known: &&EventType| webhooks.iter().any(|webhook| webhook.subscribes_to(known));
    shops.filter(is_taken).map(EventType::as_str).collect()
}

fn of_the_guide(lang: Lang, event_type: &str) -> Option<&'static str> {
    let t = EventTexts::of(lang);
    Some(match event_type {
        "ORDER.CREATED" => t.order_created,
        "ORDER.WAITING" => t.order_waiting,
        "ORDER.PAID" => t.order_paid,
        "ORDER.NOT_PAID" => t.order_not_paid,
        "ORDER.UPDATED" => t.order_updated,
        "ORDER.CANCELLED" => t.order_cancelled,
        "ORDER.REVERTED" => t.order_reverted,
        "PAYMENT.CREATED" => t.payment_created,
        "PAYMENT.PENDING" => t.payment_pending,
        "PAYMENT.WAITING" => t.payment_waiting,
        "PAYMENT.IN_ANALYSIS" => t.payment_in_analysis,
        "PAYMENT.PRE_AUTHORIZED" => t.payment_pre_authorized,
        "PAYMENT.AUTHORIZED" => t.payment_authorized,
        "PAYMENT.PAID" => t.payment_paid,
        "PAYMENT.SETTLED" => t.payment_settled,
        "PAYMENT.CANCELLED" => t.payment_cancelled,
        "PAYMENT.REFUNDED" => t.payment_refunded,
        "PAYMENT.REVERSED" => t.payment_reversed,
        "PAYMENT.UPDATED" => t.payment_updated,
        EventType::FAILING => t.webhook_failing,
        EventType::RECOVERED => t.webhook_recovered,
        EventType::DISABLED => t.webhook_disabled,
        EventType::NOTIFICATION_FAILED => t.notification_failed,
        EventType::TEST => t.test_event,
        _ => return None,
    })
}

/// The name of a category as people say it; a shop's own stands as it is.
pub(super) fn category(lang: Lang, category: &str) -> &str {
    let t = EventTexts::of(lang);
    match category {
        "ORDER" => t.orders,
        "PAYMENT" => t.payments,
        EventType::OWN_CATEGORY => lang.texts().webhooks,
        other => other,
    }
}

/// What a pattern means, in words.
pub(super) fn pattern(view: &View<'_>, pattern: &Pattern) -> String {
    match pattern {
        Pattern::Everything => view.t.all_events.to_owned(),
        Pattern::Category(name) => super::texts::fill(view.t.all_of, &[&category(view.lang, name)]),
        Pattern::Exactly(event_type) => event_title(view, event_type.as_str()),
    }
}

/// What a webhook is called; of one that was deleted, that it was.
pub(super) fn webhook(view: &View<'_>, id: WebhookId) -> String {
    let found = view.service.webhook(view.caller(), id);
    found.map_or_else(|_| view.t.deleted_webhook.to_owned(), |own| own.name().to_owned())
}

/// Which order it is, and over how much: "pedido-11249 · R$ 359,86".
pub(super) fn about(view: &View<'_>, about: &About) -> String {
    let order = reference(about).map(str::to_owned);
    let amount = about.total_cents.map(|cents| money(view.lang, cents));
    order.into_iter().chain(amount).collect::<Vec<_>>().join(" · ")
}

/// What people call the order: its number in the shop, else the id of the order or the payment.
pub(super) fn reference(about: &About) -> Option<&str> {
    [&about.external_id, &about.order_id, &about.payment_id].into_iter().find_map(Option::as_deref)
}

/// What the pages call a status of a notification or a webhook; `None` where there is no such status.
pub fn status_word(language: Language, code: &str) -> Option<&'static str> {
    let t = language.texts();
    match code {
        "ACTIVE" => Some(t.active),
        "PAUSED" => Some(t.paused),
        "DISABLED" => Some(t.disabled),
        "FAILING" => Some(t.failing_now),
        _ => Status::parse(code).map(|status| t.status(status)),
    }
}

/// An amount of cents of a real, as the language writes it.
pub(super) fn money(lang: Lang, cents: i64) -> String {
    let point = match lang {
        Lang::Pt => ',',
        Lang::En => '.',
    };
    let (sign, cents) = (if cents < 0 { "-" } else { "" }, cents.unsigned_abs());
    format!("{sign}R$\u{a0}{}{point}{:02}", number(lang, cents / 100), cents % 100)
}

/// Above a page that asks about an event: the way back to it.
pub(super) fn crumb_of(view: &View<'_>, event: &Event, back: &str) -> Markup {
    html! {
        p.crumb {
            a href="/events" { (view.t.events) } " › "
            a href=(back) {
                @match reference(&event.about()) { Some(order) => (order), None => span.id { (event.id) } }
            }
        }
    }
}

/// The event that such a page asks about, in words.
pub(super) fn named(view: &View<'_>, event: &Event) -> Markup {
    html! {
        p.strong {
            (event_title(view, event.event_type.as_str())) " "
            span.t2 { (about(view, &event.about())) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CATALOGUE;

    #[test]
    fn every_type_of_the_guide_has_a_title() {
        for lang in [Lang::Pt, Lang::En] {
            let titles: std::collections::BTreeSet<_> =
                CATALOGUE.iter().filter_map(|entry| of_the_guide(lang, entry.event_type)).collect();
            assert_eq!(titles.len(), CATALOGUE.len());
            assert!(titles.iter().all(|title| !title.ends_with('.')));
        }
    }

    #[test]
    fn amounts_are_written_as_the_language_does() {
        assert_eq!(money(Lang::Pt, 124_000), "R$\u{a0}1.240,00");
        assert_eq!(money(Lang::En, 35_986), "R$\u{a0}359.86");
        assert_eq!(money(Lang::Pt, 5), "R$\u{a0}0,05");
        assert_eq!(money(Lang::Pt, -100_050), "-R$\u{a0}1.000,50");
    }
}
