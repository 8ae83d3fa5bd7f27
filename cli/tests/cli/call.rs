//! Any method of the contract in JSON.

use std::collections::HashSet;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn every_method_is_listed_and_unary_ones_can_be_called() {
    let world = World::with_ada().await;
    let listed = world.ok(&["call", "--list"]).await;
    assert!(listed.lines().count() > 30, "{listed}");
    for line in listed.lines().filter(|line| !line.contains("streams")) {
        let outcome = world.run(&["--json", "call", line]).await;
        // An empty request is answered or refused for what it lacks, but never unknown.
        assert!(!outcome.stderr.contains("METHOD_NOT_FOUND"), "{line}: {outcome:?}");
        assert!(matches!(outcome.code, 0 | 2 | 3 | 4), "{line}: {outcome:?}");
        if line == "AuthService/Logout" {
            world.run_with(&["login", "ada", "--password-stdin"], crate::world::PASSWORD).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_answers_are_protobuf_json() {
    let world = World::with_ada().await;
    let channel = world.channel().await;
    let nonce = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    let request = json!({"channel_id": channel, "content": "hi", "nonce": nonce}).to_string();
    let sent = world.ok(&["call", "MessageService/SendMessage", &request]).await;
    let sent: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!((&sent["message_id"], &sent["duplicate"]), (&json!("1"), &json!(false)));

    let request = json!({"channelId": channel, "messageId": 1}).to_string();
    let got = world.run_with(&["call", "guildhall.v1.HistoryService/GetMessage", "-"], request).await;
    let got: Value = serde_json::from_str(&got.stdout).unwrap();
    let keys: HashSet<_> = got["message"].as_object().unwrap().keys().map(String::as_str).collect();
    assert!(keys.contains("channel_id") && keys.contains("create_time"), "{keys:?}");
    assert_eq!(got["message"]["channel_id"], json!(channel));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_those_of_the_server() {
    let world = World::with_ada().await;
    let bad = r#"{"channel_id":"1","content":" ","nonce":"7"}"#;
    let (code, error) = world.fails(&["call", "MessageService/SendMessage", bad]).await;
    assert_eq!((code, &error["reason"]), (2, &json!("VALIDATION_FAILED")));
    let fields: Vec<_> = error["violations"].as_array().unwrap().iter().map(|it| it["field"].clone()).collect();
    assert_eq!(fields, ["content", "nonce"]);
    assert!(error["request_id"].is_string(), "{error}");
    let (code, error) = world.fails(&["call", "GuildService/GetGuild", r#"{"guild_id":"9"}"#]).await;
    assert_eq!((code, &error["reason"]), (3, &json!("GUILD_NOT_FOUND")));
    assert_eq!(world.fails(&["call", "GuildService/Nothing"]).await.0, 2);
    assert_eq!(world.fails(&["call", "GuildService/GetGuild", "{"]).await.0, 2);
    assert_eq!(world.fails(&["call", "GuildService/GetGuild", r#"{"nothing":1}"#]).await.0, 2);
    assert_eq!(world.fails(&["call", "GatewayService/Session"]).await.0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_followed() {
    let world = World::with_ada().await;
    let mut command = world.command(&["call", "GatewayService/Listen", r#"{"identify":{}}"#]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut frame = async || {
        let line = lines.next_line().await.unwrap().expect("a frame");
        serde_json::from_str::<Value>(&line).unwrap()["frame"].clone()
    };
    assert!(frame().await["hello"]["session_id"].is_string());
    assert_eq!(frame().await["ready"]["me"]["username"], "ada");
    child.kill().await.unwrap();
}
