//! The event types of the guide "Webhooks e Eventos", each with a sentence in Portuguese and English, and those that a
//! shop adds.

use super::{EventType, Localized, Sample, localized};
use std::borrow::Cow;

/// One type of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// The event type.
    pub event_type: &'static str,
    /// What it says, in Portuguese.
    pub pt: &'static str,
    /// What it says, in English.
    pub en: &'static str,
}

const fn entry(event_type: &'static str, pt: &'static str, en: &'static str) -> CatalogueEntry {
    CatalogueEntry { event_type, pt, en }
}

/// The guide's types, orders first, and what carteiro itself records. The config file adds a shop's own.
pub const CATALOGUE: [CatalogueEntry; 23] = [
    entry("ORDER.CREATED", "O pedido foi criado.", "The order was created."),
    entry("ORDER.WAITING", "O pedido aguarda o pagamento.", "The order is waiting for its payment."),
    entry("ORDER.PAID", "O pedido foi pago.", "The order was paid."),
    entry("ORDER.NOT_PAID", "O pedido não foi pago.", "The order was not paid."),
    entry("ORDER.UPDATED", "O pedido foi alterado.", "The order was changed."),
    entry("ORDER.CANCELLED", "O pedido foi cancelado.", "The order was cancelled."),
    entry("ORDER.REVERTED", "O pedido foi revertido.", "The order was reverted."),
    entry("PAYMENT.CREATED", "O pagamento foi criado.", "The payment was created."),
    entry("PAYMENT.PENDING", "O pagamento está pendente.", "The payment is pending."),
    entry("PAYMENT.WAITING", "O pagamento aguarda o cliente.", "The payment is waiting for the customer."),
    entry("PAYMENT.IN_ANALYSIS", "O pagamento está em análise.", "The payment is being analysed."),
    entry("PAYMENT.PRE_AUTHORIZED", "O pagamento foi pré-autorizado.", "The payment was pre-authorised."),
    entry("PAYMENT.AUTHORIZED", "O pagamento foi autorizado.", "The payment was authorised."),
    entry("PAYMENT.PAID", "O pagamento foi pago.", "The payment was paid."),
    entry("PAYMENT.SETTLED", "O pagamento foi liquidado.", "The payment was settled."),
    entry("PAYMENT.CANCELLED", "O pagamento foi cancelado.", "The payment was cancelled."),
    entry("PAYMENT.REFUNDED", "O pagamento foi devolvido.", "The payment was refunded."),
    entry("PAYMENT.REVERSED", "O pagamento foi estornado.", "The payment was reversed."),
    entry("PAYMENT.UPDATED", "O pagamento foi alterado.", "The payment was changed."),
    entry(
        EventType::FAILING,
        "Outro webhook está falhando: seu destino não confirma nada.",
        "Another webhook is failing: its target confirms nothing.",
    ),
    entry(
        EventType::RECOVERED,
        "Outro webhook voltou ao normal: seu destino confirmou de novo.",
        "Another webhook is well again: its target has confirmed.",
    ),
    entry(
        EventType::DISABLED,
        "Outro webhook foi desativado: seu destino falhou por tempo demais, ou respondeu 410.",
        "Another webhook was disabled: its target failed for too long, or answered 410.",
    ),
    entry(
        EventType::NOTIFICATION_FAILED,
        "Uma notificação de outro webhook falhou: as tentativas automáticas se esgotaram.",
        "A notification of another webhook failed: its automatic attempts are used up.",
    ),
];

/// What an event type means, in the two languages people read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Sentences {
    /// In Portuguese.
    pub pt: Cow<'static, str>,
    /// In English.
    pub en: Cow<'static, str>,
}

impl Sentences {
    /// The longest sentence, in characters: it stands beside a box to tick.
    pub const MAX_CHARS: usize = 200;

    /// Whether a text can stand in a list; the error is a predicate: "must be one line".
    pub fn check(text: &str) -> Result<(), Localized> {
        if text.chars().any(char::is_control) {
            return Err(localized!("must be one line", "deve ser uma só linha"));
        }
        let good = (1..=Self::MAX_CHARS).contains(&text.chars().count()) && !text.trim().is_empty();
        let most = Self::MAX_CHARS;
        let problem = || localized!("must have 1 to {most} characters", "deve ter de 1 a {most} caracteres");
        good.then_some(()).ok_or_else(problem)
    }
}

/// What a shop says of an event type: of its own, or of one of the guide's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraType {
    /// The type.
    pub event_type: EventType,
    /// What it means.
    pub sentences: Option<Sentences>,
    /// A sample of its resource: JSON that passed [`Sample::check`].
    pub sample: Option<String>,
}

/// An event type as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownType {
    /// The type.
    pub event_type: EventType,
    /// What it means, if it has a description.
    pub sentences: Option<Sentences>,
    /// A sample of its resource: one JSON object.
    pub sample: String,
}

impl KnownType {
    /// The sample as a resource: without white space around it. It was checked when it was configured, and is ours
    /// otherwise.
    pub fn resource(&self) -> &str {
        self.sample.trim()
    }
}

/// The guide's types and then the shop's, each once; what the shop says of one goes before what stands here.
pub fn catalogue(extra: &[ExtraType]) -> Vec<KnownType> {
    let guides = CATALOGUE.iter().filter_map(|entry| {
        let sentences = Sentences { pt: entry.pt.into(), en: entry.en.into() };
        Some((EventType::parse(entry.event_type)?, Some(sentences)))
    });
    let mut known: Vec<KnownType> = guides
        .map(|(event_type, sentences)| KnownType {
            sample: Sample::default().resource(&event_type),
            event_type,
            sentences,
        })
        .collect();
    for one in extra {
        let at = known.iter().position(|known| known.event_type == one.event_type).unwrap_or_else(|| {
            let sample = Sample::default().resource(&one.event_type);
            known.push(KnownType { event_type: one.event_type.clone(), sentences: None, sample });
            known.len() - 1
        });
        if let Some(sentences) = &one.sentences {
            known[at].sentences = Some(sentences.clone());
        }
        if let Some(sample) = &one.sample {
            known[at].sample.clone_from(sample);
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shop_says_goes_before_what_stands_here() {
        let extra = |name: &str, described: bool, sample: Option<&str>| ExtraType {
            event_type: EventType::parse(name).unwrap(),
            sentences: described.then(|| Sentences { pt: "Saiu.".into(), en: "It left.".into() }),
            sample: sample.map(str::to_owned),
        };
        let known = catalogue(&[
            extra("A.B", false, None),
            extra("A.B", false, None),
            extra("A.C", true, Some("{}")),
            extra("ORDER.PAID", false, Some("{\"x\":1}")),
        ]);
        assert_eq!(known.len(), CATALOGUE.len() + 2);
        let of = |name: &str| known.iter().find(|known| known.event_type.as_str() == name).unwrap();
        assert!(of("A.B").sentences.is_none() && of("A.B").sample.contains("\"status\":\"B\""));
        assert_eq!((of("A.C").sentences.as_ref().unwrap().en.as_ref(), &*of("A.C").sample), ("It left.", "{}"));
        let paid = of("ORDER.PAID");
        assert_eq!((paid.sentences.as_ref().unwrap().en.as_ref(), &*paid.sample), ("The order was paid.", "{\"x\":1}"));
    }

    #[test]
    fn sentences_are_short_and_of_one_line() {
        assert!(Sentences::check(&"é".repeat(200)).is_ok() && Sentences::check(&"é".repeat(201)).is_err());
        assert!(["", " ", "a\nb", "a\u{1b}b"].iter().all(|text| Sentences::check(text).is_err()));
    }

    #[test]
    fn every_entry_is_an_event_type_once() {
        let mut seen = std::collections::BTreeSet::new();
        for entry in CATALOGUE {
            assert!(EventType::parse(entry.event_type).is_some() && seen.insert(entry.event_type), "{entry:?}");
        }
    }
}
