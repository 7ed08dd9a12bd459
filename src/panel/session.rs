//! Sessions: who is signed in. In memory alone: a restart signs everybody out, and a token that is revoked or expires
//! takes its sessions with it, since each request asks for it again.

use crate::model::{AccountNo, TokenHash, WebhookId};
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
/// The most sessions of one token; past it, the one of them that was used least recently ends: nobody can sign out a
/// person who signed in with another token.
const MAX_OF_TOKEN: usize = 100;
/// The most sessions of one account; past it, one of the account's token that has the most ends: no account can sign
/// out another's people, however many tokens it makes.
const MAX_OF_ACCOUNT: usize = 1000;
/// The most sessions at once, in memory; past it, one of the account that has the most ends.
const MAX: usize = 10_000;

struct Session {
    account: AccountNo,
    credential: Credential,
    csrf: String,
    begun: Instant,
    used: Instant,
    /// A signing secret that is to be shown once.
    secret: Option<(WebhookId, String)>,
}

/// By what a session is known here: the hash of what its cookie holds.
pub(super) type SessionKey = [u8; 32];

/// Who is signed in, for one request.
pub(super) struct SignedIn {
    pub(super) caller: Caller,
    /// What every form of the session must carry.
    pub(super) csrf: String,
    key: SessionKey,
}

/// All sessions, by the hash of what their cookie holds.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<SessionKey, Session>>);

/// 256 random bits, as a cookie or a field of a form holds them.
pub(super) fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(crate::random::bytes::<32>())
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionKey, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session of an account and returns what its cookie holds.
    pub(super) fn begin(&self, account: AccountNo, credential: Credential) -> String {
        let (cookie, now) = (random_text(), Instant::now());
        let mut all = self.lock();
        all.retain(|_, session| is_alive(session, now));
        end_oldest(&mut all, account, &credential);
        let session = Session { account, credential, csrf: random_text(), begun: now, used: now, secret: None };
        all.insert(TokenHash::of(&cookie).to_bytes(), session);
        cookie
    }

    /// Whose session this cookie is of, if its token is still good. `by_itself`: an open page refreshes itself. It
    /// doesn't count as use of the session, so that it can expire as idle.
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
    pub(super) fn lasts(&self, service: &Service, key: &SessionKey) -> bool {
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
        session.secret.take_if(|(owner, _)| *owner == webhook).map(|(_, secret)| secret)
    }
}

/// Makes room for one more session of this account's token.
fn end_oldest(all: &mut HashMap<SessionKey, Session>, account: AccountNo, new: &Credential) {
    let mut accounts: HashMap<AccountNo, usize> = HashMap::new();
    let mut tokens: HashMap<(AccountNo, SessionKey), usize> = HashMap::new();
    for session in all.values() {
        *accounts.entry(session.account).or_default() += 1;
        *tokens.entry((session.account, session.credential.key())).or_default() += 1;
    }
    let from = if tokens.get(&(account, new.key())).is_some_and(|count| *count >= MAX_OF_TOKEN) {
        Some((account, new.key()))
    } else {
        let largest = || accounts.iter().max_by_key(|(_, count)| **count).map(|(no, _)| *no);
        let own_if_full = accounts.get(&account).is_some_and(|count| *count >= MAX_OF_ACCOUNT).then_some(account);
        let full = own_if_full.or_else(|| if all.len() >= MAX { largest() } else { None });
        let tokens_of_full = tokens.into_iter().filter(|((no, _), _)| Some(*no) == full);
        tokens_of_full.max_by_key(|(_, count)| *count).map(|(token, _)| token)
    };
    let candidates = all.iter().filter(|(_, session)| Some((session.account, session.credential.key())) == from);
    if let Some(oldest) = candidates.min_by_key(|(_, session)| session.used).map(|(key, _)| *key) {
        all.remove(&oldest);
    }
}

fn is_alive(session: &Session, now: Instant) -> bool {
    now.duration_since(session.used) < IDLE && now.duration_since(session.begun) < LIFE
}

impl SignedIn {
    pub(super) const fn key(&self) -> SessionKey {
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
    fn a_token_ends_its_own_sessions_alone_and_an_account_those_of_its_own() {
        const SHOP: AccountNo = AccountNo(1);
        let sessions = Sessions::default();
        let (reader, admin) = (Credential::of("reader"), Credential::of("admin"));
        let of = |token: &Credential| {
            sessions.lock().values().filter(|session| session.credential.key() == token.key()).count()
        };
        sessions.begin(SHOP, admin);
        sessions.begin(SHOP, admin);
        let first = sessions.begin(SHOP, reader);
        for _ in 0..2 * MAX_OF_TOKEN {
            sessions.begin(SHOP, reader);
        }
        assert_eq!((of(&admin), of(&reader)), (2, MAX_OF_TOKEN));
        assert!(!sessions.lock().contains_key(&TokenHash::of(&first).to_bytes()), "the oldest has ended");
        // Another account takes all the places it can have, with a token for each.
        for nth in 0..=MAX_OF_ACCOUNT {
            sessions.begin(AccountNo(2), Credential::of(&nth.to_string()));
        }
        let of_account = |no: u32| sessions.lock().values().filter(|session| session.account == AccountNo(no)).count();
        assert_eq!((of_account(1), of_account(2)), (2 + MAX_OF_TOKEN, MAX_OF_ACCOUNT));
        // Others take all that are left, and one more.
        for nth in 0..MAX {
            let account = AccountNo(3 + u32::try_from(nth / (MAX_OF_ACCOUNT - 1)).unwrap());
            let (credential, now) = (Credential::of(&nth.to_string()), Instant::now());
            let session = Session { account, credential, csrf: String::new(), begun: now, used: now, secret: None };
            let mut all = sessions.lock();
            if all.len() < MAX {
                all.insert(TokenHash::of(&format!("{nth}")).to_bytes(), session);
            }
        }
        sessions.begin(AccountNo(99), Credential::of("one more"));
        let all = sessions.lock().len();
        assert_eq!((all, of_account(1), of_account(2)), (MAX, 2 + MAX_OF_TOKEN, MAX_OF_ACCOUNT - 1));
    }
}
