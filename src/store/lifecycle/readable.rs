//! Reading as much of a damaged tree as can be read: past rows that are damaged, and past stretches of them.

use crate::store::engine::{Tree, catch_sled_panic};
use crate::store::error::{EngineError, StoreError};
use crate::store::schema::keys;

/// Hands over every row from `from` (inclusive) to `end` (exclusive) that can be read, as the tree is at that moment:
/// `take` may change it. How many rows, or ranges of them, can't be.
pub(crate) fn each_readable(
    tree: &dyn Tree,
    from: &[u8],
    end: Option<&[u8]>,
    mut take: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
) -> Result<u64, StoreError> {
    let (mut unreadable, mut next) = (0, Some(from.to_vec()));
    while let Some(mut from) = next.take() {
        for row in tree.range(&from.clone(), end) {
            match row {
                Ok((key, value)) => {
                    from = [&key[..], &[0]].concat();
                    take(&key, &value)?;
                }
                // A walk ends where sled itself can't read on: it goes on behind that.
                Err(EngineError::Sled { .. }) => {
                    unreadable += 1;
                    next = behind_the_damage(tree, &from).filter(|next| end.is_none_or(|end| next[..] < *end));
                }
                Err(error) if error.is_damage() => unreadable += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(unreadable)
}

/// As [`each_readable`], of the rows whose keys begin so.
pub(crate) fn each_readable_of(
    tree: &dyn Tree,
    prefix: &[u8],
    take: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
) -> Result<u64, StoreError> {
    each_readable(tree, prefix, Some(&keys::end_of(prefix)), take)
}

/// The first key behind `from` where reading is possible again, looked for in growing strides.
pub(crate) fn behind_the_damage(tree: &dyn Tree, from: &[u8]) -> Option<Vec<u8>> {
    // Table, account or webhook, and the number that orders most tables.
    let mut place = from.to_vec();
    place.resize(13, 0);
    let place = u128::from_be_bytes([[0; 3].as_slice(), &place].concat().try_into().ok()?);
    (0..104).find_map(|stride| {
        let next = place.checked_add(1 << stride)?.to_be_bytes()[3..].to_vec();
        catch_sled_panic(|| tree.range(&next, None).next().transpose()).is_ok().then_some(next)
    })
}
