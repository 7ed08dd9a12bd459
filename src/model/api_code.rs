//! The codes of the API's errors.

use super::words::words;

words! {
    /// What an error of the API says to a program. `docs/failures.md` explains each.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ApiCode {
        /// A backfill of the webhook is under way.
        BackfillUnderWay = "backfill_under_way",
        /// The `Idempotency-Key` header can't be taken.
        BadIdempotencyKey = "bad_idempotency_key",
        /// The request can't be read as HTTP/1.1.
        BadRequest = "bad_request",
        /// The body ended before its length.
        BodyIncomplete = "body_incomplete",
        /// The body took too long to arrive.
        BodyTimeout = "body_timeout",
        /// The body is larger than the call allows.
        BodyTooLarge = "body_too_large",
        /// The notification is CANCELLED.
        Cancelled = "cancelled",
        /// The event's payload was erased.
        Erased = "erased",
        /// The token lacks the call's scope.
        Forbidden = "forbidden",
        /// The headers are too many or too large.
        HeadTooLarge = "head_too_large",
        /// The event's id already names another event.
        IdTaken = "id_taken",
        /// The idempotency key already answered another request.
        IdempotencyKeyTaken = "idempotency_key_taken",
        /// An attempt of the notification is in flight.
        InFlight = "in_flight",
        /// Fields have values that can't be taken; `fields` names them.
        InvalidFields = "invalid_fields",
        /// The path doesn't take the method; `Allow` says which it takes.
        MethodNotAllowed = "method_not_allowed",
        /// There is nothing at the path, or it is another account's.
        NotFound = "not_found",
        /// The body isn't JSON.
        NotJson = "not_json",
        /// The webhook is no longer as `If-Match` says it is.
        Outdated = "outdated",
        /// The store could not answer.
        StoreFailed = "store_failed",
        /// The port speaks TLS, and the request was plain HTTP.
        TlsRequired = "tls_required",
        /// The notification has as many attempts as are stored.
        TooManyAttempts = "too_many_attempts",
        /// As many background jobs are under way as may be.
        TooManyJobs = "too_many_jobs",
        /// As many keys of the webhook sign as may.
        TooManyKeys = "too_many_keys",
        /// As many secrets of the webhook sign as may.
        TooManySecrets = "too_many_secrets",
        /// As many event streams are open as may be.
        TooManyStreams = "too_many_streams",
        /// The account has as many webhooks as it may.
        TooManyWebhooks = "too_many_webhooks",
        /// The address sent too many unknown tokens.
        TooManyWrongTokens = "too_many_wrong_tokens",
        /// The token is missing or unknown, revoked or expired.
        Unauthorized = "unauthorized",
        /// The daemon can't take the call now; `Retry-After` says when to try again.
        Unavailable = "unavailable",
        /// The body is compressed.
        UnsupportedContentEncoding = "unsupported_content_encoding",
        /// The body isn't sent as JSON.
        UnsupportedMediaType = "unsupported_media_type",
        /// Path and query are too long.
        UriTooLong = "uri_too_long",
        /// A GET with a body, which belongs to POST.
        UsePost = "use_post",
        /// The notification's webhook was deleted.
        WebhookDeleted = "webhook_deleted",
    }
}
