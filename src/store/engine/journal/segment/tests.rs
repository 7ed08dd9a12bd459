use super::*;
use crate::store::engine::journal::disk::MemoryDisk;

const HEADER: Header = Header {
    identity: Identity { store: [7; 16], format: 1 },
    number: 3,
    epoch: 2,
    salt: 0x0102_0304_0506_0708,
    predecessor: 2,
    predecessor_last: 10,
    predecessor_crc: 0xdead_beef,
    line: 11,
    durable: 10,
    next: 11,
    loss_epoch: 1,
    after_loss: false,
};

/// The bytes are part of the file format.
#[test]
fn golden_bytes() {
    let hex = crate::store::engine::journal::tests::hex;
    let eight = |number: u64| format!("{number:016x}");
    let mut expected = format!("636172746569726a0100000001{}", "07".repeat(16));
    expected += &[eight(3), eight(2), eight(HEADER.salt), eight(2), eight(10)].concat();
    expected += &["deadbeef", "0000000b", &eight(10), &eight(11), &eight(1), "00"].concat();
    let header = HEADER.encode();
    assert_eq!(hex(&header[..HEADER_BYTES - 4]), expected);
    assert_eq!(Header::decode(&header), Some(HEADER));
    let seal = Seal { successor: 4, last: 12, last_crc: 9 }.encode(HEADER.salt);
    assert_eq!(hex(&seal[..24]), format!("c7656e64{}{}00000009", eight(4), eight(12)));
}

#[test]
fn a_flipped_bit_in_a_header_is_seen() {
    let disk = MemoryDisk::new();
    for bit in 0..HEADER_BYTES * 8 {
        let mut header = HEADER.encode();
        header[bit / 8] ^= 1 << (bit % 8);
        disk.put("s", Some(header.to_vec()));
        let read = read_header(&*disk.open("s").unwrap()).unwrap();
        assert_eq!(read, Beginning::Nothing);
    }
}

#[test]
fn a_closed_segment_tells_whether_it_is_whole() {
    let disk = MemoryDisk::new();
    let mut piece = Vec::new();
    let (file, place) = begin(&disk, &HEADER, |file, place| {
        for _ in 0..3 {
            let head = place.head(0, 10, 5);
            let crc = frame::write(file, place.at, HEADER.salt, &head, &[], &mut piece)?;
            HEADER.advance(place, &head, crc);
        }
        Ok(())
    })
    .unwrap();
    let name = name(3);
    assert!(read_closed(&disk, &name).is_err(), "open");
    assert_eq!(behind(&*file, HEADER.salt, 0).unwrap(), Behind { durable: 10, commit: 13 });
    seal(&*file, HEADER.salt, &place, 4).unwrap();
    let frames = read_closed(&disk, &name).unwrap();
    assert_eq!(frames.header(), &HEADER);
    let commits: Vec<u64> = frames.map(|frame| frame.unwrap().commit).collect();
    assert_eq!(commits, [11, 12, 13]);
    let whole = disk.contents(&name).unwrap();
    let read = |bytes: Vec<u8>| {
        disk.put(&name, Some(bytes));
        read_closed(&disk, &name).and_then(Iterator::collect::<Result<Vec<_>, _>>)
    };
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        assert!(read(flipped).is_err());
        assert!(read(whole[..at].to_vec()).is_err());
    }
    assert!(read([&whole[..], &whole[whole.len() - SEAL_BYTES..]].concat()).is_err(), "behind its seal");
}

/// Numbers that were lost come behind the copies, or at once where there are none.
#[test]
fn the_numbers_of_lost_commits_are_passed_over() {
    let copied = Header { durable: 12, next: 20, ..HEADER };
    let mut place = copied.place();
    let mut commits = Vec::new();
    for _ in 0..4 {
        let head = place.head(0, 0, 0);
        commits.push(head.commit);
        copied.advance(&mut place, &head, 0);
    }
    assert_eq!(commits, [11, 12, 20, 21]);
    assert_eq!(Header { next: 20, ..HEADER }.place().last, 19);
}
