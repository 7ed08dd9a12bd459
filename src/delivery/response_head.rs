//! Reads a copy of a response's head once more, for what hyper doesn't tell: whether it passed lines over, and what
//! is wrong with a head that it refused.
//!
//! It decides nothing about a response: that is the status line's and the framing's business, as hyper reads them.

use super::redact::Secrets;
use std::fmt::Write as _;

/// How large the head of a response may grow, its blank line included. hyper's own default is six times that.
pub(crate) const MAX_HEAD_BYTES: usize = 64 * 1024;
/// How many lines of header one head may have; browsers and curl take about as many.
pub(crate) const MAX_LINES: usize = 500;
/// How much of a line is quoted in a sentence, in characters.
const MAX_QUOTED_CHARS: usize = 100;

/// Why a head is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It begins with a frame or a status line of HTTP/2.
    Http2,
    /// It is an alert of TLS, which this port speaks.
    Tls,
    /// Its first line is no status line of HTTP/1; that line, quoted.
    NoStatusLine(String),
    /// A NUL in this line, counted from 1.
    Nul { line: usize, quoted: String },
    /// A carriage return that ends no line.
    BareCr { line: usize, quoted: String },
    /// `Content-Length` lines that contradict each other or hold no number; their values.
    ContentLength(String),
    /// HTTP/1.0 with a `Transfer-Encoding`, which it doesn't have (RFC 9112, 6.1).
    OldTransferEncoding,
    /// More lines than [`MAX_LINES`].
    TooManyLines,
    /// Nothing of all that was found in the copy.
    Unknown,
}

/// Whether the final head in `bytes` is there to its end, and each of its lines is a header that every reader reads
/// alike.
///
/// After a line that was passed over, folded, or had a space before its colon, the target and carteiro may differ
/// about where the body ends: `Content-Length : 5` is a length to some and nothing to others. So they may with a
/// `Content-Length` beside a `Transfer-Encoding` (RFC 9112, 6.3).
pub(crate) fn is_tidy(bytes: &[u8]) -> bool {
    for head in (Heads { rest: bytes }) {
        if !head.is_whole {
            return false;
        }
        if !head.is_interim() {
            let has = |name| head.values(name).next().is_some();
            return head.fields().all(|(_, line)| field(line).is_some())
                && !(has(b"content-length") && has(b"transfer-encoding"));
        }
    }
    false
}

/// What is wrong with the head in `bytes`, which hyper has refused. What it quotes holds none of `secrets`.
pub(crate) fn fault(bytes: &[u8], secrets: &Secrets) -> Fault {
    let quoted = |line| quoted(line, secrets);
    if is_http2_frame(bytes) || bytes.starts_with(b"HTTP/2") {
        return Fault::Http2;
    }
    if matches!(bytes, [0x15, 3, _, 0, 2, ..]) {
        return Fault::Tls;
    }
    for head in (Heads { rest: bytes }) {
        let status_line = head.lines.first().copied().unwrap_or_default();
        for (number, line) in (1..).zip(&head.lines) {
            if line.contains(&0) {
                return Fault::Nul { line: number, quoted: quoted(line) };
            }
            if line.contains(&b'\r') {
                return Fault::BareCr { line: number, quoted: quoted(line) };
            }
        }
        if status(status_line).is_none_or(|status| status < 100) || !is_clean(status_line) {
            return Fault::NoStatusLine(quoted(status_line));
        }
        if head.fields().count() > MAX_LINES {
            return Fault::TooManyLines;
        }
        if head.is_interim() {
            continue;
        }
        if status_line.starts_with(b"HTTP/1.0") && head.values(b"transfer-encoding").next().is_some() {
            return Fault::OldTransferEncoding;
        }
        let lengths: Vec<&[u8]> =
            head.values(b"content-length").flat_map(|value| value.split(|byte| *byte == b',')).collect();
        // A sign, which Rust would read, is none of it (RFC 9110, 8.6).
        let number = |text: &[u8]| {
            let digits = text.trim_ascii();
            let digits = str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit));
            digits?.parse::<u64>().ok()
        };
        let first = lengths.first().copied().and_then(number);
        if !lengths.is_empty() && (first.is_none() || lengths.iter().any(|text| number(text) != first)) {
            let values: Vec<String> = lengths.iter().take(5).map(|text| quoted(text.trim_ascii())).collect();
            return Fault::ContentLength(values.join(", "));
        }
    }
    Fault::Unknown
}

/// The first line that is not blank, quoted.
pub(crate) fn first_line(bytes: &[u8], secrets: &Secrets) -> Option<String> {
    let line = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).find(|line| !line.is_empty())?;
    Some(quoted(line, secrets))
}

/// A SETTINGS or GOAWAY frame for stream 0, which is what a server of HTTP/2 says first (RFC 9113, 3.4 and 4.1).
pub(crate) fn is_http2_frame(bytes: &[u8]) -> bool {
    matches!(bytes, [0, _, _, 4 | 7, _, 0, 0, 0, 0, ..])
}

/// The heads at the start of some bytes: interim ones, and the final one.
struct Heads<'a> {
    rest: &'a [u8],
}

struct Head<'a> {
    /// Without their ends, the blank line left out.
    lines: Vec<&'a [u8]>,
    /// Whether the blank line is there.
    is_whole: bool,
}

impl<'a> Iterator for Heads<'a> {
    type Item = Head<'a>;

    fn next(&mut self) -> Option<Head<'a>> {
        let mut lines = Vec::new();
        while let Some((line, rest)) = cut_line(self.rest) {
            self.rest = rest;
            match (line.is_empty(), lines.is_empty()) {
                // Blank lines in front of a status line are skipped (RFC 9112, 2.2).
                (true, true) => {}
                (true, false) => {
                    let head = Head { lines, is_whole: true };
                    if !head.is_interim() {
                        self.rest = &[];
                    }
                    return Some(head);
                }
                (false, _) => lines.push(line),
            }
        }
        if !self.rest.is_empty() {
            lines.push(self.rest.strip_suffix(b"\r").unwrap_or(self.rest));
            self.rest = &[];
        }
        if lines.is_empty() { None } else { Some(Head { lines, is_whole: false }) }
    }
}

impl<'a> Head<'a> {
    /// The lines behind the status line, with their numbers.
    fn fields(&self) -> impl Iterator<Item = (usize, &'a [u8])> {
        (1..).zip(self.lines.iter().copied()).skip(1)
    }

    /// The values of the fields of this name, in lower case, also of those with spaces before the colon.
    fn values(&self, name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
        let fields = self.fields().filter_map(|(_, line)| loose_field(line));
        fields.filter(move |(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn is_interim(&self) -> bool {
        let status = self.lines.first().copied().and_then(status);
        status.is_some_and(|status| (100..200).contains(&status) && status != 101)
    }
}

fn cut_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes)?;
    let line = &bytes[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &bytes[end + 1..]))
}

fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.0 ").or_else(|| line.strip_prefix(b"HTTP/1.1 "))?;
    let digits = rest.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    if rest.get(3).is_some_and(|byte| *byte != b' ') {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

/// Name and value of a line as RFC 9112 writes it.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    (!name.is_empty() && name.iter().copied().all(is_token) && is_clean(value)).then_some((name, value))
}

/// Without control characters, of which a tab is none here.
fn is_clean(text: &[u8]) -> bool {
    text.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control())
}

/// The same, with spaces before the colon.
fn loose_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    Some((line[..colon].trim_ascii_end(), &line[colon + 1..]))
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// In backquotes, cut, and without anything that isn't print. The value of a cookie stays out: it may be somebody's
/// session.
fn quoted(line: &[u8], secrets: &Secrets) -> String {
    let mut line = match loose_field(line) {
        Some((name, _)) if name.eq_ignore_ascii_case(b"set-cookie") => "Set-Cookie: …".into(),
        _ => line.to_vec(),
    };
    secrets.hide(&mut line);
    let text = String::from_utf8_lossy(&line);
    let mut quoted = String::from("`");
    for (count, char) in text.chars().enumerate() {
        if count == MAX_QUOTED_CHARS {
            quoted.push('…');
            break;
        }
        match char {
            '`' => quoted.push('\''),
            '\t' => quoted.push(' '),
            char if char.is_control() => {
                // Writing to a string never fails.
                let _ = write!(quoted, "\\x{:02x}", u32::from(char));
            }
            char => quoted.push(char),
        }
    }
    quoted.push('`');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_tidy_when_every_reader_reads_it_alike() {
        let tidy = |lines: &str| is_tidy(format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\nbody : here").as_bytes());
        for lines in ["a: b", "a:b\r\nContent-Length: 0", "a:", "x-y_z!: \u{e9}\t1"] {
            assert!(tidy(lines), "{lines:?}");
        }
        for lines in
            ["a : b", "a b: c", ": c", "no colon", "a: b\r\n c", "a: b\r\n\tc", " a: b", "a: \x01", "\u{e9}: 1"]
        {
            assert!(!tidy(lines), "{lines:?}");
        }
        assert!(!tidy("Transfer-Encoding: chunked\r\nContent-Length: 5") && tidy("Transfer-Encoding: chunked"));
        assert!(is_tidy(b"HTTP/1.1 103 Early Hints\r\nodd line\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"));
        assert!(!is_tidy(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\nodd line\r\n\r\n"));
        assert!(is_tidy(b"HTTP/1.1 200 OK\na: b\n\n") && !is_tidy(b"HTTP/1.1 200 OK\r\na: b\r\n") && !is_tidy(b""));
    }

    #[test]
    fn a_refused_head_says_what_is_wrong_with_it() {
        let of = |text: &str| fault(text.as_bytes(), &Secrets::default());
        assert_eq!(
            of("HTTP/1.1 200 OK\r\nx: y\r\nbad: a\0b\r\n\r\n"),
            Fault::Nul { line: 3, quoted: "`bad: a\\x00b`".to_owned() }
        );
        assert_eq!(
            of("HTTP/1.1 200 OK\r\nbad: a\rb\r\n\r\n"),
            Fault::BareCr { line: 2, quoted: "`bad: a\\x0db`".to_owned() }
        );
        assert_eq!(
            of("HTTP/1.1 200 OK\r\nSet-Cookie: s=segredo\0\r\n\r\n"),
            Fault::Nul { line: 2, quoted: "`Set-Cookie: …`".to_owned() }
        );
        assert_eq!(
            of("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nContent-Length : 7\r\n\r\nhello"),
            Fault::ContentLength("`5`, `7`".to_owned())
        );
        for number in ["-1", "+2", "0x2", "", "99999999999999999999"] {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {number}\r\n\r\n");
            assert_eq!(of(&head), Fault::ContentLength(format!("`{number}`")));
        }
        assert_eq!(of("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), Fault::OldTransferEncoding);
        assert_eq!(of("HTTP/2.0 200 OK\r\n\r\n"), Fault::Http2);
        assert_eq!(of("\0\0\x12\x04\0\0\0\0\0\0\x03"), Fault::Http2);
        assert_eq!(of("\u{15}\u{3}\u{3}\0\u{2}\u{2}\u{32}"), Fault::Tls);
        assert_eq!(of("SSH-2.0-OpenSSH_9.2\r\n"), Fault::NoStatusLine("`SSH-2.0-OpenSSH_9.2`".to_owned()));
        assert_eq!(of("HTTP/1.1 OK\r\n\r\n"), Fault::NoStatusLine("`HTTP/1.1 OK`".to_owned()));
        assert_eq!(of("HTTP/1.1 200 O\x01K\r\n\r\n"), Fault::NoStatusLine("`HTTP/1.1 200 O\\x01K`".to_owned()));
        assert_eq!(of("HTTP/1.1 099 OK\r\n\r\n"), Fault::NoStatusLine("`HTTP/1.1 099 OK`".to_owned()));
        let many = "x: y\r\n".repeat(MAX_LINES + 1);
        assert_eq!(of(&format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n{many}\r\n")), Fault::TooManyLines);
        assert_eq!(of("HTTP/1.1 200 OK\r\na: b\r\n\r\n"), Fault::Unknown);
        let Fault::NoStatusLine(long) = of(&"é`\t".repeat(300)) else { panic!("no status line") };
        assert_eq!(long.chars().count(), MAX_QUOTED_CHARS + 3);
        let secrets = Secrets::default();
        assert_eq!(first_line(b"\r\n\n", &secrets), None);
        let greeting = first_line(b"\r\n220 smtp.example ESMTP\r\n", &secrets);
        assert_eq!(greeting.as_deref(), Some("`220 smtp.example ESMTP`"));
    }

    #[test]
    fn a_quoted_line_holds_no_secret_and_no_part_of_one() {
        let mut headers = http::HeaderMap::new();
        let long = format!("Bearer {}", "s3gredo`".repeat(40));
        for (name, value) in [("authorization", long.as_str()), ("x-chave", "ch`ve-da-loja")] {
            let mut value = http::HeaderValue::from_str(value).unwrap();
            value.set_sensitive(true);
            headers.insert(http::HeaderName::from_static(name), value);
        }
        let secrets = Secrets::of(&headers);
        for (line, expected) in [
            (format!("X-Echo: {long}\0"), "`X-Echo: [redacted]\\x00`"),
            (format!("X-Echo: {}\0", &long[7..]), "`X-Echo: [redacted]\\x00`"),
            ("X-Echo: ch`ve-da-loja\0".to_owned(), "`X-Echo: [redacted]\\x00`"),
        ] {
            let head = format!("HTTP/1.1 200 OK\r\n{line}\r\n\r\n");
            assert_eq!(fault(head.as_bytes(), &secrets), Fault::Nul { line: 2, quoted: expected.to_owned() });
        }
        // A copy that ended within it.
        assert_eq!(first_line(&long.as_bytes()[..50], &secrets).as_deref(), Some("`[redacted]`"));
    }
}
