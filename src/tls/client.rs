//! How TLS is spoken to targets: which versions, and whose certificates are trusted.
//!
//! Certificates are always verified; there is no switch that turns it off. A target with a certificate of its own is
//! reached by trusting its authority in the config.

use super::x509::{self, Facts};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// TLS 1.2 and 1.3 with the system's trusted roots and, where given, those in the PEM file `extra_ca`.
///
/// Reads files: call it at start and on a reload. A system without a single root is only warned about, because a
/// daemon whose targets are all plain `http`, or all behind `extra_ca`, does without. An extra file that can't be read,
/// or holds no usable certificate, is an error: somebody meant it to be trusted.
pub fn client_config(extra_ca: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = native_roots();
    let mut own = Vec::new();
    if let Some(file) = extra_ca {
        let failed = |cause| TlsError { file: file.to_owned(), cause };
        own = read_pem(file).map_err(failed)?;
        for (index, certificate) in own.iter().enumerate() {
            roots.add(certificate.clone()).map_err(|error| failed(Cause::Unusable { number: index + 1, error }))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("the ring provider has cipher suites for TLS 1.2 and 1.3");
    let no_certificate = Arc::new(NoCertificate);
    let mut config = if roots.is_empty() {
        tracing::warn!("no trusted certificate authority was found: every https target will fail");
        config.with_root_certificates(roots).with_client_cert_resolver(no_certificate)
    } else {
        let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let usual = usual.build().expect("there are roots, and no revocation lists that could be wrong");
        let config = config.dangerous().with_custom_certificate_verifier(Arc::new(OwnAllowed { usual, own }));
        config.with_client_cert_resolver(no_certificate)
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The usual verification, and one thing more: a certificate of the extra file may also be a target's own.
///
/// `openssl req -x509` makes a certificate that is its own authority, which webpki trusts to sign others and refuses
/// as a server's. It is what a shop has that made one for itself, and it named that very certificate in its config;
/// so, byte for byte the same, within its time and with the right name, it is taken.
#[derive(Debug)]
struct OwnAllowed {
    usual: Arc<WebPkiServerVerifier>,
    own: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for OwnAllowed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let verified = match verified {
            // Refused for this alone: webpki looks at the time first.
            Err(rustls::Error::InvalidCertificate(ref why))
                if is_its_own_authority(why) && self.own.iter().any(|own| own == end_entity) =>
            {
                ParsedCertificate::try_from(end_entity)
                    .and_then(|parsed| rustls::client::verify_server_name(&parsed, server_name))
                    .map(|()| ServerCertVerified::assertion())
            }
            other => other,
        };
        if verified.is_err() {
            Notes::take_chain(std::iter::once(end_entity).chain(intermediates));
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let verified = self.usual.verify_tls12_signature(message, certificate, signed);
        if verified.is_err() {
            Notes::take_chain(std::iter::once(certificate));
        }
        verified
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let verified = self.usual.verify_tls13_signature(message, certificate, signed);
        if verified.is_err() {
            Notes::take_chain(std::iter::once(certificate));
        }
        verified
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// Whether a certificate was refused for being an authority's: what `openssl req -x509` makes unless told otherwise.
fn is_its_own_authority(error: &CertificateError) -> bool {
    matches!(webpki_error(error), Some(webpki::Error::CaUsedAsEndEntity))
}

/// The error of webpki that rustls passes on, where it has none of its own for it.
pub(crate) fn webpki_error(error: &CertificateError) -> Option<&webpki::Error> {
    let CertificateError::Other(other) = error else {
        return None;
    };
    other.0.downcast_ref()
}

/// What a handshake leaves behind for the sentence that explains why it failed.
///
/// rustls's errors name neither the certificate that is at fault nor whether a client certificate was asked for, and
/// the verifier and resolver that know are shared by all connections; so they write into the notes of the task that
/// shakes hands.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    chain: Mutex<Vec<Facts>>,
    asked_for_certificate: AtomicBool,
}

tokio::task_local! {
    static NOTES: Arc<Notes>;
}

impl Notes {
    /// How many certificates are read of a chain that was refused.
    const MAX_CHAIN: usize = 8;

    /// Runs a handshake that writes into `notes`.
    pub(crate) async fn during<F: Future>(notes: &Arc<Self>, handshake: F) -> F::Output {
        NOTES.scope(Arc::clone(notes), handshake).await
    }

    /// The certificates that were refused, the target's own first, as far as they could be read; empty where none was.
    pub(crate) fn chain(&self) -> Vec<Facts> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the target asked for a client certificate.
    pub(crate) fn asked_for_certificate(&self) -> bool {
        self.asked_for_certificate.load(Ordering::Acquire)
    }

    /// Writes the certificates that were refused into the notes of this task.
    pub(crate) fn take_chain<'a>(chain: impl Iterator<Item = &'a CertificateDer<'a>>) {
        // Outside of an attempt, as in a test, nobody reads them.
        let _ = NOTES.try_with(|notes| {
            let read = chain.take(Self::MAX_CHAIN).map_while(|certificate| x509::read(certificate)).collect();
            *notes.chain.lock().unwrap_or_else(PoisonError::into_inner) = read;
        });
    }
}

/// carteiro has no certificate of its own; that one was asked for is noted.
#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let _ = NOTES.try_with(|notes| notes.asked_for_certificate.store(true, Ordering::Release));
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// The extra file of authorities is of no use; displays as a sentence that names it.
#[derive(Debug)]
pub struct TlsError {
    file: PathBuf,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Read(std::io::Error),
    NotPem(pem::Error),
    Empty,
    Unusable { number: usize, error: rustls::Error },
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.cause {
            Cause::Read(error) => write!(f, "the file of certificate authorities {file} can't be read: {error}"),
            Cause::NotPem(error) => write!(f, "the file of certificate authorities {file} is not PEM: {error}"),
            Cause::Empty => write!(f, "the file of certificate authorities {file} holds no certificate"),
            Cause::Unusable { number, error } => {
                write!(f, "certificate {number} in {file} can't serve as an authority: {error}")
            }
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Read(error) => Some(error),
            Cause::NotPem(error) => Some(error),
            Cause::Empty => None,
            Cause::Unusable { error, .. } => Some(error),
        }
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

fn read_pem(file: &Path) -> Result<Vec<CertificateDer<'static>>, Cause> {
    let from_pem = |error| match error {
        pem::Error::Io(error) => Cause::Read(error),
        other => Cause::NotPem(other),
    };
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(file).map_err(from_pem)?.collect::<Result<_, _>>().map_err(from_pem)?;
    if certificates.is_empty() { Err(Cause::Empty) } else { Ok(certificates) }
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
