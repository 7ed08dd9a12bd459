//! Alerts from outside: the channels of the config, a test of each by command, API and panel, and a mail server with
//! TLS and passwords.

use super::harness::{Daemon, QUICK, eventually, knows_localhost, skipped};
use super::panel::{get, post, sign_in, text};
use super::receiver::{Receiver, Reply};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const TOKEN: &str = "123456789:AAgeheim-geheim_geheim";

/// Runs `carteiro alerts test` against a daemon.
fn test_alerts(daemon: &Daemon, more: &[&str]) -> (Option<i32>, String, String) {
    daemon.run(&[&["alerts", "test", "--server", &daemon.address], more].concat())
}

/// The config of a channel to each of two receivers, beside [`QUICK`].
fn config(folder: &Path, telegram: &Receiver, slack: &Receiver) -> String {
    fs::write(folder.join("telegram"), format!("{TOKEN}\n")).unwrap();
    fs::write(folder.join("slack"), format!("{}/services/geheim\n", slack.url)).unwrap();
    let folder = folder.display();
    format!(
        "{QUICK}[alerts]\nlanguage = \"en\"\n[alerts.telegram]\ntoken_file = \"{folder}/telegram\"\n\
         chat_id = \"-1001\"\napi_base = \"{}\"\n[alerts.slack]\nurl_file = \"{folder}/slack\"\n",
        telegram.url
    )
}

#[test]
fn a_test_says_of_each_channel_what_became_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 15\r\n\r\ninvalid_token\r\n".to_vec();
    let (telegram, slack) = (Receiver::ok(), Receiver::start(&[Reply::Raw(refusal), Reply::Status(200)]));
    let daemon = Daemon::start(&config(folder.path(), &telegram, &slack));

    let channels = daemon.get("/api/alerts/channels").expect(200).data();
    let untried = |channel: &str| {
        json!({ "channel": channel, "owner": "operator", "failing": false, "sent_at": null, "left_out": null,
                "left_out_pt": null, "failed_at": null, "error": null, "error_pt": null })
    };
    assert_eq!(channels, json!([untried("telegram"), untried("slack")]));

    let (code, said, complained) = test_alerts(&daemon, &[]);
    let refused = "slack: not sent: Slack answered 403: invalid_token; check `alerts.slack.url_file`.";
    assert_eq!((code, said.as_str(), complained.as_str()), (Some(1), &*format!("telegram: sent\n{refused}\n"), ""));
    let sent = &telegram.requests()[0];
    assert!(sent.head.starts_with(&format!("POST /notificacoes/bot{TOKEN}/sendMessage HTTP/1.1")), "{}", sent.head);
    assert!(sent.json()["text"].as_str().unwrap().starts_with("Test of alerts by carteiro\n\n"), "{}", sent.json());
    daemon.logged("an alert could not be sent");

    let failing = daemon.get("/api/alerts/channels").expect(200).data()[1].clone();
    assert_eq!((&failing["failing"], &failing["sent_at"]), (&json!(true), &Value::Null));
    assert!(failing["error_pt"].as_str().unwrap().starts_with("Slack respondeu 403"), "{failing}");

    // One channel by name; then it is well again.
    let (code, said, _) = test_alerts(&daemon, &["--channel", "slack"]);
    assert_eq!((code, said.as_str(), telegram.count()), (Some(0), "slack: sent\n", 1));
    daemon.logged("the alert channel is well again");
    assert_eq!(daemon.log().matches("an alert could not be sent").count(), 1);
    for (labels, count) in [
        ("channel=\"slack\",result=\"ok\"", 1),
        ("channel=\"slack\",result=\"error\"", 1),
        ("channel=\"telegram\",result=\"ok\"", 1),
        ("channel=\"email\",result=\"error\"", 0),
    ] {
        assert_eq!(daemon.metric(&format!("carteiro_alert_sends_total{{{labels}}}")), count, "{labels}");
    }

    let (code, _, complained) = test_alerts(&daemon, &["--channel", "fax"]);
    assert!(code == Some(2) && complained.contains("`fax` is no alert channel; there are email"), "{complained}");
    let (code, _, complained) = test_alerts(&daemon, &["--channel", "email"]);
    assert!(code == Some(1) && complained.contains("is not set in the config"), "{complained}");
    let fields = daemon.post("/api/alerts/test", &json!({ "channel": "fax" })).refused(422, "invalid_fields");
    assert!(fields["channel"][0].as_str().unwrap().starts_with("must be one of `email`"), "{fields}");

    // Nothing of it is a secret that anybody sees.
    let (_, settings, _) = daemon.run(&["config"]);
    for seen in [settings, daemon.log(), daemon.get("/api/alerts/channels").json().to_string()] {
        assert!(!seen.contains("geheim"), "{seen}");
    }
    daemon.forgive();
}

#[test]
fn channels_follow_the_config_and_a_bad_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (telegram, slack) = (Receiver::ok(), Receiver::ok());
    let daemon = Daemon::quick();
    let (code, said, complained) = test_alerts(&daemon, &[]);
    assert!(code == Some(1) && said.is_empty() && complained.contains("no alert channel is set"), "{complained}");

    let both = config(folder.path(), &telegram, &slack);
    daemon.reload(&both);
    assert_eq!(daemon.get("/api/alerts/channels").data().as_array().unwrap().len(), 2);

    fs::write(folder.path().join("telegram"), "geheim").unwrap();
    let (code, _, complained) = daemon.run(&["check-config"]);
    assert!(code == Some(78) && complained.contains("/telegram must hold the token of a Telegram bot"), "{complained}");
    daemon.signal("-HUP");
    let line = daemon.logged("must hold the token of a Telegram bot");
    assert!(!line.contains("geheim"), "{line}");
    assert_eq!(test_alerts(&daemon, &[]).0, Some(0), "the channels are as they were");
    assert_eq!((telegram.count(), slack.count()), (1, 1));

    // An account's channels are its own, and another account's admin sees neither them nor the operator's.
    fs::write(folder.path().join("telegram"), TOKEN).unwrap();
    let accounts = format!(
        "{both}[[account]]\nname = \"default\"\n[[account]]\nname = \"b\"\n[account.alerts.webhook]\nurl = \"{}/b\"\n",
        slack.url
    );
    let mut daemon = daemon;
    daemon.terminate();
    daemon.configure(&accounts);
    daemon.spawn();
    let owners = |channels: &Value| {
        let pairs = channels.as_array().unwrap().iter();
        pairs.map(|one| format!("{} {}", one["owner"], one["channel"]).replace('"', "")).collect::<Vec<_>>()
    };
    let first = daemon.get("/api/alerts/channels").data();
    assert_eq!(owners(&first), ["operator telegram", "operator slack"]);
    let token = fs::read_to_string(daemon.data().join("admin-token-b")).unwrap();
    let second = daemon.call_as(token.trim(), "GET", "/api/alerts/channels", "", b"").expect(200).data();
    assert_eq!(owners(&second), ["account webhook"]);
    let tests = daemon.call_as(token.trim(), "POST", "/api/alerts/test", "", b"").expect(200).data();
    assert_eq!(
        tests,
        json!([{
            "channel": "webhook", "owner": "account", "sent": true, "error": null, "error_pt": null,
            "left_out": null, "left_out_pt": null
        }])
    );
    let sent = slack.requests().pop().unwrap();
    assert!(
        sent.head.starts_with("POST /notificacoes/b HTTP/1.1") && sent.header("webhook-signature").is_none(),
        "{}",
        sent.head
    );
    assert_eq!((&sent.json()["kind"], sent.json()["key"].as_str()), (&json!("TEST"), sent.header("webhook-id")));
    daemon.forgive();
}

#[test]
fn the_panel_shows_channels_and_tries_them_without_a_script() {
    let folder = tempfile::tempdir().unwrap();
    let (telegram, slack) = (Receiver::ok(), Receiver::start(&[Reply::Status(404)]));
    let daemon = Daemon::quick();
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let cookie = format!("{cookie}Accept-Language: en\r\n");
    let page = text(&get(&daemon, "/alerts", &cookie).expect(200));
    assert!(page.contains("No alert channel") && page.contains("[alerts.email]"), "{page}");

    daemon.reload(&config(folder.path(), &telegram, &slack));
    let page = text(&get(&daemon, "/alerts", &cookie).expect(200));
    assert!(
        page.contains("Telegram") && page.contains("Nothing sent since the start") && !page.contains("geheim"),
        "{page}"
    );
    let test = |channel: &str| {
        let fields = [("csrf", csrf.as_str()), ("back", "/alerts"), ("channel", channel), ("owner", "operator")];
        let answer = post(&daemon, "/alerts/test", &cookie, &fields).expect(303);
        text(&get(&daemon, answer.header("location").unwrap(), &cookie).expect(200))
    };
    let page = test("telegram");
    assert!(page.contains("Telegram: the test was sent.") && page.contains(">Working<"), "{page}");
    let page = test("slack");
    assert!(page.contains("Slack: the test was not sent.") && page.contains(">Failing<"), "{page}");
    assert!(page.contains("Slack answered 404; check <code>alerts.slack.url_file</code>."), "{page}");
    assert_eq!((telegram.count(), slack.count()), (1, 1));

    // Who may only read sees them and has no button.
    let body = json!({ "token": { "name": "leitor", "scopes": ["read"] } });
    let token = daemon.post("/api/tokens", &body).expect(201).data()["token"].as_str().unwrap().to_owned();
    let (reader, csrf) = sign_in(&daemon, &token);
    let page = text(&get(&daemon, "/alerts", &reader).expect(200));
    assert!(!page.contains("/alerts/test"), "{page}");
    post(&daemon, "/alerts/test", &reader, &[("csrf", &csrf), ("channel", "telegram")]).expect(403);
    daemon.forgive();
}

/// aiosmtpd: its first argument is how TLS is spoken, the second the folder of certificate and mails. It prints its
/// port.
const MAIL_SERVER: &str = r#"
import asyncio, json, os, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

tls, folder = sys.argv[1:]

class Handler:
    count = 0
    async def handle_DATA(self, server, session, envelope):
        Handler.count += 1
        mail = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "content": envelope.content.decode("ascii"),
                "tls": server.transport.get_extra_info("sslcontext") is not None}
        path = f"{folder}/mail-{Handler.count}.json"
        with open(path + ".part", "w") as out:
            json.dump(mail, out)
        os.rename(path + ".part", path)
        return "250 kept"

def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and data.login == b"loja@mx.example" and data.password == b"s3nha-geheim"
    return AuthResult(success=good, handled=False)

async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
    options = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": tls == "starttls"}
    if tls == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Handler(), loop=loop, **options), "127.0.0.1", 0, ssl=context if tls == "implicit" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Until whoever started it closes its input.
    await loop.run_in_executor(None, sys.stdin.read)

asyncio.run(main())
"#;

struct MailServer {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl MailServer {
    /// `None` where aiosmtpd is missing, which is said.
    fn start(tls: &str) -> Option<Self> {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/libs/py/bin/python");
        let has = |python: &PathBuf| {
            Command::new(python)
                .args(["-c", "import aiosmtpd"])
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|it| it.success())
        };
        if !has(&python) {
            skipped("alerts by e-mail", "aiosmtpd is not in target/libs; .ci/run installs it");
            return None;
        }
        if !knows_localhost() {
            skipped("alerts by e-mail", "this machine's resolver doesn't know localhost");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        fs::write(folder.path().join("cert.pem"), certificate.pem()).unwrap();
        fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
        fs::write(folder.path().join("password"), "s3nha-geheim\n").unwrap();
        let mut command = Command::new(python);
        command.args(["-c", MAIL_SERVER, tls]).arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("the mail server said {line:?}"));
        Some(Self { child, port, folder })
    }

    fn config(&self, scheme: &str, host: &str) -> String {
        let (folder, port) = (self.folder.path().display(), self.port);
        let quick = QUICK.replace("timeout = \"1s\"", "timeout = \"20s\"").replace("\"500ms\"", "\"10s\"");
        format!(
            "{quick}extra_ca_file = \"{folder}/cert.pem\"\n[alerts.email]\n\
             smtp = \"{scheme}://loja%40mx.example@{host}:{port}\"\npassword_file = \"{folder}/password\"\n\
             from = \"avisos@loja.example\"\nto = [\"ana@loja.example\", \"rui@loja.example\"]\n"
        )
    }

    fn mail(&self, nth: usize) -> Value {
        let path = self.folder.path().join(format!("mail-{nth}.json"));
        serde_json::from_str(&eventually("the mail arrives", || fs::read_to_string(&path).ok())).unwrap()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_email_is_sent_over_tls_from_the_first_byte_and_by_starttls() {
    for (tls, scheme) in [("implicit", "smtps"), ("starttls", "smtp")] {
        let Some(server) = MailServer::start(tls) else { return };
        let daemon = Daemon::start(&server.config(scheme, "localhost"));
        let (code, said, complained) = test_alerts(&daemon, &[]);
        assert_eq!((code, said.as_str()), (Some(0), "email: sent\n"), "{tls}: {complained}");
        let mail = server.mail(1);
        assert_eq!(
            (&mail["from"], &mail["to"], &mail["tls"]),
            (&json!("avisos@loja.example"), &json!(["ana@loja.example", "rui@loja.example"]), &json!(true))
        );
        let content = mail["content"].as_str().unwrap();
        assert!(content.contains("Subject: Teste dos avisos do carteiro\r\n"), "{content}");
        assert!(content.contains("To: ana@loja.example,\r\n rui@loja.example\r\n"), "{content}");

        // A wrong password is told from everything else, and not shown.
        fs::write(server.folder.path().join("password"), "errada-geheim").unwrap();
        daemon.reload(&server.config(scheme, "localhost"));
        let (code, said, _) = test_alerts(&daemon, &[]);
        assert!(code == Some(1) && said.contains("refused the user or the password"), "{said}");
        assert!(!daemon.log().contains("geheim"));
        daemon.forgive();
    }
}

#[test]
fn nothing_is_sent_where_tls_is_not_as_it_should_be() {
    // The certificate is for another name.
    let Some(server) = MailServer::start("implicit") else { return };
    let daemon = Daemon::start(&server.config("smtps", "127.0.0.1"));
    let (code, said, _) = test_alerts(&daemon, &[]);
    assert!(code == Some(1) && said.contains("certificate"), "{said}");
    // And nobody vouches for it.
    let config = server.config("smtps", "localhost").replace("extra_ca_file", "# extra_ca_file");
    let other = Daemon::start(&config);
    let (code, said, _) = test_alerts(&other, &[]);
    assert!(code == Some(1) && said.contains("certificate"), "{said}");
    // TLS is not what answers, and the other way round.
    let (code, said, _) = {
        let daemon = Daemon::start(&server.config("smtp", "localhost"));
        let told = test_alerts(&daemon, &[]);
        daemon.forgive();
        told
    };
    assert!(code == Some(1) && said.starts_with("email: not sent: localhost:"), "{said}");
    assert!(!server.folder.path().join("mail-1.json").exists());
    daemon.forgive();
    other.forgive();
}

#[test]
fn this_machine_is_sent_email_without_tls() {
    let Some(server) = MailServer::start("none") else { return };
    let daemon = Daemon::start(&server.config("smtp", "127.0.0.1"));
    let (code, said, _) = test_alerts(&daemon, &[]);
    assert_eq!((code, said.as_str()), (Some(0), "email: sent\n"));
    assert_eq!(server.mail(1)["tls"], json!(false));
}

/// A mail server on loopback, without TLS, that refuses receivers with `bad` in the address.
fn refusing_mail_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut answers = stream.try_clone().unwrap();
            let mut answer = |text: &str| answers.write_all(text.as_bytes()).is_ok();
            let (mut in_data, mut go_on) = (false, answer("220 mx\r\n"));
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                go_on &= match line.as_str() {
                    _ if !go_on => false,
                    "." => {
                        in_data = false;
                        answer("250 queued\r\n")
                    }
                    _ if in_data => true,
                    "DATA" => {
                        in_data = true;
                        answer("354 go\r\n")
                    }
                    line if line.starts_with("RCPT TO:<bad") => answer("550 5.1.1 no such user\r\n"),
                    _ => answer("250 ok\r\n"),
                };
            }
        }
    });
    port
}

/// One colleague who had left, and nobody was told of anything any more.
#[test]
fn who_the_mail_server_refuses_is_told_and_the_others_get_the_message() {
    let port = refusing_mail_server();
    let to = |receivers: &str| {
        format!(
            "{QUICK}[alerts]\nlanguage = \"en\"\n[alerts.email]\nsmtp = \"smtp://127.0.0.1:{port}\"\n\
             from = \"avisos@loja.example\"\nto = [{receivers}]\n"
        )
    };
    let daemon = Daemon::start(&to("\"bad@loja.example\", \"ana@loja.example\""));
    let (code, said, _) = test_alerts(&daemon, &[]);
    let why = format!(
        "127.0.0.1:{port} took the message, but not for bad@loja.example (550: 5.1.1 no such user); check \
         `alerts.email.to`."
    );
    assert_eq!((code, said), (Some(1), format!("email: not sent to everybody: {why}\n")));
    daemon.logged("an alert did not reach every receiver");
    let channel = daemon.get("/api/alerts/channels").expect(200).data()[0].clone();
    assert_eq!((&channel["failing"], &channel["left_out"]), (&json!(false), &json!(why)));
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    let page = text(&get(&daemon, "/alerts", &cookie).expect(200));
    assert!(page.contains(">Parcial<") && page.contains("mas não para bad@loja.example"), "{page}");

    daemon.reload(&to("\"bad@loja.example\""));
    let (code, said, _) = test_alerts(&daemon, &[]);
    assert_eq!(code, Some(1));
    assert!(said.contains("email: not sent: ") && said.contains("refused every receiver: bad@loja.example"), "{said}");
    daemon.reload(&to("\"ana@loja.example\""));
    assert_eq!(test_alerts(&daemon, &[]).1, "email: sent\n");
    assert_eq!(daemon.get("/api/alerts/channels").expect(200).data()[0]["left_out"], Value::Null);
    daemon.forgive();
}
