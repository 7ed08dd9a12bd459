//! `carteiro panel-link`: a link that signs in to the panel once.

use super::client::ApiRequest;
use super::connection::ConnectionArgs;
use super::error::CliError;
use super::language::tell;
use super::output::{line, short_time, text};
use super::own_daemon::{ask, rest};
use crate::model::localized;
use clap::Args;
use serde_json::Value;

#[derive(Args)]
pub(crate) struct PanelLinkArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Asks over the control socket where it is this machine's daemon, which takes no token; else with an admin token.
pub(crate) fn panel_link(args: &PanelLinkArgs) -> Result<(), CliError> {
    let link: Value = match args.connection.own_config()? {
        Some((config, account)) => {
            let request = format!("panel-link {}", account.unwrap_or_default());
            let Some(answer) = ask(&config.store.path, request.trim_end())? else {
                let data = config.store.path.display();
                return Err(CliError::try_later(localized!(
                    "no daemon runs on {data}: start it (`sudo systemctl start carteiro.service`, or `carteiro serve`)",
                    "nenhum daemon roda em {data}: inicie-o (`sudo systemctl start carteiro.service` ou `carteiro \
                     serve`)"
                )));
            };
            serde_json::from_str(&rest(answer)?).unwrap_or_default()
        }
        None => args.connection.daemon()?.call(ApiRequest::post("/api/panel_links"))?.value(),
    };
    if args.connection.json {
        line(&link);
        return Ok(());
    }
    line(text(&link["url"]));
    let until = short_time(&link["expires_at"]);
    tell(localized!("It signs in once, until {until}.", "O link vale para um único acesso, até {until}."));
    Ok(())
}
