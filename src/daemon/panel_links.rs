//! Links that sign in to the panel, for people who reach the process itself: over the control socket, or as its own
//! words on a terminal.

use super::endpoint;
use crate::control::MakePanelLink;
use crate::http::Ingress;
use crate::service::{By, Error, NewPanelLink, Service};
use std::net::SocketAddr;
use std::sync::Arc;

/// Makes links.
#[derive(Clone)]
pub(crate) struct PanelLinks {
    pub(crate) service: Arc<Service>,
    /// What is listened on.
    pub(crate) address: SocketAddr,
    pub(crate) ingress: Arc<Ingress>,
}

impl PanelLinks {
    /// A link for an admin of the account of this name; of the config's first where it is empty. `by` asks for it: the
    /// operator, or the daemon itself.
    pub(crate) async fn make(&self, account: &str, by: By) -> Result<NewPanelLink, String> {
        if !self.service.has_panel() {
            return Err("the panel is off: set panel.enabled = true and restart the daemon".to_owned());
        }
        let accounts = self.service.accounts();
        let found = accounts.iter().find(|one| account.is_empty() || one.name == account);
        let found = found.ok_or_else(|| {
            let known: Vec<&str> = accounts.iter().map(|one| one.name.as_str()).collect();
            format!("the config has no account `{account}`; it has {}", known.join(", "))
        })?;
        let made = self.service.make_panel_link(&found.admin(by), &self.here()).await;
        made.map_err(|error| match error {
            Error::NotFound => format!(
                "account `{}` has no admin token that a session could be of: restart the daemon, which makes one",
                found.name
            ),
            error => error.into_reply().detail.en,
        })
    }

    /// For the control socket: a line of JSON.
    pub(crate) fn for_control(self) -> MakePanelLink {
        Arc::new(move |account| {
            let links = self.clone();
            Box::pin(async move {
                let link = links.make(&account, By::Operator).await?;
                serde_json::to_string(&link).map_err(|error| error.to_string())
            })
        })
    }

    /// How this machine reaches the panel.
    fn here(&self) -> String {
        let scheme = if self.ingress.certificate().is_some() { "https" } else { "http" };
        format!("{scheme}://{}", endpoint::here(self.address))
    }
}
