//! What all connections share: who may connect, how long a connection may wait, TLS, and who has guessed tokens too
//! often.
//!
//! It knows connections and addresses, not what is asked for. Its settings are the config's; a reload replaces them,
//! and every connection that is accepted afterwards, and every request, goes by the new ones.

use super::auth_throttle::AuthThrottle;
use super::certificate::Certificate;
use super::connection_slots::ConnectionSlots;
use super::long_work::LongWork;
use super::request_body::RequestBodies;
use super::traffic::Traffic;
use crate::config::Server as Settings;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::Instant;

/// What all connections share.
pub struct Ingress {
    settings: RwLock<Arc<Settings>>,
    certificate: RwLock<Option<Arc<Certificate>>>,
    pub(crate) slots: Arc<ConnectionSlots>,
    pub(crate) throttle: AuthThrottle,
    pub(crate) traffic: Traffic,
    pub(crate) bodies: RequestBodies,
    pub(crate) long_work: LongWork,
}

impl Ingress {
    /// With these settings, and the certificate they name, if they name one; of connections there are never more than
    /// `most`, for which there are file descriptors.
    pub fn new(settings: Settings, certificate: Option<Certificate>, most: usize) -> Arc<Self> {
        Arc::new(Self {
            settings: RwLock::new(Arc::new(settings)),
            certificate: RwLock::new(certificate.map(Arc::new)),
            slots: Arc::new(ConnectionSlots::new(most)),
            throttle: AuthThrottle::default(),
            traffic: Traffic::default(),
            bodies: RequestBodies::default(),
            long_work: LongWork::default(),
        })
    }

    /// Takes up what a reload changed, the files of the certificate read anew.
    pub fn replace(&self, settings: Settings, certificate: Option<Certificate>) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        *self.certificate.write().unwrap_or_else(PoisonError::into_inner) = certificate.map(Arc::new);
    }

    /// Counts a wrong token from this address, wherever it was given; `Err` with how long to wait, if it has sent too
    /// many.
    pub fn wrong_token(&self, address: IpAddr) -> Result<(), Duration> {
        self.throttle.wrong(address, Instant::now())
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The certificate in use; `None` where plain HTTP is spoken.
    pub fn certificate(&self) -> Option<Arc<Certificate>> {
        self.certificate.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the certificate alone, unless a reload has named other files meanwhile.
    pub(super) fn renew(&self, certificate: Certificate, settings: &Arc<Settings>) -> bool {
        let mut present = self.certificate.write().unwrap_or_else(PoisonError::into_inner);
        let same = Arc::ptr_eq(&self.settings(), settings);
        if same {
            *present = Some(Arc::new(certificate));
        }
        same
    }
}
