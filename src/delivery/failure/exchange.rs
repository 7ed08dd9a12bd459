//! What goes wrong between a request and the head of its response.

use super::sentence::{error, find, find_in_io, span};
use super::system::{self, is_ours};
use super::{reach, tls};
use crate::delivery::head::{self, Fault, MAX_HEAD_BYTES};
use crate::delivery::redact::Secrets;
use crate::model::{AttemptError, ErrorCode, TargetUrl};
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

/// `target` makes no request line or `Host`.
pub(crate) fn no_request(target: &TargetUrl) -> AttemptError {
    error(
        ErrorCode::Internal,
        format!("No request could be made for {target}."),
        format!("Não foi possível montar uma requisição para {target}."),
    )
}

/// Sending the request to `host`, or waiting for the head of its response, failed.
pub(crate) fn exchanging(host: &str, unanswered: &Unanswered) -> AttemptError {
    let Unanswered { cause, received_any, copy, wants_client_certificate, is_plain, secrets } = unanswered;
    if cause.is_parse() {
        return unreadable(host, copy, secrets);
    }
    if let Some(io) = find::<io::Error>(cause) {
        if find_in_io::<TooMuchSent>(io).is_some() {
            return error(
                ErrorCode::BadResponse,
                format!("{host} sent more than a response can hold."),
                format!("{host} enviou mais do que cabe em uma resposta."),
            );
        }
        if let Some(cause) = find_in_io::<rustls::Error>(io) {
            return tls::broken_later(host, cause, *wants_client_certificate);
        }
        if is_ours(io) {
            return reach::ours(io);
        }
        if io.kind() == ErrorKind::TimedOut {
            return error(
                ErrorCode::Timeout,
                format!("The connection to {host} fell silent before a response came."),
                format!("A conexão com {host} ficou muda antes de vir uma resposta."),
            );
        }
    }
    if cause.is_user() {
        return error(
            ErrorCode::Internal,
            "The attempt broke off inside carteiro: its log says more.",
            "A tentativa foi interrompida dentro do carteiro: o log dele diz mais.",
        );
    }
    match (received_any, cause.is_canceled()) {
        // hyper drops a request that is still queued when bytes come that answer nothing.
        (true, true) => spoke_first(host, copy, secrets),
        (true, false) => error(
            ErrorCode::Reset,
            format!("{host} closed the connection in the middle of the response's head."),
            format!("{host} fechou a conexão no meio do cabeçalho da resposta."),
        ),
        (false, _) if *wants_client_certificate => tls::closed_after_asking(host),
        // What Node, Java and HAProxy do to a request that they take for a broken handshake.
        (false, _) if *is_plain => error(
            ErrorCode::Reset,
            format!(
                "{host} closed the connection without an answer; if this port speaks https, write https:// in the \
                 webhook's target."
            ),
            format!(
                "{host} fechou a conexão sem responder; se esta porta fala https, escreva https:// no destino do \
                 webhook."
            ),
        ),
        (false, _) => error(
            ErrorCode::Reset,
            format!("{host} closed the connection without an answer."),
            format!("{host} fechou a conexão sem responder."),
        ),
    }
}

/// What `host` said before it was asked tells what speaks there.
fn spoke_first(host: &str, copy: &[u8], secrets: &Secrets) -> AttemptError {
    if head::is_http2_frame(copy) {
        return speaks_http2(host);
    }
    match head::first_line(copy, secrets) {
        Some(line) => error(
            ErrorCode::BadResponse,
            format!("{host} spoke before it was asked, which no web server does: {line}."),
            format!("{host} falou antes de ser perguntado, o que um servidor web não faz: {line}."),
        ),
        None => error(
            ErrorCode::BadResponse,
            format!("{host} spoke before it was asked, which no web server does."),
            format!("{host} falou antes de ser perguntado, o que um servidor web não faz."),
        ),
    }
}

fn speaks_tls(host: &str) -> AttemptError {
    error(
        ErrorCode::BadResponse,
        format!("{host} speaks TLS on this port: write https:// in the webhook's target."),
        format!("{host} fala TLS nesta porta: escreva https:// no destino do webhook."),
    )
}

fn speaks_http2(host: &str) -> AttemptError {
    error(
        ErrorCode::BadResponse,
        format!("{host} speaks HTTP/2 only on this port, and carteiro HTTP/1.1: turn HTTP/1.1 on there too."),
        format!("{host} só fala HTTP/2 nesta porta, e o carteiro, HTTP/1.1: ative lá também o HTTP/1.1."),
    )
}

/// The head that begins `copy` was refused.
fn unreadable(host: &str, copy: &[u8], secrets: &Secrets) -> AttemptError {
    let fault = head::fault(copy, secrets);
    let (why, why_pt) = match fault {
        Fault::Http2 => return speaks_http2(host),
        Fault::Tls => return speaks_tls(host),
        Fault::NoStatusLine(line) => {
            return error(
                ErrorCode::BadResponse,
                format!("What {host} answered is not HTTP/1.1; it begins with {line}."),
                format!("O que {host} respondeu não é HTTP/1.1; começa com {line}."),
            );
        }
        Fault::TooManyLines => {
            (format!("it has more than {} lines", head::MAX_LINES), format!("tem mais de {} linhas", head::MAX_LINES))
        }
        Fault::Nul { line, quoted } => {
            (format!("line {line} holds a NUL byte: {quoted}"), format!("a linha {line} contém um byte NUL: {quoted}"))
        }
        Fault::BareCr { line, quoted } => (
            format!("line {line} holds a carriage return (CR) without a line feed (LF): {quoted}"),
            format!("a linha {line} contém um retorno de carro (CR) sem quebra de linha (LF): {quoted}"),
        ),
        Fault::ContentLength(values) => (
            format!("its Content-Length is no number, or is given twice with different values: {values}"),
            format!("o Content-Length não é um número, ou aparece com valores diferentes: {values}"),
        ),
        Fault::OldTransferEncoding => (
            "it is of HTTP/1.0 and has a Transfer-Encoding, which only HTTP/1.1 has".to_owned(),
            "é de HTTP/1.0 e tem Transfer-Encoding, que só existe em HTTP/1.1".to_owned(),
        ),
        Fault::Unknown if copy.len() >= MAX_HEAD_BYTES => (
            format!("it is larger than {} KiB", MAX_HEAD_BYTES / 1024),
            format!("é maior que {} KiB", MAX_HEAD_BYTES / 1024),
        ),
        Fault::Unknown => {
            return error(
                ErrorCode::BadResponse,
                format!("What {host} answered is not HTTP/1.1."),
                format!("O que {host} respondeu não é HTTP/1.1."),
            );
        }
    };
    error(
        ErrorCode::BadResponse,
        format!("The head of the response from {host} can't be read: {why}."),
        format!("O cabeçalho da resposta de {host} não pode ser lido: {why_pt}."),
    )
}

/// The whole `limit` ran out without a response.
pub(crate) fn silent(host: &str, limit: Duration) -> AttemptError {
    let within = span(limit);
    error(
        ErrorCode::Timeout,
        format!("No response from {host} within {within}."),
        format!("{host} não respondeu em {within}."),
    )
}

/// What was to carry HTTP over a fresh connection could not be set up.
pub(crate) fn no_connection(cause: &hyper::Error) -> AttemptError {
    let (en, pt) = match find::<io::Error>(cause).map(system::cause) {
        Some(cause) => (cause.en, cause.pt),
        None => ("its log says more".to_owned(), "o log dele diz mais".to_owned()),
    };
    error(
        ErrorCode::Internal,
        format!("carteiro could not set up a connection: {en}."),
        format!("O carteiro não conseguiu preparar a conexão: {pt}."),
    )
}

/// No response came.
pub(crate) struct Unanswered {
    pub(crate) cause: hyper::Error,
    /// Whether any byte of an answer came.
    pub(crate) received_any: bool,
    /// The first of those bytes.
    pub(crate) copy: Vec<u8>,
    /// Whether the target had asked for a client certificate on this connection, and not answered any request since.
    pub(crate) wants_client_certificate: bool,
    /// Whether the connection is without TLS.
    pub(crate) is_plain: bool,
    /// What the target may have sent back of the request, and must not be quoted.
    pub(crate) secrets: Secrets,
}

impl Unanswered {
    /// Whether a kept connection can only have died while it waited: the target said nothing, or what it said came
    /// before hyper had taken the request up.
    pub(crate) fn was_stale(&self) -> bool {
        !self.received_any || self.cause.is_canceled()
    }
}

/// A connection carried more bytes than `MAX_RESPONSE_BYTES` in answer to one
/// request.
#[derive(Debug)]
pub(crate) struct TooMuchSent;

impl fmt::Display for TooMuchSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("more bytes than a response can hold")
    }
}

impl Error for TooMuchSent {}
