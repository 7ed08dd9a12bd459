//! Rows as bytes, as they stand in a frame of the journal and in a backup, one behind the other:
//! `[key's length u16][value's length u32][key][value]`, numbers big-endian. A value's length of all ones deletes the
//! key. It is part of both file formats; the checksum over such bytes is checked before they are read.

/// How many bytes stand in front of a row's key.
pub(crate) const LENGTHS_BYTES: usize = 2 + 4;
/// The length of a value that is none.
const DELETED: u32 = u32::MAX;

/// A row: a key, and its value unless it is deleted.
pub(crate) type RowBytes<'b> = (&'b [u8], Option<&'b [u8]>);

/// These bytes don't divide into rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotRows;

/// What stands in front of a row's key; `None` of a key or a value that is too long for it.
pub(crate) fn lengths(key: &[u8], value: Option<&[u8]>) -> Option<[u8; LENGTHS_BYTES]> {
    let key = u16::try_from(key.len()).ok()?;
    let value = match value {
        Some(value) => u32::try_from(value.len()).ok().filter(|length| *length != DELETED)?,
        None => DELETED,
    };
    let mut lengths = [0; LENGTHS_BYTES];
    lengths[..2].copy_from_slice(&key.to_be_bytes());
    lengths[2..].copy_from_slice(&value.to_be_bytes());
    Some(lengths)
}

/// The rows that these bytes are. An error is the last item.
pub(crate) fn rows(mut bytes: &[u8]) -> impl Iterator<Item = Result<RowBytes<'_>, NotRows>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let row = take_row(&mut bytes);
        if row.is_none() {
            bytes = &[];
        }
        Some(row.ok_or(NotRows))
    })
}

fn take_row<'b>(bytes: &mut &'b [u8]) -> Option<RowBytes<'b>> {
    let lengths = take(bytes, LENGTHS_BYTES)?;
    let key = u16::from_be_bytes(lengths[..2].try_into().ok()?);
    let value = u32::from_be_bytes(lengths[2..].try_into().ok()?);
    let key = take(bytes, usize::from(key))?;
    let value = if value == DELETED { None } else { Some(take(bytes, usize::try_from(value).ok()?)?) };
    Some((key, value))
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(written: &[(Vec<u8>, Option<Vec<u8>>)]) -> Vec<u8> {
        let row = |(key, value): &(Vec<u8>, Option<Vec<u8>>)| {
            [&lengths(key, value.as_deref()).unwrap()[..], key, value.as_deref().unwrap_or_default()].concat()
        };
        written.iter().flat_map(row).collect()
    }

    /// The bytes are part of two file formats.
    #[test]
    fn golden_bytes() {
        let bytes =
            encode(&[(b"key".to_vec(), Some(b"value".to_vec())), (b"gone".to_vec(), None), (vec![], Some(vec![]))]);
        let expected: [&[u8]; 3] = [b"\0\x03\0\0\0\x05keyvalue", b"\0\x04\xff\xff\xff\xffgone", b"\0\0\0\0\0\0"];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn a_key_has_at_most_65_535_bytes() {
        assert_eq!(lengths(&vec![0; 65_535], None).unwrap(), [255; 6]);
        assert!(lengths(&vec![0; 65_536], None).is_none());
    }

    proptest! {
        /// And cut off anywhere they are fewer rows, or none and an error.
        #[test]
        fn any_rows_come_back(
            written in proptest::collection::vec((any::<Vec<u8>>(), any::<Option<Vec<u8>>>()), 0..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let bytes = encode(&written);
            let owned = |(key, value): RowBytes<'_>| (key.to_vec(), value.map(<[u8]>::to_vec));
            let read: Result<Vec<_>, NotRows> = rows(&bytes).map(|row| row.map(owned)).collect();
            prop_assert_eq!(read.unwrap(), &written[..]);
            let cut = cut.index(bytes.len() + 1);
            let read: Vec<_> = rows(&bytes[..cut]).map(|row| row.map(owned)).collect();
            let whole = read.iter().take_while(|row| row.is_ok()).count();
            prop_assert!(read.len() <= whole + 1);
            prop_assert_eq!(read.len() == whole, encode(&written[..whole]).len() == cut);
            for (read, written) in read.into_iter().flatten().zip(&written) {
                prop_assert_eq!(&read, written);
            }
        }
    }
}
