//! Rate limits: who does too much is told so, in the same words by call and by frame, and nobody else notices.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use guildhall::{ChannelKind, Client, ErrorReason, Sent};
use guildhall_proto::Failure;
use guildhall_proto::v1::{self, NextAction, client_frame::Command, command_result::Outcome, ephemeral::Payload};
use guildhall_tests::deployment::{Kind, PASSWORD};
use guildhall_tests::wire::{Frame, Wire, message_id, nonce, send_command};
use guildhall_tests::{Deployment, Guild, User, eventually, recorder};
use tonic::Code;

/// Far more than a person may send at once.
const FLOOD: usize = 60;
const BURST: usize = 10;

async fn limited() -> Deployment {
    Deployment::builder().set("rate_limits", "on").start().await
}

/// Where all of a test's calls go: nodes without Redis count each for itself.
async fn first_node(deployment: &Deployment, user: &User) -> Wire {
    Wire::connect(&deployment.url(0), &user.token).await.unwrap()
}

fn client_at(deployment: &Deployment, node: usize, token: Option<&str>) -> Client {
    let builder = Client::builder(deployment.url(node));
    let builder = if let Some(token) = token { builder.token(token) } else { builder };
    builder.build().unwrap()
}

fn sends(guild: Guild, count: usize) -> Vec<Command> {
    (0..count).map(|_| send_command(guild.channel, "too much", &nonce())).collect()
}

fn assert_limited(failure: &Failure, limit: &str, at_most: Duration) {
    assert_eq!((failure.code, failure.reason), (Code::ResourceExhausted, ErrorReason::RateLimited), "{failure:?}");
    assert_eq!(failure.quota.as_deref(), Some(limit));
    let wait = failure.retry_after.expect("a time");
    assert!(!wait.is_zero() && wait <= at_most, "{wait:?}");
}

#[tokio::test]
async fn call_and_frame_are_refused_alike_and_what_is_refused_is_not_stored() {
    let deployment = limited().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let wire = first_node(&deployment, &ann).await;
    let mut session = wire.watching(&[]).await.unwrap();
    let by_frame = session.pipeline(sends(guild, FLOOD)).await.unwrap();
    let calls = (0..FLOOD).map(|_| {
        let mut messages = wire.messages();
        let channel_id = guild.channel.get();
        async move {
            let content = "too much".to_owned();
            messages.send_message(v1::SendMessageRequest { channel_id, content, nonce: nonce(), reply_to: 0 }).await
        }
    });
    let by_call = join_all(calls).await;
    let stored = by_frame.iter().filter(|outcome| outcome.is_ok()).count();
    let called = by_call.iter().filter(|outcome| outcome.is_ok()).count();
    assert!((BURST..FLOOD).contains(&stored) && called < FLOOD, "{stored} and {called}");
    let of_frames = by_frame.iter().filter_map(|outcome| outcome.as_ref().err()).cloned();
    let of_calls = by_call.iter().filter_map(|outcome| outcome.as_ref().err()).map(Failure::from_status);
    of_frames.chain(of_calls).for_each(|failure| assert_limited(&failure, "messages.send", Duration::from_secs(1)));
    assert_eq!(recorder::log(&ann.client, guild.channel).await.len(), stored + called);
    // The session lives on.
    session.heartbeat(Vec::new()).await.unwrap();
}

#[tokio::test]
async fn what_is_stored_is_answered_whatever_the_limit_says() {
    let deployment = limited().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let mut session = first_node(&deployment, &ann).await.watching(&[]).await.unwrap();
    let (known, late) = (nonce(), nonce());
    let first = session.call(send_command(guild.channel, "hello", &known)).await.unwrap();
    let mut commands = sends(guild, FLOOD);
    for _ in 0..10 {
        commands.push(send_command(guild.channel, "hello", &known));
        commands.push(send_command(guild.channel, "late", &late));
    }
    let outcomes = session.pipeline(commands).await.unwrap();
    for pair in outcomes[FLOOD..].chunks(2) {
        let Ok(Outcome::SendMessage(again)) = &pair[0] else { panic!("{:?}", pair[0]) };
        assert!(again.duplicate);
        assert_eq!(again.message_id, message_id(&first));
    }
    let refused = outcomes[FLOOD..].iter().filter(|outcome| outcome.is_err()).count();
    assert!(refused > 0, "the limit was reached all the while");
    // Whoever waits as told gets through, and is no duplicate of what was refused.
    let conflict = session.call(send_command(guild.channel, "other", &known)).await.unwrap();
    let late = eventually("the late one is stored", async || {
        let outcome = session.call(send_command(guild.channel, "late", &late)).await.unwrap();
        if let Err(failure) = &outcome {
            assert_limited(failure, "messages.send", Duration::from_secs(1));
            tokio::time::sleep(failure.retry_after.unwrap()).await;
        }
        outcome.ok()
    })
    .await;
    assert_eq!(conflict.unwrap_err().reason, ErrorReason::NonceConflict);
    assert!(matches!(late, Outcome::SendMessage(_)));
    let log = recorder::log(&ann.client, guild.channel).await;
    assert_eq!(log.iter().filter(|logged| logged.content == "late").count(), 1);
    assert_eq!(log.iter().filter(|logged| logged.content == "hello").count(), 1);
}

#[tokio::test]
async fn one_who_floods_holds_up_nobody_else() {
    let deployment = limited().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let flood = async {
        let mut session = first_node(&deployment, &ann).await.watching(&[]).await.unwrap();
        session.pipeline(sends(guild, 10 * FLOOD)).await.unwrap()
    };
    let talk = async {
        let client = client_at(&deployment, 0, Some(&bob.token));
        join_all((0..BURST).map(|_| client.messages().send(guild.channel, "hello").into_future())).await
    };
    let (flooded, talked) = tokio::join!(flood, talk);
    assert!(flooded.iter().any(Result::is_err));
    assert!(talked.iter().all(Result::is_ok), "{talked:?}");
}

#[tokio::test]
async fn a_bot_may_send_more_than_a_person() {
    let deployment = limited().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let bot = ann.client.auth().create_bot("robot").await.unwrap();
    let bot = client_at(&deployment, 0, Some(bot.token.expose()));
    let invite = ann.client.guilds().create_invite(guild.id).await.unwrap();
    bot.guilds().accept_invite(&invite.code).await.unwrap();
    let sent = join_all((0..FLOOD).map(|_| bot.messages().send(guild.channel, "beep").into_future())).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
}

#[tokio::test]
async fn guessing_a_password_is_slow_for_that_account_alone() {
    let deployment = limited().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let nobody = client_at(&deployment, 0, None);
    let login = async |name: &str, password: &str| nobody.auth().login(name, password).await;
    for _ in 0..8 {
        login("ann", PASSWORD).await.expect("the right password is not counted");
    }
    for _ in 0..5 {
        let error = login("ann", "a wrong password").await.unwrap_err();
        assert_eq!(error.reason(), Some(ErrorReason::CredentialsInvalid));
    }
    for password in ["a wrong password", PASSWORD] {
        let error = login("ann", password).await.unwrap_err();
        assert_eq!((error.reason(), error.quota()), (Some(ErrorReason::RateLimited), Some("login")));
        assert!(error.retry_after().unwrap() <= Duration::from_secs(180), "{error:?}");
    }
    // Names that nobody has are limited alike: it is not told who has an account.
    for _ in 0..5 {
        let error = login("nobody", "a wrong password").await.unwrap_err();
        assert_eq!(error.reason(), Some(ErrorReason::CredentialsInvalid));
    }
    assert_eq!(login("nobody", "a wrong password").await.unwrap_err().quota(), Some("login"));
    login("bob", PASSWORD).await.expect("another account");
    // And whoever is logged in goes on.
    ann.client.users().me().await.unwrap();
    bob.client.users().me().await.unwrap();
}

#[tokio::test]
async fn too_much_typing_is_dropped_without_a_word() {
    let deployment = limited().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let mut channels = vec![guild.channel];
    for number in 0..4 {
        let made = ann.client.channels().create(guild.id, format!("room-{number}"), ChannelKind::Text).await.unwrap();
        channels.push(made.id);
    }
    let mut watcher = first_node(&deployment, &bob).await.watching(&channels).await.unwrap();
    let (sessions, wire) = (8, first_node(&deployment, &ann).await);
    let mut typists = Vec::new();
    for _ in 0..sessions {
        typists.push(wire.watching(&[]).await.unwrap());
    }
    let start = |channel: &guildhall::ChannelId| Command::StartTyping(v1::StartTyping { channel_id: channel.get() });
    for typist in &mut typists {
        let outcomes = typist.pipeline(channels.iter().map(start).collect()).await.unwrap();
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }
    typists[0].call(send_command(guild.channel, "done", &nonce())).await.unwrap().unwrap();
    let mut seen = 0;
    loop {
        match watcher.frame().await.unwrap() {
            Frame::Ephemeral(v1::Ephemeral { payload: Some(Payload::TypingStarted(_)) }) => seen += 1,
            Frame::Event(event) if event.stream.is_some_and(|stream| stream.id == guild.channel.get()) => break,
            _ => {}
        }
    }
    assert!((BURST..sessions * channels.len()).contains(&seen), "{seen}");
}

#[tokio::test]
async fn who_comes_back_too_often_is_told_when_to() {
    let deployment = limited().await;
    let ann = deployment.user("ann").await;
    let wire = first_node(&deployment, &ann).await;
    for _ in 0..100 {
        let mut session = wire.session().await.unwrap();
        let identify = Command::Identify(v1::Identify::default());
        let Err(failure) = session.call(identify).await.unwrap() else {
            session.tell(Command::Close(v1::Close {})).await.unwrap();
            session.goodbye().await.unwrap();
            continue;
        };
        assert_limited(&failure, "gateway.identify", Duration::from_secs(3));
        let goodbye = session.goodbye().await.unwrap();
        assert_eq!(goodbye.next(), NextAction::Resume);
        assert!(goodbye.retry_after.is_some_and(|wait| wait.seconds > 0 || wait.nanos > 0));
        // Whoever has a session keeps it, and calls go on.
        ann.client.users().me().await.unwrap();
        return;
    }
    panic!("a hundred sessions within a minute were let in");
}

/// Sends far too much on all nodes at once: how many were taken, and how many come back in the time that it took.
async fn flood(deployment: &Deployment, user: &User, guild: Guild) -> (usize, usize) {
    let begun = Instant::now();
    let clients: Vec<_> =
        (0..deployment.kind().nodes()).map(|node| client_at(deployment, node, Some(&user.token))).collect();
    let calls = (0..FLOOD).map(|number| clients[number % clients.len()].messages().send(guild.channel, "too much"));
    let outcomes: Vec<guildhall::Result<Sent>> = join_all(calls.map(IntoFuture::into_future)).await;
    let mut taken = FLOOD;
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        match error.reason() {
            Some(ErrorReason::RateLimited) => taken -= 1,
            // A flood may find the connections of a busy machine's database taken; that is no limit's doing.
            Some(ErrorReason::StorageUnavailable) => {}
            _ => panic!("{error:?}"),
        }
    }
    let came_back = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    (taken, came_back)
}

/// Somebody new floods all nodes, until these count together: on a busy machine Redis may not answer in time, and then
/// they do not, as they should not.
async fn floods_as_one(deployment: &Deployment, prefix: &str) {
    let nodes = deployment.kind().nodes();
    let slack = if nodes > 1 { nodes } else { 0 };
    let mut floods = Vec::new();
    for number in 0..6 {
        let user = deployment.user(&format!("{prefix}{number}")).await;
        let guild = deployment.guild(&user, &[]).await;
        let (taken, came_back) = flood(deployment, &user, guild).await;
        if taken <= BURST + slack + came_back {
            assert!(taken >= BURST, "{taken}");
            return;
        }
        floods.push((taken, came_back));
    }
    panic!("they never counted together: {floods:?}");
}

#[tokio::test]
async fn nodes_with_a_redis_count_together_and_others_each_for_itself() {
    let deployment = limited().await;
    if deployment.kind() != Kind::Postgres {
        return floods_as_one(&deployment, "user").await;
    }
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let (taken, came_back) = flood(&deployment, &ann, guild).await;
    let nodes = deployment.kind().nodes();
    assert!((BURST..=nodes * (BURST + came_back)).contains(&taken), "{taken}");
}

#[tokio::test]
async fn without_redis_nobody_is_refused_because_of_it() {
    if Kind::tested() != Kind::Cluster {
        return;
    }
    let mut deployment = Deployment::builder().set("rate_limits", "on").with_network().start().await;
    floods_as_one(&deployment, "before").await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let (of_ann, of_bob) = (deployment.guild(&ann, &[]).await, deployment.guild(&bob, &[]).await);
    // It hangs, then it is gone.
    for network in deployment.networks() {
        network.redis.as_mut().unwrap().pause();
    }
    let (taken, _) = flood(&deployment, &ann, of_ann).await;
    assert!(taken >= BURST, "{taken}");
    for network in deployment.networks() {
        network.redis.as_mut().unwrap().heal();
    }
    for network in deployment.networks() {
        network.redis.as_mut().unwrap().refuse().await;
    }
    let (taken, _) = flood(&deployment, &bob, of_bob).await;
    assert!(taken >= BURST, "{taken}");
    for network in deployment.networks() {
        network.redis.as_mut().unwrap().accept().await;
    }
    floods_as_one(&deployment, "after").await;
}

/// A guild's own rule: it holds though this server's limits are off, as they are in a deployment of tests.
#[tokio::test]
async fn slow_mode_holds_back_members_and_nobody_who_keeps_order() {
    let deployment = Deployment::builder().start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let wait = Duration::from_secs(600);
    // Where bob sends, so that his first one is counted.
    let here = client_at(&deployment, 0, Some(&ann.token));
    here.channels().update(guild.channel).slow_mode(wait).await.unwrap();
    let mut session = first_node(&deployment, &bob).await.watching(&[]).await.unwrap();
    let known = nonce();
    session.call(send_command(guild.channel, "first", &known)).await.unwrap().unwrap();
    let by_frame = session.call(send_command(guild.channel, "second", &nonce())).await.unwrap().unwrap_err();
    assert_limited(&by_frame, "channel.slow_mode", wait);
    let channel_id = guild.channel.get();
    let request = v1::SendMessageRequest { channel_id, content: "third".to_owned(), nonce: nonce(), reply_to: 0 };
    let by_call = first_node(&deployment, &bob).await.messages().send_message(request).await.unwrap_err();
    assert_limited(&Failure::from_status(&by_call), "channel.slow_mode", wait);
    // What is stored is answered, and whoever keeps order does not wait.
    let again = session.call(send_command(guild.channel, "first", &known)).await.unwrap().unwrap();
    assert!(matches!(again, Outcome::SendMessage(sent) if sent.duplicate));
    let mut order = first_node(&deployment, &ann).await.watching(&[]).await.unwrap();
    for outcome in order.pipeline(sends(guild, 3)).await.unwrap() {
        outcome.unwrap();
    }
    here.channels().update(guild.channel).slow_mode(Duration::ZERO).await.unwrap();
    session.call(send_command(guild.channel, "fourth", &nonce())).await.unwrap().expect("nobody waits any more");
}
