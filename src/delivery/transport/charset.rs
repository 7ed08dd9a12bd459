//! The text of a response's body as UTF-8, by the charset that its `Content-Type` declares.
//!
//! UTF-8, UTF-16, windows-1252 (which is what the web means by latin-1 and ASCII) and ISO-8859-15 are read: with
//! them, nearly all of what shops' systems answer. Another charset is taken for UTF-8, and what is none of it is
//! replaced.

use http::HeaderValue;

/// How bytes stand for characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Charset {
    /// Also any other that isn't known.
    #[default]
    Utf8,
    /// windows-1252, ISO-8859-1 and US-ASCII.
    Western,
    /// ISO-8859-15.
    Latin9,
    /// UTF-16, its order by the mark at the beginning, else little-endian.
    Utf16,
    /// UTF-16, big-endian.
    Utf16Be,
}

/// The characters of windows-1252 from 0x80 to 0x9f; those that it lacks stay control characters, as in browsers.
const WESTERN: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}', '\u{2030}',
    '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}',
    '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}',
    '\u{17e}', '\u{178}',
];

impl Charset {
    /// The charset of a `Content-Type`, such as `text/html; charset="ISO-8859-1"`.
    pub(crate) fn of(content_type: Option<&HeaderValue>) -> Self {
        let text = content_type.map(HeaderValue::as_bytes).map(String::from_utf8_lossy).unwrap_or_default();
        let declared = text.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("charset")
                .then(|| value.trim().trim_matches(['"', '\'']).to_ascii_lowercase())
        });
        match declared.as_deref() {
            Some(
                "iso-8859-1" | "iso8859-1" | "iso_8859-1" | "latin1" | "latin-1" | "l1" | "us-ascii" | "ascii"
                | "windows-1252" | "cp1252" | "cp-1252" | "x-cp1252",
            ) => Self::Western,
            Some("iso-8859-15" | "iso8859-15" | "iso_8859-15" | "latin9" | "latin-9" | "l9") => Self::Latin9,
            Some("utf-16" | "utf16" | "utf-16le" | "utf16le" | "ucs-2") => Self::Utf16,
            Some("utf-16be" | "utf16be") => Self::Utf16Be,
            _ => Self::Utf8,
        }
    }

    /// `body` as UTF-8, of at most `most` bytes and cut between characters. Bytes of UTF-8 stay as they are, whole or
    /// not.
    pub(crate) fn decode(self, mut body: Vec<u8>, most: usize) -> Vec<u8> {
        let text: String = match self {
            Self::Utf8 => {
                body.truncate(most);
                return body;
            }
            Self::Western => body.into_iter().map(western).collect(),
            Self::Latin9 => body.into_iter().map(latin9).collect(),
            Self::Utf16 if body.starts_with(&[0xfe, 0xff]) => utf16(&body[2..], u16::from_be_bytes),
            Self::Utf16 => utf16(body.strip_prefix(&[0xff, 0xfe]).unwrap_or(&body), u16::from_le_bytes),
            Self::Utf16Be => utf16(body.strip_prefix(&[0xfe, 0xff]).unwrap_or(&body), u16::from_be_bytes),
        };
        let mut end = most.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut bytes = text.into_bytes();
        bytes.truncate(end);
        bytes
    }
}

fn western(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WESTERN[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

fn latin9(byte: u8) -> char {
    match byte {
        0xa4 => '\u{20ac}',
        0xa6 => '\u{160}',
        0xa8 => '\u{161}',
        0xb4 => '\u{17d}',
        0xb8 => '\u{17e}',
        0xbc => '\u{152}',
        0xbd => '\u{153}',
        0xbe => '\u{178}',
        _ => char::from(byte),
    }
}

/// A lone byte at the end was cut off, and is left out.
fn utf16(body: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = body.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_by_its_charset() {
        let read = |content_type: &str, body: &[u8]| {
            let charset = Charset::of(Some(&HeaderValue::from_bytes(content_type.as_bytes()).unwrap()));
            String::from_utf8_lossy(&charset.decode(body.to_vec(), 1024)).into_owned()
        };
        assert_eq!(read("text/html; charset=ISO-8859-1", b"N\xe3o autorizado \x80"), "Não autorizado €");
        assert_eq!(read("text/plain;CHARSET=\"Windows-1252\"", b"\x93a\xe7\xe3o\x94 \x81"), "“ação” \u{81}");
        assert_eq!(read("text/plain; charset=iso-8859-15", b"10 \xa4 \xbd"), "10 € œ");
        assert_eq!(read("text/plain; boundary=x; charset=utf-16", b"\xfe\xff\0n\0\xe3\0o"), "não");
        assert_eq!(read("text/plain; charset=utf-16", b"n\0\xe3\0o\0!"), "não");
        assert_eq!(read("text/plain; charset=UTF-16BE", b"\0n\xd8\x3d\xdc\xe6\xd8\0"), "n\u{1f4e6}\u{fffd}");
        for utf8 in ["text/plain", "text/plain; charset=utf-8", "text/plain; charset=koi8-r", "charset=iso-8859-1", ""]
        {
            assert_eq!(read(utf8, "não".as_bytes()), "não", "{utf8}");
        }
        assert_eq!(Charset::of(None), Charset::Utf8);
    }

    #[test]
    fn what_is_kept_has_an_end_and_no_half_characters() {
        assert_eq!(Charset::Western.decode(vec![0xe3; 1024], 1023), "ã".repeat(511).into_bytes());
        assert_eq!(Charset::Western.decode(vec![0x80; 1024], 1024), "€".repeat(341).into_bytes());
        assert_eq!(Charset::Utf8.decode(vec![0xe3; 1024], 1023), vec![0xe3; 1023]);
    }
}
