//! What goes out: bodies, and the 4xx and 5xx of the contract.

use super::response_body::{BodyFeed, ResponseBody};
use crate::model::{ApiCode, Scope, Timestamp};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a caller who met a full or stopping daemon should wait, in seconds.
const RETRY_AFTER_S: u16 = 5;

/// The most fields that one answer names.
pub(crate) const MAX_NAMED_FIELDS: usize = 100;

/// An answer, before it has its request id.
pub struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: ResponseBody,
    /// Whether its headers are complete as they are.
    complete: bool,
}

impl Answer {
    pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), body: ResponseBody::Whole(body.into()), complete: false }
    }

    /// A page, with its own headers.
    pub(crate) fn of_page(page: Response<Bytes>) -> Self {
        let (head, body) = page.into_parts();
        let headers = head.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { status: head.status, headers, body: body.into(), complete: true }
    }

    /// The text format of Prometheus.
    pub(crate) fn text(body: String) -> Self {
        let answer = Self::json(StatusCode::OK, body);
        answer.with(header::CONTENT_TYPE, "text/plain; version=0.0.4")
    }

    /// A stream, its content type still to be set.
    pub(crate) fn stream(feed: Box<dyn BodyFeed>) -> Self {
        Self { body: ResponseBody::feed(feed), ..Self::empty(StatusCode::OK) }
    }

    /// A file of comma-separated values, named by the day.
    pub(crate) fn csv(feed: Box<dyn BodyFeed>, name: &str, now: Timestamp) -> Self {
        let day: String = now.to_string().chars().take(10).collect();
        Self::stream(feed)
            .with(header::CONTENT_TYPE, "text/csv; charset=utf-8")
            .with(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}-{day}.csv\""))
            .with(header::CACHE_CONTROL, "no-store")
            .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether its body has no end of its own.
    pub(crate) fn goes_on(&self) -> bool {
        matches!(self.body, ResponseBody::Feed(_))
    }

    pub(crate) fn empty(status: StatusCode) -> Self {
        Self::json(status, Bytes::new())
    }

    /// `{"data": …}`
    pub(crate) fn data<T: Serialize>(status: StatusCode, data: &T) -> Self {
        #[derive(Serialize)]
        struct Data<'a, T> {
            data: &'a T,
        }
        Self::json(status, to_json(&Data { data }))
    }

    /// `{"data": [...], "page": {…}}`
    pub(crate) fn page<T: Serialize>(data: &[T], next_cursor: Option<String>, limit: usize) -> Self {
        #[derive(Serialize)]
        struct Page<'a, T> {
            data: &'a [T],
            page: PageInfo,
        }
        #[derive(Serialize)]
        struct PageInfo {
            next_cursor: Option<String>,
            limit: usize,
        }
        Self::json(StatusCode::OK, to_json(&Page { data, page: PageInfo { next_cursor, limit } }))
    }

    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Head and body as they go over the wire, for what is answered without hyper.
    pub(crate) fn into_bytes(self, request_id: &HeaderValue) -> (String, Bytes) {
        let body = match &self.body {
            ResponseBody::Whole(bytes) => bytes.clone(),
            ResponseBody::Feed(_) => Bytes::new(),
        };
        let response = self.into_response(request_id.clone());
        let mut head = format!("HTTP/1.1 {}\r\ncontent-length: {}\r\n", response.status(), body.len());
        for (name, value) in response.headers() {
            head.extend([name.as_str(), ": ", &String::from_utf8_lossy(value.as_bytes()), "\r\n"]);
        }
        head.push_str("\r\n");
        (head, body)
    }

    pub(crate) fn into_response(self, request_id: HeaderValue) -> Response<ResponseBody> {
        let is_json = !self.complete && matches!(&self.body, ResponseBody::Whole(bytes) if !bytes.is_empty());
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if is_json {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        headers.insert(HeaderName::from_static("x-request-id"), request_id);
        for (name, value) in self.headers {
            if name == header::CONTENT_TYPE {
                headers.insert(name, value);
            } else {
                headers.append(name, value);
            }
        }
        response
    }
}

fn to_json<T: Serialize>(value: &T) -> Bytes {
    serde_json::to_vec(value).expect("the shapes of the API have string keys and no fallible parts").into()
}

/// An answer that is an error: `{"errors": {"code", "detail", "fields"?}}`.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    code: ApiCode,
    detail: String,
    fields: Option<BTreeMap<String, Vec<String>>>,
    header: Option<Box<(HeaderName, String)>>,
}

impl Failure {
    /// For a request that wasn't read, or not to its end; the connection closes behind it.
    pub(crate) fn unread(status: StatusCode, code: ApiCode, detail: &str) -> Self {
        Self::new(status, code, detail).with(header::CONNECTION, "close")
    }

    /// One that tells the caller when to come back, where that is a matter of time (503).
    pub(crate) fn new(status: StatusCode, code: ApiCode, detail: impl Into<String>) -> Self {
        let later = status == StatusCode::SERVICE_UNAVAILABLE;
        let header = later.then(|| Box::new((header::RETRY_AFTER, RETRY_AFTER_S.to_string())));
        Self { status, code, detail: detail.into(), fields: None, header }
    }

    fn with(self, name: HeaderName, value: &str) -> Self {
        Self { header: Some(Box::new((name, value.to_owned()))), ..self }
    }

    pub(crate) fn bad_request(code: ApiCode, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(crate) fn unauthorized(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ApiCode::Unauthorized, detail).with(header::WWW_AUTHENTICATE, "Bearer")
    }

    /// Rounded up to whole seconds, which are all that the header can say.
    pub(crate) fn too_many_guesses(wait: Duration) -> Self {
        let failure = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            ApiCode::TooManyWrongTokens,
            "this access token is unknown, revoked or expired, and too many such came from this address: send the \
             right one, or wait",
        );
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        failure.with(header::RETRY_AFTER, &seconds.to_string())
    }

    pub(crate) fn forbidden(scope: Scope) -> Self {
        let detail = format!("this token lacks the scope `{}` that the call needs", scope.as_str());
        Self::new(StatusCode::FORBIDDEN, ApiCode::Forbidden, detail)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, ApiCode::NotFound, "there is nothing at this path, or it is not yours")
    }

    pub(crate) fn below_a_path() -> Self {
        let detail = "there is nothing at this path: carteiro can't be hosted below a path, its own begin at /. Give \
                      it a host name of its own, and have the proxy forward every path unchanged";
        Self::new(StatusCode::NOT_FOUND, ApiCode::NotFound, detail)
    }

    pub(crate) fn method_not_allowed(allowed: &[&str]) -> Self {
        let allow = allowed.join(", ");
        let failure =
            Self::new(StatusCode::METHOD_NOT_ALLOWED, ApiCode::MethodNotAllowed, format!("this path takes {allow}"));
        failure.with(header::ALLOW, &allow)
    }

    pub(crate) fn body_timeout() -> Self {
        Self::unread(StatusCode::REQUEST_TIMEOUT, ApiCode::BodyTimeout, "the body took too long to arrive")
    }

    pub(crate) fn too_large(max: usize) -> Self {
        let detail = format!("the body may have at most {max} bytes");
        Self::unread(StatusCode::PAYLOAD_TOO_LARGE, ApiCode::BodyTooLarge, &detail)
    }

    /// More bodies are being read than there is memory set aside for.
    pub(crate) fn busy() -> Self {
        Self::unavailable("the daemon is reading as many large bodies as it may at once: try again in a moment")
    }

    pub(crate) fn slow_body() -> Self {
        Self::unavailable("the body came too slowly while others waited for their turn: try again in a moment")
    }

    /// The connection has lost its slot, or there is none for it.
    pub(crate) fn no_slot() -> Self {
        Self::unavailable("every connection is taken: try again in a moment")
    }

    /// The status it is answered with.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn not_json_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ApiCode::UnsupportedMediaType,
            "send JSON with `Content-Type: application/json`",
        )
    }

    /// The header says what would be taken (RFC 9110, 12.5.3).
    pub(crate) fn content_encoding(coding: &str) -> Self {
        let failure = Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ApiCode::UnsupportedContentEncoding,
            format!("a body with `Content-Encoding: {coding}` is not read: send it as it is, without compressing it"),
        );
        failure.with(header::ACCEPT_ENCODING, "identity")
    }

    pub(crate) fn invalid(mut fields: BTreeMap<String, Vec<String>>) -> Self {
        // Enough to correct the request by; one of a million unknown fields gets no answer of a million sentences.
        while fields.len() > MAX_NAMED_FIELDS {
            fields.pop_last();
        }
        let detail = match fields.keys().next() {
            Some(field) if fields.len() == 1 => format!("`{field}` can't be taken as it is"),
            _ => "some fields can't be taken as they are".to_owned(),
        };
        let failure = Self::new(StatusCode::UNPROCESSABLE_ENTITY, ApiCode::InvalidFields, detail);
        Self { fields: Some(fields), ..failure }
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ApiCode::Unavailable, detail)
    }

    pub(crate) fn into_answer(self) -> Answer {
        #[derive(Serialize)]
        struct Errors<'a> {
            errors: Body<'a>,
        }
        #[derive(Serialize)]
        struct Body<'a> {
            code: ApiCode,
            detail: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            fields: Option<&'a BTreeMap<String, Vec<String>>>,
        }
        let body = Body { code: self.code, detail: &self.detail, fields: self.fields.as_ref() };
        let answer = Answer::json(self.status, to_json(&Errors { errors: body }));
        match self.header {
            Some(header) => answer.with(header.0, &header.1),
            None => answer,
        }
    }
}
