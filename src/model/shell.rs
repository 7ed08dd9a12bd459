//! Text that a shell reads as one word, whatever stands in it.

use std::fmt::Write as _;

/// One word of a POSIX shell that stands for `text`, which holds no NUL: in single quotes nothing has a meaning but the
/// quote itself.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The format of `printf`, as one word, that prints these very bytes. It is visible text: what a terminal could take
/// for a command of its own is written in octal.
pub fn quoted_bytes(bytes: &[u8]) -> String {
    let mut format = String::with_capacity(bytes.len() + bytes.len() / 8);
    let (dash, bytes) = match bytes.split_first() {
        // Else it would be an option.
        Some((b'-', rest)) => (true, rest),
        _ => (false, bytes),
    };
    if dash {
        octal(&mut format, b"-");
    }
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '%' => format.push_str("%%"),
                '\\' => format.push_str("\\\\"),
                '\n' | '\t' => format.push(char),
                _ if is_invisible(char) => octal(&mut format, char.encode_utf8(&mut [0; 4]).as_bytes()),
                _ => format.push(char),
            }
        }
        octal(&mut format, chunk.invalid());
    }
    quoted(&format)
}

/// Whether bytes can stand in one word as they are: text without what a terminal takes for commands, or what hides
/// from a reader how it goes on.
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok_and(|text| text.chars().all(|char| matches!(char, '\n' | '\t') || !is_invisible(char)))
}

/// Control characters, and those that turn the direction of text.
pub(crate) fn is_invisible(char: char) -> bool {
    char.is_control() || matches!(char, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn octal(format: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a String can't fail.
        let _ = write!(format, "\\{byte:03o}");
    }
}
