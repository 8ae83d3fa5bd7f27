//! Guilds, channels, members, invites and bots: made, shown, changed and taken away.

use serde_json::{Value, json};

use crate::world::{World, finish};

fn names(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn guilds() {
    let world = World::start().await;
    world.register("ada").await;
    let made = &world.json(&["guild", "create", "Tea room", "--icon-url", "https://example.org/a.png"]).await[0];
    let id = made["guild"]["id"].as_str().unwrap();
    assert!(made["channel_id"].is_string());
    assert_eq!(names(&world.json(&["guild", "list"]).await), ["Tea room"]);
    assert_eq!(world.json(&["guild", "show", "tea ROOM"]).await[0]["id"], id);

    let changed = &world.json(&["guild", "update", id, "--name", "Coffee/house", "--icon-url", ""]).await[0];
    assert_eq!((&changed["name"], &changed["icon_url"]), (&json!("Coffee/house"), &json!("")));
    assert_eq!(world.fails(&["guild", "update", id]).await.0, 2);
    assert_eq!(world.json(&["channel", "show", "Coffee/house/general"]).await[0]["guild_id"], id);

    let text = world.ok(&["guild", "list"]).await;
    assert!(text.starts_with("ID "), "{text}");
    assert!(text.contains("Coffee/house"), "{text}");

    let (code, error) = world.fails(&["guild", "leave", id]).await;
    assert_eq!((code, &error["reason"]), (8, &json!("OWNER_CANNOT_LEAVE")));
    assert_eq!(world.fails(&["guild", "delete", id]).await.0, 2);
    assert_eq!(world.ok(&["guild", "delete", id, "--yes"]).await, "");
    assert_eq!(world.fails(&["guild", "show", id]).await.0, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn channels() {
    let world = World::with_ada().await;
    let heading = &world.json(&["channel", "create", "Tea room", "rooms", "--kind", "category"]).await[0];
    assert_eq!(heading["kind"], "CHANNEL_KIND_CATEGORY");
    let args = ["channel", "create", "Tea room", "talk", "--kind", "voice", "--parent", "rooms", "--topic", "é"];
    let talk = &world.json(&args).await[0];
    assert_eq!((&talk["parent_id"], &talk["topic"]), (&heading["id"], &json!("é")));

    let listed = world.json(&["channel", "list", "Tea room"]).await;
    assert_eq!(names(&listed), ["general", "rooms", "talk"]);
    let general = listed[0]["id"].as_str().unwrap();
    let ordered = world.json(&["channel", "reorder", "Tea room", "talk", general, "#rooms"]).await;
    assert_eq!(names(&ordered), ["talk", "general", "rooms"]);
    assert_eq!(world.fails(&["channel", "reorder", "Tea room", "talk"]).await.0, 2);

    let changed = &world.json(&["channel", "update", "#talk", "--name", "chat", "--parent", "none"]).await[0];
    assert_eq!((&changed["name"], &changed["parent_id"]), (&json!("chat"), &json!("0")));
    assert_eq!(world.fails(&["channel", "create", "Tea room", "Capital"]).await.0, 2);
    assert_eq!(world.fails(&["channel", "show", "#nothing"]).await.0, 3);
    let (code, error) = world.fails(&["send", "#chat", "hello"]).await;
    assert_eq!((code, &error["reason"]), (8, &json!("CHANNEL_KIND_MISMATCH")));

    let text = world.ok(&["channel", "show", "#chat"]).await;
    assert!(text.contains("kind               voice"), "{text}");
    world.ok(&["channel", "delete", "#chat", "--yes"]).await;
    assert_eq!(names(&world.json(&["channel", "list", "Tea room"]).await), ["general", "rooms"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_several_have_is_not_guessed() {
    let world = World::with_ada().await;
    world.ok(&["guild", "create", "Other"]).await;
    let (code, error) = world.fails(&["send", "#general", "hello"]).await;
    assert_eq!(code, 2);
    assert!(error["message"].as_str().unwrap().contains("Other/general"), "{error}");
    assert_eq!(world.ok(&["send", "Other/general", "hello"]).await, "1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_and_invites() {
    let world = World::with_ada().await;
    let invite = &world.json(&["invite", "create", "Tea room", "--max-uses", "1", "--expires-in", "3600"]).await[0];
    let code = invite["code"].as_str().unwrap();
    assert!(invite["expire_time"].is_string());
    assert_eq!(world.json(&["invite", "list", "Tea room"]).await.len(), 1);

    world.register("bob").await;
    assert_eq!(world.json(&["invite", "accept", code]).await[0]["name"], "Tea room");
    world.register("eve").await;
    let (exit, error) = world.fails(&["invite", "accept", code]).await;
    assert_eq!((exit, &error["reason"]), (3, &json!("INVITE_NOT_FOUND")));

    world.ok(&["context", "use", "bob"]).await;
    let (exit, error) = world.fails(&["guild", "update", "Tea room", "--name", "Mine"]).await;
    assert_eq!((exit, &error["reason"]), (5, &json!("MISSING_PERMISSION")));
    let text = world.run(&["guild", "update", "Tea room", "--name", "Mine"]).await;
    assert!(text.stderr.contains("you lack MANAGE_GUILD"), "{text:?}");

    world.ok(&["context", "use", "ada"]).await;
    let members = world.json(&["member", "list", "Tea room"]).await;
    let users: Vec<_> = members.iter().map(|it| it["user"]["username"].as_str().unwrap()).collect();
    assert_eq!(users, ["ada", "bob"]);
    world.ok(&["member", "remove", "Tea room", "@bob"]).await;
    assert_eq!(world.json(&["member", "list", "Tea room"]).await.len(), 1);
    assert_eq!(world.fails(&["member", "remove", "Tea room", "bob"]).await.0, 3);

    let second = &world.json(&["invite", "create", "Tea room"]).await[0];
    let second = second["code"].as_str().unwrap();
    world.ok(&["invite", "revoke", second]).await;
    assert_eq!(world.fails(&["invite", "revoke", second]).await.0, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn bots() {
    let world = World::with_ada().await;
    let made = &world.json(&["bot", "create", "echo", "--display-name", "Echo"]).await[0];
    assert_eq!((&made["bot"]["bot"], &made["bot"]["display_name"]), (&json!(true), &json!("Echo")));
    let token = made["token"].as_str().unwrap();
    let mut command = world.command(&["--json", "status"]);
    command.env("GUILDHALL_TOKEN", token);
    assert!(finish(command).await.stdout.contains(r#""username":"echo""#));

    let id = made["bot"]["id"].as_str().unwrap();
    let rotated = &world.json(&["bot", "rotate", id]).await[0];
    assert_ne!(rotated["token"], made["token"]);
    let (code, error) = world.fails(&["bot", "rotate", "1"]).await;
    assert_eq!((code, &error["reason"]), (3, &json!("BOT_NOT_FOUND")));

    assert_eq!(names_of(&world.json(&["bot", "list"]).await), ["echo"]);
    world.ok(&["bot", "revoke", id]).await;
    let mut command = world.command(&["--json", "status"]);
    command.env("GUILDHALL_TOKEN", rotated["token"].as_str().unwrap());
    assert_eq!(finish(command).await.code, 4);
    assert_eq!(world.fails(&["bot", "delete", id]).await.0, 2);
    world.ok(&["bot", "delete", id, "--delete-messages", "--yes"]).await;
    assert!(world.json(&["bot", "list"]).await.is_empty());
    assert_eq!(world.fails(&["bot", "delete", id, "--yes"]).await.0, 3);
    assert_eq!(world.fails(&["bot", "revoke", "0"]).await.0, 2);
}

fn names_of(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["username"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks() {
    let world = World::start().await;
    world.register("bob").await;
    let bob = world.json(&["status"]).await[0]["user"]["id"].as_str().unwrap().to_owned();
    world.register("ada").await;
    world.ok(&["block", "add", &bob]).await;
    world.ok(&["block", "add", &bob]).await;
    let listed = world.json(&["block", "list"]).await;
    assert_eq!((listed.len(), &listed[0]["user"]["username"]), (1, &json!("bob")));
    assert!(world.ok(&["block", "list"]).await.contains("bob"));
    world.ok(&["block", "remove", &bob]).await;
    assert!(world.json(&["block", "list"]).await.is_empty());
    let me = world.json(&["status"]).await[0]["user"]["id"].as_str().unwrap().to_owned();
    let (code, error) = world.fails(&["block", "add", &me]).await;
    assert_eq!((code, &error["reason"]), (2, &json!("VALIDATION_FAILED")));
    let (code, error) = world.fails(&["block", "add", "5"]).await;
    assert_eq!((code, &error["reason"]), (3, &json!("USER_NOT_FOUND")));
    assert_eq!(world.fails(&["block", "add", "0"]).await.0, 2);
}
