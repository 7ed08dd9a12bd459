//! Wrong usage in Portuguese. clap has English texts alone; what each says stands in the error's kind and context, too.

use super::exit::WRONG_USAGE;
use super::language::language;
use crate::model::Language;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use std::num::ParseIntError;

/// Says what is wrong in the language of the command, or prints help or version, and ends the process as clap does.
pub(crate) fn exit(error: &Error) -> ! {
    if language() == Language::Pt
        && let Some(text) = in_portuguese(error)
    {
        eprintln!("{text}");
        std::process::exit(i32::from(WRONG_USAGE));
    }
    error.exit()
}

/// The whole text; `None` for help, a version, and what has no words here.
fn in_portuguese(error: &Error) -> Option<String> {
    let mut text = format!("erro: {}", problem(error)?);
    let mut hints: Vec<String> = [
        (ContextKind::SuggestedSubcommand, "existe o comando"),
        (ContextKind::SuggestedArg, "existe o argumento"),
        (ContextKind::SuggestedValue, "existe o valor"),
    ]
    .into_iter()
    .flat_map(|(kind, exists)| texts(error, kind).into_iter().map(move |name| format!("{exists} '{name}'")))
    .collect();
    if let Some(ContextValue::StyledStrs(suggested)) = error.get(ContextKind::Suggested) {
        hints.extend(suggested.iter().filter_map(|hint| suggestion(&hint.to_string())));
    }
    if !hints.is_empty() {
        let hints: Vec<String> = hints.iter().map(|hint| format!("\n  dica: {hint}")).collect();
        text.extend(["\n", &hints.concat()]);
    }
    if let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) {
        text.extend(["\n\n", &usage.to_string().replacen("Usage:", "Uso:", 1)]);
    }
    text.push_str("\n\nPara saber mais, use '--help'.");
    Some(text)
}

fn problem(error: &Error) -> Option<String> {
    let one = |kind| texts(error, kind).into_iter().next().unwrap_or_default();
    let (argument, value) = (one(ContextKind::InvalidArg), one(ContextKind::InvalidValue));
    Some(match error.kind() {
        ErrorKind::UnknownArgument => format!("argumento desconhecido '{argument}'"),
        ErrorKind::InvalidSubcommand => format!("não existe o comando '{}'", one(ContextKind::InvalidSubcommand)),
        ErrorKind::InvalidValue if value.is_empty() => format!("falta um valor para '{argument}'"),
        ErrorKind::InvalidValue => {
            let possible = texts(error, ContextKind::ValidValue).join(", ");
            format!("valor inválido '{value}' para '{argument}'\n  [valores possíveis: {possible}]")
        }
        ErrorKind::ValueValidation => format!("valor inválido '{value}' para '{argument}': {}", cause(error)),
        ErrorKind::MissingRequiredArgument => {
            let missing: Vec<String> =
                texts(error, ContextKind::InvalidArg).iter().map(|name| format!("\n  {name}")).collect();
            format!("falta informar:{}", missing.concat())
        }
        ErrorKind::MissingSubcommand => {
            let commands = texts(error, ContextKind::ValidSubcommand).join(", ");
            let of = one(ContextKind::InvalidSubcommand);
            format!("'{of}' precisa de um comando\n  [comandos: {commands}]")
        }
        ErrorKind::ArgumentConflict => {
            let others = texts(error, ContextKind::PriorArg);
            if others == [argument.clone()] {
                format!("'{argument}' não pode aparecer mais de uma vez")
            } else {
                let others: Vec<String> = others.iter().map(|other| format!("'{other}'")).collect();
                format!("'{argument}' não pode vir junto com {}", others.join(", "))
            }
        }
        ErrorKind::TooManyValues => format!("valor a mais '{value}' para '{argument}'"),
        ErrorKind::InvalidUtf8 => "um dos argumentos não é texto UTF-8".to_owned(),
        _ => return None,
    })
}

/// Why a value isn't taken. The parsers of this crate say it in the command's language, those of numbers in English.
fn cause(error: &Error) -> String {
    let Some(cause) = std::error::Error::source(error) else { return "não pode ser aceito".to_owned() };
    if cause.is::<ParseIntError>() {
        return "deve ser um número inteiro".to_owned();
    }
    cause.to_string().replace(" is not in ", " não está em ")
}

/// What clap advises beside a nearest word.
fn suggestion(english: &str) -> Option<String> {
    match english.split('\'').collect::<Vec<_>>()[..] {
        ["to pass ", value, " as a value, use ", usage, ..] => {
            Some(format!("para passar '{value}' como valor, use '{usage}'"))
        }
        ["", name, " exists"] => Some(format!("existe '{name}'")),
        _ => None,
    }
}

/// The texts that an error has of a kind.
fn texts(error: &Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(one)) => vec![one.clone()],
        Some(ContextValue::Strings(several)) => several.clone(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::command;
    use super::*;

    fn told(line: &[&str]) -> Option<String> {
        let words = std::iter::once("carteiro").chain(line.iter().copied());
        in_portuguese(&command().try_get_matches_from(words).unwrap_err())
    }

    #[test]
    fn what_is_typed_wrong_is_told_in_portuguese() {
        for (line, says) in [
            (
                &["webhook", "list"][..],
                &["erro: não existe o comando 'webhook'", "dica: existe o comando 'webhooks'"][..],
            ),
            (
                &["webhooks", "list", "--jsn"],
                &["argumento desconhecido '--jsn'", "existe o argumento '--json'", "Uso: "],
            ),
            (&["webhooks", "show", "7"], &["valor inválido '7' para '<ID>': must be a UUID"]),
            (&["webhooks", "show"], &["falta informar:\n  <ID>"]),
            (&["completions", "tcsh"], &["valor inválido 'tcsh' para '<SHELL>'", "possíveis: bash, zsh, fish"]),
            (&["events", "list", "--limit"], &["falta um valor para '--limit <N>'"]),
            (&["events", "list", "--limit", "x"], &["'--limit <N>': deve ser um número inteiro"]),
            (&["listen", "--port", "70000"], &["70000 não está em 0..=65535"]),
            (&["events", "list", "--limit", "1", "--all"], &["'--limit <N>' não pode vir junto com '--all'"]),
            (&["health", "--server", "a", "--server", "b"], &["não pode aparecer mais de uma vez"]),
            (&["health", "x"], &["argumento desconhecido 'x'"]),
        ] {
            let told = told(line).unwrap_or_else(|| panic!("{line:?} has no words"));
            assert!(says.iter().all(|part| told.contains(part)), "{line:?}: {told}");
            assert!(told.ends_with("Para saber mais, use '--help'."), "{told}");
        }
        assert_eq!((told(&["--help"]), told(&["--version"])), (None, None));
    }

    #[test]
    fn what_else_is_advised_is_told_too() {
        let value = suggestion("to pass '-x' as a value, use '-- -x'");
        assert_eq!(value.as_deref(), Some("para passar '-x' como valor, use '-- -x'"));
        assert_eq!(suggestion("'webhooks --json' exists").as_deref(), Some("existe 'webhooks --json'"));
    }
}
