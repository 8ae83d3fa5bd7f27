//! Messages in: one, many, and many while the server is killed.

use std::process::Stdio;

use guildhall_server::config::RateLimits;
use guildhall_server::testing::TestServer;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::world::{World, eventually, lines_of_json};

const NONCE: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

#[tokio::test(flavor = "multi_thread")]
async fn one_message_by_argument_and_by_stdin() {
    let world = World::with_ada().await;
    assert_eq!(world.ok(&["send", "#general", "hello"]).await, "1\n");
    let sent = world.run_with(&["send", "Tea room/general"], "two\nlines \u{1b} ✋\n").await;
    assert_eq!(sent.stdout, "2\n", "{sent:?}");
    let sent = &world.json(&["send", "#general", "answer", "--reply-to", "1"]).await[0];
    assert_eq!((&sent["message_id"], &sent["duplicate"]), (&json!("3"), &json!(false)));

    let messages = world.json(&["history", "#general"]).await;
    assert_eq!(messages[1]["content"], "two\nlines \u{1b} ✋");
    assert_eq!(messages[2]["reply_to"], "1");
    // For people, nothing that a terminal would obey.
    let text = world.ok(&["history", "#general"]).await;
    assert!(text.contains("ada: two\n    lines \\u{1b} ✋"), "{text}");

    world.ok(&["edit", "#general", "1", "HELLO"]).await;
    world.ok(&["delete", "#general", "2"]).await;
    assert_eq!(world.texts().await, ["HELLO", "answer"]);
    assert_eq!(world.fails(&["delete", "#general", "2"]).await.0, 3);
    assert_eq!(world.fails(&["edit", "#general", "2", "x"]).await.0, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_stores_once() {
    let world = World::with_ada().await;
    let first = &world.json(&["send", "#general", "hello", "--nonce", NONCE]).await[0];
    let second = &world.json(&["send", "#general", "hello", "--nonce", NONCE]).await[0];
    assert_eq!((&second["message_id"], &second["duplicate"]), (&first["message_id"], &json!(true)));
    let (code, error) = world.fails(&["send", "#general", "other", "--nonce", NONCE]).await;
    assert_eq!((code, &error["reason"]), (8, &json!("NONCE_CONFLICT")));
    assert_eq!(world.fails(&["send", "#general", "x", "--nonce", "7"]).await.0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_message_can_be_is_refused_with_its_field() {
    let world = World::with_ada().await;
    for text in [" \t", &"x".repeat(2_001)] {
        let (code, error) = world.fails(&["send", "#general", text]).await;
        assert_eq!((code, &error["code"]), (2, &json!("INVALID_ARGUMENT")));
        assert_eq!(error["violations"][0]["field"], "content");
        assert_eq!(error["reason"], "VALIDATION_FAILED");
    }
    assert_eq!(world.fails(&["send", "1", "x"]).await.0, 3);
    assert_eq!(world.fails(&["send"]).await.0, 2);
    assert_eq!(world.fails(&["send", "--reply", "x"]).await.0, 2);
    assert!(world.texts().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_come_back_byte_for_byte() {
    let world = World::with_ada().await;
    let input = "one\n\n  two\t\n \t\r\nthree\r\n你好 ✋ é\nlast";
    let outcome = world.run_with(&["send", "#general", "--lines"], input).await;
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""), "{outcome:?}");
    assert!(outcome.stderr.contains("sent 5, skipped 2 blank, refused 0"), "{outcome:?}");
    let content = world.ok(&["history", "#general", "--all", "--content"]).await;
    assert_eq!(content, "one\n  two\t\nthree\r\n你好 ✋ é\nlast\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_lines_are_told_by_number() {
    let world = World::with_ada().await;
    let mut input = format!("good\n{}\n", "x".repeat(2_001)).into_bytes();
    input.extend_from_slice(b"nul \0\n\xff\xfe\nalso good\n");
    let outcome = world.run_with(&["send", "#general", "--lines"], &input).await;
    assert_eq!(outcome.code, 2, "{outcome:?}");
    for number in 2..=4 {
        assert!(outcome.stderr.contains(&format!("line {number} refused: ")), "{outcome:?}");
    }
    assert!(outcome.stderr.contains("3 of 5 lines were refused, first line 2"), "{outcome:?}");
    assert_eq!(world.texts().await, ["good", "also good"]);

    let outcome = world.run_with(&["--json", "send", "#general", "--lines"], &input).await;
    let acknowledged = lines_of_json(&outcome.stdout);
    let lines: Vec<_> = acknowledged.iter().map(|it| it["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [1, 5]);
    assert!(acknowledged.iter().all(|it| it["message_id"].is_string() && it["nonce"].is_string()));
    let errors = lines_of_json(&outcome.stderr);
    assert_eq!((&errors[0]["line"], &errors[0]["error"]["reason"]), (&json!(2), &json!("VALIDATION_FAILED")));
    let summary = errors.iter().find(|it| it["summary"].is_object()).unwrap();
    assert_eq!(summary["summary"], json!({"sent": 2, "duplicates": 0, "blank": 0, "refused": 3}));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_may_send_lines_to_nowhere() {
    let world = World::with_ada().await;
    let outcome = world.run_with(&["send", "1", "--lines"], "a\nb\n").await;
    assert_eq!(outcome.code, 3, "{outcome:?}");
    let mut command = world.command(&["send", "1", "--lines"]);
    command.env("GUILDHALL_TOKEN", "ghu_wrong");
    assert_eq!(crate::world::finish(command).await.code, 0, "there was nothing to send");
    let mut command = world.command(&["send", "1", "--lines"]);
    let mut child = command.env("GUILDHALL_TOKEN", "ghu_wrong").stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a\n").await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_no_line_and_repeats_none() {
    const LINES: usize = 600;
    let mut world = World::with_ada().await;
    let text: Vec<_> = (1..=LINES).map(|number| format!("line {number}")).collect();
    let mut child = world.command(&["send", "#general", "--lines"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let sending = child.wait_with_output();
    let feeding = async {
        for (round, part) in text.chunks(LINES / 3).enumerate() {
            stdin.write_all(format!("{}\n", part.join("\n")).as_bytes()).await.unwrap();
            let some = round * LINES / 3 + 20;
            eventually("some lines are stored", async || world.texts().await.len() >= some).await;
            world.server.kill().await;
            world.server.resume().await;
        }
        drop(stdin);
    };
    let (output, ()) = tokio::join!(sending, feeding);
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(world.texts().await, text);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_with_a_nonce_can_be_sent_again() {
    let world = World::with_ada().await;
    let args = ["--json", "send", "#general", "--lines", "--nonce", NONCE];
    let first = world.run_with(&args, "a\nb\n").await;
    let second = world.run_with(&args, "a\nb\nc\n").await;
    assert_eq!((first.code, second.code), (0, 0), "{second:?}");
    let duplicates: Vec<_> = lines_of_json(&second.stdout).iter().map(|it| it["duplicate"].clone()).collect();
    assert_eq!(duplicates, [Value::Bool(true), Value::Bool(true), Value::Bool(false)]);
    assert_eq!(world.texts().await, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_has_its_ways() {
    let world = World::with_ada().await;
    let input: String = (1..=130).map(|number| format!("{number}\n")).collect();
    world.run_with(&["send", "#general", "--lines"], input).await;
    let content = |args: &'static [&'static str]| {
        let world = &world;
        async move {
            let mut all = vec!["history", "#general", "--content"];
            all.extend(args);
            let text = world.ok(&all).await;
            let numbers: Vec<u64> = text.lines().map(|line| line.parse().unwrap()).collect();
            (numbers.first().copied(), numbers.last().copied(), numbers.len())
        }
    };
    assert_eq!(content(&[]).await, (Some(81), Some(130), 50));
    assert_eq!(content(&["--all"]).await, (Some(1), Some(130), 130));
    assert_eq!(content(&["--limit", "120"]).await, (Some(11), Some(130), 120));
    assert_eq!(content(&["--before", "11", "--limit", "5"]).await, (Some(6), Some(10), 5));
    assert_eq!(content(&["--after", "11", "--limit", "5"]).await, (Some(12), Some(16), 5));
    assert_eq!(content(&["--after", "11", "--limit", "110"]).await, (Some(12), Some(121), 110));
    assert_eq!(content(&["--all", "--after", "100"]).await, (Some(101), Some(130), 30));
    assert_eq!(content(&["--around", "50", "--limit", "5"]).await.2, 5);
    assert_eq!(world.fails(&["history", "#general", "--before", "1", "--after", "2"]).await.0, 2);
    assert_eq!(world.fails(&["history", "1"]).await.0, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_wait_for_rate_limits_and_a_refused_command_says_for_how_long() {
    let limited = TestServer::builder().settings(|settings| settings.rate_limits = RateLimits::On);
    let world = World::with(limited.start().await);
    world.register("ada").await;
    world.ok(&["guild", "create", "Tea room"]).await;
    let texts: Vec<String> = (0..13).map(|number| format!("line {number}")).collect();
    let sent = world.run_with(&["send", "#general", "--lines"], &texts.join("\n")).await;
    assert_eq!(sent.code, 0, "{sent:?}");
    assert_eq!(world.texts().await, texts);

    let login = ["login", "ada", "--password-stdin"];
    for _ in 0..5 {
        assert_eq!(world.run_with(&login, "a wrong password").await.code, 4);
    }
    let refused = world.run_with(&login, crate::world::PASSWORD).await;
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(refused.stderr.contains("[RATE_LIMITED] (hint: try again in 1"), "{refused:?}");
}
