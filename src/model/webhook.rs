//! A webhook: a subscription of one target to some types of event.

use super::secret::Secret;
use super::{
    AccountNo, ClientCertificateName, EventType, ExtraHeaders, Localized, PatternSet, PayloadFilter, PrivateKey,
    RetryPolicy, Seq, Signatures, TargetUrl, Timestamp, WebhookId, WebhookName, WebhookNo, localized,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use http::HeaderValue;
use std::fmt;
use std::time::Duration;

/// The longest description a webhook can have.
pub const MAX_DESCRIPTION_BYTES: usize = 500;

/// A subscription, as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// The number the store knows it by.
    pub no: WebhookNo,
    /// Whose it is.
    pub account: AccountNo,
    /// The id the world knows it by.
    pub id: WebhookId,
    /// What the merchant calls it, if it was given a name; see [`Webhook::name`].
    pub own_name: Option<WebhookName>,
    /// Where notifications go.
    pub target: TargetUrl,
    /// The exact value of the `Authorization` header, if one is sent.
    pub authorization: Option<Authorization>,
    /// The certificate that the target is shown should it ask for one (mTLS); the config has it, or had it. Only for an
    /// `https` target.
    pub client_certificate: Option<ClientCertificateName>,
    /// What it subscribes to.
    pub events: PatternSet,
    /// What it asks of an event's resource besides; nothing where `None`.
    pub filter: Option<PayloadFilter>,
    /// The merchant's own words.
    pub description: Option<String>,
    /// Whether its notifications leave.
    pub status: WebhookStatus,
    /// Headers sent beside carteiro's own.
    pub headers: ExtraHeaders,
    /// Its own limit of attempts in flight; the daemon's where `None`. At least 1.
    pub max_in_flight: Option<u16>,
    /// Its own limit of deliveries per second; none where `None`.
    pub rate_limit: Option<RateLimit>,
    /// Whether notifications about one resource leave one at a time, in the order recorded.
    pub ordered: bool,
    /// Its own schedule and number of attempts; the daemon's where `None`.
    pub retry: Option<RetryPolicy>,
    /// What attempts are signed with.
    pub secret: SigningSecret,
    /// The secrets before it, the newest first, and until when each signs beside it.
    pub old_secrets: Vec<(SigningSecret, Timestamp)>,
    /// Which signatures its notifications carry.
    pub signatures: Signatures,
    /// The key pair that attempts are signed with besides or instead. Every webhook has one, so that receivers can have
    /// its public half before it signs.
    pub key: PrivateKey,
    /// The keys before it, the newest first, and until when each signs beside it.
    pub old_keys: Vec<(PrivateKey, Timestamp)>,
    /// The last event that was recorded before it was registered. Times can't tell the two orders apart: many commits
    /// share a millisecond.
    pub registered_after: Seq,
    /// When it was registered.
    pub inserted_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was deleted: it then matches nothing and is listed no more, but its history needs its id and target.
    pub deleted_at: Option<Timestamp>,
}

impl Webhook {
    /// What it is called: its own name, else the host of its target. 1 to 80 characters, on one line; not unique.
    pub fn name(&self) -> &str {
        self.own_name.as_ref().map_or_else(|| WebhookName::of_target(&self.target), WebhookName::as_str)
    }

    /// Whether an event of this type, recorded now, creates a notification if its resource meets the filter. So it does
    /// for a paused or disabled webhook.
    pub fn subscribes_to(&self, event_type: &EventType) -> bool {
        self.deleted_at.is_none() && self.events.matches(event_type)
    }

    /// Whether automatic attempts leave now.
    pub fn is_active(&self) -> bool {
        self.deleted_at.is_none() && self.status == WebhookStatus::Active
    }

    /// How many secrets can sign at once. Each costs every attempt a hash of its body, and its header 48 bytes.
    pub const MAX_SECRETS: usize = 5;
    /// How many keys can sign at once. Each costs every attempt about as much as a small request, and its header 93
    /// bytes.
    pub const MAX_KEYS: usize = 5;
    /// The longest time that a secret or a key may sign on after a rotation.
    pub const MAX_SECRET_OVERLAP: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    /// The secrets that sign an attempt at `now`, the newest first (Standard Webhooks: one signature for each, so
    /// that a receiver may hold any of them while secrets are rotated).
    pub fn secrets_at(&self, now: Timestamp) -> impl Iterator<Item = &SigningSecret> {
        let old = self.old_secrets.iter().filter(move |(_, until)| now < *until).map(|(secret, _)| secret);
        std::iter::once(&self.secret).chain(old)
    }

    /// Gives it a new secret. The present one signs on for `overlap`, and each older one to its own end, so that no
    /// rotation takes away a secret that receivers still hold; an `overlap` of zero ends them all now, since one that
    /// has leaked must sign nothing more. Refused, and nothing changed, where more than [`Webhook::MAX_SECRETS`]
    /// would sign.
    pub fn rotate_secret(
        &mut self,
        secret: SigningSecret,
        now: Timestamp,
        overlap: Duration,
    ) -> Result<(), TooManySecrets> {
        let most = Self::MAX_SECRETS;
        rotate(&mut self.secret, &mut self.old_secrets, secret, most, now, overlap).ok_or(TooManySecrets)
    }

    /// The keys that can sign an attempt at `now`, the newest first.
    pub fn keys_at(&self, now: Timestamp) -> impl Iterator<Item = &PrivateKey> {
        let old = self.old_keys.iter().filter(move |(_, until)| now < *until).map(|(key, _)| key);
        std::iter::once(&self.key).chain(old)
    }

    /// Gives it a new key pair, by the rules of [`Webhook::rotate_secret`] and with [`Webhook::MAX_KEYS`].
    pub fn rotate_key(&mut self, key: PrivateKey, now: Timestamp, overlap: Duration) -> Result<(), TooManyKeys> {
        rotate(&mut self.key, &mut self.old_keys, key, Self::MAX_KEYS, now, overlap).ok_or(TooManyKeys)
    }
}

/// Puts `new` in the place of `present`, which stays in use for `overlap` and joins the old ones; `None`, and nothing
/// changed, where more than `most` would be in use. An `overlap` of zero ends them all.
fn rotate<T: Clone>(
    present: &mut T,
    old: &mut Vec<(T, Timestamp)>,
    new: T,
    most: usize,
    now: Timestamp,
    overlap: Duration,
) -> Option<()> {
    let in_use = 1 + old.iter().filter(|(_, until)| now < *until).count();
    if overlap.is_zero() {
        old.clear();
    } else if in_use >= most {
        return None;
    } else {
        old.retain(|(_, until)| now < *until);
        old.insert(0, (present.clone(), now.plus(overlap)));
    }
    *present = new;
    Some(())
}

/// A rotation would make more than [`Webhook::MAX_KEYS`] keys sign at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyKeys;

/// A rotation would make more than [`Webhook::MAX_SECRETS`] secrets sign at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySecrets;

/// The fields a caller wants changed; `None` leaves one as it is, an inner `None` clears it.
///
/// It is applied where changes have one order, so that two callers who change different fields both get their way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WebhookPatch {
    /// See [`Webhook::own_name`].
    pub own_name: Option<Option<WebhookName>>,
    /// See [`Webhook::target`].
    pub target: Option<TargetUrl>,
    /// See [`Webhook::authorization`].
    pub authorization: Option<Option<Authorization>>,
    /// See [`Webhook::client_certificate`].
    pub client_certificate: Option<Option<ClientCertificateName>>,
    /// See [`Webhook::events`].
    pub events: Option<PatternSet>,
    /// See [`Webhook::filter`].
    pub filter: Option<Option<PayloadFilter>>,
    /// See [`Webhook::description`].
    pub description: Option<Option<String>>,
    /// See [`Webhook::status`].
    pub status: Option<WebhookStatus>,
    /// See [`Webhook::headers`].
    pub headers: Option<ExtraHeaders>,
    /// See [`Webhook::max_in_flight`].
    pub max_in_flight: Option<Option<u16>>,
    /// See [`Webhook::rate_limit`].
    pub rate_limit: Option<Option<RateLimit>>,
    /// See [`Webhook::ordered`].
    pub ordered: Option<bool>,
    /// See [`Webhook::retry`].
    pub retry: Option<Option<RetryPolicy>>,
    /// See [`Webhook::signatures`].
    pub signatures: Option<Signatures>,
}

impl WebhookPatch {
    /// Changes what it names. The caller stamps `updated_at`.
    pub fn apply(self, webhook: &mut Webhook) {
        let Self {
            own_name,
            target,
            authorization,
            client_certificate,
            events,
            filter,
            description,
            status,
            headers,
            max_in_flight,
            rate_limit,
            ordered,
            retry,
            signatures,
        } = self;
        // 410 was the old target's answer. A target that was failing may be the same under another name: such a webhook
        // is resumed by the status ACTIVE alone.
        let was_gone = matches!(webhook.status, WebhookStatus::Disabled { reason: DisabledReason::Gone, .. });
        let moves = target.as_ref().is_some_and(|target| *target != webhook.target);
        if was_gone && moves {
            webhook.status = WebhookStatus::Active;
        }
        put(&mut webhook.own_name, own_name);
        put(&mut webhook.target, target);
        put(&mut webhook.authorization, authorization);
        put(&mut webhook.client_certificate, client_certificate);
        put(&mut webhook.events, events);
        put(&mut webhook.filter, filter);
        put(&mut webhook.description, description);
        put(&mut webhook.status, status);
        put(&mut webhook.headers, headers);
        put(&mut webhook.max_in_flight, max_in_flight);
        put(&mut webhook.rate_limit, rate_limit);
        put(&mut webhook.ordered, ordered);
        put(&mut webhook.retry, retry);
        put(&mut webhook.signatures, signatures);
    }
}

fn put<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// Whether a webhook's notifications leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookStatus {
    /// They leave.
    Active,
    /// Notifications are held by the merchant.
    Paused,
    /// Notifications are held by the daemon.
    Disabled {
        /// Why.
        reason: DisabledReason,
        /// Since when.
        at: Timestamp,
    },
}

/// Why the daemon has disabled a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledReason {
    /// Its target answered 410 Gone.
    Gone,
    /// Nothing was confirmed for too long, and a notification used up its attempts.
    Failing {
        /// Since when nothing was confirmed.
        since: Timestamp,
    },
}

impl DisabledReason {
    /// The sentence a shop owner reads.
    pub fn localized(self) -> Localized {
        match self {
            Self::Gone => localized!(
                "The target answered 410 Gone: it wants no more notifications. Give the webhook another target, or, if \
                 that is a mistake, fix this one and resume the webhook (status ACTIVE); no notification is lost.",
                "O destino respondeu 410 Gone: pede que nada mais lhe seja enviado. Dê outro destino ao webhook ou, se \
                 for engano, corrija este e retome o webhook (status ACTIVE); nada do que era devido se perdeu.",
            ),
            Self::Failing { since } => localized!(
                "The target has confirmed nothing since {since}, and a notification has used up its attempts. Fix the \
                 target or change it, and resume the webhook (status ACTIVE); no notification is lost.",
                "O destino não confirma nada desde {since}, e uma notificação esgotou suas tentativas. Corrija ou \
                 troque o destino e retome o webhook (status ACTIVE); nada do que era devido se perdeu.",
            ),
        }
    }
}

impl WebhookStatus {
    /// The word of the API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Paused => "PAUSED",
            Self::Disabled { .. } => "DISABLED",
        }
    }
}

/// The value of an `Authorization` header: 1 to 4,096 bytes of visible ASCII, single spaces inside allowed. Never
/// shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization(Secret<String>);

impl Authorization {
    /// The longest value that is taken, in bytes.
    pub const MAX_BYTES: usize = 4096;

    /// `None` unless the text has the form above; spaces at either end would be lost on the wire and are refused.
    pub fn parse(text: &str) -> Option<Self> {
        let good = !text.is_empty()
            && text.len() <= Self::MAX_BYTES
            && text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
            && text.trim() == text;
        good.then(|| Self(Secret::new(text.to_owned())))
    }

    /// The value, for the header and the store alone.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The header's value, marked sensitive.
    pub fn to_header(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(self.expose()).expect("visible ASCII and spaces make a header value");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization(…)")
    }
}

/// Deliveries per second, 0.01 to 10,000, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit(u32);

impl RateLimit {
    /// `None` outside 0.01 to 10,000 a second.
    pub fn per_second(rate: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked first")]
        (0.01..=10_000.0).contains(&rate).then(|| Self((rate * 1000.0).round() as u32))
    }

    /// From thousandths of a delivery per second, as stored.
    pub fn from_millis(thousandths: u32) -> Option<Self> {
        (10..=10_000_000).contains(&thousandths).then_some(Self(thousandths))
    }

    /// Thousandths of a delivery per second.
    pub const fn as_millis(self) -> u32 {
        self.0
    }

    /// Deliveries per second.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

/// What Standard Webhooks signs with: 24 to 64 bytes, written `whsec_` and base64.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Secret<Vec<u8>>);

impl SigningSecret {
    /// How many random bytes a new secret has.
    pub const NEW_BYTES: usize = 32;

    /// `None` unless there are 24 to 64 bytes, as the Standard Webhooks specification asks.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        (24..=64).contains(&bytes.len()).then(|| Self(Secret::new(bytes)))
    }

    /// A secret of new random bytes.
    pub fn from_random(random: [u8; Self::NEW_BYTES]) -> Self {
        Self(Secret::new(random.to_vec()))
    }

    /// Reads `whsec_…`, or the bare base64 that some libraries print.
    pub fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix("whsec_").unwrap_or(text).trim_end_matches('=');
        STANDARD_NO_PAD.decode(encoded).ok().and_then(Self::from_bytes)
    }

    /// The key bytes, for the signer and the store alone.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// `whsec_…`, to be shown once.
    pub fn reveal(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.expose()))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook() -> Webhook {
        Webhook {
            no: WebhookNo(1),
            account: AccountNo(1),
            id: WebhookId::from_bytes([3; 16]),
            own_name: None,
            target: TargetUrl::parse("https://loja.example/x").unwrap(),
            authorization: None,
            client_certificate: None,
            events: PatternSet::new(vec![crate::model::Pattern::Everything]).unwrap(),
            filter: None,
            description: None,
            status: WebhookStatus::Active,
            headers: ExtraHeaders::default(),
            max_in_flight: None,
            rate_limit: None,
            ordered: false,
            retry: None,
            secret: SigningSecret::from_random([0; 32]),
            old_secrets: Vec::new(),
            signatures: Signatures::default(),
            key: PrivateKey::from_bytes([0; 32]),
            old_keys: Vec::new(),
            registered_after: Seq(0),
            inserted_at: Timestamp::from_ms(0),
            updated_at: Timestamp::from_ms(0),
            deleted_at: None,
        }
    }

    /// A webhook that its target had ended by 410 stayed DISABLED with a reason that spoke of the old target.
    #[test]
    fn another_target_is_not_gone() {
        let at = Timestamp::from_ms(5);
        let disabled = |reason| WebhookStatus::Disabled { reason, at };
        let moved = |status: WebhookStatus, patch: WebhookPatch| {
            let mut webhook = Webhook { status, ..webhook() };
            patch.apply(&mut webhook);
            webhook.status
        };
        let to = |target: &str| WebhookPatch { target: TargetUrl::parse(target).ok(), ..WebhookPatch::default() };
        let (gone, other) = (disabled(DisabledReason::Gone), to("https://b.example/other"));
        assert_eq!(moved(gone, other.clone()), WebhookStatus::Active);
        let same = to(webhook().target.as_str());
        assert_eq!((moved(gone, same), moved(gone, WebhookPatch::default())), (gone, gone));
        let paused = WebhookPatch { status: Some(WebhookStatus::Paused), ..other.clone() };
        assert_eq!(moved(gone, paused), WebhookStatus::Paused, "as was asked for");
        let failing = disabled(DisabledReason::Failing { since: at });
        assert_eq!(
            (moved(failing, other.clone()), moved(WebhookStatus::Paused, other)),
            (failing, WebhookStatus::Paused)
        );
    }

    #[test]
    fn authorization_is_sent_verbatim_or_refused() {
        let longest = "x".repeat(Authorization::MAX_BYTES);
        for good in ["Bearer abc", "abc", "Basic dXNlcjpwdw==", &longest] {
            assert_eq!(Authorization::parse(good).unwrap().to_header(), good);
        }
        for bad in ["", " x", "x ", "a\r\nb", "a\tb", "é", &format!("{longest}x")] {
            assert!(Authorization::parse(bad).is_none(), "{bad:?}");
        }
        assert!(!format!("{:?}", Authorization::parse("s3cret").unwrap()).contains("s3cret"));
    }

    #[test]
    fn every_secret_signs_to_its_own_end_and_an_overlap_of_zero_ends_them_all() {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let secret = |n: u8| SigningSecret::from_random([n; 32]);
        let at = |hours: u64| Timestamp::from_ms(hours * 60 * 60 * 1000);
        let mut webhook = webhook();
        let signing = |webhook: &Webhook, hours| webhook.secrets_at(at(hours)).cloned().collect::<Vec<_>>();
        assert_eq!(webhook.rotate_secret(secret(1), at(0), DAY), Ok(()));
        assert_eq!(webhook.rotate_secret(secret(2), at(1), DAY), Ok(()));
        assert_eq!(signing(&webhook, 2), [secret(2), secret(1), secret(0)]);
        assert_eq!(signing(&webhook, 24), [secret(2), secret(1)]);
        assert_eq!(signing(&webhook, 25), [secret(2)]);
        assert_eq!(webhook.rotate_secret(secret(3), at(2), DAY), Ok(()));
        assert_eq!(webhook.rotate_secret(secret(4), at(3), DAY), Ok(()));
        let before = webhook.clone();
        assert_eq!(webhook.rotate_secret(secret(5), at(4), DAY), Err(TooManySecrets));
        assert_eq!(webhook, before);
        // One has ended by then, and makes room.
        assert_eq!(webhook.rotate_secret(secret(5), at(24), DAY), Ok(()));
        assert_eq!(signing(&webhook, 24).len(), Webhook::MAX_SECRETS);
        assert_eq!(webhook.old_secrets.len(), Webhook::MAX_SECRETS - 1, "expired secrets are dropped");
        assert_eq!(webhook.rotate_secret(secret(6), at(24), Duration::ZERO), Ok(()));
        assert_eq!((signing(&webhook, 24), webhook.old_secrets.len()), (vec![secret(6)], 0));

        // Keys go by the same rules, and neither touches the other.
        let key = |n: u8| PrivateKey::from_bytes([n; 32]);
        let keys = |webhook: &Webhook, hours| webhook.keys_at(at(hours)).cloned().collect::<Vec<_>>();
        for n in 1..5 {
            assert_eq!(webhook.rotate_key(key(n), at(0), DAY), Ok(()));
        }
        assert_eq!(webhook.rotate_key(key(5), at(1), DAY), Err(TooManyKeys));
        assert_eq!(keys(&webhook, 1), [key(4), key(3), key(2), key(1), key(0)]);
        assert_eq!(keys(&webhook, 24), [key(4)]);
        assert_eq!(webhook.rotate_key(key(5), at(1), Duration::ZERO), Ok(()));
        assert_eq!((keys(&webhook, 1), signing(&webhook, 24)), (vec![key(5)], vec![secret(6)]));
    }

    #[test]
    fn secrets_read_what_they_reveal() {
        let secret = SigningSecret::from_random([7; 32]);
        assert_eq!(SigningSecret::parse(&secret.reveal()), Some(secret));
        assert!(SigningSecret::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").is_some());
        assert!(SigningSecret::parse("whsec_AAAA").is_none());
    }

    #[test]
    fn rates_have_ends() {
        assert!(RateLimit::per_second(0.01).is_some() && RateLimit::per_second(10_000.0).is_some());
        assert!(RateLimit::per_second(0.009).is_none() && RateLimit::per_second(10_000.1).is_none());
        assert!(RateLimit::per_second(f64::NAN).is_none());
    }
}
