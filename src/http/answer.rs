//! What goes out: bodies, and the 4xx and 5xx of the contract.

use super::response_body::{BodyFeed, ResponseBody};
use crate::gather::Gather as _;
use crate::model::{ApiCode, Language, Localized, Scope, Timestamp, localized};
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
    detail: Localized,
    fields: Option<BTreeMap<String, Vec<Localized>>>,
    header: Option<Box<(HeaderName, String)>>,
}

impl Failure {
    /// For a request that wasn't read, or not to its end; the connection closes behind it.
    pub(crate) fn unread(status: StatusCode, code: ApiCode, detail: Localized) -> Self {
        Self::new(status, code, detail).with(header::CONNECTION, "close")
    }

    /// One that tells the caller when to come back, where that is a matter of time (503).
    pub(crate) fn new(status: StatusCode, code: ApiCode, detail: Localized) -> Self {
        let later = status == StatusCode::SERVICE_UNAVAILABLE;
        let header = later.then(|| Box::new((header::RETRY_AFTER, RETRY_AFTER_S.to_string())));
        Self { status, code, detail, fields: None, header }
    }

    fn with(self, name: HeaderName, value: &str) -> Self {
        Self { header: Some(Box::new((name, value.to_owned()))), ..self }
    }

    pub(crate) fn bad_request(code: ApiCode, detail: Localized) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(crate) fn unauthorized(detail: Localized) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ApiCode::Unauthorized, detail).with(header::WWW_AUTHENTICATE, "Bearer")
    }

    /// Rounded up to whole seconds, which are all that the header can say.
    pub(crate) fn too_many_guesses(wait: Duration) -> Self {
        let failure = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            ApiCode::TooManyWrongTokens,
            localized!(
                "this access token is unknown, revoked or expired, and too many such came from this address: send the \
                 right one, or wait",
                "este token de acesso é desconhecido, foi revogado ou venceu, e vieram muitos assim deste endereço: \
                 envie o certo, ou espere"
            ),
        );
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        failure.with(header::RETRY_AFTER, &seconds.to_string())
    }

    pub(crate) fn forbidden(scope: Scope) -> Self {
        let scope = scope.as_str();
        let detail = localized!(
            "this token lacks the scope `{scope}` that the call needs",
            "falta a este token o escopo `{scope}`, que a chamada exige"
        );
        Self::new(StatusCode::FORBIDDEN, ApiCode::Forbidden, detail)
    }

    pub(crate) fn not_found() -> Self {
        let detail = localized!(
            "there is nothing at this path, or it is not yours",
            "não há nada neste endereço, ou não é desta conta"
        );
        Self::new(StatusCode::NOT_FOUND, ApiCode::NotFound, detail)
    }

    pub(crate) fn below_a_path() -> Self {
        let detail = localized!(
            "there is nothing at this path: carteiro can't be hosted below a path, its own begin at /. Give it a host \
             name of its own, and have the proxy forward every path unchanged",
            "não há nada neste endereço: o carteiro não pode ficar abaixo de um caminho, os dele começam em /. Dê a \
             ele um nome de host próprio, e faça o proxy repassar todo caminho sem mudança"
        );
        Self::new(StatusCode::NOT_FOUND, ApiCode::NotFound, detail)
    }

    pub(crate) fn method_not_allowed(allowed: &[&str]) -> Self {
        let allow = allowed.join(", ");
        let detail = localized!("this path takes {allow}", "este endereço aceita {allow}");
        let failure = Self::new(StatusCode::METHOD_NOT_ALLOWED, ApiCode::MethodNotAllowed, detail);
        failure.with(header::ALLOW, &allow)
    }

    pub(crate) fn body_timeout() -> Self {
        let detail = localized!("the body took too long to arrive", "o corpo demorou demais para chegar");
        Self::unread(StatusCode::REQUEST_TIMEOUT, ApiCode::BodyTimeout, detail)
    }

    pub(crate) fn too_large(max: usize) -> Self {
        let detail = localized!("the body may have at most {max} bytes", "o corpo pode ter no máximo {max} bytes");
        Self::unread(StatusCode::PAYLOAD_TOO_LARGE, ApiCode::BodyTooLarge, detail)
    }

    /// More bodies are being read than there is memory set aside for.
    pub(crate) fn busy() -> Self {
        Self::unavailable(localized!(
            "the daemon is reading as many large bodies as it may at once: try again in a moment",
            "o daemon está lendo tantos corpos grandes quantos pode ao mesmo tempo: tente de novo em instantes"
        ))
    }

    pub(crate) fn slow_body() -> Self {
        Self::unavailable(localized!(
            "the body came too slowly while others waited for their turn: try again in a moment",
            "o corpo chegou devagar demais enquanto outros esperavam a vez: tente de novo em instantes"
        ))
    }

    /// The connection has lost its slot, or there is none for it.
    pub(crate) fn no_slot() -> Self {
        Self::unavailable(localized!(
            "every connection is taken: try again in a moment",
            "todas as conexões estão ocupadas: tente de novo em instantes"
        ))
    }

    /// The status it is answered with.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn not_json_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ApiCode::UnsupportedMediaType,
            localized!(
                "send JSON with `Content-Type: application/json`",
                "envie JSON com `Content-Type: application/json`"
            ),
        )
    }

    /// The header says what would be taken (RFC 9110, 12.5.3).
    pub(crate) fn content_encoding(coding: &str) -> Self {
        let failure = Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ApiCode::UnsupportedContentEncoding,
            localized!(
                "a body with `Content-Encoding: {coding}` is not read: send it as it is, without compressing it",
                "um corpo com `Content-Encoding: {coding}` não é lido: envie-o como é, sem compactar"
            ),
        );
        failure.with(header::ACCEPT_ENCODING, "identity")
    }

    pub(crate) fn invalid(mut fields: BTreeMap<String, Vec<Localized>>) -> Self {
        // Enough to correct the request by; one of a million unknown fields gets no answer of a million sentences.
        while fields.len() > MAX_NAMED_FIELDS {
            fields.pop_last();
        }
        let detail = match fields.keys().next() {
            Some(field) if fields.len() == 1 => {
                localized!("`{field}` can't be taken as it is", "`{field}` não pode ser aceito como está")
            }
            _ => localized!("some fields can't be taken as they are", "alguns campos não podem ser aceitos como estão"),
        };
        let failure = Self::new(StatusCode::UNPROCESSABLE_ENTITY, ApiCode::InvalidFields, detail);
        Self { fields: Some(fields), ..failure }
    }

    pub(crate) fn unavailable(detail: Localized) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ApiCode::Unavailable, detail)
    }

    /// In English, for a caller whose headers weren't read.
    pub(crate) fn into_answer(self) -> Answer {
        self.into_answer_in(Language::En)
    }

    /// In the language that the caller asks for.
    pub(crate) fn into_answer_in(self, language: Language) -> Answer {
        #[derive(Serialize)]
        struct Errors<'a> {
            errors: Body<'a>,
        }
        #[derive(Serialize)]
        struct Body<'a> {
            code: ApiCode,
            detail: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            fields: Option<BTreeMap<&'a str, Vec<&'a str>>>,
        }
        let fields = self.fields.as_ref().map(|fields| {
            let named = fields.iter().map(|(field, problems)| {
                (field.as_str(), problems.iter().map(|problem| language.of(problem)).collect())
            });
            named.gather()
        });
        let body = Body { code: self.code, detail: language.of(&self.detail), fields };
        let answer = Answer::json(self.status, to_json(&Errors { errors: body }));
        let answer = match language {
            Language::En => answer,
            Language::Pt => answer.with(header::CONTENT_LANGUAGE, language.tag()),
        };
        match self.header {
            Some(header) => answer.with(header.0, &header.1),
            None => answer,
        }
    }
}
