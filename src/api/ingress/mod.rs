//! The gate: who may connect, how long a connection may wait, TLS, and who has guessed tokens too often.
//!
//! It knows connections and addresses, not what is asked for. Its settings are the config's; a reload replaces them, and every
//! connection that is accepted afterwards, and every request, goes by the new ones.

mod caller;
mod certificate;
mod guarded;
mod guesses;
mod places;

pub(super) use caller::{caller, holder};
pub use certificate::{Certificate, CertificateError};
pub(super) use guarded::{Guarded, Patience, Stream};
pub(super) use guesses::Guesses;
pub(super) use places::{Phase, Place, Places, Refused, Taken};

use super::bodies::Bodies;
use super::traffic::Traffic;
use super::turns::Turns;
use crate::clock::Clock;
use crate::config::Server as Settings;
use crate::model::Timestamp;
use crate::shutdown::asked;
use certificate::Watch;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How often the files of the certificate are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// What all connections share.
pub struct Ingress {
    settings: RwLock<Arc<Settings>>,
    certificate: RwLock<Option<Arc<Certificate>>>,
    pub(super) places: Arc<Places>,
    pub(super) guesses: Guesses,
    pub(super) traffic: Traffic,
    pub(super) bodies: Bodies,
    pub(super) turns: Turns,
}

impl Ingress {
    /// With these settings, and the certificate they name, if they name one; of connections there are never more than `most`,
    /// for which there are file descriptors.
    pub fn new(settings: Settings, certificate: Option<Certificate>, most: usize) -> Arc<Self> {
        Arc::new(Self {
            settings: RwLock::new(Arc::new(settings)),
            certificate: RwLock::new(certificate.map(Arc::new)),
            places: Arc::new(Places::new(most)),
            guesses: Guesses::default(),
            traffic: Traffic::default(),
            bodies: Bodies::default(),
            turns: Turns::default(),
        })
    }

    /// Takes up what a reload changed, the files of the certificate read anew.
    pub fn replace(&self, settings: Settings, certificate: Option<Certificate>) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        *self.certificate.write().unwrap_or_else(PoisonError::into_inner) = certificate.map(Arc::new);
    }

    /// Counts a wrong token from this address, wherever it was given; `Err` with how long to wait, if it has sent too many.
    pub fn wrong_token(&self, address: IpAddr) -> Result<(), Duration> {
        self.guesses.wrong(address, Instant::now())
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The certificate in use; `None` where plain HTTP is spoken.
    pub fn certificate(&self) -> Option<Arc<Certificate>> {
        self.certificate.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When the certificate in use ends; `None` where plain HTTP is spoken.
    pub(super) fn certificate_expiry(&self) -> Option<Timestamp> {
        self.certificate().map(|certificate| certificate.expires_at())
    }

    /// Takes up a certificate whose files have changed, and warns of one that ends soon, until `stop` turns true.
    pub async fn watch_certificate(self: Arc<Self>, clock: Clock, mut stop: watch::Receiver<bool>) {
        let mut watch = Watch::since(clock.now());
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = asked(&mut stop) => return,
                _ = look.tick() => {}
            }
            let (ingress, now) = (self.clone(), clock.now());
            // Files may stand on a disk that doesn't answer: not on a thread that serves.
            let looked = tokio::task::spawn_blocking(move || {
                watch.look(&ingress, now);
                watch
            });
            watch = looked.await.unwrap_or_else(|_| Watch::since(now));
        }
    }

    /// Replaces the certificate alone, unless a reload has named other files meanwhile.
    fn renew(&self, certificate: Certificate, settings: &Arc<Settings>) -> bool {
        let mut present = self.certificate.write().unwrap_or_else(PoisonError::into_inner);
        let same = Arc::ptr_eq(&self.settings(), settings);
        if same {
            *present = Some(Arc::new(certificate));
        }
        same
    }
}
