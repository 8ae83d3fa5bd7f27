//! Accounts: other names, other passwords, other logins ended, and the end of an account with all that goes with it.

use std::time::{Duration, Instant};

use guildhall::{ErrorReason, LeaveReason};
use guildhall_proto::v1::{GoodbyeReason, NextAction, event::Payload};
use guildhall_tests::deployment::{Kind, PASSWORD};
use guildhall_tests::{Deployment, Guild, User};

/// How soon after a token ended on one node no other node takes it.
const VOID_AFTER: Duration = Duration::from_secs(1);
const NEW_PASSWORD: &str = "another horse battery";

/// A login of somebody, at the next node in turn.
async fn try_login(deployment: &Deployment, name: &str, password: &str) -> Result<User, ErrorReason> {
    match deployment.client(None).auth().login(name, password).await {
        Ok(login) => {
            let token = login.token.expose().to_owned();
            let client = deployment.client(Some(&token));
            Ok(User { name: name.to_owned(), id: login.user.id, token, client })
        }
        Err(error) => Err(error.reason().unwrap_or_default()),
    }
}

/// Every node refuses a token that ended just now, and says that it has ended; a call that begins a second later is let
/// through by none.
async fn ended_everywhere(deployment: &Deployment, token: &str) {
    let ended = Instant::now();
    for _ in 0..deployment.kind().nodes() {
        let client = deployment.client(Some(token));
        loop {
            let begun = ended.elapsed();
            let Err(error) = client.users().me().await else {
                assert_ne!(deployment.kind(), Kind::Embedded, "it is void at once");
                assert!(begun < VOID_AFTER, "a call that began {begun:?} after the token ended was let through");
                continue;
            };
            assert_eq!(error.reason(), Some(ErrorReason::TokenExpired));
            break;
        }
    }
}

#[tokio::test]
async fn a_new_password_ends_all_other_logins() {
    let deployment = Deployment::start().await;
    let desk = deployment.user("ann").await;
    let phone = deployment.login(&desk).await;
    let mut kept = deployment.wire(&desk).await.watching(&[]).await.unwrap();
    let mut ended = deployment.wire(&phone).await.watching(&[]).await.unwrap();

    let auth = desk.client.auth();
    let refused = auth.change_password("not the password", NEW_PASSWORD).await.unwrap_err();
    assert_eq!(refused.reason(), Some(ErrorReason::PasswordWrong));
    assert_eq!(refused.code(), Some(tonic::Code::PermissionDenied));
    let same = auth.change_password(PASSWORD, PASSWORD).await.unwrap_err();
    assert_eq!(same.violations()[0].field, "new_password");
    let weak = auth.change_password(PASSWORD, "2 short").await.unwrap_err();
    assert_eq!((weak.violations()[0].field.as_str(), &*weak.violations()[0].rule), ("new_password", "string.min_len"));
    phone.client.users().me().await.unwrap();

    auth.change_password(PASSWORD, NEW_PASSWORD).await.unwrap();
    let goodbye = ended.goodbye().await.unwrap();
    assert_eq!((goodbye.reason(), goodbye.next()), (GoodbyeReason::AuthExpired, NextAction::Stop));
    ended_everywhere(&deployment, &phone.token).await;
    kept.heartbeat(Vec::new()).await.unwrap();
    assert_eq!(auth.sessions().await.unwrap().len(), 1);
    for _ in 0..deployment.kind().nodes() {
        let old = try_login(&deployment, "ann", PASSWORD).await;
        assert_eq!(old.err(), Some(ErrorReason::CredentialsInvalid));
        assert_eq!(try_login(&deployment, "ann", NEW_PASSWORD).await.unwrap().id, desk.id);
    }
}

#[tokio::test]
async fn all_other_logins_end_at_a_word() {
    let deployment = Deployment::start().await;
    let desk = deployment.user("ann").await;
    let (phone, tablet) = (deployment.login(&desk).await, deployment.login(&desk).await);
    let bob = deployment.user("bob").await;
    let mut ended = deployment.wire(&phone).await.watching(&[]).await.unwrap();
    desk.client.auth().revoke_other_sessions().await.unwrap();
    assert_eq!(ended.goodbye().await.unwrap().reason(), GoodbyeReason::AuthExpired);
    for token in [&phone.token, &tablet.token] {
        ended_everywhere(&deployment, token).await;
    }
    // Whoever logs in again is let in again, by every node and for good.
    let again = deployment.login(&desk).await;
    for _ in 0..deployment.kind().nodes() {
        deployment.wire(&again).await.watching(&[]).await.unwrap();
    }
    assert_eq!(desk.client.auth().sessions().await.unwrap().len(), 2);
    bob.client.users().me().await.unwrap();
}

#[tokio::test]
async fn a_password_is_the_same_however_it_is_typed() {
    let deployment = Deployment::start().await;
    let auth = deployment.client(None).auth();
    auth.register("zoe", "pass\u{e9} compos\u{e9}").await.unwrap();
    try_login(&deployment, "zoe", "passe\u{301} compose\u{301}").await.unwrap();
    let other = try_login(&deployment, "zoe", "passe compose").await;
    assert_eq!(other.err(), Some(ErrorReason::CredentialsInvalid));
}

#[tokio::test]
async fn a_name_is_changed_and_free_for_others() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let mut watcher = deployment.wire(&ann).await.watching(&[]).await.unwrap();
    let taken = bob.client.users().update_me().username("ann").await.unwrap_err();
    assert_eq!(taken.reason(), Some(ErrorReason::UsernameTaken));
    let wrong = bob.client.users().update_me().username("Robert").await.unwrap_err();
    assert_eq!(wrong.violations()[0].field, "username");
    let robert = bob.client.users().update_me().username("robert").await.unwrap();
    // He had no other name to show.
    assert_eq!((robert.username.as_str(), robert.display_name.as_str()), ("robert", "robert"));
    let event = watcher.event(guild.id).await.unwrap();
    let Some(Payload::MemberUpdated(updated)) = event.payload else { panic!("{event:?}") };
    assert_eq!(updated.member.unwrap().user.unwrap().username, "robert");
    let shown = bob.client.users().update_me().display_name("Rob").username("rob").await.unwrap();
    assert_eq!((shown.username.as_str(), shown.display_name.as_str()), ("rob", "Rob"));
    let kept = bob.client.users().update_me().username("robert").await.unwrap();
    assert_eq!((kept.username.as_str(), kept.display_name.as_str()), ("robert", "Rob"));

    assert_eq!(try_login(&deployment, "robert", PASSWORD).await.unwrap().id, bob.id);
    assert_eq!(try_login(&deployment, "bob", PASSWORD).await.err(), Some(ErrorReason::CredentialsInvalid));
    let other = deployment.client(None).auth().register("bob", PASSWORD).await.unwrap();
    assert_ne!(other.user.id, bob.id);
}

/// Bob is in a guild of ann with a bot of his, and both have written.
struct Departure {
    deployment: Deployment,
    ann: User,
    bob: User,
    bot: User,
    guild: Guild,
}

impl Departure {
    async fn new() -> Self {
        let deployment = Deployment::start().await;
        let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
        let new = bob.client.auth().create_bot("helper").await.unwrap();
        let token = new.token.expose().to_owned();
        let client = deployment.client(Some(&token));
        let bot = User { name: "helper".to_owned(), id: new.bot.id, token, client };
        let guild = deployment.guild(&ann, &[&bob, &bot]).await;
        for writer in [&ann, &bob, &bot] {
            writer.client.messages().send(guild.channel, writer.name.as_str()).await.unwrap();
        }
        Self { deployment, ann, bob, bot, guild }
    }
}

#[tokio::test]
async fn a_deleted_account_leaves_guilds_and_logins_and_a_tombstone() {
    let Departure { deployment, ann, bob, bot, guild } = Departure::new().await;
    let mut watcher = deployment.wire(&ann).await.watching(&[guild.channel]).await.unwrap();
    let mut session = deployment.wire(&bob).await.watching(&[guild.channel]).await.unwrap();
    let mut of_bot = deployment.wire(&bot).await.watching(&[guild.channel]).await.unwrap();
    let wrong = bob.client.auth().delete_account("not the password").await.unwrap_err();
    assert_eq!(wrong.reason(), Some(ErrorReason::PasswordWrong));
    bob.client.auth().delete_account(PASSWORD).await.unwrap();

    for (gone, session) in [(&bot, &mut of_bot), (&bob, &mut session)] {
        let event = watcher.event(guild.id).await.unwrap();
        let Some(Payload::MemberRemoved(removed)) = event.payload else { panic!("{event:?}") };
        assert_eq!((removed.user_id, removed.reason()), (gone.id.get(), LeaveReason::AccountDeleted));
        assert_eq!(session.goodbye().await.unwrap().reason(), GoodbyeReason::AuthExpired);
        ended_everywhere(&deployment, &gone.token).await;
    }
    // There is nobody who could do it twice.
    let twice = bob.client.auth().delete_account(PASSWORD).await.unwrap_err();
    assert_eq!(twice.reason(), Some(ErrorReason::TokenExpired));
    assert_eq!(try_login(&deployment, "bob", PASSWORD).await.err(), Some(ErrorReason::CredentialsInvalid));

    let members = ann.client.guilds().members(guild.id).await.unwrap();
    assert_eq!(members.members.len(), 1);
    let page = ann.client.history().messages(guild.channel).await.unwrap();
    let shown: Vec<_> = page.messages.iter().map(|it| (it.content.as_str(), it.author.deleted)).collect();
    assert_eq!(shown, [("ann", false), ("bob", true), ("helper", true)]);
    assert_eq!(page.messages[1].author.display_name, "Deleted user");
    let users = ann.client.users().get([bob.id]).await.unwrap();
    assert!(users[0].deleted && users[0].username != "bob");
    let refused = ann.client.users().block(bob.id).await.unwrap_err();
    assert_eq!(refused.reason(), Some(ErrorReason::UserNotFound));

    let successor = deployment.client(None).auth().register("bob", PASSWORD).await.unwrap();
    assert_ne!(successor.user.id, bob.id);
    assert!(!successor.user.deleted);
}

#[tokio::test]
async fn an_owner_of_guilds_stays_until_they_are_gone() {
    let Departure { deployment, ann, bob, bot, guild } = Departure::new().await;
    let of_bot = bot.client.guilds().create("a bot's").await.unwrap().guild.id;
    for (owner, owned) in [(&ann, guild.id), (&bob, of_bot)] {
        let refused = owner.client.auth().delete_account(PASSWORD).await.unwrap_err();
        assert_eq!(refused.reason(), Some(ErrorReason::OwnsGuilds));
        assert_eq!(refused.code(), Some(tonic::Code::FailedPrecondition));
        assert_eq!(refused.metadata()["guild_ids"], owned.to_string());
    }
    // Nothing of it was done.
    bot.client.users().me().await.unwrap();
    assert_eq!(bob.client.auth().bots().await.unwrap().len(), 1);
    bot.client.guilds().delete(of_bot).await.unwrap();
    bob.client.auth().delete_account(PASSWORD).await.unwrap();
    ann.client.guilds().delete(guild.id).await.unwrap();
    ann.client.auth().delete_account(PASSWORD).await.unwrap();
    ended_everywhere(&deployment, &ann.token).await;
}

#[tokio::test]
async fn bots_are_listed_stopped_and_deleted_by_their_owner() {
    let Departure { deployment, ann, bob, bot, guild } = Departure::new().await;
    let auth = bob.client.auth();
    auth.create_bot("second").await.unwrap();
    let names: Vec<_> = auth.bots().await.unwrap().into_iter().map(|bot| bot.username).collect();
    assert_eq!(names, ["second", "helper"], "newest first");
    assert!(ann.client.auth().bots().await.unwrap().is_empty());
    for refused in [
        ann.client.auth().revoke_bot_tokens(bot.id).await.unwrap_err(),
        ann.client.auth().delete_bot(bot.id).await.unwrap_err(),
        auth.delete_bot(bob.id).await.unwrap_err(),
    ] {
        assert_eq!(refused.reason(), Some(ErrorReason::BotNotFound));
    }
    for refused in [
        bot.client.auth().change_password(PASSWORD, NEW_PASSWORD).await.unwrap_err(),
        bot.client.auth().delete_account(PASSWORD).await.unwrap_err(),
    ] {
        assert_eq!(refused.reason(), Some(ErrorReason::MissingPermission));
    }
    assert_eq!(try_login(&deployment, "helper", PASSWORD).await.err(), Some(ErrorReason::CredentialsInvalid));

    let mut session = deployment.wire(&bot).await.watching(&[guild.channel]).await.unwrap();
    let rotated = auth.rotate_bot_token(bot.id).await.unwrap();
    auth.revoke_bot_tokens(bot.id).await.unwrap();
    assert_eq!(session.goodbye().await.unwrap().reason(), GoodbyeReason::AuthExpired);
    for token in [bot.token.as_str(), rotated.expose()] {
        ended_everywhere(&deployment, token).await;
    }
    let token = auth.rotate_bot_token(bot.id).await.unwrap();
    let back = deployment.client(Some(token.expose()));
    back.messages().send(guild.channel, "back again").await.unwrap();

    let mut own = deployment.wire(&bob).await.watching(&[]).await.unwrap();
    auth.delete_bot(bot.id).await.unwrap();
    let event = own.event(bob.id).await.unwrap();
    let Some(Payload::BotDeleted(deleted)) = event.payload else { panic!("{event:?}") };
    assert_eq!(deleted.bot_id, bot.id.get());
    ended_everywhere(&deployment, token.expose()).await;
    let twice = auth.delete_bot(bot.id).await.unwrap_err();
    assert_eq!(twice.reason(), Some(ErrorReason::BotNotFound));
    assert_eq!(auth.bots().await.unwrap().len(), 1);
    auth.create_bot("helper").await.unwrap();
}
