//! What to do about an attempt that failed: one sentence for each code, and for each status that means something of its
//! own, beside the sentence that says why.

use super::texts::Texts;
use crate::model::ErrorCode;

/// Where in a webhook's form the cause is mended, if it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fix {
    Authorization,
    ClientCertificate,
    Url,
    Elsewhere,
}

/// What to do about a failure with this code and, where the target has answered, this status. `docs/failures.md` says
/// the same, in a table.
pub(super) fn on(t: &Texts, code: ErrorCode, status: Option<u16>) -> (&'static str, Fix) {
    match (code, status) {
        (ErrorCode::DnsNotFound, _) => (t.do_dns_not_found, Fix::Url),
        (ErrorCode::DnsFailed, _) => (t.do_dns_failed, Fix::Elsewhere),
        (ErrorCode::BlockedTarget, _) => (t.do_blocked_target, Fix::Url),
        (ErrorCode::ConnectRefused, _) => (t.do_connect_refused, Fix::Url),
        (ErrorCode::ConnectTimeout, _) => (t.do_connect_timeout, Fix::Url),
        (ErrorCode::ConnectFailed, _) => (t.do_connect_failed, Fix::Elsewhere),
        (ErrorCode::ClientCertificateMissing, _) => (t.do_client_certificate_missing, Fix::ClientCertificate),
        (ErrorCode::ClientCertificateRefused, _) => (t.do_client_certificate_refused, Fix::ClientCertificate),
        (ErrorCode::ProxyFailed, _) => (t.do_proxy_failed, Fix::Elsewhere),
        (ErrorCode::ProxyRefused, _) => (t.do_proxy_refused, Fix::Elsewhere),
        (ErrorCode::TlsUntrusted, _) => (t.do_tls_untrusted, Fix::Elsewhere),
        (ErrorCode::TlsExpired, _) => (t.do_tls_expired, Fix::Elsewhere),
        (ErrorCode::TlsNotYetValid, _) => (t.do_tls_not_yet_valid, Fix::Elsewhere),
        (ErrorCode::TlsNameMismatch, _) => (t.do_tls_name_mismatch, Fix::Url),
        (ErrorCode::TlsNoCommonCipher, _) => (t.do_tls_no_common_cipher, Fix::Elsewhere),
        (ErrorCode::TlsFailed, _) => (t.do_tls_failed, Fix::Url),
        (ErrorCode::Reset, _) => (t.do_reset, Fix::Elsewhere),
        (ErrorCode::Timeout, _) => (t.do_timeout, Fix::Elsewhere),
        (ErrorCode::BadResponse, _) => (t.do_bad_response, Fix::Url),
        (ErrorCode::Internal, _) => (t.do_internal, Fix::Elsewhere),
        (ErrorCode::Redirect, _) => (t.do_redirect, Fix::Url),
        (ErrorCode::Http4xx, Some(400 | 422)) => (t.do_400, Fix::Elsewhere),
        (ErrorCode::Http4xx, Some(401)) => (t.do_401, Fix::Authorization),
        (ErrorCode::Http4xx, Some(403)) => (t.do_403, Fix::Authorization),
        (ErrorCode::Http4xx, Some(404)) => (t.do_404, Fix::Url),
        (ErrorCode::Http4xx, Some(405)) => (t.do_405, Fix::Url),
        (ErrorCode::Http4xx, Some(408)) => (t.do_408, Fix::Elsewhere),
        (ErrorCode::Http4xx, Some(410)) => (t.do_410, Fix::Url),
        (ErrorCode::Http4xx, Some(413)) => (t.do_413, Fix::Elsewhere),
        (ErrorCode::Http4xx, Some(415)) => (t.do_415, Fix::Elsewhere),
        (ErrorCode::Http4xx, Some(419)) => (t.do_419, Fix::Elsewhere),
        (ErrorCode::Http4xx, Some(429)) => (t.do_429, Fix::Elsewhere),
        (ErrorCode::Http4xx, _) => (t.do_4xx, Fix::Elsewhere),
        (ErrorCode::Http5xx, Some(502..=504 | 520..=530)) => (t.do_502, Fix::Elsewhere),
        (ErrorCode::Http5xx, _) => (t.do_5xx, Fix::Elsewhere),
        (ErrorCode::BadStatus, _) => (t.do_bad_status, Fix::Url),
    }
}

/// A failure's sentence without what to do, which stands behind a semicolon and is said apart here.
pub(super) fn fact(sentence: &str) -> String {
    match sentence.split_once("; ") {
        Some((fact, _)) => format!("{fact}."),
        None => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::texts::Lang;

    #[test]
    fn every_failure_has_its_own_advice_in_either_language() {
        for lang in [Lang::Pt, Lang::En] {
            let t = lang.texts();
            let codes = ErrorCode::ALL.into_iter().map(|code| on(t, code, None).0);
            let all: std::collections::BTreeSet<_> = codes.collect();
            assert_eq!(all.len(), ErrorCode::ALL.len());
            let statuses = [400, 401, 403, 404, 405, 408, 410, 413, 415, 418, 419, 429];
            let each: std::collections::BTreeSet<_> =
                statuses.into_iter().map(|status| on(t, ErrorCode::Http4xx, Some(status)).0).collect();
            assert_eq!(each.len(), statuses.len());
            assert!(all.iter().chain(&each).all(|sentence| sentence.ends_with('.')));
        }
        let t = Lang::Pt.texts();
        assert_eq!(on(t, ErrorCode::Http4xx, Some(401)).1, Fix::Authorization);
        assert_eq!(on(t, ErrorCode::Http4xx, Some(404)).1, Fix::Url);
        assert_eq!(fact("O destino respondeu 401: recusou; confira."), "O destino respondeu 401: recusou.");
        assert_eq!(fact("Nada atende ali."), "Nada atende ali.");
    }
}
