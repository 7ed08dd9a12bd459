//! The authorization as it is typed. One that lacks the scheme which the stored one begins with is asked about first:
//! people paste the token alone, and the target then refuses everything.

use super::layout::radio;
use super::texts::authorization::AuthorizationTexts;
use super::texts::fill;
use super::view::View;
use crate::model::{Authorization, Webhook};
use maud::{Markup, html};

/// The schemes that are asked about and shown. What stands before the first space of any other value may be secret.
const SCHEMES: [&str; 4] = ["Bearer", "Basic", "Token", "ApiKey"];

/// The field that answers the question, and its values.
pub(super) const ANSWER: &str = "authorization_scheme";
const WITH_SCHEME: &str = "keep";
const AS_TYPED: &str = "none";
/// The box that removes the stored one.
pub(super) const REMOVE: &str = "remove_authorization";

/// What a form says of the authorization.
#[derive(Default)]
pub(super) struct TypedAuthorization {
    /// What is to be stored; `None` where nothing was typed, or has to be asked about first.
    pub(super) value: Option<String>,
    /// What is asked, now or once more.
    pub(super) question: Option<Question>,
    /// The question was answered, and what was typed is kept no more: it has to be typed again.
    pub(super) is_forgotten: bool,
}

/// Whether the scheme of the stored authorization goes before what was typed, which the session keeps meanwhile: no
/// page repeats it.
pub(super) struct Question {
    scheme: String,
    as_typed: bool,
}

/// The scheme that the stored authorization begins with, of those that are known.
fn scheme_of(webhook: &Webhook) -> Option<String> {
    let (scheme, _) = webhook.authorization.as_ref().map(Authorization::expose)?.split_once(' ')?;
    SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme)).then(|| scheme.to_owned())
}

/// What the form of a webhook that there is says.
pub(super) fn read(view: &View<'_>, webhook: &Webhook) -> TypedAuthorization {
    let form = &view.request.form;
    let typed = form.get("authorization").map(str::to_owned);
    let kept =
        |answer: Option<&str>| answer.and_then(|_| view.sessions.typed_authorization(view.signed_in, webhook.id));
    let answer = form.get(ANSWER).filter(|answer| [WITH_SCHEME, AS_TYPED].contains(answer));
    if form.get(REMOVE).is_some() {
        // Refused beside one that was typed. The next page keeps none, or ticking the box could never be obeyed.
        let value = typed.or_else(|| kept(answer));
        view.sessions.forget_typed_authorization(view.signed_in);
        return TypedAuthorization { value, ..TypedAuthorization::default() };
    }
    let Some(scheme) = scheme_of(webhook) else {
        return TypedAuthorization { value: typed, ..TypedAuthorization::default() };
    };
    let as_typed = answer == Some(AS_TYPED);
    let text = typed.or_else(|| kept(answer));
    match text {
        Some(text) if !text.contains(' ') && Authorization::parse(&text).is_some() => {
            view.sessions.put_typed_authorization(view.signed_in, webhook.id, text.clone());
            let value = answer.map(|_| if as_typed { text } else { format!("{scheme} {text}") });
            TypedAuthorization { value, question: Some(Question { scheme, as_typed }), is_forgotten: false }
        }
        text => {
            let is_forgotten = text.is_none() && answer.is_some() && form.get("had_authorization").is_some();
            TypedAuthorization { value: text, question: None, is_forgotten }
        }
    }
}

impl Question {
    /// What stands at the field.
    pub(super) fn problem(&self, view: &View<'_>) -> String {
        fill(AuthorizationTexts::of(view.lang).question, &[&self.scheme])
    }

    /// The two answers.
    pub(super) fn answers(&self, view: &View<'_>) -> Markup {
        let own = AuthorizationTexts::of(view.lang);
        html! {
            fieldset {
                legend { (own.how) }
                (radio(ANSWER, WITH_SCHEME, !self.as_typed, &fill(own.with_scheme, &[&self.scheme])))
                (radio(ANSWER, AS_TYPED, self.as_typed, &fill(own.as_typed, &[&self.scheme])))
            }
        }
    }
}
