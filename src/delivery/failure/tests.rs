//! Every failure has its code and both its sentences.

use super::certificate::moment;
use super::date::date;
use super::sentences::cut;
use super::tls::{ClientAuth, broken};
use super::*;
use crate::delivery::egress::Guard;
use crate::model::{ErrorCode, KeptHead, ProxyUrl, Response};
use crate::tls::handshake::HandshakeRecord;
use crate::tls::x509::tests::fixture;
use dns_lookup::LookupError;
use http::StatusCode;
use rustls::{AlertDescription, CertificateError, PeerIncompatible};
use rustls_pki_types::{ServerName, UnixTime};
use std::io;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

fn address() -> SocketAddr {
    "192.0.2.1:443".parse().unwrap()
}

#[track_caller]
fn says(failure: &AttemptError, code: ErrorCode, message: &str, message_pt: &str) {
    assert_eq!((failure.code, &*failure.message, &*failure.message_pt), (code, message, message_pt));
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
    let late = connecting_too_long(v6, Duration::from_micros(1_500_999));
    assert!(late.message.ends_with(" within 1s 500ms."), "{late:?}");
    assert_eq!(connecting(address(), &io::Error::from_raw_os_error(24)).code, ErrorCode::Internal);
    says(
        &connecting(address(), &ErrorKind::ConnectionRefused.into()),
        ErrorCode::ConnectRefused,
        "Nothing is listening at 192.0.2.1:443 (connection refused).",
        "Nada atende em 192.0.2.1:443 (conexão recusada).",
    );
    says(
        &connecting_too_long(address(), Duration::from_secs(5)),
        ErrorCode::ConnectTimeout,
        "192.0.2.1:443 did not answer the attempt to connect within 5s.",
        "192.0.2.1:443 não respondeu à tentativa de conexão em 5s.",
    );
    says(
        &silent("loja.example", Duration::from_secs(15)),
        ErrorCode::Timeout,
        "No response from loja.example within 15s.",
        "loja.example não respondeu em 15s.",
    );
}

/// The merchant fixes a misspelt name, the operator a failing resolver.
#[test]
fn a_name_that_is_not_there_and_a_resolver_that_fails_are_told_apart() {
    // getaddrinfo's own numbers, as glibc and musl have them.
    #[cfg(target_os = "linux")]
    for (number, code) in [
        (-2, ErrorCode::DnsNotFound),
        (-5, ErrorCode::DnsNotFound),
        (-3, ErrorCode::DnsFailed),
        (-4, ErrorCode::DnsFailed),
        (-10, ErrorCode::Internal),
    ] {
        assert_eq!(resolving("loja.example", &LookupError::new(number).into()).code, code, "{number}");
    }
    let out_of_files = Unresolved::Failed(io::Error::from_raw_os_error(23));
    assert_eq!(resolving("loja.example", &out_of_files).code, ErrorCode::Internal);
    says(
        &resolving("loja.example", &Unresolved::NotFound),
        ErrorCode::DnsNotFound,
        "The name loja.example does not exist or has no address: check how the webhook's target is written.",
        "O nome loja.example não existe ou não tem endereço: confira como o destino do webhook foi escrito.",
    );
    says(
        &resolving("loja.example", &Unresolved::Failed(ErrorKind::NotFound.into())),
        ErrorCode::DnsFailed,
        "The name loja.example could not be resolved to an address.",
        "Não foi possível descobrir o endereço de loja.example.",
    );
    says(
        &resolving_too_long("loja.example", Duration::from_millis(250)),
        ErrorCode::DnsFailed,
        "The name loja.example was not resolved within 250ms.",
        "O endereço de loja.example não foi descoberto em 250ms.",
    );
}

#[test]
fn a_proxy_is_named_without_its_password() {
    let proxy = ProxyUrl::parse("http://loja:segredo@proxy.example:3128").unwrap();
    says(
        &proxy_refused(&proxy, address(), StatusCode::FORBIDDEN),
        ErrorCode::ProxyRefused,
        "The outbound proxy proxy.example:3128 answered CONNECT 192.0.2.1:443 with 403: its rules must allow \
         CONNECT to that address and port.",
        "O proxy de saída proxy.example:3128 respondeu 403 a CONNECT 192.0.2.1:443: as regras dele precisam \
         permitir CONNECT a esse endereço e porta.",
    );
    says(
        &proxy_unreachable(&proxy, &ErrorKind::ConnectionRefused.into()),
        ErrorCode::ProxyFailed,
        "The outbound proxy proxy.example:3128 can't be reached: connection refused.",
        "O proxy de saída proxy.example:3128 não pode ser alcançado: conexão recusada.",
    );
    says(
        &proxy_unresolved(&proxy, &Unresolved::NotFound),
        ErrorCode::ProxyFailed,
        "The address of the outbound proxy proxy.example:3128 could not be found; check `[egress] proxy` in the \
         config.",
        "Não foi possível descobrir o endereço do proxy de saída proxy.example:3128; confira `[egress] proxy` na \
         configuração.",
    );
    assert_eq!(proxy_unreachable(&proxy, &io::Error::from_raw_os_error(24)).code, ErrorCode::Internal);
}

#[test]
fn what_is_blocked_is_named_and_so_is_what_opens_it() {
    let blocked_sentence = |ip: &str| blocked(&Guard::default().check(ip.parse().unwrap(), 80).unwrap_err());
    says(
        &blocked_sentence("10.0.0.5"),
        ErrorCode::BlockedTarget,
        "10.0.0.5 is a private address (of an internal network), to which carteiro sends only if that is allowed. If \
         the URL is right, ask whoever set up carteiro to write `[egress] allow = [\"10.0.0.5/32:80\"]` into its \
         config.",
        "10.0.0.5 é um endereço privado (de rede interna), para o qual o carteiro só envia se isso for liberado. Se a \
         URL está certa, peça a quem instalou o carteiro para pôr `[egress] allow = [\"10.0.0.5/32:80\"]` na \
         configuração dele.",
    );
    says(
        &blocked_sentence("::ffff:127.0.0.1"),
        ErrorCode::BlockedTarget,
        "::ffff:127.0.0.1 leads to 127.0.0.1, a loopback address, to which carteiro sends only if that is allowed. If \
         the URL is right, ask whoever set up carteiro to write `[egress] allow = [\"127.0.0.1/32:80\"]` into its \
         config.",
        "::ffff:127.0.0.1 leva a 127.0.0.1, um endereço da própria máquina, para o qual o carteiro só envia se isso \
         for liberado. Se a URL está certa, peça a quem instalou o carteiro para pôr \
         `[egress] allow = [\"127.0.0.1/32:80\"]` na configuração dele.",
    );
    says(
        &blocked_sentence("::"),
        ErrorCode::BlockedTarget,
        ":: is an unspecified address, to which carteiro never sends: write another URL. Even `[egress] allow` in the \
         config can't allow it.",
        ":: é um endereço não especificado, para o qual o carteiro nunca envia: use outra URL. Nem `[egress] allow` na \
         configuração pode liberá-lo.",
    );
}

#[test]
fn certificates_are_found_however_deep_they_are_wrapped() {
    let expired = || rustls::Error::InvalidCertificate(CertificateError::Expired);
    let once = io::Error::new(ErrorKind::InvalidData, expired());
    let twice = io::Error::other(io::Error::new(ErrorKind::InvalidData, expired()));
    for cause in [once, twice] {
        says(
            &handshaking("loja.example", address(), &cause, &HandshakeRecord::default(), &ClientAuth::default()),
            ErrorCode::TlsExpired,
            "The certificate of loja.example ends before it begins: it was never valid; issue it again.",
            "O certificado de loja.example termina antes de começar: nunca foi válido; emita-o de novo.",
        );
    }
    says(
        &handshaking(
            "loja.example",
            address(),
            &ErrorKind::UnexpectedEof.into(),
            &HandshakeRecord::default(),
            &ClientAuth::default(),
        ),
        ErrorCode::TlsFailed,
        "192.0.2.1:443 closed the connection during the TLS handshake.",
        "192.0.2.1:443 fechou a conexão durante a negociação TLS.",
    );
}

#[test]
fn a_certificate_outside_its_time_tells_the_day() {
    // 2026-03-03T12:00:00Z
    let day = UnixTime::since_unix_epoch(Duration::from_secs(1_772_539_200));
    let expired = CertificateError::ExpiredContext { time: day, not_after: day };
    says(
        &refused("loja.example", &expired, &[]),
        ErrorCode::TlsExpired,
        "The certificate of loja.example expired on 3 March 2026.",
        "O certificado de loja.example expirou em 3 de março de 2026.",
    );
    // 2026-12-31T23:59:59Z and the second after it.
    for (secs, en, pt) in [
        (1_798_761_599, "31 December 2026", "31 de dezembro de 2026"),
        (1_798_761_600, "1 January 2027", "1º de janeiro de 2027"),
    ] {
        let not_before = UnixTime::since_unix_epoch(Duration::from_secs(secs));
        let early = refused("loja.example", &CertificateError::NotValidYetContext { time: day, not_before }, &[]);
        assert_eq!(early.code, ErrorCode::TlsNotYetValid);
        assert!(early.message.contains(&format!("valid only from {en}:")), "{early:?}");
        assert!(early.message_pt.contains(&format!("só vale a partir de {pt}:")), "{early:?}");
    }
    // A certificate may claim any second there is.
    assert_eq!(date(moment(UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX)))).en, "31 December 9999");
}

#[test]
fn tls_errors_have_their_codes_and_two_languages() {
    use rustls::Error::{AlertReceived, InvalidCertificate, NoApplicationProtocol, PeerIncompatible as Peer};
    let other_name = CertificateError::NotValidForNameContext {
        expected: ServerName::try_from("b.example").unwrap(),
        presented: vec![],
    };
    let own = CertificateError::Other(rustls::OtherError(Arc::new(webpki::Error::CaUsedAsEndEntity)));
    for (cause, code) in [
        (InvalidCertificate(CertificateError::Expired), ErrorCode::TlsExpired),
        (InvalidCertificate(CertificateError::NotValidYet), ErrorCode::TlsNotYetValid),
        (InvalidCertificate(CertificateError::UnknownIssuer), ErrorCode::TlsUntrusted),
        (InvalidCertificate(CertificateError::BadSignature), ErrorCode::TlsUntrusted),
        (InvalidCertificate(CertificateError::Revoked), ErrorCode::TlsUntrusted),
        (InvalidCertificate(own), ErrorCode::TlsUntrusted),
        (InvalidCertificate(CertificateError::NotValidForName), ErrorCode::TlsNameMismatch),
        (InvalidCertificate(other_name), ErrorCode::TlsNameMismatch),
        (InvalidCertificate(CertificateError::BadEncoding), ErrorCode::TlsFailed),
        (InvalidCertificate(CertificateError::InvalidPurpose), ErrorCode::TlsFailed),
        (AlertReceived(AlertDescription::UnrecognisedName), ErrorCode::TlsNameMismatch),
        (AlertReceived(AlertDescription::HandshakeFailure), ErrorCode::TlsNoCommonCipher),
        (AlertReceived(AlertDescription::InsufficientSecurity), ErrorCode::TlsNoCommonCipher),
        (AlertReceived(AlertDescription::ProtocolVersion), ErrorCode::TlsNoCommonCipher),
        (Peer(PeerIncompatible::ServerDoesNotSupportTls12Or13), ErrorCode::TlsNoCommonCipher),
        (Peer(PeerIncompatible::NoCipherSuitesInCommon), ErrorCode::TlsNoCommonCipher),
        (AlertReceived(AlertDescription::CertificateRequired), ErrorCode::TlsFailed),
        (AlertReceived(AlertDescription::NoApplicationProtocol), ErrorCode::TlsFailed),
        (AlertReceived(AlertDescription::InternalError), ErrorCode::TlsFailed),
        (NoApplicationProtocol, ErrorCode::TlsFailed),
        (rustls::Error::DecryptError, ErrorCode::TlsFailed),
    ] {
        let failure = broken("loja.example", &cause, &ClientAuth::default());
        assert_eq!(failure.code, code, "{cause:?}");
        is_said_twice(&failure);
        assert!(failure.message.contains("loja.example") && failure.message_pt.contains("loja.example"));
    }
}

#[track_caller]
fn is_said_twice(failure: &AttemptError) {
    for sentence in [&failure.message, &failure.message_pt] {
        assert!(sentence.ends_with(['.', '?']) && !sentence.contains('\n') && !sentence.contains("  "), "{failure:?}");
    }
    assert_ne!(failure.message, failure.message_pt);
}

fn response(status: u16, location: Option<&str>) -> AttemptResult {
    let location = location.map(str::to_owned);
    AttemptResult::Response(Response {
        status,
        body: Vec::new(),
        retry_after: None,
        location,
        head: KeptHead::default(),
    })
}

#[test]
fn every_status_but_a_2xx_is_explained() {
    for status in 100..=999 {
        let code = match status {
            200..=299 => None,
            300..=399 => Some(ErrorCode::Redirect),
            400..=499 => Some(ErrorCode::Http4xx),
            500..=599 => Some(ErrorCode::Http5xx),
            _ => Some(ErrorCode::BadStatus),
        };
        let result = response(status, None);
        let explained = why(&result);
        assert_eq!(explained.as_ref().map(|error| error.code), code, "{status}");
        assert_eq!(explained.is_none(), result.confirms(), "{status}");
        if let Some(error) = explained {
            is_said_twice(&error);
            assert!(error.message.starts_with(&format!("The target answered {status}")), "{error:?}");
            assert!(error.message_pt.starts_with(&format!("O destino respondeu {status}")), "{error:?}");
        }
    }
    says(
        &why(&response(401, None)).unwrap(),
        ErrorCode::Http4xx,
        "The target answered 401: it refused the authorization, expired or wrong; correct it in the webhook.",
        "O destino respondeu 401: recusou a autorização, vencida ou errada; corrija-a no webhook.",
    );
    says(
        &why(&response(500, None)).unwrap(),
        ErrorCode::Http5xx,
        "The target answered 500: its own system failed.",
        "O destino respondeu 500: houve uma falha no sistema dele.",
    );
    says(
        &why(&response(308, Some("https://nova.example/"))).unwrap(),
        ErrorCode::Redirect,
        "The target answered 308, a redirect to https://nova.example/, which is not followed, since the \
         authorization would go along: change the webhook's target to the final address.",
        "O destino respondeu 308, um redirecionamento para https://nova.example/, que não é seguido, pois a \
         autorização iria junto; mude o destino do webhook para o endereço final.",
    );
}

/// The status is not all that an answer says of its cause, and at times names another.
#[test]
fn what_an_answer_gives_away_of_its_cause_is_said() {
    let sentence_for = |status: u16, body: &str| {
        let response = Response {
            status,
            body: body.as_bytes().to_vec(),
            retry_after: None,
            location: None,
            head: KeptHead::default(),
        };
        let result = AttemptResult::Response(response);
        let explained = why(&result).unwrap().into_owned();
        is_said_twice(&explained);
        explained.message
    };
    for (status, body, says) in [
        (400, "<center>The plain HTTP request was sent to HTTPS port</center>", "this port speaks https"),
        (400, "Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />", "this port speaks https"),
        (400, "Client sent an HTTP request to an HTTPS server.\n", "this port speaks https"),
        (400, "This combination of host and port requires TLS.", "this port speaks https"),
        (400, "<center>No required SSL certificate was sent</center>", "asks for a client certificate"),
        (400, "<center>The SSL certificate error</center>", "asks for a client certificate"),
        (403, "Reason: Cannot perform Post-Handshake Authentication.", "asks for a client certificate"),
        (403, "<p>CSRF verification failed. Request aborted.</p>", "protection of forms (CSRF) refused"),
        (400, "<p>The CSRF token is missing.</p>", "protection of forms (CSRF) refused"),
        (422, "ActionController::InvalidAuthenticityToken", "protection of forms (CSRF) refused"),
        (419, "<title>Page Expired</title>", "protection of forms (CSRF) may have refused"),
        (403, "<meta name=\"csrf-token\" content=\"x\">", "whether a firewall stands in the way"),
        (404, "<p>The CSRF token is missing.</p>", "nothing at this path"),
        (403, "", "whether a protection of forms (CSRF) covers the path"),
        (300, "", "offers several addresses"),
        (304, "", "is an answer to a GET"),
        (501, "", "can't handle a POST"),
        (503, "", "or down behind the server in front of it"),
        (520, "", "Cloudflare, in front of it, got an answer"),
        (521, "", "Cloudflare, in front of it, was refused"),
        (522, "", "does not reach the server behind"),
        (524, "", "waited too long for the server behind"),
        (526, "", "does not take its certificate"),
        (530, "", "finds no server for that name"),
    ] {
        let sentence = sentence_for(status, body);
        assert!(sentence.contains(says), "{status} {body}: {sentence}");
        // Neither has an address to change to.
        assert!(!matches!(status, 300 | 304) || !sentence.contains("final address"), "{sentence}");
    }
}

/// A Portuguese sentence ended in "Connection refused (os error 111)".
#[test]
fn what_the_system_says_is_said_in_both_languages() {
    let proxy = ProxyUrl::parse("http://proxy.example:3128").unwrap();
    for code in 1..=133 {
        let cause = || io::Error::from_raw_os_error(code);
        let record = HandshakeRecord::default();
        for failure in [
            connecting(address(), &cause()),
            proxy_unreachable(&proxy, &cause()),
            handshaking("loja.example", address(), &cause(), &record, &ClientAuth::default()),
            resolving("loja.example", &Unresolved::Failed(cause())),
        ] {
            is_said_twice(&failure);
            for sentence in [&failure.message, &failure.message_pt] {
                assert!(!sentence.contains("os error"), "{sentence}");
                assert!(!sentence.contains(cause().to_string().split(" (").next().unwrap()), "{sentence}");
            }
        }
    }
    says(
        &proxy_unreachable(&proxy, &io::Error::from_raw_os_error(71)),
        ErrorCode::ProxyFailed,
        "The outbound proxy proxy.example:3128 can't be reached: error 71 of the operating system.",
        "O proxy de saída proxy.example:3128 não pode ser alcançado: erro 71 do sistema operacional.",
    );
}

#[test]
fn what_was_stored_is_told_as_it_stands() {
    let stored = silent("loja.example", Duration::from_secs(15));
    assert_eq!(*why(&AttemptResult::Error(stored.clone())).unwrap(), stored);
}

/// Both languages of a sentence are stored in one row, and a row that is too long spills into files sled never syncs.
#[test]
fn a_sentence_has_an_end() {
    const MAX: usize = AttemptError::MAX_MESSAGE_BYTES;
    assert_eq!(cut("x".repeat(MAX)), "x".repeat(MAX));
    assert_eq!(cut("x".repeat(MAX + 1)), format!("{}…", "x".repeat(MAX - 3)));
    let cut = cut("é".repeat(MAX));
    assert!(cut.len() <= MAX && cut.ends_with("é…"), "{} bytes", cut.len());
}

/// What an intermediate of version 1 lacks is not a name.
#[test]
fn version_1_lacks_something_else_in_an_intermediate() {
    use rustls::{CertificateError, OtherError};
    let v1 = fixture(include_bytes!("../../tls/x509/fixtures/v1.pem"));
    let leaf = fixture(include_bytes!("../../tls/x509/fixtures/critical.pem"));
    let error = CertificateError::Other(OtherError(std::sync::Arc::new(webpki::Error::UnsupportedCertVersion)));
    let explained = refused("loja.example", &error, &[leaf, v1]);
    assert_eq!(
        explained.message,
        "The intermediate certificate \"loja.example\" that loja.example sends is of X.509 version 1, issued without \
         basicConstraints: issue it again with CA:TRUE."
    );
    assert_eq!(
        explained.message_pt,
        "O certificado intermediário “loja.example” que loja.example envia é X.509 versão 1, emitido sem \
         basicConstraints: emita-o de novo com CA:TRUE."
    );
}
