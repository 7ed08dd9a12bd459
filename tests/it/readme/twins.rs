//! The two documents are one in two languages: what is run of one is run of the other.

use super::blocks::{Document, anchor, leiame, readme};
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn both_say_the_same() {
    let (english, portuguese) = (readme(), leiame());
    assert_eq!(english.blocks, portuguese.blocks);
    let depths = |document: &Document| document.headings().iter().map(|(depth, _)| *depth).collect::<Vec<_>>();
    assert_eq!(depths(&english), depths(&portuguese), "sections");
    let (tables, tabelas) = (english.tables(), portuguese.tables());
    let sizes = |tables: &[Vec<Vec<&str>>]| tables.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(&tables), sizes(&tabelas), "rows of the tables");
    let count = |document: &Document, start: &[&str]| {
        document.prose.iter().filter(|line| start.iter().any(|start| line.starts_with(start))).count()
    };
    for start in
        [&["- "][..], &["1. ", "2. ", "3. ", "4. ", "5. ", "6. ", "7. ", "8. ", "9. ", "10. "], &["!["], &["<"]]
    {
        assert_eq!(count(&english, start), count(&portuguese, start), "lines that begin with {start:?}");
    }
    // Word order differs between languages; what is named doesn't.
    let named = |document: &Document| document.spans().into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    let (in_english, in_portuguese) = (named(&english), named(&portuguese));
    let alone: Vec<_> = in_english.symmetric_difference(&in_portuguese).collect();
    assert!(alone.is_empty(), "named in one of the two: {alone:?}");
}

#[test]
fn every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for document in [readme(), leiame()] {
        let anchors: Vec<String> = document.headings().into_iter().map(|(_, heading)| anchor(heading)).collect();
        let links = document.links();
        assert!(links.len() > 30, "{links:?}");
        for link in links {
            match link.strip_prefix('#') {
                Some(section) => assert!(anchors.iter().any(|anchor| anchor == section), "no section {section}"),
                None => assert!(link.starts_with("https://") || root.join(link).exists(), "no file {link}"),
            }
        }
    }
}
