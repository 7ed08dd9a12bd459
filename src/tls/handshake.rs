//! What a handshake leaves behind for the sentence that explains why it failed.
//!
//! rustls's errors name neither the certificate that is at fault nor whether a client certificate was requested. The
//! verifier and the resolver that know are shared by all connections, so they write into the record of the task that
//! shakes hands.

use super::x509::{self, Facts};
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many certificates are read of a chain that was refused.
const MAX_CHAIN: usize = 8;

/// What is known of one task's handshakes.
#[derive(Debug, Default)]
pub(crate) struct HandshakeRecord {
    refused_chain: Mutex<Vec<Facts>>,
    wants_client_certificate: AtomicBool,
}

tokio::task_local! {
    static RECORD: Arc<HandshakeRecord>;
}

impl HandshakeRecord {
    /// Runs a handshake that writes into `record`.
    pub(crate) async fn during<F: Future>(record: &Arc<Self>, handshake: F) -> F::Output {
        RECORD.scope(Arc::clone(record), handshake).await
    }

    /// The certificates that were refused, the server's own first, as far as they could be read; empty where none was.
    pub(crate) fn refused_chain(&self) -> Vec<Facts> {
        self.refused_chain.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the server requested a client certificate. It may do so without insisting on one.
    pub(crate) fn wants_client_certificate(&self) -> bool {
        self.wants_client_certificate.load(Ordering::Acquire)
    }

    /// Records the certificates that were refused in this task. Outside of [`Self::during`] it does nothing.
    pub(super) fn refuse<'a>(chain: impl Iterator<Item = &'a CertificateDer<'a>>) {
        let _ = RECORD.try_with(|record| {
            let read = chain.take(MAX_CHAIN).map_while(|certificate| x509::read(certificate)).collect();
            *record.refused_chain.lock().unwrap_or_else(PoisonError::into_inner) = read;
        });
    }
}

/// Shows this certificate, or none, to a server that requests one, whichever authorities it names; that it did is
/// recorded.
#[derive(Debug)]
pub(super) struct ClientAuth(pub(super) Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for ClientAuth {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let _ = RECORD.try_with(|record| record.wants_client_certificate.store(true, Ordering::Release));
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}
