//! What of a request's head is refused before anything is asked for: what proxies and servers could read in two ways.

use super::answer::Failure;
use crate::model::{ApiCode, Authority, Language, Localized, localized};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, Version, header};

/// 400 for a head whose host or framing is not clear.
///
/// `Host`: one, and a host (RFC 9112, 3.2); `HTTP/1.0` knows none, and health checks of load balancers send none.
/// `Transfer-Encoding`: `chunked` alone (RFC 9112, 6.1), since a body that is compressed in transit would be taken for
/// the body itself.
pub(crate) fn check(head: &Parts) -> Result<(), Failure> {
    let refuse = |detail: Localized| Err(Failure::unread(StatusCode::BAD_REQUEST, ApiCode::BadRequest, detail));
    let mut hosts = head.headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if head.version >= Version::HTTP_11 => {
            return refuse(localized!(
                "the request has no Host header: HTTP/1.1 needs one",
                "a requisição não tem o cabeçalho Host: o HTTP/1.1 exige um"
            ));
        }
        (Some(_), Some(_)) => {
            return refuse(localized!(
                "the request has more than one Host header: send one",
                "a requisição tem mais de um cabeçalho Host: envie um só"
            ));
        }
        (Some(host), None) if !is_host(host) => {
            return refuse(localized!(
                "the Host header must be a host, with a port where needed: host or host:port",
                "o cabeçalho Host deve ser um host, com a porta se preciso: host ou host:porta"
            ));
        }
        _ => {}
    }
    let codings: Vec<&[u8]> =
        head.headers.get_all(header::TRANSFER_ENCODING).iter().map(HeaderValue::as_bytes).collect();
    if !codings.iter().all(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"chunked")) || codings.len() > 1 {
        return refuse(localized!(
            "of transfer encodings only `chunked` is read: send the body as it is",
            "de codificações de transferência só `chunked` é lida: envie o corpo como é"
        ));
    }
    Ok(())
}

/// In which language an error is told to a caller: English, unless `Accept-Language` likes Portuguese better.
pub(crate) fn language(headers: &HeaderMap) -> Language {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    accepted.and_then(Language::accepted).unwrap_or(Language::En)
}

/// A host and a port, or nothing: a target without an authority has an empty one. The port may be left out behind its
/// colon.
fn is_host(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else {
        return false;
    };
    text.is_empty() || Authority::parse(text.strip_suffix(':').unwrap_or(text)).is_ok()
}

/// 415 for a compressed body: bodies are not decompressed.
pub(crate) fn check_content_encoding(headers: &HeaderMap) -> Result<(), Failure> {
    let all = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut codings = all.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    match codings.find(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")) {
        None => Ok(()),
        Some(coding) => Err(Failure::content_encoding(&String::from_utf8_lossy(&coding[..coding.len().min(100)]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn checked(version: Version, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap().into_parts().0).is_ok()
    }

    #[test]
    fn one_host_and_one_way_to_frame_a_body() {
        for (host, good) in [
            ("carteiro", true),
            ("carteiro.example:8080", true),
            ("[::1]:8080", true),
            ("127.0.0.1", true),
            ("carteiro:", true),
            ("", true),
            ("a b", false),
            ("a,b", false),
            ("a@b", false),
            ("a/b", false),
            ("a:x", false),
        ] {
            assert_eq!(checked(Version::HTTP_11, &[("host", host)]), good, "{host}");
        }
        assert!(!checked(Version::HTTP_11, &[]) && checked(Version::HTTP_10, &[]));
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert!(!checked(version, &[("host", "a"), ("host", "a")]));
        }
        for (coding, good) in
            [("chunked", true), ("Chunked", true), ("gzip, chunked", false), ("chunked, chunked", false)]
        {
            assert_eq!(checked(Version::HTTP_11, &[("host", "a"), ("transfer-encoding", coding)]), good, "{coding}");
        }
        let twice = [("host", "a"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")];
        assert!(!checked(Version::HTTP_11, &twice));
    }

    #[test]
    fn a_body_that_is_compressed_is_named() {
        let of = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(value))]);
            check_content_encoding(&headers).err().map(Failure::into_answer)
        };
        assert!(of("identity").is_none() && of("Identity, ").is_none() && of("").is_none());
        for (value, named) in [("gzip", "gzip`"), ("identity, br", "br`"), ("zstd", "zstd`")] {
            let (head, body) = of(value).unwrap().into_bytes(&HeaderValue::from_static("x"));
            assert!(head.starts_with("HTTP/1.1 415 ") && head.contains("accept-encoding: identity"), "{head}");
            assert!(String::from_utf8_lossy(&body).contains(named), "{value}");
        }
    }
}
