//! The journal as a whole, against a plain list of frames: crashes, damage, calls that fail; and how fast it is.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::similar_names,
    reason = "small numbers, and pairs of them"
)]

mod crashes;
mod damage;
mod faults;
mod kills;
mod model;
mod rules;
mod speed;
mod writer;

/// Bytes as a file format's test has them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
