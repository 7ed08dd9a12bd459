//! Which notifications are meant: one filter for lists, the stream and bulk resends, and its fields as text.

use super::{EventId, EventType, Pattern, ResponseFilter, Status, Timestamp, WebhookId};

/// All that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct NotificationFilter {
    /// For this webhook, deleted or not.
    pub webhook_id: Option<WebhookId>,
    /// Of this event.
    pub event_id: Option<EventId>,
    /// With this status.
    pub status: Option<Status>,
    /// Of events of these types.
    pub event_type: Option<Pattern>,
    /// With this last response.
    pub response: Option<ResponseFilter>,
    /// Of events recorded at or after this.
    pub from: Option<Timestamp>,
    /// Of events recorded before this.
    pub to: Option<Timestamp>,
}

impl NotificationFilter {
    /// The fields by their names in queries and JSON.
    pub const FIELDS: [&str; 7] = ["webhook_id", "event_id", "status", "type", "response_status", "from", "to"];

    /// Sets the field of this name; `Err` with what its value must be, also for a name that is none.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let uuid = || "must be a UUID such as 0193a5b0-1111-7222-8333-444455556666".to_owned();
        match name {
            "webhook_id" => self.webhook_id = Some(WebhookId::parse(value).ok_or_else(uuid)?),
            "event_id" => self.event_id = Some(EventId::parse(value).ok_or_else(uuid)?),
            "status" => {
                let known = || format!("must be one of {}", Status::ALL.map(Status::as_str).join(", "));
                self.status = Some(Status::parse(value).ok_or_else(known)?);
            }
            "type" => self.event_type = Some(pattern(value)?),
            "response_status" => {
                let form = || "must be a status such as `500`, a class such as `5xx`, or `none`".to_owned();
                self.response = Some(ResponseFilter::parse(value).ok_or_else(form)?);
            }
            "from" => self.from = Some(timestamp(value)?),
            "to" => self.to = Some(timestamp(value)?),
            _ => return Err("is not a known field".to_owned()),
        }
        Ok(())
    }

    /// The value of the field of this name, as [`Self::set`] takes it; `None` where it isn't set.
    pub fn get(&self, name: &str) -> Option<String> {
        match name {
            "webhook_id" => self.webhook_id.map(|id| id.to_string()),
            "event_id" => self.event_id.map(|id| id.to_string()),
            "status" => self.status.map(|status| status.as_str().to_owned()),
            "type" => self.event_type.as_ref().map(Pattern::to_string),
            "response_status" => self.response.map(|response| response.to_string()),
            "from" => self.from.map(|at| at.to_string()),
            "to" => self.to.map(|at| at.to_string()),
            _ => None,
        }
    }
}

/// A pattern that things are filtered by; `Err` with what it must be.
pub fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::parse(text).ok_or_else(|| {
        let form = || "must be `*`, a category such as `PAYMENT.*`, or one type".to_owned();
        EventType::too_long(text).map_or_else(form, |sentence| sentence.en)
    })
}

/// A time that things are filtered by; `Err` with what it must be.
pub fn timestamp(text: &str) -> Result<Timestamp, String> {
    // An offset's plus sign reads as a space where a client forgot to encode it.
    Timestamp::parse(&text.replace(' ', "+"))
        .map_err(|_| "must be an ISO 8601 time such as 2026-11-23T10:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_told_as_it_is_set() {
        let id = "0193a5b0-1111-7222-8333-444455556666";
        let values = [id, id, "FAILED", "PAYMENT.*", "5xx", "2026-11-23T10:00:00.000Z", "2026-11-24T10:00:00.000Z"];
        let mut filter = NotificationFilter::default();
        for (name, value) in NotificationFilter::FIELDS.into_iter().zip(values) {
            assert!(filter.get(name).is_none() && filter.set(name, "?").is_err(), "{name}");
            filter.set(name, value).unwrap();
            assert_eq!(filter.get(name).as_deref(), Some(value), "{name}");
        }
        assert!(filter.set("state", "FAILED").is_err());
    }
}
