//! The texts of the pages of an erasure by key, in both languages.

use super::Lang;
use super::define::paired_texts;
use crate::model::ErasureState;

paired_texts! { ErasureTexts;
    title: "Erase data", "Apagar dados";
    question:
        "Erase the data of all events that have exactly the key “{}”?",
        "Apagar os dados de todos os eventos que têm exatamente a chave “{}”?";
    counts: "Events: {} · notifications of theirs: {}", "Eventos: {} · notificações deles: {}";
    goes:
        "The data of these events, what the search finds in it and the targets' responses are erased. What is pending \
         of them is cancelled, and they can't be re-sent.",
        "São apagados os dados desses eventos, o que a busca encontra neles e as respostas dos destinos. O que está \
         pendente deles é cancelado, e eles não podem ser reenviados.";
    stays:
        "The type, id and times of each and the history of the attempts stay, without the bodies.",
        "De cada evento ficam o tipo, o id, as datas e o histórico das tentativas, sem os corpos.";
    none:
        "No event that has data has exactly the key “{}”. A part of a key, such as the number alone, is not enough.",
        "Nenhum evento com dados tem exatamente a chave “{}”. Uma parte da chave, como só o número, não basta.";
    external_id: "Erase the external id of each as well", "Apagar também o id externo de cada um";
    external_id_stays:
        "Unless it is ticked, they stay: the search goes on finding the events by them.",
        "Sem marcar, eles ficam: a busca continua encontrando os eventos por eles.";
    meant: "Did you mean one of these?", "Você quis dizer uma destas?";
    meant_more:
        ["and {} more key: type more of it", "and {} more keys: type more of the one you mean"],
        ["e mais {} chave: digite mais dela", "e mais {} chaves: digite mais da que você procura"];
    meant_among:
        "Looked for among the newest {} events alone.", "Procurado apenas entre os {} eventos mais recentes.";
    stop: "Stop erasing", "Parar de apagar";
    running: "In progress", "Em andamento";
    failed:
        "Given up: something can't be read. Run carteiro verify",
        "Interrompido: algo não pode ser lido. Rode carteiro verify";
    progress: "Erased: {} of {}", "Apagados: {} de {}";
    list: "Erasures", "Apagamentos";
    list_help:
        "All events of an order or a customer. Each erasure is listed for a week after its end; its key is forgotten \
         at its end.",
        "Todos os eventos de um pedido ou cliente. Cada apagamento fica na lista por uma semana depois de terminar; a \
         chave é esquecida quando ele termina.";
    nothing: "Nothing was erased in the last week", "Nada foi apagado na última semana";
    nothing_help:
        "What was erased on the page of a single event is in the change history alone.",
        "O que foi apagado na página de um só evento está apenas no histórico de alterações.";
    key: "Key", "Chave";
    key_forgotten: "Key forgotten", "Chave esquecida";
    key_help:
        "The whole id of an order or a payment, or the whole value of a field that [catalogue] keys in the config \
         names, such as an e-mail address.",
        "O id inteiro de um pedido ou pagamento, ou o valor inteiro de um campo citado em [catalogue] keys na \
         configuração, como um e-mail.";
    count: "Count the events", "Contar os eventos";
    count_help: "Nothing is erased before you confirm.", "Nada é apagado antes de você confirmar.";
    who: "Who", "Quem";
    unknown: "not known", "não se sabe";
    begun: "Begun", "Início";
    ended: "Ended", "Fim";
}

/// What a state is called.
pub(crate) fn erasure_state(lang: Lang, state: ErasureState) -> &'static str {
    let (t, own) = (lang.texts(), ErasureTexts::of(lang));
    match state {
        ErasureState::Running => own.running,
        ErasureState::Done => t.job_done,
        ErasureState::Failed => own.failed,
        ErasureState::Cancelled => t.job_cancelled,
    }
}
