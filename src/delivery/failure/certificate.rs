//! Why a target's certificate is refused: webpki's error, explained with what the certificates hold.

use super::sentences;
use crate::model::{AttemptError, Localized, Timestamp, localized};
use crate::tls::verifier::webpki_error;
use crate::tls::x509::{Facts, Signature};
use rustls::CertificateError;
use rustls_pki_types::UnixTime;

/// The certificate of `host` was refused. `chain` is what it sent, its own first, as far as that could be read.
pub(crate) fn refused(host: &str, cause: &CertificateError, chain: &[Facts]) -> AttemptError {
    match cause {
        CertificateError::ExpiredContext { not_after, .. } => expired(host, moment(*not_after), chain),
        CertificateError::NotValidYetContext { not_before, .. } => {
            let not_before = moment(*not_before);
            let index = chain.iter().position(|facts| facts.not_before == Some(not_before)).unwrap_or(0);
            sentences::valid_from(&describe(host, chain, index), not_before)
        }
        // webpki's word for an end that lies before the beginning.
        CertificateError::Expired => sentences::never_valid(host),
        CertificateError::NotValidYet => sentences::not_yet_valid(host),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            another_name(host, chain.first())
        }
        CertificateError::UnknownIssuer => unknown_issuer(host, chain),
        // Of a key that ring verifies nothing with; else an authority of the same name as a trusted one, and not it.
        CertificateError::BadSignature => unsupported_key(host, chain).unwrap_or_else(|| unknown_issuer(host, chain)),
        CertificateError::Revoked => sentences::revoked(host),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            let index = first(chain, |facts| !facts.is_for_servers).unwrap_or(0);
            sentences::not_for_servers(&describe(host, chain, index))
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            unsupported_signature(host, chain)
        }
        other => match webpki_error(other) {
            Some(cause) => refused_by_webpki(host, cause, chain),
            None => sentences::against_x509(host),
        },
    }
}

/// A second of rustls; one after the year 9999, which a certificate may claim too, is read as the last of it.
pub(crate) fn moment(at: UnixTime) -> Timestamp {
    Timestamp::from_ms(at.as_secs().saturating_mul(1000))
}

/// The certificate at `index` of the chain as a sentence begins with it.
fn describe(host: &str, chain: &[Facts], index: usize) -> Localized {
    match chain.get(index) {
        Some(Facts { subject, .. }) if index > 0 && !subject.is_empty() => localized!(
            "The intermediate certificate \"{subject}\" that {host} sends",
            "O certificado intermediário “{subject}” que {host} envia"
        ),
        Some(_) if index > 0 => {
            localized!("An intermediate certificate that {host} sends", "Um certificado intermediário que {host} envia")
        }
        _ => localized!("The certificate of {host}", "O certificado de {host}"),
    }
}

/// The first certificate of the chain that `is_it` finds. A root that is sent along is passed over: its own signature
/// and its age prove nothing.
fn first(chain: &[Facts], is_it: impl Fn(&Facts) -> bool) -> Option<usize> {
    chain.iter().enumerate().position(|(index, facts)| (index == 0 || !facts.is_self_issued) && is_it(facts))
}

fn expired(host: &str, not_after: Timestamp, chain: &[Facts]) -> AttemptError {
    match chain.iter().position(|facts| facts.not_after == Some(not_after)) {
        Some(index) if index > 0 => sentences::intermediate_expired(&describe(host, chain, index), not_after),
        None if !chain.is_empty() => sentences::authority_expired(host, not_after),
        _ => sentences::expired(host, not_after),
    }
}

fn another_name(host: &str, own: Option<&Facts>) -> AttemptError {
    let Some(own) = own else {
        return sentences::another_name(host);
    };
    if own.names.is_empty() {
        let cn = match own.subject.as_str() {
            "" => localized!("", ""),
            subject => localized!(" (its CN \"{subject}\" is not looked at)", " (o CN “{subject}” não conta)"),
        };
        return sentences::no_names(host, &cn);
    }
    let more = match own.more_names {
        0 => localized!("", ""),
        more => localized!(" and {more} more", " e mais {more}"),
    };
    sentences::other_names(host, &own.names.join(", "), &more)
}

fn unknown_issuer(host: &str, chain: &[Facts]) -> AttemptError {
    if chain.first().is_some_and(|own| own.is_self_issued) {
        return sentences::self_signed(host);
    }
    let by = match chain.last().map(|facts| facts.issuer.as_str()).filter(|issuer| !issuer.is_empty()) {
        Some(issuer) => localized!(
            "was issued by \"{issuer}\", which is not a trusted authority",
            "foi emitido por “{issuer}”, que não é uma autoridade confiável"
        ),
        None => {
            localized!("was not issued by a trusted authority", "não foi emitido por uma autoridade confiável")
        }
    };
    sentences::unknown_issuer(host, &by)
}

/// A key in the chain that carteiro verifies no signatures of, if there is one.
pub(crate) fn unsupported_key(host: &str, chain: &[Facts]) -> Option<AttemptError> {
    let index = first(chain, |facts| !facts.key.is_taken())?;
    let key = chain.get(index)?.key.to_string();
    Some(sentences::unsupported_key(&describe(host, chain, index), &key))
}

fn unsupported_signature(host: &str, chain: &[Facts]) -> AttemptError {
    let Some(index) = first(chain, |facts| facts.signed != Signature::Other) else {
        return unsupported_key(host, chain).unwrap_or_else(|| sentences::unsupported_signature(host));
    };
    let with = match chain.get(index).map(|facts| facts.signed) {
        Some(Signature::Md5) => "MD5",
        _ => "SHA-1",
    };
    sentences::unsafe_signature(&describe(host, chain, index), with)
}

/// What webpki refuses and rustls has no word for.
fn refused_by_webpki(host: &str, cause: &webpki::Error, chain: &[Facts]) -> AttemptError {
    let own = chain.first();
    let issuer = own.map_or("", |own| own.issuer.as_str());
    match cause {
        webpki::Error::CaUsedAsEndEntity if own.is_none_or(|own| own.is_self_issued) => sentences::own_authority(host),
        webpki::Error::CaUsedAsEndEntity => sentences::authority_as_server(host, issuer),
        webpki::Error::UnsupportedCertVersion => {
            let index = first(chain, |facts| facts.version < 3).unwrap_or(0);
            let version = chain.get(index).map_or(1, |facts| facts.version);
            // Only version 3 has extensions: a server's name stands in one, that an authority is one in another.
            let (lacks, with) = match index {
                0 => ("subjectAltName", localized!("one", "um")),
                _ => ("basicConstraints", localized!("CA:TRUE", "CA:TRUE")),
            };
            sentences::old_version(&describe(host, chain, index), version, lacks, &with)
        }
        webpki::Error::NameConstraintViolation => sentences::name_constraints(host, issuer),
        webpki::Error::UnsupportedCriticalExtension => {
            let index = first(chain, |facts| facts.unknown_critical.is_some()).unwrap_or(0);
            let id = chain.get(index).and_then(|facts| facts.unknown_critical.as_deref());
            let id = id.map(|id| format!(" ({id})")).unwrap_or_default();
            sentences::unknown_critical_extension(&describe(host, chain, index), &id)
        }
        webpki::Error::EndEntityUsedAsCa | webpki::Error::PathLenConstraintViolated => {
            sentences::issuer_is_no_authority(host, issuer)
        }
        _ => sentences::against_x509(host),
    }
}
