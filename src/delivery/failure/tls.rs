//! What keeps TLS from being spoken.

use super::sentence::{error, find_in_io, span};
use super::{certificate, system};
use crate::model::{AttemptError, ErrorCode};
use crate::tls::handshake::HandshakeRecord;
use rustls::{AlertDescription, PeerIncompatible, PeerMisbehaved};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

/// `host` is nothing that TLS could ask a server for.
pub(crate) fn never_certified(host: &str) -> AttemptError {
    error(
        ErrorCode::TlsFailed,
        format!("{host} is no name that a certificate could be issued for."),
        format!("{host} não é um nome para o qual se possa emitir um certificado."),
    )
}

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
            cause => certificate::odd_key(host, &record.refused_chain())
                .unwrap_or_else(|| broken(host, cause, record.wants_client_certificate())),
        };
    }
    match cause.kind() {
        _ if record.wants_client_certificate() => wants_certificate(host),
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe => error(
            ErrorCode::TlsFailed,
            format!("{address} closed the connection during the TLS handshake."),
            format!("{address} fechou a conexão durante a negociação TLS."),
        ),
        _ => {
            let cause = system::cause(cause);
            error(
                ErrorCode::TlsFailed,
                format!("The TLS handshake with {host} failed: {}.", cause.en),
                format!("A negociação TLS com {host} falhou: {}.", cause.pt),
            )
        }
    }
}

/// Whether the handshake ended before the target showed a certificate, perhaps for the kind of its key.
pub(crate) fn hides_its_certificate(cause: &io::Error, record: &HandshakeRecord) -> bool {
    let refused = AlertDescription::HandshakeFailure;
    !record.wants_client_certificate()
        && matches!(find_in_io(cause), Some(rustls::Error::AlertReceived(alert)) if *alert == refused)
}

/// `address` took the connection and left the handshake unfinished while the time to connect, `limit` in all, ran out.
pub(crate) fn handshaking_too_long(address: SocketAddr, limit: Duration) -> AttemptError {
    let within = span(limit);
    error(
        ErrorCode::ConnectTimeout,
        format!("{address} took the connection but did not finish the TLS handshake within {within}."),
        format!("{address} aceitou a conexão, mas não concluiu a negociação TLS em {within}."),
    )
}

/// `host` ended a connection for which it had asked for a client certificate.
pub(crate) fn wants_certificate(host: &str) -> AttemptError {
    error(
        ErrorCode::TlsFailed,
        format!(
            "{host} asks for a client certificate, and carteiro has none: let the path of the webhooks do without \
             one there; signature and authorization tell who calls."
        ),
        format!(
            "{host} exige um certificado de cliente, que o carteiro não tem: dispense-o lá no caminho dos webhooks; \
             a assinatura e a autorização dizem quem chama."
        ),
    )
}

/// `host` asked for a client certificate and closed the connection before it answered anything. It may ask without
/// insisting, so this names the likely cause alone.
pub(crate) fn closed_after_asking(host: &str) -> AttemptError {
    error(
        ErrorCode::TlsFailed,
        format!(
            "{host} asked for a client certificate, which carteiro does not have, and closed the connection without an \
             answer: let the path of the webhooks do without one there, or look at its log."
        ),
        format!(
            "{host} pediu um certificado de cliente, que o carteiro não tem, e fechou a conexão sem responder: \
             dispense-o lá no caminho dos webhooks, ou veja o log dele."
        ),
    )
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
        rustls::Error::InvalidMessage(_) => error(
            ErrorCode::TlsFailed,
            format!("What {host} answered is not TLS: is this port a plain http one?"),
            format!("O que {host} respondeu não é TLS: esta porta é de http comum?"),
        ),
        rustls::Error::AlertReceived(alert) => alerted(host, *alert, wants_client_certificate),
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => no_version(host),
        rustls::Error::PeerIncompatible(_) => error(
            ErrorCode::TlsNoCommonCipher,
            format!("{host} and carteiro have no cipher, key exchange or signature of TLS in common."),
            format!("{host} e o carteiro não têm cifra, troca de chaves ou assinatura TLS em comum."),
        ),
        // In the middle of a connection a server asks anew for one reason: the path is for those with a certificate.
        rustls::Error::PeerMisbehaved(PeerMisbehaved::TooManyRenegotiationRequests) => wants_certificate(host),
        rustls::Error::NoApplicationProtocol => no_http1(host),
        rustls::Error::NoCertificatesPresented => error(
            ErrorCode::TlsFailed,
            format!("{host} sends no certificate."),
            format!("{host} não envia certificado."),
        ),
        rustls::Error::DecryptError => error(
            ErrorCode::TlsFailed,
            format!("What {host} sent can't be decrypted: something on the way changes the bytes of the connection."),
            format!("O que {host} enviou não pode ser decifrado: algo no caminho altera os bytes da conexão."),
        ),
        _ => error(
            ErrorCode::TlsFailed,
            format!("{host} breaks the rules of TLS: look at its software, and at what stands in front of it."),
            format!("{host} viola as regras de TLS: veja o software dele e o que está na frente dele."),
        ),
    }
}

fn no_version(host: &str) -> AttemptError {
    error(
        ErrorCode::TlsNoCommonCipher,
        format!("{host} speaks neither TLS 1.2 nor TLS 1.3."),
        format!("{host} não fala TLS 1.2 nem TLS 1.3."),
    )
}

fn no_http1(host: &str) -> AttemptError {
    error(
        ErrorCode::TlsFailed,
        format!("{host} does not offer HTTP/1.1 in TLS (ALPN), perhaps HTTP/2 only: turn HTTP/1.1 on there."),
        format!("{host} não oferece HTTP/1.1 no TLS (ALPN), talvez só HTTP/2: ative lá o HTTP/1.1."),
    )
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
        AlertDescription::ProtocolVersion => no_version(host),
        // Of a server that finds no cipher, holds no certificate for the name asked for, or has a key of an unusual
        // kind.
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => error(
            ErrorCode::TlsNoCommonCipher,
            format!(
                "{host} has no TLS cipher in common with carteiro, holds no certificate for that name, or one with a \
                 key other than RSA of 2048 bits or more, P-256, P-384 or Ed25519."
            ),
            format!(
                "{host} não tem cifra TLS em comum com o carteiro, não tem certificado para esse nome, ou tem um com \
                 chave que não é RSA de 2048 bits ou mais, P-256, P-384 nem Ed25519."
            ),
        ),
        AlertDescription::UnrecognisedName => error(
            ErrorCode::TlsNameMismatch,
            format!("{host} holds no certificate for that name."),
            format!("{host} não tem certificado para esse nome."),
        ),
        AlertDescription::NoApplicationProtocol => no_http1(host),
        // Also of some that look for a certificate for the name and find none.
        AlertDescription::InternalError => error(
            ErrorCode::TlsFailed,
            format!(
                "{host} reports an error of its own in TLS (internal_error): it may hold no certificate for that name."
            ),
            format!(
                "{host} informa um erro próprio no TLS (internal_error): talvez não tenha certificado para esse nome."
            ),
        ),
        alert => {
            let number = u8::from(alert);
            error(
                ErrorCode::TlsFailed,
                format!("{host} refused the TLS connection (alert {number} of TLS): its log says why."),
                format!("{host} recusou a conexão TLS (alerta {number} do TLS): o log dele diz por quê."),
            )
        }
    }
}
