//! The documents, and what each is made of: blocks of code, headings, tables, and the code inside its sentences.

use std::fs;
use std::path::Path;

/// The documents that exist in both languages, in the order of their blocks in [`super::commands::COMMANDS`].
pub(crate) const PAIRS: [(&str, &str); 22] = [
    ("README.md", "README.pt-BR.md"),
    ("docs/install.md", "docs/pt-BR/install.md"),
    ("docs/operate.md", "docs/pt-BR/operate.md"),
    ("docs/events.md", "docs/pt-BR/events.md"),
    ("docs/receivers.md", "docs/pt-BR/receivers.md"),
    ("docs/outbox.md", "docs/pt-BR/outbox.md"),
    ("docs/panel.md", "docs/pt-BR/panel.md"),
    ("docs/cli.md", "docs/pt-BR/cli.md"),
    ("docs/network.md", "docs/pt-BR/network.md"),
    ("docs/backups.md", "docs/pt-BR/backups.md"),
    ("docs/upgrade.md", "docs/pt-BR/upgrade.md"),
    ("docs/monitoring.md", "docs/pt-BR/monitoring.md"),
    ("docs/alerts.md", "docs/pt-BR/alerts.md"),
    ("docs/failures.md", "docs/pt-BR/failures.md"),
    ("docs/guarantees.md", "docs/pt-BR/guarantees.md"),
    ("docs/egress.md", "docs/pt-BR/egress.md"),
    ("docs/sizing.md", "docs/pt-BR/sizing.md"),
    ("docs/availability.md", "docs/pt-BR/availability.md"),
    ("docs/security.md", "docs/pt-BR/security.md"),
    ("docs/performance.md", "docs/pt-BR/performance.md"),
    ("docs/api.md", "docs/pt-BR/api.md"),
    ("docs/configuration.md", "docs/pt-BR/configuration.md"),
];

/// Those for developers, in English alone.
pub(crate) const FOR_DEVELOPERS: [&str; 3] = ["docs/CONTRIBUTING.md", "docs/CHANGELOG.md", "docs/architecture.md"];

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

/// One document or several, taken apart.
#[derive(Default)]
pub(crate) struct Document {
    pub(crate) blocks: Vec<Block>,
    /// The lines outside of blocks.
    pub(crate) prose: Vec<String>,
}

/// All of the English documents as one.
pub(crate) fn english() -> Document {
    merged(PAIRS.iter().map(|(english, _)| *english).chain(FOR_DEVELOPERS))
}

/// All of the Portuguese documents as one.
pub(crate) fn portuguese() -> Document {
    merged(PAIRS.iter().map(|(_, portuguese)| *portuguese))
}

fn merged<'a>(names: impl Iterator<Item = &'a str>) -> Document {
    names.map(read).fold(Document::default(), |mut all, document| {
        all.blocks.extend(document.blocks);
        all.prose.extend(document.prose);
        // Tables don't run on into the next document.
        all.prose.push(String::new());
        all
    })
}

pub(crate) fn read(name: &str) -> Document {
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
    let letters = heading.to_lowercase();
    let letters = letters.chars().filter(|one| one.is_alphanumeric() || matches!(one, ' ' | '-' | '_'));
    letters.map(|one| if one == ' ' { '-' } else { one }).collect()
}
