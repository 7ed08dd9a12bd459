//! `?format=csv` of a list.

use super::call::Call;
use super::query::Query;
use crate::http::Answer;
use crate::model::Order;
use crate::service::{CsvLanguage, CsvList, CsvLook};

/// How a list is wanted as CSV.
pub(super) struct CsvFormat {
    language: CsvLanguage,
    order: Order,
}

impl CsvFormat {
    /// `None` where the query doesn't ask for CSV. A file has the whole list: `limit` and `cursor` are read, and change
    /// nothing.
    pub(super) fn of(query: &mut Query<'_>) -> Option<Self> {
        let csv = query.optional("format", |text| match text {
            "csv" => Ok(true),
            "json" => Ok(false),
            _ => Err("must be `json` or `csv`".to_owned()),
        });
        let language = query.optional("lang", |text| match text {
            "en" => Ok(CsvLanguage::En),
            "pt" | "pt-BR" => Ok(CsvLanguage::Pt),
            _ => Err("must be `en` or `pt`".to_owned()),
        });
        if csv != Some(true) {
            return None;
        }
        let order = query.paging().listing.order;
        Some(Self { language: language.unwrap_or_default(), order })
    }

    pub(super) fn answer(&self, call: &Call, list: CsvList) -> Answer {
        let name = list.name(self.language);
        Answer::csv(
            call.service.csv(&call.caller, list, CsvLook::of_api(self.language), self.order),
            name,
            call.service.now(),
        )
    }
}
