//! Why a text is no target, as sentences.

use super::{Localized, display_in_english};

/// Why a text is no [`TargetUrl`](super::TargetUrl), as the sentence a field error shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// Over [`TargetUrl::MAX_BYTES`](super::TargetUrl::MAX_BYTES).
    TooLong,
    /// Not a URL, or of another scheme.
    NotHttp,
    /// No host behind the scheme.
    NoHost,
    /// A space or a control character.
    Space,
    /// Two dots in a row, or a dot at the beginning.
    EmptyLabel,
    /// A part of a name that begins with a hyphen, or has neither letter nor digit.
    Hyphen,
    /// A part of a name of more than 63 bytes.
    LongLabel,
    /// A name of more than 253 bytes.
    LongName,
    /// It ends in a number and is no IPv4 address.
    NoAddress,
    /// An IPv4 address with a dot behind it.
    AddressDot,
    /// `user:password@` before the host.
    Userinfo,
    /// `#…` at the end, which no server would ever see.
    Fragment,
    /// Characters outside ASCII.
    NotAscii,
    /// A port of 0 or past 65535.
    Port,
}

impl TargetError {
    /// The sentence that says what a target must be, without its subject.
    pub fn localized(self) -> Localized {
        let (en, pt) = match self {
            Self::TooLong => ("must be at most 2048 bytes", "deve ter no máximo 2048 bytes"),
            Self::NotHttp => ("must be an http or https URL", "deve ser uma URL http ou https"),
            Self::NoHost => (
                "must have a host behind http:// or https://, as in https://loja.example/webhooks",
                "deve ter um host depois de http:// ou https://, como em https://loja.example/webhooks",
            ),
            Self::Space => (
                "must not contain spaces: take them out, or write %20 in the path",
                "não pode conter espaços: retire-os ou escreva %20 no caminho",
            ),
            Self::EmptyLabel => (
                "must have a host without two dots in a row and without a dot at its beginning",
                "deve ter um host sem pontos repetidos e sem ponto no início",
            ),
            Self::Hyphen => (
                "must have a host whose parts begin with a letter or digit, not with a hyphen",
                "deve ter um host cujas partes comecem por letra ou dígito, não por hífen",
            ),
            Self::LongLabel => (
                "must have a host whose parts between the dots are at most 63 bytes each",
                "deve ter um host cujas partes entre os pontos tenham no máximo 63 bytes cada",
            ),
            Self::LongName => ("must have a host of at most 253 bytes", "deve ter um host de no máximo 253 bytes"),
            Self::NoAddress => (
                "must have a name or an IP address as its host: what ends in a number must be an IPv4 address such as \
                 203.0.113.7",
                "deve ter um nome ou um endereço IP como host: o que termina em número deve ser um endereço IPv4, como \
                 203.0.113.7",
            ),
            Self::AddressDot => {
                ("must not have a dot behind an IP address", "não pode ter um ponto depois de um endereço IP")
            }
            Self::Userinfo => (
                "must not contain a user name or password; put credentials into `authorization`",
                "não pode conter usuário nem senha; coloque as credenciais na autorização",
            ),
            Self::Fragment => ("must not contain a fragment (#)", "não pode conter um fragmento (#)"),
            Self::NotAscii => (
                "must be ASCII: write the host in its xn-- form and percent-encode the path",
                "deve ser ASCII: escreva o host na forma xn-- e use codificação % no caminho",
            ),
            Self::Port => ("must have a port from 1 to 65535", "deve ter uma porta de 1 a 65535"),
        };
        Localized::new(en, pt)
    }
}

display_in_english!(TargetError);
