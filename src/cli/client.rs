//! Speaking to a running daemon: one JSON request over plain HTTP.

use super::{FAILED, TRY_LATER};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Why a call brought no data: the sentence and the exit code.
pub(super) struct Problem {
    pub(super) sentence: String,
    pub(super) code: u8,
}

/// Calls the API and gives back the JSON of its answer (null for an empty one).
pub(super) fn call(
    address: &str,
    token: &str,
    method: Method,
    path: &str,
    body: Option<&serde_json::Value>,
) -> Result<serde_json::Value, Problem> {
    let failed = |sentence: String| Problem { sentence, code: FAILED };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(format!("the runtime could not be started: {error}")))?;
    let body = body.map(ToString::to_string).unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, address)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| failed(format!("the request can't be made: {error}")))?;
    let unreachable = |error: &dyn std::fmt::Display| Problem {
        sentence: format!("the daemon at {address} can't be reached ({error}): is `carteiro serve` running?"),
        code: TRY_LATER,
    };
    runtime.block_on(async {
        let exchange = async {
            let stream = TcpStream::connect(address).await.map_err(|error| unreachable(&error))?;
            let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
            let (mut sender, connection) = handshake.map_err(|error| unreachable(&error))?;
            let connection = tokio::spawn(connection);
            let response = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
            let body = body.map_err(|error| unreachable(&error))?.to_bytes();
            connection.abort();
            let json = if body.is_empty() { Ok(serde_json::Value::Null) } else { serde_json::from_slice(&body) };
            let json =
                json.map_err(|_| failed(format!("{address} answered {status} and no JSON: is that carteiro?")))?;
            if status.is_success() {
                return Ok(json);
            }
            let detail =
                json.pointer("/errors/detail").and_then(serde_json::Value::as_str).unwrap_or("no reason given");
            let code = if status.as_u16() == 503 { TRY_LATER } else { FAILED };
            Err(Problem { sentence: format!("the daemon answered {}: {detail}", status.as_u16()), code })
        };
        match tokio::time::timeout(TIMEOUT, exchange).await {
            Ok(result) => result,
            Err(_) => Err(unreachable(&format_args!("no answer within {} s", TIMEOUT.as_secs()))),
        }
    })
}
