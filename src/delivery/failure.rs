//! Turns what went wrong into an [`ErrorCode`] and one sentence a shop owner understands, in English and in Portuguese.
//!
//! Every sentence an attempt can end with stands in this file, its two languages side by side in one call of [`error`]:
//! two languages need no catalogue of keys, and a sentence changed in one can't be forgotten in the other. Errors are told
//! apart by their types, found along the chain of sources, never by their texts, which change between versions of a
//! library. Where a library's own words are all there is to say, they stand at the sentence's end in either language.

use super::egress::{Blocked, Range};
use crate::model::{AttemptError, AttemptResult, ErrorCode, ProxyUrl, Response, TargetUrl, Timestamp};
use dns_lookup::{LookupError, LookupErrorKind};
use http::StatusCode;
use rustls::{AlertDescription, CertificateError, PeerIncompatible};
use rustls_pki_types::UnixTime;
use std::borrow::Cow;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

/// Why an attempt failed; `None` where a 2XX confirmed.
///
/// What a status means is not stored with an attempt but said when it is read, so that a better sentence also explains
/// what lies in the past.
pub fn why(result: &AttemptResult) -> Option<Cow<'_, AttemptError>> {
    match result {
        AttemptResult::Response(response) => answered(response).map(Cow::Owned),
        AttemptResult::Error(error) => Some(Cow::Borrowed(error)),
    }
}

fn error(code: ErrorCode, message: impl Into<String>, message_pt: impl Into<String>) -> AttemptError {
    AttemptError { code, message: cut(message.into()), message_pt: cut(message_pt.into()) }
}

/// At most [`AttemptError::MAX_MESSAGE_BYTES`], an ellipsis included.
fn cut(mut sentence: String) -> String {
    const ELLIPSIS: char = '…';
    if sentence.len() > AttemptError::MAX_MESSAGE_BYTES {
        let mut end = AttemptError::MAX_MESSAGE_BYTES - ELLIPSIS.len_utf8();
        while !sentence.is_char_boundary(end) {
            end -= 1;
        }
        sentence.truncate(end);
        sentence.push(ELLIPSIS);
    }
    sentence
}

// ---- the name --------------------------------------------------------------------------------------------------------

/// A name has led to no address.
#[derive(Debug)]
pub(super) enum Unresolved {
    /// There is none: the resolver knows.
    NotFound,
    /// The resolver doesn't know.
    Failed(io::Error),
}

impl From<LookupError> for Unresolved {
    fn from(error: LookupError) -> Self {
        match error.kind() {
            LookupErrorKind::NoName | LookupErrorKind::NoData => Self::NotFound,
            LookupErrorKind::Memory => Self::Failed(ErrorKind::OutOfMemory.into()),
            _ => Self::Failed(error.into()),
        }
    }
}

/// `host` could not be resolved.
pub(super) fn resolving(host: &str, cause: &Unresolved) -> AttemptError {
    match cause {
        Unresolved::NotFound => error(
            ErrorCode::DnsNotFound,
            format!("The name {host} does not exist or has no address: check how the webhook's target is written."),
            format!("O nome {host} não existe ou não tem endereço: confira como o destino do webhook foi escrito."),
        ),
        Unresolved::Failed(cause) if is_ours(cause) => ours(cause),
        // The resolver's own words stay out: they differ from one libc to the next, and only ever say that it failed.
        Unresolved::Failed(_) => error(
            ErrorCode::DnsFailed,
            format!("The name {host} could not be resolved to an address."),
            format!("Não foi possível descobrir o endereço de {host}."),
        ),
    }
}

/// The resolver was silent about `host` for the whole `limit`.
pub(super) fn resolving_too_long(host: &str, limit: Duration) -> AttemptError {
    let within = span(limit);
    error(
        ErrorCode::DnsFailed,
        format!("The name {host} was not resolved within {within}."),
        format!("O endereço de {host} não foi descoberto em {within}."),
    )
}

// ---- what is never dialled -------------------------------------------------------------------------------------------

/// `target` is plain `http`, and the config wants none.
pub(super) fn not_https(target: &TargetUrl) -> AttemptError {
    error(
        ErrorCode::BlockedTarget,
        format!("{target} is not an https URL, and `[egress] allow_http = false` in the config lets no other through."),
        format!(
            "{target} não é uma URL https, e `[egress] allow_http = false` na configuração não deixa passar outras."
        ),
    )
}

/// The egress guard refuses the address.
pub(super) fn blocked(blocked: &Blocked) -> AttemptError {
    let (what, what_pt) = called(blocked.refused.range);
    let (ip, judged) = (blocked.ip, blocked.judged);
    let (who, who_pt) = if judged == ip {
        (format!("{ip} is"), format!("{ip} é"))
    } else {
        (format!("{ip} leads to {judged},"), format!("{ip} leva a {judged},"))
    };
    let (opens, opens_pt) = match blocked.opened_by() {
        Some(entry) => (
            format!("; `[egress] allow = [\"{entry}\"]` in the config opens it."),
            format!("; `[egress] allow = [\"{entry}\"]` na configuração o libera."),
        ),
        None => (
            ", and `[egress] allow` in the config can't open it.".to_owned(),
            ", e `[egress] allow` na configuração não pode liberá-lo.".to_owned(),
        ),
    };
    error(
        ErrorCode::BlockedTarget,
        format!("{who} {what}, which is not dialled{opens}"),
        format!("{who_pt} {what_pt}, ao qual não se conecta{opens_pt}"),
    )
}

const fn called(range: Range) -> (&'static str, &'static str) {
    match range {
        Range::Unspecified => ("an unspecified address", "um endereço não especificado"),
        Range::Loopback => ("a loopback address", "um endereço da própria máquina"),
        Range::LinkLocal => (
            "a link-local address (where clouds serve their metadata)",
            "um endereço de enlace local (onde as nuvens servem os seus metadados)",
        ),
        Range::Metadata => ("a cloud's metadata address", "o endereço de metadados de uma nuvem"),
        Range::Broadcast => ("the broadcast address", "o endereço de broadcast"),
        Range::Multicast => ("a multicast address", "um endereço de multicast"),
        Range::Private => ("a private address", "um endereço privado"),
        Range::Shared => ("a carrier's shared address", "um endereço compartilhado de operadora"),
        Range::Protocols => ("an address reserved for protocols", "um endereço reservado para protocolos"),
        Range::Documentation => ("a documentation address", "um endereço de documentação"),
        Range::Benchmarking => ("a benchmarking address", "um endereço de testes de desempenho"),
        Range::DiscardOnly => ("a discard-only address", "um endereço só de descarte"),
        Range::Tunnel => (
            "an address of a tunnel that may end anywhere",
            "um endereço de um túnel que pode terminar em qualquer lugar",
        ),
        Range::Reserved => ("a reserved address", "um endereço reservado"),
    }
}

// ---- the connection --------------------------------------------------------------------------------------------------

/// Dialling `address` failed with an error of the system.
pub(super) fn connecting(address: SocketAddr, cause: &io::Error) -> AttemptError {
    // A machine with IPv6 switched off has no address to dial from: no route, rather than no ports left.
    let no_route = address.is_ipv6() && cause.kind() == ErrorKind::AddrNotAvailable;
    if is_ours(cause) && !no_route {
        return ours(cause);
    }
    match cause.kind() {
        ErrorKind::ConnectionRefused => error(
            ErrorCode::ConnectRefused,
            format!("Nothing is listening at {address} (connection refused)."),
            format!("Nada atende em {address} (conexão recusada)."),
        ),
        ErrorKind::TimedOut => error(
            ErrorCode::ConnectTimeout,
            format!("{address} did not answer the attempt to connect."),
            format!("{address} não respondeu à tentativa de conexão."),
        ),
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable => error(
            ErrorCode::ConnectFailed,
            format!("There is no route from here to {address}."),
            format!("Não há rota daqui até {address}."),
        ),
        _ => error(
            ErrorCode::ConnectFailed,
            format!("The connection to {address} could not be made: {cause}."),
            format!("Não foi possível conectar a {address}: {cause}."),
        ),
    }
}

/// `address` was silent while the time to connect, `limit` in all, ran out.
pub(super) fn connecting_too_long(address: SocketAddr, limit: Duration) -> AttemptError {
    let within = span(limit);
    error(
        ErrorCode::ConnectTimeout,
        format!("{address} did not answer the attempt to connect within {within}."),
        format!("{address} não respondeu à tentativa de conexão em {within}."),
    )
}

/// What was to carry HTTP over a fresh connection could not be set up.
pub(super) fn no_connection(cause: &hyper::Error) -> AttemptError {
    error(
        ErrorCode::Internal,
        format!("No connection could be set up: {cause}."),
        format!("Não foi possível preparar a conexão: {cause}."),
    )
}

// ---- the proxy -------------------------------------------------------------------------------------------------------

/// The name of the proxy could not be resolved.
pub(super) fn proxy_unresolved(proxy: &ProxyUrl, cause: &Unresolved) -> AttemptError {
    match cause {
        Unresolved::Failed(cause) if is_ours(cause) => ours(cause),
        Unresolved::NotFound | Unresolved::Failed(_) => error(
            ErrorCode::ProxyFailed,
            format!(
                "The address of the outbound proxy {proxy} could not be found; check `[egress] proxy` in the config."
            ),
            format!(
                "Não foi possível descobrir o endereço do proxy de saída {proxy}; confira `[egress] proxy` na configuração."
            ),
        ),
    }
}

/// Dialling the proxy failed with an error of the system.
pub(super) fn proxy_unreachable(proxy: &ProxyUrl, cause: &io::Error) -> AttemptError {
    if is_ours(cause) {
        return ours(cause);
    }
    error(
        ErrorCode::ProxyFailed,
        format!("The outbound proxy {proxy} can't be reached: {cause}."),
        format!("O proxy de saída {proxy} não pode ser alcançado: {cause}."),
    )
}

/// The proxy had not connected to `address` when the time to connect, `limit` in all, ran out.
pub(super) fn proxy_too_long(proxy: &ProxyUrl, address: SocketAddr, limit: Duration) -> AttemptError {
    let within = span(limit);
    error(
        ErrorCode::ProxyFailed,
        format!("The outbound proxy {proxy} did not connect to {address} within {within}."),
        format!("O proxy de saída {proxy} não conectou a {address} em {within}."),
    )
}

/// What the proxy did is not what an HTTP proxy does.
pub(super) fn proxy_is_odd(proxy: &ProxyUrl, address: SocketAddr) -> AttemptError {
    error(
        ErrorCode::ProxyFailed,
        format!("The outbound proxy {proxy} did not answer CONNECT {address} as an HTTP proxy does."),
        format!("O proxy de saída {proxy} não respondeu a CONNECT {address} como um proxy HTTP responde."),
    )
}

/// The proxy answered, and did not connect.
pub(super) fn proxy_refused(proxy: &ProxyUrl, address: SocketAddr, status: StatusCode) -> AttemptError {
    let (why, why_pt) = match status.as_u16() {
        401 | 407 => (
            "check the user and the password in `[egress] proxy` in the config",
            "confira o usuário e a senha em `[egress] proxy` na configuração",
        ),
        403 | 405 => (
            "its rules must allow CONNECT to that address and port",
            "as regras dele precisam permitir CONNECT a esse endereço e porta",
        ),
        502..=504 => ("it could not connect either", "ele também não conseguiu conectar"),
        _ => ("it does not say why", "ele não diz por quê"),
    };
    let status = status.as_u16();
    error(
        ErrorCode::ProxyRefused,
        format!("The outbound proxy {proxy} answered CONNECT {address} with {status}: {why}."),
        format!("O proxy de saída {proxy} respondeu {status} a CONNECT {address}: {why_pt}."),
    )
}

/// Whether it is this machine that has run out of something, rather than the target that failed.
fn is_ours(cause: &io::Error) -> bool {
    /// ENFILE and EMFILE: the same numbers on every Unix, and without an [`ErrorKind`] of their own.
    const OUT_OF_FILES: [i32; 2] = [23, 24];
    cause.raw_os_error().is_some_and(|code| OUT_OF_FILES.contains(&code))
        || matches!(cause.kind(), ErrorKind::OutOfMemory | ErrorKind::AddrNotAvailable)
}

fn ours(cause: &io::Error) -> AttemptError {
    error(
        ErrorCode::Internal,
        format!("This machine could not open a connection: {cause}."),
        format!("Esta máquina não conseguiu abrir uma conexão: {cause}."),
    )
}

// ---- TLS -------------------------------------------------------------------------------------------------------------

/// `host` is nothing that TLS could ask a server for.
pub(super) fn never_certified(host: &str) -> AttemptError {
    error(
        ErrorCode::TlsFailed,
        format!("{host} is no name that a certificate could be issued for."),
        format!("{host} não é um nome para o qual se possa emitir um certificado."),
    )
}

/// The TLS handshake with `host` at `address` failed.
pub(super) fn handshaking(host: &str, address: SocketAddr, cause: &io::Error) -> AttemptError {
    if let Some(cause) = find_in_io::<rustls::Error>(cause) {
        return tls(host, cause);
    }
    match cause.kind() {
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe => error(
            ErrorCode::TlsFailed,
            format!("{address} closed the connection during the TLS handshake."),
            format!("{address} fechou a conexão durante a negociação TLS."),
        ),
        _ => error(
            ErrorCode::TlsFailed,
            format!("The TLS handshake with {host} failed: {cause}."),
            format!("A negociação TLS com {host} falhou: {cause}."),
        ),
    }
}

/// `address` took the connection and left the handshake unfinished while the time to connect, `limit` in all, ran out.
pub(super) fn handshaking_too_long(address: SocketAddr, limit: Duration) -> AttemptError {
    let within = span(limit);
    error(
        ErrorCode::ConnectTimeout,
        format!("{address} took the connection but did not finish the TLS handshake within {within}."),
        format!("{address} aceitou a conexão, mas não concluiu a negociação TLS em {within}."),
    )
}

/// Whether a certificate was refused for being an authority's: what `openssl req -x509` makes unless told otherwise.
pub(super) fn is_its_own_authority(error: &CertificateError) -> bool {
    let CertificateError::Other(other) = error else {
        return false;
    };
    matches!(other.0.downcast_ref::<webpki::Error>(), Some(webpki::Error::CaUsedAsEndEntity))
}

fn tls(host: &str, cause: &rustls::Error) -> AttemptError {
    match cause {
        rustls::Error::InvalidCertificate(cause) => certificate(host, cause),
        rustls::Error::InvalidMessage(_) => error(
            ErrorCode::TlsFailed,
            format!("What {host} answered is not TLS: is this port a plain http one?"),
            format!("O que {host} respondeu não é TLS: esta porta é de http comum?"),
        ),
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => error(
            ErrorCode::TlsNoCommonCipher,
            format!("{host} speaks neither TLS 1.2 nor TLS 1.3."),
            format!("{host} não fala TLS 1.2 nem TLS 1.3."),
        ),
        // The alert of a server that finds no cipher; also of some that hold no certificate for the name asked for.
        rustls::Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity) => {
            error(
                ErrorCode::TlsNoCommonCipher,
                format!("{host} has no TLS cipher in common with carteiro, or holds no certificate for that name."),
                format!("{host} não tem cifra TLS em comum com o carteiro, ou não tem certificado para esse nome."),
            )
        }
        rustls::Error::PeerIncompatible(how) => error(
            ErrorCode::TlsNoCommonCipher,
            format!("{host} speaks no TLS that carteiro speaks ({how:?})."),
            format!("{host} não fala nenhum TLS que o carteiro fale ({how:?})."),
        ),
        rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => error(
            ErrorCode::TlsNameMismatch,
            format!("{host} holds no certificate for that name."),
            format!("{host} não tem certificado para esse nome."),
        ),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => error(
            ErrorCode::TlsFailed,
            format!("{host} asks for a client certificate."),
            format!("{host} exige um certificado de cliente."),
        ),
        rustls::Error::NoApplicationProtocol
        | rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => error(
            ErrorCode::TlsFailed,
            format!("{host} does not offer HTTP/1.1."),
            format!("{host} não oferece HTTP/1.1."),
        ),
        rustls::Error::AlertReceived(alert) => error(
            ErrorCode::TlsFailed,
            format!("{host} refused the TLS connection: {alert:?}."),
            format!("{host} recusou a conexão TLS: {alert:?}."),
        ),
        other => error(
            ErrorCode::TlsFailed,
            format!("The TLS connection with {host} failed: {other}."),
            format!("A conexão TLS com {host} falhou: {other}."),
        ),
    }
}

fn certificate(host: &str, cause: &CertificateError) -> AttemptError {
    match cause {
        CertificateError::ExpiredContext { not_after, .. } => error(
            ErrorCode::TlsExpired,
            format!("The certificate of {host} expired on {}.", date(*not_after)),
            format!("O certificado de {host} expirou em {}.", date_pt(*not_after)),
        ),
        CertificateError::Expired => error(
            ErrorCode::TlsExpired,
            format!("The certificate of {host} has expired."),
            format!("O certificado de {host} expirou."),
        ),
        CertificateError::NotValidYetContext { not_before, .. } => error(
            ErrorCode::TlsNotYetValid,
            format!(
                "The certificate of {host} is valid only from {}: it is in use too early, or the clock of this machine \
                 is slow.",
                date(*not_before)
            ),
            format!(
                "O certificado de {host} só vale a partir de {}: está em uso cedo demais, ou o relógio desta máquina \
                 está atrasado.",
                date_pt(*not_before)
            ),
        ),
        CertificateError::NotValidYet => error(
            ErrorCode::TlsNotYetValid,
            format!("The certificate of {host} is not valid yet."),
            format!("O certificado de {host} ainda não é válido."),
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => error(
            ErrorCode::TlsNameMismatch,
            format!("The certificate at {host} was made for another name."),
            format!("O certificado em {host} foi feito para outro nome."),
        ),
        // A bad signature is an authority of the same name as a trusted one, and not it.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => error(
            ErrorCode::TlsUntrusted,
            format!(
                "The certificate of {host} was not issued by a trusted authority, or the server does not send the \
                 intermediate certificates."
            ),
            format!(
                "O certificado de {host} não foi emitido por uma autoridade confiável, ou o servidor não envia os \
                 certificados intermediários."
            ),
        ),
        other if is_its_own_authority(other) => error(
            ErrorCode::TlsUntrusted,
            format!(
                "The certificate of {host} is its own authority, and not one that is trusted: put it into the file that \
                 `[egress] extra_ca_file` in the config names."
            ),
            format!(
                "O certificado de {host} é a sua própria autoridade, e ela não é confiável: ponha-o no arquivo que \
                 `[egress] extra_ca_file` indica na configuração."
            ),
        ),
        CertificateError::Revoked => error(
            ErrorCode::TlsUntrusted,
            format!("The certificate of {host} was revoked."),
            format!("O certificado de {host} foi revogado."),
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => error(
            ErrorCode::TlsFailed,
            format!("The certificate of {host} is not meant for a server."),
            format!("O certificado de {host} não se destina a servidores."),
        ),
        other => error(
            ErrorCode::TlsFailed,
            format!("The certificate of {host} is not acceptable: {other}."),
            format!("O certificado de {host} não é aceitável: {other}."),
        ),
    }
}

// ---- request and response --------------------------------------------------------------------------------------------

/// `target` makes no request line or `Host`.
pub(super) fn no_request(target: &TargetUrl) -> AttemptError {
    error(
        ErrorCode::Internal,
        format!("No request could be made for {target}."),
        format!("Não foi possível montar uma requisição para {target}."),
    )
}

/// Sending the request to `host`, or waiting for the head of its response, failed. `heard` tells whether any byte of
/// an answer had come.
pub(super) fn exchanging(host: &str, cause: &hyper::Error, heard: bool) -> AttemptError {
    if cause.is_parse_too_large() {
        return error(
            ErrorCode::BadResponse,
            format!("The head of the response from {host} is too large."),
            format!("O cabeçalho da resposta de {host} é grande demais."),
        );
    }
    if cause.is_parse() {
        return error(
            ErrorCode::BadResponse,
            format!("What {host} answered is not HTTP/1.1."),
            format!("O que {host} respondeu não é HTTP/1.1."),
        );
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
            return tls(host, cause);
        }
        if is_ours(io) {
            return ours(io);
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
            format!("The attempt broke off inside carteiro: {cause}."),
            format!("A tentativa foi interrompida dentro do carteiro: {cause}."),
        );
    }
    match (heard, cause.is_canceled()) {
        // hyper drops a request that is still queued when bytes come that answer nothing.
        (true, true) => error(
            ErrorCode::BadResponse,
            format!("{host} spoke before it was asked."),
            format!("{host} falou antes de ser perguntado."),
        ),
        (true, false) => error(
            ErrorCode::Reset,
            format!("{host} closed the connection in the middle of the response's head."),
            format!("{host} fechou a conexão no meio do cabeçalho da resposta."),
        ),
        (false, _) => error(
            ErrorCode::Reset,
            format!("{host} closed the connection without an answer."),
            format!("{host} fechou a conexão sem responder."),
        ),
    }
}

/// The whole `limit` ran out without a response.
pub(super) fn silent(host: &str, limit: Duration) -> AttemptError {
    let within = span(limit);
    error(
        ErrorCode::Timeout,
        format!("No response from {host} within {within}."),
        format!("{host} não respondeu em {within}."),
    )
}

/// What a response that does not confirm means.
fn answered(response: &Response) -> Option<AttemptError> {
    let status = response.status;
    let (code, (means, means_pt)) = match status {
        200..300 => return None,
        300..400 => return Some(redirected(status, response.location.as_deref())),
        400..500 => (ErrorCode::Http4xx, refusal(status)),
        500..600 => (ErrorCode::Http5xx, breakdown(status)),
        _ => (
            ErrorCode::BadStatus,
            ("a status that neither confirms nor says why not", "um código que não confirma nem diz por que não"),
        ),
    };
    Some(error(
        code,
        format!("The target answered {status}: {means}."),
        format!("O destino respondeu {status}: {means_pt}."),
    ))
}

fn redirected(status: u16, location: Option<&str>) -> AttemptError {
    // Not said where it points: there was no `Location`, or it was erased with the event.
    let (to, to_pt) = location.map_or_else(
        || (" to another address".to_owned(), " para outro endereço".to_owned()),
        |location| (format!(" to {location}"), format!(" para {location}")),
    );
    error(
        ErrorCode::Redirect,
        format!(
            "The target answered {status}, a redirect{to}, which is not followed, since the authorization would go along: \
             change the webhook's target to the final address."
        ),
        format!(
            "O destino respondeu {status}, um redirecionamento{to_pt}, que não é seguido, pois a autorização iria junto: \
             mude o destino do webhook para o endereço final."
        ),
    )
}

const fn refusal(status: u16) -> (&'static str, &'static str) {
    match status {
        400 => (
            "it could not make sense of the notification; check that the webhook's target is the address that receives them",
            "não entendeu a notificação; confira se o destino do webhook é mesmo o endereço que as recebe",
        ),
        401 => (
            "it refused the token; check the webhook's authorization",
            "recusou o token; confira a autorização do webhook",
        ),
        403 => (
            "it denied access; check the webhook's authorization, and whether a firewall stands in the way",
            "negou o acesso; confira a autorização do webhook e se há um firewall no caminho",
        ),
        404 => (
            "there is nothing at this path; check the webhook's target",
            "não há nada neste caminho; confira o destino do webhook",
        ),
        405 => (
            "this path takes no POST; check the webhook's target",
            "este caminho não aceita POST; confira o destino do webhook",
        ),
        408 => ("it waited too long for the notification", "esperou demais pela notificação"),
        409 => (
            "the notification conflicts with what it already holds",
            "a notificação entra em conflito com o que ele já tem",
        ),
        410 => (
            "this address is gone for good; change the webhook's target, or delete the webhook",
            "este endereço deixou de existir; mude o destino do webhook ou exclua o webhook",
        ),
        413 => ("the notification is larger than it accepts", "a notificação é maior do que ele aceita"),
        415 => ("it does not accept JSON", "ele não aceita JSON"),
        422 => {
            ("it read the notification and did not accept its content", "leu a notificação e não aceitou o conteúdo")
        }
        429 => (
            "it is getting too many requests; a rate limit on the webhook slows them down",
            "está recebendo requisições demais; um limite de envio no webhook as torna mais lentas",
        ),
        _ => ("it refused the notification", "recusou a notificação"),
    }
}

const fn breakdown(status: u16) -> (&'static str, &'static str) {
    match status {
        502 | 504 => (
            "the server in front got no answer from the system behind it",
            "o servidor da frente não obteve resposta do sistema por trás dele",
        ),
        503 => ("its system is overloaded or under maintenance", "o sistema dele está sobrecarregado ou em manutenção"),
        _ => ("its own system failed", "houve uma falha no sistema dele"),
    }
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

// ---- helpers ---------------------------------------------------------------------------------------------------------

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

/// `span` as a sentence of either language writes it, to the millisecond: `15s`, `1s 500ms`.
fn span(span: Duration) -> humantime::FormattedDuration {
    let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_millis(ms))
}

const MONTHS: [(&str, &str); 12] = [
    ("January", "janeiro"),
    ("February", "fevereiro"),
    ("March", "março"),
    ("April", "abril"),
    ("May", "maio"),
    ("June", "junho"),
    ("July", "julho"),
    ("August", "agosto"),
    ("September", "setembro"),
    ("October", "outubro"),
    ("November", "novembro"),
    ("December", "dezembro"),
];

/// `3 March 2026`, in UTC as certificates count.
fn date(at: UnixTime) -> String {
    let (year, (month, _), day) = civil(at);
    format!("{day} {month} {year}")
}

/// `3 de março de 2026`; the first of a month is an ordinal in Portuguese.
fn date_pt(at: UnixTime) -> String {
    let (year, (_, month), day) = civil(at);
    let ordinal = if day == "1" { "º" } else { "" };
    format!("{day}{ordinal} de {month} de {year}")
}

fn civil(at: UnixTime) -> (String, (&'static str, &'static str), String) {
    // What is written is `2026-03-03T…`, so the calendar is humantime's.
    let text = Timestamp::from_ms(at.as_secs().saturating_mul(1000)).to_string();
    let month = text[5..7].parse().unwrap_or(1_usize);
    (text[..4].to_owned(), MONTHS[month - 1], text[8..10].trim_start_matches('0').to_owned())
}

#[cfg(test)]
mod tests;
