//! Logins: tokens on devices, their list, their end while sessions live on them, and the tokens of bots.

use std::time::{Duration, Instant};

use guildhall::{CloseReason, ConnectionState, ErrorReason};
use guildhall_proto::v1::{GoodbyeReason, NextAction};
use guildhall_tests::deployment::Kind;
use guildhall_tests::eventually::soon;
use guildhall_tests::wire::Wire;
use guildhall_tests::{Deployment, User};

/// How soon after a token was revoked on one node no other node takes it.
const VOID_AFTER: Duration = Duration::from_secs(1);

/// The refusal of a token that was revoked just now: at once by the node that revoked it, and of several by each for
/// every call that begins a second later.
async fn refused(deployment: &Deployment, user: &User) -> guildhall::Error {
    let revoked = Instant::now();
    loop {
        let begun = revoked.elapsed();
        let Err(error) = user.client.users().me().await else {
            assert_ne!(deployment.kind(), Kind::Embedded, "it is void at once");
            assert!(begun < VOID_AFTER, "a call that began {begun:?} after the token was revoked was let through");
            continue;
        };
        return error;
    }
}

#[tokio::test]
async fn logins_are_listed_and_revoked_one_by_one() {
    let deployment = Deployment::start().await;
    let desk = deployment.user("ann").await;
    let phone = deployment.login(&desk).await;
    let sessions = desk.client.auth().sessions().await.unwrap();
    assert_eq!(sessions.iter().map(|session| session.current).collect::<Vec<_>>(), [false, true], "newest first");
    let of_phone = sessions[0].id;
    assert_eq!(phone.client.users().me().await.unwrap().user.id, desk.id);
    desk.client.auth().revoke_session(of_phone).await.unwrap();
    let error = refused(&deployment, &phone).await;
    assert_eq!(error.reason(), Some(ErrorReason::TokenExpired));
    assert_eq!(error.code(), Some(tonic::Code::Unauthenticated));
    assert_eq!(desk.client.auth().sessions().await.unwrap().len(), 1);
    let error = desk.client.auth().revoke_session(of_phone).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::SessionNotFound));

    let bob = deployment.user("bob").await;
    let foreign = bob.client.auth().sessions().await.unwrap()[0].id;
    let error = desk.client.auth().revoke_session(foreign).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::SessionNotFound));
    bob.client.users().me().await.unwrap();
}

#[tokio::test]
async fn a_session_ends_with_its_token_and_others_live_on() {
    let deployment = Deployment::start().await;
    let desk = deployment.user("ann").await;
    let guild = deployment.guild(&desk, &[]).await;
    let phone = deployment.login(&desk).await;
    let mut kept = deployment.wire(&desk).await.watching(&[guild.channel]).await.unwrap();
    let mut ended = deployment.wire(&phone).await.watching(&[guild.channel]).await.unwrap();
    let mut unidentified = deployment.wire(&phone).await.session().await.unwrap();
    let of_phone = desk.client.auth().sessions().await.unwrap()[0].id;
    desk.client.auth().revoke_session(of_phone).await.unwrap();
    desk.client.messages().send(guild.channel, "not for the phone").await.unwrap();
    for session in [&mut ended, &mut unidentified] {
        let goodbye = session.goodbye().await.unwrap();
        assert_eq!((goodbye.reason(), goodbye.next()), (GoodbyeReason::AuthExpired, NextAction::Stop));
    }
    assert!(ended.event(guild.channel).await.is_err(), "nothing came after the end of the token");
    kept.event(guild.channel).await.unwrap();
    let error = deployment.wire(&phone).await.session().await.unwrap_err();
    let status = error.downcast_ref::<tonic::Status>().unwrap();
    assert_eq!(status.code(), tonic::Code::Unauthenticated);
}

#[tokio::test]
async fn logging_out_ends_the_sessions_of_that_token() {
    let deployment = Deployment::start().await;
    let desk = deployment.user("ann").await;
    let phone = deployment.login(&desk).await;
    let mut session = deployment.wire(&phone).await.watching(&[]).await.unwrap();
    phone.client.auth().logout().await.unwrap();
    let goodbye = session.goodbye().await.unwrap();
    assert_eq!(goodbye.reason(), GoodbyeReason::AuthExpired);
    assert!(phone.client.users().me().await.is_err());
    desk.client.users().me().await.unwrap();
}

#[tokio::test]
async fn the_sdk_stops_for_good_when_its_token_ends() {
    let deployment = Deployment::start().await;
    let desk = deployment.user("ann").await;
    let phone = deployment.login(&desk).await;
    let (gateway, mut events) = phone.client.gateway().connect().await.unwrap();
    gateway.ready().await.unwrap();
    phone.client.auth().logout().await.unwrap();
    soon("the events end", async { while events.next().await.is_some() {} }).await;
    let state = gateway.state().borrow().clone();
    assert!(matches!(&state, ConnectionState::Closed(CloseReason::Goodbye(GoodbyeReason::AuthExpired))), "{state:?}");
    assert!(gateway.ready().await.is_err());
}

#[tokio::test]
async fn a_revoked_token_stays_revoked_after_a_restart() {
    let mut deployment = Deployment::start().await;
    let desk = deployment.user("ann").await;
    let phone = deployment.login(&desk).await;
    phone.client.auth().logout().await.unwrap();
    deployment.kill9();
    deployment.restart().await;
    assert!(phone.client.users().me().await.is_err());
    desk.client.users().me().await.unwrap();
}

#[tokio::test]
async fn bots_have_tokens_that_are_rotated() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[]).await;
    let new = ann.client.auth().create_bot("helper").display_name("Helper").await.unwrap();
    assert!(new.bot.bot);
    let bot = as_bot(&deployment, &new.bot, new.token.expose());
    deployment.join(guild, &ann, &bot).await;
    let sent = bot.client.messages().send(guild.channel, "at your service").await.unwrap();
    let message = ann.client.history().message(guild.channel, sent.message_id).await.unwrap();
    assert!(message.author.bot);
    assert_eq!(message.author.display_name, "Helper");

    let token = ann.client.auth().rotate_bot_token(bot.id).await.unwrap();
    let rotated = as_bot(&deployment, &new.bot, token.expose());
    assert_ne!(rotated.token, bot.token);
    // The old one stays valid for a while, so that no message is lost while the new one is put in place.
    for user in [&bot, &rotated] {
        assert_eq!(user.client.users().me().await.unwrap().user.id, bot.id);
    }
    let error = bob.client.auth().rotate_bot_token(bot.id).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::BotNotFound));
    let error = ann.client.auth().create_bot("helper").await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::UsernameTaken));
    let error = deployment.client(None).auth().login("helper", "whatever it is").await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::CredentialsInvalid));
}

#[tokio::test]
async fn a_user_has_so_many_sessions_and_not_more() {
    let deployment = Deployment::builder().set("max_sessions_per_user", 3).start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let wire = deployment.wire(&ann).await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(wire.watching(&[]).await.unwrap());
    }
    let mut refused = wire.session().await.unwrap();
    let goodbye = refused.goodbye().await.unwrap();
    assert_eq!((goodbye.reason(), goodbye.next()), (GoodbyeReason::TooManySessions, NextAction::Stop));
    deployment.wire(&bob).await.watching(&[]).await.unwrap();
    // One that leaves makes room.
    sessions.pop();
    guildhall_tests::eventually("there is room again", async || {
        let mut session = wire.session().await.ok()?;
        session.identify(Default::default()).await.ok()
    })
    .await;
}

fn as_bot(deployment: &Deployment, bot: &guildhall::User, token: &str) -> User {
    let client = deployment.client(Some(token));
    User { name: bot.username.clone(), id: bot.id, token: token.to_owned(), client }
}

#[tokio::test]
async fn nothing_is_open_without_a_token_but_the_door() {
    let deployment = Deployment::start().await;
    let nobody = deployment.client(None);
    let errors = [
        nobody.users().me().await.err(),
        nobody.guilds().list().await.err(),
        nobody.auth().sessions().await.err(),
        nobody.messages().send(guildhall::ChannelId(1), "x").await.err(),
    ];
    for (number, error) in errors.into_iter().enumerate() {
        let error = error.unwrap();
        assert_eq!(error.reason(), Some(ErrorReason::TokenInvalid), "call {number}");
    }
    let wire = Wire::connect(&deployment.url(0), "not-a-token").await.unwrap();
    assert!(wire.session().await.is_err());
}
