//! What keeps TLS from being spoken.

use super::sentences::{self, no_common_version, no_http1, wants_certificate};
use super::{certificate, system};
use crate::model::{AttemptError, ClientCertificateName, localized};
use crate::tls::handshake::HandshakeRecord;
use rustls::{AlertDescription, PeerIncompatible, PeerMisbehaved};
use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// Whether a target asked for a client certificate, and what it was shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientAuth {
    /// It asked, and has not answered since. It may do so without insisting on one.
    pub(crate) asked: bool,
    /// The webhook's certificate, if it has one.
    pub(crate) shown: Option<ClientCertificateName>,
}

/// The TLS handshake with `host` at `address` failed; `record` is what is known of it.
pub(crate) fn handshaking(
    host: &str,
    address: SocketAddr,
    cause: &io::Error,
    record: &HandshakeRecord,
    client_auth: &ClientAuth,
) -> AttemptError {
    if let Some(cause) = find_in_io::<rustls::Error>(cause) {
        return match cause {
            rustls::Error::InvalidCertificate(cause) => certificate::refused(host, cause, &record.refused_chain()),
            // A chain beside an alert was shown to the probe, which asks for nothing but the kind of key.
            cause => certificate::unsupported_key(host, &record.refused_chain())
                .unwrap_or_else(|| broken(host, cause, client_auth)),
        };
    }
    match (&client_auth.shown, cause.kind()) {
        (None, _) if client_auth.asked => wants_certificate(host),
        (Some(name), _) if client_auth.asked => sentences::closed_after_showing(host, name),
        (
            _,
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe,
        ) => sentences::closed_in_handshake(address),
        _ => sentences::handshake_failed(host, &system::cause(cause)),
    }
}

/// `host` asked for a client certificate and closed the connection before it answered anything.
pub(super) fn closed_after_asking(host: &str, client_auth: &ClientAuth) -> AttemptError {
    match &client_auth.shown {
        None => sentences::closed_after_asking(host),
        Some(name) => sentences::closed_after_showing(host, name),
    }
}

/// Whether the handshake ended before the target showed a certificate, perhaps for the kind of its key.
pub(crate) fn hides_its_certificate(cause: &io::Error, record: &HandshakeRecord) -> bool {
    let refused = AlertDescription::HandshakeFailure;
    !record.wants_client_certificate()
        && matches!(find_in_io(cause), Some(rustls::Error::AlertReceived(alert)) if *alert == refused)
}

/// TLS with `host` broke after the handshake.
pub(crate) fn broken_later(host: &str, cause: &rustls::Error, client_auth: &ClientAuth) -> AttemptError {
    match cause {
        // Apache with TLS 1.2, which wants to shake hands anew for the certificate that one path asks for.
        rustls::Error::AlertReceived(AlertDescription::HandshakeFailure) if !client_auth.asked => {
            asks_late(host, client_auth)
        }
        cause => broken(host, cause, client_auth),
    }
}

/// TLS with `host` broke, in the handshake or after it.
pub(crate) fn broken(host: &str, cause: &rustls::Error, client_auth: &ClientAuth) -> AttemptError {
    match cause {
        rustls::Error::InvalidCertificate(cause) => certificate::refused(host, cause, &[]),
        rustls::Error::InvalidMessage(_) => sentences::not_tls(host),
        rustls::Error::AlertReceived(alert) => alerted(host, *alert, client_auth),
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => no_common_version(host),
        rustls::Error::PeerIncompatible(_) => sentences::nothing_in_common(host),
        // In the middle of a connection a server asks anew for one reason: the path is for those with a certificate.
        rustls::Error::PeerMisbehaved(PeerMisbehaved::TooManyRenegotiationRequests) => asks_late(host, client_auth),
        rustls::Error::NoApplicationProtocol => no_http1(host),
        rustls::Error::NoCertificatesPresented => sentences::no_certificate(host),
        rustls::Error::DecryptError => sentences::undecipherable(host),
        _ => sentences::against_tls(host),
    }
}

/// `host` asks for a client certificate after it has seen the request, when carteiro can't show one any more.
fn asks_late(host: &str, client_auth: &ClientAuth) -> AttemptError {
    match &client_auth.shown {
        None => wants_certificate(host),
        Some(name) => sentences::asks_too_late(host, name),
    }
}

fn alerted(host: &str, alert: AlertDescription, client_auth: &ClientAuth) -> AttemptError {
    match alert {
        AlertDescription::NoRenegotiation => asks_late(host, client_auth),
        AlertDescription::CertificateRequired => match &client_auth.shown {
            None => wants_certificate(host),
            Some(name) => refused_certificate(host, name, alert),
        },
        // What OpenSSL, Go, Java and others say to an empty certificate, and to one that they don't take.
        AlertDescription::HandshakeFailure
        | AlertDescription::BadCertificate
        | AlertDescription::NoCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied
        | AlertDescription::UnexpectedMessage
            if client_auth.asked =>
        {
            match &client_auth.shown {
                None => wants_certificate(host),
                Some(name) => refused_certificate(host, name, alert),
            }
        }
        AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::DecryptError
        | AlertDescription::InternalError
            if client_auth.asked && client_auth.shown.is_some() =>
        {
            match &client_auth.shown {
                None => sentences::alerted(host, u8::from(alert)),
                Some(name) => refused_certificate(host, name, alert),
            }
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

/// `host` was shown the webhook's certificate and refused it with this alert.
fn refused_certificate(host: &str, name: &ClientCertificateName, alert: AlertDescription) -> AttemptError {
    let number = u8::from(alert);
    let why = match alert {
        // The second where it knows another authority of the same name.
        AlertDescription::UnknownCA | AlertDescription::DecryptError => localized!(
            "it does not know the authority that issued it, or the chain is not complete in the certificate's file",
            "não conhece a autoridade que o emitiu, ou a cadeia não está completa no arquivo do certificado"
        ),
        AlertDescription::CertificateExpired => {
            localized!("it says that it has expired, or is not valid yet", "diz que ele expirou, ou ainda não vale")
        }
        AlertDescription::CertificateRevoked => localized!("it says that it was revoked", "diz que ele foi revogado"),
        AlertDescription::UnsupportedCertificate => localized!(
            "it says that it is not meant for clients (extended key usage clientAuth), or of another kind",
            "diz que ele não se destina a clientes (uso estendido da chave clientAuth), ou é de outro tipo"
        ),
        _ => localized!("alert {number} of TLS", "alerta {number} do TLS"),
    };
    sentences::refused_certificate(host, name, &why)
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
