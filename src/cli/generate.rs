//! `carteiro completions` and `carteiro man`: made from the same definition as `--help`, so that they can't fall behind
//! it.

use super::Cli;
use super::error::CliError;
use super::output::line;
use clap::{Args, CommandFactory as _, ValueEnum};
use clap_complete::{Generator, shells};

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
}

pub(crate) fn completions(args: &CompletionsArgs) {
    match args.shell {
        Shell::Bash => complete(shells::Bash),
        Shell::Zsh => complete(shells::Zsh),
        Shell::Fish => complete(shells::Fish),
    }
}

fn complete(shell: impl Generator) {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "carteiro", &mut text);
    line(String::from_utf8_lossy(&text).trim_end());
}

pub(crate) fn man(args: &ManArgs) -> Result<(), CliError> {
    let mut whole = Cli::command();
    // Hands the flags that hold everywhere down, and gives each command its whole name.
    whole.build();
    let mut command = &whole;
    for name in &args.command {
        command = command.find_subcommand(name).ok_or_else(|| {
            let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
            CliError::usage(format_args!("there is no command `{name}`; there are: {}", names.join(", ")))
        })?;
    }
    let name = std::iter::once("carteiro").chain(args.command.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
    let mut text = Vec::new();
    let source = concat!("carteiro ", env!("CARGO_PKG_VERSION"));
    let page = clap_mangen::Man::new(command.clone()).title(name).source(source);
    page.render(&mut text).map_err(|error| CliError::failed(format_args!("the page can't be made: {error}")))?;
    line(String::from_utf8_lossy(&text).trim_end());
    Ok(())
}
