//! A sample resource for each event type of the catalogue: a shop's orders and payments.
//!
//! The guide says what an event means and leaves its resource to the platform, so these are of the common form of a
//! Brazilian shop: amounts in cents, a Pix, bank slip or card, an address. Nobody in them exists, and there is no tax
//! number at all.

use super::{EventType, Localized, OwnEvent, Timestamp, localized};
use std::fmt::Write as _;

/// How a sample order is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleMethod {
    /// Instant payment.
    Pix,
    /// `boleto`.
    BankSlip,
    /// Credit card.
    Credit,
}

impl SampleMethod {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pix => "PIX",
            Self::BankSlip => "BANK_SLIP",
            Self::Credit => "CREDIT",
        }
    }

    const fn details(self) -> &'static str {
        match self {
            Self::Pix => r#""pix":{"end_to_end_id":"E00000000202611231200SAMPLE01","expires_in_s":3600}"#,
            Self::BankSlip => r#""bank_slip":{"due_date":"2026-12-01","url":"https://boleto.example/s/1042"}"#,
            Self::Credit => r#""card":{"brand":"VISA","last4":"4242","holder":"MARIA EXEMPLO","nsu":"SAMPLE"}"#,
        }
    }
}

/// One order of the sample shop, from which the resource of any event type is made.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The order's number, in its ids and its `external_id`.
    pub order: u32,
    /// What is paid, in cents of a real.
    pub total_cents: u64,
    /// How it is paid.
    pub method: SampleMethod,
    /// When it happens.
    pub at: Timestamp,
}

impl Default for Sample {
    fn default() -> Self {
        // 2026-11-23T12:00:00Z: the same in every answer and every document.
        Self { order: 1042, total_cents: 12_990, method: SampleMethod::Pix, at: Timestamp::from_ms(1_795_435_200_000) }
    }
}

impl Sample {
    /// The longest sample that a shop may bring, in bytes: every answer of the catalogue carries it.
    pub const MAX_BYTES: usize = 16 * 1024;
    /// The deepest one: an event's body takes two levels more, and 64 are read.
    pub const MAX_DEPTH: usize = 60;

    /// Whether a shop's text can be the sample of a type; the error is a predicate: "must be a JSON object".
    pub fn check(text: &str) -> Result<(), Localized> {
        let (most, deepest) = (Self::MAX_BYTES, Self::MAX_DEPTH);
        if text.len() > most {
            return Err(localized!("must have at most {most} bytes", "deve ter no máximo {most} bytes"));
        }
        if let Err(error) = serde_json::from_str::<&serde_json::value::RawValue>(text) {
            let (line, column) = (error.line(), error.column());
            return Err(localized!(
                "is no JSON: line {line}, column {column} can't be read",
                "não é JSON: não foi possível ler a linha {line}, coluna {column}"
            ));
        }
        if super::depth(text) > deepest {
            return Err(localized!(
                "must not be nested deeper than {deepest} levels",
                "não pode ter mais de {deepest} níveis, um dentro do outro"
            ));
        }
        let no_object = || localized!("must be a JSON object", "deve ser um objeto JSON");
        text.trim_start().starts_with('{').then_some(()).ok_or_else(no_object)
    }

    /// The order's number as the shop writes it.
    pub fn external_id(&self) -> String {
        format!("pedido-{}", self.order)
    }

    /// The resource of an event of this type, as JSON: an order, a payment, a webhook, or for a type that isn't the
    /// guide's an object named after its category, with an id and its status.
    pub fn resource(&self, event_type: &EventType) -> String {
        let status = event_type.as_str().split_once('.').map_or("", |(_, status)| status);
        match (event_type.category(), status) {
            ("ORDER", status) => self.order(status),
            ("PAYMENT", status) => self.payment(status),
            (category, status) => OwnEvent::sample(event_type, self.at, self.id(3), self.id(5), &self.external_id())
                .unwrap_or_else(|| self.other(category, status)),
        }
    }

    /// A UUID that tells which order it belongs to.
    fn id(&self, kind: u8) -> String {
        format!("5a9d{kind:04x}-0000-4000-8000-{:012x}", self.order)
    }

    /// Where the other half stands when this one changes: an `UPDATED` order or payment is still unpaid.
    fn order(&self, status: &str) -> String {
        let (status, payment) = match status {
            "UPDATED" => ("WAITING", "WAITING"),
            "NOT_PAID" => (status, "CANCELLED"),
            "REVERTED" => (status, "REFUNDED"),
            "PAID" | "CANCELLED" | "WAITING" => (status, status),
            status => (status, "CREATED"),
        };
        let (total, shipping) = (self.total_cents, self.total_cents.min(1_990));
        let (paid, refunded) = match payment {
            "PAID" => (total, 0),
            "REFUNDED" => (total, total),
            _ => (0, 0),
        };
        let items = total - shipping;
        let (id, external_id, payment_id) = (self.id(1), self.external_id(), self.id(2));
        let (method, at) = (self.method.as_str(), self.at);
        format!(
            concat!(
                r#"{{"order":{{"id":"{id}","external_id":"{external_id}","status":"{status}","currency":"BRL","#,
                r#""total_cents":{total},"shipping_cents":{shipping},"paid_cents":{paid},"refunded_cents":{refunded},"#,
                r#""customer":{{"name":"Maria Exemplo","email":"maria@loja.example"}},"#,
                r#""items":[{{"sku":"CANECA-01","description":"Caneca de cerâmica","quantity":1,"#,
                r#""unit_price_cents":{items}}}],"#,
                r#""shipping_address":{{"street":"Rua das Amostras","number":"100","city":"São Paulo","#,
                r#""state":"SP","country":"BR"}},"#,
                r#""payments":[{{"id":"{payment_id}","method":"{method}","status":"{payment}","#,
                r#""total_cents":{total}}}],"#,
                r#""inserted_at":"{at}","updated_at":"{at}"}}}}"#
            ),
            id = id,
            external_id = external_id,
            status = status,
            total = total,
            shipping = shipping,
            paid = paid,
            refunded = refunded,
            items = items,
            payment_id = payment_id,
            method = method,
            payment = payment,
            at = at,
        )
    }

    fn payment(&self, status: &str) -> String {
        let status = if status == "UPDATED" { "WAITING" } else { status };
        let method = match (self.method, status) {
            // Only a card is analysed and authorised before it is paid.
            (_, "IN_ANALYSIS" | "PRE_AUTHORIZED" | "AUTHORIZED" | "REVERSED") => SampleMethod::Credit,
            (method, _) => method,
        };
        let (paid, refunded) = match status {
            "PAID" | "SETTLED" => (true, 0),
            "REFUNDED" | "REVERSED" => (true, self.total_cents),
            _ => (false, 0),
        };
        let mut text = format!(
            concat!(
                r#"{{"payment":{{"id":"{}","order_id":"{}","external_id":"{}","status":"{}","method":"{}","#,
                r#""currency":"BRL","#,
                r#""total_cents":{},"refunded_cents":{},"installments":1,{},"#,
                r#""customer":{{"name":"Maria Exemplo","email":"maria@loja.example"}},"inserted_at":"{}""#
            ),
            self.id(2),
            self.id(1),
            self.external_id(),
            status,
            method.as_str(),
            self.total_cents,
            refunded,
            method.details(),
            self.at,
        );
        let mut then = |name: &str, when: bool| {
            let written =
                if when { write!(text, r#","{name}":"{}""#, self.at) } else { write!(text, r#","{name}":null"#) };
            written.expect("a String takes everything");
        };
        then("paid_at", paid);
        then("settled_at", status == "SETTLED");
        then("cancelled_at", status == "CANCELLED");
        text.push_str("}}");
        text
    }

    fn other(&self, category: &str, status: &str) -> String {
        format!(
            r#"{{"{}":{{"id":"{}","external_id":"{}","status":"{status}","inserted_at":"{}"}}}}"#,
            category.to_ascii_lowercase(),
            self.id(4),
            self.external_id(),
            self.at
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CATALOGUE, ResourceFacts};
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_type_has_a_small_whole_sample_that_says_what_happened() {
        let methods = [SampleMethod::Pix, SampleMethod::BankSlip, SampleMethod::Credit];
        let mut seen = std::collections::BTreeSet::new();
        for entry in CATALOGUE {
            let event_type = EventType::parse(entry.event_type).unwrap();
            for method in methods {
                let text = Sample { method, ..Sample::default() }.resource(&event_type);
                assert!(text.len() <= 2048, "{event_type}: {} bytes", text.len());
                let resource: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
                let status = resource[event_type.category().to_lowercase()]["status"].as_str().unwrap();
                assert!(
                    event_type.is_own() || entry.event_type.ends_with(status) || entry.event_type.ends_with(".UPDATED"),
                    "{text}"
                );
                // A CPF has eleven digits, a CNPJ fourteen, a card sixteen: a UUID's are the only long runs there are.
                let numbers =
                    text.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() == 11 || run.len() == 14);
                assert_eq!(numbers.count(), 0, "{text}");
                // What the filters look for is found in it.
                let ids = ResourceFacts::find(None, &text, &[]);
                assert!(ids.id.is_some(), "{text}");
                seen.insert(text);
            }
        }
        assert!(seen.len() > CATALOGUE.len(), "samples differ");
    }

    #[test]
    fn a_shops_own_type_has_a_sample_too() {
        let text = Sample::default().resource(&EventType::parse("SHIPMENT.LATE.AGAIN").unwrap());
        let resource: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(resource["shipment"]["status"], "LATE.AGAIN");
        assert_eq!(resource["shipment"]["external_id"], "pedido-1042");
    }

    #[test]
    fn a_shops_own_sample_is_an_object_that_can_be_recorded() {
        let nested = |levels: usize| format!("{}{}", "{\"a\":".repeat(levels - 1) + "{}", "}".repeat(levels - 1));
        assert!(Sample::check(" {\"n\": 1e400}\n").is_ok() && Sample::check(&nested(Sample::MAX_DEPTH)).is_ok());
        let long = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
        assert!(
            Sample::check(&long(Sample::MAX_BYTES)).is_ok() && Sample::check(&long(Sample::MAX_BYTES + 1)).is_err()
        );
        for bad in ["", "[]", "1", "{", "{} {}", &nested(Sample::MAX_DEPTH + 1)] {
            assert!(Sample::check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_sample_moment_is_the_documented_one() {
        assert_eq!(Sample::default().at.to_string(), "2026-11-23T12:00:00.000Z");
    }
}
