//! The links that sign in to the panel and that nobody has used yet, in memory alone.

use super::caller::Credential;
use crate::model::{AccountNo, TokenHash};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The most links of one account; past it, the oldest is good no more.
const MAX_OF_ACCOUNT: usize = 20;

/// A link that nobody has used yet.
pub(super) struct PanelLink {
    pub(super) hash: TokenHash,
    pub(super) account: AccountNo,
    pub(super) credential: Credential,
    /// By the machine's uptime, which no step of the clock changes.
    pub(super) until: Duration,
}

/// All of them.
#[derive(Default)]
pub(super) struct UnusedLinks(Mutex<Vec<PanelLink>>);

impl UnusedLinks {
    /// Keeps a link; `ran` is the machine's uptime. Links that are good no more go.
    pub(super) fn add(&self, link: PanelLink, ran: Duration) {
        let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|link| ran < link.until);
        let own = |other: &PanelLink| other.account == link.account;
        if links.iter().filter(|link| own(link)).count() >= MAX_OF_ACCOUNT
            && let Some(oldest) = links.iter().position(own)
        {
            links.remove(oldest);
        }
        links.push(link);
    }

    /// Takes the link with this secret's hash, if it is good still: whose it is.
    pub(super) fn take(&self, hash: &TokenHash, ran: Duration) -> Option<(AccountNo, Credential)> {
        let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|link| ran < link.until);
        let at = links.iter().position(|link| link.hash.matches(hash))?;
        let PanelLink { account, credential, .. } = links.remove(at);
        Some((account, credential))
    }
}
