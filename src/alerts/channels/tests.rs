//! Each channel over loopback, with stand-ins that check what the published documents ask for.

use super::*;
use crate::alerts::message::{ConditionFact, Kind, Link, MessageKey, Severity, Title, WebhookFact};
use crate::config::{AlertDiscord, AlertEmail, AlertNtfy, AlertSlack, AlertTelegram, AlertWebhook};
use crate::model::{Language, MailAddress, NtfyTopic, SmtpUrl, TargetUrl, WebhookId};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const TOKEN: &str = "123456789:AAgeheim-geheim_geheim";

/// A message with everything in it, of 2026-11-23T12:00:00Z.
pub(crate) fn message() -> Message {
    Message {
        key: MessageKey::parse("test:1-a").unwrap(),
        kind: Kind::Opened,
        severity: Severity::Warning,
        language: Language::Pt,
        at: Timestamp::from_ms(1_795_435_200_000),
        title: Title::new("Loja <b> & *ERP* parou"),
        paragraphs: vec!["O destino não confirma <!channel> @everyone.".to_owned(), "Confira o token.".to_owned()],
        links: vec![Link { label: "Webhook".to_owned(), url: "https://c.example/webhooks/1?a=1&b=2".to_owned() }],
        conditions: vec![ConditionFact {
            condition: "WEBHOOK_FAILING".to_owned(),
            kind: Kind::Over,
            account: Some("default".to_owned()),
            webhook: Some(WebhookFact { id: WebhookId::from_random([7; 16]), name: "ERP".to_owned() }),
            since: Timestamp::from_ms(1_795_435_100_000),
            count: Some(2),
            external_ids: vec!["pedido-1".to_owned(), "pedido-2".to_owned()],
        }],
        conditions_left_out: 0,
    }
}

/// What a stand-in was sent.
struct Received {
    line: String,
    head: Vec<(String, String)>,
    body: String,
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Takes one request and answers it so.
async fn stand_in(answer: &'static str) -> (String, JoinHandle<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let pair =
            |line: &String| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
        let mut received =
            Received { line: lines[0].clone(), head: lines[1..].iter().map(pair).collect(), body: String::new() };
        let mut body = vec![0; received.header("content-length").unwrap().parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        received.body = String::from_utf8(body).unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        received
    });
    (base, task)
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn channels(alert_channels: AlertChannels) -> Channels {
    let config = Config { alert_channels, ..Config::default() };
    // Without an entry for loopback: the operator's own URLs need none. And without plain http for webhooks.
    let settings = ClientSettings::allowing(&[], Duration::from_secs(20)).https_only();
    Channels::new(ReadChannels::of(&config).unwrap(), Vec::new(), settings, Clock::System)
}

fn url(text: &str) -> TargetUrl {
    TargetUrl::parse(text).unwrap()
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn telegram_is_sent_plain_text_with_a_bold_title() {
    let folder = Folder::new();
    let (base, task) = stand_in(OK).await;
    let telegram = AlertTelegram {
        token_file: Some(folder.file("t", &format!("{TOKEN}\n"))),
        chat_id: Some("-100123".to_owned()),
        api_base: Some(url(&base)),
    };
    let channels = channels(AlertChannels { telegram, ..AlertChannels::default() });
    assert_eq!(channels.names(Recipient::Operator), [AlertChannel::Telegram]);
    channels.send(Recipient::Operator, AlertChannel::Telegram, &message()).await.unwrap();
    let received = task.await.unwrap();
    assert_eq!(received.line, format!("POST /bot{TOKEN}/sendMessage HTTP/1.1"));
    let body = received.json();
    let text = "Loja <b> & *ERP* parou\n\nO destino não confirma <!channel> @everyone.\n\nConfira o token.\n\n\
                Webhook: https://c.example/webhooks/1?a=1&b=2";
    assert_eq!((&body["chat_id"], &body["text"]), (&json!("-100123"), &json!(text)));
    assert_eq!(body["entities"], json!([{ "type": "bold", "offset": 0, "length": 22 }]));
    assert_eq!(body["link_preview_options"], json!({ "is_disabled": true }));
    assert!(body.get("parse_mode").is_none());
    let state = channels.state(Recipient::Operator, AlertChannel::Telegram);
    assert!(state.sent_at.is_some() && !state.is_failing && state.failed.is_none());
}

#[tokio::test]
async fn a_refusal_says_why_and_when_to_come_back_and_no_secret() {
    let folder = Folder::new();
    for (answer, says, retry) in [
        (
            "HTTP/1.1 429 Too Many\r\ncontent-length: 78\r\n\r\n{\"ok\":false,\"description\":\"Too Many Requests\",\
             \"parameters\":{\"retry_after\":17}}",
            "Telegram answered 429: too many messages: Too Many Requests. The message is tried again later.",
            Retry::After(Duration::from_secs(17)),
        ),
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 74\r\n\r\n{\"ok\":false,\"description\":\"Not Found: \
             123456789:AAgeheim-geheim_geheim !\"}",
            "Telegram answered 404: Not Found: [redacted] !; check `alerts.telegram`.",
            Retry::No,
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            "Telegram answered 302, a redirect, which is not followed; write the final address into `alerts.telegram`.",
            Retry::No,
        ),
        (
            "HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n",
            "Telegram answered 500. The message is tried again later.",
            Retry::Yes,
        ),
    ] {
        let (base, task) = stand_in(answer).await;
        let telegram = AlertTelegram {
            token_file: Some(folder.file("t", TOKEN)),
            chat_id: Some("1".to_owned()),
            api_base: Some(url(&base)),
        };
        let channels = channels(AlertChannels { telegram, ..AlertChannels::default() });
        let error = channels.send(Recipient::Operator, AlertChannel::Telegram, &message()).await.unwrap_err();
        task.await.unwrap();
        assert_eq!((error.sentence.en.as_str(), error.retry), (says, retry));
        let state = channels.state(Recipient::Operator, AlertChannel::Telegram);
        assert!(state.is_failing && state.failed.unwrap().1 == error.sentence);
        assert!(!format!("{:?}", channels.sets()).contains("geheim"));
        let counts: Vec<_> = channels.metrics().sends().filter(|(_, counts)| *counts != [0, 0]).collect();
        assert_eq!(counts, [(AlertChannel::Telegram, [0, 1])]);
    }
}

#[tokio::test]
async fn ntfy_is_published_as_json_at_the_root() {
    let folder = Folder::new();
    let (base, task) = stand_in(OK).await;
    let topic = NtfyTopic::parse(&format!("{base}/loja-x7k2"));
    let ntfy = AlertNtfy { url: topic, token_file: Some(folder.file("t", "tk_geheim")) };
    let channels = channels(AlertChannels { ntfy, ..AlertChannels::default() });
    channels.send(Recipient::Operator, AlertChannel::Ntfy, &message()).await.unwrap();
    let received = task.await.unwrap();
    assert_eq!(
        (received.line.as_str(), received.header("authorization")),
        ("POST / HTTP/1.1", Some("Bearer tk_geheim"))
    );
    assert_eq!(
        received.json(),
        json!({
            "topic": "loja-x7k2",
            "title": "Loja <b> & *ERP* parou",
            "message": "O destino não confirma <!channel> @everyone.\n\nConfira o token.",
            "priority": 4,
            "tags": ["warning"],
            "click": "https://c.example/webhooks/1?a=1&b=2",
            "actions": [{ "action": "view", "label": "Webhook", "url": "https://c.example/webhooks/1?a=1&b=2" }],
        })
    );
}

#[tokio::test]
async fn slack_and_discord_take_nothing_in_a_text_for_markup() {
    let folder = Folder::new();
    let (base, task) = stand_in(OK).await;
    let slack = AlertSlack { url_file: Some(folder.file("s", &format!("{base}/services/T0/B0/geheim\n"))) };
    let own = channels(AlertChannels { slack, ..AlertChannels::default() });
    own.send(Recipient::Operator, AlertChannel::Slack, &message()).await.unwrap();
    let received = task.await.unwrap();
    assert_eq!(received.line, "POST /services/T0/B0/geheim HTTP/1.1");
    let text = "*Loja &lt;b&gt; &amp; *ERP* parou*\n\nO destino não confirma &lt;!channel&gt; @everyone.\n\nConfira o \
                token.\n\n<https://c.example/webhooks/1?a=1&amp;b=2|Webhook>";
    assert_eq!(received.json()["text"], json!(text));

    let (base, task) = stand_in("HTTP/1.1 204 No Content\r\n\r\n").await;
    let discord = AlertDiscord { url_file: Some(folder.file("d", &format!("{base}/api/webhooks/1/geheim"))) };
    let own = channels(AlertChannels { discord, ..AlertChannels::default() });
    let mut long = message();
    long.paragraphs.push("_".repeat(5000));
    own.send(Recipient::Operator, AlertChannel::Discord, &long).await.unwrap();
    let received = task.await.unwrap();
    assert_eq!(received.line, "POST /api/webhooks/1/geheim?wait=true HTTP/1.1");
    let body = received.json();
    assert_eq!(body["allowed_mentions"], json!({ "parse": [] }));
    let content = body["content"].as_str().unwrap();
    assert!(content.starts_with("**Loja \\<b\\> & \\*ERP\\* parou**\n\n"), "{content}");
    assert!(content.ends_with("o resto\\]\n\nWebhook: <https://c.example/webhooks/1?a=1&b=2>"), "{content}");
    assert!((1990..=2000).contains(&content.encode_utf16().count()), "{}", content.len());
}

#[tokio::test]
async fn a_program_is_sent_json_with_a_good_signature() {
    let folder = Folder::new();
    let secret = crate::model::SigningSecret::from_random([9; 32]);
    let (base, task) = stand_in(OK).await;
    let webhook = AlertWebhook {
        url: Some(url(&format!("{base}/x?y=1"))),
        secret_file: Some(folder.file("w", &secret.reveal())),
    };
    let own = channels(AlertChannels { webhook, ..AlertChannels::default() });
    own.send(Recipient::Operator, AlertChannel::Webhook, &message()).await.unwrap();
    let received = task.await.unwrap();
    let at = received.header("webhook-timestamp").unwrap().parse().unwrap();
    let signature =
        crate::delivery::transport::sign::signature(std::iter::once(&secret), "test:1-a", at, received.body.as_bytes());
    assert_eq!(
        (received.header("webhook-id"), received.header("webhook-signature")),
        (Some("test:1-a"), Some(&*signature))
    );
    let body = received.json();
    for (name, value) in [
        ("key", json!("test:1-a")),
        ("kind", json!("OPENED")),
        ("severity", json!("WARNING")),
        ("at", json!("2026-11-23T12:00:00.000Z")),
        ("language", json!("pt-BR")),
        ("title", json!("Loja <b> & *ERP* parou")),
        ("conditions_left_out", json!(0)),
    ] {
        assert_eq!(body[name], value, "{name}");
    }
    assert_eq!(body["conditions"][0]["external_ids"], json!(["pedido-1", "pedido-2"]));
    assert_eq!(body["conditions"][0]["webhook"]["name"], json!("ERP"));
    assert_eq!((&body["kind"], &body["conditions"][0]["kind"]), (&json!("OPENED"), &json!("OVER")));

    let (base, task) = stand_in(OK).await;
    let webhook = AlertWebhook { url: Some(url(&base)), secret_file: None };
    let own = channels(AlertChannels { webhook, ..AlertChannels::default() });
    own.send(Recipient::Operator, AlertChannel::Webhook, &message()).await.unwrap();
    assert_eq!(task.await.unwrap().header("webhook-signature"), None);
}

#[tokio::test]
async fn a_channel_that_is_not_set_is_an_error_and_a_bad_file_is_told_at_the_start() {
    let own = channels(AlertChannels::default());
    assert!(own.names(Recipient::Operator).is_empty());
    assert!(own.names(Recipient::Account(AccountNo(9))).is_empty(), "there is no such account");
    let error = own.send(Recipient::Operator, AlertChannel::Slack, &message()).await.unwrap_err();
    assert_eq!((error.sentence.en.as_str(), error.retry), ("`alerts.slack` is not set in the config.", Retry::No));

    let folder = Folder::new();
    let mut config = Config::default();
    config.alert_channels.slack.url_file = Some(folder.file("s", "geheim"));
    config.account[0].alert_channels.telegram =
        AlertTelegram { token_file: Some(folder.file("t", "geheim")), chat_id: Some("1".to_owned()), api_base: None };
    let bad = ReadChannels::of(&config).unwrap_err();
    let keys: Vec<&str> = bad.iter().map(|bad| bad.key.as_str()).collect();
    assert_eq!(keys, ["alerts.slack.url_file", "account[0].alerts.telegram.token_file"]);
    assert!(bad.iter().all(|bad| !bad.sentence.contains("geheim")), "{bad:?}");
    assert!(bad[0].sentence.ends_with("on one line") && bad[0].sentence.contains("incoming webhook of Slack"));
}

/// A server without TLS on loopback: what it is told, line by line, until the message ends.
async fn smtp(replies: &'static [&'static str]) -> (SmtpUrl, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = SmtpUrl::parse(&format!("smtp://loja@{}", listener.local_addr().unwrap())).unwrap();
    let task = tokio::spawn(async move {
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        let (mut told, mut replies) = (Vec::new(), replies.iter());
        stream.write_all(replies.next().unwrap().as_bytes()).await.unwrap();
        let mut in_data = false;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return told;
            }
            told.push(line.trim_end().to_owned());
            if in_data && line != ".\r\n" {
                continue;
            }
            in_data = line == "DATA\r\n";
            let Some(reply) = replies.next() else {
                return told;
            };
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
    });
    (server, task)
}

fn email(folder: &Folder, server: SmtpUrl) -> Channels {
    let address = |text| MailAddress::parse(text).unwrap();
    let email = AlertEmail {
        smtp: Some(server),
        password_file: Some(folder.file("p", "geheim!")),
        from: Some(address("carteiro@loja.example")),
        to: vec![address("a@b.example"), address("c@d.example")],
    };
    channels(AlertChannels { email, ..AlertChannels::default() })
}

#[tokio::test]
async fn an_email_is_handed_over_command_by_command() {
    let folder = Folder::new();
    let (server, task) = smtp(&[
        "220 mx\r\n",
        "250-mx\r\n250 AUTH PLAIN LOGIN\r\n",
        "235 ok\r\n",
        "250 ok\r\n",
        "250 ok\r\n",
        "251 moved\r\n",
        "354 go\r\n",
        "250 queued\r\n",
        "221 bye\r\n",
    ])
    .await;
    let own = email(&folder, server);
    own.send(Recipient::Operator, AlertChannel::Email, &message()).await.unwrap();
    let told = task.await.unwrap();
    let commands = [
        "EHLO [127.0.0.1]",
        "AUTH PLAIN AGxvamEAZ2VoZWltIQ==",
        "MAIL FROM:<carteiro@loja.example>",
        "RCPT TO:<a@b.example>",
        "RCPT TO:<c@d.example>",
        "DATA",
    ];
    assert_eq!(told[..6], commands);
    assert_eq!((told.iter().filter(|line| *line == ".").count(), told.last().unwrap().as_str()), (1, "QUIT"));
}

#[tokio::test]
async fn each_command_that_is_refused_has_its_sentence_and_no_secret() {
    let folder = Folder::new();
    let cases: [(&'static [&'static str], &str, Retry); 9] = [
        (&["554 go away\r\n"], "answered 554: go away and refused the connection.", Retry::No),
        (&["220 mx\r\n", "250 mx\r\n"], "offers no way to sign in that carteiro knows", Retry::No),
        (
            &[
                "220 mx\r\n",
                "250-mx\r\n250 AUTH LOGIN\r\n",
                "334 VXNlcm5hbWU6\r\n",
                "334 UGFzc3dvcmQ6\r\n",
                "535 no geheim!\r\n",
            ],
            "answered 535: no [redacted] and refused the user or the password; check `alerts.email.smtp`",
            Retry::No,
        ),
        (&["220 mx\r\n", "250 AUTH=PLAIN\r\n"], "offers no way to sign in", Retry::No),
        (
            &["220 mx\r\n", "250-mx\r\n250 AUTH PLAIN\r\n", "235 ok\r\n", "250 ok\r\n", "450 greylisted\r\n"],
            "closed the connection (after RCPT); its log may say why.",
            Retry::Yes,
        ),
        (
            &[
                "220 mx\r\n",
                "250-mx\r\n250 AUTH PLAIN\r\n",
                "235 ok\r\n",
                "250 ok\r\n",
                "550 no such user\r\n",
                "450 greylisted\r\n",
            ],
            "refused every receiver: a@b.example (550: no such user), c@d.example (450: greylisted); check",
            Retry::Yes,
        ),
        (
            &["220 mx\r\n", "250-mx\r\n250 AUTH PLAIN\r\n", "502 what is AUTH PLAIN AGxvamEAZ2VoZWltIQ==\r\n"],
            "answered 502: what is AUTH PLAIN [redacted] and refused the user or the password",
            Retry::No,
        ),
        (&["220 mx\r\n"], "closed the connection (after EHLO); its log may say why.", Retry::Yes),
        (&["HTTP/1.1 400 Bad Request\r\n"], "is not SMTP", Retry::Yes),
    ];
    for (replies, says, retry) in cases {
        let (server, task) = smtp(replies).await;
        let own = email(&folder, server);
        let error = own.send(Recipient::Operator, AlertChannel::Email, &message()).await.unwrap_err();
        task.abort();
        assert!(error.sentence.en.contains(says), "{}", error.sentence.en);
        assert_eq!(error.retry, retry, "{says}");
        assert!(!error.sentence.en.contains("geheim") && !error.sentence.pt.contains("geheim"));
    }
}

/// A colleague who had left was refused by the mail server, and nobody got the alerts any more.
#[tokio::test]
async fn who_is_refused_costs_nobody_else_the_message() {
    let folder = Folder::new();
    let (server, task) = smtp(&[
        "220 mx\r\n",
        "250-mx\r\n250 AUTH PLAIN\r\n",
        "235 ok\r\n",
        "250 ok\r\n",
        "550 5.1.1 no such user\r\n",
        "250 ok\r\n",
        "354 go\r\n",
        "250 queued\r\n",
        "221 bye\r\n",
    ])
    .await;
    let own = email(&folder, server.clone());
    let sent = own.send(Recipient::Operator, AlertChannel::Email, &message()).await.unwrap();
    let told = task.await.unwrap();
    assert_eq!(told[3..6], ["RCPT TO:<a@b.example>", "RCPT TO:<c@d.example>", "DATA"]);
    let left_out = format!(
        "{server} took the message, but not for a@b.example (550: 5.1.1 no such user); check `alerts.email.to`."
    );
    assert_eq!(sent.left_out.as_ref().unwrap().en, left_out);
    let state = own.state(Recipient::Operator, AlertChannel::Email);
    assert!(state.sent_at.is_some() && !state.is_failing && state.left_out == sent.left_out, "{state:?}");
}

#[tokio::test]
async fn a_server_that_takes_one_receiver_at_once_gets_them_one_by_one() {
    let folder = Folder::new();
    let (server, task) = smtp(&[
        "220 mx\r\n",
        "250-mx\r\n250 AUTH PLAIN\r\n",
        "235 ok\r\n",
        "250 ok\r\n",
        "250 ok\r\n",
        "452 4.5.3 too many recipients\r\n",
        "354 go\r\n",
        "250 queued\r\n",
        "250 ok\r\n",
        "250 ok\r\n",
        "354 go\r\n",
        "250 queued\r\n",
        "221 bye\r\n",
    ])
    .await;
    let own = email(&folder, server);
    let sent = own.send(Recipient::Operator, AlertChannel::Email, &message()).await.unwrap();
    let told = task.await.unwrap();
    let receivers: Vec<&str> = told.iter().filter_map(|line| line.strip_prefix("RCPT TO:")).collect();
    assert_eq!(receivers, ["<a@b.example>", "<c@d.example>", "<c@d.example>"]);
    assert_eq!((sent.left_out, told.iter().filter(|line| *line == "DATA").count()), (None, 2));
}

/// What a server says was cut to its length first: the beginning of a secret at the end was no longer known for one.
#[tokio::test]
async fn a_secret_at_the_end_of_a_long_answer_is_not_shown_in_part() {
    let folder = Folder::new();
    let path = "services/T0AAAAAAAA/B0BBBBBBBB/geheimgeheimgeheimgeheim";
    for padding in (0..200).step_by(13) {
        let body = format!("{}/{path}", "x".repeat(padding));
        let answer = format!("HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (base, task) = stand_in(answer.leak()).await;
        let slack = AlertSlack { url_file: Some(folder.file("s", &format!("{base}/{path}"))) };
        let own = channels(AlertChannels { slack, ..AlertChannels::default() });
        let sentence = own.send(Recipient::Operator, AlertChannel::Slack, &message()).await.unwrap_err().sentence;
        task.await.unwrap();
        for text in [&sentence.en, &sentence.pt] {
            assert!(!text.contains("services/") && !text.contains("T0AAA") && !text.contains("geheim"), "{text}");
        }
    }
}
