//! Going through the text of a JSON document byte by byte, without recursion and without a copy.
//!
//! The text was checked to be JSON before; of one that isn't, what stands before the first fault is read.

use std::borrow::Cow;

/// The text goes on otherwise than JSON does.
pub(super) struct NoJson;

/// A place in a JSON text.
pub(super) struct JsonCursor<'a> {
    json: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> JsonCursor<'a> {
    /// Before the first byte.
    pub(super) fn new(json: &'a str) -> Self {
        Self { json, bytes: json.as_bytes(), at: 0 }
    }

    /// How many bytes are behind it.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Past the byte that [`JsonCursor::peek`] has returned.
    pub(super) fn pass(&mut self) {
        self.at += 1;
    }

    /// The next name of the object that the cursor is in, and past its colon; `None` past the end of the object.
    pub(super) fn name(&mut self) -> Result<Option<Written<'a>>, NoJson> {
        if self.peek()? == b',' {
            self.at += 1;
        }
        match self.peek()? {
            b'}' => {
                self.at += 1;
                Ok(None)
            }
            b'"' => {
                let name = self.string()?;
                self.expect(b':')?;
                Ok(Some(name))
            }
            _ => Err(NoJson),
        }
    }

    /// Past whatever stands here without quotes or brackets.
    pub(super) fn word(&mut self) -> Result<&'a str, NoJson> {
        let from = self.at;
        let rest = self.bytes.get(from..).unwrap_or_default();
        let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b':' | b'"' | b'{' | b'[') || *byte <= b' ';
        let length = rest.iter().position(is_end).filter(|length| *length > 0).ok_or(NoJson)?;
        self.at += length;
        self.json.get(from..self.at).ok_or(NoJson)
    }

    /// Past the value that comes next.
    pub(super) fn skip(&mut self) -> Result<(), NoJson> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' | b'[' => self.container(),
            _ => self.word().map(drop),
        }
    }

    /// Past an object or a list, whatever is in it.
    pub(super) fn container(&mut self) -> Result<(), NoJson> {
        let mut depth = 0_usize;
        loop {
            match *self.bytes.get(self.at).ok_or(NoJson)? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.checked_sub(1).ok_or(NoJson)?,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Past a string.
    pub(super) fn string(&mut self) -> Result<Written<'a>, NoJson> {
        let from = self.at + 1;
        let (mut to, mut escapes) = (from, false);
        loop {
            let rest = self.bytes.get(to..).ok_or(NoJson)?;
            to += memchr::memchr2(b'"', b'\\', rest).ok_or(NoJson)?;
            if self.bytes[to] == b'"' {
                break;
            }
            escapes = true;
            to += 2;
        }
        self.at = to + 1;
        // Both ends stand beside a quotation mark, so that no character is cut.
        Ok(Written { text: self.json.get(from..to).ok_or(NoJson)?, escapes })
    }

    pub(super) fn expect(&mut self, byte: u8) -> Result<(), NoJson> {
        if self.peek()? != byte {
            return Err(NoJson);
        }
        self.at += 1;
        Ok(())
    }

    /// The next byte that isn't white space.
    pub(super) fn peek(&mut self) -> Result<u8, NoJson> {
        loop {
            match *self.bytes.get(self.at).ok_or(NoJson)? {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => return Ok(byte),
            }
        }
    }
}

/// What stands between two quotation marks.
pub(super) struct Written<'a> {
    text: &'a str,
    escapes: bool,
}

impl<'a> Written<'a> {
    /// What it stands for; `None` for one with escapes that has more than `longest` bytes as written, or half of a
    /// character in it.
    pub(super) fn read(&self, longest: usize) -> Option<Cow<'a, str>> {
        if !self.escapes {
            return Some(Cow::Borrowed(self.text));
        }
        if self.text.len() > longest {
            return None;
        }
        serde_json::from_str(&format!("\"{}\"", self.text)).ok().map(Cow::Owned)
    }

    /// The bytes of what it stands for, whatever its length. Half of a character, which only escapes can write, becomes
    /// three bytes that no text has, in its place in the order of characters (WTF-8).
    pub(super) fn bytes(&self) -> Cow<'a, [u8]> {
        if !self.escapes {
            return Cow::Borrowed(self.text.as_bytes());
        }
        let mut bytes = Vec::with_capacity(self.text.len());
        let mut rest = self.text;
        while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
            bytes.extend_from_slice(&rest.as_bytes()[..at]);
            rest = rest.get(at + 1..).unwrap_or_default();
            let (written, length) = match rest.as_bytes().first() {
                Some(b'n') => (0x0A, 1),
                Some(b't') => (0x09, 1),
                Some(b'r') => (0x0D, 1),
                Some(b'b') => (0x08, 1),
                Some(b'f') => (0x0C, 1),
                Some(b'u') => escaped_code(rest),
                // A quotation mark, a slash or a backslash stands for itself.
                Some(byte) if byte.is_ascii() => (u32::from(*byte), 1),
                _ => break,
            };
            push_code(&mut bytes, written);
            rest = rest.get(length..).unwrap_or_default();
        }
        bytes.extend_from_slice(rest.as_bytes());
        Cow::Owned(bytes)
    }
}

/// The code point that `uXXXX` writes, and in how many bytes: eleven where the second half of a surrogate pair follows.
/// A half by itself is returned as it is.
fn escaped_code(text: &str) -> (u32, usize) {
    let unit = |text: &str| text.get(1..5).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let Some(first) = unit(text) else {
        return (u32::from(char::REPLACEMENT_CHARACTER), 1);
    };
    let second = text.get(5..).and_then(|rest| rest.strip_prefix('\\')).filter(|rest| rest.starts_with('u'));
    match (first, second.and_then(unit)) {
        (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) => (0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00), 11),
        _ => (first, 5),
    }
}

fn push_code(bytes: &mut Vec<u8>, code: u32) {
    match char::from_u32(code) {
        Some(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        // Half of a character.
        #[expect(clippy::cast_possible_truncation, reason = "six bits of it each, and four in the first byte")]
        None => {
            bytes.extend([0xE0 | (code >> 12) as u8, 0x80 | ((code >> 6) & 0x3F) as u8, 0x80 | (code & 0x3F) as u8]);
        }
    }
}
