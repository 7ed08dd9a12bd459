//! Links that sign in to the panel: for people who run the daemon, or have an admin token, and would rather click than
//! paste a token into a page.
//!
//! A link holds a secret that is known here by its hash, in memory alone: a restart forgets it. It stands behind the
//! `#` of the address, which browsers send to nobody: no server's or proxy's log has it, and no `Referer`.

use super::caller::{By, Caller, Credential};
use super::error::Error;
use super::shared::Service;
use super::unused_links::PanelLink;
use crate::model::{AccountNo, Timestamp, TokenHash};
use crate::store::{Access, AuditedChange as _, NoteAccess};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// How long a link is good for, if nobody uses it.
pub const PANEL_LINK_LIFE: Duration = Duration::from_secs(15 * 60);
/// What begins the secret of a link.
const PREFIX: &str = "ctl_";

/// A link that was made just now. It is shown this once.
#[derive(Clone, Serialize)]
pub struct NewPanelLink {
    /// Where it leads.
    pub url: String,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

impl fmt::Debug for NewPanelLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewPanelLink").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl Service {
    /// Makes a link that signs in once, as an admin of the caller's account. `here` is where the caller reaches the
    /// panel, for a config that doesn't say where it is: without a slash at its end. The session will be one of the
    /// caller's token; of a caller that has none, one of the account's admin token: [`Error::NotFound`] where it has
    /// none, or where there is no panel.
    pub async fn make_panel_link(&self, caller: &Caller, here: &str) -> Result<NewPanelLink, Error> {
        let credential = self.admin_credential(caller).filter(|_| self.has_panel()).ok_or(Error::NotFound)?;
        self.note_access(caller, Access::LinkCreated).await?;
        let secret = PREFIX.to_owned() + &URL_SAFE_NO_PAD.encode(crate::random::bytes::<32>());
        let ran = self.clock.uptime().ran;
        let until = ran + PANEL_LINK_LIFE;
        self.panel_links
            .add(PanelLink { hash: TokenHash::of(&secret), account: caller.account, credential, until }, ran);
        tracing::info!(by = %caller.by, "a link that signs in to the panel was made");
        let config = self.config();
        let panel = config.panel.url.as_ref().map_or(here, |url| url.as_str());
        let expires_at = self.clock.now().plus(PANEL_LINK_LIFE);
        Ok(NewPanelLink { url: format!("{panel}/sign-in/link#{secret}"), expires_at })
    }

    /// Writes into the audit that somebody has signed in to the panel, `by_link` or with the token itself. Nobody is
    /// let in whom the audit doesn't name.
    pub async fn note_sign_in(&self, caller: &Caller, by_link: bool) -> Result<(), Error> {
        self.note_access(caller, if by_link { Access::SignedInByLink } else { Access::SignedIn }).await
    }

    async fn note_access(&self, caller: &Caller, access: Access) -> Result<(), Error> {
        Ok(self.store.commit(NoteAccess { account: caller.account, access }.by(caller.actor())).await?)
    }

    /// Whether the panel is served.
    pub fn has_panel(&self) -> bool {
        self.config().panel.enabled
    }

    /// Uses a link, given whole or as what stands behind its `#`: whose it is. It is good no more.
    pub fn use_panel_link(&self, link: &str) -> Option<(AccountNo, Credential)> {
        let secret = link.trim().rsplit('#').next().unwrap_or_default();
        self.panel_links.take(&TokenHash::of(secret), self.clock.uptime().ran)
    }

    /// What the session of a link is bound to: the caller's own token, or the account's oldest admin token.
    fn admin_credential(&self, caller: &Caller) -> Option<Credential> {
        let configured = || {
            let account = self.accounts.iter().find(|account| account.no == caller.account)?;
            account.admin_token.map(|hash| Credential::from_parts(hash, None))
        };
        let now = self.clock.now();
        match &caller.by {
            By::Token { id, .. } => Some(Credential::from_parts(self.store.token(*id, now)?.hash, Some(*id))),
            By::ConfigToken => configured(),
            By::Operator | By::Daemon => configured().or_else(|| {
                let all = self.store.tokens(caller.account).into_iter();
                let oldest = all.filter(|token| token.is_admin_at(now)).min_by_key(|token| token.inserted_at)?;
                Some(Credential::from_parts(oldest.hash, Some(oldest.id)))
            }),
        }
    }
}
