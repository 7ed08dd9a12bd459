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
