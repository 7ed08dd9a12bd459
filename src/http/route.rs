//! Tables of routes: where a handler's calls are, and how a request finds its row.

use crate::model::EventId;
use http::Method;

/// One method of one path, and what answers it.
pub(crate) struct Route<H> {
    pub(crate) method: &'static str,
    /// The path; its one variable part, where it has one, is `{id}`, a UUID.
    pub(crate) path: &'static str,
    pub(crate) answer: H,
}

/// A table of them. Where two rows have the same path, their order is that of the `Allow` header.
pub(crate) struct Routes<H: 'static>(pub(crate) &'static [Route<H>]);

impl<H> Route<H> {
    /// The bytes of the UUID in the path, zeros where the route has none; `None` for a path that isn't this route's.
    pub(crate) fn matches(&self, path: &str) -> Option<[u8; 16]> {
        let Some((before, after)) = self.path.split_once("{id}") else {
            return (self.path == path).then_some([0; 16]);
        };
        let id = path.strip_prefix(before)?.strip_suffix(after)?;
        // All ids are spelled alike.
        EventId::parse(id).map(EventId::to_bytes)
    }

    pub(crate) fn takes(&self, method: &Method) -> bool {
        // HEAD is GET without its body, which hyper leaves out by itself.
        self.method == method.as_str() || *method == Method::HEAD && self.method == "GET"
    }
}

impl<H> Routes<H> {
    /// The row of a request, and the id in its path; the methods that the path takes where this is none of them, none
    /// for a path that leads nowhere or an id that is no UUID.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Result<(&'static Route<H>, [u8; 16]), Vec<&'static str>> {
        let mut allowed = Vec::new();
        for route in self.0 {
            match route.matches(path) {
                Some(id) if route.takes(method) => return Ok((route, id)),
                Some(_) => allowed.push(route.method),
                None => {}
            }
        }
        Err(allowed)
    }
}
