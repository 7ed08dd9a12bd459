//! The texts of the pages of an erasure by key, in both languages.

use super::define::paired_texts;

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
    stop: "Stop erasing", "Parar de apagar";
    running: "In progress", "Em andamento";
    failed:
        "Given up: something can't be read. Run carteiro verify",
        "Interrompido: algo não pode ser lido. Rode carteiro verify";
    progress: "Erased: {} of {}", "Apagados: {} de {}";
}
