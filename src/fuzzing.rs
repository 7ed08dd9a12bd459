//! What the fuzz targets of `tests/fuzz` call. Not part of the program: it exists under `--cfg fuzzing`, which
//! cargo-fuzz sets, and in tests, which replay the committed seeds.
//!
//! Each function takes any bytes at all and panics where a property is broken. What is asserted stands in the room it
//! is about.

/// Any bytes in; a panic where a property is broken.
pub type Target = fn(&[u8]);

/// Every target by its name, which is that of its file in `tests/fuzz/targets` and of its folder in `tests/fuzz/seeds`.
pub const TARGETS: [(&str, Target); 14] = [
    ("backup", crate::store::fuzzing::backup),
    ("certificate", crate::delivery::fuzzing::certificate),
    ("connection", crate::api::fuzzing::connection),
    ("config", crate::config::fuzzing::config),
    ("cursor", crate::store::fuzzing::cursor),
    ("filter", crate::model::fuzzing::filter),
    ("keys", crate::model::fuzzing::keys),
    ("pattern", crate::model::fuzzing::pattern),
    ("record", crate::store::fuzzing::record),
    ("request", crate::api::fuzzing::request),
    ("response", crate::delivery::fuzzing::response),
    ("retry_after", crate::delivery::fuzzing::retry_after),
    ("target", crate::delivery::fuzzing::target),
    ("url", crate::api::fuzzing::url),
];

/// Runs one target. `name` is one of [`TARGETS`].
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(other, _)| *other == name).map(|(_, target)| target);
    target.expect("a fuzz target is listed in TARGETS")(data);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn names(folder: &Path) -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    }

    /// What a fuzzer has found before, and what it starts from, is run on every build.
    #[test]
    fn the_seeds_of_every_target_hold_its_properties() {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
        let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(names(&home.join("seeds")), known);
        assert_eq!(names(&home.join("targets")), known);
        let mut broken = Vec::new();
        for (name, target) in TARGETS {
            let mut replayed = 0;
            for seed in std::fs::read_dir(home.join("seeds").join(name)).unwrap() {
                let path = seed.unwrap().path();
                let data = std::fs::read(&path).unwrap();
                if std::panic::catch_unwind(|| target(&data)).is_err() {
                    broken.push(path);
                }
                replayed += 1;
            }
            assert!(replayed > 0, "{name} has no seeds");
        }
        crate::api::fuzzing::end();
        assert!(broken.is_empty(), "{broken:#?}");
    }
}
