//! A moderator's evening: a role, an overwrite, why somebody may not, a time-out, a kick, a ban, and what the log says.

use serde_json::{Value, json};

use crate::world::World;

/// The guild of `ada` with `mia`, who is to moderate, and `bob`. The context is that of `ada`.
async fn guild_of_three() -> World {
    let world = World::with_ada().await;
    let invite = &world.json(&["invite", "create", "Tea room", "--expires-in", "1h"]).await[0];
    let code = invite["code"].as_str().unwrap();
    for name in ["mia", "bob"] {
        world.register(name).await;
        world.ok(&["invite", "accept", code]).await;
    }
    world.ok(&["context", "use", "ada"]).await;
    world
}

fn actions(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["action"].as_str().unwrap().trim_start_matches("AUDIT_ACTION_")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moderators_evening() {
    let world = Box::pin(guild_of_three()).await;
    let permissions = "kick-members,BAN_MEMBERS,time-out-members,view-audit-log,manage-messages,manage-nicknames";
    let args = ["role", "create", "Tea room", "mod", "--permissions", permissions, "--rgb", "33aa66"];
    assert_eq!(world.json(&args).await[0]["name"], "mod");
    world.ok(&["role", "give", "Tea room", "mod", "@mia", "--reason", "she is fair"]).await;
    let text = world.ok(&["member", "show", "Tea room", "mia"]).await;
    assert!(text.contains("roles: mod"), "{text}");

    world.ok(&["context", "use", "mia"]).await;
    assert_eq!(world.json(&["role", "list", "Tea room"]).await.len(), 2);
    assert_eq!(world.fails(&["role", "create", "Tea room", "mine"]).await.0, 5);
    world.ok(&["member", "nick", "Tea room", "bob", "Bobby"]).await;
    assert_eq!(world.json(&["member", "show", "Tea room", "bob"]).await[0]["nickname"], "Bobby");

    world.ok(&["timeout", "Tea room", "@bob", "--for", "10m", "--reason", "noise"]).await;
    world.ok(&["context", "use", "bob"]).await;
    assert_eq!(world.fails(&["send", "#general", "let me"]).await.0, 5);
    let text = world.ok(&["explain", "Tea room", "me", "send-messages", "#general"]).await;
    assert!(text.contains("end the time-out"), "{text}");
    world.ok(&["context", "use", "mia"]).await;
    world.ok(&["timeout", "Tea room", "@bob", "--end"]).await;
    world.ok(&["context", "use", "bob"]).await;
    world.ok(&["send", "#general", "spam"]).await;

    world.ok(&["context", "use", "mia"]).await;
    world.ok(&["send", "#general", "stop it"]).await;
    let args = ["ban", "add", "Tea room", "@bob", "--delete-days", "1", "--reason", "spam"];
    let banned = &world.json(&args).await[0];
    assert_eq!((&banned["deleted_messages"], &banned["ban"]["reason"]), (&json!(1), &json!("spam")));
    assert_eq!(world.texts().await, ["stop it"]);
    assert_eq!(world.json(&["ban", "list", "Tea room"]).await[0]["user"]["username"], "bob");
    world.ok(&["ban", "remove", "Tea room", "bob"]).await;
    assert_eq!(world.fails(&["ban", "remove", "Tea room", "bob"]).await.0, 3);

    let entries = world.json(&["audit", "Tea room", "--actor", "mia"]).await;
    let acts = ["MEMBER_UNBAN", "MEMBER_BAN", "MEMBER_TIME_OUT", "MEMBER_TIME_OUT", "MEMBER_NICKNAME"];
    assert_eq!(actions(&entries), acts);
    assert_eq!(world.json(&["audit", "Tea room", "--action", "member-ban"]).await[0]["reason"], "spam");
    let text = world.ok(&["audit", "Tea room", "--limit", "1"]).await;
    assert!(text.contains("member_unban"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn overwrites_and_why() {
    let world = Box::pin(guild_of_three()).await;
    world.ok(&["role", "create", "Tea room", "quiet"]).await;
    world.ok(&["role", "give", "Tea room", "quiet", "bob"]).await;
    world.ok(&["overwrite", "set", "#general", "quiet", "-send-messages,+attach-files"]).await;

    let text = world.ok(&["explain", "Tea room", "@bob", "SEND_MESSAGES", "#general"]).await;
    let decisive = text.lines().find(|line| line.starts_with('>')).unwrap();
    assert!(decisive.contains("overwrite of role quiet") && decisive.contains("takes"), "{text}");
    assert!(text.contains("denied: send-messages to @bob in #general"), "{text}");
    assert!(text.contains("no longer take send-messages from role quiet in #general"), "{text}");
    let explained = &world.json(&["explain", "Tea room", "bob", "send-messages", "#general"]).await[0];
    assert_eq!(
        (&explained["granted"], &explained["steps"][0]["effect"]),
        (&json!(false), &json!("PERMISSION_EFFECT_GIVES"))
    );

    world.ok(&["overwrite", "set", "#general", "@bob", "+send-messages"]).await;
    assert_eq!(world.json(&["overwrite", "list", "#general"]).await.len(), 2);
    let text = world.ok(&["explain", "Tea room", "bob", "send-messages", "#general"]).await;
    assert!(text.contains("granted: send-messages"), "{text}");
    world.ok(&["overwrite", "delete", "#general", "@bob"]).await;
    world.ok(&["overwrite", "set", "#general", "quiet", "=send-messages,=attach-files"]).await;
    let text = world.ok(&["overwrite", "list", "#general"]).await;
    assert!(!text.contains("send-messages"), "{text}");
    // A channel without a category has nothing to be in step with.
    assert_eq!(world.fails(&["overwrite", "sync", "#general"]).await.0, 2);

    let (code, error) = world.fails(&["explain", "Tea room", "bob", "send-mesages"]).await;
    assert_eq!(code, 2);
    assert!(error["message"].as_str().unwrap().contains("did you mean `send-messages`?"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kicks_bots_bulk_deletion_and_a_new_owner() {
    let world = Box::pin(guild_of_three()).await;
    world.ok(&["member", "kick", "Tea room", "bob", "--reason", "rude"]).await;
    assert_eq!(world.json(&["audit", "Tea room", "--action", "member-kick"]).await[0]["reason"], "rude");

    for text in ["one", "two", "three"] {
        world.ok(&["send", "#general", text]).await;
    }
    let deleted = &world.json(&["delete", "#general", "1", "3", "77"]).await[0];
    assert_eq!(deleted["deleted"], 2);
    assert_eq!(world.texts().await, ["two"]);

    let slowed = &world.json(&["channel", "update", "#general", "--slow-mode", "5m"]).await[0];
    assert_eq!(slowed["slow_mode_seconds"], 300);

    let bot = &world.json(&["bot", "create", "echo"]).await[0];
    let bot = bot["bot"]["id"].as_str().unwrap();
    let added = &world.json(&["bot", "add", "Tea room", bot, "--permissions", "send-messages"]).await[0];
    assert_eq!(added["user"]["username"], "echo");
    world.ok(&["role", "create", "Tea room", "low"]).await;
    let roles = world.json(&["role", "list", "Tea room"]).await;
    let ids: Vec<_> = roles[1..].iter().rev().map(|role| role["id"].as_str().unwrap()).collect();
    let ordered = world.json(&["role", "order", "Tea room", ids[0], ids[1]]).await;
    assert_eq!((&ordered[1]["id"], &ordered[2]["id"]), (&json!(ids[0]), &json!(ids[1])));
    world.ok(&["role", "update", "Tea room", "low", "--permissions", "+speak,-connect", "--name", "lower"]).await;
    world.ok(&["role", "delete", "Tea room", "lower"]).await;

    assert_eq!(world.fails(&["guild", "transfer", "Tea room", "mia"]).await.0, 2);
    world.ok(&["guild", "transfer", "Tea room", "mia", "--yes"]).await;
    world.ok(&["guild", "leave", "Tea room"]).await;
}
