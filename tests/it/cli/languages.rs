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
        (&["webhooks", "list", "--token", "x"][..], &[][..], 1, "401: este token de acesso é desconhecido"),
        (&["events", "list", "--type", "x"], &[], 1, "422: `type` não pode ser aceito como está\n  type deve ser `*`"),
        (&["webhooks", "create", "--target", "x", "--events", "*"], &[], 1, "target deve ser uma URL"),
        (&["webhooks", "list", "--jsn"], &[], 2, "erro: argumento desconhecido '--jsn'\n\n  dica: existe o argumento"),
        (&["webhooks", "show", "7"], &[], 2, "para '<ID>': deve ser um UUID"),
        (&["audit", "--from", "ontem"], &[], 2, "deve ser um momento como"),
        (&["config"], &[("CARTEIRO_STORE__RETENTION", "90")], 78, "deve ser uma duração de 1h a "),
        (&["config"], &[("CARTEIRO_STORE__RETENTON", "1d")], 78, "seria `CARTEIRO_STORE__RETENTION`?"),
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

#[test]
fn what_a_command_has_done_is_told_in_the_language_of_the_locale() {
    let mut daemon = Daemon::quick();
    let id = daemon.register("http://127.0.0.1:9/", &["*"]);
    let in_portuguese = |daemon: &Daemon, arguments: &[&str]| out(&carteiro(daemon, arguments, "", PT));
    let told = |arguments: &[&str]| in_portuguese(&daemon, arguments);
    assert_eq!(told(&["reload"]), "configuração recarregada\n");
    assert!(told(&["account", "list"]).contains("em uso"));
    assert!(told(&["webhooks", "export"]).starts_with("# Os webhooks de um carteiro"));
    carteiro(&daemon, &["webhooks", "pause", &id], "", &[]);
    let audit = told(&["audit"]);
    assert!(audit.contains("Situação: Ativo → Pausado"), "{audit}");
    // What is asked for isn't how the job has ended.
    carteiro(&daemon, &["notifications", "resend", "--status", "FAILED"], "", &[]);
    let audit = told(&["audit"]);
    assert!(audit.contains("Só com a situação: Falhou"), "{audit}");
    // Beside the daemon and without it.
    let sound = "toda linha está como foi gravada, e todo índice leva aonde deve\n";
    let beside = told(&["verify"]);
    assert!(beside.contains("  webhook\n") && beside.ends_with(sound), "{beside}");
    daemon.kill_9();
    let alone = in_portuguese(&daemon, &["verify"]);
    assert!(alone.contains("  conta\n") && alone.ends_with(sound), "{alone}");
}

/// An error of the API is for whoever made the call.
#[test]
fn an_error_of_the_api_is_in_the_language_that_the_caller_asks_for() {
    let daemon = Daemon::quick();
    let ask = |language: &str| {
        let header = format!("Accept-Language: {language}\r\n");
        let answer = daemon.call_as(&daemon.token, "GET", "/api/events?limit=0", &header, b"");
        answer.refused(422, "invalid_fields")["limit"][0].as_str().unwrap().to_owned()
    };
    assert_eq!(ask("pt-BR,pt;q=0.9,en;q=0.8"), "deve ser um número inteiro de 1 a 500");
    for english in ["en", "de", "en;q=0.9,pt;q=0.8", ""] {
        assert_eq!(ask(english), "must be a whole number from 1 to 500", "{english}");
    }
}
