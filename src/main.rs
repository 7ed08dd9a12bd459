//! carteiro
fn main() {}
