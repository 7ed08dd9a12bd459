//! What stands behind the `--` of `cargo bench`.

use std::path::PathBuf;

#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Small counts: whether it works, and a first impression.
    pub(crate) quick: bool,
    pub(crate) json: bool,
    /// Large counts, where a bench has such.
    pub(crate) full: bool,
    pub(crate) svg: Option<PathBuf>,
    pub(crate) csv: Option<PathBuf>,
    /// The sections that were named; none means all.
    pub(crate) sections: Vec<String>,
}

impl Options {
    /// Reads the arguments; exits with 2 and a sentence at one that means nothing.
    pub(crate) fn read(sections: &[&str], flags: &[&str]) -> Self {
        let mut options = Self::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // Cargo's own.
                "--bench" => {}
                "quick" | "--quick" if flags.contains(&"quick") => options.quick = true,
                "--json" if flags.contains(&"--json") => options.json = true,
                "--full" if flags.contains(&"--full") => options.full = true,
                "--svg" if flags.contains(&"--svg") => options.svg = arguments.next().map(PathBuf::from),
                "--csv" if flags.contains(&"--csv") => options.csv = arguments.next().map(PathBuf::from),
                name if sections.contains(&name) => options.sections.push(name.to_owned()),
                other => {
                    eprintln!("`{other}` means nothing here; there are {} {}", flags.join(" "), sections.join(" "));
                    std::process::exit(2);
                }
            }
        }
        options
    }

    pub(crate) fn wants(&self, section: &str) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|name| name == section)
    }

    /// A count for a run that is to be believed, or a tenth of it.
    pub(crate) fn count(&self, count: u64) -> u64 {
        if self.quick { count / 10 } else { count }
    }

    pub(crate) fn seconds(&self, usual: u64, quick: u64) -> u64 {
        if self.quick { quick } else { usual }
    }
}
