use super::*;
use crate::store::engine::journal::disk::{Disk as _, MemoryDisk};

const HEAD: Head = Head { body_bytes: 0, commit: 41, durable: 40, time_ms: 1_700_000_000_000, previous_crc: 0xabcd };

fn row(key: &str, value: Option<&[u8]>) -> RowWrite {
    (key.into(), value.map(Slice::from))
}

/// Writes a frame, and reads it again.
fn there_and_back(rows: &[RowWrite]) -> (Vec<u8>, u64) {
    let disk = MemoryDisk::new();
    let file = disk.create("f").unwrap();
    let head = Head { body_bytes: body_bytes(rows).unwrap(), ..HEAD };
    let calls = disk.calls();
    let crc = write(&*file, 10, 99, &head, rows, &mut Vec::new()).unwrap();
    let calls = disk.calls() - calls;
    let (read, hasher) = read_head(&*file, 10, 99).unwrap().unwrap();
    assert_eq!(read, head);
    let mut body = Vec::new();
    assert_eq!(read_body(&*file, 10, &head, hasher, &mut body).unwrap(), Some(crc));
    assert_eq!(super::rows(&body).unwrap(), rows);
    let contents = disk.contents("f").unwrap();
    assert_eq!(contents.len() as u64, 10 + head.frame_bytes());
    // The same bytes as a body.
    let again = disk.create("g").unwrap();
    assert_eq!(write_body(&*again, 10, 99, &head, &body, &mut Vec::new()).unwrap(), crc);
    assert_eq!(disk.contents("g").unwrap(), contents);
    assert!(read_head(&*file, 10, 98).unwrap().is_none(), "another salt");
    (contents[10..].to_vec(), calls)
}

#[test]
fn any_rows_come_back() {
    there_and_back(&[]);
    there_and_back(&[row("", None), row("", Some(b"")), row("k", Some(b"v")), row("k", None)]);
    let (_, calls) = there_and_back(&[row("small", Some(&[1; 1500]))]);
    assert_eq!(calls, 1, "one write");
    for size in [PIECE_BYTES - 100, PIECE_BYTES, 3 * PIECE_BYTES + 7] {
        let value = vec![3; size];
        let (_, calls) = there_and_back(&[row("a", Some(&value)), row("b", None), row("c", Some(&value))]);
        assert_eq!(calls, (2 * size).div_ceil(PIECE_BYTES) as u64 + u64::from(2 * size == 2 * PIECE_BYTES));
    }
}

#[test]
fn limits() {
    let large = Slice::from(vec![0; MAX_BODY_BYTES - LENGTHS_BYTES]);
    assert_eq!(body_bytes(&[(Slice::default(), Some(large.clone()))]).unwrap() as usize, MAX_BODY_BYTES);
    let rows = [(Slice::from(b"k"), Some(large))];
    assert!(matches!(body_bytes(&rows), Err(EngineError::TooLarge { bytes }) if bytes == MAX_BODY_BYTES + 1));
    let key = |bytes: usize| (Slice::from(vec![0; bytes]), None);
    body_bytes(&[key(65_535)]).unwrap();
    assert!(matches!(body_bytes(&[key(65_536)]), Err(EngineError::TooLarge { .. })));
}

/// The bytes are part of the file format.
#[test]
fn golden_bytes() {
    let (bytes, _) = there_and_back(&[row("k", Some(b"v")), row("gone", None)]);
    let hex = crate::store::engine::journal::tests::hex(&bytes);
    let head = "c766726d0000001200000000000000290000000000000028".to_owned() + "0000018bcfe56800" + "0000abcd";
    let body = "000100000001".to_owned() + "6b76" + "0004ffffffff" + "676f6e65";
    assert_eq!(hex[..72], head);
    assert_eq!(hex[80..116], body);
}

#[test]
fn any_flipped_bit_and_any_cut_is_seen() {
    let (whole, _) = there_and_back(&[row("key", Some(&[7; 60])), row("other", None)]);
    let disk = MemoryDisk::new();
    let read = |bytes: &[u8]| {
        disk.put("f", Some(bytes.to_vec()));
        let file = disk.open("f").unwrap();
        let head = read_head(&*file, 0, 99).unwrap();
        head.and_then(|(head, crc)| read_body(&*file, 0, &head, crc, &mut Vec::new()).unwrap())
    };
    assert!(read(&whole).is_some());
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(read(&flipped), None);
    }
    for length in 0..whole.len() {
        assert_eq!(read(&whole[..length]), None);
    }
}

#[test]
fn a_body_of_no_rows_is_damage() {
    for body in [&[0][..], &[0, 1, 0, 0, 0, 1, 9], &[0, 0, 0xff, 0xff, 0xff, 0xfe]] {
        assert!(matches!(rows(body), Err(EngineError::Damaged(_))));
    }
}
