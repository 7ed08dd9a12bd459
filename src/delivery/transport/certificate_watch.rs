//! Takes up client certificates whose files have changed, and warns of those that end soon.

use super::client::Client;
use super::client_certificates::ClientCertificate;
use crate::clock::Clock;
use crate::model::{ClientCertificateName, Timestamp};
use crate::shutdown::requested;
use crate::tls::{CertificateWatch, look_until};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

impl Client {
    /// Takes up client certificates whose files have changed, and warns of those that end soon, until `stop` turns
    /// true.
    pub async fn watch_certificates(self, clock: Clock, mut stop: watch::Receiver<bool>) {
        let look = move |looks: &mut Looks, now| looks.look(&self, now);
        look_until(requested(&mut stop), || clock.now(), Looks::since, look).await;
    }
}

/// What is known of earlier looks at the files.
pub(super) struct Looks {
    watches: BTreeMap<ClientCertificateName, CertificateWatch>,
    /// When one that is new was warned of: at the start, and then at the reload that brought it.
    warned_at: Timestamp,
}

impl Looks {
    pub(super) fn since(now: Timestamp) -> Self {
        Self { watches: BTreeMap::new(), warned_at: now }
    }

    /// Takes up files that have changed since they were read; says once a day which certificates end.
    pub(super) fn look(&mut self, client: &Client, now: Timestamp) {
        let present = client.client_certificates();
        self.watches.retain(|name, _| present.get(name).is_some());
        for certificate in present.iter() {
            let watch = self.watches.entry(certificate.name.clone());
            look_at(client, certificate, watch.or_insert_with(|| CertificateWatch::since(self.warned_at)), now);
        }
        self.warned_at = now;
    }
}

fn look_at(client: &Client, certificate: &Arc<ClientCertificate>, watch: &mut CertificateWatch, now: Timestamp) {
    let name = &certificate.name;
    match certificate.look(watch) {
        Ok(None) => {}
        Ok(Some(keyed)) => {
            if let Some(new) = client.renew_certificate(certificate, |base| certificate.renewed(keyed, base)) {
                let expires_at = new.end().at;
                tracing::info!(%name, %expires_at, "a client certificate has changed and was taken up");
                for warning in new.warnings(now) {
                    tracing::warn!("{warning}");
                }
                *watch = CertificateWatch::since(now);
            }
        }
        Err(error) => tracing::error!(
            %name, %error, "a client certificate has changed and can't be used; the old one stays in use until it is \
                            fixed"
        ),
    }
    let present = client.client_certificates();
    if watch.is_warning_due(now)
        && let Some(end) = present.get(name).and_then(|present| present.end_warning(now))
    {
        tracing::warn!("{end}");
        watch.warned(now);
    }
}
