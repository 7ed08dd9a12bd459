//! Output: lines that survive a closed pipe, tables that fit the terminal, colours, pretty JSON.
//!
//! Foreign text goes through [`printable`]: a target's answer must not control the terminal.

use super::client::ApiAnswer;
use super::exit::{DONE, FAILED, complain};
use super::language::{language, say, tell};
use super::words;
use crate::model::{Language, is_invisible, localized};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal as _, Write as _};

/// Between two columns.
const GAP: usize = 2;

/// Writes a line to stdout, at once. Where nobody reads any more (`carteiro events list | head`), the command has done
/// its work, and the process ends.
pub(crate) fn line(text: impl Display) {
    if !line_if_read(text) {
        std::process::exit(DONE.into());
    }
}

/// The same for a command that has more to do than to print: `false` where nobody reads any more.
pub(crate) fn line_if_read(text: impl Display) -> bool {
    match write_line(text) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => false,
        Err(error) => {
            complain(unwritable(&error));
            std::process::exit(FAILED.into());
        }
    }
}

/// Writes a line to stdout, at once, for a command that has to clean up whatever becomes of it.
pub(crate) fn write_line(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush())
}

/// Why stdout doesn't take what is printed, as a sentence.
pub(crate) fn unwritable(error: &io::Error) -> String {
    say(localized!(
        "nothing can be written to the standard output: {error}",
        "não foi possível escrever na saída padrão: {error}"
    ))
}

/// Prints one object: with `--json` as the daemon wrote it, else as `show` does.
pub(crate) fn print_one(answer: &ApiAnswer, json: bool, show: impl FnOnce(&Value)) {
    if json { line(answer.raw()) } else { show(&answer.value()) }
}

/// Prints what was done: as JSON with `--json`, else as a sentence.
pub(crate) fn print_done(json: bool, done: &Value, sentence: impl Display) {
    if json { line(done) } else { line(sentence) }
}

/// A value as text: a string without its quotes, nothing for null.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A sentence of the API's, in the language of the command where it has both: `title` and `title_pt`.
pub(crate) fn spoken(of: &Value, field: &str) -> String {
    let portuguese = &of[format!("{field}_pt")];
    text(if language() == Language::Pt && portuguese.is_string() { portuguese } else { &of[field] })
}

/// A list of strings as one text.
pub(crate) fn joined(list: &Value) -> String {
    list.as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(", ")
}

/// How a cell is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Bad,
    Waiting,
    Dim,
}

impl Tone {
    /// Of a status of the API, whichever noun's.
    pub(crate) fn of_status(status: &str) -> Self {
        match status {
            "DELIVERED" | "ACTIVE" | "DONE" => Self::Good,
            "FAILED" | "DISABLED" => Self::Bad,
            "RETRYING" | "PENDING" | "HELD" | "PAUSED" | "RUNNING" => Self::Waiting,
            "CANCELLED" => Self::Dim,
            _ => Self::Plain,
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Waiting => "\x1b[33m",
            Self::Dim => "\x1b[2m",
        }
    }
}

/// What stdout can show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// In columns; `None` where nothing bounds a line, as in a pipe.
    pub(crate) width: Option<usize>,
    pub(crate) colours: bool,
}

impl Screen {
    /// `COLUMNS` says how wide it is, else the terminal; `NO_COLOR` (<https://no-color.org>) and `TERM=dumb` take its
    /// colours.
    pub(crate) fn stdout() -> Self {
        let is_terminal = io::stdout().is_terminal();
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { width: columns(is_terminal, io::stdout()), colours: is_terminal && !set("NO_COLOR") && !dumb }
    }

    pub(crate) fn paint(self, tone: Tone, text: &str) -> Cow<'_, str> {
        if self.colours && tone != Tone::Plain && !text.is_empty() {
            Cow::Owned(format!("{}{text}\x1b[0m", tone.code()))
        } else {
            Cow::Borrowed(text)
        }
    }
}

/// How wide the terminal behind a file is, as far as that is known.
pub(crate) fn columns(is_terminal: bool, file: impl rustix::fd::AsFd) -> Option<usize> {
    let given = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    given.or_else(|| {
        let size = if is_terminal { rustix::termios::tcgetwinsize(file).ok()? } else { return None };
        Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
    })
}

/// The text without what a terminal would obey: controls, and marks that reorder what is read.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(is_invisible) {
        Cow::Owned(text.chars().map(|c| if is_invisible(c) { '\u{fffd}' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// How many columns a text takes, near enough: marks that stand on another letter take none, East Asian letters and
/// emoji two.
fn width_of(text: &str) -> usize {
    text.chars().map(width_of_char).sum()
}

fn width_of_char(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// The text in at most so many columns, ending in `…` where something is left out.
pub(crate) fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if width_of(text) <= width {
        return Cow::Borrowed(text);
    }
    let mut shortened = String::new();
    let mut left = width.saturating_sub(1);
    for c in text.chars() {
        let Some(rest) = left.checked_sub(width_of_char(c)) else { break };
        left = rest;
        shortened.push(c);
    }
    if width > 0 {
        shortened.push('…');
    }
    Cow::Owned(shortened)
}

/// What may happen to a column where there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It is shown whole or the rows are stacked: an id is there to be copied.
    Whole,
    /// It may be cut to so many columns.
    Cut(usize),
    /// It may be left out, the last one first.
    Spare,
}

pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: printable(text).into_owned(), tone: Tone::Plain }
    }

    pub(crate) fn toned(text: &str, tone: Tone) -> Self {
        Self { tone, ..Self::new(text) }
    }

    pub(crate) fn status(code: &str) -> Self {
        Self::toned(&words::status(code), Tone::of_status(code))
    }
}

/// What is shown of a JSON object.
#[derive(Clone, Copy)]
pub(crate) enum Show {
    /// The field of this name.
    Text(&'static str),
    /// The texts of a list, with commas between them.
    List(&'static str),
    /// A status, in its colour.
    Status(&'static str),
    /// A job's.
    JobStatus(&'static str),
    /// A moment, in the system's zone.
    Time(&'static str),
    /// The text that the function makes of the whole object.
    Made(fn(&Value) -> String),
    /// The same, in a colour.
    Painted(fn(&Value) -> Cell),
}

impl Show {
    fn cell(self, of: &Value) -> Cell {
        match self {
            Self::Text(name) => Cell::new(&text(&of[name])),
            Self::List(name) => Cell::new(&joined(&of[name])),
            Self::Status(name) => Cell::status(&text(&of[name])),
            Self::JobStatus(name) => {
                let code = text(&of[name]);
                Cell::toned(&words::job_status(&code), Tone::of_status(&code))
            }
            Self::Time(name) => Cell::new(&short_time(&of[name])),
            Self::Made(text) => Cell::new(&text(of)),
            Self::Painted(cell) => cell(of),
        }
    }
}

/// A column's title, what happens to it where there is no room, and what it shows.
pub(crate) struct Column(pub(crate) &'static str, pub(crate) Fit, pub(crate) Show);

/// Rows under titles.
pub(crate) struct Table {
    columns: &'static [Column],
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new(columns: &'static [Column], rows: impl Iterator<Item = Value>) -> Self {
        let rows = rows.map(|row| columns.iter().map(|column| column.2.cell(&row)).collect());
        Self { columns, rows: rows.collect() }
    }

    pub(crate) fn print(&self) {
        if self.rows.is_empty() {
            tell(localized!("There is nothing to show.", "Não há nada para mostrar."));
            return;
        }
        let screen = Screen::stdout();
        line(self.render(screen).trim_end_matches('\n'));
        let left_out = self.left_out(screen);
        if !left_out.is_empty() && io::stdout().is_terminal() {
            let titles = left_out.join(", ");
            tell(localized!(
                "Without room: {titles}. A wider terminal shows them, and so does --json.",
                "Não couberam: {titles}. Um terminal mais largo mostra tudo, e --json também."
            ));
        }
    }

    fn render(&self, screen: Screen) -> String {
        match self.widths(screen.width) {
            Some(widths) => self.across(&widths, screen),
            None => self.stacked(screen),
        }
    }

    /// The titles of the columns that there is no room for, as far as something stands in them.
    fn left_out(&self, screen: Screen) -> Vec<&'static str> {
        let widths = self.widths(screen.width).unwrap_or_default();
        let says_something = |at: usize| self.rows.iter().any(|row| !row[at].text.is_empty());
        let left_out = (0..widths.len()).filter(|at| widths[*at] == 0 && says_something(*at));
        left_out.map(|at| words::title(self.columns[at].0)).collect()
    }

    /// How wide each column is, those left out at 0; `None` where not even the indispensable ones have room side by
    /// side.
    fn widths(&self, room: Option<usize>) -> Option<Vec<usize>> {
        let natural = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at)).map(|cell| width_of(&cell.text));
            cells.chain([width_of(words::title(self.columns[at].0))]).max().unwrap_or(0)
        };
        let natural: Vec<usize> = (0..self.columns.len()).map(natural).collect();
        let Some(room) = room else {
            return Some(natural);
        };
        let least = |at: usize| match self.columns[at].1 {
            Fit::Cut(least) => natural[at].min(least),
            Fit::Whole | Fit::Spare => natural[at],
        };
        let mut widths: Vec<usize> = (0..self.columns.len()).map(least).collect();
        let taken = |widths: &[usize]| -> usize {
            let shown = widths.iter().filter(|width| **width > 0).count();
            widths.iter().sum::<usize>() + GAP * shown.saturating_sub(1)
        };
        while taken(&widths) > room {
            let spare = (0..widths.len()).rev().find(|at| self.columns[*at].1 == Fit::Spare && widths[*at] > 0)?;
            widths[spare] = 0;
        }
        // What room is left goes to the columns that were cut, evenly.
        let mut left = room - taken(&widths);
        while left > 0 {
            let shortest = (0..widths.len())
                .filter(|at| widths[*at] > 0 && widths[*at] < natural[*at])
                .min_by_key(|at| widths[*at]);
            let Some(at) = shortest else { break };
            widths[at] += 1;
            left -= 1;
        }
        Some(widths)
    }

    fn across(&self, widths: &[usize], screen: Screen) -> String {
        let mut text = String::new();
        let titles: Vec<Cell> =
            self.columns.iter().map(|column| Cell::toned(words::title(column.0), Tone::Dim)).collect();
        for row in std::iter::once(&titles).chain(&self.rows) {
            let mut pending = 0;
            for (cell, width) in row.iter().zip(widths).filter(|(_, width)| **width > 0) {
                let shown = cut(&cell.text, *width);
                if !shown.is_empty() {
                    // Blanks are written before what follows them, so that no line ends in them.
                    text.extend(std::iter::repeat_n(' ', pending));
                    text.push_str(&screen.paint(cell.tone, &shown));
                    pending = 0;
                }
                pending += width - width_of(&shown) + GAP;
            }
            text.push('\n');
        }
        text
    }

    fn stacked(&self, screen: Screen) -> String {
        let titled = self.columns.iter().map(|column| width_of(words::title(column.0))).max().unwrap_or(0);
        let mut blocks = Vec::new();
        for row in &self.rows {
            let mut block = String::new();
            for (Column(title, fit, _), cell) in self.columns.iter().zip(row).filter(|(_, cell)| !cell.text.is_empty())
            {
                let title = words::title(title);
                let room = screen.width.map_or(usize::MAX, |width| width.saturating_sub(titled + 1).max(8));
                // An id goes on a line of its own rather than being cut.
                if width_of(&cell.text) > room && *fit == Fit::Whole {
                    let _ = writeln!(block, "{}\n{}", screen.paint(Tone::Dim, title), cell.text);
                    continue;
                }
                let shown = cut(&cell.text, room);
                let blanks = " ".repeat(titled - width_of(title) + 1);
                let _ =
                    writeln!(block, "{}{blanks}{}", screen.paint(Tone::Dim, title), screen.paint(cell.tone, &shown));
            }
            blocks.push(block);
        }
        blocks.join("\n")
    }
}

/// Prints one object: names and values under each other, nothing cut. Empty values are left out.
pub(crate) fn print_fields(of: &Value, fields: &[(&'static str, Show)]) {
    let screen = Screen::stdout();
    let titled = fields.iter().map(|&(title, _)| width_of(words::title(title))).max().unwrap_or(0);
    for &(title, show) in fields {
        let (title, cell) = (words::title(title), show.cell(of));
        if cell.text.is_empty() {
            continue;
        }
        let blanks = " ".repeat(titled - width_of(title) + GAP);
        line(format_args!("{}{blanks}{}", screen.paint(Tone::Dim, title), screen.paint(cell.tone, &cell.text)));
    }
}

/// JSON over several lines, its tokens as they are, without what a terminal would obey.
pub(crate) fn pretty_json(json: &str) -> String {
    let json: String = json.chars().filter(|c| !c.is_control()).collect();
    crate::model::pretty_json(&printable(&json), usize::MAX)
}

/// A time of the API as a table shows it, in the system's zone: `2026-11-23 09:00:00-03:00`. Empty where there is none.
pub(crate) fn short_time(time: &Value) -> String {
    let at = time.as_str().and_then(|text| crate::model::Timestamp::parse(text).ok());
    at.map_or_else(String::new, |at| crate::clock::Zone::local().show(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "0193a5b0-1111-7222-8333-444455556666";

    const COLUMNS: &[Column] = &[
        Column("ID", Fit::Whole, Show::Text("id")),
        Column("STATUS", Fit::Whole, Show::Status("status")),
        Column("TARGET", Fit::Cut(12), Show::Text("target")),
        Column("NOTE", Fit::Spare, Show::Made(|_| "ação 漢字".to_owned())),
        Column("LAST", Fit::Spare, Show::Text("last")),
    ];

    fn table() -> Table {
        let row = |target: &str, last: &str| json!({ "id": ID, "status": "RETRYING", "target": target, "last": last });
        let rows =
            [row("https://loja.example/notificacoes/de/pagamentos", "2026-11-23 12:00:00"), row("http://a/", "")];
        Table::new(COLUMNS, rows.into_iter())
    }

    #[test]
    fn a_table_fits_whatever_there_is() {
        for width in 20..200 {
            let text = table().render(Screen { width: Some(width), colours: false });
            // Narrower than an id, the id goes before the width.
            let widest = text.lines().map(width_of).max().unwrap();
            assert!(widest <= width.max(ID.len()), "{width}: {widest}\n{text}");
            assert_eq!(text.matches(ID).count(), 2, "{width}\n{text}");
            assert!(text.lines().all(|line| !line.ends_with(' ')), "{width}\n{text}");
        }
        let wide = table().render(Screen { width: Some(160), colours: false });
        assert!(wide.contains("/de/pagamentos") && wide.contains("NOTE") && wide.contains("LAST"), "{wide}");
        let usual = table().render(Screen { width: Some(80), colours: false });
        assert!(usual.contains('…') && !usual.contains("LAST") && usual.starts_with("ID "), "{usual}");
        // A column in which nothing stands isn't missed.
        let left_out = |width| table().left_out(Screen { width, colours: false });
        assert_eq!((left_out(Some(80)), left_out(Some(160))), (vec!["LAST"], vec![]));
        assert_eq!((left_out(Some(40)), left_out(None)), (vec![], vec![]), "stacked rows and pipes have all");
        let narrow = table().render(Screen { width: Some(40), colours: false });
        assert!(narrow.contains("STATUS RETRYING"), "{narrow}");
        let piped = table().render(Screen { width: None, colours: false });
        assert!(!piped.contains('…') && piped.contains("LAST"), "{piped}");
    }

    #[test]
    fn colours_change_no_column() {
        let screen = |colours| Screen { width: Some(100), colours };
        let coloured = table().render(screen(true));
        assert!(coloured.contains("\x1b[33mRETRYING\x1b[0m"), "{coloured:?}");
        let mut bare = coloured;
        for code in ["\x1b[33m", "\x1b[2m", "\x1b[0m"] {
            bare = bare.replace(code, "");
        }
        assert_eq!(bare, table().render(screen(false)));
    }

    #[test]
    fn nothing_that_came_from_elsewhere_moves_the_cursor() {
        assert_eq!(printable("a\x1b[2Jb\u{9b}c\nd\u{202e}e"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}e");
        assert_eq!(Cell::new("\x1b]0;x\x07").text, "\u{fffd}]0;x\u{fffd}");
        assert!(!pretty_json("{\"a\":\"\u{9b}2J\x7f\"}").contains(['\u{9b}', '\x7f']));
    }

    #[test]
    fn json_is_laid_out_with_its_tokens_as_they_were() {
        let json = r#"{"a":[],"b":{ },"c":[1.50,1e400,{"d":"x, \"y\": {\\"}],"e":null}"#;
        let expected = r#"{
  "a": [],
  "b": {},
  "c": [
    1.50,
    1e400,
    {
      "d": "x, \"y\": {\\"
    }
  ],
  "e": null
}"#;
        assert_eq!(pretty_json(json), expected);
    }

    #[test]
    fn a_cut_text_ends_in_an_ellipsis_and_keeps_wide_letters_whole() {
        assert_eq!(cut("漢字漢字", 5), "漢字…");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("abcd", 0), "");
    }
}
