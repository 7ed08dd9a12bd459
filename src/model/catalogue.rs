//! The event types of the guide "Webhooks e Eventos", each with a sentence in Portuguese and English.

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
pub const CATALOGUE: [CatalogueEntry; 20] = [
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
        super::DISABLED_EVENT,
        "Outro webhook foi desativado: seu destino falhou por tempo demais.",
        "Another webhook was disabled: its target failed for too long.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EventType;

    #[test]
    fn every_entry_is_an_event_type_once() {
        let mut seen = std::collections::BTreeSet::new();
        for entry in CATALOGUE {
            assert!(EventType::parse(entry.event_type).is_some() && seen.insert(entry.event_type), "{entry:?}");
        }
    }
}
