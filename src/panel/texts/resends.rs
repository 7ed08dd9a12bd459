//! The texts of an event that is sent again, in both languages.

use super::define::paired_texts;

paired_texts! { EventResendTexts;
    title: "Re-send this event?", "Reenviar este evento?";
    confirmed:
        ["{} webhook has confirmed this event already.", "{} webhooks have confirmed this event already."],
        ["{} webhook já confirmou este evento.", "{} webhooks já confirmaram este evento."];
    only_others: "Re-send only to those that have not confirmed", "Reenviar só a quem não confirmou";
    all: "Re-send also to those that have confirmed", "Reenviar também a quem já confirmou";
    sent:
        ["Re-sent to {} webhook: {}. The result appears on this page.",
         "Re-sent to {} webhooks: {}. The results appear on this page."],
        ["Reenviado a {} webhook: {}. O resultado aparece nesta página.",
         "Reenviado a {} webhooks: {}. Os resultados aparecem nesta página."];
    sent_to_none: "Not re-sent, there is nobody to send it to: {}.", "Não reenviado, não há a quem: {}.";
    again_confirmed: "re-sent {}, confirmed ({})", "reenviada {}, confirmada ({})";
    again_not: "re-sent {}, not confirmed ({})", "reenviada {}, não confirmada ({})";
}
