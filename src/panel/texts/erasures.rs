//! The texts of the pages of an erasure by key, in both languages.

use super::Lang;

macro_rules! erasure_texts {
    ($($name:ident: $en:literal, $pt:literal;)*) => {
        /// One language.
        pub(crate) struct ErasureTexts {
            $(pub(crate) $name: &'static str,)*
        }

        static EN: ErasureTexts = ErasureTexts { $($name: $en,)* };
        static PT: ErasureTexts = ErasureTexts { $($name: $pt,)* };
    };
}

erasure_texts! {
    ask: "Erase the payloads…", "Apagar os conteúdos…";
    title: "Erase payloads", "Apagar conteúdos";
    question:
        "Erase the payloads of the {} events that have exactly the key “{}”?",
        "Apagar os conteúdos dos {} eventos que têm exatamente a chave “{}”?";
    help:
        "Of each event its id, type, times and delivery history stay; its payload, what was found in it and the \
         targets’ answers go, and its pending notifications are cancelled. This can’t be undone. Backups made before \
         still have it.",
        "De cada evento ficam o id, o tipo, os horários e o histórico de entregas; o conteúdo, o que foi encontrado \
         nele e as respostas dos destinos são apagados, e as notificações pendentes são canceladas. Esta ação não pode \
         ser desfeita. Backups feitos antes ainda os contêm.";
    none:
        "No event with a payload has exactly the key “{}”. A part of a key, such as the number alone, is not enough.",
        "Nenhum evento com conteúdo tem exatamente a chave “{}”. Uma parte da chave, como só o número, não basta.";
    notifications: "Notifications of these events: {}", "Notificações desses eventos: {}";
    external_id:
        "Erase also the shop’s own id (external_id) of each",
        "Apagar também o id da loja (external_id) de cada um";
    yes: "Yes, erase", "Sim, apagar";
    stop: "Stop erasing", "Parar de apagar";
    running: "In progress", "Em andamento";
    done: "Done", "Concluído";
    failed:
        "Given up: something can’t be read. Run carteiro verify",
        "Interrompido: algo não pode ser lido. Rode carteiro verify";
    cancelled: "Cancelled", "Cancelado";
    progress: "Erased: {} of {}", "Apagados: {} de {}";
}

impl ErasureTexts {
    pub(crate) const fn of(lang: Lang) -> &'static Self {
        match lang {
            Lang::En => &EN,
            Lang::Pt => &PT,
        }
    }
}
