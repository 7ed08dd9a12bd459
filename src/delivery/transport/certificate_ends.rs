//! From when to when the certificates are valid that targets have shown since the start: in memory alone, as of each
//! target's last handshake.

use crate::model::{TargetUrl, Timestamp};
use crate::tls::x509;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// How many targets are remembered: more than webhooks there are, as a rule. Beyond it all are forgotten, and learnt
/// again.
const MAX_TARGETS: usize = 10_000;

/// What is remembered, by host and port.
#[derive(Debug, Default)]
pub(crate) struct CertificateEnds(Mutex<HashMap<(String, u16), (Timestamp, Timestamp)>>);

impl CertificateEnds {
    /// Takes note of the certificate that a target has shown; one that can't be read is passed over.
    pub(crate) fn note(&self, target: &TargetUrl, stream: &TlsStream<TcpStream>) {
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let validity = shown.and_then(|own| x509::read(own)).and_then(|facts| facts.not_before.zip(facts.not_after));
        let Some(validity) = validity else {
            return;
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_TARGETS {
            all.clear();
        }
        all.insert((target.host().to_owned(), target.port()), validity);
    }

    /// From when to when the certificate is valid that a target showed last; `None` where it has shown none.
    pub(crate) fn of(&self, target: &TargetUrl) -> Option<(Timestamp, Timestamp)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(target.host().to_owned(), target.port())).copied()
    }
}
