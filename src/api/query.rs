//! Reading a request's query: every parameter once, known, and in range, or a 422 that names it.

use super::fields::{Problems, given_twice};
use crate::gather::Gather as _;
use crate::http::{Answer, Failure, MAX_NAMED_FIELDS};
use crate::model::{Cursor, Filter, FilterUse, Fingerprint, Listing, Localized, Order, Page, localized};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// The most items of a page, and how many there are unasked.
const MAX_LIMIT: usize = 500;
const DEFAULT_LIMIT: usize = 50;
/// The most parameters that are looked at.
const MAX_PARAMETERS: usize = 2 * MAX_NAMED_FIELDS;

pub(super) struct Query<'a> {
    /// What the list is called, with its filters and its order; empty for a call that lists nothing.
    list: [u8; LIST_BYTES],
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    problems: Problems,
}

/// How many bytes of a hash tell a cursor's list from others.
const LIST_BYTES: usize = 6;
/// How long that is in a cursor's text.
const LIST_CHARS: usize = 8;

/// Which part of a list is wanted.
pub(super) struct Paging {
    list: [u8; LIST_BYTES],
    pub(super) listing: Listing,
}

impl Paging {
    /// Answers a page, each item in its shape. Its cursor's text is a position, and whose list it is of.
    pub(super) fn answer<'p, T, S: Serialize>(&self, page: &'p Page<T>, shape: impl Fn(&'p T) -> S) -> Answer {
        let next = page.next.map(|next| format!("{next}{}", URL_SAFE_NO_PAD.encode(self.list)));
        Answer::page(&page.items.iter().map(shape).collect::<Vec<S>>(), next, self.listing.limit)
    }
}

impl<'a> Query<'a> {
    /// Of a call that lists what `owner` has at `path`. A cursor is good there, with the same filters and order, and
    /// nowhere else: in another list its place would lead somewhere, and things would be missed without a word. `from`
    /// and `to` may change, since they only bound the same list.
    pub(super) fn of_list(owner: u32, path: &str, query: &'a str) -> Self {
        let mut read = Self::new(query);
        let free = ["cursor", "limit", "from", "to"];
        let named = read.pairs.iter().map(|(name, value)| (&**name, &**value));
        let named: BTreeSet<(&str, &str)> =
            named.filter(|pair| !free.contains(&pair.0) && *pair != ("order", "desc")).gather();
        let named = named.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
        let owner = owner.to_be_bytes();
        let hash = Fingerprint::of([owner.as_slice(), path.as_bytes()].into_iter().chain(named)).0;
        read.list.copy_from_slice(&hash[..LIST_BYTES]);
        read
    }

    pub(super) fn new(query: &'a str) -> Self {
        let mut all = form_urlencoded::parse(query.as_bytes());
        let mut query = Self {
            list: [0; LIST_BYTES],
            pairs: all.by_ref().take(MAX_PARAMETERS).collect(),
            problems: BTreeMap::new(),
        };
        if all.next().is_some() {
            let problem =
                localized!("has more than {MAX_PARAMETERS} parameters", "tem mais de {MAX_PARAMETERS} parâmetros");
            query.problem("query", problem);
        }
        query
    }

    fn problem(&mut self, name: &str, problem: Localized) {
        let name: String = name.chars().take(100).collect();
        if self.problems.len() >= MAX_NAMED_FIELDS && !self.problems.contains_key(&name) {
            return;
        }
        let problems = self.problems.entry(name).or_default();
        // A parameter that is given a thousand times is unknown once.
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// A parameter that may be left out. An empty value is a value, and seldom a good one.
    pub(super) fn optional<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, Localized>) -> Option<T> {
        let at = self.pairs.iter().position(|(key, _)| key == name)?;
        let (_, value) = self.pairs.remove(at);
        if self.pairs.iter().any(|(key, _)| key == name) {
            self.pairs.retain(|(key, _)| key != name);
            self.problem(name, given_twice());
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

    /// A filter, of the fields that can be given there.
    pub(super) fn filter<F: Filter>(&mut self, there: FilterUse) -> F {
        let mut filter = F::default();
        for field in F::fields(there) {
            self.optional(field.name, |text| field.set(&mut filter, text));
        }
        filter
    }

    pub(super) fn paging(&mut self) -> Paging {
        let limit = self.optional("limit", |text| {
            let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
            limit.ok_or_else(|| {
                localized!(
                    "must be a whole number from 1 to {MAX_LIMIT}",
                    "deve ser um número inteiro de 1 a {MAX_LIMIT}"
                )
            })
        });
        let list = self.list;
        let cursor = self.optional("cursor", |text| {
            let (place, of) = text.split_at_checked(text.len().saturating_sub(LIST_CHARS)).unwrap_or_default();
            match Cursor::parse(place) {
                Some(cursor) if of == URL_SAFE_NO_PAD.encode(list) => Ok(cursor),
                Some(_) => Err(localized!(
                    "is of another list, or of other filters or another order: pass `page.next_cursor` on with the \
                     parameters of the page that it came with",
                    "é de outra lista, ou de outros filtros ou outra ordem: envie `page.next_cursor` com os parâmetros \
                     da página em que ele veio"
                )),
                None => Err(localized!(
                    "is not a cursor of ours: pass `page.next_cursor` on unchanged",
                    "não é um cursor nosso: envie `page.next_cursor` sem mudança"
                )),
            }
        });
        let (order, limit) = (self.order(), limit.unwrap_or(DEFAULT_LIMIT));
        Paging { list, listing: Listing { order, cursor, limit } }
    }

    pub(super) fn order(&mut self) -> Order {
        let order = self.optional("order", |text| match text {
            "asc" => Ok(Order::Oldest),
            "desc" => Ok(Order::Newest),
            _ => Err(localized!("must be `asc` or `desc`", "deve ser `asc` ou `desc`")),
        });
        order.unwrap_or_default()
    }

    /// 422 if anything was wrong, unknown parameters among it.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            self.problem(&name, localized!("is not a known parameter", "não é um parâmetro conhecido"));
        }
        if self.problems.is_empty() { Ok(()) } else { Err(Failure::invalid(self.problems)) }
    }
}

/// For calls that take no parameters.
pub(super) fn none(query: &str) -> Result<(), Failure> {
    Query::new(query).finish()
}
