//! Runs of attempts that failed alike: told once, not four times.

use super::{Attempt, AttemptResult, ErrorCode, Trigger};

/// Attempts in a row that ended alike; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptRun<'a> {
    /// In the order in which they were made.
    pub attempts: &'a [Attempt],
}

impl<'a> AttemptRun<'a> {
    /// The first of them.
    pub fn first(&self) -> &'a Attempt {
        &self.attempts[0]
    }

    /// The last of them.
    pub fn last(&self) -> &'a Attempt {
        &self.attempts[self.attempts.len() - 1]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.attempts.len()
    }

    /// Never: see [`AttemptRun::attempts`].
    pub fn is_empty(&self) -> bool {
        self.attempts.is_empty()
    }
}

/// Attempts, the first one first, as runs of equal failures: the same trigger, and the same status or the same kind of
/// failure. One that was confirmed is a run of its own.
pub fn attempt_runs(attempts: &[Attempt]) -> Vec<AttemptRun<'_>> {
    attempts
        .chunk_by(|one, next| alike(one).is_some_and(|kind| alike(next) == Some(kind)))
        .map(|attempts| AttemptRun { attempts })
        .collect()
}

/// What failures have in common that are told as one; `None` for a confirmation.
fn alike(attempt: &Attempt) -> Option<(Trigger, Option<u16>, ErrorCode)> {
    let code = ErrorCode::of(&attempt.result)?;
    let status = match &attempt.result {
        AttemptResult::Response(response) => Some(response.status),
        AttemptResult::Error(_) => None,
    };
    Some((attempt.trigger, status, code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AttemptError, Timestamp};
    use proptest::prelude::*;

    fn attempt(number: u16, trigger: Trigger, end: Result<u16, ErrorCode>) -> Attempt {
        let failed = |code| AttemptError { code, message: String::new(), message_pt: String::new() };
        let result = end.map_or_else(|code| AttemptResult::Error(failed(code)), AttemptResult::of_status);
        Attempt { number, ..Attempt::bare(trigger, Timestamp::from_ms(u64::from(number)), result) }
    }

    fn told(attempts: &[Attempt]) -> Vec<(u16, u16)> {
        attempt_runs(attempts).iter().map(|run| (run.first().number, run.last().number)).collect()
    }

    #[test]
    fn equal_failures_are_joined_and_nothing_else() {
        use Trigger::{Automatic, Manual};
        let ends = [
            (Automatic, Ok(401)),
            (Automatic, Ok(401)),
            (Automatic, Ok(401)),
            (Automatic, Ok(401)),
            (Manual, Ok(401)),
            (Automatic, Ok(403)),
            (Automatic, Err(ErrorCode::Timeout)),
            (Automatic, Err(ErrorCode::Timeout)),
            (Automatic, Err(ErrorCode::Reset)),
            (Automatic, Ok(200)),
            (Automatic, Ok(200)),
        ];
        let attempts: Vec<Attempt> = (1..).zip(ends).map(|(number, (by, end))| attempt(number, by, end)).collect();
        let expected = [(1, 4), (5, 5), (6, 6), (7, 8), (9, 9), (10, 10), (11, 11)];
        assert_eq!(told(&attempts), expected);
        assert_eq!(told(&[]), []);
    }

    proptest! {
        #[test]
        fn runs_are_the_attempts_in_their_order(ends in proptest::collection::vec(0_u16..4, 0..60)) {
            let ends = ends.into_iter().map(|end| if end == 3 { Err(ErrorCode::Reset) } else { Ok(200 + 100 * end) });
            let attempts: Vec<Attempt> =
                (1..).zip(ends).map(|(number, end)| attempt(number, Trigger::Automatic, end)).collect();
            let joined: Vec<Attempt> = attempt_runs(&attempts).iter().flat_map(|run| run.attempts.to_vec()).collect();
            prop_assert_eq!(joined, attempts);
        }
    }
}
