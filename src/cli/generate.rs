//! `carteiro completions` and `carteiro man`: made from the same definition as `--help`, so that they can't fall behind
//! it.

use super::error::CliError;
use super::output::line;
use crate::model::localized;
use clap::{Args, Command, ValueEnum, ValueHint};
use clap_complete::{Generator, shells};
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
        Shell::Bash => complete(&mut command, shells::Bash),
        Shell::Zsh => complete(&mut command, shells::Zsh),
        Shell::Fish => complete(&mut command, shells::Fish),
    }
}

fn complete(command: &mut Command, shell: impl Generator) {
    let mut text = Vec::new();
    clap_complete::generate(shell, command, "carteiro", &mut text);
    line(String::from_utf8_lossy(&text).trim_end());
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
        let file = file.display();
        CliError::failed(localized!("{file} can't be written: {error}", "não foi possível gravar {file}: {error}"))
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
