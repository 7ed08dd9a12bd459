//! `carteiro completions` and `carteiro man`: made from the same definition as `--help`, so that they can't fall behind it.

use super::output::line;
use super::{Cli, DONE, FAILED, WRONG_USAGE, complain};
use clap::{Args, CommandFactory as _};
use clap_complete::shells;

#[derive(Args)]
pub(super) struct CompletionsArgs {
    /// For which shell
    #[arg(value_parser = ["bash", "zsh", "fish"])]
    shell: String,
}

#[derive(Args)]
pub(super) struct ManArgs {
    /// The command it is about, such as `webhooks create`; without one, carteiro itself
    command: Vec<String>,
}

pub(super) fn completions(args: &CompletionsArgs) -> u8 {
    let mut command = Cli::command();
    let mut text = Vec::new();
    match &*args.shell {
        "bash" => clap_complete::generate(shells::Bash, &mut command, "carteiro", &mut text),
        "zsh" => clap_complete::generate(shells::Zsh, &mut command, "carteiro", &mut text),
        _ => clap_complete::generate(shells::Fish, &mut command, "carteiro", &mut text),
    }
    line(String::from_utf8_lossy(&text).trim_end());
    DONE
}

pub(super) fn man(args: &ManArgs) -> u8 {
    let mut whole = Cli::command();
    // Hands the flags that hold everywhere down, and gives each command its whole name.
    whole.build();
    let mut command = &whole;
    for name in &args.command {
        let Some(found) = command.find_subcommand(name) else {
            let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
            complain(format_args!("there is no command `{name}`; there are: {}", names.join(", ")));
            return WRONG_USAGE;
        };
        command = found;
    }
    let name = std::iter::once("carteiro").chain(args.command.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
    let mut text = Vec::new();
    let page =
        clap_mangen::Man::new(command.clone()).title(name).source(concat!("carteiro ", env!("CARGO_PKG_VERSION")));
    if let Err(error) = page.render(&mut text) {
        complain(format_args!("the page can't be made: {error}"));
        return FAILED;
    }
    line(String::from_utf8_lossy(&text).trim_end());
    DONE
}
