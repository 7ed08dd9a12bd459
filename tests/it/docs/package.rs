//! What the package for Debian brings along of the documents: all that they link to.

use super::blocks::{FOR_DEVELOPERS, read};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The files that Cargo.toml has the package hold: where each goes, and where it is taken from.
fn installed() -> BTreeMap<PathBuf, PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let lines = manifest.lines().skip_while(|line| *line != "assets = [").skip(1).take_while(|line| *line != "]");
    // Each row is an array of JSON as well.
    let rows = lines.map(str::trim).filter(|line| !line.starts_with('#')).map(|line| line.trim_end_matches(','));
    let mut installed = BTreeMap::new();
    for row in rows {
        let [from, to, _mode]: [String; 3] = serde_json::from_str(row).unwrap();
        let to = Path::new("/").join(to.trim_start_matches('/'));
        let (folder, name) = from.rsplit_once('/').unwrap_or(("", &from));
        if !name.contains('*') {
            let to = if to.to_str().unwrap().ends_with('/') { to.join(name) } else { to };
            installed.insert(to, root.join(&from));
            continue;
        }
        let before = installed.len();
        for file in fs::read_dir(root.join(folder)).unwrap() {
            let file = file.unwrap().path();
            if file.is_file() && is_like(file.file_name().unwrap().to_str().unwrap(), name) {
                installed.insert(to.join(file.file_name().unwrap()), file);
            }
        }
        assert!(installed.len() > before, "no file is like {from}");
    }
    installed
}

/// Whether a name is what a pattern stands for, in which each `*` is any text.
fn is_like(name: &str, pattern: &str) -> bool {
    let Some((before, behind)) = pattern.split_once('*') else { return name == pattern };
    let Some(rest) = name.strip_prefix(before) else { return false };
    (0..=rest.len()).any(|at| rest.is_char_boundary(at) && is_like(&rest[at..], behind))
}

/// A path without `..` in it.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
        plain
    })
}

#[test]
fn every_link_of_the_packaged_documents_leads_to_a_packaged_file() {
    let (root, installed) = (Path::new(env!("CARGO_MANIFEST_DIR")), installed());
    let mut seen = 0;
    for (to, from) in &installed {
        let name = from.strip_prefix(root).unwrap().to_str().unwrap();
        // Those who read these have the sources that they link to.
        if from.extension().is_none_or(|extension| extension != "md") || FOR_DEVELOPERS.contains(&name) {
            continue;
        }
        for link in read(name).links() {
            let file = link.split('#').next().unwrap();
            if file.is_empty() || link.starts_with("https://") {
                continue;
            }
            let target = plain(&to.parent().unwrap().join(file));
            let found = installed.keys().any(|file| file.starts_with(&target));
            assert!(found, "{name} links to {link}, and the package has no {}", target.display());
            seen += 1;
        }
    }
    assert!(seen > 200, "{seen}");
}
