//! An address as people type it: without a scheme, with letters of their own language. What is meant becomes a URL.

use crate::model::{TargetError, TargetUrl};
use std::fmt::Write as _;

/// What an address that was typed means.
pub(super) enum TypedUrl {
    Read(TargetUrl),
    /// It has no scheme; with this one it would be taken.
    Proposed(String),
    Wrong(TargetError),
}

/// Reads an address. A name with letters outside ASCII is written as DNS has it (RFC 3492), other such letters are
/// percent-encoded.
pub(super) fn read(typed: &str) -> TypedUrl {
    let typed = typed.trim();
    let error = match TargetUrl::parse(&in_ascii(typed)) {
        Ok(target) => return TypedUrl::Read(target),
        Err(error) => error,
    };
    // `loja.com.br/x`, but neither `localhost` nor `mailto:x`: what has a dot before all else is a name.
    let host = typed.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let proposed = format!("https://{typed}");
    if host.contains('.') && !host.contains('@') && TargetUrl::parse(&in_ascii(&proposed)).is_ok() {
        return TypedUrl::Proposed(proposed);
    }
    TypedUrl::Wrong(error)
}

fn in_ascii(url: &str) -> String {
    if url.is_ascii() || url.len() > TargetUrl::MAX_BYTES {
        return url.to_owned();
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (host, port) = authority.split_at(authority.rfind(':').unwrap_or(authority.len()));
    let mut text = format!("{scheme}://");
    for (nth, label) in host.split('.').enumerate() {
        if nth > 0 {
            text.push('.');
        }
        text.push_str(&label_in_ascii(label).unwrap_or_else(|| label.to_owned()));
    }
    text.push_str(port);
    for byte in path.bytes() {
        if byte.is_ascii() {
            text.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// One part of a name, as DNS has it. `None` for marks that belong to the letter before them: which letter is meant
/// takes tables to tell.
fn label_in_ascii(label: &str) -> Option<String> {
    if label.is_ascii() {
        return Some(label.to_owned());
    }
    let letters: Vec<char> = label.chars().flat_map(char::to_lowercase).collect();
    let plain = letters.iter().all(|letter| {
        letter.is_ascii_alphanumeric() || *letter == '-' || (!letter.is_ascii() && letter.is_alphanumeric())
    });
    // The longest label that DNS takes is far shorter.
    if !plain || letters.len() > 63 {
        return None;
    }
    punycode(&letters).map(|encoded| format!("xn--{encoded}"))
}

/// RFC 3492, section 6.3, with its parameters of section 5.
fn punycode(letters: &[char]) -> Option<String> {
    const BASE: u32 = 36;
    const T_MIN: u32 = 1;
    const T_MAX: u32 = 26;
    let mut out: String = letters.iter().filter(|letter| letter.is_ascii()).collect();
    let basic = u32::try_from(out.len()).ok()?;
    let all = u32::try_from(letters.len()).ok()?;
    if basic > 0 {
        out.push('-');
    }
    let (mut n, mut delta, mut bias, mut handled) = (128_u32, 0_u32, 72_u32, basic);
    while handled < all {
        let next = letters.iter().map(|letter| u32::from(*letter)).filter(|code| *code >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(handled + 1)?)?;
        n = next;
        for code in letters.iter().map(|letter| u32::from(*letter)) {
            if code < n {
                delta = delta.checked_add(1)?;
            }
            if code == n {
                let (mut q, mut k) = (delta, BASE);
                loop {
                    let t = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
                    if q < t {
                        break;
                    }
                    out.push(base36(t + (q - t) % (BASE - t)));
                    q = (q - t) / (BASE - t);
                    k += BASE;
                }
                out.push(base36(q));
                bias = adapt(delta, handled + 1, handled == basic);
                (delta, handled) = (0, handled + 1);
            }
        }
        (delta, n) = (delta.checked_add(1)?, n + 1);
    }
    Some(out)
}

/// `a` to `z`, then `0` to `9`.
fn base36(value: u32) -> char {
    let byte = u8::try_from(value).unwrap_or_default();
    char::from(if byte < 26 { b'a' + byte } else { b'0' + (byte - 26).min(9) })
}

fn adapt(delta: u32, count: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / count;
    let mut k = 0;
    while delta > 455 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_ones_own_language_are_taken() {
        for (typed, meant) in [
            ("https://lojã.com.br", "https://xn--loj-ola.com.br"),
            ("https://Pão.example:8443/x", "https://xn--po-sia.example:8443/x"),
            ("https://loja.example/notificação?é=1", "https://loja.example/notifica%C3%A7%C3%A3o?%C3%A9=1"),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
            ("https://例え.example/", "https://xn--r8jz45g.example/"),
            ("  https://loja.example/x ", "https://loja.example/x"),
        ] {
            match read(typed) {
                TypedUrl::Read(target) => assert_eq!(target.as_str(), meant),
                TypedUrl::Proposed(_) | TypedUrl::Wrong(_) => panic!("{typed}"),
            }
        }
    }

    #[test]
    fn a_missing_scheme_is_proposed_and_what_is_wrong_is_named() {
        for typed in ["loja.com.br", "loja.com.br/notificação?x=1", "loja.com.br:8443/x", "lojã.com.br"] {
            assert!(matches!(read(typed), TypedUrl::Proposed(text) if text == format!("https://{typed}")), "{typed}");
        }
        for (typed, error) in [
            ("ftp://loja.example", TargetError::NotHttp),
            ("localhost", TargetError::NotHttp),
            ("mailto:a@b.example", TargetError::NotHttp),
            ("https://loja.example/a b", TargetError::Space),
            ("https://loja.example:99999", TargetError::Port),
            ("https://ana:senha@loja.example", TargetError::Userinfo),
            ("https://loja.example/#a", TargetError::Fragment),
            ("https://loja\u{303}.example", TargetError::NotAscii),
        ] {
            assert!(matches!(read(typed), TypedUrl::Wrong(own) if own == error), "{typed}");
        }
    }
}
