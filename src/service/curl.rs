//! An attempt's request as a command of curl that a shop's developer can paste.
//!
//! Names, URL and body come from elsewhere, so nothing in them may mean anything to a shell, to a terminal or to curl:
//! each is one quoted word, and `@file`, `[1-9]` and `{a,b}` of curl are switched off. What isn't shown stands as a
//! variable of the shell: `$AUTORIZACAO` for `Authorization`.

use super::requests::{HeaderText, RebuiltRequest};
use crate::model::{is_plain, quoted, quoted_bytes};
use http::{HeaderName, header};
use std::fmt::Write as _;

/// The longest body that is one word of curl's: Linux takes 128 KiB, after the quoting.
const MAX_WORD_BYTES: usize = 64 * 1024;
/// Headers that curl sets by itself, to the same values.
const BY_CURL: [HeaderName; 3] = [header::HOST, header::ACCEPT, header::CONTENT_LENGTH];

/// A command that sends the same request, but for values that are variables; `None` where the body was erased.
pub fn curl(request: &RebuiltRequest) -> Option<String> {
    let body = request.body.as_deref()?;
    let as_word = body.len() <= MAX_WORD_BYTES && is_plain(body) && !body.starts_with(b"@");
    let mut text = String::with_capacity(body.len() + body.len() / 8 + 1024);
    if !as_word {
        // `printf` is built into every shell, so that no limit of a command's words holds for it.
        text.push_str("printf ");
        text.push_str(&quoted_bytes(body));
        text.push_str(" |\n");
    }
    // As they were sent: no HTTP/2, no path made shorter, no `Expect`.
    let _ = write!(
        text,
        "curl --http1.1 --globoff --path-as-is -X {} {} \\\n  -H 'Expect:'",
        request.method,
        quoted(&request.target)
    );
    let mut variables: Vec<String> = Vec::new();
    for header in &request.headers {
        let name = header.name.as_str();
        match &header.value {
            HeaderText::Sent(_) if BY_CURL.contains(&header.name) => {}
            HeaderText::Sent(value) => {
                let _ = write!(text, " \\\n  -H {}", quoted(&format!("{name}: {value}")));
            }
            HeaderText::Masked | HeaderText::Lost(_) => {
                let variable = variable(&header.name, &variables);
                let _ = write!(text, " \\\n  -H {}\"${{{variable}}}\"", quoted(&format!("{name}: ")));
                variables.push(variable);
            }
        }
    }
    text.push_str(" \\\n  --data-binary ");
    text.push_str(&if as_word { quoted_utf8(body) } else { "@-".to_owned() });
    text.push('\n');
    Some(text)
}

fn quoted_utf8(body: &[u8]) -> String {
    quoted(&String::from_utf8_lossy(body))
}

/// The variable that stands for a header's value, another one for each header.
fn variable(name: &HeaderName, taken: &[String]) -> String {
    if *name == header::AUTHORIZATION {
        return "AUTORIZACAO".to_owned();
    }
    let letters =
        name.as_str().chars().map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_uppercase() } else { '_' });
    let own: String = std::iter::once('H').chain(std::iter::once('_')).chain(letters).collect();
    let mut variable = own.clone();
    let mut nth = 2;
    while taken.contains(&variable) {
        variable = format!("{own}_{nth}");
        nth += 1;
    }
    variable
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::requests::RebuiltHeader;
    use bytes::Bytes;
    use proptest::prelude::*;
    use std::process::Command;

    fn request(target: &str, own: &[&str], body: &[u8]) -> RebuiltRequest {
        let sent = |name, value: &str| RebuiltHeader { name, value: HeaderText::Sent(value.to_owned()) };
        let mut headers = vec![sent(header::HOST, "loja.example"), sent(header::CONTENT_TYPE, "application/json")];
        let masked =
            |name: &&str| RebuiltHeader { name: HeaderName::try_from(*name).unwrap(), value: HeaderText::Masked };
        headers.extend(own.iter().map(masked));
        RebuiltRequest {
            attempt: 1,
            method: "POST",
            target: target.to_owned(),
            sent: true,
            headers,
            body: Some(Bytes::copy_from_slice(body)),
        }
    }

    #[test]
    fn it_reads_well() {
        let request =
            request("https://loja.example/x?a={1}", &["authorization", "x-loja", "x_loja"], b"{\"a\":\"it's\"}");
        let expected = [
            "curl --http1.1 --globoff --path-as-is -X POST 'https://loja.example/x?a={1}'",
            "-H 'Expect:'",
            "-H 'content-type: application/json'",
            "-H 'authorization: '\"${AUTORIZACAO}\"",
            "-H 'x-loja: '\"${H_X_LOJA}\"",
            "-H 'x_loja: '\"${H_X_LOJA_2}\"",
            "--data-binary '{\"a\":\"it'\\''s\"}'\n",
        ];
        let expected = expected.join(" \\\n  ");
        assert_eq!(curl(&request).unwrap(), expected);
        assert_eq!(curl(&RebuiltRequest { body: None, ..request }), None);
    }

    /// What a shell gives curl: its words, and what comes by a pipe. Nothing can run: there is no other command, and
    /// the working folder stays empty.
    fn run(command: &str) -> (Vec<Vec<u8>>, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let fake = "curl() { for word; do printf '%s\\0' \"$word\"; done; case $piped in 1) /bin/cat;; esac; }\n";
        let piped = if command.starts_with("printf ") { "piped=1\n" } else { "piped=0\n" };
        let file = folder.path().join("script");
        let script = [fake, piped, "AUTORIZACAO='a token $(touch x)'\n", command].concat();
        std::fs::write(&file, script).unwrap();
        let output = Command::new("sh").arg(&file).current_dir(folder.path()).env_clear().output().unwrap();
        assert!(output.stderr.is_empty(), "{}\n{command}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "{command}");
        let end = if piped == "piped=1\n" {
            let last = b"--data-binary\0@-\0";
            output.stdout.windows(last.len()).position(|window| window == last).unwrap() + last.len()
        } else {
            output.stdout.len()
        };
        let words = output.stdout[..end - 1].split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        (words, output.stdout[end..].to_vec())
    }

    fn check(target: &str, own: &[&str], body: &[u8]) {
        let command = curl(&request(target, own, body)).unwrap();
        let (words, piped) = run(&command);
        assert!(words.contains(&target.as_bytes().to_vec()), "{command}");
        let last = words.last().unwrap();
        let data = if last == b"@-" { &piped } else { last };
        assert_eq!(data, body, "{command}");
        if own.contains(&"authorization") {
            assert!(words.contains(&b"authorization: a token $(touch x)".to_vec()), "{command}");
        }
        let visible = |char: char| matches!(char, '\n' | '\t') || !char.is_control();
        assert!(command.chars().all(visible), "{command:?}");
    }

    #[test]
    fn nothing_of_a_payload_or_url_runs() {
        let long = "x'y".repeat(100_000);
        for body in [
            "{\"a\":\"'; touch x; '\"}",
            "{\"a\":\"$(touch x)`touch x`\"}",
            "@/etc/passwd",
            "@-",
            "\0",
            "a\0b%s%n\\0101\\c'",
            "\n\r\n{}\n",
            "\u{1b}[201~\ntouch x\n",
            "\u{9b}x\u{7f}\u{202e}",
            "'",
            "",
            "-d",
            "!!",
            &long,
        ] {
            check(
                "https://loja.example/x?y='$(touch x)'&z=`touch x`;touch x",
                &["authorization", "x`touch`"],
                body.as_bytes(),
            );
        }
        check("https://loja.example/", &[], &(0..=255).collect::<Vec<u8>>());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_bytes_reach_curl_as_they_are(
            body in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..200),
                "[\\PC'\"`$@!%&|;<>(){}\\\\ \n\t-]{0,200}".prop_map(String::into_bytes),
            ],
            path in "[!-~]{0,40}",
        ) {
            check(&format!("https://loja.example/{path}"), &["authorization"], &body);
        }
    }
}
