//! What went wrong with a verb, as the API answers it.

use crate::http::Failure;
use crate::service::Error;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let reply = error.into_reply();
        if reply.fields.is_empty() {
            return Self::new(reply.status, reply.code, reply.detail);
        }
        Self::invalid(reply.fields)
    }
}
