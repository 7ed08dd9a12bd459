//! Signs an attempt as Standard Webhooks asks: `v1` with a secret, `v1a` with a private key, so that a target can
//! verify its origin, integrity and time.
//!
//! It knows bytes and keys; which of them are in force at an instant is the webhook's business.

use crate::model::{PrivateKey, PublicKey, SigningSecret, Timestamp, Webhook};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use std::borrow::Borrow;
use std::cell::OnceCell;
use std::fmt;
use std::io::Write as _;
use std::sync::Arc;

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

/// A secret or a private key made ready for signing. Making it hashes two blocks, or derives a public key, which a
/// caller that signs often can keep.
#[derive(Clone)]
pub struct SigningKey(Scheme);

#[derive(Clone)]
enum Scheme {
    Symmetric(hmac::Key),
    Asymmetric(Arc<Ed25519KeyPair>),
}

impl SigningKey {
    /// The key that signs for `secret`, as `v1`.
    pub fn new(secret: &SigningSecret) -> Self {
        Self(Scheme::Symmetric(hmac::Key::new(hmac::HMAC_SHA256, secret.expose())))
    }

    /// The key that signs as `v1a`.
    pub fn of_private(key: &PrivateKey) -> Self {
        Self(Scheme::Asymmetric(Arc::new(key.pair())))
    }

    /// Those that sign a webhook's attempts, each with its end: by its secrets, the newest first, and then by its keys,
    /// as far as it has such signatures at all.
    pub(crate) fn all_of(webhook: &Webhook) -> Vec<(Self, Option<Timestamp>)> {
        let mut keys = Vec::new();
        if webhook.signatures.symmetric() {
            keys.push((Self::new(&webhook.secret), None));
            keys.extend(webhook.old_secrets.iter().map(|(secret, until)| (Self::new(secret), Some(*until))));
        }
        if webhook.signatures.asymmetric() {
            keys.push((Self::of_private(&webhook.key), None));
            keys.extend(webhook.old_keys.iter().map(|(key, until)| (Self::of_private(key), Some(*until))));
        }
        keys
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// [`signature`] with keys made beforehand, and `v1a,<base64>` for each private key. Ed25519 takes what it signs as one
/// piece: for all private keys together, the body is copied once.
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

    let whole = OnceCell::new();
    let mut text = String::with_capacity(2 * SIGNATURE_BYTES);
    for key in keys {
        if !text.is_empty() {
            text.push(' ');
        }
        match &key.borrow().0 {
            Scheme::Symmetric(key) => {
                let mut hash = hmac::Context::with_key(key);
                hash.update(id.as_bytes());
                hash.update(between);
                hash.update(body);
                text.push_str("v1,");
                STANDARD.encode_string(hash.sign(), &mut text);
            }
            Scheme::Asymmetric(pair) => {
                let signed = pair.sign(whole.get_or_init(|| [id.as_bytes(), between, body].concat()));
                text.push_str("v1a,");
                STANDARD.encode_string(signed, &mut text);
            }
        }
    }
    text
}

/// Whether `signature`, one of those in `webhook-signature`, is a `v1a` of the private key that belongs to this public
/// one.
pub fn verifies(key: &PublicKey, signature: &str, id: &str, timestamp_s: u64, body: &[u8]) -> bool {
    let Some(encoded) = signature.strip_prefix("v1a,") else {
        return false;
    };
    let signed = [format!("{id}.{timestamp_s}.").as_bytes(), body].concat();
    STANDARD
        .decode(encoded)
        .is_ok_and(|bytes| UnparsedPublicKey::new(&ED25519, key.as_bytes()).verify(&signed, &bytes).is_ok())
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

    /// A vector of the published library for Go.
    #[test]
    fn agrees_with_the_published_vector_of_v1a() {
        let private = STANDARD.decode("VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=").unwrap();
        let private = PrivateKey::from_bytes(private.try_into().unwrap());
        let (id, at, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        let signed = signature_by([SigningKey::of_private(&private)].iter(), id, at, body);
        assert_eq!(
            signed,
            "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
        );
        let public = private.public();
        assert!(verifies(&public, &signed, id, at, body));
        assert!(!verifies(&public, &signed, id, at + 1, body) && !verifies(&public, &signed, "x", at, body));
        assert!(!verifies(&public, &signed.replace("v1a,", "v1,"), id, at, body));
        let stranger = PrivateKey::from_bytes([1; 32]).public();
        assert!(!verifies(&stranger, &signed, id, at, body) && !verifies(&public, "v1a,AAAA", id, at, body));
        let secret = secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let both = [SigningKey::new(&secret), SigningKey::of_private(&private)];
        let alone = signature(std::iter::once(&secret), id, at, body);
        assert_eq!(signature_by(both.iter(), id, at, body), format!("{alone} {signed}"));
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
