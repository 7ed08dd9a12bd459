//! Sessions: who is signed in. A token that is revoked or expires takes its sessions with it, since each request asks
//! for it again.
//!
//! They are held in memory and written to a file, so that a restart signs nobody out: when one begins or ends, and now
//! and then when each was last used.

use super::session_file::{self, Session, SessionKey, StoreId};
use crate::atomic_file;
use crate::clock::Clock;
use crate::model::{AccountNo, Origin, TokenHash, WebhookId};
use crate::service::{Caller, Credential, Service};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a signing secret is shown that was just made, unless somebody says before that they have kept it.
const SECRET_SHOWN: Duration = Duration::from_secs(600);
/// How long an authorization is kept that somebody is asked about.
const TYPED_KEPT: Duration = Duration::from_secs(600);
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

/// Who is signed in, for one request.
pub(super) struct SignedIn {
    pub(super) caller: Caller,
    /// What every form of the session must carry.
    pub(super) csrf: String,
    key: SessionKey,
}

/// All sessions, by the hash of what their cookie holds.
pub(super) struct Sessions {
    state: Mutex<State>,
    clock: Clock,
    file: Option<SessionFile>,
}

#[derive(Default)]
struct State {
    all: HashMap<SessionKey, Session>,
    /// How often something has changed that the file has.
    changes: u64,
}

/// Where sessions are written.
struct SessionFile {
    path: PathBuf,
    store: StoreId,
    /// Up to which of the changes it has them. The holder of this writes.
    written: tokio::sync::Mutex<u64>,
}

/// 256 random bits, as a cookie or a field of a form holds them.
pub(super) fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(crate::random::bytes::<32>())
}

/// The token of the forms of the session with this cookie: a form that was open over a restart is still its own. The
/// cookie can't be told from it.
fn csrf_of(cookie: &str) -> String {
    URL_SAFE_NO_PAD.encode(TokenHash::of(&format!("form {cookie}")).to_bytes())
}

/// Whether a form's token is that of the session with this cookie. In constant time.
pub(super) fn owns(cookie: &str, csrf: &str) -> bool {
    TokenHash::of(csrf).matches(&TokenHash::of(&csrf_of(cookie)))
}

impl Sessions {
    /// Those of the file; none where it isn't of this store, or can't be read. Blocks.
    pub(super) fn of_file(path: &Path, store: StoreId, clock: Clock) -> Self {
        let all = match read(path) {
            Ok(text) => session_file::read(&text, store, &clock.uptime()).unwrap_or_else(|| {
                tracing::warn!(file = %path.display(), "no sessions can be read from this file: people sign in again");
                HashMap::new()
            }),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(%error, file = %path.display(), "sessions can't be read: people sign in again");
                }
                HashMap::new()
            }
        };
        let file = SessionFile { path: path.to_owned(), store, written: tokio::sync::Mutex::default() };
        Self { state: Mutex::new(State { all, changes: 0 }), clock, file: Some(file) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> i64 {
        session_file::moment(&self.clock.uptime())
    }

    /// Begins a session of an account and returns what its cookie holds. It outlives the process once it is saved.
    pub(super) fn begin(&self, account: AccountNo, credential: Credential) -> String {
        let (cookie, now) = (random_text(), self.now());
        let mut state = self.lock();
        state.changes += 1;
        state.all.retain(|_, session| is_alive(session, now));
        end_oldest(&mut state.all, account, &credential);
        let session = Session { account, credential, begun: now, used: now, secret: None, typed: None, token: None };
        state.all.insert(TokenHash::of(&cookie).to_bytes(), session);
        cookie
    }

    /// Whose session this cookie is of, sent from this address, if its token is still good. `by_itself`: an open page
    /// refreshes itself. It doesn't count as use of the session, so that it can expire as idle.
    pub(super) fn find(&self, service: &Service, cookie: &str, from: IpAddr, by_itself: bool) -> Option<SignedIn> {
        let (key, now) = (TokenHash::of(cookie).to_bytes(), self.now());
        let mut state = self.lock();
        let session = state.all.get_mut(&key)?;
        let Some(caller) = service.admit(&session.credential, Origin::panel(from)).filter(|_| is_alive(session, now))
        else {
            state.all.remove(&key);
            state.changes += 1;
            return None;
        };
        if !by_itself {
            session.used = now;
            state.changes += 1;
        }
        Some(SignedIn { caller, csrf: csrf_of(cookie), key })
    }

    /// Whether a session goes on, and its token is still good.
    pub(super) fn lasts(&self, service: &Service, key: &SessionKey) -> bool {
        let now = self.now();
        let credential =
            self.lock().all.get(key).filter(|session| is_alive(session, now)).map(|session| session.credential);
        credential.is_some_and(|credential| service.admit(&credential, Origin::CARTEIRO).is_some())
    }

    /// Ends a session; a restart brings it back unless that is saved.
    pub(super) fn end(&self, of: &SignedIn) {
        let mut state = self.lock();
        state.all.remove(&of.key);
        state.changes += 1;
    }

    /// Writes what has changed to the file. Where that fails, the file is taken away: it must not bring back sessions
    /// that have ended, and those that go on do so until the next start alone.
    pub(super) async fn save(&self) {
        let Some(file) = &self.file else {
            return;
        };
        let mut written = file.written.lock().await;
        let (text, changes) = {
            let state = self.lock();
            if state.changes == *written {
                return;
            }
            (session_file::write(&state.all, file.store, &self.clock.uptime()), state.changes)
        };
        let path = file.path.clone();
        let saved = tokio::task::spawn_blocking(move || {
            atomic_file::replace(&path, text.as_bytes()).map(drop).inspect_err(|_| drop(fs::remove_file(&path)))
        });
        match saved.await.unwrap_or_else(|panic| Err(io::Error::other(panic))) {
            Ok(()) => *written = changes,
            Err(error) => {
                tracing::warn!(%error, file = %file.path.display(), "sessions could not be saved: a restart ends them");
            }
        }
    }

    /// Keeps a signing secret to be shown for [`SECRET_SHOWN`].
    pub(super) fn put_secret(&self, of: &SignedIn, webhook: WebhookId, secret: String) {
        let now = self.now();
        if let Some(session) = self.lock().all.get_mut(&of.key) {
            session.secret = Some((webhook, secret, now));
        }
    }

    /// The signing secret of this webhook that is to be shown.
    pub(super) fn secret(&self, of: &SignedIn, webhook: WebhookId) -> Option<String> {
        let now = self.now();
        let mut state = self.lock();
        kept_of(&mut state.all.get_mut(&of.key)?.secret, webhook, now, SECRET_SHOWN)
    }

    /// Shows none again.
    pub(super) fn forget_secret(&self, of: &SignedIn) {
        if let Some(session) = self.lock().all.get_mut(&of.key) {
            session.secret = None;
        }
    }
}

impl Sessions {
    /// Keeps an authorization that somebody typed for a webhook and is asked about, for [`TYPED_KEPT`].
    pub(super) fn put_typed_authorization(&self, of: &SignedIn, webhook: WebhookId, text: String) {
        let now = self.now();
        if let Some(session) = self.lock().all.get_mut(&of.key) {
            session.typed = Some((webhook, text, now));
        }
    }

    /// The authorization that was typed for this webhook.
    pub(super) fn typed_authorization(&self, of: &SignedIn, webhook: WebhookId) -> Option<String> {
        let now = self.now();
        let mut state = self.lock();
        kept_of(&mut state.all.get_mut(&of.key)?.typed, webhook, now, TYPED_KEPT)
    }

    /// Keeps none any more.
    pub(super) fn forget_typed_authorization(&self, of: &SignedIn) {
        if let Some(session) = self.lock().all.get_mut(&of.key) {
            session.typed = None;
        }
    }

    /// Keeps an access token to be shown once.
    pub(super) fn put_token(&self, of: &SignedIn, text: String) {
        if let Some(session) = self.lock().all.get_mut(&of.key) {
            session.token = Some(text);
        }
    }

    /// The access token that is to be shown, and never again.
    pub(super) fn take_token(&self, of: &SignedIn) -> Option<String> {
        self.lock().all.get_mut(&of.key)?.token.take()
    }
}

/// What is kept of this webhook, unless it was for longer than that.
fn kept_of(
    kept: &mut Option<(WebhookId, String, i64)>,
    webhook: WebhookId,
    now: i64,
    longest: Duration,
) -> Option<String> {
    kept.take_if(|(_, _, since)| Duration::from_millis(now.abs_diff(*since)) >= longest);
    kept.as_ref().filter(|(owner, _, _)| *owner == webhook).map(|(_, text, _)| text.clone())
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(session_file::MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
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

fn is_alive(session: &Session, now: i64) -> bool {
    let for_less_than = |span: Duration, since: i64| Duration::from_millis(now.abs_diff(since)) < span;
    for_less_than(IDLE, session.used) && for_less_than(LIFE, session.begun)
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
        let sessions = Sessions { state: Mutex::default(), clock: Clock::System, file: None };
        let (reader, admin) = (Credential::of("reader"), Credential::of("admin"));
        let of = |token: &Credential| {
            sessions.lock().all.values().filter(|session| session.credential.key() == token.key()).count()
        };
        sessions.begin(SHOP, admin);
        sessions.begin(SHOP, admin);
        let first = sessions.begin(SHOP, reader);
        for _ in 0..2 * MAX_OF_TOKEN {
            sessions.begin(SHOP, reader);
        }
        assert_eq!((of(&admin), of(&reader)), (2, MAX_OF_TOKEN));
        assert!(!sessions.lock().all.contains_key(&TokenHash::of(&first).to_bytes()), "the oldest has ended");
        // Another account takes all the places it can have, with a token for each.
        for nth in 0..=MAX_OF_ACCOUNT {
            sessions.begin(AccountNo(2), Credential::of(&nth.to_string()));
        }
        let of_account =
            |no: u32| sessions.lock().all.values().filter(|session| session.account == AccountNo(no)).count();
        assert_eq!((of_account(1), of_account(2)), (2 + MAX_OF_TOKEN, MAX_OF_ACCOUNT));
        // Others take all that are left, and one more.
        for nth in 0..MAX {
            let account = AccountNo(3 + u32::try_from(nth / (MAX_OF_ACCOUNT - 1)).unwrap());
            let (credential, now) = (Credential::of(&nth.to_string()), sessions.now());
            let session =
                Session { account, credential, begun: now, used: now, secret: None, typed: None, token: None };
            let mut state = sessions.lock();
            if state.all.len() < MAX {
                state.all.insert(TokenHash::of(&format!("{nth}")).to_bytes(), session);
            }
        }
        sessions.begin(AccountNo(99), Credential::of("one more"));
        let all = sessions.lock().all.len();
        assert_eq!((all, of_account(1), of_account(2)), (MAX, 2 + MAX_OF_TOKEN, MAX_OF_ACCOUNT - 1));
    }

    #[tokio::test]
    async fn sessions_outlive_the_process_and_those_that_have_ended_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let (path, clock) = (folder.path().join("sessions"), Clock::manual(crate::model::Timestamp::from_ms(1 << 40)));
        let open = || Sessions::of_file(&path, [1; 16], clock.clone());
        let alive = |sessions: &Sessions, cookie: &str| {
            let state = sessions.lock();
            state.all.get(&TokenHash::of(cookie).to_bytes()).is_some_and(|one| is_alive(one, sessions.now()))
        };
        let sessions = open();
        let cookies = [(); 2].map(|()| sessions.begin(AccountNo(1), Credential::of("token")));
        sessions.save().await;
        let text = fs::read_to_string(&path).unwrap();
        assert!(cookies.iter().all(|cookie| !text.contains(cookie) && !text.contains(&csrf_of(cookie))), "{text}");
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let again = open();
        assert!(cookies.iter().all(|cookie| alive(&again, cookie)));
        // A clock that is put elsewhere neither ends nor prolongs them.
        for to in [0, 1 << 41] {
            clock.step_to(crate::model::Timestamp::from_ms(to));
            assert!(alive(&open(), &cookies[0]), "{to}");
        }
        let key = TokenHash::of(&cookies[1]).to_bytes();
        again.lock().all.remove(&key);
        again.lock().changes += 1;
        again.save().await;
        assert_eq!((alive(&open(), &cookies[0]), alive(&open(), &cookies[1])), (true, false));
        clock.pass(IDLE.saturating_sub(Duration::from_secs(1)));
        assert!(alive(&open(), &cookies[0]));
        clock.pass(Duration::from_secs(1));
        assert!(!alive(&open(), &cookies[0]), "idle for too long, though nobody was there to see it");
        assert!(Sessions::of_file(&path, [2; 16], clock.clone()).lock().all.is_empty(), "another store");
        fs::write(&path, "carteiro sessions 1\n").unwrap();
        assert!(open().lock().all.is_empty());
        // What can't be written takes the file along.
        let sessions = open();
        sessions.begin(AccountNo(1), Credential::of("token"));
        fs::create_dir(path.with_extension("new")).unwrap();
        sessions.save().await;
        assert!(!path.exists());
    }
}
