//! Access tokens: what a caller may do, and the stored hash.

use super::TokenId;
use super::duration::parse_duration;
use super::secret::Secret;
use super::words::words;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use std::time::Duration;

words! {
    /// What a token allows.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Scope {
        /// Everything.
        Admin = "admin",
        /// Recording events.
        Ingest = "ingest",
        /// Every GET.
        Read = "read",
        /// Metrics of the whole daemon, for a token of the first account; a token that may read sees those of its
        /// account.
        Metrics = "metrics",
    }
}

impl Scope {
    const fn bit(self) -> u8 {
        match self {
            Self::Admin => 1,
            Self::Ingest => 2,
            Self::Read => 4,
            Self::Metrics => 8,
        }
    }
}

/// The longest life that a token can be given; without one, it lives until it is revoked.
/// Ten years as spans are read, of 365.25 days each.
const MAX_TOKEN_LIFE: Duration = Duration::from_secs(10 * 31_557_600);
/// The longest name of a token, in characters.
pub const MAX_TOKEN_NAME_CHARS: usize = 100;

/// Whether a token can be called so: 1 to [`MAX_TOKEN_NAME_CHARS`] characters, none of them a control character.
pub fn is_token_name(name: &str) -> bool {
    (1..=MAX_TOKEN_NAME_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}

/// Reads for how long a token is to live: a span such as `90d`, more than nothing and at most 10 years.
pub fn parse_token_life(text: &str) -> Option<Duration> {
    parse_duration(text).filter(|span| *span <= MAX_TOKEN_LIFE && !span.is_zero())
}

/// At least one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Admin alone, which allows everything.
    pub const ADMIN: Self = Self(Scope::Admin.bit());

    /// `None` for no scope at all.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Option<Self> {
        Self::from_bits(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }

    /// From the stored bits.
    pub fn from_bits(bits: u8) -> Option<Self> {
        (1..16).contains(&bits).then_some(Self(bits))
    }

    /// For the store.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether a call that needs `scope` is allowed. `read` includes `metrics`.
    pub const fn allows(self, scope: Scope) -> bool {
        let more = if matches!(scope, Scope::Metrics) { Scope::Read.bit() } else { 0 };
        self.0 & (scope.bit() | more | Scope::Admin.bit()) != 0
    }

    /// Whether the figures of the whole daemon are among what is allowed, where the account is the one that may see
    /// them.
    pub const fn allows_all_figures(self) -> bool {
        self.0 & (Scope::Metrics.bit() | Scope::Admin.bit()) != 0
    }

    /// The scopes, as given.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.0 & scope.bit() != 0)
    }
}

impl serde::Serialize for Scopes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// A token in the clear: `ctr_`, then base64url of 16 bytes of id and 32 random bytes. Shown once and never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// The id it is listed and revoked by.
    pub id: TokenId,
    secret: Secret<[u8; 32]>,
}

impl AccessToken {
    const PREFIX: &str = "ctr_";

    /// A token of new random bytes.
    pub fn from_random(id: [u8; 16], secret: [u8; 32]) -> Self {
        Self { id: TokenId::from_random(id), secret: Secret::new(secret) }
    }

    /// `None` for a text that carteiro never printed.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 48] = URL_SAFE_NO_PAD.decode(text.strip_prefix(Self::PREFIX)?).ok()?.try_into().ok()?;
        let (id, secret) = bytes.split_at(16);
        Some(Self { id: TokenId::from_bytes(id.try_into().ok()?), secret: Secret::new(secret.try_into().ok()?) })
    }

    /// The text a caller sends after `Bearer`.
    pub fn reveal(&self) -> String {
        let bytes = [self.id.to_bytes().as_slice(), self.secret.expose()].concat();
        format!("{}{}", Self::PREFIX, URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The stored hash.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.reveal())
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessToken({})", self.id)
    }
}

/// SHA-256 of a token's text. Enough without salt or stretching: a token is 256 random bits, not a password.
#[derive(Clone, Copy, Debug)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Hashes the text a caller sent.
    pub fn of(text: &str) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        Self(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    /// From the stored bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For the store.
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Compares in constant time: every byte is looked at, whatever the first ones say.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |different, (a, b)| different | (a ^ b)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_what_they_reveal() {
        let token = AccessToken::from_random([1; 16], [2; 32]);
        let text = token.reveal();
        assert_eq!(text.len(), 68);
        assert_eq!(AccessToken::parse(&text), Some(token.clone()));
        assert!(token.hash().matches(&TokenHash::of(&text)));
        assert!(!token.hash().matches(&TokenHash::of(&text[1..])));
        for bad in ["", "ctr_", &text[..67], &text.replace("ctr_", "xyz_"), &format!("{text}A")] {
            assert_eq!(AccessToken::parse(bad), None, "{bad}");
        }
        assert!(!format!("{token:?}").contains(&text[30..]));
    }

    /// `10y` was once refused, by a limit of 3650 days: two and a half less than it is read as.
    #[test]
    fn a_token_lives_for_more_than_nothing_and_at_most_ten_years() {
        assert_eq!(parse_token_life("10y"), Some(MAX_TOKEN_LIFE));
        assert_eq!(parse_token_life("1ns"), Some(Duration::from_nanos(1)));
        for bad in ["10y 1s", "0s", "90", ""] {
            assert_eq!(parse_token_life(bad), None, "{bad}");
        }
    }

    #[test]
    fn admin_allows_everything_and_others_themselves() {
        assert!(Scope::ALL.into_iter().all(|scope| Scopes::ADMIN.allows(scope)));
        let read = Scopes::new([Scope::Read]).unwrap();
        assert!(read.allows(Scope::Read) && !read.allows(Scope::Ingest) && !read.allows(Scope::Admin));
        assert_eq!(Scopes::new([]), None);
        assert_eq!(Scopes::from_bits(16), None);
        let metrics = Scopes::new([Scope::Metrics]).unwrap();
        assert!(read.allows(Scope::Metrics) && !metrics.allows(Scope::Read) && metrics.allows(Scope::Metrics));
    }
}
