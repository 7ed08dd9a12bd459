//! Certificates that are refused, each with the sentence that names why.

use super::*;
use rcgen::CustomExtension;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// What an attempt at a target with this acceptor says, in English; `ca` is trusted.
async fn error_of(ca: &std::path::Path, acceptor: TlsAcceptor) -> (ErrorCode, String) {
    let target = tls_target(acceptor).await;
    let trusting = ClientSettings { tls: tls::client_config(Some(ca)).unwrap(), ..settings() };
    let report = Client::new(trusting, Clock::System).attempt(outbound(&format!("https://{}/", target.address))).await;
    let AttemptResult::Error(error) = report.result else { panic!("{report:?}") };
    for sentence in [&error.message, &error.message_pt] {
        // A library's debug text has braces, or the name of a variant.
        assert!(sentence.len() < 400 && !sentence.contains(['{', '}']) && !sentence.contains("Context"), "{sentence}");
    }
    (error.code, error.message)
}

async fn said_of(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> (ErrorCode, String) {
    let [ca_key, key] = std::array::from_fn(|_| KeyPair::generate().unwrap());
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.distinguished_name.push(DnType::CommonName, "Autoridade da Loja");
    let ca = root.self_signed(&ca_key).unwrap();
    let mut leaf = CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap();
    change(&mut leaf);
    let leaf = leaf.signed_by(&key, &Issuer::new(root, ca_key)).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), ca.pem()).unwrap();
    error_of(file.path(), serving(vec![leaf.der().clone()], key.serialize_der())).await
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_named() {
    let names = ["a.example", "b.example", "c.example", "d.example", "e.example", "f.example", "g.example"];
    let (code, message) = said_of(&names, |_| {}).await;
    assert_eq!(code, ErrorCode::TlsNameMismatch);
    let list = "a.example, b.example, c.example, d.example, e.example and 2 more";
    assert_eq!(message, format!("The certificate at 127.0.0.1 was made for {list}, and not for 127.0.0.1."));

    let (code, message) = said_of(&[], |leaf| {
        leaf.distinguished_name.push(DnType::CommonName, "127.0.0.1");
        // Makes rcgen write version 3 with extensions, as `openssl x509 -extfile` does.
        leaf.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    })
    .await;
    assert_eq!(code, ErrorCode::TlsNameMismatch);
    assert!(message.contains("names no host (its CN \"127.0.0.1\" is not looked at)"), "{message}");

    let (code, message) = said_of(&["127.0.0.1"], |leaf| {
        let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4, 5], vec![5, 0]);
        extension.set_criticality(true);
        leaf.custom_extensions.push(extension);
    })
    .await;
    assert_eq!(code, ErrorCode::TlsFailed);
    assert!(message.contains("an extension (1.2.3.4.5) that is marked critical"), "{message}");

    let (code, message) = said_of(&["127.0.0.1"], |leaf| {
        leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        leaf.distinguished_name.push(DnType::CommonName, "Loja");
    })
    .await;
    assert_eq!(code, ErrorCode::TlsFailed);
    assert!(
        message.contains("marked as an authority's (CA:TRUE)") && message.contains("Autoridade da Loja"),
        "{message}"
    );

    let (code, message) = said_of(&[], |leaf| {
        leaf.distinguished_name = rcgen::DistinguishedName::new();
        leaf.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    })
    .await;
    assert_eq!(code, ErrorCode::TlsNameMismatch);
    let says = "The certificate of 127.0.0.1 names no host: issue it again with 127.0.0.1 in subjectAltName.";
    assert_eq!(message, says);

    let client_alone = |leaf: &mut CertificateParams| {
        leaf.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    };
    let (code, message) = said_of(&["127.0.0.1"], client_alone).await;
    assert_eq!(code, ErrorCode::TlsFailed);
    assert!(message.contains("extended key usage lacks serverAuth"), "{message}");
}

/// A chain of root, intermediate and leaf; `change` is of the intermediate.
async fn said_of_chain(change: impl FnOnce(&mut CertificateParams)) -> (ErrorCode, String) {
    let [ca_key, middle_key, key] = std::array::from_fn(|_| KeyPair::generate().unwrap());
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.distinguished_name.push(DnType::CommonName, "Autoridade da Loja");
    let ca = root.self_signed(&ca_key).unwrap();
    let mut middle = CertificateParams::default();
    middle.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    middle.distinguished_name.push(DnType::CommonName, "Intermediária");
    change(&mut middle);
    let between = middle.signed_by(&middle_key, &Issuer::new(root, ca_key)).unwrap();
    let mut leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    leaf.distinguished_name.push(DnType::CommonName, "Loja");
    let leaf = leaf.signed_by(&key, &Issuer::new(middle, middle_key)).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), ca.pem()).unwrap();
    error_of(file.path(), serving(vec![leaf.der().clone(), between.der().clone()], key.serialize_der())).await
}

fn serving(chain: Vec<CertificateDer<'static>>, key: Vec<u8>) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(key).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    // Without rustls's own look at it: a server of another make serves what it is given.
    let certified = Arc::new(rustls::sign::CertifiedKey::new(chain, key));
    TlsAcceptor::from(Arc::new(config.with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)))))
}

#[tokio::test]
async fn an_intermediate_that_is_at_fault_is_called_by_its_name() {
    let (code, message) = said_of_chain(|middle| {
        middle.not_before = date_time_ymd(2019, 1, 1);
        middle.not_after = date_time_ymd(2020, 3, 3);
    })
    .await;
    assert_eq!(code, ErrorCode::TlsExpired);
    assert_eq!(
        message,
        "The intermediate certificate \"Intermediária\" that 127.0.0.1 sends expired on 3 March 2020: install its \
         authority's current one at the target."
    );
    let (code, message) = said_of_chain(|middle| {
        middle.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    })
    .await;
    assert_eq!(code, ErrorCode::TlsFailed);
    let says = "The intermediate certificate \"Intermediária\" that 127.0.0.1 sends is not meant for servers";
    assert!(message.starts_with(says), "{message}");
    let (code, message) = said_of_chain(|middle| {
        let permitted_subtrees = vec![
            rcgen::GeneralSubtree::DnsName("loja.example".to_owned()),
            rcgen::GeneralSubtree::IpAddress(rcgen::CidrSubnet::V4([10, 0, 0, 0], [255, 0, 0, 0])),
        ];
        middle.name_constraints = Some(rcgen::NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    })
    .await;
    assert_eq!(code, ErrorCode::TlsFailed);
    assert!(message.contains("\"Intermediária\" may not issue a certificate for 127.0.0.1"), "{message}");
}

#[tokio::test]
async fn certificates_of_version_1_and_of_sha_1_are_named() {
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), include_bytes!("../../../../tls/x509/fixtures/ca.pem")).unwrap();
    for (pem, says) in [
        (
            &include_bytes!("../../../../tls/x509/fixtures/v1.pem")[..],
            "is of X.509 version 1, issued without subjectAltName",
        ),
        (include_bytes!("../../../../tls/x509/fixtures/sha1.pem"), "was signed with SHA-1"),
    ] {
        let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(pem).unwrap();
        let (code, message) = error_of(ca.path(), serving(chain, key.secret_der().to_vec())).await;
        assert_eq!(code, ErrorCode::TlsFailed);
        assert!(message.contains(says), "{message}");
    }
}

/// In TLS 1.3 the server refuses only when the handshake is over for us, in 1.2 within it.
#[tokio::test]
async fn a_target_that_asks_for_a_client_certificate_is_told() {
    let (ca, _) = authority(&["127.0.0.1"]);
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(CertificateDer::pem_file_iter(ca.path()).unwrap().map(Result::unwrap));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let asks = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let acceptor = |asks: rustls::server::ClientCertVerifierBuilder| {
            let config = rustls::ServerConfig::builder_with_provider(provider.clone())
                .with_protocol_versions(&[version])
                .unwrap()
                .with_client_cert_verifier(asks.build().unwrap())
                .with_single_cert(vec![own.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap());
            TlsAcceptor::from(Arc::new(config.unwrap()))
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), own.pem()).unwrap();
        let (code, message) = error_of(file.path(), acceptor(asks.clone())).await;
        assert_eq!(code, ErrorCode::TlsFailed);
        assert!(message.starts_with("127.0.0.1 asks for a client certificate"), "{message}");

        // One that asks without insisting has another reason to close, or does not say that this is it.
        let optional = acceptor(asks.allow_unauthenticated());
        let target = Target::start(move |_, stream| {
            let optional = optional.clone();
            async move {
                let mut stream = optional.accept(stream).await.unwrap();
                read_request(&mut stream).await;
            }
        })
        .await;
        let trusting = ClientSettings { tls: tls::client_config(Some(file.path())).unwrap(), ..settings() };
        let url = format!("https://{}/", target.address);
        let closed = Client::new(trusting, Clock::System).attempt(outbound(&url)).await;
        let (code, message) = error(&closed);
        assert_eq!(code, ErrorCode::TlsFailed);
        let says =
            "127.0.0.1 asked for a client certificate, which the webhook does not have, and closed the connection";
        assert!(message.starts_with(says), "{message}");
    }
}

/// A target that speaks TLS to a plain request says so in an alert, as OpenSSL's `s_server` does.
#[tokio::test]
async fn plain_http_to_a_port_of_tls_is_told() {
    let target = Target::answering(b"\x15\x03\x03\0\x02\x02\x32").await;
    let report = client().attempt(outbound(&target.url())).await;
    assert_eq!(
        error(&report),
        (ErrorCode::BadResponse, "127.0.0.1 speaks TLS on this port: write https:// in the webhook's target.")
    );
}
