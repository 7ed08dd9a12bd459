//! Access tokens, for admins: the list, a new one whose text is shown once, and revoking.

use super::filters::{csv_link, listed, read_page};
use super::frame::{Place, framed};
use super::layout::{ago, empty, moment, when};
use super::request::{page, see};
use super::texts::{Lang, fill};
use super::view::{PageResult, Refusal, View};
use crate::model::{Scope, Scopes, TokenId, is_token_name};
use crate::service::{By, TokenView};
use http::{Method, StatusCode};
use maud::{Markup, html};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// After how many days a token can be made to expire.
const DAYS: [u32; 3] = [30, 90, 365];

/// What the form holds, as typed.
#[derive(Default)]
struct Typed {
    name: String,
    scopes: Vec<Scope>,
    /// In days; never where there are none.
    days: Option<u32>,
}

impl Typed {
    fn of_form(view: &View<'_>) -> Self {
        let form = &view.request.form;
        Self {
            name: form.get("name").unwrap_or_default().to_owned(),
            scopes: form.all("scope").filter_map(Scope::parse).collect(),
            days: form.get("days").and_then(|text| text.parse().ok()).filter(|days| DAYS.contains(days)),
        }
    }
}

pub(super) async fn list(view: &View<'_>) -> PageResult {
    // Nothing is ticked: what a token allows is somebody's choice, whatever it is.
    shown(view, &Typed::default(), &Problems::default()).await
}

/// What is wrong with what was typed, each beside its field.
#[derive(Default)]
struct Problems {
    name: Option<&'static str>,
    scopes: Option<&'static str>,
}

async fn shown(view: &View<'_>, typed: &Typed, problems: &Problems) -> PageResult {
    let (t, u) = (view.t, view.lang.upkeep());
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    let find = |listing| async move { Ok(view.service.tokens(view.caller(), listing)) };
    let (listing, found) = read_page(view, find).await?;
    // As a signing secret: not for a page that refreshes itself.
    let is_seen = view.request.method == Method::GET && !view.request.by_itself;
    let made = is_seen.then(|| view.sessions.take_token(view.signed_in)).flatten();
    let rows = html! {
        div.card {
            table.rows #rows {
                caption.sr { (u.tokens) }
                thead {
                    tr {
                        @for name in [u.token_name, u.token_scopes, u.token_used, u.token_expires] {
                            th scope="col" { (name) }
                        }
                        th scope="col" { span.sr { (u.revoke) } }
                    }
                }
                tbody { @for token in &found.items { (row(view, token)) } }
            }
        }
    };
    let content = html! {
        div.head { div { h1 { (u.tokens) } p.sub { (u.tokens_help) } } div.acts { (csv_link(view)) } }
        @if let Some(made) = &made {
            section.card.pad.secret role="status" {
                h2 { (u.token_ready) }
                p { (u.token_once) }
                pre #secret tabindex="0" { (made) }
                div.acts { button.main type="button" data-copy="secret" hidden { (t.copy) } }
            }
        }
        @let shown = (!found.items.is_empty()).then_some(&rows);
        (listed(view, listing, found.next, shown, &empty(u.no_tokens, "", None, t)))
        div.narrow { (form(view, typed, problems)) }
    };
    let is_wrong = problems.name.is_some() || problems.scopes.is_some();
    let status = if is_wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(page(status, framed(view, Place::None, u.tokens, &content)))
}

fn form(view: &View<'_>, typed: &Typed, problems: &Problems) -> Markup {
    let u = view.lang.upkeep();
    html! {
        form.card.pad method="post" action="/tokens" novalidate {
            h2 { (u.token_new) }
            (view.csrf())
            div.field {
                label for="name" { (u.token_name) }
                input #name name="name" type="text" value=(typed.name) maxlength="100" autocomplete="off"
                    placeholder=(u.token_name_example) aria-invalid=[problems.name.map(|_| "true")]
                    aria-describedby=[problems.name.map(|_| "name-problem")];
                @if let Some(problem) = problems.name { p.problem #name-problem role="alert" { (problem) } }
            }
            fieldset {
                legend { (u.token_scopes) }
                @if let Some(problem) = problems.scopes { p.problem #scopes-problem role="alert" { (problem) } }
                @for (nth, scope) in Scope::ALL.into_iter().enumerate() {
                    @let id = format!("scope-{}", scope.as_str());
                    // None is ticked: said at the first.
                    @let problem = problems.scopes.filter(|_| nth == 0);
                    div.check {
                        input id=(id) type="checkbox" name="scope" value=(scope.as_str())
                            checked[typed.scopes.contains(&scope)] aria-invalid=[problem.map(|_| "true")]
                            aria-describedby=[problem.map(|_| "scopes-problem")];
                        label for=(id) { (u.scope(scope)) " " span.code.muted { (scope.as_str()) } }
                    }
                }
            }
            div.field {
                label for="days" { (u.token_expires) }
                select #days name="days" {
                    option value="" selected[typed.days.is_none()] { (u.never_expires) }
                    @for days in DAYS {
                        option value=(days) selected[typed.days == Some(days)] { (fill(u.in_days, &[&days])) }
                    }
                }
            }
            div.acts { button.main type="submit" { (u.token_create) } }
        }
    }
}

fn row(view: &View<'_>, token: &TokenView) -> Markup {
    let (t, u) = (view.t, view.lang.upkeep());
    let scopes = token.scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(", ");
    html! {
        tr id=(format!("t-{}", token.id)) {
            td.what {
                span.t1.clip title=(token.name) { (token.name) }
                div.t2 { (u.token_made) " " (when(view, token.inserted_at)) }
            }
            td.full { (scopes) @if is_own(view, token.id) { " " span.tag { (u.token_own) } } }
            td.full.t2 {
                span.only { (u.token_used) ": " }
                @match token.last_used_at { Some(at) => (ago(view, at)), None => (t.never) }
            }
            td.full.t2 { span.only { (u.token_expires) ": " } (expiry(view.lang, token)) }
            td.fit {
                a.btn.small href=(format!("/tokens/{}/revoke", token.id)) {
                    (if is_own(view, token.id) { u.revoke_and_leave } else { u.revoke }) span.sr { " " (token.name) }
                }
            }
        }
    }
}

fn expiry(lang: Lang, token: &TokenView) -> Markup {
    html! { @match token.expires_at { Some(at) => (moment(lang, at)), None => (lang.upkeep().never_expires) } }
}

/// Whether this is the token of the present session.
fn is_own(view: &View<'_>, id: TokenId) -> bool {
    matches!(view.caller().by, By::Token { id: own, .. } if own == id)
}

pub(super) async fn create(view: &View<'_>) -> PageResult {
    let typed = Typed::of_form(view);
    let (u, scopes) = (view.lang.upkeep(), Scopes::new(typed.scopes.iter().copied()));
    let problems = Problems {
        name: (!is_token_name(&typed.name)).then_some(u.token_name_problem),
        scopes: scopes.is_none().then_some(u.token_scopes_problem),
    };
    let Some(scopes) = scopes.filter(|_| problems.name.is_none()) else {
        return shown(view, &typed, &problems).await;
    };
    let expires = typed.days.map(|days| DAY * days);
    let made = view.service.create_token(view.caller(), typed.name, scopes, expires).await?;
    view.sessions.put_token(view.signed_in, made.text);
    Ok(see("/tokens"))
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn confirm_revoke(view: &View<'_>, id: TokenId) -> PageResult {
    let (t, u) = (view.t, view.lang.upkeep());
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    let token = view.service.token(view.caller(), id)?;
    let content = html! {
        p.crumb { a href="/tokens" { (u.tokens) } }
        div.narrow {
        div.head { h1 { (u.revoke_title) } }
        form.card.pad method="post" action=(format!("/tokens/{id}/revoke")) {
            (view.csrf())
            p.strong { (token.name) }
            @if is_own(view, id) { p.problem { (u.revoke_own) } }
            p { (u.revoke_help) }
            div.acts {
                button.danger type="submit" { (u.revoke_yes) } a.btn href="/tokens" { (t.cancel) }
            }
        }
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::None, u.revoke_title, &content)))
}

pub(super) async fn revoke(view: &View<'_>, id: TokenId) -> PageResult {
    view.service.revoke_token(view.caller(), id).await?;
    // One's own ends the session: the next page asks to sign in.
    Ok(see("/tokens?done=revoked"))
}
