//! The value type of `alerts.heartbeat`: a table of a URL and an interval, or nothing.

use super::extra_types::unknown_field;
use super::value::{NO_HINT, RawValue, ValueError, ValueType, entries, quote};
use super::value_types::{OPTIONAL_URL, Span};
use crate::model::{Localized, TargetUrl, localized};
use std::time::Duration;
use toml::de::DeValue;

/// What is requested while all is well, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Where the GET goes.
    pub url: TargetUrl,
    /// From one to the next.
    pub every: Duration,
}

/// A table of `url` and `every`; the empty string is none.
pub(crate) struct HeartbeatType;

const FIELDS: [&str; 2] = ["url", "every"];
const EVERY: Span = Span(Duration::from_secs(10), Duration::from_secs(24 * 60 * 60));

impl ValueType<Option<Heartbeat>> for HeartbeatType {
    fn expected(&self) -> Localized {
        let Localized { en, pt } = EVERY.expected();
        localized!(
            "a table such as {{ url = \"https://hc.example/x7k2\", every = \"1m\" }}, with {en} as every, or \"\" for \
             none",
            "uma tabela como {{ url = \"https://hc.example/x7k2\", every = \"1m\" }}, com {pt} em every, ou \"\" para \
             nenhuma"
        )
    }

    fn read(&self, raw: RawValue<'_>) -> Result<Option<Heartbeat>, Vec<ValueError>> {
        match raw {
            RawValue::Bare("") => Ok(None),
            RawValue::Toml(value) if value.as_str() == Some("") => Ok(None),
            RawValue::Bare(text) => match DeValue::parse(text.trim()) {
                Ok(value) if value.get_ref().is_table() => self.read(RawValue::Toml(value.get_ref())),
                Ok(_) | Err(_) => Err(self.refuse(raw, NO_HINT)),
            },
            RawValue::Toml(DeValue::Table(fields)) => {
                let fields = entries(fields);
                if let Some((name, span, _)) = fields.iter().find(|(name, ..)| !FIELDS.contains(name)) {
                    let message = unknown_field(name, &FIELDS);
                    return Err(vec![ValueError { item: None, at: Some(span.start), message }]);
                }
                let find = |wanted: &str| {
                    let found = fields.iter().find(|(name, ..)| *name == wanted);
                    found.map(|(_, _, value)| RawValue::Toml(value.get_ref()))
                };
                let (Some(url), Some(every)) = (find("url"), find("every")) else {
                    return Err(self.refuse(raw, NO_HINT));
                };
                let every = EVERY.read(every)?;
                Ok(OPTIONAL_URL.read(url)?.map(|url| Heartbeat { url, every }))
            }
            RawValue::Toml(_) => Err(self.refuse(raw, NO_HINT)),
        }
    }

    fn show(&self, value: &Option<Heartbeat>) -> String {
        value.as_ref().map_or_else(
            || quote(""),
            |Heartbeat { url, every }| format!("{{ url = {}, every = {} }}", quote(url.as_str()), EVERY.show(every)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Heartbeat>, Vec<ValueError>> {
        HeartbeatType.read(RawValue::Toml(DeValue::parse(text).unwrap().get_ref()))
    }

    #[test]
    fn a_heartbeat_reads_back_as_it_is_shown() {
        let text = r#"{ url = "https://hc.example/x7k2", every = "1m" }"#;
        let heartbeat = read(text).unwrap();
        assert_eq!(heartbeat.as_ref().unwrap().every, Duration::from_secs(60));
        assert_eq!(HeartbeatType.show(&heartbeat), text);
        assert_eq!(HeartbeatType.read(RawValue::Bare(text)), Ok(heartbeat));
        assert_eq!((read("\"\""), HeartbeatType.read(RawValue::Bare(""))), (Ok(None), Ok(None)));
        assert_eq!(HeartbeatType.show(&None), "\"\"");
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "1",
            "\"https://hc.example\"",
            "{}",
            "{ url = \"https://hc.example\" }",
            "{ every = \"1m\" }",
            "{ url = \"hc.example\", every = \"1m\" }",
            "{ url = \"https://hc.example\", every = \"9s\" }",
            "{ url = \"https://hc.example\", every = \"24h 1ms\" }",
            "{ url = \"https://hc.example\", every = \"1m\", evry = 1 }",
        ] {
            assert!(read(text).is_err(), "{text}");
            assert!(HeartbeatType.read(RawValue::Bare(text)).is_err(), "{text}");
        }
        assert!(read("{ url = \"https://hc.example\", every = \"10s\" }").is_ok());
    }
}
