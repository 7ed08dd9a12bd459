//! `?format=csv` of a list.

use super::call::Call;
use super::query::Query;
use crate::http::Answer;
use crate::model::{Order, localized};
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
        let language = Self::language(query)?;
        Some(Self { language, order: query.paging().listing.order })
    }

    /// Likewise, of a list that is never answered in pages and has an order of its own.
    pub(super) fn of_short(query: &mut Query<'_>) -> Option<Self> {
        Some(Self { language: Self::language(query)?, order: Order::default() })
    }

    fn language(query: &mut Query<'_>) -> Option<CsvLanguage> {
        let csv = query.optional("format", |text| match text {
            "csv" => Ok(true),
            "json" => Ok(false),
            _ => Err(localized!("must be `json` or `csv`", "deve ser `json` ou `csv`")),
        });
        let language = query.optional("lang", |text| match text {
            "en" => Ok(CsvLanguage::En),
            "pt" | "pt-BR" => Ok(CsvLanguage::Pt),
            _ => Err(localized!("must be `en` or `pt`", "deve ser `en` ou `pt`")),
        });
        (csv == Some(true)).then(|| language.unwrap_or_default())
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
