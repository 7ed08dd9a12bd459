//! What the page of alerts says in Brazilian Portuguese.

use super::define::texts;

texts! {
    struct AlertTexts as PT;
    alerts: "Avisos";
    alerts_help:
        "O que precisa de atenção e por quais canais as pessoas são avisadas. Os canais são definidos na configuração.";
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
    leaves_out: "Parcial";
    untried: "Sem envios desde o início";
    none_since: "nenhum desde";
    started: "quando o carteiro iniciou";
    last_sent: "Último envio";
    test: "Enviar teste";
    tested: "{}: teste enviado.";
    test_left_out: "{}: o teste não chegou a todos. A página diz por quê.";
    test_failed: "{}: o teste não foi enviado. A página diz por quê.";
    open_alerts: "Avisos abertos";
    none_open: "Nenhum aviso aberto: tudo funciona.";
    began: "Começou";
    failed_of: "Falharam: {}";
    failing_of: "Com falhas: {}";
    resolved: "Resolvido";
    none_failed: "Nenhuma continua com falha.";
    not_open: "Não está acontecendo agora.";
    open: "Aberto";
    critical: "Crítico";
    muted: "Silenciado";
    muted_until: "Silenciado até";
    mute: "sem prazo";
    mute_day: "por 24 h";
    mute_verb: "Silenciar";
    unmute: "Voltar a avisar";
    done_muted: "Aviso silenciado: ninguém será avisado dele.";
    done_unmuted: "Este aviso voltará a ser enviado.";
    step_alerts: "Receber avisos de falha";
    step_alerts_help:
        "Por e-mail, Telegram, ntfy, Slack ou Discord, quando um webhook falha. Quem cuida do carteiro define na \
         configuração, em [alerts].";
    see_alerts: "Ver os avisos";
}
