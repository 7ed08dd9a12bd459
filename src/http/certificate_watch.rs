//! Takes up a certificate whose files have changed, and warns of one that ends soon.

use super::certificate::{Certificate, DAY_S, Stamps};
use super::ingress::Ingress;
use crate::clock::Clock;
use crate::model::Timestamp;
use crate::shutdown::requested;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often the files of the certificate are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);

impl Ingress {
    /// Takes up a certificate whose files have changed, and warns of one that ends soon, until `stop` turns true.
    pub async fn watch_certificate(self: Arc<Self>, clock: Clock, mut stop: watch::Receiver<bool>) {
        let mut watch = CertificateWatch::since(clock.now());
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = requested(&mut stop) => return,
                _ = look.tick() => {}
            }
            let (ingress, now) = (self.clone(), clock.now());
            // Files may stand on a disk that doesn't answer: not on a thread that serves.
            let looked = tokio::task::spawn_blocking(move || {
                watch.look(&ingress, now);
                watch
            });
            watch = looked.await.unwrap_or_else(|_| CertificateWatch::since(now));
        }
    }
}

/// What is known of earlier checks of the files.
struct CertificateWatch {
    /// Files that could not be used, and whether that was logged.
    failing: Option<(Stamps, bool)>,
    warned_at: Timestamp,
}

impl CertificateWatch {
    /// The first reading of the certificate has logged its warnings.
    fn since(now: Timestamp) -> Self {
        Self { failing: None, warned_at: now }
    }

    /// Takes up files that have changed since they were read; says once a day that the certificate ends.
    fn look(&mut self, ingress: &Ingress, now: Timestamp) {
        let settings = ingress.settings();
        let (Some(present), Some(cert), Some(key)) =
            (ingress.certificate(), settings.tls_cert.as_deref(), settings.tls_key.as_deref())
        else {
            return;
        };
        let stamps = Stamps::of(cert, key);
        if stamps == present.stamps {
            self.failing = None;
        } else if self.failing != Some((stamps, true)) {
            match Certificate::load(cert, key) {
                Ok(new) => {
                    let (expires_at, warnings) = (new.expires_at(), new.warnings(&settings, now));
                    if ingress.renew(new, &settings) {
                        tracing::info!(%expires_at, "the certificate has changed and was taken up");
                        for warning in warnings {
                            tracing::warn!("{warning}");
                        }
                        *self = Self::since(now);
                    }
                }
                // The first look may have come between the two files: only what stays wrong is worth a word.
                Err(error) => {
                    let stays = self.failing == Some((stamps, false));
                    if stays {
                        tracing::error!(%error, "the certificate has changed and can't be used; the old one stays in \
                                                 use until it is fixed");
                    }
                    self.failing = Some((stamps, stays));
                }
            }
        }
        if now.since(self.warned_at) >= Duration::from_secs(DAY_S)
            && let Some(end) = ingress.certificate().and_then(|certificate| certificate.end(&settings, now))
        {
            tracing::warn!("{end}");
            self.warned_at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::certificate::tests::{Files, now};
    use super::*;

    #[test]
    fn a_change_is_taken_up_and_a_bad_one_is_not() {
        let files = Files::new();
        let ingress = Ingress::new(files.settings(), Some(files.load().unwrap()), 1);
        let end = || ingress.certificate_expiry().unwrap().to_string()[..4].to_owned();
        let mut watch = CertificateWatch::since(now());
        watch.look(&ingress, now());
        assert_eq!(end(), "2027");
        let (_, key) = files.renew(2028);
        watch.look(&ingress, now());
        assert_eq!(end(), "2028");
        let (cert, _) = files.renew(2029);
        files.write("key.pem", &key);
        for logged in [false, true, true] {
            watch.look(&ingress, now());
            assert_eq!((end().as_str(), watch.failing.map(|(_, logged)| logged)), ("2028", Some(logged)));
        }
        let (_, key) = files.renew(2030);
        files.write("cert.pem", &cert);
        watch.look(&ingress, now());
        assert_eq!(end(), "2028", "still of two pairs");
        files.write("key.pem", &key);
        files.renew(2031);
        watch.look(&ingress, now());
        assert_eq!((end().as_str(), watch.failing), ("2031", None));
    }
}
