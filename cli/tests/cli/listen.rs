//! Events out: as lines, over stops, kills and restarts, each once.

use std::collections::BTreeSet;

use serde_json::json;

use crate::world::{World, eventually, finish};

async fn say(world: &World, from: usize, to: usize) {
    let input: String = (from..=to).map(|number| format!("{number}\n")).collect();
    let outcome = world.run_with(&["send", "#general", "--lines"], input).await;
    assert_eq!(outcome.code, 0, "{outcome:?}");
}

fn numbers(from: usize, to: usize) -> Vec<String> {
    (from..=to).map(|number| number.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_a_line_of_json() {
    let world = World::with_ada().await;
    let channel = world.channel().await;
    let mut listener = world.listen(&[]).await;
    world.ok(&["send", "#general", "two\nlines"]).await;
    let event = listener.event().await;
    assert_eq!(event["event"], "message_created");
    assert_eq!(event["stream"], json!({"kind": "STREAM_KIND_CHANNEL", "id": channel}));
    assert_eq!(event["message_created"]["message"]["content"], "two\nlines");
    assert_eq!(event["seq"], "1");
    let token = event["resume_token"].as_str().unwrap();
    assert!(token.starts_with(&format!("channel:{channel}:")) && token.ends_with(":1"), "{token}");

    world.ok(&["edit", "#general", "1", "x"]).await;
    assert_eq!(listener.event().await["event"], "message_updated");
    world.ok(&["delete", "#general", "1"]).await;
    assert_eq!(listener.event().await["message_deleted"]["message_id"], "1");
    world.ok(&["channel", "create", "Tea room", "new"]).await;
    assert_eq!(listener.event().await["channel_created"]["channel"]["name"], "new");
    // A channel that was not there before is heard too.
    world.ok(&["send", "#new", "first"]).await;
    assert_eq!(listener.event().await["message_created"]["message"]["content"], "first");
    assert_eq!(listener.end("TERM").await, (vec![], 0));

    let args = ["--channel", "#general", "--since", token, "--count", "1"];
    let mut since = world.spawn_listener(&args, &[]);
    assert_eq!(since.event().await["event"], "message_updated");
    assert_eq!(since.exit().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_asked_for_is_told() {
    let world = World::with_ada().await;
    world.ok(&["guild", "create", "Other"]).await;
    let args = ["--guild", "Other", "--events", "message_created,channel_created", "--format", "text"];
    let mut listener = world.listen(&args).await;
    world.ok(&["send", "Tea room/general", "not heard"]).await;
    world.ok(&["channel", "create", "Tea room", "not-heard"]).await;
    world.ok(&["send", "Other/general", "heard"]).await;
    assert!(listener.line().await.ends_with("ada: heard"));
    world.ok(&["edit", "Other/general", "1", "not heard"]).await;
    world.ok(&["channel", "create", "Other", "heard"]).await;
    assert!(listener.line().await.contains("channel_created"));
    assert_eq!(listener.end("INT").await, (vec![], 130));
    assert_eq!(world.fails(&["listen", "--events", "nonsense"]).await.0, 2);
    assert_eq!(world.fails(&["listen", "--channel", "#nothing"]).await.0, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_was_stopped_goes_on_where_it_was() {
    let world = World::with_ada().await;
    let args = ["--channel", "#general", "--resume-file", "resume", "--content"];
    let mut listener = world.listen(&args).await;
    say(&world, 1, 20).await;
    assert_eq!(listener.lines(20).await, numbers(1, 20));
    assert_eq!(listener.end("TERM").await, (vec![], 0));
    say(&world, 21, 40).await;
    let mut listener = world.listen(&args).await;
    say(&world, 41, 60).await;
    assert_eq!(listener.lines(40).await, numbers(21, 60));
    assert_eq!(listener.end("TERM").await, (vec![], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_the_first_event_is_not_lost_either() {
    let world = World::with_ada().await;
    let args = ["--channel", "#general", "--resume-file", "resume", "--content"];
    world.listen(&args).await.end("KILL").await;
    say(&world, 1, 3).await;
    let mut listener = world.listen(&args).await;
    assert_eq!(listener.lines(3).await, numbers(1, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_listener_repeats_at_most_the_line_it_was_writing() {
    let world = World::with_ada().await;
    let args = ["--channel", "#general", "--resume-file", "resume", "--content"];
    let mut listener = world.listen(&args).await;
    say(&world, 1, 200).await;
    let mut seen = listener.lines(77).await;
    let (rest, _) = listener.end("KILL").await;
    seen.extend(rest);
    let mut listener = world.listen(&args).await;
    let mut again = listener.lines(200 - seen.len()).await;
    let (rest, _) = listener.end("TERM").await;
    again.extend(rest);
    seen.extend(again);
    let repeated = seen.len() - 200;
    assert!(repeated <= 1, "{repeated} repeated");
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_file_has_each_event_once_whatever_is_killed() {
    let mut world = World::with_ada().await;
    let args = ["--channel", "#general", "--resume-file", "resume", "--output", "out", "--content"];
    let mut from = 1;
    let listener = world.listen(&args).await;
    let mut listener = Some(listener);
    for round in 1..=4 {
        say(&world, from, from + 49).await;
        from += 50;
        let enough = format!("\n{}\n", from - 40);
        eventually("the file grows", async || world.read("out").contains(&enough)).await;
        if round == 2 {
            world.server.kill().await;
            world.server.resume().await;
            continue;
        }
        listener.take().unwrap().end("KILL").await;
        say(&world, from, from + 9).await;
        from += 10;
        listener = Some(world.listen(&args).await);
    }
    let all = numbers(1, from - 1).join("\n") + "\n";
    eventually("the file is whole", async || world.read("out").len() >= all.len()).await;
    listener.unwrap().end("TERM").await;
    assert_eq!(world.read("out"), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_starts_before_the_server_and_survives_it() {
    let mut world = World::with_ada().await;
    world.server.stop().await;
    let mut listener = world.spawn_listener(&["--channel", "#general", "--content"], &[]);
    listener.says("waiting for").await;
    world.server.resume().await;
    listener.connected().await;
    say(&world, 1, 2).await;
    assert_eq!(listener.lines(2).await, numbers(1, 2));
    world.server.kill().await;
    listener.says("not connected").await;
    world.server.resume().await;
    say(&world, 3, 4).await;
    assert_eq!(listener.lines(2).await, numbers(3, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_ends_the_listener() {
    let world = World::with_ada().await;
    let listener = world.listen(&[]).await;
    world.ok(&["logout"]).await;
    assert_eq!(listener.exit().await, 4);
    let mut command = world.command(&["--json", "listen"]);
    command.env("GUILDHALL_TOKEN", "ghu_wrong");
    let outcome = finish(command).await;
    assert_eq!(outcome.code, 4, "{outcome:?}");
    assert!(outcome.stderr.contains("TOKEN_INVALID"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_listeners_do_not_share_a_resume_file() {
    let world = World::with_ada().await;
    let _listener = world.listen(&["--resume-file", "resume"]).await;
    let (code, error) = world.fails(&["listen", "--resume-file", "resume"]).await;
    assert_eq!(code, 1);
    assert!(error["message"].as_str().unwrap().contains("in use"), "{error}");
    std::fs::write(world.path("spoiled"), "guildhall resume file 1\nchannel:1:2").unwrap();
    assert_eq!(world.fails(&["listen", "--resume-file", "spoiled"]).await.0, 1);
}
