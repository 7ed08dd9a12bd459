//! The file as a text: TOML that is broken, texts that are none, and where in them a problem stands.

use super::*;

#[test]
fn broken_toml_is_told_with_its_place_and_what_stands_above_it() {
    let problems = load("[log]\nlevel = 1\nformat = \n[server]\nlisten = 1\nx y\n").unwrap_err();
    assert!(problems[0].starts_with("c.toml:2:9: `log.level`"), "{problems:#?}");
    assert!(problems[1].starts_with("c.toml:3:"), "{problems:#?}");
    assert!(problems[2].starts_with("c.toml:6:"), "{problems:#?}");
    assert_eq!(problems.len(), 3, "{problems:#?}");
    // The rest of the file is unknown, so rules between values are not checked.
    let cut = "[delivery]\ntimeout = \"4s\"\n[[account]]\n[[account]]\nname =\n[delivery]\nconnect_timeout = \"1s\"\n";
    assert!(load(cut).unwrap_err().iter().all(|line| !line.contains("unique") && !line.contains("above")));
}

#[test]
fn a_key_given_twice_hides_nothing_below_it() {
    for text in ["[log]\nlevel = \"info\"\nlevel = \"info\"\nformat = 1", "[log]\nlevel = \"info\"\n[log]\nformat = 1"]
    {
        let problems = load(text).unwrap_err();
        assert!(problems[0].starts_with("c.toml:3:") && problems[0].contains("duplicate key"), "{problems:#?}");
        assert!(problems[1].starts_with("c.toml:4:10: `log.format` must be"), "{problems:#?}");
    }
}

#[test]
fn places_survive_bom_crlf_and_letters_of_several_bytes() {
    let expected = "c.toml:2:30: item 2 of `catalogue.extra` must be";
    for text in [
        "# ação\ncatalogue.extra = [\"ÇÃO.ÉÉ\", \"x\"]",
        "# ação\r\ncatalogue.extra = [\"ÇÃO.ÉÉ\", \"x\"]\r\n",
        "\u{feff}# ação\ncatalogue.extra = [\"ÇÃO.ÉÉ\", \"x\"]",
    ] {
        let problems = load(text).unwrap_err();
        assert!(problems[0].starts_with("c.toml:2:20: item 1 of `catalogue.extra` must be"), "{problems:#?}");
        assert!(problems[1].starts_with(expected), "{problems:#?}");
    }
    assert_eq!(problem("\u{feff}x = 1").split(": ").next(), Some("c.toml:1:1"));
}

#[test]
fn files_that_are_no_text_or_not_there_are_told() {
    assert_eq!(problem(b"a = 1\n# \xe9"), "c.toml:2:3: the file is not UTF-8 from here on; save it as UTF-8");
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().join("none.toml"), dir.path().to_owned()] {
        let problems = Config::load(Some(&path), std::iter::empty(), &[]).unwrap_err();
        assert_eq!(problems.iter().count(), 1);
        let expected = format!("{}: the file can't be read: ", path.display());
        assert!(problems.to_string().starts_with(&expected), "{problems}");
    }
    let longest = vec![b'#'; 1024 * 1024];
    assert!(load(&longest).is_ok());
    assert!(problem([longest.as_slice(), b"#"].concat()).starts_with("c.toml: the file is longer than 1 MiB"));
}

proptest::proptest! {
    // A seed of a failure is printed; it is not to be written among the sources.
    #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

    /// Pieces of TOML in any order: whatever comes of it, nothing panics and each problem stands on one line of the
    /// file.
    #[test]
    fn no_text_breaks_the_walk(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40)) {
        let text = pieces.concat();
        let mut draft = draft::Draft::default();
        toml_file::read_into(&mut draft, Path::new("c.toml"), text.clone().into_bytes());
        for problem in draft.problems() {
            let Location::File { line, .. } = problem.place else { panic!("{problem}") };
            assert!(line <= text.matches('\n').count() + 1 && !problem.message.en.contains('\n'), "{problem}");
        }
    }
}

const PIECES: &[&str] = &[
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    "=",
    ",",
    ".",
    "\"",
    "'",
    "\"\"\"",
    "\n",
    "\n",
    "\r\n",
    "#",
    " ",
    "é",
    "\u{feff}",
    "\0",
    "delivery",
    "[delivery]\n",
    "server",
    "account",
    "[[account]]\n",
    "name = ",
    "schedule = ",
    "timeout",
    "jitter = ",
    "log",
    "level",
    "egress.allow = ",
    "1",
    "-9999999999999999999999",
    "0x",
    "1e999",
    "nan",
    "true",
    "1979-05-27",
    "\"5s\"",
    "\"18446744073709551615s 1000ms\"",
    "\"::1/128\"",
];
