//! Every page and form of the panel, in one table: where it is, who may ask for it, and what answers it.

use super::view::{PageResult, View};
use super::{
    alerts, audit, backfills, erasures, event_resend, event_types, events, key_pair, notifications, open_alerts,
    overview, resends, search, system, tokens, webhook_form, webhook_page, webhooks, welcome,
};
use crate::http::{Route, Routes};
use crate::model::{ErasureId, EventId, JobId, NotificationId, TokenId, WebhookId};
use std::pin::Pin;

pub(super) const STYLE: &[u8] = include_bytes!("panel.css");
pub(super) const SCRIPT: &[u8] = include_bytes!("panel.js");
pub(super) const ICON: &[u8] = include_bytes!("icon.svg");
pub(super) const ALERT_ICON: &[u8] = include_bytes!("icon-alert.svg");

/// Who may ask for it, and what answers it.
pub(super) enum PanelAccess {
    /// Everyone: a file of the panel's own, with its content type.
    Asset(&'static str, &'static [u8]),
    SignInPage,
    SignIn,
    /// Everyone: where a link that signs in leads. It spends nothing; its form does.
    LinkPage,
    SignInByLink,
    Language,
    /// A session, which it ends.
    SignOut,
    /// A session: tells its pages of changes. It is a stream, which [`Panel`](super::Panel) answers before it looks up
    /// pages here; its row is for the methods and paths that the table knows.
    Live,
    /// A session: shows something.
    Page(PageHandler),
    /// A session, for what concerns nobody but its browser, and for what is asked by a form that is too long for an
    /// address: nothing of the account is changed by it.
    Own(PageHandler),
    /// A session of a token that may change things, by a form of one of its own pages.
    Change(PageHandler),
    /// Likewise; a form that is too long is answered by the handler, which shows it again.
    Form(PageHandler),
}

/// Is given the bytes of the id in the path.
type PageHandler = for<'a> fn(&'a View<'a>, [u8; 16]) -> Pin<Box<dyn Future<Output = PageResult> + Send + 'a>>;

/// A row a page or form: method, path, access, and its handler with what it is given: the type of the id in the path.
macro_rules! routes {
    ([$($method:ident $path:literal $access:expr;)*]
     $($own_method:ident $own_path:literal $own_access:ident => $module:ident::$handler:ident$(($id:ident))?;)*) => {
        &[
            $(Route { method: stringify!($method), path: $path, answer: $access },)*
            $(Route {
                method: stringify!($own_method),
                path: $own_path,
                answer: PanelAccess::$own_access(|view, _id| {
                    Box::pin($module::$handler(view $(, $id::from_bytes(_id))?))
                }),
            },)*
        ]
    };
}

pub(super) static ROUTES: Routes<PanelAccess> = Routes(routes! {
    [
        GET "/panel/panel.css" PanelAccess::Asset("text/css; charset=utf-8", STYLE);
        GET "/panel/panel.js" PanelAccess::Asset("text/javascript; charset=utf-8", SCRIPT);
        GET "/panel/icon.svg" PanelAccess::Asset("image/svg+xml", ICON);
        GET "/panel/icon-alert.svg" PanelAccess::Asset("image/svg+xml", ALERT_ICON);
        GET "/live" PanelAccess::Live;
        GET "/sign-in" PanelAccess::SignInPage;
        POST "/sign-in" PanelAccess::SignIn;
        GET "/sign-in/link" PanelAccess::LinkPage;
        POST "/sign-in/link" PanelAccess::SignInByLink;
        POST "/sign-out" PanelAccess::SignOut;
        POST "/language" PanelAccess::Language;
    ]
    GET "/" Page => overview::show;
    GET "/search" Page => search::show;
    POST "/dismiss" Own => welcome::dismiss;
    POST "/recall" Own => welcome::recall;
    POST "/events/sample" Change => welcome::send_sample;
    GET "/webhooks" Page => webhooks::list;
    POST "/webhooks" Form => webhook_form::create;
    GET "/webhooks/new" Page => webhook_form::new;
    GET "/webhooks/{id}" Page => webhook_page::show(WebhookId);
    POST "/webhooks/{id}" Form => webhook_form::change(WebhookId);
    GET "/webhooks/{id}/edit" Page => webhook_form::edit(WebhookId);
    POST "/webhooks/{id}/edit" Own => webhook_form::edit_with_filter(WebhookId);
    GET "/webhooks/{id}/filter" Page => webhook_page::filter(WebhookId);
    POST "/webhooks/{id}/filter" Own => webhook_page::filter(WebhookId);
    GET "/webhooks/{id}/backfill" Page => backfills::ask(WebhookId);
    POST "/webhooks/{id}/backfill" Change => backfills::begin(WebhookId);
    GET "/webhooks/backfills/{id}" Page => backfills::job(JobId);
    POST "/webhooks/backfills/{id}/stop" Change => backfills::stop(JobId);
    POST "/webhooks/{id}/pause" Change => webhooks::pause(WebhookId);
    POST "/webhooks/{id}/resume" Change => webhooks::resume(WebhookId);
    POST "/webhooks/{id}/resend-waiting" Change => webhooks::resend_waiting(WebhookId);
    POST "/webhooks/{id}/test" Change => webhooks::test(WebhookId);
    GET "/webhooks/{id}/rotate" Page => webhook_page::confirm_rotate(WebhookId);
    POST "/webhooks/{id}/rotate" Change => webhook_page::rotate(WebhookId);
    GET "/webhooks/{id}/rotate-key" Page => key_pair::confirm_rotate(WebhookId);
    POST "/webhooks/{id}/rotate-key" Change => key_pair::rotate(WebhookId);
    POST "/webhooks/{id}/kept" Change => webhook_page::kept(WebhookId);
    GET "/webhooks/{id}/secret.txt" Page => webhook_page::secret_file(WebhookId);
    GET "/webhooks/{id}/delete" Page => webhook_page::confirm_delete(WebhookId);
    POST "/webhooks/{id}/delete" Change => webhooks::delete(WebhookId);
    GET "/events" Page => events::list;
    GET "/events/{id}" Page => events::show(EventId);
    GET "/events/{id}/resend" Page => event_resend::ask(EventId);
    POST "/events/{id}/resend" Change => event_resend::send(EventId);
    POST "/events/{id}/send-to" Change => events::send_to(EventId);
    GET "/events/{id}/erase" Page => events::confirm_erase(EventId);
    POST "/events/{id}/erase" Change => events::erase(EventId);
    GET "/event-types" Page => event_types::list;
    GET "/system" Page => system::show;
    GET "/notifications" Page => notifications::list;
    GET "/notifications/resend" Page => resends::confirm;
    POST "/notifications/resend" Change => notifications::resend_selected;
    POST "/notifications/resend-all" Change => resends::resend_all;
    GET "/notifications/resends/{id}" Page => resends::job(JobId);
    POST "/notifications/resends/{id}/stop" Change => resends::stop(JobId);
    GET "/alerts" Page => alerts::show;
    POST "/alerts/test" Change => alerts::test;
    POST "/alerts/mute" Change => open_alerts::mute;
    POST "/alerts/unmute" Change => open_alerts::unmute;
    GET "/audit" Page => audit::list;
    GET "/erasures" Page => erasures::list;
    GET "/erasures/new" Page => erasures::ask;
    POST "/erasures" Change => erasures::begin;
    GET "/erasures/{id}" Page => erasures::show(ErasureId);
    POST "/erasures/{id}/stop" Change => erasures::stop(ErasureId);
    GET "/tokens" Page => tokens::list;
    POST "/tokens" Change => tokens::create;
    GET "/tokens/{id}/revoke" Page => tokens::confirm_revoke(TokenId);
    POST "/tokens/{id}/revoke" Change => tokens::revoke(TokenId);
    GET "/notifications/{id}" Page => notifications::show(NotificationId);
    POST "/notifications/{id}/resend" Change => notifications::resend(NotificationId);
});
