//! TLS as carteiro speaks it, and what certificates say: 1.2 and 1.3 with ring's algorithms, HTTP/1.1 inside.

pub mod client;
pub(crate) mod der;
pub(crate) mod probe;
pub(crate) mod x509;
