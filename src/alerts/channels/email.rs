//! A message as e-mail: its header and its body (RFC 5322, RFC 2045, RFC 2047), and who gets it.

use super::error::{ChannelError, Sent};
use super::files::{BadFile, secret};
use super::smtp::{Envelope, deliver};
use super::text::Parts;
use crate::alerts::message::{Message, Severity};
use crate::config::AlertEmail;
use crate::delivery::transport::client::Client;
use crate::model::{MailAddress, Secret, SmtpUrl};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::{Duration, UNIX_EPOCH};

/// The longest line of a base64 body (RFC 2045, 6.8).
const LINE: usize = 76;
/// How many bytes of a text one encoded word holds: 52 characters of base64, and 12 around them. A line with such words
/// has at most 76 (RFC 2047, 2), of which the first begins with `Subject: `.
const WORD_BYTES: usize = 39;
/// The longest text that is sent, in bytes: nobody reads more, and servers take it.
const MAX_TEXT_BYTES: usize = 256 * 1024;

/// A mail server, and from whom to whom.
#[derive(Debug)]
pub(super) struct Email {
    server: SmtpUrl,
    password: Option<Secret<String>>,
    from: MailAddress,
    to: Vec<MailAddress>,
}

impl Email {
    /// `None` where none is set.
    pub(super) fn of(config: &AlertEmail) -> Result<Option<Self>, BadFile> {
        let (Some(server), Some(from)) = (&config.smtp, &config.from) else {
            return Ok(None);
        };
        let read = |file| secret(file, "the password of the mail server's user", |_| true);
        let password = config.password_file.as_deref().map(read).transpose()?;
        Ok(Some(Self { server: server.clone(), password, from: from.clone(), to: config.to.clone() }))
    }

    pub(super) async fn send(&self, client: &Client, message: &Message) -> Result<Sent, ChannelError> {
        let Self { server, password, from, to } = self;
        let text = written(from, to, message);
        deliver(client, server, password.as_ref(), &Envelope { from, to, message: &text }).await
    }
}

/// Header and body, their lines ended by CRLF.
fn written(from: &MailAddress, to: &[MailAddress], message: &Message) -> String {
    let to: Vec<&str> = to.iter().map(MailAddress::as_str).collect();
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(message.at.as_ms())).replace("GMT", "+0000");
    // A colon is no character of a Message-ID's left side, and an underscore none of a key. The same key gives the same
    // id, by which mail clients fold what comes twice.
    let id = format!("<{}@{}>", message.key.as_str().replace(':', "_"), from.domain());
    let mut fields = vec![
        ("Date", date),
        ("From", format!("carteiro <{from}>")),
        ("To", to.join(",\r\n ")),
        ("Subject", subject(message.title.as_str())),
        ("Message-ID", id),
        // No answer from one that is on holiday (RFC 3834).
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("Content-Language", message.language.tag().to_owned()),
        ("MIME-Version", "1.0".to_owned()),
        ("Content-Type", "text/plain; charset=utf-8".to_owned()),
        ("Content-Transfer-Encoding", "base64".to_owned()),
    ];
    if message.severity == Severity::Critical {
        fields.extend([("Importance", "high".to_owned()), ("X-Priority", "1".to_owned())]);
    }
    let mut text = String::new();
    for (name, value) in &fields {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.push_str("\r\n");
    let body = Parts::of(message).within(MAX_TEXT_BYTES, message.language, str::len);
    let encoded = STANDARD.encode(body.replace("\r\n", "\n").replace('\n', "\r\n") + "\r\n");
    for line in encoded.as_bytes().chunks(LINE) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push_str("\r\n");
    }
    text
}

/// A title as a field's value: encoded words, one a line (RFC 2047), unless short ASCII will do. It holds no line
/// break, which [`crate::alerts::message::Title`] keeps out.
fn subject(title: &str) -> String {
    let plain = title.len() <= 60 && !title.contains("=?") && title.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if plain {
        return title.to_owned();
    }
    let (mut words, mut word) = (Vec::new(), String::new());
    for c in title.chars() {
        if word.len() + c.len_utf8() > WORD_BYTES {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let words: Vec<String> = words.iter().map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word))).collect();
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::channels::tests::message;
    use crate::alerts::message::Title;

    fn address(text: &str) -> MailAddress {
        MailAddress::parse(text).unwrap()
    }

    #[test]
    fn a_message_is_lines_that_every_server_takes() {
        let mut message = message();
        message.title = Title::new(&"Notificações paradas 😀 ".repeat(8));
        message.paragraphs = vec!["Olá.\n.\nFim".to_owned(), "x".repeat(3000)];
        let text =
            written(&address("avisos@loja.example"), &[address("a@b.example"), address("c@d.example")], &message);
        assert!(text.split("\r\n").all(|line| line.len() <= 76 && !line.contains(['\r', '\n']) && line.is_ascii()));
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        for field in [
            "Date: Mon, 23 Nov 2026 12:00:00 +0000",
            "From: carteiro <avisos@loja.example>",
            "To: a@b.example,\r\n c@d.example",
            "Message-ID: <test_1-a@loja.example>",
            "Auto-Submitted: auto-generated",
        ] {
            assert!(head.contains(field), "{head}");
        }
        let words = head.split("Subject: ").nth(1).unwrap().split("\r\nMessage-ID").next().unwrap();
        let decoded: String = words
            .split("\r\n ")
            .map(|word| {
                assert!(word.len() <= 75, "{word}");
                let inner = word.strip_prefix("=?UTF-8?B?").unwrap().strip_suffix("?=").unwrap();
                String::from_utf8(STANDARD.decode(inner).unwrap()).unwrap()
            })
            .collect();
        assert_eq!(decoded, message.title.as_str());
        let body = String::from_utf8(STANDARD.decode(body.replace("\r\n", "")).unwrap()).unwrap();
        assert!(body.contains("Olá.\r\n.\r\nFim\r\n\r\nxxx") && body.ends_with("\r\n"), "{body}");
    }

    #[test]
    fn short_ascii_stays_as_it_is() {
        assert_eq!(subject("Disk almost full"), "Disk almost full");
        assert_eq!(subject("=?UTF-8?B?eA==?="), "=?UTF-8?B?PT9VVEYtOD9CP2VBPT0/PQ==?=");
        assert_eq!(subject(&"a".repeat(60)).len(), 60);
        assert!(subject(&"a".repeat(61)).starts_with("=?UTF-8?B?"));
    }
}
