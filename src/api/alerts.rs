//! `/api/alerts`: the channels of alerts, and what `carteiro alerts test` speaks to.

use super::call::Call;
use super::fields::JsonFields;
use crate::http::{Answer, Failure};
use crate::model::{AlertChannel, Localized, Timestamp, localized};
use crate::service::{ChannelOwner, ChannelTest, ChannelView};
use http::StatusCode;
use serde::Serialize;

#[derive(Serialize)]
struct ChannelShape {
    channel: AlertChannel,
    owner: &'static str,
    failing: bool,
    sent_at: Option<Timestamp>,
    left_out: Option<String>,
    left_out_pt: Option<String>,
    failed_at: Option<Timestamp>,
    error: Option<String>,
    error_pt: Option<String>,
}

impl ChannelShape {
    fn of(view: ChannelView) -> Self {
        let (failed_at, error) = view.state.failed.unzip();
        let ((error, error_pt), (left_out, left_out_pt)) = (both(error), both(view.state.left_out));
        Self {
            channel: view.channel,
            owner: view.owner.as_str(),
            failing: view.state.is_failing,
            sent_at: view.state.sent_at,
            left_out,
            left_out_pt,
            failed_at,
            error,
            error_pt,
        }
    }
}

#[derive(Serialize)]
struct TestShape {
    channel: AlertChannel,
    owner: &'static str,
    sent: bool,
    left_out: Option<String>,
    left_out_pt: Option<String>,
    error: Option<String>,
    error_pt: Option<String>,
}

impl TestShape {
    fn of(test: ChannelTest) -> Self {
        let sent = test.error.is_none();
        let ((error, error_pt), (left_out, left_out_pt)) = (both(test.error), both(test.left_out));
        Self { channel: test.channel, owner: test.owner.as_str(), sent, left_out, left_out_pt, error, error_pt }
    }
}

/// In English and in Portuguese.
fn both(sentence: Option<Localized>) -> (Option<String>, Option<String>) {
    sentence.map(|Localized { en, pt }| (en, pt)).unzip()
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn channels(call: &Call) -> Result<Answer, Failure> {
    let views = call.service.alert_channels(&call.caller);
    let shapes: Vec<ChannelShape> = views.into_iter().map(ChannelShape::of).collect();
    Ok(Answer::data(StatusCode::OK, &shapes))
}

pub(super) async fn test(call: &Call) -> Result<Answer, Failure> {
    let channel = call.read(channel).await?;
    let tests = call.service.test_alert_channels(&call.caller, channel, None::<ChannelOwner>).await?;
    let shapes: Vec<TestShape> = tests.into_iter().map(TestShape::of).collect();
    Ok(Answer::data(StatusCode::OK, &shapes))
}

/// Which channel a body names; none needs to be sent.
fn channel(body: &[u8]) -> Result<Option<AlertChannel>, Failure> {
    let mut fields = JsonFields::of_optional_body(body)?;
    let channel = fields.optional("channel", |value| {
        AlertChannel::parse(&value.text()?).ok_or_else(|| {
            let names = AlertChannel::ALL.map(|channel| format!("`{}`", channel.as_str()));
            let names = names.join(", ");
            localized!("must be one of {names}", "deve ser um destes: {names}")
        })
    });
    fields.finish()?;
    Ok(channel)
}
