//! What all attempts have in common, until the next reload.

use super::client_certificates::ClientCertificates;
use crate::config::{Delivery, Egress};
use crate::delivery::egress::Guard;
use crate::model::ProxyUrl;
use std::sync::Arc;
use std::time::Duration;

/// The longest timeout that is taken; a greater one is read as this.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// The config's sections, and what the files that it names hold.
#[derive(Clone)]
pub struct ClientSettings {
    /// Its timeouts; that of an attempt is at most [`MAX_TIMEOUT`].
    pub delivery: Delivery,
    /// Which targets are allowed.
    pub egress: Egress,
    /// Through which proxy targets are reached, by `egress.proxy` or `egress.proxy_file`. Names are resolved and
    /// addresses checked here all the same.
    pub proxy: Option<ProxyUrl>,
    /// Whose certificates are trusted; see [`crate::tls::client::client_config`].
    pub tls: Arc<rustls::ClientConfig>,
    /// What is shown to targets that ask for a certificate.
    pub client_certificates: ClientCertificates,
    /// Whether any address and plain `http` may be dialled, whatever `egress` says: only for URLs that the operator
    /// wrote into the config.
    pub any_address: bool,
}

impl ClientSettings {
    pub(crate) fn guard(&self) -> Guard<'_> {
        if self.any_address { Guard::open() } else { Guard::new(&self.egress.allow) }
    }

    /// Whether plain `http` may be spoken.
    pub(crate) fn allows_http(&self) -> bool {
        self.any_address || self.egress.allow_http
    }

    /// The same for URLs that the operator wrote into the config.
    #[must_use]
    pub fn of_the_operator(self) -> Self {
        Self { any_address: true, ..self }
    }
}

#[cfg(any(test, fuzzing))]
impl ClientSettings {
    /// Attempts and connections within `timeout`, to public addresses and to those of `allow`, a range or none. Reads
    /// the system's certificates once, since that takes long.
    pub(crate) fn allowing(allow: &[&str], timeout: Duration) -> Self {
        static TLS: std::sync::LazyLock<Arc<rustls::ClientConfig>> = std::sync::LazyLock::new(|| {
            crate::tls::client::client_config(None).expect("the system's certificates can be read")
        });
        let allow = allow.iter().map(|range| crate::config::AllowRule::parse(range).expect("a range")).collect();
        Self {
            delivery: Delivery { timeout, connect_timeout: timeout, ..Delivery::default() },
            egress: Egress { allow, allow_http: true, ..Egress::default() },
            proxy: None,
            tls: Arc::clone(&TLS),
            client_certificates: ClientCertificates::default(),
            any_address: false,
        }
    }
}

#[cfg(test)]
impl ClientSettings {
    pub(crate) fn within(mut self, timeout: Duration) -> Self {
        self.delivery.timeout = timeout;
        self
    }

    pub(crate) fn connecting_within(mut self, timeout: Duration) -> Self {
        self.delivery.connect_timeout = timeout;
        self
    }

    pub(crate) fn without_exceptions(mut self) -> Self {
        self.egress.allow.clear();
        self
    }

    pub(crate) fn https_only(mut self) -> Self {
        self.egress.allow_http = false;
        self
    }
}
