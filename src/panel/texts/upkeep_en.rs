//! The texts of `upkeep_pt.rs` in English.

use super::define::texts;
use super::upkeep_pt::UpkeepTexts;

texts! {
    UpkeepTexts as EN;
    // Tokens.
    tokens: "Tokens";
    tokens_help: "Give each program and each person a token of its own, with no more than it needs.";
    no_tokens: "No tokens";
    token_new: "New token";
    token_name: "Name";
    token_name_example: "Web shop";
    token_scopes: "Scopes";
    token_made: "Created";
    token_used: "Last used";
    token_expires: "Expires";
    token_own: "this session";
    token_create: "Create token";
    token_ready: "Token created";
    token_once: "Copy it now: it will not be shown again.";
    token_name_problem: "Give it a name of up to 100 characters.";
    token_scopes_problem: "Choose at least one scope.";
    never_expires: "Never";
    in_days: "In {} days";
    scope_admin: "Everything, creating and revoking tokens too";
    scope_ingest: "Recording events";
    scope_read: "Seeing everything, changing nothing";
    scope_metrics: "Reading the metrics";
    revoke: "Revoke";
    revoke_and_leave: "Revoke and leave";
    revoke_title: "Revoke this token?";
    revoke_help: "Systems that use it lose access at once. This cannot be undone.";
    revoke_own: "You signed in with this token: revoking it ends your session. Have another admin token at hand.";
    revoke_yes: "Yes, revoke it";
    // The system.
    system_help: "What is kept, the disk and the backups. The settings stand in the config file.";
    system_of_operator:
        "The disk, the backups and the versions are shown in the account of the person who runs carteiro.";
    retention: "Retention";
    retention_time: "Events kept for";
    retention_size: "Data kept, at most";
    retention_help: "Events with pending notifications stay until those have ended.";
    no_limit: "no limit";
    disk: "Disk";
    disk_reserve: "Kept free at least";
    kept_notifications: "Notifications kept";
    kept_payloads: "Data of the events";
    folder: "Folder";
    backups: "Backups";
    backup_failed: "The last scheduled backup failed at";
    no_schedule: "No backup is scheduled. Set backup_dir and backup_every under [store] in the config.";
    backup_size: "Size";
    backup_every: "Interval";
    backups_kept: "Backups kept";
    versions: "Versions";
    store_format: "Format of the store";
    platform: "Platform";
    running_since: "Running since";
    days_n: ["{} day", "{} days"];
    hours_n: ["{} hour", "{} hours"];
}
