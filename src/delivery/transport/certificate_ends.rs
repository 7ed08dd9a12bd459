//! When the certificates end that targets have shown since the start: in memory alone, as of each target's last
//! handshake.

use crate::model::TargetUrl;
use crate::tls::{CertificateEnd, x509};
use rustls::HandshakeKind;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// How many targets are remembered: more than webhooks there are, as a rule. Beyond it all are forgotten, and learnt
/// again.
const MAX_TARGETS: usize = 10_000;

/// What is remembered, by host and port.
#[derive(Debug, Default)]
pub(crate) struct CertificateEnds(Mutex<HashMap<(String, u16), CertificateEnd>>);

impl CertificateEnds {
    /// Takes note of the certificate that a target has shown; one that can't be read is passed over, and so is that of
    /// a session that was resumed: it is the one that the session began with.
    pub(crate) fn note(&self, target: &TargetUrl, stream: &TlsStream<TcpStream>) {
        let session = stream.get_ref().1;
        if session.handshake_kind() == Some(HandshakeKind::Resumed) {
            return;
        }
        let shown = session.peer_certificates().and_then(|chain| chain.first());
        let facts = shown.and_then(|own| x509::read(own));
        let Some(end) = facts.and_then(|facts| Some(CertificateEnd::of(facts.not_before, facts.not_after?))) else {
            return;
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_TARGETS {
            all.clear();
        }
        all.insert((target.host().to_owned(), target.port()), end);
    }

    /// When the certificate ends that a target showed last; `None` where it has shown none.
    pub(crate) fn of(&self, target: &TargetUrl) -> Option<CertificateEnd> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(target.host().to_owned(), target.port())).copied()
    }
}
