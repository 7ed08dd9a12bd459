//! The file in which sessions outlive the process: of each the hash of what its cookie holds, and of which token it is.
//! Nobody can sign in by what stands in it.
//!
//! It is no part of the store: no backup has it, and it is of one store alone, in one of its lives: a restored one has
//! another. Times in it are by the machine's uptime, which no step of the clock changes; while the machine is off, none
//! passes.

use crate::clock::Uptime;
use crate::model::{AccountNo, TokenHash, TokenId, WebhookId};
use crate::service::Credential;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::HashMap;
use std::fmt::Write as _;

/// How it begins.
const HEAD: &str = "carteiro sessions 1";
/// The longest that is read, in bytes: more than as many sessions take as there may be.
pub(super) const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// A moment as sessions have it: milliseconds since the machine's start, negative before it.
pub(super) fn moment(at: &Uptime) -> i64 {
    i64::try_from(at.ran.as_millis()).unwrap_or(i64::MAX)
}

/// Which store's sessions they are.
pub(super) type StoreId = [u8; 16];

/// A session as it is held.
pub(super) struct Session {
    pub(super) account: AccountNo,
    pub(super) credential: Credential,
    /// When it began: see [`moment`].
    pub(super) begun: i64,
    /// When it was last used, likewise.
    pub(super) used: i64,
    /// A signing secret that is shown until somebody has kept it, and since when. In no file.
    pub(super) secret: Option<(WebhookId, String, i64)>,
    /// An authorization that somebody typed and is asked about, and since when. Likewise.
    pub(super) typed: Option<(WebhookId, String, i64)>,
    /// An access token that is to be shown once, likewise.
    pub(super) token: Option<String>,
}

/// By what a session is known here: the hash of what its cookie holds.
pub(super) type SessionKey = [u8; 32];

/// The text of the file.
pub(super) fn write(sessions: &HashMap<SessionKey, Session>, store: StoreId, now: &Uptime) -> String {
    let mut text = String::with_capacity(200 + 200 * sessions.len());
    // Writing to a String can't fail.
    let _ = writeln!(text, "{HEAD}\nstore {:032x}", u128::from_be_bytes(store));
    let _ = writeln!(text, "boot {} {}", if now.boot.is_empty() { "-" } else { &now.boot }, now.ran.as_millis());
    for (key, session) in sessions {
        let (hash, id) = session.credential.parts();
        let _ = writeln!(
            text,
            "{} {} {} {} {} {}",
            URL_SAFE_NO_PAD.encode(key),
            session.account.0,
            id.map_or_else(|| "-".to_owned(), |id| id.to_string()),
            URL_SAFE_NO_PAD.encode(hash.to_bytes()),
            moment(now).saturating_sub(session.begun).max(0),
            moment(now).saturating_sub(session.used).max(0),
        );
    }
    text
}

/// The sessions of the file, if it is of this store. `None` for a text that [`write`] didn't write.
pub(super) fn read(text: &str, store: StoreId, now: &Uptime) -> Option<HashMap<SessionKey, Session>> {
    let mut lines = text.lines();
    if lines.next()? != HEAD || !text.ends_with('\n') {
        return None;
    }
    let of = u128::from_str_radix(lines.next()?.strip_prefix("store ")?, 16).ok()?.to_be_bytes();
    let (boot, ran) = lines.next()?.strip_prefix("boot ")?.split_once(' ')?;
    let ran: i64 = ran.parse().ok()?;
    // When it was written. Of another start of the machine, nobody knows how long ago that was.
    let written = if boot == now.boot { ran } else { moment(now) };
    if written > moment(now) {
        return None;
    }
    let all = lines.map(|line| read_line(line, written)).collect::<Option<_>>()?;
    Some(if of == store { all } else { HashMap::new() })
}

fn read_line(line: &str, written: i64) -> Option<(SessionKey, Session)> {
    let mut words = line.split(' ');
    let mut next = || words.next();
    let bytes = |text: &str| -> Option<[u8; 32]> { URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok() };
    let before = |text: &str| text.parse().ok().filter(|span| *span >= 0).map(|span| written.saturating_sub(span));
    let key = bytes(next()?)?;
    let account = AccountNo(next()?.parse().ok()?);
    let id = match next()? {
        "-" => None,
        id => Some(TokenId::parse(id)?),
    };
    let credential = Credential::from_parts(TokenHash::from_bytes(bytes(next()?)?), id);
    let (begun, used) = (before(next()?)?, before(next()?)?);
    let session = Session { account, credential, begun, used, secret: None, typed: None, token: None };
    words.next().is_none().then_some((key, session))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(boot: &str, seconds: u64) -> Uptime {
        Uptime { boot: boot.to_owned(), ran: Duration::from_secs(seconds) }
    }

    #[test]
    fn what_was_written_is_read_by_the_same_store_alone() {
        let now = at("b-1", 1000);
        let session = |token: &str, begun: i64, used: i64| Session {
            account: AccountNo(7),
            credential: Credential::of(token),
            begun: begun * 1000,
            used: used * 1000,
            secret: None,
            typed: None,
            token: None,
        };
        let token = crate::model::AccessToken::from_random([1; 16], [2; 32]);
        let all =
            HashMap::from([([5; 32], session(&token.reveal(), 100, 900)), ([6; 32], session("configured", 0, 1))]);
        let text = write(&all, [9; 16], &now);
        assert!(!text.contains(&token.reveal()[30..]) && !text.contains("configured"), "{text}");
        let told = |found: &HashMap<SessionKey, Session>, key: u8| {
            let session = &found[&[key; 32]];
            let (hash, id) = session.credential.parts();
            (session.account.0, id, hash.to_bytes(), session.begun / 1000, session.used / 1000)
        };
        let found = read(&text, [9; 16], &at("b-1", 1060)).unwrap();
        assert_eq!(told(&found, 5), (7, Some(token.id), token.hash().to_bytes(), 100, 900));
        assert_eq!(told(&found, 6), (7, None, TokenHash::of("configured").to_bytes(), 0, 1));
        let rebooted = read(&text, [9; 16], &at("b-2", 5)).unwrap();
        assert_eq!((told(&rebooted, 5).3, told(&rebooted, 5).4), (5 - 900, 5 - 100));
        let is_empty = |text: &str, store| read(text, store, &now).is_some_and(|all| all.is_empty());
        assert!(is_empty(&text, [8; 16]), "of a restored store, or of another");
        // Cut off anywhere, or changed, it is believed in nothing.
        for length in 0..text.len() {
            let cut = read(&text[..length], [9; 16], &now);
            assert!(cut.is_none_or(|all| all.len() < 2), "{length}");
        }
        for bad in [text.replace("sessions 1", "sessions 2"), text.replace(" 7 ", " x "), text.clone() + "x\n"] {
            assert!(read(&bad, [9; 16], &now).is_none(), "{bad}");
        }
        assert!(read(&text, [9; 16], &at("b-1", 999)).is_none(), "no machine runs backwards");
        assert!(is_empty(&write(&HashMap::new(), [9; 16], &now), [9; 16]));
    }
}
