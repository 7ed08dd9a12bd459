//! What goes wrong between a request and the head of its response.

use super::sentences;
use super::system::{self, is_ours};
use super::tls::{self, ClientAuth, find, find_in_io};
use crate::delivery::redact::Secrets;
use crate::delivery::response_head::{self, Fault, MAX_HEAD_BYTES};
use crate::model::{AttemptError, localized};
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

/// Sending the request to `host`, or waiting for the head of its response, failed.
pub(crate) fn exchanging(host: &str, unanswered: &Unanswered) -> AttemptError {
    let Unanswered { cause, received_any, copy, client_auth, is_plain, secrets } = unanswered;
    if cause.is_parse() {
        return unreadable(host, copy, secrets);
    }
    if let Some(io) = find::<io::Error>(cause) {
        if find_in_io::<TooMuchSent>(io).is_some() {
            return sentences::too_much_sent(host);
        }
        if let Some(cause) = find_in_io::<rustls::Error>(io) {
            return tls::broken_later(host, cause, client_auth);
        }
        if is_ours(io) {
            return system::out_of_resources(io);
        }
        if io.kind() == ErrorKind::TimedOut {
            return sentences::fell_silent(host);
        }
    }
    if cause.is_user() {
        return sentences::broke_off();
    }
    match (received_any, cause.is_canceled()) {
        // hyper drops a request that is still queued when bytes come that answer nothing.
        (true, true) => spoke_first(host, copy, secrets),
        (true, false) => sentences::closed_in_head(host),
        (false, _) if client_auth.asked => tls::closed_after_asking(host, client_auth),
        // What Node, Java and HAProxy do to a request that they take for a broken handshake.
        (false, _) if *is_plain => sentences::closed_plain(host),
        (false, _) => sentences::closed(host),
    }
}

/// What `host` sent before the request tells what speaks there.
fn spoke_first(host: &str, copy: &[u8], secrets: &Secrets) -> AttemptError {
    if response_head::is_http2_frame(copy) {
        return sentences::speaks_http2(host);
    }
    let quoted = response_head::first_line(copy, secrets).map(|line| format!(": {line}")).unwrap_or_default();
    sentences::spoke_first(host, &quoted)
}

/// The head that begins `copy` was refused.
fn unreadable(host: &str, copy: &[u8], secrets: &Secrets) -> AttemptError {
    let why = match response_head::fault(copy, secrets) {
        Fault::Http2 => return sentences::speaks_http2(host),
        Fault::Tls => return sentences::speaks_tls(host),
        Fault::NoStatusLine(line) => return sentences::no_status_line(host, &line),
        Fault::TooManyLines => {
            let most = response_head::MAX_LINES;
            localized!("it has more than {most} lines", "tem mais de {most} linhas")
        }
        Fault::Nul { line, quoted } => {
            localized!("line {line} holds a NUL byte: {quoted}", "a linha {line} contém um byte NUL: {quoted}")
        }
        Fault::BareCr { line, quoted } => localized!(
            "line {line} holds a carriage return (CR) without a line feed (LF): {quoted}",
            "a linha {line} contém um retorno de carro (CR) sem quebra de linha (LF): {quoted}"
        ),
        Fault::ContentLength(values) => localized!(
            "its Content-Length is no number, or is given twice with different values: {values}",
            "o Content-Length não é um número, ou aparece com valores diferentes: {values}"
        ),
        Fault::OldTransferEncoding => localized!(
            "it is of HTTP/1.0 and has a Transfer-Encoding, which only HTTP/1.1 has",
            "é de HTTP/1.0 e tem Transfer-Encoding, que só existe em HTTP/1.1"
        ),
        Fault::Unknown if copy.len() >= MAX_HEAD_BYTES => {
            let most = MAX_HEAD_BYTES / 1024;
            localized!("it is larger than {most} KiB", "é maior que {most} KiB")
        }
        Fault::Unknown => return sentences::not_http1(host),
    };
    sentences::unreadable_head(host, &why)
}

/// What was to carry HTTP over a new connection could not be set up.
pub(crate) fn no_connection(cause: &hyper::Error) -> AttemptError {
    let log = || localized!("its log says more", "o log dele diz mais");
    sentences::connection_setup_failed(&find::<io::Error>(cause).map_or_else(log, system::cause))
}

/// No response was received.
pub(crate) struct Unanswered {
    pub(crate) cause: hyper::Error,
    /// Whether any byte of a response was received.
    pub(crate) received_any: bool,
    /// The first of those bytes.
    pub(crate) copy: Vec<u8>,
    /// Whether the target had asked for a client certificate on this connection, and not answered any request since.
    pub(crate) client_auth: ClientAuth,
    /// Whether the connection is without TLS.
    pub(crate) is_plain: bool,
    /// What the target may have sent back of the request, and must not be quoted.
    pub(crate) secrets: Secrets,
}

impl Unanswered {
    /// Whether a pooled connection can only have died while it was idle: the target sent nothing, or sent it before
    /// hyper took up the request.
    pub(crate) fn was_stale(&self) -> bool {
        !self.received_any || self.cause.is_canceled()
    }
}

/// A connection carried more bytes than `MAX_RESPONSE_BYTES` in answer to one request.
#[derive(Debug)]
pub(crate) struct TooMuchSent;

impl fmt::Display for TooMuchSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("more bytes than a response can hold")
    }
}

impl Error for TooMuchSent {}
