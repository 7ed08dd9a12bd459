//! Turns what went wrong on the wire into an [`ErrorCode`] and one sentence a shop owner understands.
//!
//! Errors are told apart by their types, found along the chain of sources, never by their texts, which change between
//! versions of a library.

use crate::model::{AttemptError, ErrorCode};
use rustls::{AlertDescription, CertificateError};
use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

pub(super) fn error(code: ErrorCode, message: String) -> AttemptError {
    AttemptError { code, message_pt: message.clone(), message }
}

/// The resolver's answer to `host` was an error.
pub(super) fn resolving(host: &str, cause: &io::Error) -> AttemptError {
    if is_ours(cause) {
        return ours(cause);
    }
    // The resolver's own words stay out: they differ from one libc to the next, and only ever say that it failed.
    error(ErrorCode::DnsFailed, format!("The name {host} could not be resolved to an address."))
}

/// Dialling `address` failed with an error of the system.
pub(super) fn connecting(address: SocketAddr, cause: &io::Error) -> AttemptError {
    // A machine with IPv6 switched off has no address to dial from: no route, rather than no ports left.
    let no_route = address.is_ipv6() && cause.kind() == ErrorKind::AddrNotAvailable;
    if is_ours(cause) && !no_route {
        return ours(cause);
    }
    match cause.kind() {
        ErrorKind::ConnectionRefused => {
            error(ErrorCode::ConnectRefused, format!("Nothing is listening at {address} (connection refused)."))
        }
        ErrorKind::TimedOut => {
            error(ErrorCode::ConnectTimeout, format!("{address} did not answer the attempt to connect."))
        }
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable => {
            error(ErrorCode::ConnectFailed, format!("There is no route from here to {address}."))
        }
        _ => error(ErrorCode::ConnectFailed, format!("The connection to {address} could not be made: {cause}.")),
    }
}

/// The TLS handshake with `host` at `address` failed.
pub(super) fn handshaking(host: &str, address: SocketAddr, cause: &io::Error) -> AttemptError {
    if let Some(tls) = find_in_io::<rustls::Error>(cause) {
        return error(ErrorCode::TlsFailed, tls_sentence(host, tls));
    }
    match cause.kind() {
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe => {
            error(ErrorCode::TlsFailed, format!("{address} closed the connection during the TLS handshake."))
        }
        _ => error(ErrorCode::TlsFailed, format!("The TLS handshake with {host} failed: {cause}.")),
    }
}

/// Sending the request to `host`, or waiting for the head of its response, failed. `heard` tells whether any byte of
/// an answer had come.
pub(super) fn exchanging(host: &str, cause: &hyper::Error, heard: bool) -> AttemptError {
    if cause.is_parse() {
        let what = if cause.is_parse_too_large() {
            format!("The head of the response from {host} is too large.")
        } else {
            format!("What {host} answered is not HTTP/1.1.")
        };
        return error(ErrorCode::BadResponse, what);
    }
    if let Some(io) = find::<io::Error>(cause) {
        if find_in_io::<TooMuchSent>(io).is_some() {
            return error(ErrorCode::BadResponse, format!("{host} sent more than a response can hold."));
        }
        if let Some(tls) = find_in_io::<rustls::Error>(io) {
            return error(ErrorCode::TlsFailed, tls_sentence(host, tls));
        }
        if is_ours(io) {
            return ours(io);
        }
        if io.kind() == ErrorKind::TimedOut {
            return error(ErrorCode::Timeout, format!("The connection to {host} fell silent before a response came."));
        }
    }
    if cause.is_user() {
        return error(ErrorCode::Internal, format!("The attempt broke off inside carteiro: {cause}."));
    }
    match (heard, cause.is_canceled()) {
        // hyper drops a request that is still queued when bytes come that answer nothing.
        (true, true) => error(ErrorCode::BadResponse, format!("{host} spoke before it was asked.")),
        (true, false) => {
            error(ErrorCode::Reset, format!("{host} closed the connection in the middle of the response's head."))
        }
        (false, _) => error(ErrorCode::Reset, format!("{host} closed the connection without an answer.")),
    }
}

/// `span` as a sentence writes it, to the millisecond: `15s`, `1s 500ms`.
pub(super) fn span(span: Duration) -> humantime::FormattedDuration {
    let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_millis(ms))
}

/// A connection carried more bytes than [`super::stream::MAX_RESPONSE_BYTES`] in answer to one request.
#[derive(Debug)]
pub(super) struct TooMuchSent;

impl std::fmt::Display for TooMuchSent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("more bytes than a response can hold")
    }
}

impl Error for TooMuchSent {}

/// Whether it is this machine that has run out of something, rather than the target that failed.
fn is_ours(cause: &io::Error) -> bool {
    /// ENFILE and EMFILE: the same numbers on every Unix, and without an [`ErrorKind`] of their own.
    const OUT_OF_FILES: [i32; 2] = [23, 24];
    cause.raw_os_error().is_some_and(|code| OUT_OF_FILES.contains(&code))
        || matches!(cause.kind(), ErrorKind::OutOfMemory | ErrorKind::AddrNotAvailable)
}

fn ours(cause: &io::Error) -> AttemptError {
    error(ErrorCode::Internal, format!("This machine could not open a connection: {cause}."))
}

fn find<'a, E: Error + 'static>(outermost: &'a (dyn Error + 'static)) -> Option<&'a E> {
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
fn find_in_io<E: Error + 'static>(outer: &io::Error) -> Option<&E> {
    let inner = outer.get_ref()?;
    let inner: &(dyn Error + 'static) = inner;
    find::<E>(inner).or_else(|| find_in_io(inner.downcast_ref::<io::Error>()?))
}

/// Whether a certificate was refused for being an authority's: what `openssl req -x509` makes unless told otherwise.
pub(super) fn is_its_own_authority(error: &CertificateError) -> bool {
    let CertificateError::Other(other) = error else {
        return false;
    };
    matches!(other.0.downcast_ref::<webpki::Error>(), Some(webpki::Error::CaUsedAsEndEntity))
}

fn tls_sentence(host: &str, cause: &rustls::Error) -> String {
    match cause {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                format!("The certificate of {host} has expired.")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                format!("The certificate of {host} is not valid yet.")
            }
            CertificateError::Revoked => format!("The certificate of {host} was revoked."),
            // A bad signature is an authority of the same name as a trusted one, and not it.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
                "The certificate of {host} was not issued by a trusted authority, or the server does not send the \
                 intermediate certificates."
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("The certificate at {host} was made for another name.")
            }
            other if is_its_own_authority(other) => format!(
                "The certificate of {host} is its own authority, and not one that is trusted: put it into the file that \
                 `[egress] extra_ca_file` in the config names."
            ),
            other => format!("The certificate of {host} is not acceptable: {other}."),
        },
        rustls::Error::InvalidMessage(_) => format!("What {host} answered is not TLS: is this port a plain http one?"),
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired => format!("{host} asks for a client certificate."),
            AlertDescription::ProtocolVersion => format!("{host} speaks neither TLS 1.2 nor TLS 1.3."),
            AlertDescription::UnrecognisedName => format!("{host} holds no certificate for that name."),
            other => format!("{host} refused the TLS connection: {other:?}."),
        },
        rustls::Error::PeerIncompatible(_) => format!("{host} speaks no TLS that carteiro speaks: {cause}."),
        other => format!("The TLS connection with {host} failed: {other}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> SocketAddr {
        "192.0.2.1:443".parse().unwrap()
    }

    #[test]
    fn system_errors_have_their_codes() {
        for (kind, code) in [
            (ErrorKind::ConnectionRefused, ErrorCode::ConnectRefused),
            (ErrorKind::TimedOut, ErrorCode::ConnectTimeout),
            (ErrorKind::HostUnreachable, ErrorCode::ConnectFailed),
            (ErrorKind::NetworkUnreachable, ErrorCode::ConnectFailed),
            (ErrorKind::PermissionDenied, ErrorCode::ConnectFailed),
            (ErrorKind::AddrNotAvailable, ErrorCode::Internal),
        ] {
            assert_eq!(connecting(address(), &kind.into()).code, code, "{kind:?}");
        }
        let v6 = "[2001:db8::1]:443".parse().unwrap();
        assert_eq!(connecting(v6, &ErrorKind::AddrNotAvailable.into()).code, ErrorCode::ConnectFailed);
        assert_eq!(span(Duration::from_micros(1_500_999)).to_string(), "1s 500ms");
        assert_eq!(connecting(address(), &io::Error::from_raw_os_error(24)).code, ErrorCode::Internal);
        assert_eq!(resolving("loja.example", &io::Error::from_raw_os_error(23)).code, ErrorCode::Internal);
        assert_eq!(resolving("loja.example", &ErrorKind::NotFound.into()).code, ErrorCode::DnsFailed);
        assert_eq!(
            connecting(address(), &ErrorKind::ConnectionRefused.into()).message,
            "Nothing is listening at 192.0.2.1:443 (connection refused)."
        );
    }

    #[test]
    fn certificates_are_found_however_deep_they_are_wrapped() {
        let expired = || rustls::Error::InvalidCertificate(CertificateError::Expired);
        let once = io::Error::new(ErrorKind::InvalidData, expired());
        let twice = io::Error::other(io::Error::new(ErrorKind::InvalidData, expired()));
        for cause in [once, twice] {
            let failure = handshaking("loja.example", address(), &cause);
            assert_eq!(failure, error(ErrorCode::TlsFailed, "The certificate of loja.example has expired.".into()));
        }
        let closed = handshaking("loja.example", address(), &ErrorKind::UnexpectedEof.into());
        assert_eq!(closed.code, ErrorCode::TlsFailed);
    }
}
