//! The types a value can have: how each is read from a file or a variable, checked, described and printed.

use super::allow::AllowRule;
use super::origin::Origin;
use super::size::{format_size, parse_size};
use super::value::{NO_HINT, RawValue, ValueError, ValueType, quote};
use crate::clock::Zone;
use crate::model::{
    AddressRange, EventType, Localized, MailAddress, NtfyTopic, ProxyUrl, QuietHours, SmtpUrl, TargetUrl, TimeOfDay,
    format_duration, localized, parse_duration,
};
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// What is expected where the empty string stands for none.
fn or_none(what: Localized) -> Localized {
    let Localized { en, pt } = what;
    localized!("{en}, or \"\" for none", "{pt}, ou \"\" para nada")
}

/// A text that a function accepts.
pub(crate) struct TextType<V> {
    expected: fn() -> Localized,
    parse: fn(&str) -> Option<V>,
    show: fn(&V) -> String,
    /// Follows the sentence that refuses a value; empty, or with its own punctuation.
    hint: fn() -> Localized,
}

impl<V> ValueType<V> for TextType<V> {
    fn expected(&self) -> Localized {
        (self.expected)()
    }

    fn read(&self, raw: RawValue<'_>) -> Result<V, Vec<ValueError>> {
        raw.text().and_then(self.parse).ok_or_else(|| self.refuse(raw, (self.hint)()))
    }

    fn show(&self, value: &V) -> String {
        quote(&(self.show)(value))
    }
}

/// A socket address with an IP, never a name: listening must not wait for a resolver.
pub(crate) const ADDRESS: TextType<SocketAddr> = TextType {
    expected: || {
        localized!(
            "an IP address with a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"",
            "um endereço IP com porta, como \"127.0.0.1:8080\" ou \"[::1]:8080\""
        )
    },
    parse: |text| text.parse().ok(),
    show: ToString::to_string,
    hint: || NO_HINT,
};

/// A path; its user finds out whether anything exists there. A URL is none: written in place of the file that
/// holds it, it would stand in the log with its secret.
pub(crate) const FILE_PATH: TextType<PathBuf> = TextType {
    expected: || localized!("a path", "um caminho"),
    parse: |text| (!text.is_empty() && is_path(text)).then(|| text.into()),
    show: |path| path.to_string_lossy().into_owned(),
    hint: || NO_HINT,
};

fn is_path(text: &str) -> bool {
    !text.contains('\0') && !text.contains("://")
}

/// A path, or the empty string for none: TOML has no null, and a variable must be able to undo the file.
pub(crate) const OPTIONAL_PATH: TextType<Option<PathBuf>> = TextType {
    expected: || localized!("a path, or \"\" for none", "um caminho, ou \"\" para nenhum"),
    parse: |text| is_path(text).then(|| (!text.is_empty()).then(|| text.into())),
    show: |path| path.as_ref().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default(),
    hint: || NO_HINT,
};

/// The URL of a proxy, or the empty string for none. Its password is never shown.
pub(crate) const OPTIONAL_PROXY: TextType<Option<ProxyUrl>> = TextType {
    expected: || or_none(ProxyUrl::form()),
    parse: |text| if text.is_empty() { Some(None) } else { ProxyUrl::parse(text).ok().map(Some) },
    show: |proxy| proxy.as_ref().map(|proxy| format!("http://{proxy}")).unwrap_or_default(),
    hint: || NO_HINT,
};

/// The name of an account or of a client certificate.
pub(crate) const NAME: TextType<String> = TextType {
    expected: || localized!("1 to 64 of a-z, 0-9, _ and -", "de 1 a 64 caracteres de a-z, 0-9, _ e -"),
    parse: |text| {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        ((1..=64).contains(&text.len()) && text.bytes().all(good)).then(|| text.to_owned())
    },
    show: String::clone,
    hint: || NO_HINT,
};

/// A label that needs no escape in JSON.
pub(crate) const LABEL: TextType<String> = TextType {
    expected: || {
        localized!(
            "1 to 64 visible ASCII characters without space, quote and backslash",
            "de 1 a 64 caracteres ASCII visíveis, sem espaço, aspas e barra invertida"
        )
    },
    parse: |text| {
        let good = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        ((1..=64).contains(&text.len()) && text.bytes().all(good)).then(|| text.to_owned())
    },
    show: String::clone,
    hint: || NO_HINT,
};

pub(crate) const EVENT_TYPE: TextType<EventType> = TextType {
    expected: || {
        let most = EventType::MAX_BYTES;
        localized!(
            "an event type such as \"SHIPMENT.SENT\", of at most {most} bytes",
            "um tipo de evento como \"SHIPMENT.SENT\", de no máximo {most} bytes"
        )
    },
    parse: |text| EventType::parse(text).filter(|it| !it.is_own()),
    show: |event_type| event_type.as_str().to_owned(),
    hint: || {
        localized!(
            "; capitals, digits and _, in words joined by dots, each beginning with a letter; WEBHOOK is carteiro's \
             own category",
            "; maiúsculas, dígitos e _, em palavras ligadas por pontos, cada uma começando com uma letra; WEBHOOK é \
             uma categoria do próprio carteiro"
        )
    },
};

/// An entry of `server.cors_origins`.
pub(crate) const ORIGIN: TextType<Origin> = TextType {
    expected: || {
        localized!(
            "an origin such as \"https://loja.example\", in lower case and without a path, or \"*\" for every page",
            "uma origem como \"https://loja.example\", em minúsculas e sem caminho, ou \"*\" para qualquer página"
        )
    },
    parse: Origin::parse,
    show: |origin| origin.as_str().to_owned(),
    hint: || NO_HINT,
};

/// Where people reach something, or the empty string for nowhere in particular. A slash at its end is nothing.
pub(crate) const OPTIONAL_ORIGIN: TextType<Option<Origin>> = TextType {
    expected: || {
        localized!(
            "a URL such as \"https://carteiro.loja.example\", in lower case and without a path, or \"\" for none",
            "uma URL como \"https://carteiro.loja.example\", em minúsculas e sem caminho, ou \"\" para nenhuma"
        )
    },
    parse: |text| match text {
        "" => Some(None),
        text => {
            let origin = Origin::parse(text.strip_suffix('/').unwrap_or(text));
            origin.filter(|origin| !origin.is_everyone()).map(Some)
        }
    },
    show: |origin| origin.as_ref().map(|origin| origin.as_str().to_owned()).unwrap_or_default(),
    hint: || NO_HINT,
};

/// A time zone, or the empty string for UTC.
pub(crate) const OPTIONAL_ZONE: TextType<Option<Zone>> = TextType {
    expected: || {
        localized!(
            "the name of a time zone that this system has a file of, such as \"America/Sao_Paulo\", or \"\" for UTC",
            "o nome de um fuso horário de que este sistema tem um arquivo, como \"America/Sao_Paulo\", ou \"\" para UTC"
        )
    },
    parse: |text| if text.is_empty() { Some(None) } else { Zone::named(text).map(Some) },
    show: |zone| zone.as_ref().map(|zone| zone.name().to_owned()).unwrap_or_default(),
    hint: || NO_HINT,
};

/// A mail server, or the empty string for none.
pub(crate) const OPTIONAL_SMTP: TextType<Option<SmtpUrl>> = TextType {
    expected: || or_none(SmtpUrl::form()),
    parse: |text| if text.is_empty() { Some(None) } else { SmtpUrl::parse(text).map(Some) },
    show: |url| url.as_ref().map(|url| url.as_str().to_owned()).unwrap_or_default(),
    hint: || NO_HINT,
};

/// An address of e-mail.
pub(crate) const MAIL_ADDRESS: TextType<MailAddress> = TextType {
    expected: || {
        localized!(
            "an address of e-mail such as \"avisos@loja.example\", without a name before it",
            "um endereço de e-mail como \"avisos@loja.example\", sem um nome antes"
        )
    },
    parse: MailAddress::parse,
    show: ToString::to_string,
    hint: || NO_HINT,
};

/// The same, or the empty string for none.
pub(crate) const OPTIONAL_MAIL_ADDRESS: TextType<Option<MailAddress>> = TextType {
    expected: || or_none(MAIL_ADDRESS.expected()),
    parse: |text| if text.is_empty() { Some(None) } else { MailAddress::parse(text).map(Some) },
    show: |address| address.as_ref().map(ToString::to_string).unwrap_or_default(),
    hint: || NO_HINT,
};

/// Where something is sent or requested, or the empty string for nowhere.
pub(crate) const OPTIONAL_URL: TextType<Option<TargetUrl>> = TextType {
    expected: || {
        localized!(
            "an http:// or https:// URL without a user, a password and a fragment, or \"\" for none",
            "uma URL http:// ou https:// sem usuário, senha e fragmento, ou \"\" para nenhuma"
        )
    },
    parse: |text| if text.is_empty() { Some(None) } else { TargetUrl::parse(text).ok().map(Some) },
    show: |url| url.as_ref().map(|url| url.as_str().to_owned()).unwrap_or_default(),
    hint: || NO_HINT,
};

/// The beginning of URLs, or the empty string for none. No token stands in it: that has its file.
pub(crate) const OPTIONAL_BASE_URL: TextType<Option<TargetUrl>> = TextType {
    expected: || {
        localized!(
            "an http:// or https:// URL without a user, a password, a token and a query, or \"\" for none",
            "uma URL http:// ou https:// sem usuário, senha, token e parâmetros, ou \"\" para nenhuma"
        )
    },
    parse: |text| match text {
        "" => Some(None),
        text => TargetUrl::parse(text).ok().filter(|url| !url.path_and_query().contains(['?', ':'])).map(Some),
    },
    show: OPTIONAL_URL.show,
    hint: || NO_HINT,
};

/// A topic of ntfy, or the empty string for none.
pub(crate) const OPTIONAL_TOPIC: TextType<Option<NtfyTopic>> = TextType {
    expected: || or_none(NtfyTopic::form()),
    parse: |text| if text.is_empty() { Some(None) } else { NtfyTopic::parse(text).map(Some) },
    show: |topic| topic.as_ref().map(|topic| topic.as_str().to_owned()).unwrap_or_default(),
    hint: || NO_HINT,
};

/// A chat of Telegram, or the empty string for none.
pub(crate) const CHAT_ID: TextType<Option<String>> = TextType {
    expected: || {
        localized!(
            "the number of a chat in quotes, such as \"-1001234567890\", the @name of a channel, or \"\" for none",
            "o número de uma conversa entre aspas, como \"-1001234567890\", o @nome de um canal, ou \"\" para nenhum"
        )
    },
    parse: |text| {
        let digits = |text: &str| (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let name = |text: &str| {
            (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        match text {
            "" => Some(None),
            _ if digits(text.strip_prefix('-').unwrap_or(text)) => Some(Some(text.to_owned())),
            _ => text.strip_prefix('@').is_some_and(name).then(|| Some(text.to_owned())),
        }
    },
    show: |chat| chat.clone().unwrap_or_default(),
    hint: || NO_HINT,
};

/// Hours of every day.
pub(crate) const QUIET_HOURS: TextType<QuietHours> = TextType {
    expected: || localized!("hours of the day such as \"22:00-07:00\"", "horas do dia como \"22:00-07:00\""),
    parse: QuietHours::parse,
    show: ToString::to_string,
    hint: || NO_HINT,
};

/// A minute of every day.
pub(crate) const TIME_OF_DAY: TextType<TimeOfDay> = TextType {
    expected: || localized!("a time of day such as \"08:00\"", "uma hora do dia como \"08:00\""),
    parse: TimeOfDay::parse,
    show: ToString::to_string,
    hint: || NO_HINT,
};

/// A range of addresses, as what a function makes of it.
pub(crate) struct Network<V> {
    expected: fn() -> Localized,
    /// `None` for a range with a port that must have none.
    make: fn(AllowRule) -> Option<V>,
}

/// An entry of `egress.allow`.
pub(crate) const ALLOW_RULE: Network<AllowRule> = Network {
    expected: || {
        localized!(
            "a range of addresses with an optional port, such as \"192.168.0.0/16\" or \"127.0.0.1/32:3000\"",
            "uma faixa de endereços, com porta se quiser, como \"192.168.0.0/16\" ou \"127.0.0.1/32:3000\""
        )
    },
    make: Some,
};

/// An entry of `server.trusted_proxies`.
pub(crate) const ADDRESS_RANGE: Network<AddressRange> = Network {
    expected: || {
        localized!(
            "an address or a range of them, such as \"127.0.0.1\" or \"10.0.0.0/8\"",
            "um endereço ou uma faixa deles, como \"127.0.0.1\" ou \"10.0.0.0/8\""
        )
    },
    make: |rule| rule.port.is_none().then_some(rule.range),
};

impl<V: Display> ValueType<V> for Network<V> {
    fn expected(&self) -> Localized {
        (self.expected)()
    }

    fn read(&self, raw: RawValue<'_>) -> Result<V, Vec<ValueError>> {
        match raw.text().map(AllowRule::parse) {
            None => Err(self.refuse(raw, NO_HINT)),
            Some(Ok(rule)) => (self.make)(rule)
                .ok_or_else(|| self.refuse(raw, localized!("; leave the port out", "; deixe a porta de fora"))),
            Some(Err(error)) => {
                let (is, why) = (raw.describe(), error.localized());
                let (en, pt) =
                    (format!("can't be {}: {}", is.en, why.en), format!("não pode ser {}: {}", is.pt, why.pt));
                Err(ValueError::one(Localized { en, pt }))
            }
        }
    }

    fn show(&self, value: &V) -> String {
        quote(&value.to_string())
    }
}

/// Bytes, both ends included.
pub(crate) struct Size(pub(crate) u64, pub(crate) u64);

impl<N: Copy + TryFrom<u64> + TryInto<u64>> ValueType<N> for Size {
    fn expected(&self) -> Localized {
        let show = |bytes| format_size(bytes).unwrap_or_else(|| format!("{bytes} B"));
        let (least, most) = (show(self.0), show(self.1));
        localized!("a size from {least} to {most}", "um tamanho de {least} a {most}")
    }

    fn read(&self, raw: RawValue<'_>) -> Result<N, Vec<ValueError>> {
        let bytes = match raw.integer() {
            Some(bytes) => u64::try_from(bytes).ok(),
            None => raw.text().and_then(parse_size),
        };
        let hint = if bytes.is_none() && raw.text().is_some() {
            localized!(
                "; write a whole number and B, KiB, MiB, GiB, KB, MB or GB",
                "; escreva um número inteiro e B, KiB, MiB, GiB, KB, MB ou GB"
            )
        } else {
            NO_HINT
        };
        let bytes = bytes.filter(|bytes| (self.0..=self.1).contains(bytes)).and_then(|bytes| N::try_from(bytes).ok());
        bytes.ok_or_else(|| ValueType::<N>::refuse(self, raw, hint))
    }

    fn show(&self, value: &N) -> String {
        let bytes = (*value).try_into().unwrap_or(u64::MAX);
        format_size(bytes).map_or_else(|| bytes.to_string(), |text| quote(&text))
    }
}

/// A whole number, both ends included.
pub(crate) struct Count(pub(crate) u32, pub(crate) u32);

impl<N: Display + TryFrom<i128>> ValueType<N> for Count {
    fn expected(&self) -> Localized {
        let Self(least, most) = self;
        localized!("a whole number from {least} to {most}", "um número inteiro de {least} a {most}")
    }

    fn read(&self, raw: RawValue<'_>) -> Result<N, Vec<ValueError>> {
        let n = raw.integer().filter(|n| (self.0.into()..=self.1.into()).contains(n));
        n.and_then(|n| N::try_from(n).ok()).ok_or_else(|| ValueType::<N>::refuse(self, raw, raw.unquote_hint::<i128>()))
    }

    fn show(&self, value: &N) -> String {
        value.to_string()
    }
}

/// A duration, both ends included.
pub(crate) struct Span(pub(crate) Duration, pub(crate) Duration);

impl ValueType<Duration> for Span {
    fn expected(&self) -> Localized {
        let (least, most) = (format_duration(self.0), format_duration(self.1));
        localized!("a duration from {least} to {most}", "uma duração de {least} a {most}")
    }

    fn read(&self, raw: RawValue<'_>) -> Result<Duration, Vec<ValueError>> {
        if let Some(n) = raw.integer() {
            let hint = localized!("; write its unit, as in \"{n}s\"", "; escreva a unidade, como em \"{n}s\"");
            return Err(self.refuse(raw, hint));
        }
        let span = raw.text().and_then(parse_duration);
        let hint = if span.is_none() {
            localized!("; write it like \"30s\" or \"2h 30m\"", "; escreva como \"30s\" ou \"2h 30m\"")
        } else {
            NO_HINT
        };
        span.filter(|span| (self.0..=self.1).contains(span)).ok_or_else(|| self.refuse(raw, hint))
    }

    fn show(&self, value: &Duration) -> String {
        quote(&format_duration(*value))
    }
}

/// 0 to 1, in thousandths.
pub(crate) struct Fraction;

impl ValueType<f64> for Fraction {
    fn expected(&self) -> Localized {
        localized!("a number from 0 to 1", "um número de 0 a 1")
    }

    fn read(&self, raw: RawValue<'_>) -> Result<f64, Vec<ValueError>> {
        let number = raw.number().filter(|number| (0.0..=1.0).contains(number));
        // The sum turns -0 into 0.
        number
            .map(|number| (number * 1000.0).round() / 1000.0 + 0.0)
            .ok_or_else(|| self.refuse(raw, raw.unquote_hint::<f64>()))
    }

    fn show(&self, value: &f64) -> String {
        format!("{value:?}")
    }
}

/// Yes or no.
pub(crate) struct Switch;

impl ValueType<bool> for Switch {
    fn expected(&self) -> Localized {
        localized!("true or false", "true ou false")
    }

    fn read(&self, raw: RawValue<'_>) -> Result<bool, Vec<ValueError>> {
        raw.boolean().ok_or_else(|| self.refuse(raw, raw.unquote_hint::<bool>()))
    }

    fn show(&self, value: &bool) -> String {
        value.to_string()
    }
}

/// One of a few words.
pub(crate) struct Choice<V: 'static>(pub(crate) &'static [(&'static str, V)]);

impl<V: Copy + PartialEq> ValueType<V> for Choice<V> {
    fn expected(&self) -> Localized {
        let words: Vec<String> = self.0.iter().map(|(word, _)| quote(word)).collect();
        let (last, others) = words.split_last().expect("there are words to choose from");
        let others = others.join(", ");
        localized!("{others} or {last}", "{others} ou {last}")
    }

    fn read(&self, raw: RawValue<'_>) -> Result<V, Vec<ValueError>> {
        let found = raw.text().and_then(|text| self.0.iter().find(|(word, _)| *word == text));
        found.map(|(_, value)| *value).ok_or_else(|| self.refuse(raw, NO_HINT))
    }

    fn show(&self, value: &V) -> String {
        quote(self.0.iter().find(|(_, other)| other == value).expect("every value has its word").0)
    }
}

/// Another type, or "none".
pub(crate) struct OrNone<T>(pub(crate) T);

impl<V, T: ValueType<V>> ValueType<Option<V>> for OrNone<T> {
    fn expected(&self) -> Localized {
        let Localized { en, pt } = self.0.expected();
        localized!("{en}, or \"none\"", "{pt}, ou \"none\"")
    }

    fn read(&self, raw: RawValue<'_>) -> Result<Option<V>, Vec<ValueError>> {
        if raw.text() == Some("none") { Ok(None) } else { self.0.read(raw).map(Some) }
    }

    fn show(&self, value: &Option<V>) -> String {
        value.as_ref().map_or_else(|| quote("none"), |value| self.0.show(value))
    }
}

/// A list of from `min` to `max` items. A variable holds it as a TOML array, or separated by commas.
pub(crate) struct List<T> {
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) item: T,
}

impl<V, T: ValueType<V>> ValueType<Vec<V>> for List<T> {
    fn expected(&self) -> Localized {
        let Self { min, max, item } = self;
        let Localized { en, pt } = item.expected();
        localized!("a list of {min} to {max} items, each {en}", "uma lista de {min} a {max} itens, cada um {pt}")
    }

    fn read(&self, raw: RawValue<'_>) -> Result<Vec<V>, Vec<ValueError>> {
        let items: Vec<RawValue<'_>> = match raw {
            RawValue::Toml(DeValue::Array(items)) => items.iter().map(|item| RawValue::Toml(item.get_ref())).collect(),
            RawValue::Toml(DeValue::String(_)) => {
                return Err(self.refuse(raw, localized!("; put it in square brackets", "; ponha entre colchetes")));
            }
            RawValue::Toml(_) => return Err(self.refuse(raw, NO_HINT)),
            RawValue::Bare(text) if text.trim_start().starts_with('[') => {
                return match DeValue::parse(text.trim()) {
                    Ok(array) => self.read(RawValue::Toml(array.get_ref())),
                    Err(error) => {
                        let why = error.message();
                        let message = localized!("is not a TOML array: {why}", "não é uma lista TOML: {why}");
                        Err(ValueError::one(message))
                    }
                };
            }
            RawValue::Bare(text) if text.trim().is_empty() => Vec::new(),
            RawValue::Bare(text) => text.split(',').map(|item| RawValue::Bare(item.trim())).collect(),
        };
        let Self { min, max, item } = self;
        if !(*min..=*max).contains(&items.len()) {
            let given = items.len();
            return Err(ValueError::one(localized!(
                "must have {min} to {max} items, not {given}",
                "deve ter de {min} a {max} itens, e não {given}"
            )));
        }
        let (mut values, mut errors) = (Vec::with_capacity(items.len()), Vec::new());
        for (nth, raw) in items.into_iter().enumerate() {
            match item.read(raw) {
                Ok(value) => values.push(value),
                Err(found) => errors.extend(found.into_iter().map(|error| ValueError { item: Some(nth), ..error })),
            }
        }
        if errors.is_empty() { Ok(values) } else { Err(errors) }
    }

    fn show(&self, value: &Vec<V>) -> String {
        let items: Vec<String> = value.iter().map(|value| self.item.show(value)).collect();
        format!("[{}]", items.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::size::KIB;

    /// Reads a value as it stands in a file.
    fn toml<V>(value_type: &impl ValueType<V>, text: &str) -> Result<V, Vec<ValueError>> {
        value_type.read(RawValue::Toml(DeValue::parse(text).unwrap().get_ref()))
    }

    /// The same text as that of a variable.
    fn bare<V>(value_type: &impl ValueType<V>, text: &str) -> Result<V, Vec<ValueError>> {
        value_type.read(RawValue::Bare(text))
    }

    fn message<V: std::fmt::Debug>(result: Result<V, Vec<ValueError>>) -> String {
        result.unwrap_err().remove(0).message.en
    }

    #[test]
    fn a_number_without_unit_is_no_duration() {
        let span = Span(Duration::from_secs(1), Duration::from_secs(60));
        for read in [toml(&span, "30"), bare(&span, "30")] {
            assert!(message(read).ends_with("; write its unit, as in \"30s\""));
        }
        assert_eq!(
            message(toml(&span, "\"30\"")),
            "must be a duration from 1s to 1m, not \"30\"; write it like \"30s\" or \"2h 30m\""
        );
    }

    #[test]
    fn a_quoted_number_is_told_from_a_number() {
        let count = Count(1, 20);
        assert_eq!(bare::<u8>(&count, "20"), Ok(20));
        assert!(message(toml::<u8>(&count, "\"20\"")).ends_with("; leave the quotes out"));
        let beyond = format!("1{}", "0".repeat(40));
        assert!(message(toml::<u8>(&count, &beyond)).ends_with("not a number that large"));
        assert!(message(toml(&Switch, "\"true\"")).ends_with("; leave the quotes out"));
        assert!(message(toml(&Fraction, "\"0.1\"")).ends_with("; leave the quotes out"));
    }

    #[test]
    fn fractions_end_at_0_and_1() {
        let read = |text| bare(&Fraction, text).ok();
        assert_eq!((read("0"), read("1"), read("0.25")), (Some(0.0), Some(1.0), Some(0.25)));
        assert_eq!((read("-0.001"), read("1.001"), read("nan"), read("inf")), (None, None, None, None));
        assert!(toml(&Fraction, "1").is_ok() && toml(&Fraction, "2").is_err());
        assert_eq!(Fraction.show(&bare(&Fraction, "-0.0").unwrap()), "0.0");
        assert_eq!(bare(&Fraction, "0.12345"), Ok(0.123));
    }

    #[test]
    fn lists_of_a_variable_are_arrays_or_separated_by_commas() {
        let list = List { min: 0, max: 2, item: LABEL };
        let read = |text| bare(&list, text);
        assert_eq!(read("[\"a\", 'b']").unwrap(), ["a", "b"]);
        assert_eq!(read(" a , b ").unwrap(), ["a", "b"]);
        assert_eq!(read("").unwrap(), [""; 0]);
        assert_eq!(read("a,").unwrap_err()[0].item, Some(1));
        assert!(read("a,b,c").is_err());
        assert!(read("[\"a\"").unwrap_err()[0].message.en.starts_with("is not a TOML array: "));
    }

    #[test]
    fn sizes_end_where_they_say() {
        let size = Size(KIB, 2 * KIB);
        assert_eq!(toml::<u64>(&size, "2048"), Ok(2048));
        assert_eq!(message(toml::<u64>(&size, "2049")), "must be a size from 1 KiB to 2 KiB, not 2049");
        assert!(message(toml::<u64>(&size, "\"2 KiBs\"")).contains("; write a whole number and B, KiB"));
        assert!(message(toml::<u64>(&size, "-1")).ends_with("not -1"));
    }

    #[test]
    fn a_range_has_no_port() {
        assert!(bare(&ADDRESS_RANGE, "::ffff:10.0.0.0/104").unwrap().covers("10.1.2.3".parse().unwrap()));
        let faults = bare(&ADDRESS_RANGE, "127.0.0.1:80").unwrap_err();
        assert!(faults[0].message.en.ends_with("; leave the port out"), "{faults:?}");
    }
}
