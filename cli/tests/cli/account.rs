//! Who one is, where that is remembered, and what is said when one is not.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::world::{PASSWORD, World, finish};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_made_used_and_left() {
    let world = World::start().await;
    let made = world.run_with(&["--json", "register", "ada", "--password-stdin"], PASSWORD).await;
    assert_eq!(made.code, 0, "{made:?}");
    let user: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!((&user["username"], &user["bot"]), (&json!("ada"), &json!(false)));
    assert!(user["id"].is_string());

    let status = &world.json(&["status"]).await[0];
    assert_eq!(status["user"]["username"], "ada");
    assert_eq!(status["context"], "default");
    assert_eq!(status["token_source"], "context");
    assert_eq!(status["server"], world.server.url());

    let token = world.path(".local/state/guildhall/tokens/default");
    assert_eq!(std::fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!world.read(".config/guildhall/config.toml").contains("ghu_"));

    world.ok(&["logout"]).await;
    assert!(!token.exists());
    let (code, error) = world.fails(&["status"]).await;
    assert_eq!((code, &error["code"]), (4, &json!("UNAUTHENTICATED")));

    let login = world.run_with(&["login", "ada", "--password-stdin"], format!("{PASSWORD}\n")).await;
    assert_eq!(login.code, 0, "{login:?}");
    assert!(login.stderr.contains("warning: no keyring"), "{login:?}");
    assert!(world.ok(&["status"]).await.contains("ada"));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_their_exit_codes() {
    let world = World::start().await;
    world.register("ada").await;
    let refused = |args: &'static [&'static str], stdin: &'static str| {
        let world = &world;
        async move {
            let outcome = world.run_with(args, stdin).await;
            let last = outcome.stderr.lines().last().unwrap_or_default();
            let json: serde_json::Value = serde_json::from_str(last).unwrap();
            (outcome.code, json["error"]["reason"].as_str().unwrap_or_default().to_owned())
        }
    };
    let wrong = refused(&["--json", "login", "ada", "--password-stdin"], "not the password").await;
    assert_eq!(wrong, (4, "CREDENTIALS_INVALID".to_owned()));
    let unknown = refused(&["--json", "login", "nobody", "--password-stdin"], "not the password").await;
    assert_eq!(unknown, (4, "CREDENTIALS_INVALID".to_owned()));
    let taken = refused(&["--json", "register", "ada", "--password-stdin"], PASSWORD).await;
    assert_eq!(taken, (8, "USERNAME_TAKEN".to_owned()));
    let short = refused(&["--json", "register", "bob", "--password-stdin"], "short").await;
    assert_eq!(short, (2, "VALIDATION_FAILED".to_owned()));
    let empty = refused(&["--json", "register", "bob", "--password-stdin"], "").await;
    assert_eq!(empty.0, 2);
    // Nobody is asked where there is no terminal.
    assert_eq!(world.fails(&["login", "ada"]).await.0, 2);
    let text = world.run(&["login", "ada"]).await;
    assert!(text.stderr.contains("--password-stdin"), "{text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn contexts_keep_accounts_apart() {
    let world = World::start().await;
    world.register("ada").await;
    world.register("bob").await;
    let user = |args: Vec<&'static str>| {
        let world = &world;
        async move { world.json(&args).await[0]["user"]["username"].as_str().unwrap().to_owned() }
    };
    assert_eq!(user(vec!["status"]).await, "bob");
    assert_eq!(user(vec!["status", "--context", "ada"]).await, "ada");
    world.ok(&["context", "use", "ada"]).await;
    assert_eq!(user(vec!["status"]).await, "ada");

    let listed = world.json(&["context", "list"]).await;
    let names: Vec<_> = listed.iter().map(|it| (it["name"].as_str().unwrap(), it["current"] == true)).collect();
    assert_eq!(names, [("ada", true), ("bob", false)]);
    assert!(world.ok(&["context", "list"]).await.starts_with("* ada"));

    world.ok(&["context", "rm", "ada"]).await;
    assert_eq!(world.json(&["context", "list"]).await.len(), 1);
    assert_eq!(world.fails(&["status", "--context", "ada"]).await.0, 3);
    assert_eq!(world.fails(&["context", "use", "ada"]).await.0, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_comes_by_environment_or_stdin_and_goes_to_its_server_only() {
    let world = World::start().await;
    world.register("ada").await;
    let token = world.read(".local/state/guildhall/tokens/ada");
    let stranger = World::start().await;

    let mut command = stranger.command(&["--json", "status"]);
    command.env("GUILDHALL_SERVER", world.server.url()).env("GUILDHALL_TOKEN", &token);
    let outcome = finish(command).await;
    assert!(outcome.stdout.contains(r#""token_source":"environment""#), "{outcome:?}");

    let url = world.server.url();
    let by_stdin = stranger.run_with(&["--server", &url, "--token-stdin", "--json", "status"], &token).await;
    assert!(by_stdin.stdout.contains(r#""token_source":"stdin""#), "{by_stdin:?}");

    // A bot's token is kept like a login.
    let kept = stranger.run_with(&["--server", &url, "login", "--token-stdin"], &token).await;
    assert_eq!(kept.code, 0, "{kept:?}");
    assert_eq!(stranger.json(&["--server", &url, "status"]).await[0]["user"]["username"], "ada");

    // The context's server is another one than the one that is named.
    let (code, error) = stranger.fails(&["status"]).await;
    assert_eq!(code, 4, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_without_the_server_is_possible_and_honest() {
    let mut world = World::start().await;
    world.register("ada").await;
    world.server.stop().await;
    let outcome = world.run(&["--wait", "1", "logout"]).await;
    assert_eq!(outcome.code, 7, "{outcome:?}");
    assert!(outcome.stderr.contains("--local"), "{outcome:?}");
    world.ok(&["logout", "--local"]).await;
    assert_eq!(world.run(&["status"]).await.code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_late_is_waited_for() {
    let mut world = World::with_ada().await;
    world.server.stop().await;
    let mut command = world.command(&["--json", "guild", "create", "Late"]);
    let child = command.spawn().unwrap();
    world.server.resume().await;
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_changed_and_deleted() {
    let world = World::start().await;
    world.register("ada").await;
    let renamed = &world.json(&["account", "rename", "lady", "--display-name", "Lady L"]).await[0];
    assert_eq!((&renamed["username"], &renamed["display_name"]), (&json!("lady"), &json!("Lady L")));
    assert_eq!(world.fails(&["account", "rename"]).await.0, 2);

    let login = world.run_with(&["login", "lady", "--password-stdin", "--context", "second"], PASSWORD).await;
    assert_eq!(login.code, 0, "{login:?}");
    let sessions = world.json(&["account", "sessions"]).await;
    assert_eq!((sessions.len(), &sessions[0]["current"]), (2, &json!(true)));
    let first = sessions[1]["id"].as_str().unwrap();
    world.ok(&["account", "sessions", "--revoke", first]).await;
    assert_eq!(world.json(&["account", "sessions"]).await.len(), 1);
    let login = world.run_with(&["login", "lady", "--password-stdin", "--context", "third"], PASSWORD).await;
    assert_eq!(login.code, 0, "{login:?}");
    world.ok(&["account", "sessions", "--revoke-others"]).await;
    assert_eq!(world.json(&["account", "sessions"]).await.len(), 1);

    let change = ["--json", "account", "password", "--password-stdin"];
    let wrong = world.run_with(&change, "not the password\nanother horse\n").await;
    assert_eq!(wrong.code, 5, "{wrong:?}");
    assert!(wrong.stderr.contains("PASSWORD_WRONG"), "{wrong:?}");
    let changed = world.run_with(&change, format!("{PASSWORD}\nanother horse\n")).await;
    assert_eq!(changed.code, 0, "{changed:?}");

    let delete = ["--json", "account", "delete", "--password-stdin", "--delete-messages"];
    assert_eq!(world.run_with(&delete, "another horse\n").await.code, 2, "it is asked for");
    let delete = [&delete[..], &["--yes"]].concat();
    let made = &world.json(&["guild", "create", "Tea room"]).await[0];
    let guild = made["guild"]["id"].as_str().unwrap();
    let refused = world.run_with(&delete, "another horse\n").await;
    assert_eq!(refused.code, 8, "{refused:?}");
    assert!(refused.stderr.contains("OWNS_GUILDS"), "{refused:?}");
    world.ok(&["guild", "delete", guild, "--yes"]).await;
    let deleted = world.run_with(&delete, "another horse\n").await;
    assert_eq!(deleted.code, 0, "{deleted:?}");
    // The token is forgotten with the account.
    assert!(!world.path(".local/state/guildhall/tokens/third").exists());
    let gone = world.run_with(&["--json", "login", "lady", "--password-stdin"], "another horse").await;
    assert!(gone.stderr.contains("CREDENTIALS_INVALID"), "{gone:?}");
}
