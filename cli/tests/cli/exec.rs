//! A program for each event: bots that are a line of shell.

use serde_json::Value;

use crate::world::{World, eventually};

const ECHO: &str = r#""$BINARY" send --reply "echo: $GUILDHALL_CONTENT""#;

/// A bot in the guild, and its token.
async fn bot(world: &World) -> String {
    let made = &world.json(&["bot", "create", "echo"]).await[0];
    let token = made["token"].as_str().unwrap().to_owned();
    let invite = &world.json(&["invite", "create", "Tea room"]).await[0];
    let mut command = world.command(&["invite", "accept", invite["code"].as_str().unwrap()]);
    command.env("GUILDHALL_TOKEN", &token);
    assert_eq!(crate::world::finish(command).await.code, 0);
    token
}

fn answers(texts: &[String]) -> Vec<&str> {
    texts.iter().filter_map(|text| text.strip_prefix("echo: ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_answers_each_message_once_over_restarts() {
    let mut world = World::with_ada().await;
    let token = bot(&world).await;
    let variables = [("GUILDHALL_TOKEN", token.as_str())];
    let args = ["--channel", "#general", "--resume-file", "resume", "--exec", ECHO, "--quiet"];
    world.server.stop().await;
    let listener = world.spawn_listener(&args, &variables);
    world.server.resume().await;
    eventually("it hears", async || world.read("resume").contains("channel:")).await;
    world.ok(&["send", "#general", "one"]).await;
    eventually("an answer", async || answers(&world.texts().await) == ["one"]).await;
    world.server.kill().await;
    world.server.resume().await;
    world.ok(&["send", "#general", "two"]).await;
    eventually("an answer", async || answers(&world.texts().await) == ["one", "two"]).await;
    listener.end("KILL").await;
    world.ok(&["send", "#general", "three"]).await;
    let listener = world.spawn_listener(&args, &variables);
    eventually("an answer", async || answers(&world.texts().await).len() >= 3).await;
    listener.end("TERM").await;
    assert_eq!(answers(&world.texts().await), ["one", "two", "three"]);
    let replies = world.json(&["history", "#general", "--all"]).await;
    let reply = replies.iter().find(|message| message["content"] == "echo: one").unwrap();
    assert_eq!((&reply["reply_to"], &reply["author"]["username"]), (&"1".into(), &"echo".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_done_again_until_the_program_succeeds() {
    let world = World::with_ada().await;
    let script = r#"
        cat > stdin; echo try >> tries
        "$BINARY" send --reply "echo: $(wc -l < tries)" || exit 3
        test "$(wc -l < tries)" -ge 2"#;
    // Its own answer is the second event, and not waited for.
    let args = ["--own", "--count", "1", "--resume-file", "resume", "--exec", script];
    let listener = world.listen(&args).await;
    world.ok(&["send", "#general", "hello"]).await;
    assert_eq!(listener.exit().await, 0);
    assert_eq!(world.read("tries"), "try\ntry\n");
    // The second answer had another text: the first one stands.
    assert_eq!(world.texts().await, ["hello", "echo: 1"]);
    let event: Value = serde_json::from_str(&world.read("stdin")).unwrap();
    assert_eq!(event["message_created"]["message"]["content"], "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_never_succeeds_is_passed_over_and_told() {
    let world = World::with_ada().await;
    let script = r#"test "$GUILDHALL_CONTENT" = good && echo "$GUILDHALL_CONTENT" "$GUILDHALL_AUTHOR""#;
    let args = ["--own", "--retries", "0", "--count", "2", "--exec", script];
    let mut listener = world.listen(&args).await;
    world.ok(&["send", "#general", "bad"]).await;
    world.ok(&["send", "#general", "good"]).await;
    let told = listener.says("passed over").await;
    assert!(told.contains("the command exited with 1"), "{told}");
    assert_eq!(listener.line().await, "good ada");
    assert_eq!(listener.exit().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_program_was_killed_is_done_again() {
    let world = World::with_ada().await;
    // The first run tells that it has begun and never ends.
    let script = r#"if mkdir begun; then exec tail -f /dev/null; fi; echo "$GUILDHALL_MESSAGE_ID" >> done"#;
    let args = ["--own", "--channel", "#general", "--resume-file", "resume", "--exec", script];
    let listener = world.listen(&args).await;
    world.ok(&["send", "#general", "one"]).await;
    world.ok(&["send", "#general", "two"]).await;
    eventually("the program has begun", async || world.path("begun").exists()).await;
    listener.end_now().await;
    assert_eq!(world.read("done"), "");
    let listener = world.listen(&args).await;
    eventually("both are done", async || world.read("done") == "1\n2\n").await;
    listener.end("TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_run_beside_each_other_but_not_those_of_one_channel() {
    let world = World::with_ada().await;
    world.ok(&["channel", "create", "Tea room", "other"]).await;
    // The first of `general` waits until the one of `other` is done.
    let script = r#"
        if test "$GUILDHALL_CONTENT" = first; then until test -e passed; do sleep 0.02; done; fi
        echo "$GUILDHALL_CONTENT" >> order
        if test "$GUILDHALL_CONTENT" = beside; then touch passed; fi"#;
    let args = ["--own", "--events", "message_created", "--jobs", "4", "--count", "3", "--exec", script];
    let listener = world.listen(&args).await;
    world.ok(&["send", "#general", "first"]).await;
    world.ok(&["send", "#general", "second"]).await;
    world.ok(&["send", "#other", "beside"]).await;
    assert_eq!(listener.exit().await, 0);
    assert_eq!(world.read("order"), "beside\nfirst\nsecond\n");
}
