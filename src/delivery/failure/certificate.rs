//! Why a target's certificate is refused: what webpki says, explained with what the certificates say of themselves.

use super::date::{date, moment};
use super::sentence::error;
use crate::model::{AttemptError, ErrorCode};
use crate::tls::verifier::webpki_error;
use crate::tls::x509::{Facts, Signature};
use rustls::CertificateError;
use rustls_pki_types::UnixTime;

/// The certificate of `host` was refused. `chain` is what it sent, its own first, as far as that could be read.
pub(crate) fn refused(host: &str, cause: &CertificateError, chain: &[Facts]) -> AttemptError {
    match cause {
        CertificateError::ExpiredContext { not_after, .. } => expired(host, *not_after, chain),
        CertificateError::NotValidYetContext { not_before, .. } => early(host, *not_before, chain),
        // webpki's word for an end that lies before the beginning.
        CertificateError::Expired => error(
            ErrorCode::TlsExpired,
            format!("The certificate of {host} ends before it begins: it was never valid; issue it again."),
            format!("O certificado de {host} termina antes de começar: nunca foi válido; emita-o de novo."),
        ),
        CertificateError::NotValidYet => error(
            ErrorCode::TlsNotYetValid,
            format!("The certificate of {host} is not valid yet."),
            format!("O certificado de {host} ainda não é válido."),
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            another_name(host, chain.first())
        }
        CertificateError::UnknownIssuer => unknown_issuer(host, chain),
        // Of a key that ring verifies nothing with; else an authority of the same name as a trusted one, and not it.
        CertificateError::BadSignature => odd_key(host, chain).unwrap_or_else(|| unknown_issuer(host, chain)),
        CertificateError::Revoked => error(
            ErrorCode::TlsUntrusted,
            format!("The certificate of {host} was revoked."),
            format!("O certificado de {host} foi revogado."),
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            let place = place(chain, |facts| !facts.is_for_servers).unwrap_or(0);
            let (who, who_pt) = called(host, place, chain.get(place));
            error(
                ErrorCode::TlsFailed,
                format!("{who} is not meant for servers: its extended key usage lacks serverAuth."),
                format!("{who_pt} não se destina a servidores: falta serverAuth no uso estendido da chave."),
            )
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => odd_signature(host, chain),
        other => match webpki_error(other) {
            Some(cause) => against_the_rules(host, cause, chain),
            None => unreadable(host),
        },
    }
}

/// The certificate at `place` of the chain as a sentence begins with it, in either language.
fn called(host: &str, place: usize, facts: Option<&Facts>) -> (String, String) {
    match facts {
        Some(facts) if place > 0 && !facts.subject.is_empty() => (
            format!("The intermediate certificate \"{}\" that {host} sends", facts.subject),
            format!("O certificado intermediário “{}” que {host} envia", facts.subject),
        ),
        Some(_) if place > 0 => (
            format!("An intermediate certificate that {host} sends"),
            format!("Um certificado intermediário que {host} envia"),
        ),
        _ => (format!("The certificate of {host}"), format!("O certificado de {host}")),
    }
}

/// Where in the chain a certificate stands; 0 where none is like that and there is nothing to tell.
fn place(chain: &[Facts], is_it: impl Fn(&Facts) -> bool) -> Option<usize> {
    // A root that is sent along is not looked at: its own signature and its age prove nothing.
    chain.iter().enumerate().position(|(index, facts)| (index == 0 || !facts.is_self_issued) && is_it(facts))
}

fn expired(host: &str, not_after: UnixTime, chain: &[Facts]) -> AttemptError {
    let not_after = moment(not_after);
    let (day, day_pt) = date(not_after);
    match chain.iter().position(|facts| facts.not_after == Some(not_after)) {
        Some(place) if place > 0 => {
            let (who, who_pt) = called(host, place, chain.get(place));
            error(
                ErrorCode::TlsExpired,
                format!("{who} expired on {day}: install its authority's current one at the target."),
                format!("{who_pt} expirou em {day_pt}: instale no destino o certificado atual da autoridade."),
            )
        }
        None if !chain.is_empty() => error(
            ErrorCode::TlsExpired,
            format!("A certificate of an authority above that of {host} expired on {day}."),
            format!("Um certificado de autoridade acima do de {host} expirou em {day_pt}."),
        ),
        _ => error(
            ErrorCode::TlsExpired,
            format!("The certificate of {host} expired on {day}."),
            format!("O certificado de {host} expirou em {day_pt}."),
        ),
    }
}

fn early(host: &str, not_before: UnixTime, chain: &[Facts]) -> AttemptError {
    let not_before = moment(not_before);
    let (day, day_pt) = date(not_before);
    let place = chain.iter().position(|facts| facts.not_before == Some(not_before)).unwrap_or(0);
    let (who, who_pt) = called(host, place, chain.get(place));
    error(
        ErrorCode::TlsNotYetValid,
        format!("{who} is valid only from {day}: it is in use too early, or the clock of this machine is slow."),
        format!(
            "{who_pt} só vale a partir de {day_pt}: está em uso cedo demais, ou o relógio desta máquina está atrasado."
        ),
    )
}

fn another_name(host: &str, own: Option<&Facts>) -> AttemptError {
    let Some(own) = own else {
        return error(
            ErrorCode::TlsNameMismatch,
            format!("The certificate at {host} was made for another name."),
            format!("O certificado em {host} foi feito para outro nome."),
        );
    };
    if own.names.is_empty() {
        let (cn, cn_pt) = match own.subject.as_str() {
            "" => (String::new(), String::new()),
            subject => (format!(" (its CN \"{subject}\" is not looked at)"), format!(" (o CN “{subject}” não conta)")),
        };
        return error(
            ErrorCode::TlsNameMismatch,
            format!("The certificate of {host} names no host{cn}: issue it again with {host} in subjectAltName."),
            format!(
                "O certificado de {host} não nomeia nenhum host{cn_pt}: emita-o de novo com {host} em subjectAltName."
            ),
        );
    }
    let names = own.names.join(", ");
    let (more, more_pt) = match own.more_names {
        0 => (String::new(), String::new()),
        more => (format!(" and {more} more"), format!(" e mais {more}")),
    };
    error(
        ErrorCode::TlsNameMismatch,
        format!("The certificate at {host} was made for {names}{more}, and not for {host}."),
        format!("O certificado em {host} foi feito para {names}{more_pt}, e não para {host}."),
    )
}

fn unknown_issuer(host: &str, chain: &[Facts]) -> AttemptError {
    if chain.first().is_some_and(|own| own.is_self_issued) {
        return error(
            ErrorCode::TlsUntrusted,
            format!(
                "The certificate of {host} is self-signed and not one that is trusted: put it into the file that \
                 `[egress] extra_ca_file` in the config names."
            ),
            format!(
                "O certificado de {host} é autoassinado e não é confiável: ponha-o no arquivo que `[egress] \
                 extra_ca_file` indica na configuração."
            ),
        );
    }
    let top = chain.last().map(|facts| facts.issuer.as_str()).filter(|issuer| !issuer.is_empty());
    let (by, by_pt) = match top {
        Some(issuer) => (
            format!("was issued by \"{issuer}\", which is not a trusted authority"),
            format!("foi emitido por “{issuer}”, que não é uma autoridade confiável"),
        ),
        None => (
            "was not issued by a trusted authority".to_owned(),
            "não foi emitido por uma autoridade confiável".to_owned(),
        ),
    };
    error(
        ErrorCode::TlsUntrusted,
        format!(
            "The certificate of {host} {by}, or the server does not send the intermediate certificates; an authority \
             of your own goes into the file that `[egress] extra_ca_file` in the config names."
        ),
        format!(
            "O certificado de {host} {by_pt}, ou o servidor não envia os certificados intermediários; uma autoridade \
             própria vai no arquivo que `[egress] extra_ca_file` indica na configuração."
        ),
    )
}

/// A key in the chain that carteiro verifies no signatures of, if there is one.
pub(crate) fn odd_key(host: &str, chain: &[Facts]) -> Option<AttemptError> {
    let place = place(chain, |facts| !facts.key.is_taken())?;
    let (who, who_pt) = called(host, place, chain.get(place));
    let key = chain.get(place)?.key;
    Some(error(
        ErrorCode::TlsFailed,
        format!(
            "{who} has a key of a kind or length that carteiro does not take ({key}): issue it again with RSA of \
             2048 to 8192 bits, P-256, P-384 or Ed25519."
        ),
        format!(
            "{who_pt} tem uma chave de tipo ou tamanho que o carteiro não aceita ({key}): emita-o de novo com RSA de \
             2048 a 8192 bits, P-256, P-384 ou Ed25519."
        ),
    ))
}

fn odd_signature(host: &str, chain: &[Facts]) -> AttemptError {
    if let Some(place) = place(chain, |facts| facts.signed != Signature::Other) {
        let (who, who_pt) = called(host, place, chain.get(place));
        let with = match chain.get(place).map(|facts| facts.signed) {
            Some(Signature::Md5) => "MD5",
            _ => "SHA-1",
        };
        return error(
            ErrorCode::TlsFailed,
            format!("{who} was signed with {with}, which is not safe any more: issue it again with SHA-256."),
            format!("{who_pt} foi assinado com {with}, que já não é seguro: emita-o de novo com SHA-256."),
        );
    }
    odd_key(host, chain).unwrap_or_else(|| {
        error(
            ErrorCode::TlsFailed,
            format!(
                "The certificate of {host}, or one above it, was signed with an algorithm that carteiro does not \
                 take: issue it again with RSA, ECDSA or Ed25519, and SHA-256 or more."
            ),
            format!(
                "O certificado de {host}, ou um acima dele, foi assinado com um algoritmo que o carteiro não aceita: \
                 emita-o de novo com RSA, ECDSA ou Ed25519, e SHA-256 ou maior."
            ),
        )
    })
}

/// What webpki refuses and rustls has no word for.
fn against_the_rules(host: &str, cause: &webpki::Error, chain: &[Facts]) -> AttemptError {
    let own = chain.first();
    let issuer = own.map_or("", |own| own.issuer.as_str());
    match cause {
        webpki::Error::CaUsedAsEndEntity if own.is_none_or(|own| own.is_self_issued) => error(
            ErrorCode::TlsUntrusted,
            format!(
                "The certificate of {host} is its own authority, and not one that is trusted: put it into the file \
                 that `[egress] extra_ca_file` in the config names."
            ),
            format!(
                "O certificado de {host} é a sua própria autoridade, e ela não é confiável: ponha-o no arquivo que \
                 `[egress] extra_ca_file` indica na configuração."
            ),
        ),
        webpki::Error::CaUsedAsEndEntity => error(
            ErrorCode::TlsFailed,
            format!(
                "The certificate of {host} is marked as an authority's (CA:TRUE), which a server's must not be: have \
                 \"{issuer}\" issue it again with CA:FALSE."
            ),
            format!(
                "O certificado de {host} está marcado como de autoridade (CA:TRUE), o que o de um servidor não pode \
                 ser: peça a “{issuer}” que o emita de novo com CA:FALSE."
            ),
        ),
        webpki::Error::UnsupportedCertVersion => {
            let place = place(chain, |facts| facts.version < 3).unwrap_or(0);
            let (who, who_pt) = called(host, place, chain.get(place));
            let version = chain.get(place).map_or(1, |facts| facts.version);
            // Only version 3 has extensions: a server's name stands in one, that an authority is one in another.
            let (lacks, with, with_pt) = match place {
                0 => ("subjectAltName", "one", "um"),
                _ => ("basicConstraints", "CA:TRUE", "CA:TRUE"),
            };
            error(
                ErrorCode::TlsFailed,
                format!("{who} is of X.509 version {version}, issued without {lacks}: issue it again with {with}."),
                format!("{who_pt} é X.509 versão {version}, emitido sem {lacks}: emita-o de novo com {with_pt}."),
            )
        }
        webpki::Error::NameConstraintViolation => error(
            ErrorCode::TlsFailed,
            format!(
                "The authority \"{issuer}\" may not issue a certificate for {host}: its own (name constraints) is \
                 limited to other names."
            ),
            format!(
                "A autoridade “{issuer}” não pode emitir certificado para {host}: o dela (name constraints) se \
                 limita a outros nomes."
            ),
        ),
        webpki::Error::UnsupportedCriticalExtension => {
            let place = place(chain, |facts| facts.unknown_critical.is_some()).unwrap_or(0);
            let (who, who_pt) = called(host, place, chain.get(place));
            let id = chain.get(place).and_then(|facts| facts.unknown_critical.as_deref());
            let id = id.map(|id| format!(" ({id})")).unwrap_or_default();
            error(
                ErrorCode::TlsFailed,
                format!(
                    "{who} has an extension{id} that is marked critical and that carteiro does not know: issue it \
                     again without it."
                ),
                format!(
                    "{who_pt} tem uma extensão{id} marcada como crítica que o carteiro não conhece: emita-o de novo \
                     sem ela."
                ),
            )
        }
        webpki::Error::EndEntityUsedAsCa | webpki::Error::PathLenConstraintViolated => error(
            ErrorCode::TlsUntrusted,
            format!(
                "The certificate of {host} was issued by one that may not issue it (\"{issuer}\": CA:FALSE, or its \
                 path length)."
            ),
            format!(
                "O certificado de {host} foi emitido por um que não pode emiti-lo (“{issuer}”: CA:FALSE, ou o seu \
                 pathlen)."
            ),
        ),
        _ => unreadable(host),
    }
}

fn unreadable(host: &str) -> AttemptError {
    error(
        ErrorCode::TlsFailed,
        format!("The certificate of {host}, or one above it, breaks the rules of X.509 (RFC 5280): issue it again."),
        format!("O certificado de {host}, ou um acima dele, viola as regras de X.509 (RFC 5280): emita-o de novo."),
    )
}
