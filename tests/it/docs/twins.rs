//! Each document is one in two languages, so that what is run of one is run of the other.

use super::blocks::{Block, Document, FOR_DEVELOPERS, PAIRS, anchor, read};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn both_languages_say_the_same() {
    for (english, portuguese) in PAIRS {
        same(english, &read(english), &read(portuguese));
    }
}

fn same(name: &str, english: &Document, portuguese: &Document) {
    // What is printed is in the reader's language, and compared with what is printed elsewhere.
    let run = |document: &Document| {
        let blocks = document.blocks.iter().cloned();
        blocks
            .map(|block| if block.language == "text" { Block { text: String::new(), ..block } } else { block })
            .collect::<Vec<_>>()
    };
    assert_eq!(run(english), run(portuguese), "{name}");
    let depths = |document: &Document| document.headings().iter().map(|(depth, _)| *depth).collect::<Vec<_>>();
    assert_eq!(depths(english), depths(portuguese), "sections of {name}");
    let sizes = |document: &Document| document.tables().iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(english), sizes(portuguese), "rows of the tables of {name}");
    let count = |document: &Document, start: &[&str]| {
        document.prose.iter().filter(|line| start.iter().any(|start| line.starts_with(start))).count()
    };
    for start in
        [&["- "][..], &["1. ", "2. ", "3. ", "4. ", "5. ", "6. ", "7. ", "8. ", "9. ", "10. "], &["!["], &["<"]]
    {
        assert_eq!(count(english, start), count(portuguese, start), "lines of {name} that begin with {start:?}");
    }
    // Word order differs between languages; what is named doesn't.
    let named = |document: &Document| document.spans().into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    let (in_english, in_portuguese) = (named(english), named(portuguese));
    let alone: Vec<_> = in_english.symmetric_difference(&in_portuguese).collect();
    assert!(alone.is_empty(), "named in one language of {name}: {alone:?}");
    assert_eq!(english.links().len(), portuguese.links().len(), "links of {name}");
}

fn all() -> impl Iterator<Item = &'static str> {
    PAIRS.into_iter().flat_map(|(english, portuguese)| [english, portuguese]).chain(FOR_DEVELOPERS)
}

#[test]
fn every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for name in all() {
        let document = read(name);
        for link in document.links() {
            seen += 1;
            if link.starts_with("https://") {
                continue;
            }
            let (file, section) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() { root.join(name) } else { root.join(name).parent().unwrap().join(file) };
            assert!(file.exists(), "{name} links to {link}, where no file is");
            if !section.is_empty() {
                let linked = read(file.to_str().unwrap());
                let found = linked.headings().into_iter().any(|(_, heading)| anchor(heading) == section);
                assert!(found, "{name} links to {link}, where no such section is");
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn every_document_is_tested_and_linked() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (english, portuguese) = (read("README.md"), read("README.pt-BR.md"));
    for folder in ["docs", "docs/pt-BR"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let name = format!("{folder}/{name}");
            if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
                assert!(all().any(|one| one == name), "no test reads {name}");
                let linked = [&english, &portuguese].iter().any(|readme| readme.links().contains(&name.as_str()));
                assert!(linked, "no README links to {name}");
            }
        }
    }
}
