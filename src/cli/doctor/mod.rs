//! `carteiro doctor`: looks at everything that a running carteiro needs, one line each: the config, the machine, and
//! the daemon, which says of itself what no file shows. It changes nothing, and prints no secret.

mod daemon;
mod finding;
mod machine;
mod targets;

use super::connection::ConnectionArgs;
use super::error::CliError;
use super::exit::FAILED;
use super::language;
use super::settings::environment;
use crate::config::Config;
use clap::Args;
use finding::Findings;

#[derive(Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Ends with 0, or with 1 where something fails.
pub(crate) fn doctor(args: &DoctorArgs) -> Result<(), CliError> {
    let mut findings = Findings::default();
    look(args, &mut findings);
    findings.print(args.connection.json);
    if findings.failed() { Err(CliError::printed(FAILED)) } else { Ok(()) }
}

fn look(args: &DoctorArgs, findings: &mut Findings) {
    let file = args.connection.config_file();
    let loaded = match Config::load(file.as_deref(), environment(), &[]) {
        Ok(loaded) => loaded,
        // Where everything else is stands in the config.
        Err(problems) => return machine::broken(&problems, findings),
    };
    language::configure(loaded.config.cli.language);
    machine::config(file.as_deref(), &loaded, findings);
    machine::service(file.as_deref(), findings);
    machine::folder(&loaded.config, findings);
    machine::disk(&loaded.config, findings);
    machine::clock(findings);
    machine::backups(&loaded.config, findings);
    machine::channels(&loaded.config, findings);
    daemon::look(&args.connection, &loaded.config, findings);
    // Last, since this process gives up its rights for it.
    machine::permissions(file.as_deref(), &loaded, findings);
}
