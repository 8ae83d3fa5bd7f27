//! What a shell relies on: quiet pipes, help, completions, the manual, the doctor.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::world::{BINARY, World, finish, lines_of_json};

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_is_no_failure() {
    let world = World::with_ada().await;
    let input: String = (1..=300).map(|number| format!("{number} {}\n", "x".repeat(1_500))).collect();
    world.run_with(&["send", "#general", "--lines"], input).await;
    let script = r#"set -o pipefail; "$BINARY" history '#general' --all | head -n 1"#;
    let mut command = world.command(&[]);
    let mut shell = Command::new("bash");
    shell.arg("-c").arg(script).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, value) in command.as_std_mut().get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let outcome = finish(shell).await;
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{outcome:?}");
    assert_eq!(outcome.stdout.lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_tells_what_is_wrong() {
    let mut world = World::with_ada().await;
    let checks = world.json(&["doctor"]).await;
    let names: Vec<_> = checks.iter().map(|it| it["check"].as_str().unwrap()).collect();
    assert_eq!(names, ["config", "server", "token", "clock", "gateway", "version"]);
    assert!(checks.iter().all(|it| it["ok"] == true), "{checks:?}");

    let mut command = world.command(&["--json", "doctor"]);
    command.env("GUILDHALL_TOKEN", "ghu_wrong");
    let outcome = finish(command).await;
    assert_eq!(outcome.code, 4, "{outcome:?}");
    let last = lines_of_json(&outcome.stdout).pop().unwrap();
    assert_eq!((&last["check"], &last["ok"]), (&Value::from("token"), &Value::from(false)));

    world.server.stop().await;
    let outcome = world.run(&["doctor"]).await;
    assert_eq!(outcome.code, 7, "{outcome:?}");
    assert!(outcome.stdout.contains("fail  server"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn help_completions_and_manual_are_made_from_the_command_line() {
    let world = World::start().await;
    let help = world.ok(&["--help"]).await;
    assert!(help.contains("Exit codes:") && help.contains("listen"), "{help}");
    assert!(world.ok(&["listen", "--help"]).await.contains("x-guildhall-signature"));
    assert!(world.ok(&["--version"]).await.starts_with("guildhall "));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(world.ok(&["completions", shell]).await.contains("doctor"), "{shell}");
    }
    assert!(world.ok(&["man"]).await.contains(".TH guildhall"));
    world.ok(&["man", "--dir", "man"]).await;
    assert!(world.path("man/guildhall-listen.1").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_command_line_is_told_in_the_form_that_was_asked_for() {
    let world = World::start().await;
    let text = world.run(&["guild", "nothing"]).await;
    assert_eq!((text.code, text.stdout.as_str()), (2, ""));
    assert!(text.stderr.starts_with("error: "), "{text:?}");
    let (code, error) = world.fails(&["guild", "nothing"]).await;
    assert_eq!((code, &error["code"]), (2, &Value::from("INVALID_ARGUMENT")));
    assert!(!error["message"].as_str().unwrap().contains('\n'), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn colour_is_for_terminals_or_on_demand() {
    let world = World::start().await;
    let plain = world.run(&["status"]).await;
    assert!(!plain.stderr.contains('\u{1b}'), "{plain:?}");
    let forced = world.run(&["--color", "always", "status"]).await;
    assert!(forced.stderr.contains("\u{1b}[1;31merror:"), "{forced:?}");
    let mut command = world.command(&["status"]);
    command.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    assert!(!finish(command).await.stderr.contains('\u{1b}'));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_exit_code_seven() {
    let mut world = World::with_ada().await;
    world.server.stop().await;
    let (code, error) = world.fails(&["--wait", "1", "guild", "list"]).await;
    assert_eq!((code, &error["code"]), (7, &Value::from("UNAVAILABLE")));
    let text = Command::new(BINARY).arg("--version").output().await.unwrap();
    assert!(text.status.success());
}
