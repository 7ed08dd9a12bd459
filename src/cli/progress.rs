//! One line on a terminal that says how far something long is; nothing where stderr is none.

use super::output::columns;
use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

/// How often a progress bar moves.
const REDRAW: Duration = Duration::from_millis(200);
/// How many characters a progress bar has.
const BAR_WIDTH: u64 = 30;

pub(crate) struct ProgressBar {
    shown: Option<Instant>,
    on: bool,
}

impl ProgressBar {
    pub(crate) fn new() -> Self {
        Self { shown: None, on: io::stderr().is_terminal() }
    }

    /// `rest` stands behind the bar, as far as there is room.
    pub(crate) fn show(&mut self, what: &str, done: u64, of: u64, rest: &str) {
        if !self.on || self.shown.is_some_and(|at| at.elapsed() < REDRAW) {
            return;
        }
        self.shown = Some(Instant::now());
        let room = columns(true, io::stderr()).unwrap_or(80);
        eprint!("\r\x1b[K{}", text(what, done, of, rest, room));
    }

    pub(crate) fn clear(&mut self) {
        if self.shown.take().is_some() {
            eprint!("\r\x1b[K");
        }
    }
}

/// Later output begins on a line of its own, also where Ctrl-C ended what the bar showed.
impl Drop for ProgressBar {
    fn drop(&mut self) {
        self.clear();
    }
}

fn text(what: &str, done: u64, of: u64, rest: &str, room: usize) -> String {
    let done = done.min(of);
    let text = match (done * BAR_WIDTH).checked_div(of) {
        // How much there is will be known when it is done.
        None => format!("{what} {rest}"),
        Some(filled) => {
            let bar: String = (0..BAR_WIDTH).map(|at| if at < filled { '=' } else { ' ' }).collect();
            let long = format!("{what} [{bar}] {done} of {of} {rest}");
            if long.chars().count() < room { long } else { format!("{what} {done}/{of}") }
        }
    };
    // A line that wraps can't be drawn over.
    text.chars().take(room.saturating_sub(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn a_bar_fits_its_line() {
        assert_eq!(text("backup", 5, 10, "records", 80), "backup [===============               ] 5 of 10 records");
        assert_eq!(text("backup", 5, 10, "records", 40), "backup 5/10");
        assert_eq!(text("backup", 0, 0, "records", 80), "backup records");
        assert_eq!(text("verify", 0, 0, "7 rows", 9), "verify 7");
    }
}
