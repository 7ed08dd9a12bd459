//! What to do about an attempt that failed: one sentence for each code, and for each status that means something of its
//! own, beside the sentence that says why. `docs/failures.md` says the same, in a table.

use crate::model::{ErrorCode, Language};

/// What to do, in the two languages there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// In English.
    pub en: &'static str,
    /// In Portuguese as Brazil writes it.
    pub pt: &'static str,
}

impl Advice {
    /// In this language.
    pub const fn of(self, language: Language) -> &'static str {
        language.pick(self.en, self.pt)
    }
}

/// What to do about a failure with this code and, where the target has answered, this status.
pub fn advice(code: ErrorCode, status: Option<u16>) -> Advice {
    let (en, pt) = match (code, status) {
        (ErrorCode::DnsNotFound, _) => (
            "look for a typing error in the webhook’s URL, and check whether the domain was renewed.",
            "procure um erro de digitação na URL do webhook, e veja se o domínio foi renovado.",
        ),
        (ErrorCode::DnsFailed, _) => (
            "if it happens with every target, check the DNS of carteiro’s machine; if only with this one, the \
             domain’s.",
            "se acontece com todos os destinos, confira o DNS da máquina do carteiro; se só com este, o do domínio.",
        ),
        (ErrorCode::BlockedTarget, _) => (
            "if the target is right, ask the person who runs carteiro to allow it in the config; if not, fix the URL.",
            "se o destino é este mesmo, peça a quem cuida do carteiro que o libere na configuração; se não, corrija a \
             URL.",
        ),
        (ErrorCode::ConnectRefused, _) => (
            "check that the receiving system is running, and that the URL has its port.",
            "veja se o sistema que recebe está em execução, e se a porta da URL é a dele.",
        ),
        (ErrorCode::ConnectTimeout, _) => (
            "check that the target’s machine is on, and that no firewall keeps carteiro out.",
            "veja se a máquina do destino está ligada e se nenhum firewall barra o carteiro.",
        ),
        (ErrorCode::ConnectFailed, _) => (
            "check the network of carteiro’s machine, and whether the target has only IPv6 and the machine has none.",
            "confira a rede da máquina do carteiro, e se o destino só tem IPv6 e ela não.",
        ),
        (ErrorCode::ClientCertificateMissing, _) => (
            "put the certificate back into the config, or choose another one for the webhook.",
            "ponha o certificado de volta na configuração, ou escolha outro no webhook.",
        ),
        (ErrorCode::ClientCertificateRefused, _) => (
            "check which certificate the target takes, and that the file holds the full chain.",
            "confira qual certificado o destino aceita, e se o arquivo traz a cadeia completa.",
        ),
        (ErrorCode::ProxyFailed, _) => (
            "check [egress] proxy in the config, and that the outbound proxy is running.",
            "confira [egress] proxy na configuração, e se o proxy de saída está em execução.",
        ),
        (ErrorCode::ProxyRefused, _) => (
            "the rules of the outbound proxy must allow CONNECT to the target’s port.",
            "as regras do proxy de saída precisam permitir CONNECT à porta do destino.",
        ),
        (ErrorCode::TlsUntrusted, _) => (
            "install the intermediate certificates at the target too; add an authority of your own to [egress] \
             extra_ca_file.",
            "instale no destino também os certificados intermediários; se a autoridade é própria, adicione-a a \
             [egress] extra_ca_file.",
        ),
        (ErrorCode::TlsExpired, _) => (
            "the target's operator must renew its certificate.",
            "quem cuida do destino precisa renovar o certificado.",
        ),
        (ErrorCode::TlsNotYetValid, _) => (
            "check the clock of carteiro’s machine; if it is right, the certificate was installed too early.",
            "confira o relógio da máquina do carteiro; se está certo, o certificado foi instalado cedo demais.",
        ),
        (ErrorCode::TlsNameMismatch, _) => (
            "use a name in the URL that is in the certificate, or get a certificate with the URL’s name.",
            "use na URL um nome que esteja no certificado, ou peça um certificado com o nome da URL.",
        ),
        (ErrorCode::TlsNoCommonCipher, _) => (
            "the target must speak TLS 1.2 or 1.3 and have a certificate for this name, with an RSA, P-256, P-384 or \
             Ed25519 key.",
            "o destino precisa falar TLS 1.2 ou 1.3 e ter um certificado para este nome, com chave RSA, P-256, P-384 \
             ou Ed25519.",
        ),
        (ErrorCode::TlsFailed, _) => (
            "do at the target what the sentence says; if it names no cause, check that the URL’s port speaks TLS at \
             all, not plain http.",
            "faça no destino o que a frase diz; se ela não nomeia a causa, veja se a porta da URL fala mesmo TLS, e \
             não http comum.",
        ),
        (ErrorCode::Reset, _) => (
            "check the log of the target, and of what stands in front of it: something ended the connection. For an \
             http:// URL, the port may speak https.",
            "veja o log do destino e o de quem está na frente dele: algo encerrou a conexão. Em uma URL http://, \
             talvez a porta fale https.",
        ),
        (ErrorCode::Timeout, _) => (
            "the target should answer as soon as it has stored the notification, and do its work afterwards.",
            "o destino deve responder assim que guardar a notificação, e trabalhar depois.",
        ),
        (ErrorCode::BadResponse, _) => (
            "check that the URL has the port of the receiving system: what answers there does not speak HTTP/1.1.",
            "veja se a porta da URL é a do sistema que recebe: o que responde ali não fala HTTP/1.1.",
        ),
        (ErrorCode::Internal, _) => (
            "the problem is carteiro’s own: its log says more.",
            "o problema é do próprio carteiro; o log dele diz mais.",
        ),
        (ErrorCode::Redirect, _) => (
            "change the webhook’s URL to the final address that the response names; if it names none, check what \
             answers there.",
            "troque a URL do webhook pelo endereço final indicado na resposta; se ela não indica nenhum, veja o que \
             responde ali.",
        ),
        (ErrorCode::Http4xx, Some(400 | 422)) => (
            "show the response to the target's operator: it received the notification and did not understand it.",
            "mostre a resposta a quem cuida do destino: ele recebeu a notificação e não entendeu o conteúdo.",
        ),
        (ErrorCode::Http4xx, Some(401)) => (
            "ask the target's operator for the current authorization and save it in this webhook. What is waiting then \
             goes out by itself; re-send what has failed.",
            "peça a autorização atual a quem cuida do destino e grave-a neste webhook. Depois disso, as notificações \
             que aguardam saem sozinhas; as que já falharam, reenvie.",
        ),
        (ErrorCode::Http4xx, Some(403)) => (
            "check the authorization; if it is right, check at the target whether a firewall or CSRF protection \
             blocks the path.",
            "confira a autorização; se está certa, veja no destino se um firewall ou a proteção CSRF barra o caminho.",
        ),
        (ErrorCode::Http4xx, Some(404)) => (
            "check the URL with the target's operator: there is nothing at this path.",
            "confira a URL com quem cuida do destino: não há nada neste caminho.",
        ),
        (ErrorCode::Http4xx, Some(405)) => (
            "check the URL with the target's operator: this path takes no POST.",
            "confira a URL com quem cuida do destino: este caminho não aceita POST.",
        ),
        (ErrorCode::Http4xx, Some(408)) => (
            "check whether the target is overloaded: it gave up waiting for the notification.",
            "veja se o destino está sobrecarregado: ele desistiu de esperar a notificação.",
        ),
        (ErrorCode::Http4xx, Some(410)) => (
            "ask the target's operator for the new address, or delete the webhook: this one is gone.",
            "peça o novo endereço a quem cuida do destino, ou exclua o webhook: este deixou de existir.",
        ),
        (ErrorCode::Http4xx, Some(413)) => (
            "ask the target's operator to accept larger notifications.",
            "peça a quem cuida do destino que aceite notificações maiores.",
        ),
        (ErrorCode::Http4xx, Some(415)) => (
            "ask the target's operator to accept JSON (application/json).",
            "peça a quem cuida do destino que aceite JSON (application/json).",
        ),
        (ErrorCode::Http4xx, Some(419)) => (
            "ask the target's operator to exempt this path from CSRF protection.",
            "peça a quem cuida do destino que isente este caminho da proteção CSRF.",
        ),
        (ErrorCode::Http4xx, Some(429)) => (
            "the target asks for fewer requests: set a rate in Edit, Advanced.",
            "o destino pede menos envios: defina envios por segundo em Editar, Avançado.",
        ),
        (ErrorCode::Http4xx, _) => (
            "show the response to the target's operator: its log says why.",
            "mostre a resposta a quem cuida do destino: o log dele diz o motivo.",
        ),
        (ErrorCode::Http5xx, Some(502..=504 | 520..=530)) => (
            "the receiving system is down: what answered is the server in front of it. Tell the target's operator.",
            "o sistema que recebe está fora do ar: quem respondeu foi o servidor na frente dele. Avise quem cuida do \
             destino.",
        ),
        (ErrorCode::Http5xx, _) => (
            "tell the target's operator: the error is its own, and its log says more.",
            "avise quem cuida do destino; o erro é dele, e o log dele diz mais.",
        ),
        (ErrorCode::BadStatus, _) => (
            "check what answers at this URL: it is no usual web server.",
            "veja o que responde nesta URL: não é um servidor web comum.",
        ),
    };
    Advice { en, pt }
}

/// A failure's sentence without what to do, which stands behind a semicolon and is said apart.
pub fn fact(sentence: &str) -> String {
    match sentence.split_once("; ") {
        Some((fact, _)) => format!("{fact}."),
        None => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_failure_has_its_own_advice_in_either_language() {
        for pick in [|advice: Advice| advice.en, |advice: Advice| advice.pt] {
            let all: BTreeSet<_> = ErrorCode::ALL.into_iter().map(|code| pick(advice(code, None))).collect();
            assert_eq!(all.len(), ErrorCode::ALL.len());
            let statuses = [400, 401, 403, 404, 405, 408, 410, 413, 415, 418, 419, 429];
            let of = |status| pick(advice(ErrorCode::Http4xx, Some(status)));
            let each: BTreeSet<_> = statuses.into_iter().map(of).collect();
            assert_eq!(each.len(), statuses.len());
            assert!(all.iter().chain(&each).all(|sentence| sentence.ends_with('.')));
        }
        assert_eq!(fact("O destino respondeu 401: recusou; confira."), "O destino respondeu 401: recusou.");
        assert_eq!(fact("Nada atende ali."), "Nada atende ali.");
    }
}
