//! The certificates that are shown to targets which ask for one (mTLS): read from the files of the config, for the
//! accounts that may use them.
//!
//! Whoever may use a certificate speaks in the name of its owner. So a webhook says which one is shown, one that names
//! a certificate sends nothing without it, and no connection that was made with one serves a request of another.

use crate::config;
use crate::model::{ClientCertificateName, Timestamp};
use crate::tls::client::showing;
use crate::tls::{CertificateEnd, CertificateFileError, CertificateFiles, CertificateWatch, KeyedCertificate};
use rustls::ClientConfig;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The setting that names the file of the certificate.
const SETTING: &str = "client_certificate.cert";
/// Who refuses one that has expired.
const TARGETS: &str = "targets";

/// One certificate, ready for handshakes.
#[derive(Debug)]
pub struct ClientCertificate {
    pub(crate) name: ClientCertificateName,
    pub(crate) id: CertificateId,
    pub(crate) tls: Arc<ClientConfig>,
    settings: config::ClientCertificate,
    keyed: KeyedCertificate,
}

/// Tells a certificate from every other that was read in this process, the same file's earlier contents too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CertificateId(u64);

impl ClientCertificate {
    /// `base` is TLS as it is spoken to targets without a certificate.
    fn new(settings: config::ClientCertificate, keyed: KeyedCertificate, base: &ClientConfig) -> Option<Self> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Some(Self {
            name: ClientCertificateName::parse(&settings.name)?,
            id: CertificateId(LAST.fetch_add(1, Ordering::Relaxed)),
            tls: showing(base, &keyed),
            settings,
            keyed,
        })
    }

    /// What the config calls it.
    pub fn name(&self) -> &ClientCertificateName {
        &self.name
    }

    /// What the config says of it.
    pub fn settings(&self) -> &config::ClientCertificate {
        &self.settings
    }

    /// When it ends.
    pub fn end(&self) -> CertificateEnd {
        self.keyed.end()
    }

    /// Its files, read anew if they have changed; see [`CertificateWatch::look`].
    pub(super) fn look(&self, watch: &mut CertificateWatch) -> Result<Option<KeyedCertificate>, CertificateFileError> {
        watch.look(&self.keyed, SETTING)
    }

    /// The same with what was read anew.
    pub(super) fn renewed(&self, keyed: KeyedCertificate, base: &ClientConfig) -> Option<Self> {
        Self::new(self.settings.clone(), keyed, base)
    }

    /// What an operator should know though it works, in sentences.
    pub(super) fn warnings(&self, now: Timestamp) -> Vec<String> {
        self.keyed.warnings(TARGETS, now).into_iter().map(|warning| self.of_it(&warning)).collect()
    }

    /// A warning of its end, if that is near.
    pub(super) fn end_warning(&self, now: Timestamp) -> Option<String> {
        self.keyed.end_warning(TARGETS, now).map(|warning| self.of_it(&warning))
    }

    fn of_it(&self, warning: &str) -> String {
        format!("client certificate {}: {warning}", self.name)
    }
}

/// All of them, in the order of the config. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ClientCertificates(Arc<[Arc<ClientCertificate>]>);

impl ClientCertificates {
    /// Reads the files. `base` is TLS as it is spoken to targets without a certificate. The errors are those of each
    /// certificate, by its place in the config.
    pub fn load(
        settings: &[config::ClientCertificate],
        base: &ClientConfig,
    ) -> Result<Self, Vec<(usize, CertificateFileError)>> {
        let (mut all, mut errors) = (Vec::with_capacity(settings.len()), Vec::new());
        for (nth, settings) in settings.iter().enumerate() {
            let files = CertificateFiles { cert: settings.cert.clone(), key: settings.key.clone() };
            match KeyedCertificate::load(&files, SETTING) {
                Ok(keyed) => all.extend(ClientCertificate::new(settings.clone(), keyed, base).map(Arc::new)),
                Err(error) => errors.push((nth, error)),
            }
        }
        if errors.is_empty() { Ok(Self(all.into())) } else { Err(errors) }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ClientCertificate>> {
        self.0.iter()
    }

    /// The one of this name.
    pub(crate) fn get(&self, name: &ClientCertificateName) -> Option<&Arc<ClientCertificate>> {
        self.0.iter().find(|certificate| certificate.name == *name)
    }

    /// What an operator should know though it works, in sentences.
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        self.0.iter().flat_map(|certificate| certificate.warnings(now)).collect()
    }

    /// The same with one of them read anew.
    pub(super) fn renewed(&self, new: &Arc<ClientCertificate>) -> Self {
        let put = |old: &Arc<ClientCertificate>| if old.name == new.name { new.clone() } else { old.clone() };
        Self(self.0.iter().map(put).collect())
    }
}
