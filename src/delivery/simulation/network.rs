//! The network and the targets behind it: what becomes of a request.

use super::random::Random;
use crate::model::{AttemptError, AttemptResult, ErrorCode, KeptHead, Response, WebhookNo};
use std::collections::BTreeMap;
use std::time::Duration;

/// When an attempt is given up.
const TIMEOUT_MS: u64 = 15_000;
const CONNECT_TIMEOUT_MS: u64 = 5_000;

/// How a target behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Healthy,
    /// Answers 5XX, 4XX or 3XX.
    Failing,
    /// Answers 429 or 503 with a `Retry-After` of up to so many milliseconds.
    Busy(u64),
    /// Answers 429 with a `Retry-After` that has passed.
    BusyNoMore,
    /// Never answers.
    Dead,
    /// Nothing listens there.
    Refusing,
    /// Confirms, shortly before it would be given up.
    Slow,
    /// Takes the request and confirms it, after it was given up.
    TooLate,
    /// Takes the request, begins to answer, and breaks off.
    BreaksOff,
    /// Confirms every other request.
    Alternating,
    /// Answers what is no HTTP.
    Garbled,
}

impl Mood {
    const ALL: [Self; 13] = [
        Self::Healthy,
        Self::Healthy,
        Self::Failing,
        Self::Failing,
        Self::Busy(20_000),
        Self::BusyNoMore,
        Self::Dead,
        Self::Refusing,
        Self::Slow,
        Self::TooLate,
        Self::BreaksOff,
        Self::Alternating,
        Self::Garbled,
    ];

    pub(super) fn any(random: &mut Random) -> Self {
        match random.of(&Self::ALL) {
            // Rarely for so long that it is cut off: every later attempt of the lane waits for it.
            Self::Busy(_) if random.one_in(30) => Self::Busy(u64::MAX),
            mood => mood,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Network {
    /// Whether nothing at all can be reached.
    pub(super) down: bool,
    /// Whether this machine has no files left to open connections with.
    pub(super) out_of_files: bool,
    pub(super) moods: BTreeMap<WebhookNo, Mood>,
    requests: u64,
}

/// What becomes of one request.
pub(super) struct Outcome {
    /// How long it takes, as the client sees it.
    pub(super) span_ms: u64,
    pub(super) result: AttemptResult,
}

impl Network {
    pub(super) fn request(&mut self, random: &mut Random, to: WebhookNo) -> Outcome {
        self.requests += 1;
        let at_once = random.below(200);
        if self.out_of_files {
            return no_answer(0, ErrorCode::Internal);
        }
        if self.down {
            let after = if random.one_in(2) { at_once } else { CONNECT_TIMEOUT_MS };
            return no_answer(after, random.of(&[ErrorCode::ConnectFailed, ErrorCode::DnsFailed]));
        }
        match self.moods.get(&to).copied().unwrap_or(Mood::Healthy) {
            Mood::Healthy => answer(at_once, random.of(&[200, 201, 204]), None),
            Mood::Failing => answer(at_once * 10, random.of(&[500, 502, 404, 401, 301]), None),
            Mood::Busy(most) => answer(at_once, random.of(&[429, 503]), Some(random.below(most))),
            Mood::BusyNoMore => answer(at_once, 429, Some(0)),
            // What one that answers too late did with the request is not ours to see.
            Mood::Dead | Mood::TooLate => no_answer(TIMEOUT_MS, ErrorCode::Timeout),
            Mood::Refusing => no_answer(at_once / 100, ErrorCode::ConnectRefused),
            Mood::Slow => answer(TIMEOUT_MS - 1 - at_once * 40, 200, None),
            Mood::BreaksOff => no_answer(at_once, ErrorCode::Reset),
            Mood::Alternating => answer(at_once, if self.requests.is_multiple_of(2) { 200 } else { 500 }, None),
            Mood::Garbled => no_answer(at_once, ErrorCode::BadResponse),
        }
    }
}

fn answer(span_ms: u64, status: u16, retry_after_ms: Option<u64>) -> Outcome {
    let retry_after = retry_after_ms.map(Duration::from_millis);
    let response = Response { status, body: Vec::new(), retry_after, location: None, head: KeptHead::default() };
    Outcome { span_ms, result: AttemptResult::Response(response) }
}

fn no_answer(span_ms: u64, code: ErrorCode) -> Outcome {
    let error = AttemptError { code, message: String::new(), message_pt: String::new() };
    Outcome { span_ms, result: AttemptResult::Error(error) }
}
