//! The filters of a list as flags: each field of the model's filter is one.

use super::connection::Filters;
use super::input::{PATTERNS, Words};
use super::time_zone;
use crate::model::{Filter, FilterField, FilterUse};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use std::marker::PhantomData;

/// Those of a list.
pub(crate) const LIST: u8 = FilterUse::List as u8;
/// Those of a bulk resend.
pub(crate) const RESEND: u8 = FilterUse::Resend as u8;
/// Those of what follows along.
pub(crate) const STREAM: u8 = FilterUse::Stream as u8;

/// How a time can be given.
const TIMES: &str =
    r#""2026-11-28 09:00" (local), 2026-11-28 (its beginning), today, yesterday, "2h ago", or with an offset"#;

/// The fields that were given, of those that can be given there.
pub(crate) struct FilterFlags<F, const THERE: u8> {
    pub(crate) given: Filters,
    of: PhantomData<F>,
}

impl<F: Filter, const THERE: u8> FilterFlags<F, THERE> {
    fn fields() -> impl Iterator<Item = &'static FilterField<F>> {
        F::FIELDS.iter().filter(|field| field.uses.iter().any(|there| *there as u8 == THERE))
    }
}

impl<F: Filter, const THERE: u8> FromArgMatches for FilterFlags<F, THERE> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let value = |name| matches.get_one::<String>(name).cloned();
        let given = Self::fields().fold(Filters::default(), |given, field| given.with(field.name, value(field.name)));
        Ok(Self { given, of: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<F: Filter, const THERE: u8> Args for FilterFlags<F, THERE> {
    fn augment_args(command: Command) -> Command {
        Self::fields().fold(command, |command, field| {
            let help = field.help.trim();
            // clap wants names that last for good: a few, once a process.
            let flag = Arg::new(field.name).long(&*field.flag().leak()).value_name(field.value);
            command.arg(if field.value == "TIME" {
                flag.help(format!("{help}: {TIMES}")).value_parser(time_zone::moment).allow_hyphen_values(true)
            } else if field.value == "PATTERN" {
                flag.help(help).value_parser(PATTERNS).hide_possible_values(true)
            } else if (field.words)().is_empty() {
                flag.help(help)
            } else {
                // The help names them where it matters.
                flag.help(help).value_parser(Words(field.words)).hide_possible_values(true)
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
