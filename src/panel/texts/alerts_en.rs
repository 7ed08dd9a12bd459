//! The texts of `alerts_pt.rs` in English.

use super::alerts_pt::AlertTexts;
use super::define::texts;

texts! {
    AlertTexts as EN;
    alerts: "Alerts";
    alerts_help: "What needs somebody, and by which channels people are told. Channels are set in the config.";
    no_channels: "No alert channel";
    no_channels_help:
        "Write a channel into the config and reload the daemon: e-mail, Telegram, ntfy, Slack, Discord or a program of \
         yours. For example:";
    channels: "Alert channels";
    channel: "Channel";
    of_operator: "of the operator";
    of_account: "of this account";
    works: "Working";
    failing: "Failing";
    leaves_out: "Partly";
    untried: "Nothing sent since the start";
    none_since: "none since";
    started: "when carteiro was started";
    last_sent: "Last sent";
    test: "Send a test";
    tested: "{}: the test was sent.";
    test_left_out: "{}: the test did not reach everybody. The page says why.";
    test_failed: "{}: the test was not sent. The page says why.";
    open_alerts: "Open alerts";
    none_open: "No open alert: all is well.";
    began: "Began";
    failed_of: "Failed: {}";
    failing_of: "Failing: {}";
    resolved: "Resolved";
    none_failed: "None is failed any more.";
    not_open: "It isn’t happening now.";
    open: "Open";
    critical: "Critical";
    muted: "Muted";
    muted_until: "Muted until";
    mute: "for good";
    mute_day: "for 24 h";
    mute_verb: "Mute";
    unmute: "Tell me again";
    done_muted: "Alert muted: nobody will be told of it.";
    done_unmuted: "This alert will be sent again.";
    step_alerts: "Be told of failures";
    step_alerts_help:
        "By e-mail, Telegram, ntfy, Slack or Discord, when a webhook fails. The person who runs carteiro sets that in \
         the config, in [alerts].";
    see_alerts: "See the alerts";
}
