//! Admin tokens of accounts: read from the files that the config names, or made at the first start.

use super::error::Error;
use crate::atomic_file;
use crate::control;
use crate::model::{AccessToken, Scopes, Timestamp, TokenHash};
use crate::service::{self, Account, By, Service};
use crate::store::{Store, StoreError, Token};
use std::fs;
use std::io;
use std::path::Path;
use zeroize::Zeroizing;

/// The shortest token an `admin_token_file` may hold.
const MIN_TOKEN_BYTES: usize = 20;
/// The longest: the API reads no longer one.
const MAX_TOKEN_BYTES: usize = crate::api::MAX_TOKEN_BYTES;

/// Reads the token of an `admin_token_file`. What is wrong with it comes as a sentence.
pub(crate) fn read(path: &Path) -> Result<TokenHash, String> {
    let text = read_secret(path)?;
    let token = text.trim();
    let good =
        (MIN_TOKEN_BYTES..=MAX_TOKEN_BYTES).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    let wrong = || {
        format!(
            "{} must hold an access token of {MIN_TOKEN_BYTES} to {MAX_TOKEN_BYTES} visible characters on one line",
            path.display()
        )
    };
    good.then(|| TokenHash::of(token)).ok_or_else(wrong)
}

/// The text of a file with a secret. Why it can't be read comes as a sentence.
pub(crate) fn read_secret(path: &Path) -> Result<Zeroizing<String>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Zeroizing::new(text))
}

/// Warns of a file whose token the store doesn't know: commands would read it, and be refused. It is another store's,
/// as after a restore on a new machine, or its token was revoked or has expired. Where there is no file, somebody has
/// taken it to a safer place.
fn warn_of_useless_file(path: &Path, account: &str, known: &[Token], now: Timestamp) {
    let Ok(text) = read_secret(path) else { return };
    let hash = TokenHash::of(text.trim());
    if !known.iter().any(|token| token.hash.matches(&hash) && token.is_good_at(now)) {
        tracing::warn!(
            account,
            path = %path.display(),
            "the token in this file lets nobody in, since this store doesn't know it: `carteiro token create --name \
             rescue --scope admin` prints one that does, to be written into this file"
        );
    }
}

/// Makes an admin token for each account without a usable one, in a file that only the daemon's user can read. The file
/// is durable before the token is: after a crash in between, the next start overwrites the file. Returns whether it
/// made one.
pub(crate) async fn make_missing(service: &Service, store: &Store, accounts: &[Account]) -> Result<bool, Error> {
    let mut made = false;
    for account in accounts {
        if account.admin_token.is_some() {
            continue;
        }
        let now = service.now();
        let path = control::accounts::admin_token_file(store.path(), &account.name);
        let known = store.tokens(account.no);
        if known.iter().any(|token| token.is_admin_at(now)) {
            warn_of_useless_file(&path, &account.name, &known, now);
            continue;
        }
        let token = AccessToken::from_random(crate::random::bytes(), crate::random::bytes());
        let line = Zeroizing::new(token.reveal() + "\n");
        atomic_file::replace(&path, line.as_bytes())
            .map_err(|error| Error::from(io::Error::new(error.kind(), format!("{}: {error}", path.display()))))?;
        let added =
            service.keep_token(&account.admin(By::Daemon), "admin".to_owned(), Scopes::ADMIN, None, &token).await;
        if let Err(error) = added {
            return Err(match error {
                service::Error::Store(error) => error.into(),
                _ => StoreError::Stopped.into(),
            });
        }
        tracing::info!(account = account.name, path = %path.display(), "an admin token was created in this file");
        made = true;
    }
    Ok(made)
}
