//! What a document is made of: its blocks of code, its headings, its tables, and the code inside its sentences.

use std::fs;
use std::path::Path;

/// A block of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
}

impl Block {
    /// The first line, by which the tests call a block.
    pub(crate) fn first_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }
}

/// A document, taken apart.
#[derive(Default)]
pub(crate) struct Document {
    pub(crate) blocks: Vec<Block>,
    /// The lines outside of blocks.
    pub(crate) prose: Vec<String>,
}

pub(crate) fn readme() -> Document {
    read("README.md")
}

pub(crate) fn leiame() -> Document {
    read("LEIAME.md")
}

fn read(name: &str) -> Document {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    let mut document = Document::default();
    let mut inside: Option<Block> = None;
    for line in text.lines() {
        match (&mut inside, line.strip_prefix("```")) {
            (None, Some(language)) => inside = Some(Block { language: language.to_owned(), text: String::new() }),
            (Some(_), Some(_)) => document.blocks.extend(inside.take()),
            (Some(block), None) => block.text.extend([line, "\n"]),
            (None, None) => document.prose.push(line.to_owned()),
        }
    }
    assert!(inside.is_none(), "a block of {name} has no end");
    document
}

impl Document {
    pub(crate) fn of(&self, language: &str) -> Vec<&Block> {
        self.blocks.iter().filter(|block| block.language == language).collect()
    }

    /// The code inside the sentences, in order.
    pub(crate) fn spans(&self) -> Vec<&str> {
        self.prose.iter().flat_map(|line| spans(line)).collect()
    }

    /// The headings, each with its depth.
    pub(crate) fn headings(&self) -> Vec<(usize, &str)> {
        let heading = |line: &'_ String| {
            line.find(' ').filter(|depth| *depth > 0 && line[..*depth].chars().all(|one| one == '#'))
        };
        self.prose.iter().filter_map(|line| heading(line).map(|depth| (depth, line[depth + 1..].trim()))).collect()
    }

    /// The rows of every table, as cells; a table is what stands between lines that are no row.
    pub(crate) fn tables(&self) -> Vec<Vec<Vec<&str>>> {
        let mut tables = vec![Vec::new()];
        for line in &self.prose {
            match line.strip_prefix('|').and_then(|row| row.strip_suffix('|')) {
                Some(row) => tables.last_mut().unwrap().push(row.split('|').map(str::trim).collect::<Vec<_>>()),
                None => tables.push(Vec::new()),
            }
        }
        tables.retain(|table| !table.is_empty());
        // Headed by its titles and a line of dashes.
        tables.into_iter().map(|table| table.into_iter().skip(2).collect()).collect()
    }

    /// Where the links lead, in order.
    pub(crate) fn links(&self) -> Vec<&str> {
        let text = self.prose.iter().flat_map(|line| line.split("](").skip(1));
        text.map(|rest| rest.split(')').next().unwrap()).collect()
    }
}

/// The code inside a line of prose.
pub(crate) fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// A heading as links call it, the way GitHub makes it.
pub(crate) fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|one| one.is_alphanumeric() || matches!(one, ' ' | '-' | '_'));
    kept.map(|one| if one == ' ' { '-' } else { one }).collect()
}
