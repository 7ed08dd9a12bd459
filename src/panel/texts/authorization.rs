//! What is asked about an authorization before it is stored, in both languages.

use super::define::paired_texts;

paired_texts! { AuthorizationTexts;
    question:
        "The stored authorization begins with “{} ”, and what you typed does not. Choose below how to save it: you \
         don't have to type it again.",
        "A autorização atual começa com “{} ”, e a que você digitou, não. Escolha abaixo como salvar: não precisa \
         digitar de novo.";
    both:
        "Type the new one or tick the box to remove it, not both.",
        "Digite a nova ou marque para remover, não as duas coisas.";
    forgotten:
        "What you typed is kept for 10 minutes at most, and is gone by now. Type the authorization again.",
        "O que você digitou fica guardado por no máximo 10 minutos e já não está mais. Digite a autorização de novo.";
    stays: "The authorization stays as it was.", "A autorização continua como estava.";
    how: "How to save it?", "Como salvar?";
    with_scheme: "Put “{} ” before what I typed", "Colocar “{} ” antes do que digitei";
    as_typed: "Save what I typed, without “{} ”", "Salvar o que digitei, sem “{} ”";
}
