//! What people look for an event by: the ids that its resource has, and the numbers in them.

use super::{Localized, localized};
use std::borrow::Cow;

/// The most keys that an event has.
pub(crate) const MAX_KEYS: usize = 8;
/// The longest key, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 128;
/// The most tokens that an event is found by.
pub(crate) const MAX_TOKENS: usize = 12;
/// The fewest digits in a row that an event is found by.
const MIN_DIGITS: usize = 3;
/// From how many bytes an id may be a random one.
const MIN_RANDOM_BYTES: usize = 16;

/// What somebody looks for: a key of an event, a number in one, or the id of an event, a notification or a webhook. 1
/// to 128 bytes, in lower case and without space around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchText(String);

impl SearchText {
    /// `None` unless something is left to look for, of at most 128 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        fold(text).map(|text| Self(text.into_owned()))
    }

    /// What must be so of a text that [`Self::parse`] refuses, without its subject.
    pub fn must() -> Localized {
        localized!(
            "must have 1 to 128 bytes, spaces around it aside",
            "deve ter de 1 a 128 bytes, sem contar os espaços em volta"
        )
    }

    /// The text as it is compared.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for SearchText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// How keys are compared: without space around them, and in lower case. `None` for what can't be a key.
pub(crate) fn fold(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_KEY_BYTES {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Some(Cow::Borrowed(text));
    }
    Some(text.to_lowercase()).filter(|text| text.len() <= MAX_KEY_BYTES).map(Cow::Owned)
}

/// Whether `key` is what [`fold`] makes of `text`.
pub(crate) fn is_folded(text: &str, key: &str) -> bool {
    if text.is_ascii() { text.trim().eq_ignore_ascii_case(key) } else { fold(text).is_some_and(|own| own == key) }
}

/// The keys of one event, as they are gathered: each once, [`MAX_KEYS`] of them.
#[derive(Default)]
pub(super) struct Keys(pub(super) Vec<String>);

impl Keys {
    /// Takes a key, unless it is a person's or a company's tax number and wasn't asked for by its field's name.
    pub(super) fn add(&mut self, text: &str, asked_for: bool) {
        if self.0.len() == MAX_KEYS || self.0.iter().any(|known| is_folded(text, known)) {
            return;
        }
        let key = fold(text).filter(|key| asked_for || !is_tax_number(key));
        self.0.extend(key.map(Cow::into_owned));
    }
}

/// What an event with these keys is found by: each key whole, and each run of three digits or more in one; at most
/// [`MAX_TOKENS`], whole keys first. Of a key that is random, such as a UUID, no part means anything. It is part of the
/// store's format.
pub(crate) fn tokens(keys: &[String]) -> Vec<&str> {
    let mut tokens: Vec<&str> = Vec::with_capacity(MAX_TOKENS);
    let whole = keys.iter().map(String::as_str);
    let parts = keys.iter().filter(|key| !is_random(key)).flat_map(|key| digit_runs(key));
    for token in whole.chain(parts.filter(|run| !is_tax_number(run))) {
        if tokens.len() < MAX_TOKENS && !tokens.contains(&token) {
            tokens.push(token);
        }
    }
    tokens
}

fn digit_runs(key: &str) -> impl Iterator<Item = &str> {
    key.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= MIN_DIGITS)
}

/// Whether a key is likely to be a UUID, or random bytes in hex or base64, with or without a word in front: letters and
/// digits change too often for words and numbers.
fn is_random(key: &str) -> bool {
    let bytes = key.as_bytes();
    if bytes.len() < MIN_RANDOM_BYTES {
        return false;
    }
    if uuid_bytes(bytes) {
        return true;
    }
    if bytes.iter().all(u8::is_ascii_hexdigit) && bytes.iter().any(u8::is_ascii_alphabetic) {
        return true;
    }
    // In front of a random id there is often what it is of: `pay_`, `ord-`.
    let prefix = bytes.iter().position(|byte| matches!(byte, b'_' | b'-' | b':')).filter(|at| *at <= 8);
    let rest = &bytes[prefix.map_or(0, |at| at + 1)..];
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
    if rest.len() < MIN_RANDOM_BYTES || !rest.iter().all(is_base64) {
        return false;
    }
    let changes = rest.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    // Of base64 folded to one case about a quarter of all neighbours change, of hex nearly half.
    changes * 6 > rest.len()
}

/// Whether it has the form of a UUID.
fn uuid_bytes(bytes: &[u8]) -> bool {
    let fits = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    bytes.len() == 36 && bytes.iter().enumerate().all(fits)
}

/// Whether a text is nothing but a Brazilian tax number, CPF or CNPJ, as digits or as it is printed, with right check
/// digits. One in a hundred other numbers of 11 or 14 digits looks the same.
pub(crate) fn is_tax_number(text: &str) -> bool {
    let mut digits = [0_u8; 14];
    let mut count = 0;
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => {
                let Some(place) = digits.get_mut(count) else {
                    return false;
                };
                *place = byte - b'0';
                count += 1;
            }
            b'.' | b'-' | b'/' => {}
            _ => return false,
        }
    }
    // Of one digit all over the check digits are right, and nobody has such a number.
    let digits = &digits[..count];
    match count {
        11 | 14 if digits.iter().all(|digit| *digit == digits[0]) => false,
        11 => has_check_digits(digits, 11),
        14 => has_check_digits(digits, 9),
        _ => false,
    }
}

/// Whether the last two digits are those that the ones before ask for. Weights rise from the right, from 2 to `most`.
fn has_check_digits(digits: &[u8], most: u32) -> bool {
    (digits.len() - 2..digits.len()).all(|at| {
        let weights = (2..=most).cycle();
        let sum: u32 = digits[..at].iter().rev().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum();
        let check = match sum % 11 {
            0 | 1 => 0,
            rest => 11 - rest,
        };
        u32::from(digits[at]) == check
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found_by(keys: &[&str]) -> Vec<String> {
        let mut gathered = Keys::default();
        for key in keys {
            gathered.add(key, false);
        }
        tokens(&gathered.0).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn an_event_is_found_by_whole_keys_and_by_the_numbers_in_them() {
        assert_eq!(found_by(&[" Pedido-11249 "]), ["pedido-11249", "11249"]);
        assert_eq!(found_by(&["NF 12/2026-00034", "nf 12/2026-00034", "2026"]), ["nf 12/2026-00034", "2026", "00034"]);
        assert_eq!(found_by(&["11249", "12", "AÇÃO-1"]), ["11249", "12", "ação-1"]);
        assert_eq!(found_by(&["", "  ", &"x".repeat(129)]), <[String; 0]>::default());
        assert_eq!(found_by(&["x".repeat(128).as_str()]).len(), 1);
        let many: Vec<String> = (100..130).map(|n| format!("a{n}-b{n}9")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let found = found_by(&many);
        assert_eq!((found.len(), &*found[7], &*found[8]), (MAX_TOKENS, "a107-b1079", "100"));
    }

    #[test]
    fn of_a_random_id_no_part_is_a_token() {
        for random in [
            "5a9d0001-0000-4000-8000-000000001042",
            "5f8d0d55b54764421b7156c3",
            "ord_5f8d0d55b54764421b7156c3",
            "pi_3MtwBwLkdIwHu7ix28a3tqPa",
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "dGVz123dF9pZC1hYmNk4567ZWY==",
        ] {
            assert_eq!(found_by(&[random]), [random.to_lowercase()]);
        }
        for (meant, number) in [
            ("pedido-2026-00011249", "00011249"),
            ("loja-centro-pedido-11249", "11249"),
            ("1234567890123456", "1234567890123456"),
            ("mercado-livre:2000004567", "2000004567"),
            ("E00000000202611231200SAMPLE01", "00000000202611231200"),
            ("shopify#1042/fulfillment-2", "1042"),
        ] {
            assert!(found_by(&[meant]).contains(&number.to_owned()), "{meant}: {:?}", found_by(&[meant]));
        }
    }

    #[test]
    fn a_tax_number_is_no_key() {
        for number in ["52998224725", "529.982.247-25", "11222333000181", "11.222.333/0001-81"] {
            assert!(is_tax_number(number), "{number}");
            assert_eq!(found_by(&[number]), <[String; 0]>::default());
        }
        for other in ["52998224724", "11222333000180", "11111111111", "5299822472", "529982247250", "a52998224725", ""]
        {
            assert!(!is_tax_number(other), "{other}");
        }
        assert_eq!(found_by(&["cliente-52998224725"]), ["cliente-52998224725"]);
        let mut asked_for = Keys::default();
        asked_for.add("52998224725", true);
        assert_eq!(tokens(&asked_for.0), ["52998224725"]);
    }

    #[test]
    fn folding_is_seen_as_such() {
        for text in ["Pedido-1", " x ", "ÀÉ", "İ", "", "ß"] {
            let folded = fold(text);
            assert_eq!(folded.is_some(), !text.is_empty());
            assert!(folded.is_none_or(|key| is_folded(text, &key) && SearchText::parse(text).unwrap().as_str() == key));
        }
        assert!(!is_folded("Pedido-1", "pedido-2") && SearchText::parse(&"İ".repeat(64)).is_none());
    }
}
