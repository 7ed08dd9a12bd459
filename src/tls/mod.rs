//! TLS as carteiro speaks it, in both directions, and what certificates say. Knows no connection and no sentence of an
//! attempt.

pub mod client;
mod der;
mod file_error;
pub(crate) mod handshake;
mod keyed_certificate;
pub(crate) mod verifier;
pub(crate) mod x509;

pub use file_error::CertificateFileError;
#[cfg(test)]
pub(crate) use keyed_certificate::tests;
pub use keyed_certificate::{CertificateEnd, CertificateFiles, KeyedCertificate};
pub(crate) use keyed_certificate::{CertificateWatch, look_until};

use rustls::crypto::{CryptoProvider, ring};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ConfigBuilder, ServerConfig, WantsVerifier};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection's bytes, plain or over TLS.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// The protocol that is negotiated inside TLS, to targets as to callers.
pub(crate) const HTTP_1_1: &[u8] = b"http/1.1";

/// A server of TLS 1.2 and 1.3 with ring's algorithms.
pub(crate) fn server() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .expect("the ring provider has cipher suites for TLS 1.2 and 1.3")
}

/// A client of TLS 1.2 and 1.3 with the algorithms of `provider`.
fn client(provider: Arc<CryptoProvider>) -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .expect("the ring provider has cipher suites for TLS 1.2 and 1.3")
}
