//! What a status that doesn't confirm means.

use super::error;
use crate::model::{AttemptError, ErrorCode, Response};

/// What a response that does not confirm means.
pub(super) fn answered(response: &Response) -> Option<AttemptError> {
    let status = response.status;
    let (code, (means, means_pt)) = match status {
        200..300 => return None,
        300..400 => return Some(redirected(status, response.location.as_deref())),
        400..500 => (ErrorCode::Http4xx, refusal(status)),
        500..600 => (ErrorCode::Http5xx, breakdown(status)),
        _ => (
            ErrorCode::BadStatus,
            ("a status that neither confirms nor says why not", "um código que não confirma nem diz por que não"),
        ),
    };
    Some(error(
        code,
        format!("The target answered {status}: {means}."),
        format!("O destino respondeu {status}: {means_pt}."),
    ))
}

fn redirected(status: u16, location: Option<&str>) -> AttemptError {
    // Not said where it points: there was no `Location`, or it was erased with the event.
    let (to, to_pt) = location.map_or_else(
        || (" to another address".to_owned(), " para outro endereço".to_owned()),
        |location| (format!(" to {location}"), format!(" para {location}")),
    );
    error(
        ErrorCode::Redirect,
        format!(
            "The target answered {status}, a redirect{to}, which is not followed, since the authorization would go along: \
             change the webhook's target to the final address."
        ),
        format!(
            "O destino respondeu {status}, um redirecionamento{to_pt}, que não é seguido, pois a autorização iria junto: \
             mude o destino do webhook para o endereço final."
        ),
    )
}

const fn refusal(status: u16) -> (&'static str, &'static str) {
    match status {
        400 => (
            "it could not make sense of the notification; check that the webhook's target is the address that receives them",
            "não entendeu a notificação; confira se o destino do webhook é mesmo o endereço que as recebe",
        ),
        401 => (
            "it refused the token; check the webhook's authorization",
            "recusou o token; confira a autorização do webhook",
        ),
        403 => (
            "it denied access; check the webhook's authorization, and whether a firewall stands in the way",
            "negou o acesso; confira a autorização do webhook e se há um firewall no caminho",
        ),
        404 => (
            "there is nothing at this path; check the webhook's target",
            "não há nada neste caminho; confira o destino do webhook",
        ),
        405 => (
            "this path takes no POST; check the webhook's target",
            "este caminho não aceita POST; confira o destino do webhook",
        ),
        408 => ("it waited too long for the notification", "esperou demais pela notificação"),
        409 => (
            "the notification conflicts with what it already holds",
            "a notificação entra em conflito com o que ele já tem",
        ),
        410 => (
            "this address is gone for good; change the webhook's target, or delete the webhook",
            "este endereço deixou de existir; mude o destino do webhook ou exclua o webhook",
        ),
        413 => ("the notification is larger than it accepts", "a notificação é maior do que ele aceita"),
        415 => ("it does not accept JSON", "ele não aceita JSON"),
        422 => {
            ("it read the notification and did not accept its content", "leu a notificação e não aceitou o conteúdo")
        }
        429 => (
            "it is getting too many requests; a rate limit on the webhook slows them down",
            "está recebendo requisições demais; um limite de envio no webhook as torna mais lentas",
        ),
        _ => ("it refused the notification", "recusou a notificação"),
    }
}

const fn breakdown(status: u16) -> (&'static str, &'static str) {
    match status {
        502 | 504 => (
            "the server in front got no answer from the system behind it",
            "o servidor da frente não obteve resposta do sistema por trás dele",
        ),
        503 => ("its system is overloaded or under maintenance", "o sistema dele está sobrecarregado ou em manutenção"),
        _ => ("its own system failed", "houve uma falha no sistema dele"),
    }
}
