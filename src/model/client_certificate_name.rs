//! What a certificate that is shown to targets is called.

use std::fmt;
use std::sync::Arc;

/// The name of a client certificate of the config: 1 to 64 of a-z, 0-9, `_` and `-`. A webhook keeps it when the config
/// has no such certificate any more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientCertificateName(Arc<str>);

impl ClientCertificateName {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// `None` unless the text has the form above.
    pub fn parse(text: &str) -> Option<Self> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
        ((1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(good)).then(|| Self(text.into()))
    }

    /// As the config has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A number for keys of the store, which have no room for the name: its FNV-1a hash. Of a dozen names, two share
    /// one by a chance of one in 60 million.
    pub fn number(&self) -> u32 {
        self.0.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    }
}

impl fmt::Display for ClientCertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::ClientCertificateName as Name;

    #[test]
    fn a_name_needs_no_escape_anywhere() {
        let longest = "x".repeat(Name::MAX_BYTES);
        for good in ["pix", "itau-2", "a_b", &longest] {
            assert_eq!(Name::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "Pix", "a b", "é", "a\"", &format!("{longest}x")] {
            assert_eq!(Name::parse(bad), None, "{bad}");
        }
    }

    /// It stands in keys of the store. `foobar` is a test vector of the hash's authors.
    #[test]
    fn the_number_of_a_name_stays() {
        assert_eq!(Name::parse("foobar").unwrap().number(), 0xbf9c_f968);
        assert_ne!(Name::parse("pix").unwrap().number(), Name::parse("pix2").unwrap().number());
    }
}
