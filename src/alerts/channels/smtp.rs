//! The side of SMTP that hands a message to a server (RFC 5321; RFC 3207 for STARTTLS, RFC 4954 for AUTH).
//!
//! Written here rather than taken from a crate: the one that is small enough resolves and dials by itself, so that
//! "unencrypted to this machine alone" could not be held for the very address that is spoken to, and it tells neither
//! which command was refused nor goes on after a way to sign in that it can't speak.

use super::error::{ChannelError, Retry, Sent, quoted};
use super::http::unreached;
use super::redact::Secrets;
use crate::delivery::transport::client::Client;
use crate::model::{ErrorCode, Localized, MailAddress, Secret, SmtpUrl, localized};
use crate::tls::ByteStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// The longest reply that is read, in bytes; the longest line of one is 512 (RFC 5321, 4.5.3.1.5).
const MAX_REPLY_BYTES: usize = 16 * 1024;
/// How long the goodbye may take. The server has the message by then.
const GOODBYE: Duration = Duration::from_secs(1);

const URL: &str = "`alerts.email.smtp`";

/// What is handed over, and to whom.
pub(super) struct Envelope<'a> {
    pub(super) from: &'a MailAddress,
    pub(super) to: &'a [MailAddress],
    /// Header and body, its lines ended by CRLF.
    pub(super) message: &'a str,
}

/// Hands a message to the server, once, for all receivers that it takes. Each reply is waited for as long as an attempt
/// of a notification may take.
pub(super) async fn deliver(
    client: &Client,
    server: &SmtpUrl,
    password: Option<&Secret<String>>,
    envelope: &Envelope<'_>,
) -> Result<Sent, ChannelError> {
    let who = server.user().zip(password);
    let secrets = who.map(|(user, password)| Secrets::of_sign_in(user, password.expose())).unwrap_or_default();
    let mut session = Session::begin(client, server, &secrets).await?;
    if let Some((user, password)) = who {
        session.sign_in(user, password).await?;
    }
    let all: Vec<&MailAddress> = envelope.to.iter().collect();
    let mut refused = session.hand_over(envelope, &all).await?;
    if refused.len() == all.len() {
        return Err(session.nobody(&refused));
    }
    // A server that takes fewer receivers at once refuses the others with this code: they get it by themselves
    // (RFC 5321, 4.5.3.1.10).
    loop {
        let (surplus, others): (Vec<_>, Vec<_>) = refused.into_iter().partition(|refusal| refusal.reply.code == 452);
        let to: Vec<&MailAddress> = surplus.iter().map(|refusal| refusal.receiver).collect();
        let again = if to.is_empty() { Ok(Vec::new()) } else { session.hand_over(envelope, &to).await };
        match again {
            Ok(again) if again.len() < to.len() => refused = others.into_iter().chain(again).collect(),
            // Whatever went wrong: some have it by now.
            Ok(_) | Err(_) => {
                refused = others.into_iter().chain(surplus).collect();
                break;
            }
        }
    }
    timeout(GOODBYE, session.command("QUIT", "QUIT")).await.ok();
    Ok(Sent { left_out: (!refused.is_empty()).then(|| session.left_out(&refused)) })
}

/// A receiver whom the server didn't take, and how it said so.
struct Refusal<'a> {
    receiver: &'a MailAddress,
    reply: Reply,
}

/// The message as DATA takes it: a line that begins with a dot gets another, and one alone ends it (RFC 5321, 4.5.2).
fn dotted(message: &str) -> String {
    let stuffed = message.replace("\r\n.", "\r\n..");
    let first = if stuffed.starts_with('.') { "." } else { "" };
    let end = if stuffed.ends_with("\r\n") { ".\r\n" } else { "\r\n.\r\n" };
    format!("{first}{stuffed}{end}")
}

struct Reply {
    code: u16,
    /// Its lines without the code.
    lines: Vec<String>,
}

impl Reply {
    /// Code and text, for a sentence.
    fn quoted(&self, secrets: &Secrets) -> String {
        format!("{}{}", self.code, quoted(&secrets.redacted(&self.lines.join(" "))))
    }

    fn retry(&self) -> Retry {
        match self.code {
            400..500 => Retry::Yes,
            _ => Retry::No,
        }
    }
}

/// What the server can do, of its reply to EHLO.
#[derive(Default)]
struct Abilities {
    starttls: bool,
    plain: bool,
    login: bool,
}

impl Abilities {
    fn of(reply: &Reply) -> Self {
        let mut abilities = Self::default();
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            let mut words = line.split([' ', '=']);
            match words.next() {
                Some("STARTTLS") => abilities.starttls = true,
                Some("AUTH") => {
                    for word in words {
                        abilities.plain |= word == "PLAIN";
                        abilities.login |= word == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        abilities
    }
}

struct Session<'a, S> {
    server: &'a SmtpUrl,
    stream: S,
    /// What was read behind the last reply.
    ahead: Vec<u8>,
    /// How long a reply is waited for.
    patience: Duration,
    abilities: Abilities,
    /// What is not repeated of a reply.
    secrets: &'a Secrets,
    /// Whether it has replied before: then port and scheme are right.
    has_replied: bool,
    /// The command that it replies to.
    command: &'static str,
}

impl<'a> Session<'a, Box<dyn ByteStream>> {
    /// Connects, with TLS by what the URL says. Unencrypted is spoken to a loopback address alone; there TLS is asked
    /// for only if somebody signs in and the server wants TLS for that.
    async fn begin(client: &Client, server: &'a SmtpUrl, secrets: &'a Secrets) -> Result<Self, ChannelError> {
        let shown = server.to_string();
        let unreached = |error| unreached(&shown, URL, server.host(), &error);
        let (tcp, remote) = client.dial(server.host(), server.port()).await.map_err(unreached)?;
        let us = tcp.local_addr().unwrap_or(remote).ip();
        let patience = client.patience();
        if server.has_implicit_tls() {
            let tls = client.secure(server.host(), tcp, remote).await.map_err(|error| {
                let not_tls = error.code == ErrorCode::TlsFailed;
                let mut error = unreached(error);
                if not_tls {
                    let Localized { en, pt } = &mut error.sentence;
                    en.push_str(" If it asks for TLS with STARTTLS only, write smtp://.");
                    pt.push_str(" Se ele só pede TLS com STARTTLS, escreva smtp://.");
                }
                error
            })?;
            let mut session = Session::over(server, Box::new(tls) as Box<dyn ByteStream>, patience, secrets);
            session.greeted().await?;
            session.hello(us).await?;
            return Ok(session);
        }
        let mut plain = Session::over(server, tcp, patience, secrets);
        plain.greeted().await?;
        plain.hello(us).await?;
        let can = &plain.abilities;
        let needs_tls = if remote.ip().to_canonical().is_loopback() {
            server.user().is_some() && can.starttls && !can.plain && !can.login
        } else {
            true
        };
        if !needs_tls {
            let Session { stream, abilities, has_replied, .. } = plain;
            let session = Session::over(server, Box::new(stream) as Box<dyn ByteStream>, patience, secrets);
            return Ok(Session { abilities, has_replied, ..session });
        }
        if !can.starttls {
            return Err(ChannelError::new(
                localized!(
                    "{shown} offers no STARTTLS, and carteiro sends no e-mail unencrypted over a network; write \
                     smtps:// in {URL} if the server has a port for that (465).",
                    "{shown} não oferece STARTTLS, e o carteiro não envia e-mail sem criptografia pela rede; escreva \
                     smtps:// em {URL} se o servidor tiver uma porta para isso (465)."
                ),
                Retry::No,
            ));
        }
        let reply = plain.command("STARTTLS", "STARTTLS").await?;
        plain.expect(&reply, 220, || localized!("STARTTLS", "o STARTTLS"))?;
        // What came before TLS is no part of it: somebody on the way may have put it there.
        if !plain.ahead.is_empty() {
            return Err(plain.odd());
        }
        let tls = client.secure(server.host(), plain.stream, remote).await.map_err(unreached)?;
        let session = Session::over(server, Box::new(tls) as Box<dyn ByteStream>, patience, secrets);
        let mut session = Session { has_replied: true, ..session };
        session.hello(us).await?;
        Ok(session)
    }
}

impl<'a, S: ByteStream> Session<'a, S> {
    fn over(server: &'a SmtpUrl, stream: S, patience: Duration, secrets: &'a Secrets) -> Self {
        Session {
            server,
            stream,
            ahead: Vec::new(),
            patience,
            abilities: Abilities::default(),
            secrets,
            has_replied: false,
            command: "EHLO",
        }
    }

    async fn greeted(&mut self) -> Result<(), ChannelError> {
        let reply = self.read().await?;
        self.expect(&reply, 220, || localized!("the connection", "a conexão"))
    }

    /// Says who calls, by the address (RFC 5321, 4.1.3): a machine seldom has a name that the world knows.
    async fn hello(&mut self, us: IpAddr) -> Result<(), ChannelError> {
        let us = match us.to_canonical() {
            IpAddr::V4(ip) => format!("[{ip}]"),
            IpAddr::V6(ip) => format!("[IPv6:{ip}]"),
        };
        let reply = self.command("EHLO", &format!("EHLO {us}")).await?;
        self.expect(&reply, 250, || localized!("the connection", "a conexão"))?;
        self.abilities = Abilities::of(&reply);
        Ok(())
    }

    async fn sign_in(&mut self, user: &str, password: &Secret<String>) -> Result<(), ChannelError> {
        let reply = if self.abilities.plain {
            let both = Zeroizing::new(format!("\0{user}\0{}", password.expose()));
            let both = Zeroizing::new(STANDARD.encode(both.as_bytes()));
            let reply = self.command("AUTH", &Zeroizing::new(format!("AUTH PLAIN {}", *both))).await?;
            // One that takes no answer with the command asks for it.
            if reply.code == 334 { self.command("AUTH", &both).await? } else { reply }
        } else if self.abilities.login {
            let mut reply = self.command("AUTH", "AUTH LOGIN").await?;
            for answer in [user, password.expose().as_str()] {
                if reply.code == 334 {
                    reply = self.command("AUTH", &Zeroizing::new(STANDARD.encode(answer))).await?;
                }
            }
            reply
        } else {
            let server = self.server;
            return Err(ChannelError::new(
                localized!(
                    "{server} offers no way to sign in that carteiro knows (AUTH PLAIN or LOGIN); check the port in \
                     {URL}, or take the user out of it if the server needs none.",
                    "{server} não oferece um modo de entrar que o carteiro conheça (AUTH PLAIN ou LOGIN); confira a \
                     porta em {URL}, ou tire dela o usuário se o servidor não precisar de um."
                ),
                Retry::No,
            ));
        };
        self.expect(&reply, 235, || {
            localized!(
                "the user or the password; check {URL} and the file that `alerts.email.password_file` names",
                "o usuário ou a senha; confira {URL} e o arquivo que `alerts.email.password_file` indica"
            )
        })
    }

    /// The error of a reply with another code; `what` was refused, and what to do about it.
    fn expect(&self, reply: &Reply, code: u16, what: impl FnOnce() -> Localized) -> Result<(), ChannelError> {
        if reply.code == code {
            return Ok(());
        }
        let (server, said, what) = (self.server, reply.quoted(self.secrets), what());
        let Localized { en, pt } = what;
        let sentence = Localized {
            en: format!("{server} answered {said} and refused {en}."),
            pt: format!("{server} respondeu {said} e recusou {pt}."),
        };
        Err(ChannelError::new(sentence, reply.retry()))
    }

    /// One transaction: the message for those of the receivers that are taken; the others are answered. One who is
    /// refused ends nothing for the others (RFC 5321, 3.3).
    async fn hand_over<'e>(
        &mut self,
        envelope: &Envelope<'_>,
        to: &[&'e MailAddress],
    ) -> Result<Vec<Refusal<'e>>, ChannelError> {
        let from = envelope.from;
        let reply = self.command("MAIL", &format!("MAIL FROM:<{from}>")).await?;
        self.expect(&reply, 250, || {
            localized!(
                "the sender {from}; check `alerts.email.from`",
                "o remetente {from}; confira `alerts.email.from`"
            )
        })?;
        let mut refused = Vec::new();
        for &receiver in to {
            let reply = self.command("RCPT", &format!("RCPT TO:<{receiver}>")).await?;
            match reply.code {
                // 251: it knows where the receiver has moved to.
                250 | 251 => {}
                // It hangs up.
                421 => self.expect(&reply, 250, || localized!("the receivers", "os destinatários"))?,
                _ => refused.push(Refusal { receiver, reply }),
            }
        }
        if refused.len() == to.len() {
            return Ok(refused);
        }
        let the_message = || localized!("the message", "a mensagem");
        let reply = self.command("DATA", "DATA").await?;
        self.expect(&reply, 354, the_message)?;
        self.write(dotted(envelope.message).as_bytes()).await?;
        let reply = self.read().await?;
        self.expect(&reply, 250, the_message)?;
        Ok(refused)
    }

    /// The error of a message that no receiver is to get.
    fn nobody(&self, refused: &[Refusal<'_>]) -> ChannelError {
        let (server, whom) = (self.server, self.whom(refused));
        let sentence = localized!(
            "{server} refused every receiver: {whom}; check `alerts.email.to`.",
            "{server} recusou todos os destinatários: {whom}; confira `alerts.email.to`."
        );
        let may_pass = refused.iter().any(|refusal| refusal.reply.retry() != Retry::No);
        ChannelError::new(sentence, if may_pass { Retry::Yes } else { Retry::No })
    }

    /// Who didn't get a message that others got.
    fn left_out(&self, refused: &[Refusal<'_>]) -> Localized {
        let (server, whom) = (self.server, self.whom(refused));
        localized!(
            "{server} took the message, but not for {whom}; check `alerts.email.to`.",
            "{server} aceitou a mensagem, mas não para {whom}; confira `alerts.email.to`."
        )
    }

    fn whom(&self, refused: &[Refusal<'_>]) -> String {
        let one = |Refusal { receiver, reply }: &Refusal<'_>| format!("{receiver} ({})", reply.quoted(self.secrets));
        refused.iter().map(one).collect::<Vec<String>>().join(", ")
    }

    /// Sends a line and reads the reply. `name` is the command as sentences have it; the line may hold secrets.
    async fn command(&mut self, name: &'static str, line: &str) -> Result<Reply, ChannelError> {
        self.command = name;
        let line = Zeroizing::new(format!("{line}\r\n"));
        self.write(line.as_bytes()).await?;
        self.read().await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), ChannelError> {
        let written = timeout(self.patience, async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        });
        match written.await {
            Err(_) => Err(self.silent()),
            Ok(Err(_)) => Err(self.closed()),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// Reads one reply, of one line or several.
    async fn read(&mut self) -> Result<Reply, ChannelError> {
        let (mut lines, mut read) = (Vec::new(), 0);
        let until = tokio::time::Instant::now() + self.patience;
        loop {
            while let Some(end) = self.ahead.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.ahead.drain(..=end).collect();
                let line = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
                let code = line.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()));
                let (Some(code), more) = (code.and_then(|code| code.parse().ok()), line.get(3..4)) else {
                    return Err(self.odd());
                };
                lines.push(line.get(4..).unwrap_or_default().to_owned());
                match more {
                    Some("-") => {}
                    Some(" ") | None => {
                        self.has_replied = true;
                        return Ok(Reply { code, lines });
                    }
                    Some(_) => return Err(self.odd()),
                }
            }
            let mut piece = [0; 2048];
            match tokio::time::timeout_at(until, self.stream.read(&mut piece)).await {
                Err(_) => return Err(self.silent()),
                Ok(Ok(0) | Err(_)) => return Err(self.closed()),
                Ok(Ok(bytes)) => {
                    read += bytes;
                    if read > MAX_REPLY_BYTES {
                        return Err(self.odd());
                    }
                    self.ahead.extend_from_slice(&piece[..bytes]);
                }
            }
        }
    }

    fn silent(&self) -> ChannelError {
        let (server, patience) = (self.server, crate::model::format_duration(self.patience));
        let hint = localized!(
            "a port that waits for TLS from the first byte needs smtps:// in {URL}",
            "uma porta que espera TLS desde o primeiro byte precisa de smtps:// em {URL}"
        );
        self.lost(
            localized!("{server} did not answer within {patience}", "{server} não respondeu em {patience}"),
            &hint,
        )
    }

    fn closed(&self) -> ChannelError {
        let server = self.server;
        let hint = localized!(
            "it has not said a word: check the port and the scheme in {URL}: smtps:// for TLS from the first byte, \
             smtp:// for STARTTLS",
            "não disse nada: confira a porta e o esquema em {URL}: smtps:// para TLS desde o primeiro byte, smtp:// \
             para STARTTLS"
        );
        self.lost(localized!("{server} closed the connection", "{server} fechou a conexão"), &hint)
    }

    fn odd(&self) -> ChannelError {
        let server = self.server;
        let hint = localized!("check the port and the scheme in {URL}", "confira a porta e o esquema em {URL}");
        self.lost(localized!("What {server} answered is not SMTP", "O que {server} respondeu não é SMTP"), &hint)
    }

    /// The end of a session that the server didn't end with a reply. Before its first reply the port or the scheme may
    /// be wrong, which `hint` says; after it, they are right.
    fn lost(&self, what: Localized, hint: &Localized) -> ChannelError {
        let (Localized { en, pt }, command) = (what, self.command);
        let sentence = if self.has_replied {
            localized!(
                "{en} (after {command}); its log may say why.",
                "{pt} (depois de {command}); o log dele pode dizer por quê."
            )
        } else {
            Localized { en: format!("{en}; {}.", hint.en), pt: format!("{pt}; {}.", hint.pt) }
        };
        ChannelError::new(sentence, Retry::Yes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_message_ends_it() {
        for (message, sent) in [
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            (".\r\nb\r\n", "..\r\nb\r\n.\r\n"),
            ("a\r\n.\r\nMAIL FROM:<x@y>\r\n", "a\r\n..\r\nMAIL FROM:<x@y>\r\n.\r\n"),
            ("a\r\n..b\r\n", "a\r\n...b\r\n.\r\n"),
        ] {
            assert_eq!(dotted(message), sent);
        }
    }

    #[test]
    fn abilities_are_read_of_every_form() {
        let of = |lines: &[&str]| {
            let lines = lines.iter().map(|line| (*line).to_owned()).collect();
            let Abilities { starttls, plain, login } = Abilities::of(&Reply { code: 250, lines });
            [starttls, plain, login]
        };
        assert_eq!(of(&["mx STARTTLS AUTH PLAIN"]), [false; 3], "the first line is the server's name");
        assert_eq!(of(&["mx", "SIZE 1", "starttls", "auth cram-md5 plain"]), [true, true, false]);
        assert_eq!(of(&["mx", "AUTH=LOGIN"]), [false, false, true]);
        assert_eq!(of(&["mx", "XAUTH PLAIN", "AUTH XPLAIN"]), [false; 3]);
    }

    async fn replies(bytes: &'static [u8]) -> Vec<Result<(u16, String), String>> {
        let server = SmtpUrl::parse("smtp://mx.example").unwrap();
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let secrets = Secrets::default();
        let mut session = Session::over(&server, ours, Duration::from_secs(20), &secrets);
        theirs.write_all(bytes).await.unwrap();
        drop(theirs);
        let mut replies = Vec::new();
        loop {
            match session.read().await {
                Ok(reply) => replies.push(Ok((reply.code, reply.lines.join("|")))),
                Err(error) => {
                    replies.push(Err(error.sentence.en));
                    return replies;
                }
            }
        }
    }

    #[tokio::test]
    async fn replies_have_lines_and_an_end() {
        let read = replies(b"220 mx\r\n250-mx\r\n250-A\n250 B\r\n250\r\n").await;
        let ok = |code: u16, text: &str| Ok((code, text.to_owned()));
        assert_eq!(read[..3], [ok(220, "mx"), ok(250, "mx|A|B"), ok(250, "")]);
        assert!(read[3].as_ref().unwrap_err().contains("closed the connection"), "{read:?}");
        for bad in [b"HTTP/1.1 400 Bad Request\r\n".as_slice(), b"22\r\n", b"220x mx\r\n", b"\xff\xff\xff\xff\r\n"] {
            let read = replies(bad).await;
            assert!(read[0].as_ref().unwrap_err().contains("is not SMTP"), "{read:?}");
        }
        let endless: &[u8] = Box::leak(b"250-x\r\n".repeat(MAX_REPLY_BYTES / 7 + 1).into_boxed_slice());
        assert!(replies(endless).await[0].as_ref().unwrap_err().contains("is not SMTP"));
    }
}
