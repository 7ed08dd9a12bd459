//! How many tests were skipped: said at the end of the process. libtest doesn't say it, and knows no hook at its end.

use super::a_deadline::again;
use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::sync::{Mutex, PoisonError};

/// Set in the process that counts what is skipped.
const COUNT: &str = "CARTEIRO_TEST_COUNTS";

/// Counts one thing that could not be tested here.
pub(crate) fn skip(what: &str) {
    static COUNTER: Mutex<Option<Child>> = Mutex::new(None);
    let mut counter = COUNTER.lock().unwrap_or_else(PoisonError::into_inner);
    // A process of its own: it learns of this one's end, however that comes, by the end of its standard input.
    let counter = counter.get_or_insert_with(|| {
        let mut command = again(module_path!(), "what_is_skipped_is_counted");
        command.env(COUNT, "1").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
    });
    writeln!(counter.stdin.as_ref().unwrap(), "{what}").unwrap();
}

/// What the counter says.
fn reported(skipped: &str) -> String {
    let all: Vec<&str> = skipped.lines().collect();
    format!("SKIPPED in all: {} ({})\n", all.len(), all.join("; "))
}

#[test]
fn what_is_skipped_is_counted() {
    assert_eq!(reported("promtool\nnginx in front\n"), "SKIPPED in all: 2 (promtool; nginx in front)\n");
    if std::env::var_os(COUNT).is_some() {
        let mut skipped = String::new();
        std::io::stdin().read_to_string(&mut skipped).unwrap();
        std::io::stderr().write_all(reported(&skipped).as_bytes()).unwrap();
    }
}
