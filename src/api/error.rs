//! What went wrong with a verb, as the API answers it.

use crate::http::Failure;
use crate::model::Localized;
use crate::service::Error;
use crate::store::StoreError;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found(),
            Error::Conflict { code, detail } => Self::conflict(code, detail.en),
            Error::Invalid(fields) => {
                let english = |said: Vec<Localized>| said.into_iter().map(|said| said.en).collect();
                Self::invalid(fields.into_iter().map(|(field, said)| (field, english(said))).collect())
            }
            Error::Store(full @ StoreError::Full { .. }) => Self::unavailable(full.to_string()),
            Error::Store(StoreError::Stopped) => Self::unavailable("carteiro is stopping: try again in a moment"),
            Error::Store(error) => {
                // A caller can do nothing about it and learns nothing from its details; the operator must. A read that failed is in
                // the log already, once and not for each call.
                if !error.is_failed_read() {
                    tracing::error!(%error, "the store could not answer");
                }
                Self::store_failed()
            }
        }
    }
}
