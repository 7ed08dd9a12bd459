//! The accounts of the config and those of the store.

use super::{Error, admin_token};
use crate::config::Config;
use crate::control::accounts::absent;
use crate::model::Actor;
use crate::service::Account;
use crate::store::{self, Store};
use crate::store::{AuditedChange as _, CreateAccount};

/// The accounts of the config, each with its number in the store; a new one gets a number.
pub(crate) async fn configured(config: &Config, store: &Store) -> Result<Vec<Account>, Error> {
    let mut accounts = Vec::with_capacity(config.account.len());
    for (nth, account) in config.account.iter().enumerate() {
        let admin_token = account.admin_token_file.as_deref().map(admin_token::read).transpose();
        let admin_token =
            admin_token.map_err(|why| Error::bad_file(format!("account[{nth}].admin_token_file"), why))?;
        let no = store.commit(CreateAccount { name: account.name.clone() }.by(Actor::CARTEIRO)).await?;
        accounts.push(Account { no, name: account.name.clone(), env: account.env.as_str().into(), admin_token });
    }
    Ok(accounts)
}

/// Holds the deliveries of the accounts that the config lacks, and warns of them: nothing else reports them.
pub(crate) fn hold_absent(store: &Store, accounts: &[Account]) -> Result<(), Error> {
    let present: Vec<_> = accounts.iter().map(|account| account.no).collect();
    store.hold_all_but(&present)?;
    if let Err(error) = store.keep_account_names() {
        tracing::warn!(%error, "the names of the accounts can't be written down for `check-config`");
    }
    let names: Vec<&str> = accounts.iter().map(|account| account.name.as_str()).collect();
    let stored = store.account_names()?;
    for warning in absent(stored.iter().map(|(_, name)| name.as_str()), &names) {
        tracing::warn!("{warning}");
    }
    Ok(())
}

/// The accounts that the config lacks and its store has, as a daemon last left it: a sentence for each.
pub fn absent_accounts(config: &Config) -> Vec<String> {
    let folder = &config.store.path;
    match store::names_beside(folder) {
        Ok(stored) => {
            let names: Vec<&str> = config.account.iter().map(|account| account.name.as_str()).collect();
            absent(stored.iter().map(String::as_str), &names)
        }
        Err(error) => vec![format!("the accounts of the store in {} can't be read: {error}", folder.display())],
    }
}
