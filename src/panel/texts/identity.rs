//! The texts of how a webhook's notifications show where they come from, in both languages: the certificate that its
//! target is shown, and the key pair that signs.

use super::Lang;
use super::define::paired_texts;

paired_texts! { IdentityTexts;
    client_certificate: "Client certificate", "Certificado de cliente";
    client_certificate_help:
        "Only for targets that ask for one (mTLS), such as those of Pix providers. The person who runs carteiro puts \
         them into the config.",
        "Só para destinos que exigem um (mTLS), como os de provedores de Pix. Quem opera o carteiro os cadastra na \
         configuração.";
    client_certificate_none: "None", "Nenhum";
    client_certificate_until: "{}, valid until {}", "{}, vale até {}";
    client_certificate_fix: "Change certificate", "Trocar certificado";
    client_certificate_gone: "{}, which is not available any more", "{}, que não está mais disponível";
    signatures: "Signatures", "Assinaturas";
    signatures_help:
        "v1a is verified with the public key, which forges nothing when it leaks. Keep v1 until the target verifies \
         v1a.",
        "A v1a é conferida com a chave pública, que não serve para forjar nada se vazar. Mantenha a v1 até o destino \
         conferir a v1a.";
    by_secret: "v1: by the secret", "v1: com o segredo";
    by_both: "v1 and v1a: by the secret and by the key pair", "v1 e v1a: com o segredo e com o par de chaves";
    by_key: "v1a: by the key pair", "v1a: com o par de chaves";
    bad_signatures: "Choose one of the options.", "Escolha uma das opções.";
    sent: "Signatures sent:", "Assinaturas enviadas:";
    public_key: "Public key", "Chave pública";
    public_key_help:
        "The target verifies v1a signatures (Ed25519) with it. It is no secret.",
        "O destino confere com ela as assinaturas v1a (Ed25519). Não é segredo.";
    old_key_until: "An older key signs as well until", "Uma chave anterior também assina até";
    rotate_key: "Generate new key pair", "Gerar novo par de chaves";
    rotate_key_title: "Generate a new key pair?", "Gerar novo par de chaves?";
    rotate_key_until: "The present key stays valid until", "A chave atual continua valendo até";
    rotate_key_help:
        "Give the target the new public key by then. Until that time, each v1a notification is signed with both keys.",
        "Passe a nova chave pública ao destino até lá. Enquanto isso, cada notificação com v1a é assinada com as duas \
         chaves.";
    key_leaked_title: "Has the private key leaked?", "A chave privada vazou?";
    key_leaked_help:
        "It is in the data folder and in its backups. Only the new key is valid, at once: the target refuses v1a \
         notifications until it has the new public key, and they are tried again.",
        "Ela está na pasta de dados e nos backups. Só a chave nova vale, na hora: o destino recusa as notificações com \
         v1a até ter a nova chave pública, e elas são tentadas de novo.";
    key_leaked_yes: "The key leaked: generate another and revoke the older ones",
        "A chave vazou: gerar outra e invalidar as anteriores";
    verify_by_secret: "How to check v1 at the target", "Como conferir a v1 no destino";
    verify_by_key: "How to check v1a at the target", "Como conferir a v1a no destino";
    verify_by_key_help:
        "In Node.js, without a library: the published Standard Webhooks libraries check v1 alone so far, and would \
         refuse a notification that has no v1.",
        "Em Node.js, sem biblioteca: as bibliotecas de Standard Webhooks publicadas só conferem a v1 por enquanto, e \
         recusariam uma notificação que não tem v1.";
    done_key_rotated: "{}: new key pair generated. Give the public key to the target.",
        "{}: novo par de chaves gerado. Passe a chave pública ao destino.";
}

impl Lang {
    pub(in crate::panel) const fn identity(self) -> &'static IdentityTexts {
        IdentityTexts::of(self)
    }
}
