use super::*;

#[test]
fn odd_bytes_are_nothing() {
    for bytes in [&b""[..], b"\x30", b"\x30\x80", b"\x30\x84\0\0\0\0", b"\x30\x82\xff\xff", &[0x30; 4096]] {
        assert_eq!(read(bytes), None, "{bytes:?}");
    }
    assert_eq!(dotted(&[]), "");
    assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]), "1.2.840.113549");
    assert_eq!(dotted(&[0x88, 0x37, 1]), "2.999.1");
    assert_eq!(dotted(&[0xff; 200]), "");
}

pub(crate) fn fixture(pem: &[u8]) -> Facts {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject as _;
    read(&CertificateDer::from_pem_slice(pem).unwrap()).unwrap()
}

#[test]
fn moments_are_read_in_both_forms_and_in_no_other() {
    let read = |tag, text: &str| time((tag, text.as_bytes())).map(|at| at.to_string());
    assert_eq!(read(0x17, "491231235959Z").as_deref(), Some("2049-12-31T23:59:59.000Z"));
    assert_eq!(read(0x17, "991231235959Z").as_deref(), Some("1999-12-31T23:59:59.000Z"));
    assert_eq!(read(0x18, "20510102000000Z").as_deref(), Some("2051-01-02T00:00:00.000Z"));
    for (tag, text) in
        [(0x17, "20491231235959Z"), (0x18, "491231235959Z"), (0x17, "4912312359Z"), (0x17, "é1231235959Z")]
    {
        assert_eq!(read(tag, text), None, "{text}");
    }
}

#[test]
fn what_openssl_makes_is_read() {
    let v1 = fixture(include_bytes!("fixtures/v1.pem"));
    assert_eq!((v1.version, v1.signed, v1.key, v1.names.len()), (1, Signature::Other, PublicKey::Curve("P-256"), 0));
    assert_eq!((&*v1.subject, &*v1.issuer, v1.is_self_issued), ("loja.example", "Autoridade de Teste", false));
    // Behind 2050, where the form of times changes.
    assert!(v1.not_after.unwrap().as_secs() > 4_000_000_000 && v1.not_before.unwrap().as_secs() > 1_700_000_000);
    let sha1 = fixture(include_bytes!("fixtures/sha1.pem"));
    assert_eq!((sha1.version, sha1.signed, &*sha1.names), (3, Signature::Sha1, &["127.0.0.1".to_owned()][..]));
    let critical = fixture(include_bytes!("fixtures/critical.pem"));
    assert_eq!((critical.unknown_critical.as_deref(), critical.is_authority), (Some("1.2.3.4.5"), true));
    let ca = fixture(include_bytes!("fixtures/ca.pem"));
    assert!(ca.is_self_issued && ca.is_authority && ca.key.is_taken());
    for (pem, key, shown) in [
        (&include_bytes!("fixtures/rsa1024.pem")[..], PublicKey::Rsa(1024), "RSA 1024 bits"),
        (include_bytes!("fixtures/rsapss.pem"), PublicKey::RsaPss, "RSA-PSS"),
        (include_bytes!("fixtures/p521.pem"), PublicKey::Curve("P-521"), "P-521"),
        (include_bytes!("fixtures/secp256k1.pem"), PublicKey::Curve("secp256k1"), "secp256k1"),
        (include_bytes!("fixtures/ed448.pem"), PublicKey::Curve("Ed448"), "Ed448"),
    ] {
        let facts = fixture(pem);
        assert_eq!((facts.key, &*facts.key.to_string(), facts.key.is_taken()), (key, shown, false));
        assert!(facts.unknown_critical.is_none() && !facts.is_authority);
    }
}

/// Each byte of a certificate, changed or cut off, gives facts or none, and no panic.
#[test]
fn a_damaged_certificate_is_read_as_far_as_it_goes() {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject as _;
    let whole = CertificateDer::from_pem_slice(include_bytes!("fixtures/critical.pem")).unwrap();
    for at in 0..whole.len() {
        assert_eq!(read(&whole[..at]), None);
        for bit in 0..8 {
            let mut damaged = whole.to_vec();
            damaged[at] ^= 1 << bit;
            let _ = read(&damaged);
        }
    }
}
