//! What commands tell people, in the language of the locale; what scripts read is the same in each.

use super::super::harness::Daemon;
use super::{carteiro, complaint, out};

const PT: &[(&str, &str)] = &[("LANG", "pt_BR.UTF-8")];

#[test]
fn tables_are_in_the_language_of_the_locale_and_json_is_not() {
    let daemon = Daemon::quick();
    daemon.register("http://127.0.0.1:9/", &["*"]);
    let list = |environment: &[(&str, &str)], more: &[&str]| {
        out(&carteiro(&daemon, &[&["webhooks", "list"], more].concat(), "", environment))
    };
    let portuguese = list(PT, &[]);
    assert!(portuguese.contains("SITUAÇÃO") && portuguese.contains("Ativo"), "{portuguese}");
    let english = list(&[("LANG", "en_US.UTF-8")], &[]);
    assert!(english.contains("STATUS") && english.contains("ACTIVE"), "{english}");
    assert_eq!(list(PT, &["--json"]), list(&[], &["--json"]));
    let none = carteiro(&daemon, &["events", "list"], "", PT);
    assert_eq!(complaint(&none), "Não há nada para mostrar.\n");
    assert_eq!(out(&carteiro(&daemon, &["health"], "", PT)), "pronto\n");
}

#[test]
fn what_goes_wrong_is_told_in_the_language_of_the_locale_with_the_same_exit_codes() {
    let daemon = Daemon::quick();
    let id = daemon.register("http://127.0.0.1:9/", &["*"]);
    let told = |arguments: &[&str], more: &[(&str, &str)]| {
        let output = carteiro(&daemon, arguments, "", &[PT, more].concat());
        (output.status.code(), complaint(&output))
    };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (arguments, environment, code, sentence) in [
        (&["webhooks", "list", "--token", "x"][..], &[][..], 1, "o daemon respondeu 401: "),
        (&["webhooks", "show", "0193a5b0-1111-7222-8333-444455556666"], &[], 1, "mostra o que existe"),
        (&["webhooks", "delete", &id], &[], 2, "isto não pode ser desfeito"),
        (&["webhooks", "list", "--server", "http://x/y"], &[], 64, "os caminhos do carteiro começam em `/`"),
        (&["notifications", "resend"], &[], 2, "ou --all para todas as notificações"),
        (&["man", "nada"], &[], 2, "não há o comando `nada`; há: serve, demo"),
        (&["health"], &[("CARTEIRO_SERVER", &*closed)], 75, "`carteiro serve` está em execução?"),
    ] {
        let (ended, said) = told(arguments, environment);
        assert_eq!((ended, said.contains(sentence)), (Some(code), true), "{arguments:?}: {said}");
    }
}
