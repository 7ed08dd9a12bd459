//! What keeps TLS from being spoken.

use super::sentences::{self, no_common_version, no_http1, wants_certificate};
use super::{certificate, system};
use crate::model::AttemptError;
use crate::tls::handshake::HandshakeRecord;
use rustls::{AlertDescription, PeerIncompatible, PeerMisbehaved};
use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// The TLS handshake with `host` at `address` failed; `record` is what is known of it.
pub(crate) fn handshaking(
    host: &str,
    address: SocketAddr,
    cause: &io::Error,
    record: &HandshakeRecord,
) -> AttemptError {
    if let Some(cause) = find_in_io::<rustls::Error>(cause) {
        return match cause {
            rustls::Error::InvalidCertificate(cause) => certificate::refused(host, cause, &record.refused_chain()),
            // A chain beside an alert was shown to the probe, which asks for nothing but the kind of key.
            cause => certificate::unsupported_key(host, &record.refused_chain())
                .unwrap_or_else(|| broken(host, cause, record.wants_client_certificate())),
        };
    }
    match cause.kind() {
        _ if record.wants_client_certificate() => wants_certificate(host),
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe => sentences::closed_in_handshake(address),
        _ => sentences::handshake_failed(host, &system::cause(cause)),
    }
}

/// Whether the handshake ended before the target showed a certificate, perhaps for the kind of its key.
pub(crate) fn hides_its_certificate(cause: &io::Error, record: &HandshakeRecord) -> bool {
    let refused = AlertDescription::HandshakeFailure;
    !record.wants_client_certificate()
        && matches!(find_in_io(cause), Some(rustls::Error::AlertReceived(alert)) if *alert == refused)
}

/// TLS with `host` broke after the handshake.
pub(crate) fn broken_later(host: &str, cause: &rustls::Error, wants_client_certificate: bool) -> AttemptError {
    match cause {
        // Apache with TLS 1.2, which wants to shake hands anew for the certificate that one path asks for.
        rustls::Error::AlertReceived(AlertDescription::HandshakeFailure) => wants_certificate(host),
        cause => broken(host, cause, wants_client_certificate),
    }
}

/// TLS with `host` broke, in the handshake or after it.
pub(crate) fn broken(host: &str, cause: &rustls::Error, wants_client_certificate: bool) -> AttemptError {
    match cause {
        rustls::Error::InvalidCertificate(cause) => certificate::refused(host, cause, &[]),
        rustls::Error::InvalidMessage(_) => sentences::not_tls(host),
        rustls::Error::AlertReceived(alert) => alerted(host, *alert, wants_client_certificate),
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => no_common_version(host),
        rustls::Error::PeerIncompatible(_) => sentences::nothing_in_common(host),
        // In the middle of a connection a server asks anew for one reason: the path is for those with a certificate.
        rustls::Error::PeerMisbehaved(PeerMisbehaved::TooManyRenegotiationRequests) => wants_certificate(host),
        rustls::Error::NoApplicationProtocol => no_http1(host),
        rustls::Error::NoCertificatesPresented => sentences::no_certificate(host),
        rustls::Error::DecryptError => sentences::undecipherable(host),
        _ => sentences::against_tls(host),
    }
}

fn alerted(host: &str, alert: AlertDescription, wants_client_certificate: bool) -> AttemptError {
    match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoRenegotiation => wants_certificate(host),
        // What OpenSSL, Go, Java and others say to an empty certificate.
        AlertDescription::HandshakeFailure
        | AlertDescription::BadCertificate
        | AlertDescription::NoCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied
        | AlertDescription::UnexpectedMessage
            if wants_client_certificate =>
        {
            wants_certificate(host)
        }
        AlertDescription::ProtocolVersion => no_common_version(host),
        // Of a server that finds no cipher, holds no certificate for the name asked for, or has a key of an unusual
        // kind.
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            sentences::no_common_cipher(host)
        }
        AlertDescription::UnrecognisedName => sentences::no_certificate_for_name(host),
        AlertDescription::NoApplicationProtocol => no_http1(host),
        // Also of some that look for a certificate for the name and find none.
        AlertDescription::InternalError => sentences::internal_alert(host),
        alert => sentences::alerted(host, u8::from(alert)),
    }
}

/// The error of this type along the chain of sources.
pub(super) fn find<'a, E: Error + 'static>(outermost: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(outermost);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// `io::Error::source` skips the very error that an `io::Error` wraps, so the search goes through `get_ref`.
pub(super) fn find_in_io<E: Error + 'static>(outer: &io::Error) -> Option<&E> {
    let inner: &(dyn Error + 'static) = outer.get_ref()?;
    find::<E>(inner).or_else(|| find_in_io(inner.downcast_ref::<io::Error>()?))
}
