//! Client certificates: who is shown which, over which connections, and what is said where one is missing or refused.

use super::*;
use crate::config;
use crate::model::ProxyUrl;
use rcgen::{ExtendedKeyUsagePurpose, SerialNumber};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, SupportedProtocolVersion};
use std::path::PathBuf;
use std::sync::Mutex;
use tempfile::TempDir;

/// An authority whose certificates both sides take, and the files of those it issued.
struct Pki {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    ca: rcgen::Certificate,
}

impl Pki {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let ca = params.self_signed(&key).unwrap();
        let pki = Self { folder: tempfile::tempdir().unwrap(), issuer: Issuer::new(params, key), ca };
        std::fs::write(pki.path("ca.pem"), pki.ca.pem()).unwrap();
        pki
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn leaf(&self, name: &str, serial: u64, purpose: ExtendedKeyUsagePurpose) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        params.extended_key_usages = vec![purpose];
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// Issues a client certificate with this serial number, and what the config says of it.
    fn issue(&self, name: &str, serial: u64) -> config::ClientCertificate {
        let (certificate, key) = self.leaf("loja.example", serial, ExtendedKeyUsagePurpose::ClientAuth);
        let settings = config::ClientCertificate {
            name: name.to_owned(),
            cert: self.path(&format!("{name}.pem")),
            key: self.path(&format!("{name}.key")),
            accounts: Vec::new(),
        };
        for (file, text) in [(&settings.cert, certificate.pem()), (&settings.key, key.serialize_pem())] {
            std::fs::write(self.path("beside"), text).unwrap();
            std::fs::rename(self.path("beside"), file).unwrap();
        }
        settings
    }

    /// A target that insists on a client certificate of this authority, speaks these versions, keeps its connections
    /// open, and records which certificate each request came with.
    async fn target(&self, versions: &[&'static SupportedProtocolVersion]) -> (Target, Arc<Mutex<Vec<u64>>>) {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
        let (own, key) = self.leaf("127.0.0.1", 1, ExtendedKeyUsagePurpose::ServerAuth);
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![own.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let shown = Arc::<Mutex<Vec<u64>>>::default();
        let record = shown.clone();
        let target = Target::start(move |_, stream| {
            let (acceptor, record) = (acceptor.clone(), record.clone());
            async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let chain = stream.get_ref().1.peer_certificates().unwrap().to_vec();
                while read_request(&mut stream).await.is_some() {
                    record.lock().unwrap().push(serial(&chain[0]));
                    stream.write_all(OK.as_bytes()).await.unwrap();
                    stream.flush().await.unwrap();
                }
            }
        })
        .await;
        (target, shown)
    }

    fn settings(&self, certificates: &[config::ClientCertificate]) -> ClientSettings {
        let tls = tls::client_config(Some(&self.path("ca.pem"))).unwrap();
        let client_certificates = ClientCertificates::load(certificates, &tls).unwrap();
        ClientSettings { tls, client_certificates, ..settings() }
    }
}

/// The number that a certificate of [`Pki::issue`] was given.
fn serial(certificate: &[u8]) -> u64 {
    // SEQUENCE { SEQUENCE { [0] { INTEGER 2 }, INTEGER serial … each with one byte of length or three.
    let at = certificate.windows(5).position(|window| window == [0xa0, 3, 2, 1, 2]).unwrap() + 5;
    let length = usize::from(certificate[at + 1]);
    certificate[at + 2..at + 2 + length].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn showing(target: &Target, name: Option<&str>, account: u32) -> OutboundRequest {
    let wanted = name.map(|name| (ClientCertificateName::parse(name).unwrap(), AccountNo(account)));
    OutboundRequest { client_certificate: wanted, ..outbound(&format!("https://{}/", target.address)) }
}

#[tokio::test]
async fn each_webhook_shows_its_own_certificate_and_shares_no_connection_or_session() {
    let pki = Pki::new("Autoridade");
    let certificates = [pki.issue("pix", 11), pki.issue("boleto", 12)];
    for version in [&TLS12, &TLS13] {
        let (target, shown) = pki.target(&[version]).await;
        let client = Client::new(pki.settings(&certificates), Clock::System);
        // One webhook whose certificate is changed to and fro: what is pooled, and what TLS remembers of the target,
        // began with another one.
        for name in ["pix", "boleto", "pix", "pix", "boleto"] {
            let report = client.attempt(showing(&target, Some(name), 1)).await;
            assert!(report.result.confirms(), "{name}: {report:?}");
        }
        assert_eq!(*shown.lock().unwrap(), [11, 12, 11, 11, 12]);
        assert_eq!(target.accepted(), 2, "each kept its connection");
        client.forget(WebhookNo(1));
        for name in ["boleto", "pix"] {
            assert!(client.attempt(showing(&target, Some(name), 1)).await.result.confirms());
        }
        assert_eq!(shown.lock().unwrap()[5..], [12, 11], "by new connections");
        // Without one, the same target refuses.
        let report = client.attempt(showing(&target, None, 1)).await;
        let (code, message) = error(&report);
        assert!(code == ErrorCode::TlsFailed && message.contains("the webhook has none"), "{message}");
        assert_eq!(shown.lock().unwrap().len(), 7);
    }
}

#[tokio::test]
async fn nothing_is_sent_without_the_certificate_that_a_webhook_wants() {
    let pki = Pki::new("Autoridade");
    let mut certificate = pki.issue("pix", 11);
    certificate.accounts = vec!["loja-1".to_owned()];
    let (target, shown) = pki.target(rustls::ALL_VERSIONS).await;
    let client = Client::new(pki.settings(&[certificate]), Clock::System);
    let code = |report: &AttemptReport| (error(report).0, report.sent);
    let missing = (ErrorCode::ClientCertificateMissing, false);
    // Whose account 1 is, nobody has said yet.
    assert_eq!(code(&client.attempt(showing(&target, Some("pix"), 1)).await), missing);
    client.know_accounts([(AccountNo(1), "loja-1".to_owned()), (AccountNo(2), "loja-2".to_owned())]);
    assert!(client.attempt(showing(&target, Some("pix"), 1)).await.result.confirms());
    let report = client.attempt(showing(&target, Some("pix"), 2)).await;
    assert_eq!(code(&report), missing);
    assert!(error(&report).1.contains("pix is not for this account"), "{report:?}");
    let report = client.attempt(showing(&target, Some("boleto"), 1)).await;
    assert_eq!(code(&report), missing);
    assert!(error(&report).1.contains("boleto is not in the config any more"), "{report:?}");
    let plain = Target::answering(OK).await;
    let report =
        client.attempt(OutboundRequest { target: outbound(&plain.url()).target, ..showing(&target, Some("pix"), 1) });
    let report = report.await;
    assert_eq!(code(&report), missing);
    assert!(error(&report).1.contains("is not an https URL"), "{report:?}");
    // Taken out of the config: the connection that is kept serves no more, either.
    client.replace(pki.settings(&[]));
    assert_eq!(code(&client.attempt(showing(&target, Some("pix"), 1)).await), missing);
    assert_eq!((shown.lock().unwrap().len(), target.accepted(), plain.accepted()), (1, 1, 0));
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_on_new_connections_and_a_broken_one_is_not_taken_up() {
    let pki = Pki::new("Autoridade");
    let certificate = pki.issue("pix", 11);
    let (target, shown) = pki.target(rustls::ALL_VERSIONS).await;
    let client = Client::new(pki.settings(std::slice::from_ref(&certificate)), Clock::System);
    let now = Clock::System.now();
    let mut looks = crate::delivery::transport::certificate_watch::Looks::since(now);
    let attempt = async || assert!(client.attempt(showing(&target, Some("pix"), 1)).await.result.confirms());
    attempt().await;
    pki.issue("pix", 12);
    looks.look(&client, now);
    attempt().await;
    assert_eq!((shown.lock().unwrap().as_slice(), target.accepted()), ([11, 12].as_slice(), 2));
    std::fs::write(&certificate.key, "").unwrap();
    for _ in 0..3 {
        looks.look(&client, now);
        attempt().await;
    }
    assert_eq!(target.accepted(), 2, "the old one stays, and its connection");
    pki.issue("pix", 13);
    looks.look(&client, now);
    attempt().await;
    assert_eq!(*shown.lock().unwrap(), [11, 12, 12, 12, 12, 13]);
    // A reload in between has put another in its place: what was read for the old one is let go.
    let old = client.client_certificates();
    client.replace(pki.settings(&[certificate]));
    assert!(client.renew_certificate(old.iter().next().unwrap(), |_| panic!("nothing to renew")).is_none());
}

#[tokio::test]
async fn a_target_that_refuses_the_certificate_is_told_apart() {
    let (pki, strangers) = (Pki::new("Autoridade"), Pki::new("Outra"));
    let certificate = strangers.issue("pix", 11);
    for version in [&TLS12, &TLS13] {
        let (target, shown) = pki.target(&[version]).await;
        let client = Client::new(pki.settings(std::slice::from_ref(&certificate)), Clock::System);
        let report = client.attempt(showing(&target, Some("pix"), 1)).await;
        let AttemptResult::Error(failed) = &report.result else { panic!("{report:?}") };
        assert_eq!(failed.code, ErrorCode::ClientCertificateRefused, "{failed:?}");
        let (en, pt) =
            ("refused the client certificate pix: it does not know the authority", "não conhece a autoridade");
        assert!(failed.message.contains(en) && failed.message_pt.contains(pt), "{failed:?}");
        assert!(shown.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_certificate_is_shown_through_a_proxy() {
    let pki = Pki::new("Autoridade");
    let certificate = pki.issue("pix", 11);
    let (target, shown) = pki.target(rustls::ALL_VERSIONS).await;
    let (proxy, _heads) = proxy::proxy(proxy::Manner::Proper).await;
    let by_way_of = ProxyUrl::parse(&format!("http://{}", proxy.address)).unwrap();
    let settings = ClientSettings { proxy: Some(by_way_of), ..pki.settings(&[certificate]) };
    let report = Client::new(settings, Clock::System).attempt(showing(&target, Some("pix"), 1)).await;
    assert!(report.result.confirms(), "{report:?}");
    assert_eq!((shown.lock().unwrap().as_slice(), proxy.accepted()), ([11].as_slice(), 1));
}

#[tokio::test]
async fn keys_of_each_form_are_read() {
    let pki = Pki::new("Autoridade");
    let (target, shown) = pki.target(rustls::ALL_VERSIONS).await;
    for (form, algorithm) in [
        ("-----BEGIN PRIVATE KEY-----", &rcgen::PKCS_ECDSA_P256_SHA256),
        ("-----BEGIN PRIVATE KEY-----", &rcgen::PKCS_ECDSA_P384_SHA384),
        ("-----BEGIN PRIVATE KEY-----", &rcgen::PKCS_ED25519),
    ] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = CertificateParams::new(["loja.example".to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(21_u64));
        let leaf = params.signed_by(&key, &pki.issuer).unwrap();
        let settings = pki.issue("pix", 11);
        assert!(key.serialize_pem().starts_with(form));
        std::fs::write(&settings.cert, leaf.pem()).unwrap();
        std::fs::write(&settings.key, key.serialize_pem()).unwrap();
        let client = Client::new(pki.settings(&[settings]), Clock::System);
        let report = client.attempt(showing(&target, Some("pix"), 1)).await;
        assert!(report.result.confirms(), "{algorithm:?}: {report:?}");
    }
    assert_eq!(*shown.lock().unwrap(), [21, 21, 21]);
}
