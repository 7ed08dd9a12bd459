//! TLS with targets: which certificates are accepted, and the errors of failed handshakes.

use super::*;

/// A certificate authority in a file, and an acceptor for 127.0.0.1 and localhost under it.
pub(super) fn authority(names: &[&str]) -> (tempfile::NamedTempFile, TlsAcceptor) {
    authority_for(names, |_| {})
}

/// The same, with a say in what the certificate holds.
pub(super) fn authority_for(
    names: &[&str],
    change: impl FnOnce(&mut CertificateParams),
) -> (tempfile::NamedTempFile, TlsAcceptor) {
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Autoridade da Loja");
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(params, ca_key);
    let names = names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let mut leaf = CertificateParams::new(names).unwrap();
    change(&mut leaf);
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), ca.pem()).unwrap();
    (file, acceptor(&leaf, &key))
}

pub(super) fn acceptor(certificate: &rcgen::Certificate, key: &KeyPair) -> TlsAcceptor {
    acceptor_of(certificate, key, rustls::ALL_VERSIONS, rustls::crypto::ring::ALL_CIPHER_SUITES)
}

pub(super) fn acceptor_of(
    certificate: &rcgen::Certificate,
    key: &KeyPair,
    versions: &[&'static rustls::SupportedProtocolVersion],
    ciphers: &[rustls::SupportedCipherSuite],
) -> TlsAcceptor {
    let provider = rustls::crypto::ring::default_provider();
    let provider = rustls::crypto::CryptoProvider { cipher_suites: ciphers.to_vec(), ..provider };
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

pub(super) async fn tls_target(acceptor: TlsAcceptor) -> Target {
    async fn serve(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
        while read_request(stream).await.is_some() {
            stream.write_all(OK.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        }
    }
    Target::start(move |_, stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                serve(&mut stream).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn tls_is_spoken_with_an_extra_authority_to_names_and_addresses() {
    let (ca, acceptor) = authority(&["127.0.0.1", NAME]);
    let target = tls_target(acceptor).await;
    let trusting = ClientSettings { tls: tls::client_config(Some(ca.path())).unwrap(), ..settings() };
    let client = knowing_a_name(trusting);
    for host in ["127.0.0.1", NAME] {
        let url = format!("https://{host}:{}/", target.address.port());
        let report = client.attempt(outbound(&url)).await;
        assert!(report.result.confirms(), "{host}: {:?}", report.result);
        assert!(report.timings.tls_us.is_some());
        assert_eq!(report.tls, Some(TlsVersion::V1_3));
        let again = client.attempt(outbound(&url)).await;
        assert!(again.result.confirms() && again.timings.tls_us.is_none());
        assert_eq!(again.tls, Some(TlsVersion::V1_3), "known of a pooled connection too");
    }
    assert_eq!(target.accepted(), 2);
}

#[tokio::test]
async fn certificates_of_strangers_and_other_names_are_refused() {
    let (ca, acceptor) = authority(&["outra.example"]);
    let target = tls_target(acceptor).await;
    let url = format!("https://{}/", target.address);
    let report = client().attempt(outbound(&url)).await;
    let (code, message) = error(&report);
    assert_eq!(code, ErrorCode::TlsUntrusted);
    assert_eq!(
        message,
        "The certificate of 127.0.0.1 was issued by \"Autoridade da Loja\", which is not a trusted authority, or \
         the server does not send the intermediate certificates; an authority of your own goes into the file that \
         `[egress] extra_ca_file` in the config names."
    );
    assert_eq!(report.tls, None);
    let trusting = ClientSettings { tls: tls::client_config(Some(ca.path())).unwrap(), ..settings() };
    let report = Client::new(trusting, Clock::System).attempt(outbound(&url)).await;
    assert_eq!(
        error(&report),
        (ErrorCode::TlsNameMismatch, "The certificate at 127.0.0.1 was made for outra.example, and not for 127.0.0.1.")
    );
}

#[tokio::test]
async fn a_certificate_outside_its_time_is_told_with_the_day() {
    for (from, to, code, says, says_pt) in [
        (
            (2019, 3, 3),
            (2020, 3, 3),
            ErrorCode::TlsExpired,
            "expired on 3 March 2020.",
            "expirou em 3 de março de 2020.",
        ),
        ((2098, 5, 1), (2099, 5, 1), ErrorCode::TlsNotYetValid, "from 1 May 2098:", "a partir de 1º de maio de 2098:"),
    ] {
        let (ca, acceptor) = authority_for(&["127.0.0.1"], |leaf| {
            leaf.not_before = date_time_ymd(from.0, from.1, from.2);
            leaf.not_after = date_time_ymd(to.0, to.1, to.2);
        });
        let target = tls_target(acceptor).await;
        let trusting = ClientSettings { tls: tls::client_config(Some(ca.path())).unwrap(), ..settings() };
        let report =
            Client::new(trusting, Clock::System).attempt(outbound(&format!("https://{}/", target.address))).await;
        let AttemptResult::Error(failed) = &report.result else { panic!("{report:?}") };
        assert_eq!(failed.code, code, "{failed:?}");
        assert!(failed.message.contains(says) && failed.message_pt.contains(says_pt), "{failed:?}");
    }
}

#[tokio::test]
async fn tls_1_2_is_spoken_and_recorded() {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let old = [&rustls::version::TLS12];
    let target = tls_target(acceptor_of(&certificate, &key, &old, rustls::crypto::ring::ALL_CIPHER_SUITES)).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate.pem()).unwrap();
    let trusting = ClientSettings { tls: tls::client_config(Some(file.path())).unwrap(), ..settings() };
    let client = Client::new(trusting, Clock::System);
    for _ in 0..2 {
        let report = client.attempt(outbound(&format!("https://{}/", target.address))).await;
        assert!(report.result.confirms(), "{report:?}");
        assert_eq!(report.tls, Some(TlsVersion::V1_2));
    }
    assert_eq!(target.accepted(), 1);
}

#[tokio::test]
async fn a_server_without_a_cipher_or_version_of_ours_is_told_apart() {
    use rustls::crypto::ring::cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
    // Its certificate is for ECDSA, its one cipher for RSA: it can't take what the client offers.
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (old, rsa) = ([&rustls::version::TLS12], [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]);
    let target = tls_target(acceptor_of(&certificate, &key, &old, &rsa)).await;
    let report = client().attempt(outbound(&format!("https://{}/", target.address))).await;
    let (code, message) = error(&report);
    assert_eq!(code, ErrorCode::TlsNoCommonCipher, "{message}");
    assert!(message.contains("no TLS cipher in common"), "{message}");
    // What a server answers that speaks TLS 1.1 at most: the alert `protocol_version`.
    let ancient = Target::start(|_, mut stream| async move {
        stream.readable().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream.write_all(&[21, 3, 2, 0, 2, 2, 70]).await.unwrap();
        while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
    })
    .await;
    let report = client().attempt(outbound(&format!("https://{}/", ancient.address))).await;
    assert_eq!(error(&report), (ErrorCode::TlsNoCommonCipher, "127.0.0.1 speaks neither TLS 1.2 nor TLS 1.3."));
}

/// What `openssl req -x509` makes: a certificate that is its own authority. webpki never takes one for a server's, so
/// naming it in `extra_ca_file` did not help, and the message was a Rust enum's.
#[tokio::test]
async fn a_certificate_that_is_its_own_authority_is_taken_when_the_config_names_it() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    let target = tls_target(acceptor(&certificate, &key)).await;
    let url = format!("https://{}/", target.address);
    let report = client().attempt(outbound(&url)).await;
    let (code, message) = error(&report);
    assert_eq!(code, ErrorCode::TlsUntrusted);
    assert!(message.contains("is its own authority") && message.contains("extra_ca_file"), "{message}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate.pem()).unwrap();
    let trusting = ClientSettings { tls: tls::client_config(Some(file.path())).unwrap(), ..settings() };
    let client = knowing_a_name(trusting);
    assert_eq!(response(&client.attempt(outbound(&url)).await).status, 200);
    let other_name = url.replace("127.0.0.1", NAME);
    let report = client.attempt(outbound(&other_name)).await;
    let (_, message) = error(&report);
    assert!(message.contains(&format!("made for 127.0.0.1, and not for {NAME}")), "{message}");
}

#[tokio::test]
async fn a_tls_handshake_that_fails_or_never_ends_is_told_apart() {
    let plain = Target::start(|_, mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
        while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
    })
    .await;
    let report = client().attempt(outbound(&format!("https://{}/", plain.address))).await;
    assert_eq!(
        error(&report),
        (ErrorCode::TlsFailed, "What 127.0.0.1 answered is not TLS: is this port a plain http one?")
    );
    let closing = Target::start(|_, stream| async move { stream.readable().await.unwrap() }).await;
    let report = client().attempt(outbound(&format!("https://{}/", closing.address))).await;
    assert_eq!(error(&report).0, ErrorCode::TlsFailed);
    let silent =
        Target::start(
            |_, mut stream| async move { while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {} },
        )
        .await;
    let impatient = Client::new(settings().connecting_within(SHORT), Clock::System);
    let report = impatient.attempt(outbound(&format!("https://{}/", silent.address))).await;
    assert_eq!(error(&report).0, ErrorCode::ConnectTimeout);
    assert!(report.timings.connect_us.is_some() && report.timings.tls_us.is_some_and(|us| us > 0));
}

/// Serves whichever certificate it holds.
#[derive(Debug)]
struct Renewable(std::sync::Mutex<Arc<rustls::sign::CertifiedKey>>);

impl rustls::server::ResolvesServerCert for Renewable {
    fn resolve(&self, _hello: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(self.0.lock().unwrap().clone())
    }
}

/// A session that was resumed hid for a day that the target had renewed its certificate.
#[tokio::test]
async fn a_renewed_certificate_is_seen_though_the_target_resumes_sessions() {
    let ca_key = KeyPair::generate().unwrap();
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = root.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(root, ca_key);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let now = Clock::System.now();
    let ending_in = |days: u64| {
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        leaf.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(now.as_secs() + days * 86_400);
        let leaf = leaf.signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Arc::new(rustls::sign::CertifiedKey::from_der(vec![leaf.der().clone()], key, &provider).unwrap())
    };
    let serves = Arc::new(Renewable(std::sync::Mutex::new(ending_in(5))));
    let config = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(serves.clone());
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (kinds, mut made) = mpsc::unbounded_channel();
    // One request on each connection.
    let target = Target::start(move |_, stream| {
        let (acceptor, kinds) = (acceptor.clone(), kinds.clone());
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            read_request(&mut stream).await.unwrap();
            let answer = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.unwrap();
            kinds.send(stream.get_ref().1.handshake_kind().unwrap()).unwrap();
            stream.shutdown().await.ok();
        }
    })
    .await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), ca.pem()).unwrap();
    let trusting = ClientSettings { tls: tls::client_config(Some(file.path())).unwrap(), ..settings() };
    let client = Client::new(trusting, Clock::System);
    let request = || outbound(&format!("https://{}/", target.address));
    let mut is_resumed = async || {
        assert!(client.attempt(request()).await.result.confirms());
        made.recv().await.unwrap() == rustls::HandshakeKind::Resumed
    };
    let is_near = || client.certificate_of(&request().target).unwrap().is_near(now);
    assert_eq!([is_resumed().await, is_near()], [false, true]);
    assert_eq!([is_resumed().await, is_resumed().await], [false, false]);
    *serves.0.lock().unwrap() = ending_in(300);
    assert_eq!([is_resumed().await, is_near()], [false, false]);
    // Sessions that began with the old certificate are still resumed, and say nothing of the new one.
    for _ in 0..3 {
        is_resumed().await;
        assert!(!is_near());
    }
}
