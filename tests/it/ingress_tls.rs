//! TLS in the process: what is offered, what is served, and how a certificate is changed under way.

use super::harness::{Daemon, QUICK, eventually};
use super::ingress::{connect, hung_up_after};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned, SupportedProtocolVersion,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A certificate and a key in a folder of their own.
struct Files(tempfile::TempDir);

impl Files {
    fn new(algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.renew(algorithm);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(self.path("beside"), text).unwrap();
        std::fs::set_permissions(self.path("beside"), std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(self.path("beside"), self.path(name)).unwrap();
    }

    fn renew(&self, algorithm: &'static rcgen::SignatureAlgorithm) -> Vec<u8> {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = CertificateParams::new(["loja.example".to_owned()]).unwrap();
        params.not_after = date_time_ymd(2050, 1, 2);
        let certificate = params.self_signed(&key).unwrap();
        self.write("cert.pem", &certificate.pem());
        self.write("key.pem", &key.serialize_pem());
        certificate.der().to_vec()
    }

    fn config(&self, more: &str) -> String {
        let (cert, key) = (self.path("cert.pem"), self.path("key.pem"));
        let quoted = |path: &Path| format!("{:?}", path.display().to_string());
        format!("server.tls_cert = {}\nserver.tls_key = {}\n{more}", quoted(&cert), quoted(&key))
    }
}

/// Takes any certificate: which one it was is what is looked at.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

fn shake_hands(address: &str, version: &'static SupportedProtocolVersion) -> StreamOwned<ClientConnection, TcpStream> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from("loja.example").unwrap();
    let mut stream = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), connect(address));
    stream.conn.complete_io(&mut stream.sock).unwrap();
    stream
}

/// The certificate that was shown, once a call over it has been answered.
pub(crate) fn shown(address: &str, version: &'static SupportedProtocolVersion) -> Vec<u8> {
    let mut stream = shake_hands(address, version);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: loja.example\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    // A clean end: a cut without close_notify would be an error.
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

use rustls::version::{TLS12, TLS13};

#[test]
fn every_kind_of_key_serves_both_versions() {
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let files = Files::new(algorithm);
        let daemon = Daemon::start(&files.config(QUICK));
        assert_eq!(shown(&daemon.address, &TLS12), shown(&daemon.address, &TLS13));
        assert!(!daemon.log().contains("WARN"), "{}", daemon.log());
    }
}

#[test]
fn a_reload_changes_the_certificate_and_a_bad_one_changes_nothing() {
    let files = Files::new(&rcgen::PKCS_ECDSA_P256_SHA256);
    let daemon = Daemon::start(&files.config(QUICK));
    // One that is open sees nothing of the change.
    let mut open = shake_hands(&daemon.address, &TLS13);
    let second = files.renew(&rcgen::PKCS_ED25519);
    daemon.signal("-HUP");
    eventually("the new one is shown", || (shown(&daemon.address, &TLS13) == second).then_some(()));
    open.write_all(b"GET /healthz HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    files.write("key.pem", &KeyPair::generate().unwrap().serialize_pem());
    daemon.signal("-HUP");
    eventually("the bad one is refused", || daemon.log().contains("was not reloaded").then_some(()));
    daemon.logged("is not that of the first certificate");
    assert_eq!(shown(&daemon.address, &TLS12), second);
    let (code, _, said) = daemon.run(&["check-config"]);
    assert!(code == Some(78) && said.contains("key.pem"), "{said}");

    // And back to plain HTTP, by the config alone.
    daemon.configure(QUICK);
    daemon.signal("-HUP");
    eventually("plain HTTP again", || daemon.log().contains("config reloaded").then_some(()));
    eventually("it answers", || {
        super::harness::exchange(&daemon.address, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ok()
    });
}

#[test]
fn the_command_line_knows_its_daemons_certificate_and_plain_http_is_told_to_use_tls() {
    let files = Files::new(&rcgen::PKCS_ECDSA_P256_SHA256);
    let daemon = Daemon::start(&files.config(QUICK));
    let (code, out, said) =
        daemon.run(&["token", "--server", &daemon.address, "create", "--name", "erp", "--scope", "read"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(out.starts_with("ctr_"));
    daemon.get("/healthz").refused(400, "tls_required");
    let mut stream = shake_hands(&daemon.address, &TLS13);
    stream.write_all(&super::harness::request(&daemon.token, "GET", "/metrics", "", b"")).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    // 2050-01-02
    assert!(text.contains("\ncarteiro_certificate_expiry_timestamp_seconds 2524694400\n"), "{text}");
    // Renewed on disk, and not taken up yet: the daemon itself says which one it shows.
    files.renew(&rcgen::PKCS_ECDSA_P256_SHA256);
    let list = ["token", "--server", &daemon.address, "list"];
    let (code, _, said) = daemon.run(&list);
    assert_eq!(code, Some(0), "{said}");
    let (code, _, said) = daemon.run(&["health"]);
    assert_eq!(code, Some(0), "{said}");
    // Where it can't be asked, the config is what is known: somebody else's certificate at this address is not the
    // daemon's.
    let socket = daemon.data().join("control.sock");
    std::fs::rename(&socket, daemon.data().join("away")).unwrap();
    let (code, _, said) = daemon.run(&list);
    assert_eq!(code, Some(75), "{said}");
    std::fs::rename(daemon.data().join("away"), &socket).unwrap();
}

/// The certificate may be a credential of the service manager's, which the config that commands read doesn't name.
#[test]
fn commands_find_out_that_the_daemon_speaks_tls() {
    let files = Files::new(&rcgen::PKCS_ECDSA_P256_SHA256);
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::at(&folder.path().join("data"), QUICK);
    daemon.keep(folder);
    daemon.set_env("CARTEIRO_SERVER__TLS_CERT", files.path("cert.pem"));
    daemon.set_env("CARTEIRO_SERVER__TLS_KEY", files.path("key.pem"));
    daemon.spawn();
    daemon.get("/healthz").refused(400, "tls_required");
    // The port is the system's choice, which no config names either.
    for command in [&["health"][..], &["webhooks", "list"], &["token", "list", "--server", &daemon.address]] {
        let (code, _, said) = daemon.run(command);
        assert_eq!(code, Some(0), "{command:?}: {said}");
    }
    // The doctor said that TLS isn't set.
    let (_, findings, said) = daemon.run(&["doctor", "--json"]);
    let findings: Vec<serde_json::Value> = serde_json::from_str(&findings).unwrap_or_else(|_| panic!("{said}"));
    let tls = findings.iter().find(|finding| finding["check"] == "tls").unwrap();
    assert!(tls["level"] == "ok" && tls["message"].as_str().unwrap().contains("2050-01-0"), "{tls}");
    // A user who may not ask the daemon learns what to do.
    let socket = daemon.data().join("control.sock");
    std::fs::rename(&socket, daemon.data().join("away")).unwrap();
    let (code, _, said) = daemon.run(&["webhooks", "list", "--server", &daemon.address]);
    assert!(code == Some(1) && said.contains("speaks TLS") && said.contains("--server https://NAME"), "{said}");
}

#[test]
fn a_handshake_has_its_time() {
    let files = Files::new(&rcgen::PKCS_ECDSA_P256_SHA256);
    let daemon = Daemon::start(&files.config("server.handshake_timeout = \"300ms\"\n"));
    let start = Instant::now();
    assert!(hung_up_after(connect(&daemon.address), start) >= Duration::from_millis(300), "silent");
    let (mut half, start) = (connect(&daemon.address), Instant::now());
    half.write_all(&[0x16, 3, 1, 0, 200, 1]).unwrap();
    assert!(hung_up_after(half, start) >= Duration::from_millis(300), "half a hello");
}

#[test]
fn stalled_handshakes_dont_stop_service() {
    let files = Files::new(&rcgen::PKCS_ECDSA_P256_SHA256);
    let daemon = Daemon::start(&files.config("server.max_connections = 100\n"));
    let mut stalled = Vec::new();
    for nth in 0..400 {
        let mut stream = connect(&daemon.address);
        let _ = stream.write_all(if nth % 2 == 0 { &[] } else { &[0x16, 3, 1, 0, 200, 1] });
        stalled.push(stream);
        if nth % 50 == 49 {
            let start = Instant::now();
            shown(&daemon.address, &TLS13);
            assert!(start.elapsed() < Duration::from_secs(2), "{nth}: {:?}", start.elapsed());
        }
    }
}

#[test]
fn half_a_pair_is_a_problem_of_the_config() {
    let daemon = Daemon::quick();
    daemon.configure("server.tls_cert = \"cert.pem\"\n");
    let (code, _, said) = daemon.run(&["check-config"]);
    assert!(code == Some(78) && said.contains("`server.tls_cert` needs `server.tls_key`"), "{said}");
}
