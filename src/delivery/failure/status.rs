//! What a status that doesn't confirm means.

use super::sentences::{self, error};
use crate::model::{AttemptError, ErrorCode, Response, localized};

/// What a response that does not confirm means.
pub(crate) fn answered(response: &Response) -> Option<AttemptError> {
    let status = response.status;
    let code = match status {
        200..300 => return None,
        301 | 302 | 303 | 307 | 308 => {
            // Without a `Location`, or it was erased with the event.
            let elsewhere = || localized!(" to another address", " para outro endereço");
            let to = response.location.as_deref().map_or_else(elsewhere, |to| localized!(" to {to}", " para {to}"));
            return Some(sentences::redirected(status, &to));
        }
        300..400 => ErrorCode::Redirect,
        400..500 => ErrorCode::Http4xx,
        500..600 => ErrorCode::Http5xx,
        _ => ErrorCode::BadStatus,
    };
    let (means, means_pt) = meaning_of_body(status, &response.body).unwrap_or_else(|| meaning(status));
    Some(error(
        code,
        format!("The target answered {status}: {means}."),
        format!("O destino respondeu {status}: {means_pt}."),
    ))
}

/// What the body of a 4XX gives away of a cause that its status doesn't name, by the words of the usual servers.
fn meaning_of_body(status: u16, body: &[u8]) -> Option<Meaning> {
    const PLAIN_TO_HTTPS: Meaning = (
        "this port speaks https, and the notification came as plain http; write https:// in the webhook's target",
        "esta porta fala https, e a notificação chegou como http comum; escreva https:// no destino do webhook",
    );
    const CLIENT_CERTIFICATE: Meaning = (
        "it asks for a client certificate, and takes none that it was shown; choose the right one for the webhook \
         (`client_certificate`), or let the path of the webhooks do without one there",
        "exige um certificado de cliente e não aceita nenhum que viu; escolha o certo no webhook \
         (`client_certificate`), ou dispense-o lá no caminho dos webhooks",
    );
    const CSRF: Meaning = (
        "its protection of forms (CSRF) refused the notification; exempt the path of the webhooks from it",
        "a proteção de formulários dele (CSRF) recusou a notificação; isente dela o caminho dos webhooks",
    );
    // What a page says in its text, and not `csrf-token`, which stands in the head of every page of some.
    const SAYINGS: [(&str, Meaning); 13] = [
        // nginx; Apache; Go; Tomcat. The others just close the connection.
        ("plain http request was sent to https port", PLAIN_TO_HTTPS),
        ("speaking plain http to an ssl-enabled", PLAIN_TO_HTTPS),
        ("client sent an http request to an https server", PLAIN_TO_HTTPS),
        ("combination of host and port requires tls", PLAIN_TO_HTTPS),
        // nginx, twice; Apache with TLS 1.3; IIS and others.
        ("no required ssl certificate was sent", CLIENT_CERTIFICATE),
        ("the ssl certificate error", CLIENT_CERTIFICATE),
        ("post-handshake authentication", CLIENT_CERTIFICATE),
        ("client certificate", CLIENT_CERTIFICATE),
        // Django; Flask, Spring and Express; Laravel; Rails.
        ("csrf verification failed", CSRF),
        ("csrf token", CSRF),
        ("csrf session token", CSRF),
        ("csrf cookie", CSRF),
        ("invalidauthenticitytoken", CSRF),
    ];
    // Others have causes that the status names better.
    if !matches!(status, 400 | 403 | 419 | 422 | 495..=497) {
        return None;
    }
    let body = String::from_utf8_lossy(body).to_ascii_lowercase();
    SAYINGS.into_iter().find(|(words, _)| body.contains(words)).map(|(_, meaning)| meaning)
}

/// How a sentence goes on behind the status, in English and in Portuguese.
type Meaning = (&'static str, &'static str);

macro_rules! meanings {
    ($($status:pat => $en:literal, $pt:literal;)*) => {
        const fn meaning(status: u16) -> Meaning {
            match status {
                $($status => ($en, $pt),)*
            }
        }
    };
}

meanings! {
    300 =>
        "it offers several addresses and takes the notification at none; check the webhook's target",
        "oferece vários endereços e não aceita a notificação em nenhum; confira o destino do webhook";
    304 =>
        "\"not modified\" is an answer to a GET, so a cache or a wrong rule answers there; look at what stands in \
         front of the target",
        "“não modificado” é resposta a um GET: quem responde ali é um cache ou uma regra errada; veja o que está na \
         frente do destino";
    300..400 =>
        "neither a confirmation nor an address to change to; look at what answers there",
        "nem confirmação nem endereço para o qual mudar; veja o que responde ali";
    400 =>
        "it could not make sense of the notification; check that the webhook's target is the address that receives \
         them",
        "não entendeu a notificação; confira se o destino do webhook é mesmo o endereço que as recebe";
    401 =>
        "it refused the authorization, expired or wrong; correct it in the webhook",
        "recusou a autorização, vencida ou errada; corrija-a no webhook";
    403 =>
        "it denied access; check the webhook's authorization, whether a firewall stands in the way, and whether a \
         protection of forms (CSRF) covers the path",
        "negou o acesso; confira a autorização do webhook, se há um firewall no caminho e se uma proteção de \
         formulários (CSRF) cobre o caminho";
    404 =>
        "there is nothing at this path; check the webhook's target",
        "não há nada neste caminho; confira o destino do webhook";
    405 =>
        "this path takes no POST; check the webhook's target",
        "este caminho não aceita POST; confira o destino do webhook";
    407 =>
        "a proxy in front of it asks for a password of its own; check the webhook's target",
        "um proxy na frente dele pede uma senha própria; confira o destino do webhook";
    408 => "it waited too long for the notification", "esperou demais pela notificação";
    409 =>
        "the notification conflicts with what it already holds",
        "a notificação entra em conflito com o que ele já tem";
    410 =>
        "this address is gone for good; change the webhook's target, or delete the webhook",
        "este endereço deixou de existir; mude o destino do webhook ou exclua o webhook";
    413 => "the notification is larger than it accepts", "a notificação é maior do que ele aceita";
    415 => "it does not accept JSON", "ele não aceita JSON";
    419 =>
        "its protection of forms (CSRF) may have refused the notification, as Laravel's does; exempt the path of the \
         webhooks from it",
        "a proteção de formulários dele (CSRF) pode ter recusado a notificação, como faz a do Laravel; isente dela o \
         caminho dos webhooks";
    422 => "it read the notification and did not accept its content", "leu a notificação e não aceitou o conteúdo";
    429 =>
        "it is getting too many requests; a rate limit on the webhook slows them down",
        "está recebendo requisições demais; um limite de envio no webhook as torna mais lentas";
    495 | 496 =>
        "it asks for a client certificate, and takes none that it was shown; choose the right one for the webhook \
         (`client_certificate`), or let the path of the webhooks do without one there",
        "exige um certificado de cliente e não aceita nenhum que viu; escolha o certo no webhook \
         (`client_certificate`), ou dispense-o lá no caminho dos webhooks";
    497 =>
        "this port speaks https, and the notification came as plain http; write https:// in the webhook's target",
        "esta porta fala https, e a notificação chegou como http comum; escreva https:// no destino do webhook";
    400..500 => "it refused the notification", "recusou a notificação";
    501 =>
        "what answers there can't handle a POST; check the webhook's target",
        "o que responde ali não sabe tratar um POST; confira o destino do webhook";
    502 | 504 =>
        "the server in front got no answer from the system behind it",
        "o servidor da frente não obteve resposta do sistema por trás dele";
    503 =>
        "its system is overloaded, under maintenance, or down behind the server in front of it",
        "o sistema dele está sobrecarregado, em manutenção, ou parado por trás do servidor da frente";
    505 => "it does not take HTTP/1.1", "ele não aceita HTTP/1.1";
    507 => "its disk is full", "o disco dele está cheio";
    // Cloudflare's own, about the server that it stands in front of.
    520 =>
        "Cloudflare, in front of it, got an answer that it could not use from the server behind",
        "a Cloudflare, na frente dele, recebeu do servidor de trás uma resposta que não serve";
    521 =>
        "Cloudflare, in front of it, was refused by the server behind: it is down, or blocks Cloudflare",
        "a Cloudflare, na frente dele, foi recusada pelo servidor de trás: está parado ou bloqueia a Cloudflare";
    522 | 523 =>
        "Cloudflare, in front of it, does not reach the server behind: it is off, or its address has changed",
        "a Cloudflare, na frente dele, não alcança o servidor de trás: está desligado, ou o endereço mudou";
    524 =>
        "Cloudflare, in front of it, waited too long for the server behind",
        "a Cloudflare, na frente dele, esperou demais pelo servidor de trás";
    525 | 526 =>
        "Cloudflare, in front of it, can't speak TLS with the server behind, or does not take its certificate",
        "a Cloudflare, na frente dele, não consegue falar TLS com o servidor de trás, ou não aceita o certificado \
         dele";
    530 =>
        "Cloudflare, in front of it, finds no server for that name; look at its settings there",
        "a Cloudflare, na frente dele, não encontra servidor para esse nome; veja a configuração dele lá";
    527..=529 =>
        "Cloudflare, in front of it, could not get an answer from the server behind",
        "a Cloudflare, na frente dele, não conseguiu resposta do servidor de trás";
    500..600 => "its own system failed", "houve uma falha no sistema dele";
    _ => "a status that neither confirms nor says why not", "um código que não confirma nem diz por que não";
}
