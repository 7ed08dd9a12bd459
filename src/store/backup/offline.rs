//! A backup of a store that nobody changes.

use crate::store::backup::format::{BackupError, FRAME_BYTES, Progress, Writer, put_row};
use crate::store::backup::live::is_whole;
use crate::store::engine::Tree;
use crate::store::error::StoreError;
use std::io::Write;

pub(crate) fn write_tree<W: Write>(
    tree: &dyn Tree,
    writer: &mut Writer<W>,
    mut progress: impl FnMut(Progress),
) -> Result<(), BackupError> {
    let mut body = Vec::with_capacity(FRAME_BYTES * 2);
    for row in tree.range(&[], None) {
        let (key, value) = row.map_err(StoreError::from)?;
        put_row(&mut body, &key, Some(&value));
        if body.len() >= FRAME_BYTES {
            progress(writer.rows(&body)?);
            body.clear();
        }
    }
    if !body.is_empty() {
        progress(writer.rows(&body)?);
    }
    Ok(is_whole(tree)?)
}
