//! Event patterns as people type them, and the words they use for those that there are.

use super::texts::fill;
use super::view::View;
use crate::model::{EventType, Pattern};

/// The guide's words, by those that people write for them.
const WORDS: [(&str, &str); 30] = [
    ("PEDIDO", "ORDER"),
    ("PEDIDOS", "ORDER"),
    ("ORDERS", "ORDER"),
    ("PAGAMENTO", "PAYMENT"),
    ("PAGAMENTOS", "PAYMENT"),
    ("PAYMENTS", "PAYMENT"),
    ("CRIADO", "CREATED"),
    ("PAGO", "PAID"),
    ("NAO_PAGO", "NOT_PAID"),
    ("AGUARDANDO", "WAITING"),
    ("PENDENTE", "PENDING"),
    ("EM_ANALISE", "IN_ANALYSIS"),
    ("PRE_AUTORIZADO", "PRE_AUTHORIZED"),
    ("AUTORIZADO", "AUTHORIZED"),
    ("AUTHORISED", "AUTHORIZED"),
    ("LIQUIDADO", "SETTLED"),
    ("CANCELADO", "CANCELLED"),
    ("CANCELED", "CANCELLED"),
    ("DEVOLVIDO", "REFUNDED"),
    ("REEMBOLSADO", "REFUNDED"),
    ("REFUND", "REFUNDED"),
    ("ESTORNADO", "REVERSED"),
    ("ESTORNO", "REVERSED"),
    ("REVERTIDO", "REVERTED"),
    ("ALTERADO", "UPDATED"),
    ("ATUALIZADO", "UPDATED"),
    ("CREATE", "CREATED"),
    ("CANCEL", "CANCELLED"),
    ("PAY", "PAID"),
    ("UPDATE", "UPDATED"),
];

/// The pattern of the guide that somebody meant who wrote this one in words of their own; `None` where it is no such.
pub(super) fn meant(written: &Pattern, is_known: impl Fn(&Pattern) -> bool) -> Option<Pattern> {
    if is_known(written) {
        return None;
    }
    let text = written.to_string();
    let (category, rest) = text.split_once('.')?;
    let word = |written: &str| {
        let own = WORDS.iter().find(|(theirs, _)| *theirs == written).map(|(_, own)| *own);
        own.map_or_else(|| written.to_owned(), str::to_owned)
    };
    let pattern = Pattern::parse(&format!("{}.{}", word(category), word(rest)))?;
    (pattern != *written && is_known(&pattern)).then_some(pattern)
}

/// A pattern as it was typed: small letters and accents are no mistakes.
pub(super) fn parse(text: &str) -> Option<Pattern> {
    let plain: String = text.to_uppercase().chars().map(without_accent).collect();
    Pattern::parse(&plain.replace('-', "_")).filter(|_| !is_too_long(text))
}

/// What is wrong with one that can't be taken.
pub(super) fn refusal(view: &View<'_>, text: &str) -> String {
    let shown: String = text.chars().take(100).collect();
    match EventType::too_long(text) {
        Some(why) => format!("“{shown}…” {}.", view.lang.of(&why)),
        None => fill(view.t.bad_pattern, &[&shown]),
    }
}

fn is_too_long(text: &str) -> bool {
    EventType::too_long(text).is_some()
}

const fn without_accent(letter: char) -> char {
    match letter {
        'Ã' | 'Á' | 'Â' | 'À' => 'A',
        'É' | 'Ê' => 'E',
        'Í' => 'I',
        'Ó' | 'Ô' | 'Õ' => 'O',
        'Ú' | 'Ü' => 'U',
        'Ç' => 'C',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_call_an_event_leads_to_its_name() {
        let known = ["ORDER.*", "PAYMENT.*", "PAYMENT.PAID", "PAYMENT.IN_ANALYSIS", "ORDER.CANCELLED", "PEDIDO.NOVO"];
        let is_known = |pattern: &Pattern| known.contains(&pattern.to_string().as_str());
        for (typed, word) in [
            ("pagamento.pago", "PAYMENT.PAID"),
            ("Pedido.*", "ORDER.*"),
            ("order.canceled", "ORDER.CANCELLED"),
            ("pagamento.em-análise", "PAYMENT.IN_ANALYSIS"),
        ] {
            assert_eq!(meant(&parse(typed).unwrap(), is_known).unwrap().to_string(), word);
        }
        for own in ["PEDIDO.NOVO", "PAYMENT.PAID", "SHIPMENT.SENT", "PEDIDO.EMBALADO", "*"] {
            assert!(meant(&parse(own).unwrap(), is_known).is_none(), "{own}");
        }
        assert!(parse("pagamento pago").is_none() && parse("PAYMENT.CRE*").is_none());
    }
}
