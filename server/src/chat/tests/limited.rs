//! What is limited, by whom it is counted, and what is not counted.

use std::net::IpAddr;

use futures_util::future::join_all;
use guildhall_proto::ids::UserId;

use super::*;
use crate::{
    chat::error::Unauthenticated,
    limits::{self, Limit, Peer},
};

fn peer(last: u8) -> Option<Peer> {
    Some(IpAddr::from([10, 0, 0, last]).into())
}

fn login(username: &str, password: &str) -> v1::LoginRequest {
    v1::LoginRequest { username: username.into(), password: password.into(), ..Default::default() }
}

fn limited_by<T>(result: &Result<T, Error>) -> Option<&'static str> {
    match result {
        Err(Error::RateLimited { limit, .. }) => Some(limit),
        _ => None,
    }
}

#[tokio::test]
async fn a_stranger_who_guesses_keeps_nobody_out_who_calls_from_elsewhere() {
    let bench = Bench::limited().await;
    bench.person("ann").await;
    let guess = || bench.chat.login(peer(1), login("ann", "a wrong password"));
    // Many at a time are no more than one after the other.
    let guesses = join_all((0..20).map(|_| guess())).await;
    let wrong = |result: &Result<_, Error>| matches!(result, Err(Error::Unauthenticated(Unauthenticated::Credentials)));
    assert_eq!(guesses.iter().filter(|result| wrong(result)).count(), 5);
    assert_eq!(guesses.iter().filter(|result| limited_by(result) == Some("login")).count(), 15);
    let right = |from| bench.chat.login(from, login("ann", "correct horse"));
    assert_eq!(limited_by(&right(peer(1)).await), Some("login"));
    for _ in 0..10 {
        right(peer(2)).await.expect("the right one from elsewhere");
    }
    // Whoever tries one account after the other meets the wider limit.
    let others = join_all((0..120).map(|number| {
        let request = login(&format!("user{number}"), "a wrong password");
        async { bench.chat.login(peer(3), request).await }
    }));
    let others = others.await;
    assert_eq!(others.iter().filter(|result| limited_by(result) == Some("address.login")).count(), 20);
}

#[tokio::test]
async fn accounts_are_counted_by_where_they_are_made() {
    let bench = Bench::limited().await;
    let register = |from, name: String| {
        let request = v1::RegisterRequest { invite_code: "nonsense".into(), ..registration(&name) };
        bench.chat.register(from, request)
    };
    for number in 0..20 {
        assert_error!(register(peer(1), format!("user{number}")).await, Error::NotFound(_));
    }
    assert_eq!(limited_by(&register(peer(1), "more".into()).await), Some("address.register"));
    assert_error!(register(peer(2), "more".into()).await, Error::NotFound(_));
}

/// Does something until it is refused: it is done as often as the limit says, or more if the machine is so slow that some
/// come back.
async fn until_limited<T>(limit: Limit, mut act: impl AsyncFnMut(u32) -> Result<T, Error>) {
    for number in 0..4 * limit.burst {
        if let Some(name) = limited_by(&act(number).await) {
            assert_eq!(name, limit.name);
            assert!(number >= limit.burst, "{name} after {number}");
            return;
        }
    }
    panic!("{} was never reached", limit.name);
}

#[tokio::test]
async fn each_thing_has_its_limit() {
    let bench = Bench::limited().await;
    let ann = bench.person("ann").await;
    let (guild, channel) = bench.guild(&ann).await;
    let chat = &bench.chat;
    until_limited(Limit { burst: limits::GUILD.burst - 1, ..limits::GUILD }, async |_| {
        chat.create_guild(&ann, v1::CreateGuildRequest { name: "guild".into(), ..Default::default() }).await
    })
    .await;
    until_limited(limits::CHANNEL, async |number| {
        let request = v1::CreateChannelRequest {
            guild_id: guild.id().get(),
            name: format!("room-{number}"),
            kind: v1::ChannelKind::Text.into(),
            ..Default::default()
        };
        chat.create_channel(&ann, request).await
    })
    .await;
    until_limited(limits::BOT, async |number| {
        let request = v1::CreateBotRequest { username: format!("bot{number}"), ..Default::default() };
        chat.create_bot(&ann, request).await
    })
    .await;
    until_limited(limits::INVITE, async |_| bench.join(&ann, "nonsense").await).await;
    until_limited(limits::PROFILE, async |number| {
        let request = v1::UpdateMeRequest { display_name: Some(format!("Ann {number}")), ..Default::default() };
        chat.update_me(&ann, request).await
    })
    .await;
    until_limited(limits::CHANGE, async |_| {
        chat.delete_message(&ann, v1::DeleteMessageRequest { channel_id: channel.get(), message_id: 9 }).await
    })
    .await;
    until_limited(limits::IDENTIFY, async |_| chat.count_session(&ann).await).await;
    // All of that was hers alone.
    let bob = bench.person("bob").await;
    chat.create_guild(&bob, v1::CreateGuildRequest { name: "guild".into(), ..Default::default() }).await.expect("made");
    // A bot has a larger bucket of its own.
    let bot = Caller { user: UserId(7), bot: true, ..bob };
    until_limited(limits::BOT_IDENTIFY, async |_| chat.count_session(&bot).await).await;
}

#[tokio::test]
async fn what_breaks_a_rule_is_not_counted() {
    let bench = Bench::limited().await;
    let ann = bench.person("ann").await;
    for _ in 0..50 {
        assert_error!(bench.chat.create_guild(&ann, v1::CreateGuildRequest::default()).await, Error::Invalid(_));
    }
    bench.guild(&ann).await;
}
