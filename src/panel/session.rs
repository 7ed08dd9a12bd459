//! Sessions: who is signed in. In memory alone: a restart signs everybody out, and a token that is revoked or expires takes its
//! sessions with it, since each request asks for it again.

use crate::model::{TokenHash, WebhookId};
use crate::service::{Caller, Credential, Service};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a session lasts that nobody uses,
const IDLE: Duration = Duration::from_secs(12 * 3600);
/// and one that is used.
const LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// The most sessions of one token; past it, the one of them that was used least recently ends. So nobody who has a token, of whatever
/// account, can sign out somebody who came in with another.
const MAX_OF_TOKEN: usize = 100;
/// The most sessions at once, in memory; past it, one of the token that has the most ends.
const MAX: usize = 10_000;

struct Session {
    credential: Credential,
    csrf: String,
    begun: Instant,
    used: Instant,
    /// A signing secret that is to be shown once.
    secret: Option<(WebhookId, String)>,
}

/// By what a session is known here: the hash of what its cookie holds.
pub(super) type Key = [u8; 32];

/// Who is signed in, for one request.
pub(super) struct SignedIn {
    pub(super) caller: Caller,
    /// What every form of the session must carry.
    pub(super) csrf: String,
    key: Key,
}

/// All sessions, by the hash of what their cookie holds.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<Key, Session>>);

fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(crate::random::bytes::<32>())
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session and returns what its cookie holds.
    pub(super) fn begin(&self, credential: Credential) -> String {
        let (cookie, now) = (random_text(), Instant::now());
        let mut all = self.lock();
        all.retain(|_, session| is_alive(session, now));
        end_oldest(&mut all, &credential);
        let session = Session { credential, csrf: random_text(), begun: now, used: now, secret: None };
        all.insert(TokenHash::of(&cookie).to_bytes(), session);
        cookie
    }

    /// Whose session this cookie is of, if its token is still good. `by_itself`: it is a page that looks again and nobody who uses
    /// it, so that an open page doesn't keep its session from growing idle.
    pub(super) fn find(&self, service: &Service, cookie: &str, by_itself: bool) -> Option<SignedIn> {
        let (key, now) = (TokenHash::of(cookie).to_bytes(), Instant::now());
        let mut all = self.lock();
        let session = all.get_mut(&key)?;
        let Some(caller) = service.admit(&session.credential).filter(|_| is_alive(session, now)) else {
            all.remove(&key);
            return None;
        };
        if !by_itself {
            session.used = now;
        }
        Some(SignedIn { caller, csrf: session.csrf.clone(), key })
    }

    /// Whether a session goes on, and its token is still good.
    pub(super) fn lasts(&self, service: &Service, key: &Key) -> bool {
        let credential =
            self.lock().get(key).filter(|session| is_alive(session, Instant::now())).map(|it| it.credential);
        credential.is_some_and(|credential| service.admit(&credential).is_some())
    }

    pub(super) fn end(&self, of: &SignedIn) {
        self.lock().remove(&of.key);
    }

    /// Keeps a signing secret to be shown once.
    pub(super) fn put_secret(&self, of: &SignedIn, webhook: WebhookId, secret: String) {
        if let Some(session) = self.lock().get_mut(&of.key) {
            session.secret = Some((webhook, secret));
        }
    }

    /// The signing secret of this webhook that is to be shown, and never again.
    pub(super) fn take_secret(&self, of: &SignedIn, webhook: WebhookId) -> Option<String> {
        let mut all = self.lock();
        let session = all.get_mut(&of.key)?;
        session.secret.take_if(|(kept, _)| *kept == webhook).map(|(_, secret)| secret)
    }
}

/// Makes room for one more session of this token.
fn end_oldest(all: &mut HashMap<Key, Session>, new: &Credential) {
    let mut of_token: HashMap<Key, usize> = HashMap::new();
    for session in all.values() {
        *of_token.entry(session.credential.key()).or_default() += 1;
    }
    let own = of_token.get(&new.key()).copied().unwrap_or(0);
    let from = if own >= MAX_OF_TOKEN {
        Some(new.key())
    } else if all.len() >= MAX {
        of_token.into_iter().max_by_key(|(_, count)| *count).map(|(token, _)| token)
    } else {
        None
    };
    let of = all.iter().filter(|(_, session)| Some(session.credential.key()) == from);
    if let Some(oldest) = of.min_by_key(|(_, session)| session.used).map(|(key, _)| *key) {
        all.remove(&oldest);
    }
}

fn is_alive(session: &Session, now: Instant) -> bool {
    now.duration_since(session.used) < IDLE && now.duration_since(session.begun) < LIFE
}

impl SignedIn {
    pub(super) const fn key(&self) -> Key {
        self.key
    }

    /// Whether a form's token is this session's. In constant time.
    pub(super) fn owns(&self, csrf: &str) -> bool {
        TokenHash::of(csrf).matches(&TokenHash::of(&self.csrf))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_its_own_sessions_alone() {
        let sessions = Sessions::default();
        let (reader, admin) = (Credential::of("reader"), Credential::of("admin"));
        let of = |token: &Credential| {
            sessions.lock().values().filter(|session| session.credential.key() == token.key()).count()
        };
        sessions.begin(admin);
        let first = sessions.begin(reader);
        for _ in 0..2 * MAX_OF_TOKEN {
            sessions.begin(reader);
        }
        assert_eq!((of(&admin), of(&reader)), (1, MAX_OF_TOKEN));
        assert!(!sessions.lock().contains_key(&TokenHash::of(&first).to_bytes()), "the oldest has ended");
        // All places taken, by tokens that have as many as one may.
        for nth in 0..MAX - 1 - MAX_OF_TOKEN {
            let (credential, now) = (Credential::of(&(nth / MAX_OF_TOKEN).to_string()), Instant::now());
            let session = Session { credential, csrf: String::new(), begun: now, used: now, secret: None };
            sessions.lock().insert(TokenHash::of(&nth.to_string()).to_bytes(), session);
        }
        sessions.begin(Credential::of("one more"));
        let all = sessions.lock().len();
        assert_eq!((all, of(&admin)), (MAX, 1));
    }
}
