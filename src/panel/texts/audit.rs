//! The texts of the page of the audit, in both languages.

use super::Lang;
use super::define::paired_texts;
use crate::model::{AuditAction, Condition};

paired_texts! { AuditTexts;
    title: "Change history", "Histórico de alterações";
    help:
        "Who changed webhooks, tokens and secrets, re-sent or erased something, and who signed in.",
        "Quem alterou webhooks, tokens e segredos, reenviou ou apagou algo, e quem entrou no painel.";
    none: "Nothing was changed yet", "Nada foi alterado ainda";
    none_help:
        "Each change appears here with its author, and is kept as long as [audit] keep in the config says.",
        "Cada alteração aparece aqui com o seu autor, e fica guardada pelo tempo de [audit] keep na configuração.";
    action: "Action", "Ação";
    who: "Who", "Quem";
    changes: "Changes", "Alterações";
    token: "Token", "Token";
    more: "{} more", "mais {}";
    any_action: "All actions", "Todas as ações";
    by_api: "API", "API";
    by_panel: "panel", "painel";
    operator: "Operator (on the machine itself)", "Operador (na própria máquina)";
    carteiro: "carteiro itself", "o próprio carteiro";
    config_token: "Token of admin_token_file", "Token de admin_token_file";
    was_set: "value set", "valor definido";
    was_changed: "value changed", "valor alterado";
    was_removed: "value removed", "valor removido";
    not_set: "not set", "não definido";
    header: "Header {}", "Cabeçalho {}";
    secret: "Signing secret", "Segredo de assinatura";
    key: "Signing keys", "Par de chaves";
    overlap: "The older one stays valid for", "O anterior continua valendo por";
    sent: "Notifications", "Notificações";
    only_status: "Only with status", "Só com a situação";
    queued: "Matched", "Encontradas";
    resent: "Re-sent until then", "Reenviadas até então";
    created: "Created until then", "Criadas até então";
    too: "External id erased too", "Id externo apagado também";
    reason: "Reason", "Motivo";
    gone: "the target answered 410 Gone", "o destino respondeu 410 Gone";
    failing: "the target confirmed nothing for too long", "o destino não confirmou nada por tempo demais";
    failing_since: "Failing since", "Falhando desde";
    event: "Event", "Evento";
    notification: "Notification", "Notificação";
    bulk_resend: "Bulk resend", "Reenvio em massa";
    backfill: "Backfill", "Envio de eventos anteriores";
    erasure: "Erasure", "Apagamento";
    searched: "Key", "Chave";
    matched_events: "Events", "Eventos";
    alert: "Alert", "Aviso";
    erased: "Erased until then", "Apagados até então";
    account: "Account", "Conta";
}

/// What was done, in a few words.
pub(crate) fn action(lang: Lang, action: AuditAction) -> &'static str {
    let (en, pt) = match action {
        AuditAction::WebhookRegistered => ("Webhook created", "Webhook criado"),
        AuditAction::WebhookChanged => ("Webhook changed", "Webhook alterado"),
        AuditAction::WebhookDeleted => ("Webhook deleted", "Webhook excluído"),
        AuditAction::WebhookDisabled => ("Webhook disabled", "Webhook desativado"),
        AuditAction::WebhookTested => ("Test sent", "Teste enviado"),
        AuditAction::SecretRotated => ("New signing secret", "Novo segredo de assinatura"),
        AuditAction::KeyRotated => ("New signing keys", "Novo par de chaves"),
        AuditAction::EventResent => ("Event re-sent", "Evento reenviado"),
        AuditAction::NotificationResent => ("Notification re-sent", "Notificação reenviada"),
        AuditAction::BulkResendStarted => ("Bulk resend started", "Reenvio em massa iniciado"),
        AuditAction::BulkResendCancelled => ("Bulk resend cancelled", "Reenvio em massa cancelado"),
        AuditAction::BackfillStarted => ("Backfill started", "Envio de eventos anteriores iniciado"),
        AuditAction::BackfillCancelled => ("Backfill cancelled", "Envio de eventos anteriores cancelado"),
        AuditAction::EventErased => ("Data erased", "Dados apagados"),
        AuditAction::AlertMuted => ("Alert muted", "Aviso silenciado"),
        AuditAction::AlertUnmuted => ("Alert unmuted", "Aviso reativado"),
        AuditAction::ErasureStarted => ("Erasure started", "Apagamento iniciado"),
        AuditAction::ErasureCancelled => ("Erasure cancelled", "Apagamento cancelado"),
        AuditAction::TokenCreated => ("Token created", "Token criado"),
        AuditAction::TokenRevoked => ("Token revoked", "Token revogado"),
        AuditAction::PanelLinkCreated => ("Sign-in link created", "Link de acesso criado"),
        AuditAction::SignedIn => ("Signed in to the panel", "Entrada no painel"),
        AuditAction::SignedInByLink => ("Signed in to the panel by a link", "Entrada no painel por link"),
        AuditAction::AccountCreated => ("Account created", "Conta criada"),
        AuditAction::AccountRemoved => ("Account removed", "Conta removida"),
    };
    lang.pick(en, pt)
}

/// What an alert tells of, without whose it is.
pub(crate) fn condition_word(lang: Lang, condition: Condition) -> &'static str {
    let (en, pt) = match condition {
        Condition::DiskLow => ("Disk almost full", "Disco quase cheio"),
        Condition::StoreRefusing => ("Events refused", "Eventos recusados"),
        Condition::BackupFailed => ("Backup not written", "Backup não gravado"),
        Condition::OwnCertificate => ("carteiro’s certificate", "Certificado do carteiro"),
        Condition::ClockStepped => ("Clock put forward or back", "Relógio adiantado ou atrasado"),
        Condition::NoEvents(_) => ("No events", "Nenhum evento"),
        Condition::WebhookFailing(_) => ("Webhook failing", "Webhook com falhas"),
        Condition::WebhookDisabling(_) => ("Webhook about to be disabled", "Webhook prestes a ser desativado"),
        Condition::WebhookDisabled(_) => ("Webhook disabled", "Webhook desativado"),
        Condition::NotificationsFailed(_) => ("Failed notifications", "Notificações com falha"),
        Condition::TargetCertificate(_) => ("Certificate of the target", "Certificado do destino"),
        Condition::ClientCertificate(_) => ("Client certificate", "Certificado de cliente"),
    };
    lang.pick(en, pt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_actions_are_called_alike() {
        for lang in [Lang::En, Lang::Pt] {
            let called: std::collections::BTreeSet<_> =
                AuditAction::ALL.into_iter().map(|one| action(lang, one)).collect();
            assert_eq!(called.len(), AuditAction::ALL.len());
        }
    }
}
