//! `carteiro completions` and `carteiro man`: made from the same definition as `--help`, so that they can't fall behind
//! it.

use super::error::CliError;
use super::output::line;
use super::system_user::write_remedy;
use crate::gather::Gather as _;
use crate::model::localized;
use clap::{Args, Command, ValueEnum, ValueHint};
use clap_complete::{Generator, shells};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct CompletionsArgs {
    /// For which shell
    shell: Shell,
}

#[derive(Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Args)]
pub(crate) struct ManArgs {
    /// The command it is about, such as `webhooks create`; without one, carteiro itself
    command: Vec<String>,
    /// Write the pages of all commands into this folder, as `carteiro-webhooks-create.1`
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, conflicts_with = "command")]
    all: Option<PathBuf>,
}

pub(crate) fn completions(args: &CompletionsArgs, mut command: Command) {
    match args.shell {
        Shell::Bash => {
            let lists = lists(&command);
            line(with_lists(&complete(&mut command, shells::Bash), &lists));
        }
        Shell::Zsh => line(complete(&mut command, shells::Zsh)),
        Shell::Fish => line(complete(&mut command, shells::Fish)),
    }
}

fn complete(command: &mut Command, shell: impl Generator) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, command, "carteiro", &mut text);
    String::from_utf8_lossy(&text).trim_end().to_owned()
}

/// The flags, of this command and all below it, that take several values with commas between them.
fn lists(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter(|flag| flag.get_value_delimiter() == Some(','));
    let own = own.filter_map(|flag| flag.get_long()).map(|long| format!("--{long}"));
    own.chain(command.get_subcommands().flat_map(lists)).gather()
}

/// The script for bash with what it lacks: behind a comma the next value of a list is completed.
fn with_lists(script: &str, lists: &BTreeSet<String>) -> String {
    let flags = lists.iter().map(String::as_str).collect::<Vec<_>>().join("|");
    let script = script.replace("complete -F _carteiro ", "complete -F _carteiro_lists ");
    format!(
        r#"{script}

# The next value of a list, behind a comma.
_carteiro_lists() {{
    case "$3" in
        {flags})
            if [[ "$2" == *,* ]]; then
                _carteiro "$1" "${{2##*,}}" "$3"
                COMPREPLY=("${{COMPREPLY[@]/#/${{2%,*}},}}")
                return 0
            fi
            ;;
    esac
    _carteiro "$@"
}}"#
    )
}

pub(crate) fn man(args: &ManArgs, mut whole: Command) -> Result<(), CliError> {
    // Hands the flags that hold everywhere down, and gives each command its whole name.
    whole.build();
    if let Some(folder) = &args.all {
        return pages(folder, &whole, &mut vec!["carteiro"]);
    }
    let mut command = &whole;
    for name in &args.command {
        command = command.find_subcommand(name).ok_or_else(|| {
            let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            {
                let names = names.join(", ");
                CliError::usage(localized!(
                    "there is no command `{name}`; there are: {names}",
                    "não há o comando `{name}`; há: {names}"
                ))
            }
        })?;
    }
    let name = std::iter::once("carteiro").chain(args.command.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
    line(String::from_utf8_lossy(&page(command, name)?).trim_end());
    Ok(())
}

/// Writes the page of a command and of all below it; `names` are those from `carteiro` down to it.
fn pages<'a>(folder: &Path, command: &'a Command, names: &mut Vec<&'a str>) -> Result<(), CliError> {
    let name = names.join("-");
    let file = folder.join(format!("{name}.1"));
    std::fs::write(&file, page(command, name)?).map_err(|error| {
        let (file, remedy) = (file.display(), write_remedy(&error));
        CliError::failed(localized!(
            "{file} can't be written: {error}{remedy}",
            "não foi possível gravar {file}: {error}{remedy}"
        ))
    })?;
    for below in command.get_subcommands() {
        names.push(below.get_name());
        pages(folder, below, names)?;
        names.pop();
    }
    Ok(())
}

fn page(command: &Command, title: String) -> Result<Vec<u8>, CliError> {
    let mut text = Vec::new();
    let source = concat!("carteiro ", env!("CARGO_PKG_VERSION"));
    let page = clap_mangen::Man::new(command.clone()).title(title).source(source);
    page.render(&mut text).map_err(|error| {
        CliError::failed(localized!("the page can't be made: {error}", "não foi possível gerar a página: {error}"))
    })?;
    Ok(text)
}
