//! The certificates that the daemon shows, to clients and to targets, and when each ends.

use super::shared::Service;
use crate::http::Ingress;
use crate::model::ClientCertificateName;
use crate::tls::CertificateEnd;
use std::path::PathBuf;

/// A certificate of the config's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCertificate {
    /// What the config calls it, if it is shown to targets; `None` for the server's.
    pub client: Option<ClientCertificateName>,
    /// The file that it was read from.
    pub file: PathBuf,
    /// When it ends.
    pub end: CertificateEnd,
}

impl Service {
    /// Every certificate in use: the server's, if it has one, then those that are shown to targets, in the order of the
    /// config. Those of all accounts, for the operator.
    pub fn certificates(&self, ingress: &Ingress) -> Vec<OwnCertificate> {
        let server = ingress.certificate().map(|certificate| OwnCertificate {
            client: None,
            file: certificate.file().to_owned(),
            end: certificate.end(),
        });
        let clients = self.delivery.client.client_certificates();
        let clients = clients.iter().map(|certificate| OwnCertificate {
            client: Some(certificate.name().clone()),
            file: certificate.settings().cert.clone(),
            end: certificate.end(),
        });
        server.into_iter().chain(clients).collect()
    }
}
