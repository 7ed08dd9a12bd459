//! The one verifier of servers' certificates: by the trusted authorities, by a certificate that is known in advance, or
//! not at all, to read what the server shows.

use super::handshake::HandshakeRecord;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::sync::Arc;

/// Which certificates a client takes.
#[derive(Debug)]
pub(super) enum ServerTrust {
    /// Those that an authority has signed, and those listed, byte for byte, even if each is an authority itself.
    ///
    /// `openssl req -x509` makes a certificate that is its own authority, which webpki trusts to sign others and
    /// refuses as a server's. It is what a shop has that made one for itself, and it named that very certificate in its
    /// config; so it is taken, within its time and with the right name.
    Authorities(Arc<WebPkiServerVerifier>, Vec<CertificateDer<'static>>),
    /// This one alone, whatever its names and its time.
    Pinned(CertificateDer<'static>),
    /// None: what the server shows is recorded, and the handshake fails.
    Nothing,
}

/// Verifies by [`ServerTrust`], and records what it refuses.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    trust: ServerTrust,
    algorithms: WebPkiSupportedAlgorithms,
    offered: Vec<SignatureScheme>,
}

impl ServerTrust {
    /// `roots` must not be empty.
    pub(super) fn authorities(
        roots: RootCertStore,
        own: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Self {
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
        Self::Authorities(verifier.expect("there are roots, and no revocation lists that could be wrong"), own)
    }

    /// A verifier that offers the signature schemes of `provider` and, beyond them, `more`.
    pub(super) fn verifier(self, provider: &CryptoProvider, more: &[SignatureScheme]) -> Arc<ServerVerifier> {
        let algorithms = provider.signature_verification_algorithms;
        let offered = algorithms.supported_schemes().into_iter().chain(more.iter().copied()).collect();
        Arc::new(ServerVerifier { trust: self, algorithms, offered })
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = match &self.trust {
            ServerTrust::Authorities(usual, own) => {
                match usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
                    // Refused for this alone: webpki checks the time first.
                    Err(Error::InvalidCertificate(ref cause))
                        if is_own_authority(cause) && own.iter().any(|own| own == end_entity) =>
                    {
                        ParsedCertificate::try_from(end_entity)
                            .and_then(|parsed| rustls::client::verify_server_name(&parsed, server_name))
                            .map(|()| ServerCertVerified::assertion())
                    }
                    other => other,
                }
            }
            ServerTrust::Pinned(known) if known == end_entity => Ok(ServerCertVerified::assertion()),
            ServerTrust::Pinned(_) | ServerTrust::Nothing => {
                Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
        };
        if verified.is_err() {
            HandshakeRecord::refuse(std::iter::once(end_entity).chain(intermediates));
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms);
        verified.inspect_err(|_| HandshakeRecord::refuse(std::iter::once(certificate)))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms);
        verified.inspect_err(|_| HandshakeRecord::refuse(std::iter::once(certificate)))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.offered.clone()
    }
}

/// Whether a certificate was refused for being an authority's.
fn is_own_authority(error: &CertificateError) -> bool {
    matches!(webpki_error(error), Some(webpki::Error::CaUsedAsEndEntity))
}

/// webpki's own error, where rustls has none of its own for it.
pub(crate) fn webpki_error(error: &CertificateError) -> Option<&webpki::Error> {
    let CertificateError::Other(other) = error else {
        return None;
    };
    other.0.downcast_ref()
}
