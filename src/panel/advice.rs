//! What to do about an attempt that failed: one sentence for each code, beside the sentence that says why.

use super::texts::Lang;
use crate::model::ErrorCode;

macro_rules! advice {
    ($($code:ident: $pt:literal, $en:literal;)*) => {
        /// What to do about this failure. `docs/failures.md` says the same, in a table.
        pub(super) fn on(lang: Lang, code: ErrorCode) -> &'static str {
            match code {
                $(ErrorCode::$code => lang.pick($en, $pt),)*
            }
        }
    };
}

advice! {
    DnsNotFound:
        "Procure um erro de digitação na URL do webhook, e veja se o domínio foi renovado.",
        "Look for a slip in the webhook's URL, and whether the domain was renewed.";
    DnsFailed:
        "Se acontece com todos os destinos, confira o DNS da máquina do carteiro; se só com este, o do domínio.",
        "If every target has it, look at the DNS of carteiro's machine; if only this one, at the domain's.";
    BlockedTarget:
        "Se o destino é este mesmo, peça a quem cuida do carteiro que o libere na configuração; se não, corrija a \
         URL.",
        "If the target is meant, ask whoever runs carteiro to open it in the config; if not, fix the URL.";
    ConnectRefused:
        "Veja se o sistema que recebe está em execução, e se a porta da URL é a dele.",
        "See whether the system that receives is running, and whether the URL has its port.";
    ConnectTimeout:
        "Veja se a máquina do destino está ligada e se nenhum firewall barra o carteiro.",
        "See whether the target's machine is on, and whether a firewall keeps carteiro out.";
    ConnectFailed:
        "Confira a rede da máquina do carteiro, e se o destino só tem IPv6 e ela não.",
        "Look at the network of carteiro's machine, and whether the target has IPv6 alone and it has none.";
    ProxyFailed:
        "Confira [egress] proxy na configuração, e se o proxy de saída está em execução.",
        "Look at [egress] proxy in the config, and whether the outbound proxy is running.";
    ProxyRefused:
        "As regras do proxy de saída precisam permitir CONNECT à porta do destino.",
        "The rules of the outbound proxy must allow CONNECT to the target's port.";
    TlsUntrusted:
        "Instale no destino também os certificados intermediários; se a autoridade é própria, ponha-a em [egress] \
         extra_ca_file.",
        "Install the intermediate certificates at the target too; an authority of your own goes into [egress] \
         extra_ca_file.";
    TlsExpired:
        "Quem cuida do destino precisa renovar o certificado.",
        "Whoever runs the target must renew its certificate.";
    TlsNotYetValid:
        "Confira o relógio da máquina do carteiro; se está certo, o certificado foi posto em uso cedo demais.",
        "Look at the clock of carteiro's machine; if it is right, the certificate was put in too early.";
    TlsNameMismatch:
        "Use na URL um nome que esteja no certificado, ou peça um certificado com o nome da URL.",
        "Use a name in the URL that stands in the certificate, or get a certificate with the URL's name.";
    TlsNoCommonCipher:
        "O destino precisa falar TLS 1.2 ou 1.3 e ter um certificado para este nome, com chave RSA, P-256, P-384 ou \
         Ed25519.",
        "The target must speak TLS 1.2 or 1.3 and have a certificate for this name, with a key of RSA, P-256, P-384 \
         or Ed25519.";
    TlsFailed:
        "Faça no destino o que a frase diz; se ela não nomeia a causa, veja se a porta da URL fala mesmo TLS, e não \
         http comum.",
        "Do at the target what the sentence says; if it names no cause, see whether the URL's port speaks TLS at all, \
         not plain http.";
    Reset:
        "Veja o log do destino e o de quem está na frente dele: algo encerrou a conexão; em uma URL http://, talvez a \
         porta fale https.",
        "Look at the log of the target, and of what stands in front: something ended the connection; for an http:// \
         URL, the port may speak https.";
    Timeout:
        "O destino deve responder 2XX assim que guardar a notificação, e trabalhar depois.",
        "The target should answer with a 2XX as soon as it has kept the notification, and work afterwards.";
    BadResponse:
        "Veja se a porta da URL é a do sistema que recebe: o que responde ali não fala HTTP/1.1.",
        "See whether the URL has the port of the system that receives: what answers there speaks no HTTP/1.1.";
    Internal:
        "O problema é do próprio carteiro: o log dele diz mais.",
        "The problem is carteiro's own: its log says more.";
    Redirect:
        "Troque a URL do webhook pelo endereço para o qual o destino redireciona; se ele não diz nenhum, veja o que \
         responde ali.",
        "Change the webhook's URL to the address that the target redirects to; if it names none, see what answers \
         there.";
    Http4xx:
        "Em 401 e 403, confira a autorização; em 404, 405 e 410, a URL; em 403 e 419, a proteção CSRF; nos outros, o \
         log do destino.",
        "For 401 and 403 look at the authorization; for 404, 405 and 410 at the URL; for 403 and 419 at CSRF \
         protection; else at the target's log.";
    Http5xx:
        "Veja o log do destino: o erro é dele. Os códigos 502 a 504, e 520 a 530 da Cloudflare, vêm de quem está na \
         frente e não o alcança.",
        "Look at the target's log: the error is its own. 502 to 504, and Cloudflare's 520 to 530, come from what \
         stands in front and doesn't reach it.";
    BadStatus:
        "Veja o que responde nesta URL: não é um servidor web comum.",
        "See what answers at this URL: it is no usual web server.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_its_own_advice_in_either_language() {
        for lang in [Lang::Pt, Lang::En] {
            let all: std::collections::BTreeSet<_> = ErrorCode::ALL.into_iter().map(|code| on(lang, code)).collect();
            assert_eq!(all.len(), ErrorCode::ALL.len());
            assert!(all.iter().all(|sentence| sentence.ends_with('.')));
        }
    }
}
