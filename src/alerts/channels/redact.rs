//! The secrets of a channel as its server may send them back, and a text without them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use zeroize::Zeroizing;

/// Shorter secrets are not looked for in a text: they would be found in words that have nothing to do with them.
const SHORTEST_SECRET: usize = 6;
/// A server may cut what it quotes. So many characters of the beginning of a secret are taken for it.
const LONGEST_SHOWN: usize = 12;
const REDACTED: &str = "[redacted]";
/// What URLs leave as it is in a path (RFC 3986, 2.3).
const UNRESERVED_STAY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What must not be seen: secrets as they are, in base64, percent-encoded, and as JSON writes slashes.
#[derive(Default)]
pub(super) struct Secrets {
    forms: Vec<Zeroizing<String>>,
}

impl Secrets {
    /// All forms of these.
    pub(super) fn of<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = Self::default();
        for secret in secrets {
            all.add(secret);
        }
        all
    }

    /// Those of somebody who signs in: with AUTH PLAIN both stand in one text (RFC 4616), with AUTH LOGIN each in its
    /// own.
    pub(super) fn of_sign_in(user: &str, password: &str) -> Self {
        let mut all = Self::of([password]);
        all.keep(STANDARD_NO_PAD.encode(user));
        all.keep(STANDARD_NO_PAD.encode(Zeroizing::new(format!("\0{user}\0{password}")).as_bytes()));
        all
    }

    /// Those of what stands behind a URL's host. A part that is long enough to be a token is a secret by itself.
    pub(super) fn of_url(path_and_query: &str) -> Self {
        let mut all = Self::of([path_and_query.trim_start_matches('/')]);
        for part in path_and_query.split(['/', '?', '&', '=', ':']).filter(|part| part.len() >= LONGEST_SHOWN) {
            all.add(part);
        }
        all
    }

    fn add(&mut self, secret: &str) {
        let decoded = Zeroizing::new(percent_decode_str(secret).decode_utf8_lossy().into_owned());
        for secret in [secret, decoded.as_str()] {
            self.keep(secret.to_owned());
            self.keep(STANDARD_NO_PAD.encode(secret));
            self.keep(URL_SAFE_NO_PAD.encode(secret));
            self.keep(utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string());
            self.keep(utf8_percent_encode(secret, UNRESERVED_STAY).to_string());
            self.keep(utf8_percent_encode(secret, UNRESERVED_STAY).to_string().replace("%20", "+"));
            self.keep(secret.replace('/', "\\/"));
        }
    }

    fn keep(&mut self, form: String) {
        let form = Zeroizing::new(form);
        if form.len() >= SHORTEST_SECRET && !self.forms.contains(&form) {
            self.forms.push(form);
        }
    }

    /// The text without them, in whatever case. It must be the whole of what a server said: of a secret that was cut
    /// short, less than 12 characters are not found.
    pub(super) fn redacted(&self, text: &str) -> String {
        let (mut redacted, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(c) = rest.chars().next() {
            if let Some(bytes) = self.forms.iter().filter_map(|form| found(rest, form)).max() {
                redacted.push_str(REDACTED);
                // What fills up base64.
                rest = rest[bytes..].trim_start_matches('=');
            } else {
                redacted.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
        redacted
    }
}

/// How many bytes at the beginning of a text are the secret, or enough of its beginning.
fn found(text: &str, secret: &str) -> Option<usize> {
    let alike = text.chars().zip(secret.chars()).take_while(|(c, wanted)| c.eq_ignore_ascii_case(wanted));
    let (chars, bytes) = alike.fold((0, 0), |(chars, bytes), (c, _)| (chars + 1, bytes + c.len_utf8()));
    (bytes == secret.len() || chars >= LONGEST_SHOWN).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn a_secret_is_found_in_every_form() {
        let secrets = Secrets::of(["sen ha/é+"]);
        for said in [
            "sen ha/é+",
            "SEN HA/é+",
            "sen ha\\/é+",
            "sen%20ha%2F%C3%A9%2B",
            "sen%20ha%2f%c3%a9%2b",
            "sen+ha%2F%C3%A9%2B",
            &STANDARD.encode("sen ha/é+"),
            &URL_SAFE_NO_PAD.encode("sen ha/é+"),
        ] {
            assert_eq!(secrets.redacted(&format!("no {said}!")), "no [redacted]!", "{said}");
        }
        assert_eq!(secrets.redacted("senha é ruim"), "senha é ruim");
    }

    /// A mail server quoted its AUTH line, and the base64 of the password stood in the log.
    #[test]
    fn what_signs_in_is_found_as_auth_sends_it() {
        let secrets = Secrets::of_sign_in("avisos@loja.example", "sen ha é");
        for (said, shown) in [
            ("for AUTH PLAIN AGF2aXNvc0Bsb2phLmV4YW1wbGUAc2VuIGhhIMOp", "for AUTH PLAIN [redacted]"),
            // Cut short by the server.
            ("for AUTH PLAIN AGF2aXNvc0Bsb2phL…", "for AUTH PLAIN [redacted]…"),
            ("c2VuIGhhIMOp. c2VuIGhhIMOp=", "[redacted]. [redacted]"),
            ("YXZpc29zQGxvamEuZXhhbXBsZQ==", "[redacted]"),
            ("the user avisos@loja.example", "the user avisos@loja.example"),
        ] {
            assert_eq!(secrets.redacted(said), shown);
        }
    }

    #[test]
    fn a_part_of_a_url_is_as_secret_as_the_whole() {
        let secrets = Secrets::of_url("/services/T0AAAAAAAA/B0BBBBBBBB/geheimgeheimgeheim?k=%67eheim-geheim");
        for (said, shown) in [
            ("no /services/T0AAAAAAAA/B0BBBBBBBB/geheimgeheimgeheim?k=%67eheim-geheim", "no /[redacted]"),
            ("no /services/T0AAAA", "no /[redacted]"),
            ("token geheimgeheimgeheim is revoked", "token [redacted] is revoked"),
            ("k is geheim-geheim", "k is [redacted]"),
            ("such services are closed", "such services are closed"),
        ] {
            assert_eq!(secrets.redacted(said), shown);
        }
    }

    #[test]
    fn short_secrets_are_not_looked_for() {
        assert_eq!(Secrets::of(["", "12345"]).redacted("12345 and no more"), "12345 and no more");
        assert_eq!(Secrets::of(["123456"]).redacted("123456 and no more"), "[redacted] and no more");
    }
}
