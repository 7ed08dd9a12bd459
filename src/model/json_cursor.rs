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
}
