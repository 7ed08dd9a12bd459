//! The texts of `alerts_pt.rs` in English.

use super::alerts_pt::AlertTexts;
use super::define::texts;

texts! {
    AlertTexts as EN;
    alerts: "Alerts";
    alerts_help: "Channels are set in the config. So far they send tests alone: nothing else calls for an alert yet.";
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
    untried: "Nothing sent yet";
    last_sent: "Last sent";
    test: "Send a test";
    tested: "{}: the test was sent.";
    test_failed: "{}: the test was not sent. The page says why.";
}
