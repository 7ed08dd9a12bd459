//! The API described by itself: the `OpenAPI` 3.1 document, and a page for people made of it.
//!
//! The document is a file that is read and changed like code; tests hold it and the routes to each other. The page is
//! made when somebody asks, without scripts or anything from elsewhere: nobody's browser tells a third party that it
//! was read.

use crate::http::Answer;
use http::{StatusCode, header};
use serde_json::Value;
use std::fmt::Write as _;

const DOCUMENT: &str = include_str!("openapi.json");
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    code,pre{font:14px/1.4 ui-monospace,monospace}pre{overflow:auto;padding:.6rem;border:1px solid #8886}\
    section{border-top:1px solid #8886;padding:.4rem 0}td,th{text-align:left;vertical-align:top;\
    padding:.1rem .8rem .1rem 0}:root{color-scheme:light dark}";

pub(super) fn document() -> Answer {
    Answer::json(StatusCode::OK, DOCUMENT)
}

pub(super) fn reference() -> Answer {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    Answer::json(StatusCode::OK, page(&document))
        .with(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .with(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action \
             'none'",
        )
        .with(header::REFERRER_POLICY, "no-referrer")
}

/// Text as HTML shows it.
fn text(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn pretty(value: &Value) -> String {
    text(&Value::String(serde_json::to_string_pretty(value).unwrap_or_default()))
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// What a reference inside the document leads to; the value itself where it is none.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str().and_then(|to| document.pointer(to.strip_prefix('#')?));
    target.unwrap_or(value)
}

// Writing to a String can't fail.
fn page(document: &Value) -> String {
    let mut html = String::with_capacity(128 * 1024);
    let info = &document["info"];
    let _ = write!(
        html,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{0} API</title><style>{STYLE}</style>\
         <h1>{0} API</h1><p>{1}</p><p>{2}</p><p>For programs: <a href=\"/api/openapi.json\">OpenAPI 3.1</a>.</p>",
        text(&info["title"]),
        text(&info["summary"]),
        text(&info["description"]),
    );
    for tag in document["tags"].as_array().into_iter().flatten() {
        let _ = write!(html, "<h2>{}</h2>", text(&tag["name"]));
        for (path, methods) in members(&document["paths"]) {
            for (method, operation) in members(methods) {
                if operation["tags"][0] == tag["name"] {
                    operation_section(&mut html, document, path, method, operation);
                }
            }
        }
    }
    html.push_str("<h2>Shapes</h2>");
    for (name, schema) in members(&document["components"]["schemas"]) {
        let _ = write!(
            html,
            "<section id=\"{name}\"><details><summary><code>{name}</code></summary><pre>{}</pre></details></section>",
            pretty(schema)
        );
    }
    html
}

fn operation_section(html: &mut String, document: &Value, path: &str, method: &str, operation: &Value) {
    let _ = write!(
        html,
        "<section id=\"{}\"><h3><code>{} {path}</code></h3><p>{} {}</p>",
        text(&operation["operationId"]),
        method.to_uppercase(),
        text(&operation["summary"]),
        text(&operation["description"])
    );
    let parameters = operation["parameters"].as_array();
    if let Some(parameters) = parameters {
        html.push_str("<table>");
        for parameter in parameters {
            let parameter = resolved(document, parameter);
            let _ = write!(
                html,
                "<tr><td><code>{}</code><td>{}<td>{}",
                text(&parameter["name"]),
                text(&parameter["in"]),
                text(&parameter["description"])
            );
        }
        html.push_str("</table>");
    }
    let body = &operation["requestBody"]["content"]["application/json"];
    if !body.is_null() {
        let _ = write!(html, "<pre>{}</pre>", pretty(&body["example"]));
        if let Some(name) = body["schema"]["$ref"].as_str().and_then(|to| to.rsplit('/').next()) {
            let _ = write!(html, "<p>Shape: <a href=\"#{name}\"><code>{name}</code></a></p>");
        }
    }
    html.push_str("<table>");
    for (status, response) in members(&operation["responses"]) {
        let response = resolved(document, response);
        let _ = write!(html, "<tr><th>{status}<td>{}", text(&response["description"]));
        let data = &response["content"]["application/json"]["schema"]["properties"]["data"];
        let name = data["$ref"].as_str().or(data["items"]["$ref"].as_str()).and_then(|to| to.rsplit('/').next());
        if let Some(name) = name {
            let _ = write!(html, " <a href=\"#{name}\"><code>{name}</code></a>");
        }
    }
    html.push_str("</table></section>");
}

#[cfg(test)]
mod tests {
    use super::super::routes::{CallAccess, ROUTES, find};
    use super::*;
    use http::Method;
    use std::collections::BTreeSet;

    const ID: &str = "0193a5b0-1111-7222-8333-444455556666";

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    /// The methods of a path as the document has them, and as the routes do.
    #[test]
    fn the_document_and_the_routes_say_the_same() {
        let document = document();
        let mut described = BTreeSet::new();
        for (path, methods) in members(&document["paths"]) {
            described.insert(path.clone());
            let real = path.replace("{id}", ID);
            for (method, operation) in members(methods) {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let found = find(&method, &real).ok().unwrap_or_else(|| panic!("{method} {path} leads nowhere"));
                let scope = match found.0.answer.access {
                    CallAccess::Token(scope, ..) => Some(scope.as_str()),
                    CallAccess::Public(_) => None,
                };
                let says = operation["description"].as_str();
                let expected = match scope {
                    Some(scope) => format!("Needs a token with the scope `{scope}`."),
                    None => "Needs no token.".to_owned(),
                };
                assert_eq!(says, Some(&*expected), "{method} {path}");
                assert_eq!(operation["security"].as_array().is_some_and(Vec::is_empty), scope.is_none(), "{path}");
            }
            let refused = find(&Method::TRACE, &real).err().unwrap().into_answer();
            let refused = refused.into_response(http::HeaderValue::from_static("x"));
            let allowed = refused.headers()["allow"].to_str().unwrap().to_lowercase();
            let allowed: BTreeSet<&str> = allowed.split(", ").collect();
            assert_eq!(allowed, members(methods).map(|(method, _)| method.as_str()).collect(), "{path}");
        }
        for route in ROUTES.0 {
            assert!(described.contains(route.path), "{} is not described", route.path);
        }
        assert!(described.len() > 20);
    }

    /// What redocly and spectral ask for, as far as it can be held without them.
    #[test]
    fn nothing_is_left_undescribed_and_no_component_unused() {
        let document = document();
        assert!(
            !text(&document["info"]["contact"]["name"]).is_empty()
                && !text(&document["info"]["description"]).is_empty()
        );
        let tags: BTreeSet<&str> =
            document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
        for tag in document["tags"].as_array().unwrap() {
            assert!(!text(&tag["description"]).is_empty(), "{tag}");
        }
        let mut used = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for (path, methods) in members(&document["paths"]) {
            for (method, operation) in members(methods) {
                assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{method} {path}: its id is taken");
                for field in ["summary", "description"] {
                    assert!(!text(&operation[field]).is_empty(), "{method} {path} has no {field}");
                }
                for tag in operation["tags"].as_array().unwrap() {
                    used.insert(tag.as_str().unwrap());
                }
                for (status, response) in members(&operation["responses"]) {
                    assert!(!text(&resolved(&document, response)["description"]).is_empty(), "{path} {status}");
                    // A schema that says only that it is an object is an empty one for typed clients.
                    let schema = &response["content"]["application/json"]["schema"];
                    let bare = schema["type"] == "object" && schema.as_object().unwrap().len() == 1;
                    assert!(!bare, "{method} {path} {status}");
                }
            }
        }
        assert_eq!(used, tags);
        for kind in ["parameters", "schemas", "responses"] {
            for (name, _) in members(&document["components"][kind]) {
                let to = format!("\"$ref\":\"#/components/{kind}/{name}\"");
                assert!(DOCUMENT.contains(&to), "{kind}/{name} is used nowhere");
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_the_page_shows_every_call() {
        let document = document();
        for to in DOCUMENT.split("\"$ref\":\"#").skip(1) {
            let pointer = to.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        let html = page(&document);
        for (path, methods) in members(&document["paths"]) {
            for (method, _) in members(methods) {
                assert!(html.contains(&format!("<code>{} {path}</code>", method.to_uppercase())), "{method} {path}");
            }
        }
        assert!(!html.contains("<script") && !html.contains("http://") && !html.contains("src="));
    }
}
