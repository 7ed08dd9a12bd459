//! Every text of the panel in English.

use super::define::texts;
use super::pt::Texts;

texts! {
    Texts as EN;
    // The frame.
    place: "Profile and preferences";
    product: "Notifications";
    skip: "Skip to the content";
    menu: "Main menu";
    webhooks: "Webhooks";
    events: "Events";
    notifications: "Notifications";
    sign_out: "Sign out";
    language: "Language";
    left: "No longer in this list";
    news: "New items · Refresh";
    account: "Account";
    read_only: "Read only";
    home: "Home";
    search: "Search";
    search_for: "Search order, payment or event";
    api_reference: "API reference";
    close: "Close";
    away: "No connection to carteiro since {}. Trying again… What you see may be out of date.";
    away_click: "No connection to carteiro: nothing was sent. Try again once the connection is back.";
    no: "no";
    yes: "yes";
    // Signing in.
    sign_in: "Sign in";
    access_token: "Access token";
    sign_in_help:
        "The token of the first start is in the file admin-token of the data folder; without it, the command carteiro \
         panel-link prints a link that signs in.";
    wrong_token: "Unknown, revoked or expired token.";
    too_many_tokens: "Too many wrong tokens came from this address. Wait {} s and try again.";
    no_read_scope: "This token doesn't allow reading (scope read).";
    ended: "Your session has ended, and nothing was saved. Sign in to continue.";
    ended_form: "Your session had ended, and nothing is done yet. Check what you entered and send it again.";
    ended_title: "Continue where you left off?";
    ended_action: "You had asked for: {}";
    stop_resend: "Stop the resend";
    link: "Sign-in link";
    link_ready: "The link is here and works once. Only the click is missing.";
    link_help: "Paste the whole link that the command carteiro panel-link printed.";
    wrong_link: "This link was used already, has expired or is not whole. Ask for another: carteiro panel-link";
    with_a_token: "Sign in with an access token";
    // Errors.
    not_found_title: "Page not found";
    not_found: "The address does not exist, or the item was deleted. Check the link or use the search.";
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
    too_long: "The form is longer than 64 KB, and nothing was saved. Shorten what you wrote and send it again.";
    busy: "carteiro is receiving too many forms at once, and nothing was done. Try again in a few seconds.";
    cant_title: "That could not be done";
    back: "Back";
    to_the_start: "Go to the start";
    below_a_path:
        "If a proxy publishes carteiro at {}: the paths of panel and API begin at /. Give carteiro a host name of its \
         own.";
    // Statuses.
    pending: "Pending";
    retrying: "Retrying";
    held: "On hold";
    delivered: "Delivered";
    failed: "Failed";
    cancelled: "Cancelled";
    active: "Active";
    paused: "Paused";
    disabled: "Disabled";
    failing: ["{} webhook needs attention", "{} webhooks need attention"];
    in_flight_now: "Sending now";
    failing_now: "Failing";
    failing_for: "Failing for {}";
    pending_n: ["{} pending", "{} pending"];
    retrying_n: ["{} retrying", "{} retrying"];
    held_n: ["{} on hold", "{} on hold"];
    delivered_n: ["{} delivered", "{} delivered"];
    failed_n: ["{} failed", "{} failed"];
    cancelled_n: ["{} cancelled", "{} cancelled"];
    delivered_many: "Delivered";
    retried_many: "Retried";
    retried_n: ["{} retried", "{} retried"];
    // Time.
    ago: "{} ago";
    in_span: "in {}";
    now: "now";
    never: "never";
    // The overview.
    last_day: "Last 24 hours";
    last_month: "Last 30 days";
    attempts: "Attempts";
    in_numbers: "In numbers";
    hour: "Hour";
    day: "Day";
    pending_many: "Pending";
    failed_many: "Failed";
    nothing_yet: "There are no deliveries in this period yet.";
    absent_account:
        "The store has an account {} that the config does not name: its deliveries are on hold and its tokens \
         refused. Name it again ([[account]] name = \"{}\") and restart, or use carteiro account export {} and \
         carteiro account remove {}.";
    what_to_do: "What to do:";
    next_attempt: "Next attempt";
    at_hour: "at";
    on_day: "on";
    will_disable: "It will be disabled in {} unless something is confirmed.";
    system: "System";
    disk_used: "Disk used";
    disk_free: "Disk free";
    last_backup: "Last backup";
    no_backup: "none since the start";
    kept_events: "Events kept";
    not_ready: "carteiro is not accepting events.";
    // Webhooks.
    create_webhook: "Create webhook";
    no_webhooks: "No webhooks yet";
    no_webhooks_help: "A webhook says where notifications go. Create the first one with the button above.";
    authorization: "Authorization";
    status: "Status";
    last_success: "Last delivery";
    success_rate: "Delivery rate (24 h)";
    spark_label: "Attempts confirmed in the last 24 hours: {}; not confirmed: {}";
    description: "Description";
    edit: "Edit";
    pause: "Pause";
    resume: "Resume";
    rotate: "Generate new secret";
    rotate_title: "Generate a new signing secret?";
    rotate_help: "Update the target by then. Until that time, each notification is signed with both secrets.";
    leaked_title: "Has the secret leaked?";
    leaked_help:
        "Only the new secret is valid, at once. The target refuses notifications until it has the new one; they are \
         retried.";
    leaked_yes: "The secret leaked: generate another and revoke the older ones";
    delete_title: "Delete this webhook?";
    delete_pending: ["{} pending notification will be cancelled.", "{} pending notifications will be cancelled."];
    delete_pending_many: "At least {} pending notifications will be cancelled.";
    delete_pending_none: "Nothing is pending.";
    delete_help: "Its history stays listed. This cannot be undone.";
    delete_yes: "Yes, delete it";
    cancel: "Cancel";
    save: "Save";
    new_webhook: "New webhook";
    edit_webhook: "Edit webhook";
    url: "URL";
    url_help: "The address that receives notifications, for example https://shop.example/notifications.";
    authorization_help:
        "The whole value of the Authorization header, as the target’s operator gave it: many begin with Bearer or \
         Basic and a space. Optional.";
    authorization_keep:
        "The whole value of the Authorization header, as the target’s operator gave it: many begin with Bearer or \
         Basic and a space. Left empty, the present one stays.";
    authorization_again: "Type it again: for safety, the authorization does not come back to the page.";
    authorization_remove: "Remove the present authorization";
    is_set: "set";
    is_not_set: "not set";
    all_events: "All events";
    all_events_help: "Takes in all types below: nothing else has to be ticked.";
    all_of: "{}: all";
    more_patterns: "Other events";
    more_patterns_help: "One a line, such as ORDER.* or PAYMENT.PAID.";
    ordered: "Keep the order";
    ordered_help: "Notifications about the same resource leave one at a time, in the order they were recorded.";
    max_in_flight: "Sent at once";
    max_in_flight_help: "1 to 1000. Empty: {}, the default.";
    rate_limit: "Sent per second";
    rate_limit_help: "0.01 to 10000. Empty: no limit.";
    secret_title: "Signing secret";
    download_txt: "Download .txt";
    secret_file: "webhook-secret.txt";
    secret_once: "Copy it now and keep it in the receiving system: in a few minutes, it will not be shown again.";
    copy: "Copy";
    copied: "Copied";
    bad_fields: "Nothing was saved yet: check the marked fields.";
    address: "the address";
    bad_authorization: "Use 1 to 4096 ASCII characters, without spaces at the ends.";
    no_patterns: "Choose at least one event, and at most 100.";
    bad_pattern: "“{}” is not an event: write, for example, PAYMENT.PAID, PAYMENT.* or *.";
    bad_description: "Use at most 500 bytes.";
    bad_max_in_flight: "Write a whole number from 1 to 1000.";
    bad_rate_limit: "Write a number from 0.01 to 10000.";
    headers: "Extra headers";
    headers_help: "Sent with every attempt; one a line, such as X-Shop: 42. Their values are never shown again.";
    headers_keep: "One a line, such as X-Shop: 42. “…” keeps the value there is; delete the line to remove the header.";
    bad_headers: "Write one header a line, such as X-Shop: 42; “…” only keeps a value that is there already.";
    retry: "Retries";
    retry_help: "Leave empty to use the default schedule.";
    retry_schedule: "Gaps after each failure";
    retry_schedule_help: "1 to 19, such as 5s 30s 5m 2h; the last one repeats. Each from 1 ms to 30 days.";
    retry_attempts: "Automatic attempts";
    retry_attempts_help: "1 to 20, the first included. Empty: 20.";
    retry_jitter: "Jitter (%)";
    retry_jitter_help: "Each gap grows at random by up to this percentage: 0 to 100. Empty: 10.";
    bad_schedule: "Write 1 to 19 gaps, such as 5s 30s 5m 2h, each from 1 ms to 30 days.";
    bad_attempts: "Write a whole number from 1 to 20.";
    bad_jitter: "Write a number from 0 to 100.";
    created_at: "Created";
    unknown_types: "No type of the catalogue and no recorded event matches: {}. Check the spelling.";
    webhooks_help: "Where notifications go, and of which events.";
    name_and_url: "Name and URL";
    find_webhook: "Name or URL";
    find: "Search";
    last_day_short: "Deliveries (24 h)";
    waiting: "Waiting";
    deleted_webhook: "Deleted webhook";
    held_until_resumed: "until it is resumed";
    paused_help: "Webhook paused. New notifications are on hold until you resume it.";
    tabs: "Parts of this page";
    deliveries: "Deliveries";
    signature: "Signature";
    configuration: "Configuration";
    no_deliveries: "No notifications yet";
    no_deliveries_help:
        "Notifications appear here when an event matches this webhook. Send a test to check the target.";
    rotate_until: "The present secret stays valid until";
    signature_help:
        "The target checks the webhook-signature header with this secret, and so knows that a notification is from \
         carteiro. For safety, it is shown only when it is generated.";
    one_secret: "One secret signs the notifications.";
    old_secret_until: "An older secret signs as well until";
    verify_title: "How to check it at the target";
    verify_help: "In Node.js; any Standard Webhooks library will do as well.";
    delete_webhook: "Delete webhook";
    proposed_url: "https:// was missing at the start, and was added. Check it and save.";
    show: "Show";
    hide: "Hide";
    advanced: "Advanced: order, limits, retries, headers";
    payload_filter: "Filter by content";
    payload_filter_help:
        "JSON of the shape of the resource: only events that meet all of it are sent. Empty: all of the chosen events.";
    filter_tab: "Filter";
    try_filter: "Try it";
    use_filter: "Use this filter";
    try_help: "Shows which of the latest events would meet this filter. Nothing is sent or saved.";
    tried: "Latest events that meet it: {} of {}";
    meets: "Meets it";
    meets_not: "Doesn’t meet it";
    meets_unknown: "No payload";
    others_unmet: ["Show {} more that doesn’t meet it", "Show {} more that don’t meet it"];
    operators: "What a filter can ask for";
    asks_equal: "exactly this value";
    asks_in: "one of the values of the list, or none of them";
    asks_order: "a number, or a text such as a date, that is greater or less";
    asks_other: "any other value";
    asks_text: "a text that begins or ends so";
    asks_there: "a field that exists or, with false, that doesn’t";
    asks_logic: "one of the filters of the list, all of them, or the opposite of one";
    no_trial_events: "No recent events";
    no_trial_events_help: "None of the latest events is of a type that this webhook receives.";
    samples: "Samples of what is sent";
    meant_pattern: "“{}” is not an event: write {}.";
    name: "Name";
    name_help: "What this webhook is called in lists. If empty, the host of the URL.";
    bad_name: "Use 1 to 80 characters, on one line.";
    outdated:
        "This webhook was changed in another window while you were editing. Nothing is saved yet: the fields that you \
         did not change show what was saved there, and the saved value stands below each one that you did. Check them, \
         and save again to use yours.";
    stored_is: "Saved now: {}";
    stored_empty: "Saved now: empty";
    secret_kept: "I have kept it";
    // Events.
    event: "Event";
    event_type: "Type";
    external_id: "Order (external id)";
    resource_id: "Resource id";
    period: "Period";
    any_time: "Any time";
    last_hour: "Last hour";
    last_week: "Last 7 days";
    from: "From";
    to: "To";
    local_time: "local time";
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
    no_events_help: "Events appear here as soon as your shop records them through the API.";
    nothing_matches: "Nothing found with these filters.";
    keep_looking: "Nothing found so far; the search goes on among older ones.";
    bad_cursor: "The page asked for doesn't exist: these are the newest items.";
    bad_page: "The page asked for doesn't exist: this is the first.";
    bad_filter: "Invalid filter, ignored: {}";
    nobody: "No webhook";
    resource: "Event data";
    resource_erased: "The data of this event was erased.";
    no_subscriber: "No webhook received this event";
    resend: "Re-send";
    resend_event: "Re-send to all";
    attempt_n: "Attempt {}";
    manual: "manual";
    by_test: "test";
    not_notified: ["{} webhook does not receive this event", "{} webhooks do not receive this event"];
    of_attempts: "{} of {}";
    attempts_n: ["{} attempt", "{} attempts"];
    confirmed: "Confirmed.";
    no_response: "no response";
    dns: "DNS";
    connect: "connect";
    tls: "TLS";
    first_byte: "wait";
    total: "total";
    events_help: "Everything that happened in the shop and was recorded here.";
    all_of_them: "All";
    more_filters: "More filters";
    remove_filter: "Remove the filter";
    when: "When";
    from_after_to: "The period begins after it ends: nothing matches.";
    period_and_moments: "The period and the dates contradict each other: the dates hold.";
    copy_json: "Copy JSON";
    no_subscriber_help: "None subscribed to this type when it was recorded.";
    erase: "Erase data…";
    erase_title: "Erase this event's data?";
    erase_goes:
        "The event's data, what the search finds in it and the targets' responses are erased. The event can't be \
         re-sent any more.";
    erase_stays: "Its type, its id, its times and the history of the attempts stay, without the bodies.";
    erase_external_id: "Erase external id…";
    erase_external_id_title: "Erase the external id as well?";
    erase_external_id_help: "This event's data is erased already. The external id that your shop gave it is left.";
    erase_external_id_too: "Erase the external id {} as well";
    erase_external_id_stays: "Unless ticked it stays, and the search still finds the event by it.";
    erase_help: "Backups made before still have the data. This can't be undone.";
    erase_yes: "Yes, erase";
    event_types: "Event types";
    event_types_help: "What can happen in the shop, a sample of each, and who is told.";
    subscribers: "Webhooks that get it";
    sample: "Sample";
    other_events: "Other events of this order";
    attempt: "Attempt";
    took: "Time";
    result: "Result";
    confirmed_at: "Confirmed at attempt {}";
    exchange_of: "Request and response of attempt {}";
    show_each: ["Show {} attempt", "Show all {} attempts"];
    no_body: "The target did not answer.";
    see_details: "Details";
    see_event: "See the event";
    resend_now: "Re-send now";
    resend_what: "Re-send {}";
    what_to_webhook: "{} to {}";
    export_csv: "Export CSV";
    request: "Request";
    copy_curl: "Copy as curl";
    long_body: "A body of {} isn't shown here. The whole request and its curl command:";
    long_resource: "This payload has {} and isn't shown here. All of it:";
    no_request: "No request went out.";
    masked: "•••••• (set)";
    previous: "Previous";
    next: "Next";
    order: "Order";
    order_id: "Order id";
    payment_id: "Payment id";
    amount: "Amount";
    // Notifications.
    notification: "Notification";
    webhook: "Webhook";
    response: "Response";
    any: "Any";
    response_none: "No response";
    select: "Select";
    select_page: "Select all on this page";
    resend_selected: "Re-send the selected";
    resend_all: "Re-send all filtered…";
    not_whole_held: "Notifications on hold are not re-sent: they go out once their webhook is active again.";
    not_whole_cancelled: "Cancelled ones can't be re-sent.";
    some_paused: "Notifications of paused or disabled webhooks stay on hold until these are resumed.";
    not_whole_aside: "Fix the invalid filter to be able to re-send all filtered ones.";
    not_whole_event: "Those of one event are re-sent on its own page, with “Re-send to all”.";
    no_notifications: "No notifications yet";
    no_notifications_help: "They appear when an event matches a webhook.";
    nothing_selected: "No notification was selected.";
    resent_some: ["{} notification re-sent.", "{} notifications re-sent."];
    not_whole_deleted: "The notifications of a deleted webhook can't be re-sent.";
    resend_job: "Bulk resend";
    resend_jobs: "Bulk resends";
    any_status: "Any, those already delivered included";
    recorded_from: "Recorded from";
    recorded_to: "Recorded before";
    job_running: "Under way";
    job_done: "Done";
    job_failed: "Done in part";
    job_cancelled: "Cancelled";
    job_progress: "Sent: {} of {}";
    job_resent: ["{} re-sent", "{} re-sent"];
    job_skipped: ["{} skipped", "{} skipped"];
    job_asked_for: "What was asked for";
    outcome_delivered: ["{} delivered", "{} delivered"];
    outcome_pending: ["{} still trying", "{} still trying"];
    outcome_failed: ["{} failed", "{} failed"];
    outcome_cancelled: ["{} cancelled", "{} cancelled"];
    outcome_replaced: ["{} taken over by another bulk resend", "{} taken over by another bulk resend"];
    outcome_lost: ["{} lost to damaged data", "{} lost to damaged data"];
    outcome_help: "Each counts as it first ended; a later re-send doesn’t change these figures.";
    see_undelivered: "See those not delivered";
    see_resent: "See those re-sent";
    see_created: "See those created";
    see_webhook: "See the webhook";
    confirm_all: ["Re-send {} notification?", "Re-send {} notifications?"];
    confirm_all_help: "Each gets one manual attempt, at its webhook's own pace.";
    type_the_count: "To confirm, type {}";
    count_differs: "That is another number.";
    count_changed: "That is another number, and the count has changed: it is {} now. Check and send again.";
    resend_yes: "Yes, re-send them";
    notifications_help: "Each event sent to each webhook.";
    all_notifications: "All";
    event_and_webhook: "Event and webhook";
    any_response: "Any";
    test_word: "test";
    select_what: "Select {}";
    selected: ["{} selected", "{} selected"];
    tests: "Tests";
    include_delivered: "Include those already delivered";
    count_delivered: "Count those delivered already as well";
    again_warning:
        "Sending again what was delivered makes the target receive it once more: it may process an order or a payment \
         twice, unless it recognizes a repetition by its webhook-id.";
    undelivered_status: "All but those already delivered";
    resend_again_yes: "Yes, re-send those already delivered too";
    // Backfills.
    backfill: "Send earlier events";
    backfills: "Earlier events";
    backfill_help:
        "The webhook receives the events of its types that were recorded before and that it has not received, the \
         oldest first and at its own pace. Tests are left out.";
    backfill_ask: "Count them";
    backfill_type_help: "Left empty: all types that the webhook receives.";
    backfill_others: [
        "{} event is not sent: received already, kept out by the filter, a test, or its payload was erased.",
        "{} events are not sent: received already, kept out by the filter, tests, or their payloads were erased.",
    ];
    backfill_none: "There is nothing to send in that time.";
    backfill_count: ["{} notification will be created.", "{} notifications will be created."];
    backfill_at_most: ["At most {} notification will be created.", "At most {} notifications will be created."];
    backfill_matched: "Events of the webhook's types in that time: {}.";
    backfill_yes: "Yes, send them";
    backfill_waits: "The webhook is paused or disabled: this waits until it is resumed.";
    backfill_progress: "Notifications created: {}; events in that time: {}";
    backfill_created: ["{} notification created", "{} notifications created"];
    backfill_skipped: ["{} event skipped", "{} events skipped"];
    backfill_new: "Send earlier events as well";
    backfill_no: "No, only new ones";
    stop_backfill: "Stop sending earlier events";
    send_to: "Send to this webhook";
    done_sent_to: "Sent to {}.";
    // What was just done.
    done_saved: "{}: saved.";
    then_test: "Now send a test to check it.";
    then_resend: ["Now send a test, or re-send the {} that waits.", "Now send a test, or re-send the {} that wait."];
    done_paused: "{}: paused. New notifications are on hold until you resume it.";
    done_resumed: "{}: resumed.";
    done_deleted: "Webhook deleted.";
    done_created: "{}: webhook created. Keep the secret and send a test.";
    done_rotated: "{}: new secret generated. Keep it in the receiving system.";
    done_sample: "Sample event sent.";
    done_sample_unsent:
        "Sample event recorded, but no webhook takes it: choose another type, or change a webhook’s events.";
    done_erased: "Data erased.";
    resent_what: "Re-sent: {} – {}";
    resent_soon: "under way; the result appears on this page.";
    resent_held: "sent as soon as possible.";
    resent_delivered: "{}, delivered in {}.";
    resent_refused: "{}, refused by the target.";
    resent_unanswered: "the target did not answer.";
    not_resent: ["{} could not be re-sent.", "{} could not be re-sent."];
    done_revoked: "Token revoked.";
    // The first page.
    all_well: "All good:";
    all_well_none: "no notifications in the last 24 hours.";
    all_well_n: ["{} notification delivered in the last 24 hours.", "{} notifications delivered in the last 24 hours."];
    need_attention: ["{} of {} webhooks needs attention.", "{} of {} webhooks need attention."];
    nothing_lost: ["{} notification is waiting; nothing was lost.", "{} notifications are waiting; nothing was lost."];
    to_resend: [
        "{} notification has failed and goes out only if you re-send it.",
        "{} notifications have failed and go out only if you re-send them.",
    ];
    failed_this_week: ["{} notification failed in the last 7 days.", "{} notifications failed in the last 7 days."];
    failed_this_week_help: "No webhook is failing now, but what has failed goes out only if you re-send it.";
    no_failing: "No webhook is failing now.";
    target_confirmed: "The target confirmed.";
    changed_since: "the webhook was changed after this response. Send a test to check it.";
    target_said: "The target’s response:";
    orders_wait: ["{} notification {} is waiting.", "{} notifications {} are waiting."];
    of_orders: ["of {} order", "of {} orders"];
    brasilia_time: "Brasília time";
    low_disk: "Low disk space.";
    low_disk_help: "{} are free. Free some space: with a full disk, carteiro takes no events.";
    old_backup: "The scheduled backup is late.";
    old_backup_help: "See in carteiro’s log why it was not made.";
    taking_events: "Taking events";
    taken: "normally";
    not_taken: "stopped";
    all_failing: "See all {} failing webhooks";
    dismiss: "Dismiss";
    dismiss_what: "Dismiss: {}";
    dismissed: ["{} notice dismissed.", "{} notices dismissed."];
    show_again: "Show again";
    fix_authorization: "Fix authorization";
    fix_url: "Fix URL";
    send_test: "Send test";
    see_waiting: ["See the {} waiting", "See the {} waiting"];
    see_pending: ["See the {} pending", "See the {} pending"];
    see_retrying: ["See the {} retrying", "See the {} retrying"];
    see_held: ["See the {} on hold", "See the {} on hold"];
    see_failed: ["See the {} failed", "See the {} failed"];
    resend_waiting: ["Re-send the {} waiting now", "Re-send the {} waiting now"];
    resend_retrying: ["Re-send the {} retrying now", "Re-send the {} retrying now"];
    resend_waiting_all: "Re-send what is waiting now";
    waits_its_time: ["{} notification waits for its next attempt.", "{} notifications wait for their next attempts."];
    in_last_day: "in the last 24 hours";
    delivery_rate: "Delivery rate";
    comes_by_itself: "sent again automatically";
    none_retrying: "none now";
    failed_help: "last 7 days";
    by_hour: "Deliveries by hour";
    by_day: "Deliveries by day";
    hours_24: "24 hours";
    days_30: "30 days";
    chart_column: "{}: {}, {}, {}";
    kept_in_all: "Events kept in all accounts";
    welcome: "Welcome to carteiro";
    welcome_help: "In four steps, your systems learn of every order and payment.";
    step_sign_in: "Sign in to the panel";
    step_sign_in_help: "Done. To sign in again, use an access token, or ask for another link: carteiro panel-link.";
    step_done: "Done.";
    step_webhook: "Create the first webhook";
    step_webhook_help:
        "Say which address (URL) to notify, and of which events. The person who runs the receiving system — ERP, \
         spreadsheet, invoicing — gives you the URL and, if there is one, the authorization.";
    step_webhook_first: "Create a webhook first: without one, nobody receives the event.";
    step_sample: "Send a sample event";
    step_sample_help: "A made-up event, marked as a test (env = test) and sent once, to see the notification arrive.";
    send_sample: "Send sample";
    by_api: "For developers: use the API";
    by_notification: "of notifications";
    response_time: "Response time";
    most_below: "95% below {}";
    as_yesterday: "as yesterday";
    more_than_yesterday: "▲ {}% on yesterday";
    less_than_yesterday: "▼ {}% on yesterday";
    // Searching.
    nothing_found: "Nothing found for “{}”.";
    search_help:
        "Search by the order’s whole number (11249, not its end alone), or by the id of a payment or event. Customers’ \
         names are not searched.";
    more: "More";
    resend_found: "Re-send…";
    found: "Found for “{}”";
    see_all_found: "See all events found";
}
