//! Every text of the panel in English.

use super::{Texts, texts};

texts! {
    EN;
    // The frame.
    place: "Profile and preferences";
    product: "Notifications";
    skip: "Skip to the content";
    menu: "Main menu";
    overview: "Overview";
    webhooks: "Webhooks";
    events: "Events";
    notifications: "Notifications";
    sign_out: "Sign out";
    language: "Language";
    left: "No longer in this list: it changed or moved to another page";
    news: "There is news: show it";
    account: "Account";
    read_only: "Read only";
    // Signing in.
    sign_in: "Sign in";
    access_token: "Access token";
    sign_in_help:
        "The token of the first start stands in the file admin-token of the data folder; others are made with: \
         carteiro token create";
    wrong_token: "This token is unknown, was revoked or has expired.";
    too_many_tokens: "Too many wrong tokens came from this address. Wait {} s and try again.";
    no_read_scope: "This token doesn't allow reading (scope read).";
    // Errors.
    not_found_title: "Not found";
    not_found: "There is nothing at this address, or it is not yours.";
    forbidden_title: "Not allowed";
    forbidden: "This token only allows reading.";
    host_lost_title: "This form can't be accepted";
    host_lost:
        "A page of {} sent the form, but the call reached carteiro as one to {}. If a proxy stands in front, it must \
         pass the Host header on as the browser sent it (nginx: proxy_set_header Host $http_host; Apache: \
         ProxyPreserveHost On). Then reload the page and send it again.";
    prefix_title: "carteiro can't be hosted below a path";
    prefix:
        "The proxy in front publishes carteiro at {}. The paths of panel and API begin at /: give carteiro a host \
         name of its own, such as carteiro.loja.example, and forward all its paths unchanged.";
    stale_title: "Reload the page";
    stale: "The form did not come from this session. Go back, reload the page and send it again.";
    too_long: "The form is longer than 64 KiB, and nothing was done. Shorten what you wrote and send it again.";
    busy: "carteiro is receiving too many forms at once, and nothing was done. Try again in a few seconds.";
    cant_title: "That could not be done";
    back: "Back";
    // Statuses.
    pending: "Pending";
    retrying: "Retrying";
    held: "Held";
    delivered: "Delivered";
    failed: "Failed";
    cancelled: "Cancelled";
    active: "Active";
    paused: "Paused";
    disabled: "Disabled";
    failing: "Failing";
    in_flight_now: "Being sent now";
    // Time.
    ago: "{} ago";
    in_span: "in {}";
    now: "now";
    never: "never";
    // The overview.
    last_day: "Last 24 hours";
    last_month: "Last 30 days";
    attempts: "Attempts";
    chart_title: "Attempts, and what came of them";
    came_confirmed: "Confirmed";
    came_retried: "Not confirmed";
    came_failed: "Not confirmed, and the last one";
    chart_label: "Attempts confirmed: {}; not confirmed: {}; not confirmed, and the last one: {}";
    highest: "Attempts in the highest bar: {}";
    in_numbers: "In numbers";
    hour: "Hour (UTC)";
    day: "Day (UTC)";
    backlog: "Pending";
    still_pending: "{} pending";
    pending_many: "Pending";
    held_many: "Held";
    failed_many: "Failed";
    oldest_pending: "Oldest pending";
    nothing_pending: "Nothing pending";
    nothing_yet: "There are no attempts in this period yet.";
    failing_webhooks: "Failing webhooks";
    absent_account:
        "The store has an account {} that the config doesn't name: its deliveries are held and its tokens refused. \
         Name it again ([[account]] name = \"{}\") and restart, or use carteiro account export {} and carteiro \
         account remove {}.";
    no_failing_webhooks: "No failing webhooks.";
    what_to_do: "What to do";
    last_failure: "Last failure";
    failing_since: "No confirmation for {}";
    will_disable: "It will be disabled in {} unless something is confirmed.";
    system: "System";
    disk_used: "Disk used";
    disk_free: "Disk free";
    last_backup: "Last scheduled backup";
    no_backup: "none since the start; see store.backup_dir";
    version: "Version";
    kept_events: "Events kept";
    in_all_accounts: "in all accounts";
    ready: "Taking events";
    not_ready: "Takes no events now";
    // Webhooks.
    create_webhook: "Create webhook";
    no_webhooks: "No webhooks yet";
    no_webhooks_help: "A webhook says where notifications go. Create the first one here, or through the API:";
    target: "Target";
    authorization: "Authorization";
    status: "Status";
    last_success: "Last delivery";
    success_rate: "Success rate (24 h)";
    no_attempts: "no attempts";
    hourly: "Attempts by hour in the last 24 hours";
    spark_label: "Attempts confirmed in the last 24 hours: {}; not confirmed: {}";
    description: "Description";
    edit: "Edit";
    pause: "Pause";
    resume: "Resume";
    test: "Test";
    rotate: "Rotate the secret";
    rotate_title: "Rotate the signing secret?";
    rotate_help:
        "The present secret goes on signing beside the new one for a while, and each older one to its own end: there \
         is time to give the new one to the target.";
    leaked_title: "Has the secret leaked?";
    leaked_help:
        "Then the new one alone signs from now on, and all older ones end. The target refuses notifications until it \
         has the new one; they are tried again.";
    leaked_yes: "The secret leaked: rotate it and end all older ones";
    delete: "Delete";
    delete_title: "Delete this webhook?";
    delete_pending: ["{} pending notification will be cancelled.", "{} pending notifications will be cancelled."];
    delete_pending_many: "At least {} pending notifications will be cancelled.";
    delete_pending_none: "Nothing is pending.";
    delete_help: "Its history stays listed. This can't be undone.";
    delete_yes: "Yes, delete it";
    cancel: "Cancel";
    save: "Save";
    new_webhook: "New webhook";
    edit_webhook: "Edit webhook";
    url: "URL";
    url_help: "Where notifications are POSTed: an http or https address.";
    authorization_help: "The exact value of the Authorization header. Optional; it is never shown again.";
    authorization_keep: "One is kept. Leave this empty to keep it.";
    authorization_again: "Write it again: for safety it does not come back to the page.";
    authorization_remove: "Remove the authorization that is kept";
    is_set: "set";
    is_not_set: "not set";
    all_events: "All events";
    all_of: "All of {}";
    more_patterns: "Other patterns";
    sample_of: "A sample of {}";
    more_patterns_help: "One a line, such as ORDER.* or PAYMENT.PAID.";
    ordered: "Keep the order";
    ordered_help: "Notifications about the same resource leave one at a time, in the order they were recorded.";
    max_in_flight: "Sent at once";
    max_in_flight_help: "1 to 1000; empty for the config's default.";
    rate_limit: "Sent per second";
    rate_limit_help: "0.01 to 10000; empty for no limit.";
    limits: "Limits and order";
    secret_title: "Signing secret";
    secret_once: "Copy it now: it won't be shown again. The target checks the webhook-signature header with it.";
    copy: "Copy";
    copied: "Copied";
    bad_fields: "Look at the fields that are marked.";
    address: "the address";
    bad_authorization: "Use 1 to 4096 visible ASCII characters, without spaces at the ends.";
    no_patterns: "Choose at least one event, and at most 100.";
    bad_pattern: "“{}” is no pattern: write PAYMENT.PAID, PAYMENT.* or *.";
    bad_description: "Use at most 500 bytes.";
    bad_max_in_flight: "Write a whole number from 1 to 1000.";
    bad_rate_limit: "Write a number from 0.01 to 10000.";
    headers: "Extra headers";
    headers_help: "Sent with every attempt; one a line, such as X-Shop: 42. Their values are never shown again.";
    headers_keep: "One a line, such as X-Shop: 42. “…” keeps the value there is; delete the line to remove the header.";
    bad_headers: "Write one header a line, such as X-Shop: 42; “…” only keeps a value that is there already.";
    retry: "Retries";
    retry_help: "Leave all of it empty to use the config's schedule.";
    retry_schedule: "Gaps after each failure";
    retry_schedule_help: "1 to 19, such as 5s 30s 5m 2h; the last one repeats. Each 1ms to 30days.";
    retry_attempts: "Automatic attempts";
    retry_attempts_help: "1 to 20, the first included; empty for 20.";
    retry_jitter: "Stretch of the gaps (%)";
    retry_jitter_help: "Each gap is stretched at random by up to this: 0 to 100; empty for 10.";
    bad_schedule: "Write 1 to 19 gaps, such as 5s 30s 5m 2h, each 1ms to 30days.";
    bad_attempts: "Write a whole number from 1 to 20.";
    bad_jitter: "Write a number from 0 to 100.";
    created_at: "Created";
    unknown_types: "No type of the catalogue and no event recorded so far matches: {}. Look at how it is written.";
    see_notifications: "See notifications";
    // Events.
    event: "Event";
    event_type: "Type";
    external_id: "External id";
    resource_id: "Resource id";
    period: "Period";
    any_time: "Any time";
    last_hour: "Last hour";
    last_week: "Last 7 days";
    from: "From";
    to: "To";
    utc: "(UTC)";
    local_time: "(local time)";
    undelivered: "Not yet delivered";
    filter: "Filter";
    clear: "Clear";
    recorded: "Recorded";
    occurred: "Occurred";
    newer: "Newer";
    older: "Older";
    newer_notifications: "Newer";
    older_notifications: "Older";
    pages: "Pages";
    no_events: "No events yet";
    no_events_help: "Record the first one through the API:";
    nothing_matches: "Nothing matches the filters.";
    keep_looking: "Nothing matches in this part; the search goes on among the older ones.";
    bad_filter: "A filter could not be read and was left aside: {}";
    nobody: "No webhook";
    resource: "Resource";
    resource_erased: "The payload was erased.";
    history: "Notification history";
    no_subscriber: "No webhook subscribed to this type when the event was recorded.";
    resend: "Re-send";
    resend_event: "Re-send to all";
    resend_to: "Re-send to {}";
    attempt_n: "Attempt {}";
    by_schedule: "automatic";
    manual: "manual";
    by_test: "test";
    not_notified: "Webhooks that don't receive it: {}";
    next_attempt: "Next attempt";
    of_attempts: "{} of {} automatic attempts";
    response_body: "Response body";
    confirmed: "The target confirmed.";
    no_response: "no response";
    dns: "DNS";
    connect: "connect";
    tls: "TLS";
    first_byte: "wait";
    rest: "read";
    total: "total";
    // Notifications.
    notification: "Notification";
    webhook: "Webhook";
    response: "Response";
    any: "Any";
    response_none: "No response";
    select: "Select";
    select_page: "Select all on this page";
    resend_selected: "Re-send the selected";
    resend_all: "Re-send all that match";
    not_whole_held: "Held ones are not re-sent: they are attempted once their webhook is active again.";
    not_whole_cancelled: "Cancelled ones can't be re-sent.";
    some_paused: "What is of paused or disabled webhooks waits until they are resumed.";
    not_whole_aside: "A filter was left aside: put it right to re-send all that match.";
    not_whole_event: "Those of one event are re-sent on its own page, with “Re-send to all”.";
    no_notifications: "No notifications yet";
    no_notifications_help: "They appear when an event matches a webhook.";
    nothing_selected: "Nothing was selected.";
    resent_some: "Re-sent: {}. Could not be re-sent: {}.";
    not_whole_deleted: "The notifications of a deleted webhook are cancelled and can't be re-sent.";
    resend_job: "Bulk resend";
    resend_jobs: "Bulk resends";
    any_status: "Any, those already delivered included";
    recorded_from: "Recorded from";
    recorded_to: "Recorded before";
    job_running: "Under way";
    job_done: "Done";
    job_failed: "Done in part";
    job_cancelled: "Cancelled";
    job_progress: "Re-sent: {} of {}; passed over: {}";
    confirm_all_one: "Re-send one notification?";
    confirm_all: "Re-send {} notifications?";
    confirm_all_many: "Re-send at least {} notifications?";
    confirm_all_help: "Each gets one manual attempt, at its webhook's own pace.";
    resend_yes: "Yes, re-send them";
    // What was just done.
    done_resent: "Re-send asked for: the new attempt appears in the history.";
    done_saved: "Saved.";
    done_paused: "Paused: notifications are held.";
    done_resumed: "Resumed.";
    done_deleted: "Webhook deleted.";
}
