//! One POST to a channel that speaks HTTP, and what its answer means.

use super::error::{ChannelError, Retry, refused};
use super::redact::Secrets;
use crate::delivery::transport::client::{Client, OutboundRequest};
use crate::model::{AttemptError, AttemptResult, ErrorCode, Response, TargetUrl, localized};
use http::{HeaderMap, HeaderValue, header};
use std::sync::Arc;
use std::time::Duration;

/// The longest wait that a server is believed: a message that is a day late helps nobody.
const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a channel POSTs, and how sentences name it.
pub(super) struct Post<'a> {
    /// Who answers there, as sentences begin.
    pub(super) server: &'a str,
    /// The key of the config that has its address or its token, in backticks.
    pub(super) mend: &'a str,
    pub(super) url: &'a Arc<TargetUrl>,
    /// Beside those that every POST has.
    pub(super) headers: HeaderMap,
    pub(super) body: String,
    /// What a body that is no success says, and for how long it asks to wait.
    pub(super) read: fn(&[u8]) -> Said,
    /// What is not repeated of that.
    pub(super) secrets: Secrets,
}

/// What the body of an answer says of why the message wasn't taken.
#[derive(Default)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) wait: Option<Duration>,
}

/// The body as it is.
pub(super) fn as_text(body: &[u8]) -> Said {
    Said { text: String::from_utf8_lossy(body).into_owned(), wait: None }
}

/// POSTs JSON once.
pub(super) async fn post(client: &Client, post: Post<'_>) -> Result<(), ChannelError> {
    let Post { server, mend, url, mut headers, body, read, secrets } = post;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    match client.attempt(OutboundRequest::own(url.clone(), headers, body.into())).await.result {
        AttemptResult::Response(Response { status: 200..300, .. }) => Ok(()),
        AttemptResult::Response(Response { status, body, retry_after, .. }) => {
            let Said { text, wait } = read(&body);
            let text = secrets.redacted(&text);
            Err(refused(server, status, &text, mend, retry_after.or(wait).map(|wait| wait.min(MAX_WAIT))))
        }
        AttemptResult::Error(error) => Err(unreached(server, mend, url.host(), &error)),
    }
}

/// There was no answer. The sentences of attempts speak of a webhook's target where they say what to mend.
pub(super) fn unreached(server: &str, mend: &str, host: &str, error: &AttemptError) -> ChannelError {
    let AttemptError { code, message, message_pt } = error;
    let sentence = match code {
        ErrorCode::DnsNotFound => localized!(
            "{server}: the name {host} does not exist or has no address; check {mend}.",
            "{server}: o nome {host} não existe ou não tem endereço; confira {mend}."
        ),
        ErrorCode::Reset => localized!(
            "{server}: {host} closed the connection without an answer; its log may say why.",
            "{server}: {host} fechou a conexão sem responder; o log dele pode dizer por quê."
        ),
        ErrorCode::BadResponse => localized!(
            "{server}: what answers at {host} does not speak as expected; check {mend}, its port and its scheme.",
            "{server}: o que responde em {host} não fala como esperado; confira {mend}, a porta e o esquema da URL."
        ),
        // The sentence names it.
        _ if server == host => localized!("{message}", "{message_pt}"),
        _ => localized!("{server}: {message}", "{server}: {message_pt}"),
    };
    ChannelError::new(sentence, Retry::Yes)
}
