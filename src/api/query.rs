//! Reading a request's query: every parameter once, known, and in range, or a 422 that names it.

use super::answer::{Failure, MAX_NAMED_FIELDS};
use crate::model::{Pattern, Timestamp};
use crate::store::{Cursor, Order};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The most items of a page, and how many there are unasked.
const MAX_LIMIT: usize = 500;
const DEFAULT_LIMIT: usize = 50;
/// The most parameters that are looked at.
const MAX_PARAMETERS: usize = 2 * MAX_NAMED_FIELDS;

pub(super) struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    problems: BTreeMap<String, Vec<String>>,
}

/// Which part of a list is wanted.
pub(super) struct Paging {
    pub(super) limit: usize,
    pub(super) cursor: Option<Cursor>,
    pub(super) order: Order,
}

impl<'a> Query<'a> {
    pub(super) fn new(query: &'a str) -> Self {
        let mut all = form_urlencoded::parse(query.as_bytes());
        let mut query = Self { pairs: all.by_ref().take(MAX_PARAMETERS).collect(), problems: BTreeMap::new() };
        if all.next().is_some() {
            query.problem("query", format!("has more than {MAX_PARAMETERS} parameters"));
        }
        query
    }

    fn problem(&mut self, name: &str, problem: impl Into<String>) {
        let name: String = name.chars().take(100).collect();
        if self.problems.len() >= MAX_NAMED_FIELDS && !self.problems.contains_key(&name) {
            return;
        }
        let told = self.problems.entry(name).or_default();
        let problem = problem.into();
        // A parameter that is given a thousand times is unknown once.
        if !told.contains(&problem) {
            told.push(problem);
        }
    }

    /// A parameter that may be left out. An empty value is a value, and seldom a good one.
    pub(super) fn optional<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let at = self.pairs.iter().position(|(key, _)| key == name)?;
        let (_, value) = self.pairs.remove(at);
        if self.pairs.iter().any(|(key, _)| key == name) {
            self.pairs.retain(|(key, _)| key != name);
            self.problem(name, "is given twice");
            return None;
        }
        match parse(&value) {
            Ok(parsed) => Some(parsed),
            Err(problem) => {
                self.problem(name, problem);
                None
            }
        }
    }

    pub(super) fn timestamp(&mut self, name: &str) -> Option<Timestamp> {
        self.optional(name, |text| {
            // An offset's plus sign reads as a space where a client forgot to encode it.
            Timestamp::parse(&text.replace(' ', "+"))
                .map_err(|_| "must be an ISO 8601 time such as 2026-11-23T10:00:00Z".to_owned())
        })
    }

    pub(super) fn pattern(&mut self, name: &str) -> Option<Pattern> {
        self.optional(name, |text| {
            Pattern::parse(text).ok_or_else(|| "must be `*`, a category such as `PAYMENT.*`, or one type".to_owned())
        })
    }

    pub(super) fn paging(&mut self) -> Paging {
        let limit = self.optional("limit", |text| {
            let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
            limit.ok_or_else(|| format!("must be a whole number from 1 to {MAX_LIMIT}"))
        });
        let cursor = self.optional("cursor", |text| {
            Cursor::parse(text)
                .ok_or_else(|| "is not a cursor of ours: pass `page.next_cursor` on unchanged".to_owned())
        });
        let order = self.optional("order", |text| match text {
            "asc" => Ok(Order::Oldest),
            "desc" => Ok(Order::Newest),
            _ => Err("must be `asc` or `desc`".to_owned()),
        });
        Paging { limit: limit.unwrap_or(DEFAULT_LIMIT), cursor, order: order.unwrap_or_default() }
    }

    /// 422 if anything was wrong, unknown parameters among it.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            self.problem(&name, "is not a known parameter");
        }
        if self.problems.is_empty() { Ok(()) } else { Err(Failure::invalid(self.problems)) }
    }
}

/// For calls that take no parameters.
pub(super) fn none(query: &str) -> Result<(), Failure> {
    Query::new(query).finish()
}
