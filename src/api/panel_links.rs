//! `/api/panel_links`: what `carteiro panel-link` speaks to.

use super::call::Call;
use crate::http::{Answer, Failure};
use http::{StatusCode, header};

pub(super) async fn create(call: &Call) -> Result<Answer, Failure> {
    let scheme = if call.is_secure { "https" } else { "http" };
    let host = call.head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let link = call.service.make_panel_link(&call.caller, &format!("{scheme}://{host}")).await?;
    Ok(Answer::data(StatusCode::CREATED, &link))
}
