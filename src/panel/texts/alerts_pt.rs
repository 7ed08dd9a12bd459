//! What the page of alerts says in Brazilian Portuguese.

use super::define::texts;

texts! {
    struct AlertTexts as PT;
    alerts: "Avisos";
    alerts_help: "Os canais são definidos na configuração. Por enquanto enviam só testes: nada dispara um aviso ainda.";
    no_channels: "Nenhum canal de avisos";
    no_channels_help:
        "Escreva um canal na configuração e recarregue o daemon: e-mail, Telegram, ntfy, Slack, Discord ou um programa \
         seu. Por exemplo:";
    channels: "Canais de avisos";
    channel: "Canal";
    of_operator: "de quem opera o carteiro";
    of_account: "desta conta";
    works: "Funcionando";
    failing: "Com falha";
    untried: "Sem envios";
    last_sent: "Último envio";
    test: "Enviar teste";
    tested: "{}: teste enviado.";
    test_failed: "{}: o teste não foi enviado. A página diz por quê.";
}
