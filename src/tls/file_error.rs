//! What is wrong with a file of certificates or of a key.

use std::fmt;

/// A file of certificates or of a key is of no use; displays as a sentence that names it.
#[derive(Debug)]
pub struct CertificateFileError {
    sentence: String,
    /// Whether the file with the key is at fault, rather than the one with the certificate.
    pub(crate) is_of_key: bool,
}

impl CertificateFileError {
    pub(super) fn of_certificate(sentence: String) -> Self {
        Self { sentence, is_of_key: false }
    }

    pub(super) fn of_key(sentence: String) -> Self {
        Self { sentence, is_of_key: true }
    }
}

impl fmt::Display for CertificateFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for CertificateFileError {}
