//! HTTP in, below the API and the panel: connections, TLS, the time a caller may take, bodies, answers and refusals.
//!
//! A [`Server`] accepts connections and hands each request to the first [`Handler`] that serves its path. What is
//! common to all requests is decided here: who may connect, how long a connection may wait, what a head must look like,
//! how a body is bounded. It knows no account's data and no store: who calls, and what for, is the handlers' to find
//! out.

mod answer;
mod auth_throttle;
mod certificate;
mod certificate_watch;
mod client_address;
mod connection_slots;
mod contract_errors;
mod cors;
mod handler;
mod head;
mod ingress;
mod long_work;
mod request_body;
mod response_body;
mod route;
mod server;
pub(crate) mod sse;
mod timed_stream;
mod traffic;

pub(crate) use answer::MAX_NAMED_FIELDS;
pub use answer::{Answer, Failure};
pub use certificate::Certificate;
pub use handler::{Handler, InboundRequest};
pub(crate) use head::check_content_encoding;
pub use ingress::Ingress;
pub(crate) use request_body::{OWN_MAPPING, RequestBody};
pub use response_body::{BodyFeed, NextPiece, ResponseBody};
pub(crate) use route::{Route, Routes};
pub use server::Server;
pub use traffic::Class;
