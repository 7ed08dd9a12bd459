//! Signs an attempt as Standard Webhooks v1 asks, so that a target can verify its origin, integrity and time.
//!
//! It knows bytes and keys; which secrets are in force at an instant is the webhook's business.

use crate::model::SigningSecret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use std::borrow::Borrow;
use std::fmt;
use std::io::Write as _;

/// The value of `webhook-signature`: `v1,<base64>` for each secret, in the order given, separated by single spaces.
///
/// Signed is `id.timestamp.body`; the body is streamed into each hash, never copied. No secrets give an empty string.
pub fn signature<'a>(
    secrets: impl Iterator<Item = &'a SigningSecret>,
    id: &str,
    timestamp_s: u64,
    body: &[u8],
) -> String {
    signature_by(secrets.map(SigningKey::new), id, timestamp_s, body)
}

/// A secret made ready for signing. Making it hashes two blocks, which a caller that signs often can keep.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// The key that signs for `secret`.
    pub fn new(secret: &SigningSecret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// [`signature`] with keys made beforehand.
pub fn signature_by(
    keys: impl Iterator<Item = impl Borrow<SigningKey>>,
    id: &str,
    timestamp_s: u64,
    body: &[u8],
) -> String {
    let mut between = [0; MAX_BETWEEN_BYTES];
    let mut rest = between.as_mut_slice();
    write!(rest, ".{timestamp_s}.").expect("two dots and the digits of a u64 fit");
    let unused = rest.len();
    let between = &between[..MAX_BETWEEN_BYTES - unused];

    let mut text = String::with_capacity(2 * SIGNATURE_BYTES);
    for key in keys {
        let mut hash = hmac::Context::with_key(&key.borrow().0);
        hash.update(id.as_bytes());
        hash.update(between);
        hash.update(body);
        text.push_str(if text.is_empty() { "v1," } else { " v1," });
        STANDARD.encode_string(hash.sign(), &mut text);
    }
    text
}

/// Two dots around the 20 digits of the greatest `u64`.
const MAX_BETWEEN_BYTES: usize = 22;
/// A space, `v1,` and 32 bytes in base64. Two of them are what a rotation needs as a rule.
const SIGNATURE_BYTES: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SigningSecret {
        SigningSecret::parse(text).unwrap()
    }

    #[test]
    fn agrees_with_the_published_vectors() {
        let first = secret("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        assert_eq!(
            signature(std::iter::once(&first), "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body),
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
        );
        let second = secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            signature(std::iter::once(&second), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_rotation_signs_with_both_and_kept_keys_sign_alike() {
        let secrets = [secret("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"), secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")];
        let both = signature(secrets.iter(), "msg", u64::MAX, b"{}");
        let [one, two] = secrets.each_ref().map(|s| signature(std::iter::once(s), "msg", u64::MAX, b"{}"));
        assert_eq!(both, format!("{one} {two}"));
        assert_eq!(both.len(), 2 * SIGNATURE_BYTES - 1);
        let keys = secrets.each_ref().map(SigningKey::new);
        assert_eq!(signature_by(keys.iter(), "msg", u64::MAX, b"{}"), both);
        assert_eq!(signature([].iter(), "msg", 1, b"{}"), "");
    }
}
