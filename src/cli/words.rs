//! The words of tables in the language of the command: titles, and the panel's own words for statuses. In English a
//! status stays its code, which scripts read.

use super::language::{language, say};
use crate::model::{Language, Noun};
use crate::panel;

/// A status of a notification or a webhook.
pub(crate) fn status(code: &str) -> String {
    status_in(language(), code, panel::status_word)
}

/// A status of a job.
pub(crate) fn job_status(code: &str) -> String {
    status_in(language(), code, panel::job_status_word)
}

/// What a row of the audit tells of.
pub(crate) fn audit_action(code: &str) -> String {
    status_in(language(), code, panel::audit_action_word)
}

fn status_in(language: Language, code: &str, word: fn(Language, &str) -> Option<&'static str>) -> String {
    let word = match language {
        Language::En => None,
        Language::Pt => word(language, code),
    };
    word.unwrap_or(code).to_owned()
}

/// So many events.
pub(crate) fn events(count: u64) -> String {
    say(Noun::EVENTS.counted(count))
}

/// So many notifications.
pub(crate) fn notifications(count: u64) -> String {
    say(Noun::NOTIFICATIONS.counted(count))
}

/// With one decimal, behind a comma in Portuguese.
pub(crate) fn decimal(value: f64) -> String {
    let written = format!("{value:.1}");
    match language() {
        Language::En => written,
        Language::Pt => written.replace('.', ","),
    }
}

/// A title of a column or of a field.
pub(crate) fn title(english: &'static str) -> &'static str {
    match language() {
        Language::En => english,
        Language::Pt => PORTUGUESE.iter().find(|(en, _)| *en == english).map_or(english, |&(_, pt)| pt),
    }
}

/// Titles of columns, then of fields. What is the same in both languages isn't here but in the test.
const PORTUGUESE: &[(&str, &str)] = &[
    ("ACCOUNT", "CONTA"),
    ("ACTION", "AÇÃO"),
    ("ALERT", "AVISO"),
    ("ANSWER", "RESPOSTA"),
    ("BEGUN", "INÍCIO"),
    ("BY", "QUEM"),
    ("CHANGES", "ALTERAÇÕES"),
    ("CREATED", "CRIADAS"),
    ("CREATED AT", "CRIADO EM"),
    ("DESCRIPTION", "DESCRIÇÃO"),
    ("ERASED", "APAGADOS"),
    ("EVENTS", "EVENTOS"),
    ("EXPIRES", "VALIDADE"),
    ("EXTERNAL ID", "ID EXTERNO"),
    ("FROM", "A PARTIR DE"),
    ("KEY", "CHAVE"),
    ("LAST USED", "ÚLTIMO USO"),
    ("MATCHED", "TOTAL"),
    ("MEANS", "EM INGLÊS"),
    ("MUTED", "SILENCIADO"),
    ("NAME", "NOME"),
    ("NEXT", "PRÓXIMA"),
    ("NOTIFICATIONS", "NOTIFICAÇÕES"),
    ("ON", "SOBRE"),
    ("ORDER", "PEDIDO"),
    ("RE-SENT", "REENVIADAS"),
    ("RECORDED", "REGISTRADO"),
    ("RESOURCE ID", "ID DO RECURSO"),
    ("SCOPES", "ESCOPOS"),
    ("SINCE", "DESDE"),
    ("SKIPPED", "PULADAS"),
    ("STATE", "SITUAÇÃO"),
    ("STATUS", "SITUAÇÃO"),
    ("TARGET", "DESTINO"),
    ("TIME", "HORÁRIO"),
    ("TRIED", "TENTATIVAS"),
    ("TYPE", "TIPO"),
    ("attempts", "tentativas"),
    ("authorization", "autorização"),
    ("begun", "início"),
    ("changed", "alterado"),
    ("client certificate", "certificado de cliente"),
    ("created", "criadas"),
    ("delivered", "entregue"),
    ("deliveries a second", "envios por segundo"),
    ("description", "descrição"),
    ("disabled because", "desativado porque"),
    ("ended", "fim"),
    ("erased", "apagados"),
    ("erased at", "apagado em"),
    ("erasure", "apagamento"),
    ("event", "evento"),
    ("events", "eventos"),
    ("external id", "id externo"),
    ("failing since", "falhando desde"),
    ("filter", "filtro"),
    ("from", "a partir de"),
    ("headers", "cabeçalhos"),
    ("is disabled at", "será desativado em"),
    ("job", "tarefa"),
    ("matched", "total"),
    ("max in flight", "envios simultâneos"),
    ("name", "nome"),
    ("next attempt", "próxima tentativa"),
    ("notifications", "notificações"),
    ("occurred", "ocorrido"),
    ("order", "pedido"),
    ("ordered", "manter a ordem"),
    ("public key", "chave pública"),
    ("re-sent", "reenviadas"),
    ("recorded", "registrado"),
    ("registered", "criado"),
    ("resource id", "id do recurso"),
    ("retry", "novas tentativas"),
    ("signatures", "assinaturas"),
    ("skipped", "puladas"),
    ("status", "situação"),
    ("target", "destino"),
    ("to", "até"),
    ("trace id", "id de rastreamento"),
    ("type", "tipo"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Titles that both languages share.
    const SAME: [&str; 7] = ["ID", "TOKENS", "WEBHOOK", "WEBHOOKS", "EM PORTUGUÊS", "id", "webhook"];

    /// The literals that stand between these two texts.
    fn literals<'a>(source: &'a str, before: &str, behind: &str) -> Vec<&'a str> {
        let mut parts = source.split('"');
        let (mut found, mut head) = (Vec::new(), parts.next().unwrap_or_default());
        while let (Some(literal), Some(tail)) = (parts.next(), parts.next()) {
            if head.trim_end().ends_with(before) && tail.trim_start().starts_with(behind) {
                found.push(literal);
            }
            head = tail;
        }
        found
    }

    #[test]
    fn every_title_is_there_in_portuguese() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli");
        let (mut titles, mut files) = (Vec::new(), vec![folder]);
        while let Some(path) = files.pop() {
            if path.is_dir() {
                files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let source = text.split("#[cfg(test)]").next().unwrap_or_default();
            let found = [literals(source, "Column(", ", Fit::"), literals(source, "(", ", Show::")].concat();
            titles.extend(found.into_iter().map(str::to_owned));
        }
        assert!(titles.iter().any(|title| title == "TARGET") && titles.iter().any(|title| title == "max in flight"));
        for title in titles {
            let known = PORTUGUESE.iter().any(|(en, _)| *en == title) || SAME.contains(&title.as_str());
            assert!(known, "{title} has no word in Portuguese");
        }
    }

    #[test]
    fn statuses_are_codes_in_english_and_the_panels_words_in_portuguese() {
        let word = |code| status_in(Language::Pt, code, panel::status_word);
        assert_eq!(["FAILED", "RETRYING", "ACTIVE"].map(word), ["Falhou", "Tentando de novo", "Ativo"]);
        assert_eq!(word("SOMETHING_NEW"), "SOMETHING_NEW");
        assert_eq!(status_in(Language::Pt, "DONE", panel::job_status_word), "Concluído");
        assert_eq!(status_in(Language::En, "FAILED", panel::status_word), "FAILED");
    }
}
