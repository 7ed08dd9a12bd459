//! The server's certificate and key, ready for handshakes.

use crate::config::Server as Settings;
use crate::model::Timestamp;
use crate::tls::{self, CertificateEnd, CertificateFileError, CertificateFiles, KeyedCertificate};
use rustls::ServerConfig;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::CertificateDer;
use std::path::Path;
use std::sync::Arc;

/// The setting that names the file of the certificate.
pub(super) const SETTING: &str = "server.tls_cert";
/// Who refuses one that has expired.
pub(super) const CLIENTS: &str = "clients";

/// A certificate with its key, ready for handshakes: TLS 1.2 and 1.3, and HTTP/1.1 inside.
pub struct Certificate {
    tls: Arc<ServerConfig>,
    pub(super) keyed: KeyedCertificate,
}

impl Certificate {
    /// Reads the files that the settings name; `None` where they name none. What is wrong with them comes as a
    /// sentence.
    pub fn of(settings: &Settings) -> Result<Option<Self>, CertificateFileError> {
        match (&settings.tls_cert, &settings.tls_key) {
            (Some(cert), Some(key)) => {
                let files = CertificateFiles { cert: cert.clone(), key: key.clone() };
                KeyedCertificate::load(&files, SETTING).map(|keyed| Some(Self::new(keyed)))
            }
            // The config holds both or neither.
            _ => Ok(None),
        }
    }

    pub(super) fn new(keyed: KeyedCertificate) -> Self {
        let resolver = SingleCertAndKey::from(CertifiedKey::clone(&keyed.certified));
        let mut config = tls::server().with_no_client_auth().with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = vec![tls::HTTP_1_1.to_vec()];
        Self { tls: Arc::new(config), keyed }
    }

    pub(crate) fn tls(&self) -> Arc<ServerConfig> {
        self.tls.clone()
    }

    /// The certificate itself, without its chain.
    pub fn own(&self) -> &CertificateDer<'static> {
        self.keyed.own()
    }

    /// The file that it was read from.
    pub fn file(&self) -> &Path {
        &self.keyed.files().cert
    }

    /// When it ends.
    pub fn end(&self) -> CertificateEnd {
        self.keyed.end()
    }

    /// What an operator should know though it works, in sentences.
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        self.keyed.warnings(CLIENTS, now)
    }
}
