//! Every sentence that an attempt without a response can end with, one row a failure: its code and both languages side
//! by side. The other modules of this folder tell which one it is.

use super::date::date;
use crate::model::{AttemptError, ClientCertificateName, ErrorCode, Localized, ProxyUrl, TargetUrl, Timestamp};
use std::net::SocketAddr;
use std::time::Duration;

/// What a sentence names, as each language writes it.
trait Bilingual {
    fn en(&self) -> String;

    fn pt(&self) -> String {
        self.en()
    }
}

macro_rules! alike_in_both {
    ($($type:ty)*) => {$(
        impl Bilingual for $type {
            fn en(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

alike_in_both! { str u8 u16 SocketAddr TargetUrl ProxyUrl ClientCertificateName }

impl Bilingual for Localized {
    fn en(&self) -> String {
        self.en.clone()
    }

    fn pt(&self) -> String {
        self.pt.clone()
    }
}

/// The day.
impl Bilingual for Timestamp {
    fn en(&self) -> String {
        date(*self).en
    }

    fn pt(&self) -> String {
        date(*self).pt
    }
}

/// To the millisecond: `15s`, `1s 500ms`.
impl Bilingual for Duration {
    fn en(&self) -> String {
        let ms = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        humantime::format_duration(Self::from_millis(ms)).to_string()
    }
}

/// A failure with both its sentences.
pub(super) fn error(code: ErrorCode, message: String, message_pt: String) -> AttemptError {
    AttemptError { code, message: cut(message), message_pt: cut(message_pt) }
}

/// At most [`AttemptError::MAX_MESSAGE_BYTES`], an ellipsis included.
pub(super) fn cut(mut sentence: String) -> String {
    const ELLIPSIS: char = '…';
    if sentence.len() > AttemptError::MAX_MESSAGE_BYTES {
        let mut end = AttemptError::MAX_MESSAGE_BYTES - ELLIPSIS.len_utf8();
        while !sentence.is_char_boundary(end) {
            end -= 1;
        }
        sentence.truncate(end);
        sentence.push(ELLIPSIS);
    }
    sentence
}

/// Makes each row a function of what its sentences name.
macro_rules! failures {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) $code:ident: $en:literal, $pt:literal;)*) => {$(
        $(#[$doc])*
        pub(crate) fn $name($($arg: $type),*) -> AttemptError {
            let en = { $(let $arg = $arg.en();)* format!($en) };
            let pt = { $(let $arg = $arg.pt();)* format!($pt) };
            error(ErrorCode::$code, en, pt)
        }
    )*};
}

failures! {
    // The name.
    name_not_found(host: &str) DnsNotFound:
        "The name {host} does not exist or has no address: check how the webhook's target is written.",
        "O nome {host} não existe ou não tem endereço: confira como o destino do webhook foi escrito.";
    name_unresolved(host: &str) DnsFailed:
        "The name {host} could not be resolved to an address.", "Não foi possível descobrir o endereço de {host}.";
    /// The resolver was silent about `host` for the whole `limit`.
    resolving_too_long(host: &str, limit: Duration) DnsFailed:
        "The name {host} was not resolved within {limit}.", "O endereço de {host} não foi descoberto em {limit}.";

    // What is never dialled.
    /// `target` is plain `http`, and the config wants none.
    not_https(target: &TargetUrl) BlockedTarget:
        "{target} is not an https URL, and `[egress] allow_http = false` in the config lets no other through.",
        "{target} não é uma URL https, e `[egress] allow_http = false` na configuração não deixa passar outras.";
    /// The config has no certificate of this name, and the webhook wants it shown.
    no_client_certificate(name: &ClientCertificateName) ClientCertificateMissing:
        "The webhook's client certificate {name} is not in the config any more, and nothing is sent without it; add \
         [[client_certificate]] with this name to the config again, or choose another one for the webhook.",
        "O certificado de cliente {name} deste webhook não está mais na configuração, e sem ele nada é enviado; \
         acrescente de novo à configuração um [[client_certificate]] com esse nome, ou escolha outro no webhook.";
    /// It is not for the webhook's account.
    foreign_client_certificate(name: &ClientCertificateName) ClientCertificateMissing:
        "The webhook's client certificate {name} is not for this account any more, and nothing is sent without it; \
         name the account in `accounts` of the certificate in the config, or choose another one for the webhook.",
        "O certificado de cliente {name} deste webhook não vale mais para esta conta, e sem ele nada é enviado; ponha \
         a conta em `accounts` do certificado na configuração, ou escolha outro no webhook.";
    /// A client certificate can't be shown without TLS.
    not_https_for_certificate(target: &TargetUrl, name: &ClientCertificateName) ClientCertificateMissing:
        "{target} is not an https URL, so the client certificate {name} can't be shown there, and nothing is sent \
         without it; write https:// in the webhook's target, or take the certificate off the webhook.",
        "{target} não é uma URL https, então o certificado de cliente {name} não pode ser apresentado lá, e sem ele \
         nada é enviado; escreva https:// no destino do webhook, ou tire dele o certificado.";
    blocked_address(who: &Localized, class: &Localized, opens: &Localized) BlockedTarget:
        "{who} {class}, to which carteiro {opens}", "{who} {class}, para o qual o carteiro {opens}";

    // The connection.
    connection_refused(address: SocketAddr) ConnectRefused:
        "Nothing is listening at {address} (connection refused).", "Nada atende em {address} (conexão recusada).";
    connection_timed_out(address: SocketAddr) ConnectTimeout:
        "{address} did not answer the attempt to connect.", "{address} não respondeu à tentativa de conexão.";
    /// `address` was silent while the time to connect, `limit` in all, ran out.
    connecting_too_long(address: SocketAddr, limit: Duration) ConnectTimeout:
        "{address} did not answer the attempt to connect within {limit}.",
        "{address} não respondeu à tentativa de conexão em {limit}.";
    no_route(address: SocketAddr) ConnectFailed:
        "There is no route from here to {address}.", "Não há rota daqui até {address}.";
    connection_failed(address: SocketAddr, cause: &Localized) ConnectFailed:
        "The connection to {address} could not be made: {cause}.", "Não foi possível conectar a {address}: {cause}.";
    /// This machine has run out of something that a connection needs.
    out_of_resources(cause: &Localized) Internal:
        "This machine could not open a connection: {cause}.", "Esta máquina não conseguiu abrir uma conexão: {cause}.";

    // The proxy.
    proxy_name_unresolved(proxy: &ProxyUrl) ProxyFailed:
        "The address of the outbound proxy {proxy} could not be found; check `[egress] proxy` in the config.",
        "Não foi possível descobrir o endereço do proxy de saída {proxy}; confira `[egress] proxy` na configuração.";
    proxy_connection_failed(proxy: &ProxyUrl, cause: &Localized) ProxyFailed:
        "The outbound proxy {proxy} can't be reached: {cause}.",
        "O proxy de saída {proxy} não pode ser alcançado: {cause}.";
    /// The proxy had not connected to `address` when the time to connect, `limit` in all, ran out.
    proxy_too_long(proxy: &ProxyUrl, address: SocketAddr, limit: Duration) ProxyFailed:
        "The outbound proxy {proxy} did not connect to {address} within {limit}.",
        "O proxy de saída {proxy} não conectou a {address} em {limit}.";
    /// What the proxy did is not what an HTTP proxy does.
    proxy_is_odd(proxy: &ProxyUrl, address: SocketAddr) ProxyFailed:
        "The outbound proxy {proxy} did not answer CONNECT {address} as an HTTP proxy does.",
        "O proxy de saída {proxy} não respondeu a CONNECT {address} como um proxy HTTP responde.";
    proxy_answered(proxy: &ProxyUrl, address: SocketAddr, status: u16, why: &Localized) ProxyRefused:
        "The outbound proxy {proxy} answered CONNECT {address} with {status}: {why}.",
        "O proxy de saída {proxy} respondeu {status} a CONNECT {address}: {why}.";

    // Certificates. `who` is the certificate, as `certificate::describe` begins a sentence with it.
    never_valid(host: &str) TlsExpired:
        "The certificate of {host} ends before it begins: it was never valid; issue it again.",
        "O certificado de {host} termina antes de começar: nunca foi válido; emita-o de novo.";
    expired(host: &str, day: Timestamp) TlsExpired:
        "The certificate of {host} expired on {day}.", "O certificado de {host} expirou em {day}.";
    intermediate_expired(who: &Localized, day: Timestamp) TlsExpired:
        "{who} expired on {day}: install its authority's current one at the target.",
        "{who} expirou em {day}: instale no destino o certificado atual da autoridade.";
    authority_expired(host: &str, day: Timestamp) TlsExpired:
        "A certificate of an authority above that of {host} expired on {day}.",
        "Um certificado de autoridade acima do de {host} expirou em {day}.";
    not_yet_valid(host: &str) TlsNotYetValid:
        "The certificate of {host} is not valid yet.", "O certificado de {host} ainda não é válido.";
    valid_from(who: &Localized, day: Timestamp) TlsNotYetValid:
        "{who} is valid only from {day}: it is in use too early, or the clock of this machine is slow.",
        "{who} só vale a partir de {day}: está em uso cedo demais, ou o relógio desta máquina está atrasado.";
    another_name(host: &str) TlsNameMismatch:
        "The certificate at {host} was made for another name.", "O certificado em {host} foi feito para outro nome.";
    other_names(host: &str, names: &str, more: &Localized) TlsNameMismatch:
        "The certificate at {host} was made for {names}{more}, and not for {host}.",
        "O certificado em {host} foi feito para {names}{more}, e não para {host}.";
    no_names(host: &str, cn: &Localized) TlsNameMismatch:
        "The certificate of {host} names no host{cn}: issue it again with {host} in subjectAltName.",
        "O certificado de {host} não nomeia nenhum host{cn}: emita-o de novo com {host} em subjectAltName.";
    revoked(host: &str) TlsUntrusted:
        "The certificate of {host} was revoked.", "O certificado de {host} foi revogado.";
    self_signed(host: &str) TlsUntrusted:
        "The certificate of {host} is self-signed and not one that is trusted: put it into the file that `[egress] \
         extra_ca_file` in the config names.",
        "O certificado de {host} é autoassinado e não é confiável: ponha-o no arquivo que `[egress] extra_ca_file` \
         indica na configuração.";
    unknown_issuer(host: &str, by: &Localized) TlsUntrusted:
        "The certificate of {host} {by}, or the server does not send the intermediate certificates; an authority of \
         your own goes into the file that `[egress] extra_ca_file` in the config names.",
        "O certificado de {host} {by}, ou o servidor não envia os certificados intermediários; uma autoridade própria \
         vai no arquivo que `[egress] extra_ca_file` indica na configuração.";
    own_authority(host: &str) TlsUntrusted:
        "The certificate of {host} is its own authority, and not one that is trusted: put it into the file that \
         `[egress] extra_ca_file` in the config names.",
        "O certificado de {host} é a sua própria autoridade, e ela não é confiável: ponha-o no arquivo que `[egress] \
         extra_ca_file` indica na configuração.";
    issuer_is_no_authority(host: &str, issuer: &str) TlsUntrusted:
        "The certificate of {host} was issued by one that may not issue it (\"{issuer}\": CA:FALSE, or its path \
         length).",
        "O certificado de {host} foi emitido por um que não pode emiti-lo (“{issuer}”: CA:FALSE, ou o seu pathlen).";
    authority_as_server(host: &str, issuer: &str) TlsFailed:
        "The certificate of {host} is marked as an authority's (CA:TRUE), which a server's must not be: have \
         \"{issuer}\" issue it again with CA:FALSE.",
        "O certificado de {host} está marcado como de autoridade (CA:TRUE), o que o de um servidor não pode ser: peça \
         a “{issuer}” que o emita de novo com CA:FALSE.";
    not_for_servers(who: &Localized) TlsFailed:
        "{who} is not meant for servers: its extended key usage lacks serverAuth.",
        "{who} não se destina a servidores: falta serverAuth no uso estendido da chave.";
    unsupported_key(who: &Localized, key: &str) TlsFailed:
        "{who} has a key of a kind or length that carteiro does not take ({key}): issue it again with RSA of 2048 to \
         8192 bits, P-256, P-384 or Ed25519.",
        "{who} tem uma chave de tipo ou tamanho que o carteiro não aceita ({key}): emita-o de novo com RSA de 2048 a \
         8192 bits, P-256, P-384 ou Ed25519.";
    unsafe_signature(who: &Localized, with: &str) TlsFailed:
        "{who} was signed with {with}, which is not safe any more: issue it again with SHA-256.",
        "{who} foi assinado com {with}, que já não é seguro: emita-o de novo com SHA-256.";
    unsupported_signature(host: &str) TlsFailed:
        "The certificate of {host}, or one above it, was signed with an algorithm that carteiro does not take: issue \
         it again with RSA, ECDSA or Ed25519, and SHA-256 or more.",
        "O certificado de {host}, ou um acima dele, foi assinado com um algoritmo que o carteiro não aceita: emita-o \
         de novo com RSA, ECDSA ou Ed25519, e SHA-256 ou maior.";
    old_version(who: &Localized, version: u8, lacks: &str, with: &Localized) TlsFailed:
        "{who} is of X.509 version {version}, issued without {lacks}: issue it again with {with}.",
        "{who} é X.509 versão {version}, emitido sem {lacks}: emita-o de novo com {with}.";
    name_constraints(host: &str, issuer: &str) TlsFailed:
        "The authority \"{issuer}\" may not issue a certificate for {host}: its own (name constraints) is limited to \
         other names.",
        "A autoridade “{issuer}” não pode emitir certificado para {host}: o dela (name constraints) se limita a \
         outros nomes.";
    unknown_critical_extension(who: &Localized, id: &str) TlsFailed:
        "{who} has an extension{id} that is marked critical and that carteiro does not know: issue it again without \
         it.",
        "{who} tem uma extensão{id} marcada como crítica que o carteiro não conhece: emita-o de novo sem ela.";
    against_x509(host: &str) TlsFailed:
        "The certificate of {host}, or one above it, breaks the rules of X.509 (RFC 5280): issue it again.",
        "O certificado de {host}, ou um acima dele, viola as regras de X.509 (RFC 5280): emita-o de novo.";

    // TLS.
    /// `host` is nothing that TLS could ask a server for.
    never_certified(host: &str) TlsFailed:
        "{host} is no name that a certificate could be issued for.",
        "{host} não é um nome para o qual se possa emitir um certificado.";
    closed_in_handshake(address: SocketAddr) TlsFailed:
        "{address} closed the connection during the TLS handshake.",
        "{address} fechou a conexão durante a negociação TLS.";
    handshake_failed(host: &str, cause: &Localized) TlsFailed:
        "The TLS handshake with {host} failed: {cause}.", "A negociação TLS com {host} falhou: {cause}.";
    /// `address` took the connection and left the handshake unfinished while the time to connect, `limit` in all, ran
    /// out.
    handshaking_too_long(address: SocketAddr, limit: Duration) ConnectTimeout:
        "{address} took the connection but did not finish the TLS handshake within {limit}.",
        "{address} aceitou a conexão, mas não concluiu a negociação TLS em {limit}.";
    /// `host` ended a connection for which it had asked for a client certificate.
    wants_certificate(host: &str) TlsFailed:
        "{host} asks for a client certificate, and the webhook has none: choose one for the webhook \
         (`client_certificate`), or let the path of the webhooks do without one there.",
        "{host} exige um certificado de cliente, e o webhook não tem nenhum: escolha um no webhook \
         (`client_certificate`), ou dispense-o lá no caminho dos webhooks.";
    /// `host` asked for a client certificate and closed the connection before it answered anything. It may ask without
    /// insisting, so this names the likely cause alone.
    closed_after_asking(host: &str) TlsFailed:
        "{host} asked for a client certificate, which the webhook does not have, and closed the connection without an \
         answer: choose one for the webhook (`client_certificate`), let the path of the webhooks do without one there, \
         or look at its log.",
        "{host} pediu um certificado de cliente, que o webhook não tem, e fechou a conexão sem responder: escolha um \
         no webhook (`client_certificate`), dispense-o lá no caminho dos webhooks, ou veja o log dele.";
    /// `host` was shown this certificate and refused it.
    refused_certificate(host: &str, name: &ClientCertificateName, why: &Localized) ClientCertificateRefused:
        "{host} refused the client certificate {name}: {why}.",
        "{host} recusou o certificado de cliente {name}: {why}.";
    /// `host` was shown this certificate and closed the connection before it answered anything.
    closed_after_showing(host: &str, name: &ClientCertificateName) ClientCertificateRefused:
        "{host} closed the connection without an answer after it was shown the client certificate {name}: it may not \
         take it.",
        "{host} fechou a conexão sem responder depois de ver o certificado de cliente {name}: talvez não o aceite.";
    /// `host` asks in the middle of the connection, by a new handshake or after the request.
    asks_too_late(host: &str, name: &ClientCertificateName) ClientCertificateRefused:
        "{host} asks for the client certificate {name} only after the request (renegotiation), which carteiro \
         does not take part in: it must ask in the handshake, for the whole host.",
        "{host} só pede o certificado de cliente {name} depois da requisição (renegociação), o que o carteiro não \
         atende: ele precisa pedi-lo na negociação TLS, para o host inteiro.";
    not_tls(host: &str) TlsFailed:
        "What {host} answered is not TLS: is this port a plain http one?",
        "O que {host} respondeu não é TLS: esta porta é de http comum?";
    no_common_version(host: &str) TlsNoCommonCipher:
        "{host} speaks neither TLS 1.2 nor TLS 1.3.", "{host} não fala TLS 1.2 nem TLS 1.3.";
    nothing_in_common(host: &str) TlsNoCommonCipher:
        "{host} and carteiro have no cipher, key exchange or signature of TLS in common.",
        "{host} e o carteiro não têm cifra, troca de chaves ou assinatura TLS em comum.";
    no_common_cipher(host: &str) TlsNoCommonCipher:
        "{host} has no TLS cipher in common with carteiro, holds no certificate for that name, or one with a key other \
         than RSA of 2048 bits or more, P-256, P-384 or Ed25519.",
        "{host} não tem cifra TLS em comum com o carteiro, não tem certificado para esse nome, ou tem um com chave que \
         não é RSA de 2048 bits ou mais, P-256, P-384 nem Ed25519.";
    no_certificate_for_name(host: &str) TlsNameMismatch:
        "{host} holds no certificate for that name.", "{host} não tem certificado para esse nome.";
    no_http1(host: &str) TlsFailed:
        "{host} does not offer HTTP/1.1 in TLS (ALPN), perhaps HTTP/2 only: turn HTTP/1.1 on there.",
        "{host} não oferece HTTP/1.1 no TLS (ALPN), talvez só HTTP/2: ative lá o HTTP/1.1.";
    no_certificate(host: &str) TlsFailed:
        "{host} sends no certificate.", "{host} não envia certificado.";
    undecipherable(host: &str) TlsFailed:
        "What {host} sent can't be decrypted: something on the way changes the bytes of the connection.",
        "O que {host} enviou não pode ser decifrado: algo no caminho altera os bytes da conexão.";
    internal_alert(host: &str) TlsFailed:
        "{host} reports an error of its own in TLS (internal_error): it may hold no certificate for that name.",
        "{host} informa um erro próprio no TLS (internal_error): talvez não tenha certificado para esse nome.";
    alerted(host: &str, number: u8) TlsFailed:
        "{host} refused the TLS connection (alert {number} of TLS): its log says why.",
        "{host} recusou a conexão TLS (alerta {number} do TLS): o log dele diz por quê.";
    against_tls(host: &str) TlsFailed:
        "{host} breaks the rules of TLS: look at its software, and at what stands in front of it.",
        "{host} viola as regras de TLS: veja o software dele e o que está na frente dele.";

    // Request and response.
    /// `target` makes no request line or `Host`.
    no_request(target: &TargetUrl) Internal:
        "No request could be made for {target}.", "Não foi possível montar uma requisição para {target}.";
    broke_off() Internal:
        "The attempt broke off inside carteiro: its log says more.",
        "A tentativa foi interrompida dentro do carteiro: o log dele diz mais.";
    connection_setup_failed(cause: &Localized) Internal:
        "carteiro could not set up a connection: {cause}.", "O carteiro não conseguiu preparar a conexão: {cause}.";
    /// The whole `limit` ran out without a response.
    silent(host: &str, limit: Duration) Timeout:
        "No response from {host} within {limit}.", "{host} não respondeu em {limit}.";
    fell_silent(host: &str) Timeout:
        "The connection to {host} fell silent before a response came.",
        "A conexão com {host} ficou muda antes de vir uma resposta.";
    closed_in_head(host: &str) Reset:
        "{host} closed the connection in the middle of the response's head.",
        "{host} fechou a conexão no meio do cabeçalho da resposta.";
    closed_plain(host: &str) Reset:
        "{host} closed the connection without an answer; if this port speaks https, write https:// in the webhook's \
         target.",
        "{host} fechou a conexão sem responder; se esta porta fala https, escreva https:// no destino do webhook.";
    closed(host: &str) Reset:
        "{host} closed the connection without an answer.", "{host} fechou a conexão sem responder.";
    too_much_sent(host: &str) BadResponse:
        "{host} sent more than a response can hold.", "{host} enviou mais do que cabe em uma resposta.";
    spoke_first(host: &str, quoted: &str) BadResponse:
        "{host} spoke before it was asked, which no web server does{quoted}.",
        "{host} falou antes de ser perguntado, o que um servidor web não faz{quoted}.";
    speaks_tls(host: &str) BadResponse:
        "{host} speaks TLS on this port: write https:// in the webhook's target.",
        "{host} fala TLS nesta porta: escreva https:// no destino do webhook.";
    speaks_http2(host: &str) BadResponse:
        "{host} speaks HTTP/2 only on this port, and carteiro HTTP/1.1: turn HTTP/1.1 on there too.",
        "{host} só fala HTTP/2 nesta porta, e o carteiro, HTTP/1.1: ative lá também o HTTP/1.1.";
    not_http1(host: &str) BadResponse:
        "What {host} answered is not HTTP/1.1.", "O que {host} respondeu não é HTTP/1.1.";
    no_status_line(host: &str, line: &str) BadResponse:
        "What {host} answered is not HTTP/1.1; it begins with {line}.",
        "O que {host} respondeu não é HTTP/1.1; começa com {line}.";
    unreadable_head(host: &str, why: &Localized) BadResponse:
        "The head of the response from {host} can't be read: {why}.",
        "O cabeçalho da resposta de {host} não pode ser lido: {why}.";

    // A response that doesn't confirm; the codes of the others follow from their status.
    redirected(status: u16, to: &Localized) Redirect:
        "The target answered {status}, a redirect{to}, which is not followed, since the authorization would go along: \
         change the webhook's target to the final address.",
        "O destino respondeu {status}, um redirecionamento{to}, que não é seguido, pois a autorização iria junto; mude \
         o destino do webhook para o endereço final.";
}
