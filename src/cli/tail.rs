//! `carteiro tail`: prints attempts as they are made.

use super::client::{ApiClient, block_on, until_interrupted};
use super::connection::ConnectionArgs;
use super::error::CliError;
use super::exit::complain;
use super::filters::{FilterFlags, STREAM};
use super::follow;
use super::language::{say, tell};
use super::output::{Screen, Tone, cut, line, printable, short_time, spoken, text};
use super::words;
use crate::model::{NotificationFilter, localized};
use clap::Args;
use serde_json::Value;
use std::ops::ControlFlow;

#[derive(Args)]
pub(crate) struct TailCommand {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    args: TailArgs,
}

#[derive(Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    filters: FilterFlags<NotificationFilter, STREAM>,
    /// Start after this position, which an earlier run printed at its end
    #[arg(long, value_name = "POSITION")]
    after: Option<String>,
    /// Exit after this many attempts
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

pub(crate) fn tail(command: &TailCommand) -> Result<(), CliError> {
    follow(&command.connection.daemon()?, &command.args, command.connection.json)
}

/// Prints attempts until Ctrl-C, or as many as were asked for.
pub(crate) fn follow(daemon: &ApiClient, args: &TailArgs, json: bool) -> Result<(), CliError> {
    let path = args.filters.given.on("/api/notifications/stream");
    let (mut last_id, mut left) = (args.after.clone(), args.count.unwrap_or(u64::MAX));
    let screen = Screen::stdout();
    let on = |message: &follow::SseMessage| {
        if message.event == "gap" {
            complain(localized!(
                "attempts may be missing here; `carteiro notifications list` shows what became of them",
                "podem faltar tentativas aqui; `carteiro notifications list` mostra o que aconteceu com elas",
            ));
        }
        if message.event != "attempt" {
            return ControlFlow::Continue(());
        }
        if json {
            line(&message.data);
        } else {
            line(attempt_line(&serde_json::from_str(&message.data).unwrap_or_default(), screen));
        }
        left = left.saturating_sub(1);
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    if args.count == Some(0) {
        return Ok(());
    }
    block_on(until_interrupted(follow::stream(daemon, &path, &mut last_id, on)))?;
    if let Some(last_id) = last_id {
        tell(localized!(
            "`carteiro tail --after {last_id}` goes on from here.",
            "`carteiro tail --after {last_id}` continua a partir daqui."
        ));
    }
    Ok(())
}

/// The fewest columns that the outcome of an attempt is cut to: the type is left out before that.
const MIN_OUTCOME_WIDTH: usize = 24;

/// What changes from line to line of a time that a table would show whole.
fn time_of_day(time: &str) -> &str {
    time.get(11..19).unwrap_or_default()
}

/// One attempt of a notification on one line, cut where the terminal ends.
fn attempt_line(message: &Value, screen: Screen) -> String {
    let (notification, attempt) = (&message["notification"], &message["attempt"]);
    let (outcome, tone) = outcome(attempt);
    let time = short_time(&attempt["started_at"]);
    let room = |head: &str| screen.width.map_or(usize::MAX, |width| width.saturating_sub(head.chars().count()));
    let mut head = format!("{}  {}  ", time_of_day(&time), printable(&text(&notification["id"])));
    let typed = format!("{head}{:<20}  ", printable(&text(&notification["type"])));
    if room(&typed) >= MIN_OUTCOME_WIDTH {
        head = typed;
    }
    let rest = format!("{outcome}  {}", printable(&text(&notification["target"])));
    let room = room(&head);
    if room < MIN_OUTCOME_WIDTH {
        return format!("{head}{}", screen.paint(tone, &outcome));
    }
    let rest = cut(&rest, room);
    // The outcome has the colour, the target behind it has none.
    match rest.strip_prefix(&*outcome) {
        Some(target) => format!("{head}{}{target}", screen.paint(tone, &outcome)),
        None => format!("{head}{}", screen.paint(tone, &rest)),
    }
}

/// One attempt as a line of its notification's history.
pub(crate) fn attempt_text(attempt: &Value) -> String {
    let (outcome, tone) = outcome(attempt);
    format!("  {}  {}", short_time(&attempt["started_at"]), Screen::stdout().paint(tone, &outcome))
}

/// `#2 http_5xx, 34.1 ms: The target answered 500. Again at 12:00:05.`
fn outcome(attempt: &Value) -> (String, Tone) {
    let number = &attempt["number"];
    let manual = if matches!(attempt["trigger"].as_str(), Some("MANUAL" | "TEST")) { " manual" } else { "" };
    let took = format!("{} ms", words::decimal(attempt["duration_ms"].as_f64().unwrap_or_default()));
    let error = &attempt["error"];
    if error.is_null() {
        let status = &attempt["response_status"];
        let confirmed =
            localized!("#{number}{manual} {status} confirmed, {took}", "#{number}{manual} {status} confirmada, {took}");
        return (say(confirmed), Tone::Good);
    }
    let next = short_time(&attempt["next_attempt_at"]);
    let next = match time_of_day(&next) {
        "" => String::new(),
        at => say(localized!(" Again at {at}.", " De novo às {at}.")),
    };
    let (code, why) = (text(&error["code"]), spoken(error, "message"));
    (printable(&format!("#{number}{manual} {code}, {took}: {why}{next}")).into_owned(), Tone::Bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_attempt_is_one_line_that_fits_and_keeps_the_id() {
        let message = json!({
            "notification": { "id": "0193a5b0-1111-7222-8333-444455556666", "type": "PAYMENT.PAID",
                "target": "http://loja.example/" },
            "attempt": { "number": 2, "trigger": "AUTOMATIC", "started_at": "2026-11-23T12:00:00.123Z",
                "duration_ms": 34.12,
                "response_status": 500, "error": { "code": "http_5xx", "message": "loja.example answered 500.\x1b[2J" },
                "next_attempt_at": "2026-11-23T12:00:05.000Z" }
        });
        let whole = attempt_line(&message, Screen { width: None, colours: false });
        // In the time zone of the test's machine.
        let [began, next] = ["started_at", "next_attempt_at"]
            .map(|name| time_of_day(&short_time(&message["attempt"][name])).to_owned());
        let expected = format!(
            "{began}  0193a5b0-1111-7222-8333-444455556666  PAYMENT.PAID          \
             #2 http_5xx, 34.1 ms: loja.example answered 500.\u{fffd}[2J Again at {next}.  http://loja.example/"
        );
        assert_eq!(whole, expected);
        let narrow = attempt_line(&message, Screen { width: Some(100), colours: true });
        assert!(narrow.contains("444455556666") && narrow.contains('…') && narrow.contains("\x1b[31m"), "{narrow}");
        let usual = attempt_line(&message, Screen { width: Some(80), colours: false });
        assert!(usual.chars().count() == 80 && usual.contains("#2 http_5xx"), "{usual}");
    }
}
