//! Where what made an attempt fail is corrected, beside what to do about it.

use crate::model::ErrorCode;

/// Where in a webhook's form the cause is corrected, if it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fix {
    Authorization,
    Url,
    ClientCertificate,
    Elsewhere,
}

/// Where the cause of a failure with this code and, where the target has answered, this status is corrected.
pub(super) fn fix(code: ErrorCode, status: Option<u16>) -> Fix {
    match (code, status) {
        (ErrorCode::Http4xx, Some(401 | 403)) => Fix::Authorization,
        (ErrorCode::ClientCertificateMissing | ErrorCode::ClientCertificateRefused, _) => Fix::ClientCertificate,
        (
            ErrorCode::DnsNotFound
            | ErrorCode::BlockedTarget
            | ErrorCode::ConnectRefused
            | ErrorCode::ConnectTimeout
            | ErrorCode::TlsNameMismatch
            | ErrorCode::TlsFailed
            | ErrorCode::BadResponse
            | ErrorCode::Redirect
            | ErrorCode::BadStatus,
            _,
        )
        | (ErrorCode::Http4xx, Some(404 | 405 | 410)) => Fix::Url,
        (
            ErrorCode::DnsFailed
            | ErrorCode::ConnectFailed
            | ErrorCode::ProxyFailed
            | ErrorCode::ProxyRefused
            | ErrorCode::TlsUntrusted
            | ErrorCode::TlsExpired
            | ErrorCode::TlsNotYetValid
            | ErrorCode::TlsNoCommonCipher
            | ErrorCode::Reset
            | ErrorCode::Timeout
            | ErrorCode::Internal
            | ErrorCode::Http4xx
            | ErrorCode::Http5xx,
            _,
        ) => Fix::Elsewhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_corrected_in_the_form_leads_there() {
        assert_eq!(fix(ErrorCode::Http4xx, Some(401)), Fix::Authorization);
        assert_eq!(fix(ErrorCode::Http4xx, Some(404)), Fix::Url);
        assert_eq!(fix(ErrorCode::Http5xx, Some(500)), Fix::Elsewhere);
    }
}
