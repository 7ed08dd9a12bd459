//! The texts of how a webhook's notifications show where they come from, in both languages: the certificate that its
//! target is shown.

use super::Lang;

macro_rules! identity_texts {
    ($($name:ident: $en:literal, $pt:literal;)*) => {
        /// One language.
        pub(crate) struct IdentityTexts {
            $(pub(crate) $name: &'static str,)*
        }

        static EN: IdentityTexts = IdentityTexts { $($name: $en,)* };
        static PT: IdentityTexts = IdentityTexts { $($name: $pt,)* };
    };
}

identity_texts! {
    client_certificate: "Client certificate", "Certificado de cliente";
    client_certificate_help:
        "Only for targets that ask for one (mTLS), such as those of Pix providers. Whoever runs carteiro puts them into \
         the config.",
        "Só para destinos que exigem um (mTLS), como os de provedores de Pix. Quem opera o carteiro os cadastra na \
         configuração.";
    client_certificate_none: "None", "Nenhum";
    client_certificate_until: "{}, valid until {}", "{}, vale até {}";
    client_certificate_fix: "Change certificate", "Trocar certificado";
    client_certificate_gone: "{}, which is not available any more", "{}, que não está mais disponível";
}

impl Lang {
    pub(in crate::panel) const fn identity(self) -> &'static IdentityTexts {
        match self {
            Self::Pt => &PT,
            Self::En => &EN,
        }
    }
}
