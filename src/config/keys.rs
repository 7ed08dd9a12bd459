//! A key of the configuration, and the macro that makes keys, structs and defaults of one table (`settings.rs`).

use super::value::{RawValue, ValueError};
use crate::model::Localized;

/// A setting of `T`: of [`Config`](super::Config) as a whole, or of one [`Account`](super::Account).
pub(crate) struct Setting<T> {
    /// `section.name`.
    pub(crate) path: &'static str,
    /// What it does, in sentences. Its range and when it takes effect are added from the fields below.
    pub(crate) doc: &'static str,
    pub(crate) effect: Effect,
    /// What is kept of it from those who read the log or a print of the config.
    pub(crate) secrecy: Secrecy,
    pub(crate) expected: fn() -> Localized,
    pub(crate) read: fn(&mut T, RawValue<'_>) -> Result<(), Vec<ValueError>>,
    pub(crate) show: fn(&T) -> String,
    pub(crate) copy: fn(from: &T, to: &mut T),
}

/// How much of a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// All of it.
    Open,
    /// What was accepted holds no secret; what was refused may hold one, and is not quoted.
    Unquoted,
    /// Neither printed, nor quoted in a problem.
    Secret,
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Reload,
    Restart,
}

impl<T> Setting<T> {
    /// The table it stands in, such as `delivery` or `alerts.email`.
    pub(crate) fn section(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }

    pub(crate) fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }

    /// The variable that overrides the file.
    pub(crate) fn variable(&self) -> String {
        format!("CARTEIRO_{}", self.path.replace('.', "__")).to_ascii_uppercase()
    }
}

/// Makes structs, their defaults and the tables of keys. Each key is written as
///
/// ```text
/// /// What it does.
/// name: FieldType = default => value type, Reload or Restart[, Unquoted or Secret];
/// ```
///
/// below its `[section] StructName`. `KEYS` and `Config` are made of all sections; a table such as `[[account]]`, which
/// may be in the file several times, has a list of keys of its own. The tables `[alerts.NAME]` are in both: the
/// operator's in `Config`, an account's, as `[account.alerts.NAME]`, in `Account`.
macro_rules! settings {
    ($(#[$about:meta])* [[account]] $Item:ident { $(
        $(#[doc = $doc:literal])+
        $key:ident: $Value:ty = $default:expr => $type:expr, $effect:ident $(, $secrecy:ident)?;
    )+ }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::doc_markdown, rustdoc::bare_urls, rustdoc::broken_intra_doc_links)]
        pub struct $Item {
            $($(#[doc = $doc])+ pub $key: $Value,)+
            /// Where alerts about its webhooks are sent, beside the operator's channels.
            pub alert_channels: AlertChannels,
        }

        impl Default for $Item {
            fn default() -> Self {
                Self { $($key: $default,)+ alert_channels: AlertChannels::default() }
            }
        }

        /// The keys of one `[[account]]` but those of its channels, in the order they are printed.
        pub(crate) static ACCOUNT_KEYS: &[$crate::config::keys::Setting<$Item>] = &[$(
            settings!(
                @key $Item, [concat!("account.", stringify!($key))] [$key], [$($doc)+], $Value, $type,
                $effect $($secrecy)?
            )
        ),+];
    };
    ($(#[$about:meta])* [[$section:ident]] $Item:ident $ITEM_KEYS:ident { $(
        $(#[doc = $doc:literal])+
        $key:ident: $Value:ty = $default:expr => $type:expr, $effect:ident $(, $secrecy:ident)?;
    )+ }) => {
        settings!(@struct $(#[$about])* $Item { $($(#[doc = $doc])+ $key: $Value = $default;)+ });

        /// The keys of one such table, in the order they are printed.
        pub(crate) static $ITEM_KEYS: &[$crate::config::keys::Setting<$Item>] = &[$(
            settings!(
                @key $Item, [concat!(stringify!($section), ".", stringify!($key))] [$key], [$($doc)+], $Value, $type,
                $effect $($secrecy)?
            )
        ),+];
    };
    ($($(#[$about:meta])* [$section:ident] $Section:ident { $(
        $(#[doc = $doc:literal])+
        $key:ident: $Value:ty = $default:expr => $type:expr, $effect:ident $(, $secrecy:ident)?;
    )+ })+) => {
        $(settings!(@struct $(#[$about])* $Section { $($(#[doc = $doc])+ $key: $Value = $default;)+ });)+

        /// Every setting. The defaults and what [`Config::load`] makes are within their ranges, and agree with each
        /// other.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Config {
            $($(#[$about])* pub $section: $Section,)+
            /// Where the operator's alerts are sent, and those about all webhooks.
            pub alert_channels: AlertChannels,
            /// At least one, at most [`MAX_ACCOUNTS`](super::MAX_ACCOUNTS); names are unique.
            pub account: Vec<Account>,
            /// At most [`MAX_CLIENT_CERTIFICATES`](super::MAX_CLIENT_CERTIFICATES); names are unique, and `accounts` is
            /// empty only where there is one account.
            pub client_certificate: Vec<ClientCertificate>,
        }

        impl Default for Config {
            fn default() -> Self {
                Self {
                    $($section: $Section::default(),)+
                    alert_channels: AlertChannels::default(),
                    account: vec![Account::default()],
                    client_certificate: Vec::new(),
                }
            }
        }

        /// Every key but those of channels and accounts, section by section, in the order they are printed.
        pub(crate) static KEYS: &[$crate::config::keys::Setting<Config>] = &[$($(
            settings!(
                @key Config, [concat!(stringify!($section), ".", stringify!($key))] [$section.$key], [$($doc)+], $Value,
                $type, $effect $($secrecy)?
            )
        ),+),+];
    };
    ($($(#[$about:meta])* [alerts.$channel:ident] $Channel:ident { $(
        $(#[doc = $doc:literal])+
        $key:ident: $Value:ty = $default:expr => $type:expr, $effect:ident $(, $secrecy:ident)?;
    )+ })+) => {
        $(settings!(@struct $(#[$about])* $Channel { $($(#[doc = $doc])+ $key: $Value = $default;)+ });)+

        /// The channels of the operator, or of one account. One that is set is on; all of its keys are set or none.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct AlertChannels {
            $($(#[$about])* pub $channel: $Channel,)+
        }

        /// The keys of the operator's channels, in the order they are printed.
        pub(crate) static CHANNEL_KEYS: &[$crate::config::keys::Setting<Config>] = &[$($(
            settings!(
                @key Config, [concat!("alerts.", stringify!($channel), ".", stringify!($key))]
                [alert_channels.$channel.$key], [$($doc)+], $Value, $type, $effect $($secrecy)?
            )
        ),+),+];

        /// The keys of an account's channels, in the order they are printed.
        pub(crate) static ACCOUNT_CHANNEL_KEYS: &[$crate::config::keys::Setting<Account>] = &[$($(
            settings!(
                @key Account, [concat!("account.alerts.", stringify!($channel), ".", stringify!($key))]
                [alert_channels.$channel.$key], [$($doc)+], $Value, $type, $effect $($secrecy)?
            )
        ),+),+];
    };
    (@struct $(#[$about:meta])* $Name:ident { $($(#[$doc:meta])+ $key:ident: $Value:ty = $default:expr;)+ }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq)]
        // The comments are texts for `config.example.toml`, without marks.
        #[allow(clippy::doc_markdown, rustdoc::bare_urls, rustdoc::broken_intra_doc_links)]
        pub struct $Name {
            $($(#[$doc])+ pub $key: $Value,)+
        }

        impl Default for $Name {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }
    };
    (
        @key $Of:ident, [$path:expr] [$($field:ident).+], [$($doc:literal)+], $Value:ty, $type:expr,
        $effect:ident $($secrecy:ident)?
    ) => {
        $crate::config::keys::Setting {
            path: $path,
            doc: concat!($($doc),+),
            effect: $crate::config::keys::Effect::$effect,
            secrecy: settings!(@secrecy $($secrecy)?),
            expected: || ValueType::<$Value>::expected(&$type),
            read: |to, raw| $type.read(raw).map(|value| to.$($field).+ = value),
            show: |of| $type.show(&of.$($field).+),
            copy: |from: &$Of, to: &mut $Of| to.$($field).+.clone_from(&from.$($field).+),
        }
    };
    (@secrecy) => { $crate::config::keys::Secrecy::Open };
    (@secrecy $secrecy:ident) => { $crate::config::keys::Secrecy::$secrecy };
}
pub(crate) use settings;
