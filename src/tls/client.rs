//! How TLS is spoken to servers: which versions, and whose certificates are trusted.
//!
//! Certificates are always verified; there is no switch that turns it off. A target with a certificate of its own is
//! reached by trusting its authority in the config.

use super::handshake::ClientAuth;
use super::verifier::ServerTrust;
use super::{CertificateFileError, KeyedCertificate};
use rustls::client::Resumption;
use rustls::crypto::{ActiveKeyExchange, SupportedKxGroup, ring};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, Error, NamedGroup, RootCertStore, SignatureScheme};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject as _};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// TLS 1.2 and 1.3 with the system's trusted roots and, where given, those in the PEM file `extra_ca`.
///
/// Reads files: call it at start and on a reload. A system without a single root is only warned about, because a
/// daemon whose targets are all plain `http`, or all behind `extra_ca`, does without. An extra file that can't be read,
/// or holds no usable certificate, is an error: somebody meant it to be trusted.
pub fn client_config(extra_ca: Option<&Path>) -> Result<Arc<ClientConfig>, CertificateFileError> {
    let mut roots = native_roots();
    let mut own = Vec::new();
    if let Some(file) = extra_ca {
        own = read_pem(file)?;
        for (index, certificate) in own.iter().enumerate() {
            roots.add(certificate.clone()).map_err(|error| {
                let (number, file) = (index + 1, file.display());
                CertificateFileError::of_certificate(format!(
                    "certificate {number} in {file} can't serve as an authority: {error}"
                ))
            })?;
        }
    }
    let provider = Arc::new(ring::default_provider());
    let config = super::client(provider.clone());
    let config = if roots.is_empty() {
        tracing::warn!("no trusted certificate authority was found: every https target will fail");
        config.with_root_certificates(roots)
    } else {
        let verifier = ServerTrust::authorities(roots, own, &provider).verifier(&provider, &[]);
        config.dangerous().with_custom_certificate_verifier(verifier)
    };
    let mut config = config.with_client_cert_resolver(Arc::new(ClientAuth(None)));
    config.alpn_protocols = vec![super::HTTP_1_1.to_vec()];
    Ok(Arc::new(config))
}

/// TLS as `base` speaks it, showing a certificate to servers that request one.
///
/// It remembers its own sessions: one that is resumed stands for the certificate it began with, so that sessions which
/// began with another, or with none, must not serve here.
pub(crate) fn showing(base: &ClientConfig, certificate: &KeyedCertificate) -> Arc<ClientConfig> {
    let mut config = base.clone();
    config.client_auth_cert_resolver = Arc::new(ClientAuth(Some(certificate.certified.clone())));
    config.resumption = Resumption::default();
    Arc::new(config)
}

/// TLS with a server whose certificate is `known`, and with no other.
pub(crate) fn pinned_to(known: CertificateDer<'static>) -> Arc<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let verifier = ServerTrust::Pinned(known).verifier(&provider, &[]);
    let config = super::client(provider).dangerous().with_custom_certificate_verifier(verifier);
    Arc::new(config.with_no_client_auth())
}

/// Handshakes that learn what kind of key a server's certificate has, after it refused a usual one for want of a common
/// cipher or signature. To be tried in turn: TLS 1.2 knows every kind of key, and some servers speak 1.3 alone.
///
/// Such a server ends the handshake before it shows its certificate. These offer the kinds of signature and curve that
/// ring can't verify, record the certificate, and always fail: nothing is ever sent over them.
pub(crate) fn probes() -> &'static [Arc<ClientConfig>; 2] {
    /// `secp256k1`, and `rsa_pss_pss_sha256`, 384 and 512 (RFC 8446, 4.2.3).
    const SECP256K1: NamedGroup = NamedGroup::Unknown(0x0016);
    const SCHEMES: [SignatureScheme; 5] = [
        SignatureScheme::ECDSA_NISTP521_SHA512,
        SignatureScheme::ED448,
        SignatureScheme::Unknown(0x0809),
        SignatureScheme::Unknown(0x080a),
        SignatureScheme::Unknown(0x080b),
    ];
    static PROBES: LazyLock<[Arc<ClientConfig>; 2]> = LazyLock::new(|| {
        let mut provider = ring::default_provider();
        let curves: [&'static dyn SupportedKxGroup; 2] = [&NamedOnly(NamedGroup::secp521r1), &NamedOnly(SECP256K1)];
        provider.kx_groups.extend(curves);
        let verifier = ServerTrust::Nothing.verifier(&provider, &SCHEMES);
        let provider = Arc::new(provider);
        [&TLS12, &TLS13].map(|version| {
            let config = ClientConfig::builder_with_provider(provider.clone())
                .with_protocol_versions(&[version])
                .expect("the ring provider has cipher suites for TLS 1.2 and 1.3");
            let config = config.dangerous().with_custom_certificate_verifier(verifier.clone());
            Arc::new(config.with_no_client_auth())
        })
    });
    &PROBES
}

/// A curve that is offered for certificates and can't be used to exchange keys.
#[derive(Debug)]
struct NamedOnly(NamedGroup);

impl SupportedKxGroup for NamedOnly {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Err(Error::General("offered for certificates alone".to_owned()))
    }

    fn name(&self) -> NamedGroup {
        self.0
    }
}

fn native_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a trusted certificate of the system could not be read");
    }
    let mut roots = RootCertStore::empty();
    let (used, ignored) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(used, ignored, "trusted certificates of the system");
    roots
}

fn read_pem(file: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateFileError> {
    let failed = |what: &dyn fmt::Display| {
        CertificateFileError::of_certificate(format!("the file of certificate authorities {} {what}", file.display()))
    };
    let from_pem = |error| match error {
        pem::Error::Io(error) => failed(&format_args!("can't be read: {error}")),
        other => failed(&format_args!("is not PEM: {other}")),
    };
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(file).map_err(from_pem)?.collect::<Result<_, _>>().map_err(from_pem)?;
    if certificates.is_empty() { Err(failed(&"holds no certificate")) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn an_extra_file_is_trusted_or_named_in_the_error() {
        let good = rcgen::generate_simple_self_signed(["loja.example".to_owned()]).unwrap().cert.pem();
        assert!(client_config(Some(file(&good).path())).is_ok());
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (text, says) in [
            ("", "holds no certificate"),
            ("not pem at all", "holds no certificate"),
            ("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "is not PEM"),
            (broken, "certificate 1 in"),
            (&format!("{good}{broken}"), "certificate 2 in"),
        ] {
            let file = file(text);
            let sentence = client_config(Some(file.path())).unwrap_err().to_string();
            assert!(sentence.contains(says) && sentence.contains(&file.path().display().to_string()), "{sentence}");
        }
        let sentence = client_config(Some(Path::new("/nowhere/ca.pem"))).unwrap_err().to_string();
        assert!(
            sentence.starts_with("the file of certificate authorities /nowhere/ca.pem can't be read"),
            "{sentence}"
        );
    }
}
