//! `carteiro completions` and `carteiro man`: made from the same definition as `--help`, so that they can't fall behind
//! it.

use super::error::CliError;
use super::output::line;
use clap::{Args, Command, ValueEnum};
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
    let mut command = &whole;
    for name in &args.command {
        command = command.find_subcommand(name).ok_or_else(|| {
            let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
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
