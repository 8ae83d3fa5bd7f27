//! Calls against the real server: every noun once, typed errors, and limits without a round trip.

use futures_util::{StreamExt, TryStreamExt};
use guildhall::{ChannelKind, Client, ErrorReason, GuildId, Kind, LoginSessionId, MessageId, UserId};
use guildhall_server::testing::TestServer;

use crate::people::{PASSWORD, Person};

#[tokio::test]
async fn an_account_and_its_sessions() {
    let server = TestServer::start().await;
    let nobody = Client::builder(server.url()).build().unwrap();
    let registered = nobody.auth().register("ada", PASSWORD).display_name("Ada").device("desk").await.unwrap();
    assert_eq!(registered.user.display_name, "Ada");
    let ada = nobody.with_token(&registered.token).unwrap();
    assert_eq!(ada.users().me().await.unwrap().user, registered.user);

    let phone = nobody.auth().login("ada", PASSWORD).device("phone").await.unwrap();
    let phone = nobody.with_token(phone.token).unwrap();
    let sessions = phone.auth().sessions().await.unwrap();
    assert_eq!(sessions.len(), 2);
    let desk = sessions.iter().find(|session| session.device == "desk").unwrap();
    assert!(!desk.current);
    phone.auth().revoke_session(desk.id).await.unwrap();
    let error = ada.users().me().await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::TokenExpired));
    let error = phone.auth().revoke_session(LoginSessionId(5)).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::SessionNotFound));

    let me = phone.users().update_me().custom_status("here").await.unwrap();
    assert_eq!((me.custom_status.as_str(), me.display_name.as_str()), ("here", "Ada"));
    let known = phone.users().get([me.id, UserId(7)]).await.unwrap();
    assert_eq!(known.len(), 1);

    let bot = phone.auth().create_bot("echo").display_name("Echo").await.unwrap();
    assert!(bot.bot.bot);
    let rotated = phone.auth().rotate_bot_token(bot.bot.id).await.unwrap();
    let as_bot = nobody.with_token(rotated).unwrap();
    assert_eq!(as_bot.users().me().await.unwrap().user.id, bot.bot.id);

    phone.auth().logout().await.unwrap();
    assert!(phone.users().me().await.is_err());
    let error = nobody.auth().login("ada", "wrong password").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Api(ErrorReason::CredentialsInvalid));
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_guild_and_everything_in_it() {
    let server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let bob = Person::register(&server, "bob").await;
    let new = ada.client.guilds().create("Hall").await.unwrap();
    let guild = ada.client.guild(new.guild.id);
    let invite = guild.create_invite().max_uses(1).await.unwrap();
    let joined = bob.client.guilds().accept_invite(&invite.code).await.unwrap();
    assert_eq!(joined.id, new.guild.id);
    let members: Vec<_> = guild.members().page_size(1).stream().try_collect().await.unwrap();
    assert_eq!(members.len(), 2);
    assert_eq!(guild.update().name("Great hall").await.unwrap().name, "Great hall");
    assert_eq!(bob.client.guilds().list().await.unwrap().len(), 1);

    let rules = guild.create_channel("rules", ChannelKind::Text).position(0).topic("read me").await.unwrap();
    let order = guild.channels().await.unwrap().into_iter().map(|channel| channel.id);
    assert_eq!(order.collect::<Vec<_>>(), [rules.id, new.channel_id]);
    let order = guild.reorder_channels([new.channel_id, rules.id]).await.unwrap();
    assert_eq!(order[1].id, rules.id);
    let topic = ada.client.channel(rules.id).update().topic("").await.unwrap().topic;
    assert_eq!(topic, "");
    ada.client.channel(rules.id).delete().await.unwrap();
    let error = ada.client.channel(rules.id).get().await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::ChannelNotFound));

    let error = bob.client.channel(new.channel_id).delete().await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::MissingPermission));
    assert!(error.metadata().contains_key("permission"));
    assert!(error.request_id().is_some());
    assert!(guild.invites().await.unwrap().is_empty(), "it is used up");
    let invite = guild.create_invite().await.unwrap();
    ada.client.guilds().revoke_invite(&invite.code).await.unwrap();
    guild.remove_member(bob.id).await.unwrap();
    let error = bob.client.guild(guild.id()).leave().await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::GuildNotFound));
    guild.delete().await.unwrap();
    assert!(guild.get().await.is_err());
}

#[tokio::test]
async fn messages_and_their_history() {
    let server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let channel = ada.client.channel(ada.hall().await);
    let mut sent = Vec::new();
    for number in 1..=25 {
        sent.push(channel.send(format!("message {number}")).await.unwrap().message_id);
    }
    let again = channel.send("twice").await.unwrap();
    let same = channel.send("twice").nonce_text(&again.nonce).await.unwrap();
    assert_eq!((same.message_id, same.duplicate), (again.message_id, true));
    let answer = channel.message(sent[0]).reply("an answer").await.unwrap();
    assert_eq!(channel.message(answer.message_id).get().await.unwrap().reply_to, Some(sent[0]));
    channel.message(answer.message_id).delete().await.unwrap();
    channel.message(again.message_id).delete().await.unwrap();
    let edited = channel.message(sent[24]).edit("the last").await.unwrap();
    assert_eq!((edited.content.as_str(), edited.edit_time.is_some()), ("the last", true));

    let ids = |messages: Vec<guildhall::Message>| messages.into_iter().map(|it| it.id).collect::<Vec<_>>();
    let backwards: Vec<_> = channel.history().page_size(10).stream().try_collect().await.unwrap();
    assert_eq!(ids(backwards), sent.iter().rev().copied().collect::<Vec<_>>());
    let forwards = channel.history().after(MessageId(0)).page_size(10).stream();
    let forwards: Vec<_> = forwards.try_collect().await.unwrap();
    assert_eq!(ids(forwards), sent);
    let around: Vec<_> = channel.history().around(sent[20]).page_size(4).stream().try_collect().await.unwrap();
    assert_eq!(ids(around).last(), sent.last());
    let before: Vec<_> = channel.history().before(sent[3]).stream().try_collect().await.unwrap();
    assert_eq!(ids(before), [sent[2], sent[1], sent[0]]);
    let first_two: Vec<_> = channel.history().page_size(1).stream().take(2).try_collect().await.unwrap();
    assert_eq!(first_two.len(), 2);

    let page = channel.history().await.unwrap();
    let changes = ada.client.history().changes(guildhall::Cursor::beginning(channel.id())).await.unwrap();
    assert_eq!(changes.head, page.cursor.unwrap().seq);
    assert_eq!(changes.events.len() as u64, changes.head);
}

#[tokio::test]
async fn limits_are_found_without_the_server() {
    // Nobody listens there: whatever went out would end as a transport error.
    let client = Client::builder("http://127.0.0.1:9").retries(0).build().unwrap();
    let error = client.guilds().create("x").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Validation);
    assert_eq!(error.violations()[0].field, "name");
    assert_eq!(error.violations()[0].rule, "string.min_len");
    let error = client.guild(GuildId(0)).get().await.unwrap_err();
    assert_eq!(error.violations()[0].rule, "fixed64.gt");
    let error = client.guild(GuildId(1)).get().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Transport);
}

#[tokio::test]
async fn only_what_changes_nothing_is_repeated() {
    let mut server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let channel = ada.hall().await;
    server.stop().await;
    let error = ada.client.guilds().create("Hall").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Transport);
    assert!(error.outcome_unknown());
    let reading = ada.client.channel(channel).get();
    let sending = ada.client.channel(channel).send("through a restart");
    let (read, sent, ()) = tokio::join!(reading.into_future(), sending.into_future(), server.resume());
    assert_eq!(read.unwrap().id, channel);
    assert!(!sent.unwrap().duplicate);
}
