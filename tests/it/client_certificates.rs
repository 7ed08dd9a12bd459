//! Client certificates, from the config to targets that insist on one: OpenSSL and nginx ask, as a Pix provider's
//! servers do.

use super::cli::carteiro;
use super::docs::place::{Place, await_port, free_port, has};
use super::harness::{Daemon, QUICK, eventually};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// A folder with an authority, `ca.pem`, and what it issued.
struct Pki {
    place: Place,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    fn new(name: &str) -> Self {
        let (place, key) = (Place::new(), KeyPair::generate().unwrap());
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        place.write("ca.pem", &params.self_signed(&key).unwrap().pem());
        Self { place, issuer: Issuer::new(params, key) }
    }

    /// Issues `NAME.pem` and `NAME.key`, good until the 2nd of January of this year.
    fn issue(&self, name: &str, year: i32) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 2);
        params.distinguished_name.push(DnType::CommonName, format!("dono-de-{name}-{year}"));
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        for (file, text) in [("pem", certificate.pem()), ("key", key.serialize_pem())] {
            self.place.write("beside", &text);
            std::fs::rename(self.path("beside"), self.path(&format!("{name}.{file}"))).unwrap();
        }
    }

    fn path(&self, name: &str) -> String {
        self.place.path().join(name).display().to_string()
    }

    /// What the config says of a certificate.
    fn table(&self, name: &str) -> String {
        let (cert, key) = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        format!("[[client_certificate]]\nname = \"{name}\"\ncert = \"{cert}\"\nkey = \"{key}\"\n")
    }

    /// [`QUICK`] with this authority for targets, and these client certificates.
    fn config(&self, names: &[&str]) -> String {
        let tables: String = names.iter().map(|name| self.table(name)).collect();
        format!("{QUICK}extra_ca_file = \"{}\"\n{tables}", self.path("ca.pem"))
    }
}

/// `openssl s_server`, which insists on a client certificate, and what it printed. A notification that reaches it is
/// confirmed.
struct OpenSsl {
    child: Child,
    printed: Arc<Mutex<String>>,
    port: u16,
}

impl OpenSsl {
    fn start(pki: &Pki, version: &str) -> Self {
        pki.issue("destino", 2050);
        let port = free_port();
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", &format!("127.0.0.1:{port}"), version, "-Verify", "2"])
            .args(["-verify_return_error", "-cert", &pki.path("destino.pem"), "-key", &pki.path("destino.key")])
            .args(["-CAfile", &pki.path("ca.pem")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let printed = Arc::<Mutex<String>>::default();
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let text = printed.clone();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            let mut answered = 0;
            while let Some(read) = stdout.read(&mut piece).ok().filter(|read| *read > 0) {
                let mut text = text.lock().unwrap();
                text.push_str(&String::from_utf8_lossy(&piece[..read]));
                // Without the end of a line: a body ends where its braces do.
                if let Some(body) = text[answered..].find("{\"id\":").map(|at| &text[answered + at..])
                    && body.matches('{').count() == body.matches('}').count()
                {
                    answered = text.len();
                    let _ = stdin.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
                    let _ = stdin.flush();
                }
            }
        });
        eventually("s_server listens", || printed.lock().unwrap().contains("ACCEPT").then_some(()));
        Self { child, printed, port }
    }

    fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn webhook(daemon: &Daemon, target: &str, certificate: Option<&str>) -> String {
    let fields = json!({ "target": target, "events": ["*"], "client_certificate": certificate });
    daemon.register_with(fields)["id"].as_str().unwrap().to_owned()
}

/// The last attempt: earlier ones may have met a busy machine.
fn last(notification: &Value) -> &Value {
    notification["attempts"].as_array().unwrap().last().unwrap()
}

#[test]
fn openssl_is_shown_the_certificate() {
    if !has(&["openssl"], "client certificates with OpenSSL") {
        return;
    }
    let pki = Pki::new("Autoridade");
    pki.issue("pix", 2051);
    for version in ["-tls1_2", "-tls1_3"] {
        let target = OpenSsl::start(&pki, version);
        let daemon = Daemon::start(&pki.config(&["pix"]));
        webhook(&daemon, &format!("https://127.0.0.1:{}/", target.port), Some("pix"));
        let delivered = daemon.await_status(&daemon.record("PAYMENT.PAID"), "DELIVERED");
        let spoken = last(&delivered)["tls_version"].as_str().unwrap();
        assert!(version.ends_with(&spoken.replace('.', "_")), "{spoken}");
        assert!(target.printed().contains("dono-de-pix-2051"), "{}", target.printed());
    }
}

#[test]
fn openssl_that_does_not_know_the_authority_refuses() {
    if !has(&["openssl"], "a refused client certificate with OpenSSL") {
        return;
    }
    let (pki, strangers) = (Pki::new("Autoridade"), Pki::new("Outra"));
    strangers.issue("pix", 2051);
    let target = OpenSsl::start(&pki, "-tls1_3");
    let daemon = Daemon::start(&format!("{}{}", pki.config(&[]), strangers.table("pix")));
    webhook(&daemon, &format!("https://127.0.0.1:{}/", target.port), Some("pix"));
    let failed = daemon.await_status(&daemon.record("PAYMENT.PAID"), "FAILED");
    let error = &last(&failed)["error"];
    assert_eq!(error["code"], "client_certificate_refused", "{error}");
    assert!(error["message"].as_str().unwrap().contains("does not know the authority"), "{error}");
}

/// nginx that asks every client for a certificate, says with each answer whose it was, and takes none without one.
fn nginx(pki: &Pki, versions: &str) -> (u16, impl Sized) {
    pki.issue("destino", 2050);
    let (folder, port) = (pki.path(""), free_port());
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {folder}{of};"));
    let config = format!(
        "user root; pid {folder}nginx.pid; daemon off; events {{}}\n\
         http {{ access_log off; {} server {{ listen 127.0.0.1:{port} ssl; ssl_protocols {versions};\n\
         ssl_certificate {folder}destino.pem; ssl_certificate_key {folder}destino.key;\n\
         ssl_client_certificate {folder}ca.pem; ssl_verify_client on;\n\
         location / {{ return 200 \"$ssl_client_s_dn\"; }} }} }}\n",
        temporary.join(" ")
    );
    pki.place.write("nginx.conf", &config);
    let running = pki.place.start("exec nginx -c $PWD/nginx.conf -e stderr");
    await_port(port);
    (port, running)
}

#[test]
fn nginx_is_shown_the_certificate_that_is_renewed_by_itself_and_by_a_reload() {
    if !has(&["nginx"], "client certificates with nginx") {
        return;
    }
    for versions in ["TLSv1.2", "TLSv1.3"] {
        let pki = Pki::new("Autoridade");
        pki.issue("pix", 2051);
        let (port, _nginx) = nginx(&pki, versions);
        let target = format!("https://127.0.0.1:{port}/");
        let daemon = Daemon::start(&pki.config(&["pix"]));
        let id = webhook(&daemon, &target, Some("pix"));
        let shown = || {
            let delivered = daemon.await_status(&daemon.record("PAYMENT.PAID"), "DELIVERED");
            last(&delivered)["response_body"].as_str().unwrap().to_owned()
        };
        assert!(shown().contains("dono-de-pix-2051"));
        pki.issue("pix", 2052);
        daemon.reload(&pki.config(&["pix"]));
        assert!(shown().contains("dono-de-pix-2052"), "the connection that was kept serves no more");

        // A broken renewal is refused as a whole, and the certificate that works stays.
        let (good, path) = (std::fs::read_to_string(pki.path("pix.key")).unwrap(), pki.path("pix.key"));
        std::fs::write(&path, "").unwrap();
        daemon.signal("-HUP");
        daemon.logged("the config was not reloaded");
        assert!(shown().contains("dono-de-pix-2052"));
        std::fs::write(&path, good).unwrap();

        // Without one, nginx answers 400, in words of its own.
        let clear = json!({ "webhook": { "client_certificate": null } });
        assert_eq!(
            daemon.patch(&format!("/api/webhooks/{id}"), &clear).expect(200).data()["client_certificate"],
            Value::Null
        );
        let failed = daemon.await_status(&daemon.record("PAYMENT.PAID"), "FAILED");
        assert_eq!(last(&failed)["response_status"], 400);
        assert!(last(&failed)["response_body"].as_str().unwrap().contains("certificate"), "{failed}");
    }
}

#[test]
fn files_that_cannot_be_used_are_named_with_their_line() {
    let pki = Pki::new("Autoridade");
    pki.issue("pix", 2051);
    pki.issue("outro", 2051);
    let daemon = Daemon::start(&pki.config(&["pix"]));
    let config = pki.config(&["pix"]).replace("pix.key", "outro.key");
    let line = |says: &str| {
        // The harness puts two lines in front of the config.
        let at = config.lines().position(|line| line.starts_with(says)).unwrap() + 3;
        format!("carteiro.toml:{at}:{}: ", says.len() + 1)
    };
    daemon.configure(&config);
    let (code, _, said) = daemon.run(&["check-config"]);
    assert_eq!(code, Some(78));
    assert!(said.contains(&line("key = ")) && said.contains("is not that of the first certificate"), "{said}");
    std::fs::remove_file(pki.path("pix.pem")).unwrap();
    let (_, _, said) = daemon.run(&["check-config"]);
    assert!(said.contains(&line("cert = ")) && said.contains("pix.pem can't be read"), "{said}");
    let refused = Daemon::try_on(&tempfile::tempdir().unwrap().path().join("data"), &config).err().unwrap();
    assert!(refused.contains("can't be read") && refused.contains(&line("cert = ")), "{refused}");

    // One that has ended works here, and is told of.
    pki.issue("pix", 2020);
    daemon.configure(&pki.config(&["pix"]));
    let (code, _, said) = daemon.run(&["check-config"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("client certificate pix: the certificate in") && said.contains("has expired"), "{said}");
    daemon.reload(&pki.config(&["pix"]));
    daemon.logged("has expired, at 2020-01-02");
    daemon.forgive();
}

#[test]
fn a_webhook_names_a_certificate_that_its_account_may_use() {
    let pki = Pki::new("Autoridade");
    pki.issue("pix", 2051);
    pki.issue("boleto", 2052);
    let accounts = "[[account]]\nname = \"default\"\n[[account]]\nname = \"loja-2\"\n";
    let with = |accounts_of: &[(&str, &str)]| -> String {
        let tables = accounts_of.iter().map(|(name, accounts)| format!("{}accounts = [{accounts}]\n", pki.table(name)));
        format!("{}{}{accounts}", pki.config(&[]), tables.collect::<String>())
    };
    let daemon = Daemon::start(&with(&[("pix", "\"default\""), ("boleto", "\"loja-2\"")]));
    let target = "https://loja.invalid/";
    let id = webhook(&daemon, target, Some("pix"));
    let path = format!("/api/webhooks/{id}");
    assert_eq!(daemon.get(&path).expect(200).data()["client_certificate"], "pix");
    let wants = |certificate: &str, target: &str| {
        let fields = json!({ "target": target, "events": ["*"], "client_certificate": certificate });
        let fields = daemon.post("/api/webhooks", &json!({ "webhook": fields })).refused(422, "invalid_fields");
        fields["client_certificate"][0].as_str().unwrap().to_owned()
    };
    for strange in ["boleto", "nenhum"] {
        let sentence = wants(strange, target);
        assert!(
            sentence.contains("client certificates of this account: pix") && !sentence.contains("boleto"),
            "{sentence}"
        );
    }
    assert!(wants("Pix!", target).contains("must be the name of a client certificate"));
    assert!(wants("pix", "http://loja.invalid/").contains("needs a target with https://"));
    let change = |fields: Value| daemon.patch(&path, &json!({ "webhook": fields }));
    change(json!({ "target": "http://loja.invalid/" })).refused(422, "invalid_fields");
    change(json!({ "client_certificate": "boleto" })).refused(422, "invalid_fields");
    let shown = carteiro(&daemon, &["webhooks", "show", &id], "", &[]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.lines().any(|line| line.starts_with("client certificate") && line.ends_with("pix")), "{shown}");
    let exported = carteiro(&daemon, &["webhooks", "export"], "", &[]);
    assert!(String::from_utf8_lossy(&exported.stdout).contains("client_certificate = \"pix\""), "{exported:?}");
    let token = std::fs::read_to_string(daemon.data().join("admin-token-loja-2")).unwrap();
    let other = json!({ "webhook": { "target": target, "events": ["*"], "client_certificate": "boleto" } });
    daemon.call_as(token.trim(), "POST", "/api/webhooks", "", other.to_string().as_bytes()).expect(201);
    let metric = |name: &str| {
        let metrics = String::from_utf8(daemon.get("/metrics").body).unwrap();
        let line = format!("carteiro_client_certificate_expiry_timestamp_seconds{{name=\"{name}\"}} ");
        metrics.lines().find_map(|one| one.strip_prefix(&line).map(str::to_owned))
    };
    assert_eq!(metric("pix").as_deref(), Some("2556230400"));

    // The operator is told at once which webhooks send nothing from now on.
    daemon.configure(&with(&[]));
    let (code, reported, warned) = daemon.run(&["reload"]);
    assert!(
        code == Some(0) && reported == "config reloaded\n" && warned.contains("no client certificate pix"),
        "{warned}"
    );

    // It is for another account by now, and then gone: nothing is sent, and the webhook can still be changed.
    for (config, says) in [
        (with(&[("pix", "\"loja-2\"")]), "is not for this account any more"),
        (with(&[]), "is not in the config any more"),
    ] {
        daemon.reload(&config);
        let failed = daemon.await_status(&daemon.record("PAYMENT.PAID"), "FAILED");
        let error = &last(&failed)["error"];
        assert_eq!(error["code"], "client_certificate_missing", "{error}");
        assert!(error["message"].as_str().unwrap().contains(says), "{error}");
        assert_eq!(failed["attempts"][0]["request"]["sent"], false, "{failed}");
        change(json!({ "description": says, "client_certificate": "pix" })).expect(200);
    }
    assert_eq!(metric("pix"), None);
    let cleared = carteiro(&daemon, &["webhooks", "change", &id, "--clear", "client_certificate"], "", &[]);
    assert!(cleared.status.success(), "{cleared:?}");
    assert!(daemon.get(&path).expect(200).data()["client_certificate"].is_null());
    // Which accounts may use one must be said where there are several.
    daemon.configure(&format!("{}{}{accounts}", pki.config(&[]), pki.table("pix")));
    let (code, _, said) = daemon.run(&["check-config"]);
    assert!(code == Some(78) && said.contains("must say which accounts may use it"), "{said}");
}
