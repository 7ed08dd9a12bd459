//! Takes up a certificate whose files have changed, and warns of one that ends soon.

use super::certificate::{CLIENTS, Certificate, SETTING};
use super::ingress::Ingress;
use crate::clock::Clock;
use crate::model::Timestamp;
use crate::shutdown::requested;
use crate::tls::{CertificateWatch, look_until};
use std::sync::Arc;
use tokio::sync::watch;

impl Ingress {
    /// Takes up a certificate whose files have changed, and warns of one that ends soon, until `stop` turns true.
    pub async fn watch_certificate(self: Arc<Self>, clock: Clock, mut stop: watch::Receiver<bool>) {
        let look = move |watch: &mut CertificateWatch, now| look_at(&self, watch, now);
        look_until(requested(&mut stop), || clock.now(), CertificateWatch::since, look).await;
    }
}

/// Takes up files that have changed since they were read; says once a day that the certificate ends.
fn look_at(ingress: &Ingress, watch: &mut CertificateWatch, now: Timestamp) {
    let settings = ingress.settings();
    let Some(present) = ingress.certificate() else {
        return;
    };
    match watch.look(&present.keyed, SETTING) {
        Ok(None) => {}
        Ok(Some(keyed)) => {
            let new = Certificate::new(keyed);
            let (expires_at, warnings) = (new.end().at, new.warnings(now));
            if ingress.renew(new, &settings) {
                tracing::info!(%expires_at, "the certificate has changed and was taken up");
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
                *watch = CertificateWatch::since(now);
            }
        }
        Err(error) => {
            tracing::error!(%error, "the certificate has changed and can't be used; the old one stays in use until it \
                                     is fixed");
        }
    }
    if watch.is_warning_due(now)
        && let Some(end) = ingress.certificate().and_then(|certificate| certificate.keyed.end_warning(CLIENTS, now))
    {
        tracing::warn!("{end}");
        watch.warned(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Server};
    use crate::tls::tests::{Folder, now};

    #[test]
    fn a_change_is_taken_up_and_a_bad_one_is_not() {
        let folder = Folder::new();
        let files = folder.files();
        let settings = Server { tls_cert: Some(files.cert), tls_key: Some(files.key), ..Config::default().server };
        let ingress = Ingress::new(settings.clone(), Certificate::of(&settings).unwrap(), 1);
        let end = || ingress.certificate().unwrap().end().at.to_string()[..4].to_owned();
        let mut watch = CertificateWatch::since(now());
        look_at(&ingress, &mut watch, now());
        assert_eq!(end(), "2027");
        folder.renew(2028);
        look_at(&ingress, &mut watch, now());
        assert_eq!(end(), "2028");
        folder.write("key.pem", "");
        for _ in 0..3 {
            look_at(&ingress, &mut watch, now());
            assert_eq!(end(), "2028");
        }
    }
}
