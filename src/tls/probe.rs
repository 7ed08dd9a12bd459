//! A second handshake with a target that refused the first for want of a common cipher or signature, to learn what
//! kind of key its certificate has.
//!
//! Such a server ends the handshake before it shows its certificate. This one offers the kinds of signature and curve
//! that ring can't verify, looks at the certificate, and always fails: nothing is ever sent over it.

use super::client::Notes;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{ActiveKeyExchange, CryptoProvider, SupportedKxGroup};
use rustls::{ClientConfig, DigitallySignedStruct, Error, NamedGroup, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::sync::{Arc, LazyLock};

/// What is offered, in turn: TLS 1.2 knows every kind of key, and some servers speak 1.3 alone.
pub(crate) fn offers() -> &'static [Arc<ClientConfig>; 2] {
    static OFFERS: LazyLock<[Arc<ClientConfig>; 2]> =
        LazyLock::new(|| [&rustls::version::TLS12, &rustls::version::TLS13].map(|version| Arc::new(offer(version))));
    &OFFERS
}

fn offer(version: &'static SupportedProtocolVersion) -> ClientConfig {
    let mut provider: CryptoProvider = rustls::crypto::ring::default_provider();
    let curves: [&'static dyn SupportedKxGroup; 2] = [&NamedOnly(NamedGroup::secp521r1), &NamedOnly(SECP256K1)];
    provider.kx_groups.extend(curves);
    let looks = Arc::new(Looks { ring: provider.signature_verification_algorithms.supported_schemes() });
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .expect("the ring provider has cipher suites for TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(looks)
        .with_no_client_auth()
}

const SECP256K1: NamedGroup = NamedGroup::Unknown(0x0016);

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

/// Notes the certificates and takes none.
#[derive(Debug)]
struct Looks {
    ring: Vec<SignatureScheme>,
}

const LOOKED: Error = Error::InvalidCertificate(rustls::CertificateError::ApplicationVerificationFailure);

impl ServerCertVerifier for Looks {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Notes::take_chain(std::iter::once(end_entity).chain(intermediates));
        Err(LOOKED)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(LOOKED)
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(LOOKED)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        // rsa_pss_pss_sha256, 384 and 512 (RFC 8446, 4.2.3).
        let pss = (0x0809..=0x080b).map(SignatureScheme::Unknown);
        let more = [SignatureScheme::ECDSA_NISTP521_SHA512, SignatureScheme::ED448];
        self.ring.iter().copied().chain(more).chain(pss).collect()
    }
}
