//! What alerts say, in both languages, side by side: the title of each condition and what to do about it.

use crate::alerts::core::Phase;
use crate::model::{Condition, Localized, localized};

/// What a title of one condition needs to know, beside the condition: texts that the writer has made for one language
/// are there for each.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    /// The name of the webhook or certificate; of an account, what stands behind the sentence.
    pub(crate) name: String,
    /// How long it has lasted.
    pub(crate) span: String,
    /// How often it has happened.
    pub(crate) count: u64,
    /// On which day it ends, or at which moment the webhook is disabled, in English.
    pub(crate) until_en: String,
    /// The same in Portuguese.
    pub(crate) until_pt: String,
    /// Whether that is past.
    pub(crate) is_past: bool,
    /// How much of the disk is free.
    pub(crate) free: String,
    /// By how much the clock was put forward, if it was.
    pub(crate) forward: Option<String>,
    /// By how much the clock was put back, if it was.
    pub(crate) back: Option<String>,
}

/// What happened, of one condition.
pub(crate) fn title(condition: Condition, phase: Phase, about: &About) -> Localized {
    let About { name, span, count, until_en, until_pt, is_past, free, forward, back } = about;
    match (condition, phase) {
        (Condition::WebhookFailing(_), Phase::New) => {
            localized!("The webhook {name} is failing", "O webhook {name} está com falhas")
        }
        (Condition::WebhookFailing(_), Phase::Lasts) => localized!(
            "The webhook {name} is still failing, after {span}",
            "O webhook {name} continua com falhas há {span}"
        ),
        (Condition::WebhookFailing(_), Phase::Over) => {
            localized!("The webhook {name} is well again", "O webhook {name} voltou ao normal")
        }
        (Condition::WebhookDisabling(_), _) => {
            localized!("The webhook {name} will be disabled {until_en}", "O webhook {name} será desativado {until_pt}")
        }
        (Condition::WebhookDisabled(_), Phase::New) => {
            localized!("The webhook {name} was disabled", "O webhook {name} foi desativado")
        }
        (Condition::WebhookDisabled(_), Phase::Lasts) => {
            localized!("The webhook {name} is still disabled", "O webhook {name} continua desativado")
        }
        (Condition::WebhookDisabled(_), Phase::Over) => {
            localized!("The webhook {name} is no longer disabled", "O webhook {name} não está mais desativado")
        }
        (Condition::NotificationsFailed(_), _) if *count == 1 => {
            localized!("A notification of the webhook {name} failed", "Uma notificação do webhook {name} falhou")
        }
        (Condition::NotificationsFailed(_), _) => localized!(
            "{count} notifications of the webhook {name} failed",
            "{count} notificações do webhook {name} falharam"
        ),
        (Condition::TargetCertificate(_), Phase::Over) => localized!(
            "The certificate of the target of the webhook {name} was renewed",
            "O certificado do destino do webhook {name} foi renovado"
        ),
        (Condition::TargetCertificate(_), _) if *is_past => localized!(
            "The certificate of the target of the webhook {name} has expired",
            "O certificado do destino do webhook {name} venceu"
        ),
        (Condition::TargetCertificate(_), _) => localized!(
            "The certificate of the target of the webhook {name} expires on {until_en}",
            "O certificado do destino do webhook {name} vence em {until_pt}"
        ),
        (Condition::OwnCertificate, Phase::Over) => {
            localized!("carteiro's certificate was renewed", "O certificado do carteiro foi renovado")
        }
        (Condition::OwnCertificate, _) if *is_past => {
            localized!("carteiro's certificate has expired", "O certificado do carteiro venceu")
        }
        (Condition::OwnCertificate, _) => {
            localized!("carteiro's certificate expires on {until_en}", "O certificado do carteiro vence em {until_pt}")
        }
        (Condition::ClientCertificate(_), Phase::Over) => {
            localized!("The client certificate {name} was renewed", "O certificado de cliente {name} foi renovado")
        }
        (Condition::ClientCertificate(_), _) if *is_past => {
            localized!("The client certificate {name} has expired", "O certificado de cliente {name} venceu")
        }
        (Condition::ClientCertificate(_), _) => localized!(
            "The client certificate {name} expires on {until_en}",
            "O certificado de cliente {name} vence em {until_pt}"
        ),
        (Condition::DiskLow, Phase::Over) => {
            localized!("There is room on the disk again: {free} free", "Há espaço em disco de novo: {free} livres")
        }
        (Condition::DiskLow, _) => {
            localized!("The disk is almost full: {free} free", "O disco está quase cheio: {free} livres")
        }
        (Condition::StoreRefusing, Phase::Over) => {
            localized!("carteiro takes events again", "O carteiro voltou a aceitar eventos")
        }
        (Condition::StoreRefusing, _) => localized!("carteiro refuses events", "O carteiro está recusando eventos"),
        (Condition::BackupFailed, Phase::Over) => {
            localized!("Backups are written again", "Os backups voltaram a ser gravados")
        }
        (Condition::BackupFailed, _) => {
            localized!("No backup was written", "Nenhum backup foi gravado")
        }
        (Condition::ClockStepped, _) => match (forward, back) {
            (Some(forward), Some(back)) => localized!(
                "The machine's clock was put forward by {forward} and back by {back}",
                "O relógio da máquina foi adiantado em {forward} e atrasado em {back}"
            ),
            (None, Some(back)) => {
                localized!("The machine's clock was put back by {back}", "O relógio da máquina foi atrasado em {back}")
            }
            (Some(by), None) => {
                localized!("The machine's clock was put forward by {by}", "O relógio da máquina foi adiantado em {by}")
            }
            (None, None) => localized!("The machine's clock was changed", "O relógio da máquina mudou"),
        },
        (Condition::NoEvents(_), Phase::Over) => {
            localized!("Events are recorded again{name}", "Eventos voltaram a ser registrados{name}")
        }
        (Condition::NoEvents(_), _) => {
            localized!("No event was recorded for {span}{name}", "Nenhum evento é registrado há {span}{name}")
        }
    }
}

/// What a condition is about, whether it is so or not.
pub(crate) fn name(condition: Condition, name: &str) -> Localized {
    match condition {
        Condition::DiskLow => localized!("Disk almost full", "Disco quase cheio"),
        Condition::StoreRefusing => localized!("Events refused", "Eventos recusados"),
        Condition::BackupFailed => localized!("Backup not written", "Backup não gravado"),
        Condition::OwnCertificate => localized!("carteiro's certificate", "Certificado do carteiro"),
        Condition::ClockStepped => localized!("Clock put forward or back", "Relógio adiantado ou atrasado"),
        Condition::NoEvents(_) => localized!("No events{name}", "Nenhum evento{name}"),
        Condition::WebhookFailing(_) => localized!("Webhook {name} failing", "Webhook {name} com falhas"),
        Condition::WebhookDisabling(_) => {
            localized!("Webhook {name} about to be disabled", "Webhook {name} prestes a ser desativado")
        }
        Condition::WebhookDisabled(_) => localized!("Webhook {name} disabled", "Webhook {name} desativado"),
        Condition::NotificationsFailed(_) => {
            localized!("Failed notifications of the webhook {name}", "Notificações do webhook {name} com falha")
        }
        Condition::TargetCertificate(_) => {
            localized!("Certificate of the target of the webhook {name}", "Certificado do destino do webhook {name}")
        }
        Condition::ClientCertificate(_) => localized!("Client certificate {name}", "Certificado de cliente {name}"),
    }
}

/// What happened, of several webhooks or accounts.
pub(crate) fn title_of_several(condition: Condition, phase: Phase, several: usize) -> Localized {
    match (condition, phase) {
        (Condition::WebhookFailing(_), Phase::New) => {
            localized!("{several} webhooks are failing", "{several} webhooks estão com falhas")
        }
        (Condition::WebhookFailing(_), Phase::Lasts) => {
            localized!("{several} webhooks are still failing", "{several} webhooks continuam com falhas")
        }
        (Condition::WebhookFailing(_), Phase::Over) => {
            localized!("{several} webhooks are well again", "{several} webhooks voltaram ao normal")
        }
        (Condition::WebhookDisabling(_), _) => {
            localized!("{several} webhooks will be disabled", "{several} webhooks serão desativados")
        }
        (Condition::WebhookDisabled(_), Phase::New) => {
            localized!("{several} webhooks were disabled", "{several} webhooks foram desativados")
        }
        (Condition::WebhookDisabled(_), Phase::Lasts) => {
            localized!("{several} webhooks are still disabled", "{several} webhooks continuam desativados")
        }
        (Condition::WebhookDisabled(_), Phase::Over) => {
            localized!("{several} webhooks are no longer disabled", "{several} webhooks não estão mais desativados")
        }
        (Condition::NotificationsFailed(_), _) => {
            localized!("Notifications of {several} webhooks failed", "Notificações de {several} webhooks falharam")
        }
        (Condition::TargetCertificate(_), Phase::Over) => localized!(
            "The certificates of {several} targets were renewed",
            "Os certificados de {several} destinos foram renovados"
        ),
        (Condition::TargetCertificate(_), _) => localized!(
            "The certificates of {several} targets expire soon, or have expired",
            "Os certificados de {several} destinos vencem em breve ou já venceram"
        ),
        (Condition::ClientCertificate(_), Phase::Over) => {
            localized!(
                "{several} client certificates were renewed",
                "{several} certificados de cliente foram renovados"
            )
        }
        (Condition::ClientCertificate(_), _) => {
            localized!(
                "{several} client certificates expire soon, or have expired",
                "{several} certificados de cliente vencem em breve ou já venceram"
            )
        }
        (Condition::NoEvents(_), Phase::Over) => {
            localized!(
                "Events of {several} accounts are recorded again",
                "{several} contas voltaram a registrar eventos"
            )
        }
        (Condition::NoEvents(_), _) => {
            localized!("{several} accounts record no events", "{several} contas não registram eventos")
        }
        // There is one machine.
        (
            Condition::DiskLow
            | Condition::StoreRefusing
            | Condition::BackupFailed
            | Condition::OwnCertificate
            | Condition::ClockStepped,
            _,
        ) => title(condition, phase, &About::default()),
    }
}

/// What follows from it, and what to do; `None` where the title says it all.
pub(crate) fn advice(condition: Condition, phase: Phase) -> Option<Localized> {
    let (en, pt) = match (condition, phase) {
        (Condition::NotificationsFailed(_), _) => (
            "Their automatic attempts are used up. Fix the cause, then re-send them from the list of what failed.",
            "As tentativas automáticas se esgotaram. Resolva a causa e depois reenvie pela lista do que falhou.",
        ),
        (_, Phase::Over) => return None,
        (Condition::WebhookFailing(_), _) => (
            "What is pending is tried again by its schedule.",
            "O que está pendente será tentado de novo conforme a agenda.",
        ),
        (Condition::WebhookDisabling(_), _) => (
            "Fix the target or change it before that. Once a webhook is disabled, its notifications are on hold until \
             somebody resumes it.",
            "Corrija ou troque o destino antes disso. Depois de desativado, as notificações ficam em espera até que \
             alguém retome o webhook.",
        ),
        (Condition::WebhookDisabled(_), _) => (
            "Its notifications are on hold and none is lost: fix the target or change it, and resume the webhook.",
            "As notificações estão em espera e nenhuma se perdeu: corrija ou troque o destino e retome o webhook.",
        ),
        (Condition::TargetCertificate(_), _) => (
            "Once it has expired, notifications fail: have the target's operator renew it.",
            "Depois de vencido, as notificações falham: peça a quem cuida do destino que o renove.",
        ),
        (Condition::OwnCertificate, _) => (
            "Once it has expired, nobody can record events or open the panel: renew it. carteiro reads the new file by \
             itself.",
            "Depois de vencido, ninguém registra eventos nem abre o painel: renove-o. O carteiro lê o novo arquivo \
             sozinho.",
        ),
        (Condition::ClientCertificate(_), _) => (
            "Once it has expired, the targets that ask for it refuse notifications: get a new one from whoever issued \
             it. carteiro reads the new files by itself.",
            "Depois de vencido, os destinos que o pedem recusam as notificações: peça um novo a quem o emitiu. O \
             carteiro lê os novos arquivos sozinho.",
        ),
        (Condition::DiskLow, _) => (
            "Below store.min_free events are refused with 503; deliveries go on until only a quarter of that is left. \
             Free space on the disk of the data folder, or give it more.",
            "Abaixo de store.min_free, eventos são recusados com 503; as entregas continuam até restar um quarto \
             disso. Libere espaço no disco da pasta de dados, ou aumente-o.",
        ),
        (Condition::StoreRefusing, _) => (
            "Who records events gets a 503 and has to try again. Look at the log and at the disk of the data folder.",
            "Quem registra eventos recebe 503 e precisa tentar de novo. Veja o log e o disco da pasta de dados.",
        ),
        (Condition::BackupFailed, _) => (
            "Look at the log for the reason: often the backup folder is full, missing, or not writable.",
            "Veja no log o motivo: em geral, a pasta de backups está cheia, não existe ou não aceita gravação.",
        ),
        (Condition::ClockStepped, _) => (
            "A machine that was suspended shows the same. Otherwise, and if nobody did that on purpose, check the \
             time service (NTP). Receivers refuse signatures that are more than five minutes off.",
            "O mesmo acontece quando a máquina fica suspensa. Se não foi isso, e ninguém mudou a hora de propósito, \
             confira o serviço de hora (NTP). Receptores recusam assinaturas com mais de cinco minutos de diferença.",
        ),
        (Condition::NoEvents(_), _) => (
            "If the shop is open, check that it still reaches carteiro and that its token is still good.",
            "Se a loja está funcionando, confira se ela ainda alcança o carteiro e se o token dela ainda vale.",
        ),
    };
    Some(Localized::new(en, pt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_and_phase_has_a_title_of_its_own_in_either_language() {
        let about = About { name: "ERP".to_owned(), count: 2, ..About::default() };
        for pick in [|text: &Localized| text.en.clone(), |text: &Localized| text.pt.clone()] {
            let mut titles = std::collections::BTreeSet::new();
            for condition in Condition::NAMES {
                titles.insert(pick(&title(condition, Phase::New, &about)));
                if condition.tells_end() {
                    titles.insert(pick(&title(condition, Phase::Over, &about)));
                }
                let several = pick(&title_of_several(condition, Phase::New, 50));
                assert!(several.contains("50") || !matches!(condition.code().0, 6..));
            }
            let ends = Condition::NAMES.iter().filter(|condition| condition.tells_end()).count();
            assert_eq!(titles.len(), Condition::NAMES.len() + ends);
        }
    }

    #[test]
    fn numbers_agree() {
        let failed = |count| {
            let about = About { name: "ERP".to_owned(), count, ..About::default() };
            title(Condition::NotificationsFailed(crate::model::WebhookNo(1)), Phase::New, &about).pt
        };
        assert_eq!(failed(1), "Uma notificação do webhook ERP falhou");
        assert_eq!(failed(2), "2 notificações do webhook ERP falharam");
    }
}
