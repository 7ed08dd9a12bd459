//! What lists are narrowed by. One table for each kind of list gives the fields, from which the API's parameters, the
//! panel's address, the command line's flags and the bulk resends' bodies and records follow.

use super::{
    AuditAction, AuditRow, AuditSubject, EventId, JobId, Localized, Pattern, ResponseFilter, SearchText, Status,
    Timestamp, TokenId, WebhookId, localized,
};

/// Where a field of a filter can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterUse {
    /// A list of the API and of the command line.
    List,
    /// A bulk resend.
    Resend,
    /// Following along.
    Stream,
    /// A list of the panel.
    Panel,
}

/// One field of a filter.
pub struct FilterField<F> {
    /// Its name in queries and JSON.
    pub name: &'static str,
    /// What the help of its flag calls the value.
    pub value: &'static str,
    /// What it narrows a list to, in a few words.
    pub help: &'static str,
    /// Where it can be given.
    pub uses: &'static [FilterUse],
    /// The values it has as a rule, where these are few.
    pub words: fn() -> Vec<&'static str>,
    set: fn(&mut F, &str) -> Result<(), Localized>,
    get: fn(&F) -> Option<String>,
}

impl<F> FilterField<F> {
    /// The name of its flag: its own with hyphens, but a word for the one letter.
    pub fn flag(&self) -> String {
        if self.name == "q" { "query".to_owned() } else { self.name.replace('_', "-") }
    }

    /// Sets the field; `Err` with what its value must be.
    pub fn set(&self, filter: &mut F, value: &str) -> Result<(), Localized> {
        (self.set)(filter, value)
    }

    /// Its value, as [`Self::set`] takes it; `None` where it isn't set.
    pub fn get(&self, filter: &F) -> Option<String> {
        (self.get)(filter)
    }
}

/// What a kind of list is narrowed by. All that is given must hold.
pub trait Filter: Default + Send + Sync + 'static {
    /// Its fields.
    const FIELDS: &'static [FilterField<Self>];

    /// The fields that can be given there.
    fn fields(there: FilterUse) -> impl Iterator<Item = &'static FilterField<Self>> {
        Self::FIELDS.iter().filter(move |field| field.uses.contains(&there))
    }
}

macro_rules! filter {
    ($(#[$about:meta])* $filter:ident {
        $($(#[doc = $help:literal])+ $field:ident: $type:ty = $name:literal, $value:literal, [$($there:ident),*];)+
    }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $filter {
            $($(#[doc = $help])+ pub $field: Option<$type>,)+
        }

        impl Filter for $filter {
            const FIELDS: &'static [FilterField<Self>] = &[$(FilterField {
                name: $name,
                value: $value,
                help: concat!($($help),+),
                uses: &[$(FilterUse::$there),*],
                words: <$type as FilterValue>::words,
                set: |filter, text| {
                    filter.$field = Some(FilterValue::read(text)?);
                    Ok(())
                },
                get: |filter| filter.$field.as_ref().map(FilterValue::text),
            }),+];
        }
    };
}

filter! {
    /// Which notifications are meant.
    NotificationFilter {
        /// Of events with this id, or this number of 3 digits or more in one; or with this id themselves
        q: SearchText = "q", "TEXT", [List, Resend, Panel];
        /// Of this webhook
        webhook_id: WebhookId = "webhook_id", "ID", [List, Resend, Stream, Panel];
        /// Of this event
        event_id: EventId = "event_id", "ID", [List, Stream, Panel];
        /// That this bulk resend or backfill was the last to send
        job_id: JobId = "job_id", "ID", [List, Resend, Panel];
        /// With status PENDING, RETRYING, HELD, DELIVERED, FAILED or CANCELLED
        status: Status = "status", "STATUS", [List, Resend, Panel];
        /// Of a type, a category such as PAYMENT.*, or *
        event_type: Pattern = "type", "PATTERN", [List, Resend, Stream, Panel];
        /// With this last response: 500, 5xx or none
        response: ResponseFilter = "response_status", "STATUS", [List, Resend, Panel];
        /// That are pending or have failed (true), or are delivered or cancelled (false)
        undelivered: bool = "undelivered", "BOOL", [List, Panel];
        /// Of tests of webhooks (true), or of everything else (false, which holds unless an event is named)
        test: bool = "test", "BOOL", [List, Resend, Panel];
        /// Of webhooks deleted since (true), or of those there still are (false)
        webhook_deleted: bool = "webhook_deleted", "BOOL", [List, Panel];
        /// Of events recorded at or after this time
        from: Timestamp = "from", "TIME", [List, Resend, Panel];
        /// Of events recorded before this time
        to: Timestamp = "to", "TIME", [List, Resend, Panel];
    }
}

impl NotificationFilter {
    /// With what holds unless the caller says otherwise: tests are apart, but among the notifications of one event.
    #[must_use]
    pub fn or_default(mut self) -> Self {
        if self.event_id.is_none() {
            self.test.get_or_insert(false);
        }
        self
    }
}

filter! {
    /// Which events are meant.
    EventFilter {
        /// With this id, or this number of 3 digits or more in one
        q: SearchText = "q", "TEXT", [List, Stream, Panel];
        /// Of a type, a category such as PAYMENT.*, or *
        event_type: Pattern = "type", "PATTERN", [List, Stream, Panel];
        /// With the shop's own id
        external_id: String = "external_id", "ID", [List, Stream, Panel];
        /// About the resource with this id
        resource_id: String = "resource_id", "ID", [List, Stream, Panel];
        /// With a notification that is pending or has failed
        undelivered: bool = "undelivered", "BOOL", [Panel];
        /// Samples and tests of webhooks (true), or everything else (false, which holds unless an id is looked for)
        test: bool = "test", "BOOL", [List, Panel];
        /// Of events recorded at or after this time
        from: Timestamp = "from", "TIME", [List, Panel];
        /// Of events recorded before this time
        to: Timestamp = "to", "TIME", [List, Panel];
    }
}

impl EventFilter {
    /// With what holds unless the caller says otherwise: tests are apart, but where something is looked for by its id.
    #[must_use]
    pub fn or_default(mut self) -> Self {
        if self.q.is_none() && self.external_id.is_none() && self.resource_id.is_none() {
            self.test.get_or_insert(false);
        }
        self
    }
}

filter! {
    /// Which rows of the audit are meant.
    AuditFilter {
        /// Of this action, as the list names it
        action: AuditAction = "action", "ACTION", [List, Panel];
        /// Of changes to this webhook, deleted or not
        webhook_id: WebhookId = "webhook_id", "ID", [List, Panel];
        /// Of changes made with this access token, or to it
        token_id: TokenId = "token_id", "ID", [List, Panel];
        /// Of changes made at or after this time
        from: Timestamp = "from", "TIME", [List, Panel];
        /// Of changes made before this time
        to: Timestamp = "to", "TIME", [List, Panel];
    }
}

impl AuditFilter {
    /// Whether a row is meant. Times are each row's own: the clock may have been put back between two of them.
    pub fn matches(&self, row: &AuditRow) -> bool {
        let Self { action, webhook_id, token_id, from, to } = self;
        let note = &row.note;
        let of_token = |id: &TokenId| {
            let by = row.actor.token.as_ref().is_some_and(|(own, _)| own == id);
            by || matches!(&note.subject, Some(AuditSubject::Token(own, _)) if own == id)
        };
        action.is_none_or(|action| action == note.action)
            && webhook_id.is_none_or(|id| note.webhook.as_ref().is_some_and(|(own, _)| *own == id))
            && token_id.as_ref().is_none_or(of_token)
            && from.is_none_or(|from| from <= row.inserted_at)
            && to.is_none_or(|to| row.inserted_at < to)
    }
}

/// A value of a filter as text.
trait FilterValue: Sized {
    /// `Err` with what it must be.
    fn read(text: &str) -> Result<Self, Localized>;
    fn text(&self) -> String;

    /// The usual values as text; none where there are too many.
    fn words() -> Vec<&'static str> {
        Vec::new()
    }
}

macro_rules! value {
    ($type:ty, $text:ident => $read:expr $(, words: $words:expr)?) => {
        impl FilterValue for $type {
            fn read($text: &str) -> Result<Self, Localized> {
                $read
            }

            $(fn words() -> Vec<&'static str> {
                $words.to_vec()
            })?

            fn text(&self) -> String {
                self.to_string()
            }
        }
    };
}

fn must_be_uuid() -> Localized {
    localized!(
        "must be a UUID such as 0193a5b0-1111-7222-8333-444455556666",
        "deve ser um UUID como 0193a5b0-1111-7222-8333-444455556666"
    )
}

/// Of what is none of a value's usual words and has to be one.
fn must_be_one_of<T: FilterValue>() -> Localized {
    let words = T::words().join(", ");
    localized!("must be one of {words}", "deve ser um destes: {words}")
}

value!(SearchText, text => Self::parse(text).ok_or_else(Self::must));
value!(WebhookId, text => Self::parse(text).ok_or_else(must_be_uuid));
value!(TokenId, text => Self::parse(text).ok_or_else(must_be_uuid));
value!(AuditAction, text => Self::parse(text).ok_or_else(must_be_one_of::<Self>), words: Self::ALL.map(Self::as_str));
value!(JobId, text => Self::parse(text).ok_or_else(must_be_uuid));
value!(EventId, text => Self::parse(text).ok_or_else(must_be_uuid));
value!(String, text => if text.is_empty() {
    Err(localized!("must not be empty", "não pode ficar vazio"))
} else {
    Ok(text.to_owned())
});
// A box that is ticked has the value 1.
value!(bool, text => match text {
    "true" | "1" => Ok(true),
    "false" | "0" => Ok(false),
    _ => Err(localized!("must be `true` or `false`", "deve ser `true` ou `false`")),
}, words: ["true", "false"]);
value!(Status, text => Self::parse(text).ok_or_else(must_be_one_of::<Self>), words: Self::ALL.map(Self::as_str));
value!(Pattern, text => Self::read(text));
value!(ResponseFilter, text => {
    Self::parse(text).ok_or_else(|| {
        localized!(
            "must be a status such as `500`, a class such as `5xx`, or `none`",
            "deve ser um status como `500`, uma classe como `5xx`, ou `none`"
        )
    })
}, words: ["4xx", "5xx", "none"]);
// An offset's plus sign reads as a space where a client forgot to encode it.
value!(Timestamp, text => Self::parse(&text.replace(' ', "+"))
.map_err(|_| {
    localized!(
        "must be an ISO 8601 time such as 2026-11-23T10:00:00Z",
        "deve ser um momento em ISO 8601, como 2026-11-23T10:00:00Z"
    )
}));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_reads_back_as_it_is_set() {
        let id = "0193a5b0-1111-7222-8333-444455556666";
        let values = [
            "pedido-1",
            id,
            id,
            id,
            "FAILED",
            "PAYMENT.*",
            "5xx",
            "true",
            "false",
            "true",
            "2026-11-23T10:00:00.000Z",
            "2026-11-24T10:00:00.000Z",
        ];
        let mut filter = NotificationFilter::default();
        for (field, value) in NotificationFilter::FIELDS.iter().zip(values) {
            assert!(field.get(&filter).is_none() && field.set(&mut filter, " ").is_err(), "{}", field.name);
            field.set(&mut filter, value).unwrap();
            assert_eq!(field.get(&filter).as_deref(), Some(value), "{}", field.name);
        }
        let names: Vec<&str> = NotificationFilter::fields(FilterUse::Stream).map(|field| field.name).collect();
        assert_eq!(names, ["webhook_id", "event_id", "type"]);
    }
}
