//! The accounts of a store, for its operator: listed, exported, removed. The daemon does it over its socket, the
//! command on a store that no daemon holds.

use crate::model::{AccountNo, Actor, EventFilter, Listing};
use crate::store::{AuditedChange as _, RemoveAccount, Store, StoreError};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many events are read at a time.
const PAGE: usize = 200;
/// How often it is looked whether a removal has ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Why what an operator asked of an account was not done, as a sentence.
#[derive(Debug)]
pub enum AccountError {
    /// It can't be meant.
    Sentence(String),
    /// The store could not be read or changed.
    Store(StoreError),
    /// Nobody takes what is written.
    Io(io::Error),
}

impl std::fmt::Display for AccountError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sentence(sentence) => f.write_str(sentence),
            Self::Store(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for AccountError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What the config lacks of the store's accounts, and what to do about it, in one sentence for each.
pub fn absent<'a>(stored: impl IntoIterator<Item = &'a str>, configured: &[&str]) -> Vec<String> {
    let lacking = stored.into_iter().filter(|name| !configured.contains(name));
    let sentences = lacking.map(|name| {
        format!(
            "the store has an account `{name}` that the config doesn't name: its deliveries are held and its tokens \
             refused. Name it again ([[account]] name = \"{name}\") and restart, or see `carteiro account list`, \
             `account export {name}` and `account remove {name}`"
        )
    });
    sentences.collect()
}

/// Every account as a line of JSON: `name` (null while it is being removed), `state` (`in use`, `held`,
/// `being removed`), `events`, `webhooks` and `tokens`. Blocks.
pub fn list(store: &Store, mut out: impl Write) -> Result<(), AccountError> {
    for account in store.stored_accounts()? {
        let state = match account.name {
            None => "being removed",
            Some(_) if store.is_absent(account.no) => "held",
            Some(_) => "in use",
        };
        let line = json!({
            "name": account.name, "state": state, "events": account.events, "webhooks": account.webhooks,
            "tokens": account.tokens,
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}

#[derive(Serialize)]
struct ExportLine<'a> {
    event: Exported<'a>,
}

#[derive(Serialize)]
struct Exported<'a> {
    id: String,
    #[serde(rename = "type")]
    event_type: &'a str,
    external_id: Option<&'a str>,
    occurred_at: Option<String>,
    inserted_at: String,
    notifications: Vec<Value>,
    /// `null` once it was erased.
    resource: Option<Box<RawValue>>,
}

fn find(store: &Store, name: &str) -> Result<AccountNo, AccountError> {
    let known = store.account_names()?;
    if let Some((no, _)) = known.iter().find(|(_, known)| known == name) {
        return Ok(*no);
    }
    let names: Vec<String> = known.into_iter().map(|(_, name)| name).collect();
    Err(AccountError::Sentence(format!("the store has no account `{name}`; it has {}", names.join(", "))))
}

/// Writes what is stored of an account as lines of JSON: `{"webhook": …}` for each webhook, without its secrets,
/// `{"event": …}` for each event with its resource and notifications, the oldest first, and `{"end": …}` with how many
/// there were. Blocks.
pub fn export(store: &Store, name: &str, out: impl Write) -> Result<(), AccountError> {
    let account = find(store, name)?;
    let mut out = io::BufWriter::with_capacity(256 * 1024, out);
    let directory = store.directory();
    let mut webhooks = 0;
    for webhook in directory.of(account) {
        let line = json!({ "webhook": {
            "id": webhook.id.to_string(), "name": webhook.name(), "target": webhook.target.as_str(),
            "status": webhook.status.as_str(),
            "events": webhook.events.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "description": webhook.description, "inserted_at": webhook.inserted_at.to_string(),
        }});
        writeln!(out, "{line}")?;
        webhooks += 1;
    }
    let (mut events, mut cursor) = (0_u64, None);
    loop {
        let page = store.events(account, &EventFilter::default(), Listing::oldest(PAGE).at(cursor))?;
        if page.items.is_empty() {
            break;
        }
        for event in &page.items {
            let payload = store.event(account, event.seq)?.and_then(|(_, payload)| payload);
            // The bytes it was, since it may hold numbers that no float does; no string of JSON has a line end in it.
            let text = payload.and_then(|payload| String::from_utf8(payload.resource().to_vec()).ok());
            let resource = text.and_then(|text| RawValue::from_string(text.replace(['\n', '\r'], " ")).ok());
            let mut notifications = Vec::new();
            for notification in store.notifications_of(account, event.seq)? {
                let webhook = store.webhook(account, notification.key.webhook)?;
                let deleted = webhook.as_ref().is_none_or(|webhook| webhook.deleted_at.is_some());
                let active = webhook.as_ref().is_some_and(|webhook| webhook.is_active());
                notifications.push(json!({
                    "id": store.notification_id(notification.key).to_string(),
                    "webhook_id": webhook.map(|webhook| webhook.id.to_string()),
                    "status": notification.status(active, deleted).as_str(),
                    "attempts_count": notification.attempts,
                    "delivered_at": notification.delivered_at.map(|at| at.to_string()),
                }));
            }
            let line = ExportLine {
                event: Exported {
                    id: event.id.to_string(),
                    event_type: event.event_type.as_str(),
                    external_id: event.external_id.as_deref(),
                    occurred_at: event.occurred_at.map(|at| at.to_string()),
                    inserted_at: event.inserted_at.to_string(),
                    notifications,
                    resource,
                },
            };
            writeln!(out, "{}", serde_json::to_string(&line).map_err(io::Error::from)?)?;
            events += 1;
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let end: Value = json!({ "end": { "account": name, "webhooks": webhooks, "events": events } });
    writeln!(out, "{end}")?;
    Ok(out.flush()?)
}

/// Begins the removal of an account that the config lacks; returns its number. The audit of the account `told_in` says
/// that the operator has asked for it.
pub async fn remove(store: &Store, name: &str, told_in: Option<AccountNo>) -> Result<AccountNo, AccountError> {
    let no = find(store, name)?;
    if !store.is_absent(no) {
        return Err(AccountError::Sentence(format!(
            "the config names account `{name}`: take its [[account]] out, restart the daemon, and remove it then"
        )));
    }
    let being_removed = || AccountError::Sentence(format!("account `{name}` is being removed already"));
    let removal = RemoveAccount { name: name.to_owned(), told_in }.by(Actor::OPERATOR);
    let no = store.commit(removal).await?.ok_or_else(being_removed)?;
    // Only now that it is durable: a kill before this would leave the account as it was.
    tracing::warn!(account = name, "the account is being removed, with all its data");
    store.keep_account_names()?;
    // The file that the first start wrote; the account may have had another one.
    let _ = std::fs::remove_file(admin_token_file(store.path(), name));
    Ok(no)
}

/// Waits until a removal has ended.
pub async fn removed(store: &Store, account: AccountNo) -> Result<(), AccountError> {
    while store.is_being_removed(account)? {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Where the first start writes the admin token of an account that has none. It depends on the account's name alone:
/// another account changes nothing.
pub fn admin_token_file(data: &Path, account: &str) -> PathBuf {
    data.join(if account == "default" { "admin-token".to_owned() } else { format!("admin-token-{account}") })
}
