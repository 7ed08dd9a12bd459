//! The frame of every page: its head, the menu, the foot, and the place where it says what was just done.

use super::layout::{Icon, icon, number};
use super::texts::Lang;
use super::texts::audit::AuditTexts;
use super::texts::erasures::ErasureTexts;
use super::view::View;
use maud::{DOCTYPE, Markup, html};

/// Where a page stands in the menu.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Home,
    Webhooks,
    Events,
    Notifications,
    None,
}

/// The texts that the script needs go with it. `failing` webhooks are told of in the title and by the icon, where
/// people see them who look at another page.
fn head(lang: Lang, title: &str, failing: u64) -> Markup {
    let t = lang.texts();
    let icon = if failing > 0 { "/panel/icon-alert.svg" } else { "/panel/icon.svg" };
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        meta name="color-scheme" content="light dark";
        title { @if failing > 0 { "(" (number(lang, failing)) ") " } (title) " · carteiro" }
        link rel="stylesheet" href="/panel/panel.css";
        link rel="icon" type="image/svg+xml" href=(icon);
        script src="/panel/panel.js" defer data-lang=(lang.tag()) data-copied=(t.copied) data-local=(t.local_time)
            data-news=(t.news) data-left=(t.left) data-now=(t.now) data-in=(t.in_span) data-ago=(t.ago)
                data-away=(t.away) data-away-click=(t.away_click) data-close=(t.close)
                    data-selected-one=(t.selected.one) data-selected=(t.selected.many) {}
    }
}

/// `hidden`: what is typed on the page, which is shown again in the other language.
fn language_switch(lang: Lang, here: &str, hidden: &Markup) -> Markup {
    let t = lang.texts();
    html! {
        form.language method="post" action="/language" aria-label=(t.language) {
            input type="hidden" name="back" value=(here);
            (hidden)
            @for (other, name) in [(Lang::Pt, "Português"), (Lang::En, "English")] {
                button.link type="submit" name="lang" value=(other.code()) lang=(other.tag())
                    aria-pressed=(if other == lang { "true" } else { "false" }) { (name) }
            }
        }
    }
}

fn brand() -> Markup {
    html! { a.brand href="/" { (icon(Icon::Logo)) span { "carteiro" } } }
}

/// The page of someone who isn't signed in.
pub(super) fn bare(lang: Lang, title: &str, here: &str, content: &Markup) -> Markup {
    bare_with(lang, title, here, &html! {}, content)
}

/// Likewise; `hidden` is sent along when its reader switches to the other language.
pub(super) fn bare_with(lang: Lang, title: &str, here: &str, hidden: &Markup, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(lang.tag()) {
            head { (head(lang, title, 0)) }
            body.bare {
                main #content { (brand()) (content) }
                footer.foot { div.wrap { (language_switch(lang, here, hidden)) } }
            }
        }
    }
}

/// A page inside the menu.
pub(super) fn framed(view: &View<'_>, place: Place, title: &str, content: &Markup) -> Markup {
    let t = view.t;
    let failing = view.failing();
    let links = [
        (Place::Home, "/", t.home),
        (Place::Webhooks, "/webhooks", t.webhooks),
        (Place::Events, "/events", t.events),
        (Place::Notifications, "/notifications", t.notifications),
    ];
    html! {
        (DOCTYPE)
        html lang=(view.lang.tag()) {
            head { (head(view.lang, title, failing)) }
            body {
                a.skip href="#content" { (t.skip) }
                div.off #away role="alert" hidden {}
                header.top {
                    div.wrap {
                        (brand())
                        nav.nav #menu data-live="" aria-label=(t.menu) {
                            @for (own, href, name) in links {
                                a href=(href) aria-current=[(own == place).then_some("page")] {
                                    (name)
                                    @if own == Place::Home && failing > 0 {
                                        b title=(t.failing.of(failing, &number(view.lang, failing), &[])) {
                                            (number(view.lang, failing))
                                        }
                                    }
                                }
                            }
                        }
                        form.find method="get" action="/search" role="search" {
                            input type="search" name="q" aria-label=(t.search_for) placeholder=(t.search_for)
                                maxlength="200" value=[view.searched()];
                        }
                        (account(view))
                    }
                }
                main #content tabindex="-1" { div.wrap { (content) } }
                footer.foot {
                    div.wrap {
                        span { "carteiro " (env!("CARGO_PKG_VERSION")) }
                        a href="/api/reference" { (t.api_reference) }
                    }
                }
                div.toasts #toasts role="status" {
                    @if let Some(note) = &view.note {
                        p.toast { span { (note) } a href=(view.here) aria-label=(t.close) data-close="" { "×" } }
                    }
                }
            }
        }
    }
}

/// Who is signed in, the language, and the way out.
fn account(view: &View<'_>) -> Markup {
    let t = view.t;
    let name = view.service.account_name(view.caller());
    html! {
        details.account #account {
            summary title=[name.map(|_| t.account)] { (name.unwrap_or(t.account)) }
            div.sheet {
                @if let Some(name) = name {
                    p {
                        (t.account) ": " strong { (name) }
                        @if *name != *view.caller().env { " · " (view.caller().env) }
                    }
                }
                @if !view.can_change { p { span.tag { (t.read_only) } } }
                a href="/alerts" { (view.lang.alerts().alerts) }
                a href="/event-types" { (t.event_types) }
                @if view.can_change {
                    a href="/tokens" { (view.lang.upkeep().tokens) }
                    a href="/audit" { (AuditTexts::of(view.lang).title) }
                    a href="/erasures" { (ErasureTexts::of(view.lang).list) }
                    a href="/system" { (t.system) }
                }
                (language_switch(view.lang, &view.here, &html! {}))
                form method="post" action="/sign-out" {
                    (view.csrf()) button.link type="submit" { (t.sign_out) }
                }
            }
        }
    }
}
