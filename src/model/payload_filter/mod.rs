//! What a webhook asks of an event's resource beside its type: JSON of the shape of the resource, with values, or with
//! operators where a value is compared otherwise, such as
//! `{"payment": {"method": "PIX", "total_cents": {"$gte": 10000}}}`.
//!
//! - Everything in one object must be met. A plain value is met by an equal one; numbers are compared by their exact
//!   value, texts by their characters.
//! - `$eq`, `$neq`, `$in`, `$nin` compare with plain values, `$gt`, `$gte`, `$lt`, `$lte` with a number or a text,
//!   `$startsWith` and `$endsWith` with a text. What is of another kind, or missing, meets none of them but `$neq` and
//!   `$nin`. `$exist` asks whether there is a value, be it `null`.
//! - `$or`, `$and` and `$not` are about the same value as the object that they stand in.
//! - Where the resource has a list, one of its elements must meet all that the object asks for; `$neq`, `$nin` and
//!   `$not` must be met by every one. Lists in lists count as one.

mod condition;
mod error;
mod number;
mod parse;
mod set;
#[cfg(test)]
mod tests;
mod unmet;

use condition::Block;
pub use error::FilterError;
pub use set::FilterSet;
use std::fmt;
use std::sync::Arc;
pub use unmet::{Effort, Unmet};

/// A filter that was read without a fault. Clones share it.
#[derive(Clone, PartialEq)]
pub struct PayloadFilter(Arc<Parsed>);

#[derive(PartialEq)]
struct Parsed {
    text: Box<str>,
    block: Block,
}

impl PayloadFilter {
    /// The longest filter, in bytes without white space.
    pub const MAX_BYTES: usize = parse::MAX_BYTES;
    /// How many objects can stand one within the other.
    pub const MAX_DEPTH: usize = parse::MAX_DEPTH;
    /// The most conditions: plain values, and operators but `$or`, `$and` and `$not`.
    pub const MAX_CONDITIONS: usize = parse::MAX_CONDITIONS;

    /// Reads a filter; the error names the first fault and its place.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let (text, block) = parse::parse(text)?;
        Ok(Self(Arc::new(Parsed { text: text.into(), block })))
    }

    /// JSON, as it was written but for white space.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The first condition that a resource doesn't meet, `None` where it meets all. `resource` is the text of one JSON
    /// object. It agrees with [`FilterSet::matches`] where that doesn't give up, and takes longer. Where the effort is
    /// spent before it is found, the filter as a whole stands in its place.
    pub fn unmet(&self, resource: &str, effort: &mut Effort) -> Option<Unmet> {
        unmet::unmet(&self.0.block, "", Some(resource), effort).unwrap_or_else(|_| {
            let met = FilterSet::of([&self.0.block].into_iter()).matches(resource);
            (met != [true]).then(|| self.unmet_whole())
        })
    }

    /// The filter as a whole, as what isn't met.
    pub fn unmet_whole(&self) -> Unmet {
        Unmet::of_whole(self.as_str())
    }
}

impl<'f> FromIterator<&'f PayloadFilter> for FilterSet {
    fn from_iter<I: IntoIterator<Item = &'f PayloadFilter>>(filters: I) -> Self {
        Self::of(filters.into_iter().map(|filter| &filter.0.block))
    }
}

impl fmt::Debug for PayloadFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PayloadFilter({})", self.as_str())
    }
}
