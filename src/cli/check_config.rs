//! `carteiro check-config`: every problem of a config and of the files that it names. Root judges them as the user whom
//! the daemon runs as: root itself may read everything, and would find nothing wrong with what the daemon can't read.

use super::error::CliError;
use super::exit::{BAD_CONFIG, complain};
use super::language::{language, say};
use super::output::line;
use super::settings::{ConfigArgs, installed_config, load, located};
use super::system_user::{SystemUser, is_root};
use crate::config::Config;
use crate::daemon;
use crate::model::{Localized, localized};
use clap::Args;
use std::fs::File;
use std::path::Path;

/// Whom the package's unit runs the daemon as.
const INSTALLED_USER: &str = "carteiro";

#[derive(Args)]
pub(crate) struct CheckConfigArgs {
    #[command(flatten)]
    file: ConfigArgs,
    /// Judge as this user would, which takes root; by default as the owner of the data folder, or the package's user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

pub(crate) fn check_config(args: &CheckConfigArgs) -> Result<(), CliError> {
    let loaded = load(&args.file)?;
    let file = args.file.file();
    let user = service_user(args.user.as_deref(), file.as_deref(), &loaded.config)?;
    let mut problems = Vec::new();
    let mut places = Vec::new();
    if let Some(user) = &user {
        user.become_it().map_err(|error| {
            let name = &user.name;
            CliError::failed(localized!(
                "the rights of the user {name} can't be taken on, to judge as the daemon would: {error}; run the \
                 command as that user",
                "não foi possível assumir os direitos do usuário {name}, para julgar como o daemon: {error}; execute o \
                 comando como esse usuário"
            ))
        })?;
        problems.extend(file.as_deref().and_then(|file| unreadable(file, user)).map(say));
        for problem in daemon::check_permissions(&loaded.config, &user.name) {
            problems.push(located(&loaded, &problem));
            places.extend(problem.key().map(str::to_owned));
        }
    }
    let checked = daemon::check_files(&loaded.config, crate::clock::Clock::System.now());
    // Why a file can't be read is said once.
    let others = checked.problems.iter().filter(|problem| !places.iter().any(|key| problem.key() == Some(key)));
    problems.extend(others.map(|problem| located(&loaded, problem)));
    if !problems.is_empty() {
        problems.iter().for_each(complain);
        return Err(CliError::printed(BAD_CONFIG));
    }
    for warning in checked.warnings.into_iter().chain(daemon::absent_accounts(&loaded.config)) {
        complain(localized!("warning: {warning}", "atenção: {warning}"));
    }
    let defaults = language().pick("the built-in defaults", "os valores padrão");
    let file = file.map_or_else(|| defaults.to_owned(), |file| file.display().to_string());
    match user.map(|user| user.name) {
        Some(user) => {
            line(say(localized!(
                "{file}: no problems for the user {user}",
                "{file}: sem problemas para o usuário {user}"
            )));
        }
        None => line(say(localized!("{file}: no problems", "{file}: sem problemas"))),
    }
    Ok(())
}

/// What is to be done where the daemon's user can't read the config; this process runs as that user.
pub(crate) fn unreadable(file: &Path, user: &SystemUser) -> Option<Localized> {
    let error = File::open(file).err()?;
    let (file, name) = (file.display(), &user.name);
    Some(localized!(
        "{file}: the user {name}, as whom the daemon runs, can't read this file: {error}; give it to {name}: sudo \
         chown root:{name} {file} && sudo chmod 640 {file}",
        "{file}: o usuário {name}, com o qual o daemon roda, não consegue ler este arquivo: {error}; dê acesso a ele: \
         sudo chown root:{name} {file} && sudo chmod 640 {file}"
    ))
}

/// The user to judge as, where that isn't this process's own: the one who is named, the owner of the data folder, or
/// the package's, of whose data folder root may have become the owner by mistake.
pub(crate) fn service_user(
    named: Option<&str>,
    file: Option<&Path>,
    config: &Config,
) -> Result<Option<SystemUser>, CliError> {
    let find = |name: &str| {
        SystemUser::named(name).map_err(|error| {
            CliError::failed(localized!(
                "/etc/passwd can't be read: {error}",
                "não foi possível ler /etc/passwd: {error}"
            ))
        })
    };
    if let Some(name) = named {
        if !is_root() {
            return Err(CliError::usage(localized!(
                "--user takes root: run the command with sudo",
                "--user exige root: execute o comando com sudo"
            )));
        }
        let user = find(name)?;
        let none = || {
            CliError::usage(localized!(
                "--user: there is no user `{name}` on this machine",
                "--user: não há usuário `{name}` nesta máquina"
            ))
        };
        return user.map(|user| (!user.is_root()).then_some(user)).ok_or_else(none);
    }
    if !is_root() {
        return Ok(None);
    }
    let owner = SystemUser::owner_of(&config.store.path).ok().filter(|owner| !owner.is_root());
    if owner.is_none() && file.is_some() && file == installed_config().as_deref() {
        return find(INSTALLED_USER);
    }
    Ok(owner)
}
