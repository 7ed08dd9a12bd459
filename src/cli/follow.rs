//! Following a daemon through restarts and cut connections: when to try again, and how its event stream is read.

use super::client::{ApiClient, ApiRequest};
use super::error::CliError;
use super::exit::{TRY_LATER, complain};
use crate::model::localized;
use http_body_util::BodyExt as _;
use std::ops::ControlFlow;
use std::time::Duration;

/// The first wait before another try; doubled at each one that fails.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The daemon says something every 15 s: after three times that, the connection is dead without knowing it.
const SILENCE: Duration = Duration::from_secs(45);
/// The longest line of a stream that is read.
const MAX_LINE: usize = 4 * 1024 * 1024;

/// When to try again. What has never worked is not tried again: a wrong address would be tried for ever.
pub(crate) struct Backoff {
    wait: Duration,
    has_worked: bool,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { wait: FIRST_WAIT, has_worked: false }
    }

    /// It works: the next failure is the first one.
    pub(crate) fn reset(&mut self) {
        (self.wait, self.has_worked) = (FIRST_WAIT, true);
    }

    /// Says what is wrong and waits; gives the problem back where waiting won't help.
    pub(crate) async fn after(&mut self, problem: CliError) -> Result<(), CliError> {
        if !self.has_worked || problem.code != TRY_LATER {
            return Err(problem);
        }
        let (sentence, seconds) = (problem.sentence, self.wait.as_secs_f32());
        complain(localized!("{sentence}; trying again in {seconds} s", "{sentence}; nova tentativa em {seconds} s"));
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        Ok(())
    }
}

/// One message of an event stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SseMessage {
    pub(crate) event: String,
    pub(crate) data: String,
}

/// Gives every message of a stream to `on` until that breaks off, over as many connections as it takes: each goes on
/// behind `last_id`, which it updates.
pub(crate) async fn stream(
    daemon: &ApiClient,
    path: &str,
    last_id: &mut Option<String>,
    mut on: impl FnMut(&SseMessage) -> ControlFlow<()>,
) -> Result<(), CliError> {
    let mut backoff = Backoff::new();
    loop {
        match connection(daemon, path, last_id, &mut backoff, &mut on).await {
            Ok(()) => return Ok(()),
            Err(problem) => backoff.after(problem).await?,
        }
    }
}

async fn connection(
    daemon: &ApiClient,
    path: &str,
    last_id: &mut Option<String>,
    backoff: &mut Backoff,
    on: &mut impl FnMut(&SseMessage) -> ControlFlow<()>,
) -> Result<(), CliError> {
    let request = ApiRequest::get(path).header("accept", Some("text/event-stream"));
    let mut exchange = daemon.stream(request.header("last-event-id", last_id.as_deref())).await?;
    backoff.reset();
    let mut parser = Parser::behind(last_id.clone());
    loop {
        let frame = tokio::time::timeout(SILENCE, exchange.response.body_mut().frame()).await;
        let frame = match frame {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => {
                let why = localized!("the connection broke off ({error})", "a conexão caiu ({error})");
                return Err(CliError::try_later(why));
            }
            Ok(None) => {
                let why = localized!("the daemon ended the stream", "o daemon encerrou a transmissão");
                return Err(CliError::try_later(why));
            }
            Err(_) => {
                let silence = SILENCE.as_secs();
                return Err(CliError::try_later(localized!(
                    "the daemon said nothing for {silence} s",
                    "o daemon não disse nada por {silence} s"
                )));
            }
        };
        let Ok(bytes) = frame.into_data() else { continue };
        for byte in bytes {
            let Some(message) = parser.push(byte).map_err(CliError::failed)? else { continue };
            last_id.clone_from(&parser.last_id);
            if on(&message).is_break() {
                return Ok(());
            }
        }
        // A message without data moves the place on, too.
        last_id.clone_from(&parser.last_id);
    }
}

/// Reads an event stream byte by byte, as <https://html.spec.whatwg.org/multipage/server-sent-events.html> has it.
#[derive(Default)]
struct Parser {
    line: Vec<u8>,
    after_cr: bool,
    message: SseMessage,
    /// Set by `id`, in force when its message is whole.
    id: Option<String>,
    last_id: Option<String>,
    has_begun: bool,
}

impl Parser {
    fn behind(last_id: Option<String>) -> Self {
        Self { id: last_id.clone(), last_id, ..Self::default() }
    }

    /// A message, when this byte ended one.
    fn push(&mut self, byte: u8) -> Result<Option<SseMessage>, String> {
        let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
        match byte {
            b'\n' if after_cr => Ok(None),
            b'\n' | b'\r' => {
                let line = std::mem::take(&mut self.line);
                Ok(self.end_of_line(&String::from_utf8_lossy(&line)))
            }
            _ if self.line.len() == MAX_LINE => Err(format!("a line of the stream is longer than {MAX_LINE} bytes")),
            _ => {
                self.line.push(byte);
                Ok(None)
            }
        }
    }

    fn end_of_line(&mut self, line: &str) -> Option<SseMessage> {
        // A byte order mark may stand before everything.
        let line =
            if std::mem::replace(&mut self.has_begun, true) { line } else { line.trim_start_matches('\u{feff}') };
        if line.is_empty() {
            self.last_id.clone_from(&self.id);
            let mut message = std::mem::take(&mut self.message);
            // Its last line end is not part of it.
            return message.data.pop().map(|_| message);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                self.message.data.push_str(value);
                self.message.data.push('\n');
            }
            "event" => value.clone_into(&mut self.message.event),
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()).filter(|id| !id.is_empty()),
            // Comments, which have no name, and what a later version may add.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(stream: &str) -> (Vec<(String, String)>, Option<String>) {
        let mut parser = Parser::behind(Some("before".to_owned()));
        let messages = stream.bytes().filter_map(|byte| parser.push(byte).unwrap());
        let messages = messages.map(|message| (message.event, message.data)).collect();
        (messages, parser.last_id)
    }

    fn message(event: &str, data: &str) -> (String, String) {
        (event.to_owned(), data.to_owned())
    }

    #[test]
    fn a_stream_is_read_with_every_kind_of_line_end() {
        let stream =
            "\u{feff}: keep-alive\n\nid: 1\nevent: attempt\ndata: {\"a\": 1}\n\ndata:x\ndata:  y\nother: z\n\n";
        let expected = vec![message("attempt", "{\"a\": 1}"), message("", "x\n y")];
        for end in ["\n", "\r", "\r\n"] {
            assert_eq!(parse(&stream.replace('\n', end)), (expected.clone(), Some("1".to_owned())), "{end:?}");
        }
    }

    #[test]
    fn the_place_moves_with_whole_messages_only() {
        assert_eq!(parse("id: 2\ndata: cut off").1.unwrap(), "before");
        assert_eq!(parse("id: 2\ndata: not ended\n").1.unwrap(), "before");
        assert_eq!(parse("id: 2\n\n"), (vec![], Some("2".to_owned())));
        assert_eq!(parse("id: 2\0\ndata: x\n\n").1.unwrap(), "before");
        assert_eq!(parse("id: 2\ndata: x\n\ndata: y\n\n").1.unwrap(), "2");
    }

    #[test]
    fn a_line_without_end_is_an_error_and_no_memory() {
        let mut parser = Parser::default();
        for _ in 0..MAX_LINE {
            assert!(parser.push(b'x').unwrap().is_none());
        }
        assert!(parser.push(b'x').is_err());
    }
}
