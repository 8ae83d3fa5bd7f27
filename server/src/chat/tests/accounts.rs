//! Accounts, tokens, bots, profiles, the first start.

use std::sync::Arc;

use argon2::password_hash::PasswordHasher as _;
use guildhall_proto::{
    ids::UserId,
    v1::{self, event::Payload},
};
use parking_lot::Mutex;

use super::{Bench, Registration, assert_error, registration};
use crate::{
    chat::{
        Error, Revoked,
        error::{Missing, Unauthenticated},
    },
    store::Write,
};

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

fn login(username: &str, password: &str) -> v1::LoginRequest {
    v1::LoginRequest { username: username.into(), password: password.into(), device: "test".into() }
}

#[tokio::test]
async fn names_are_unique_and_requests_are_checked() {
    let bench = Bench::open().await;
    bench.person("ann").await;
    assert_error!(bench.chat.register(None, registration("ann")).await, Error::UsernameTaken);
    assert_error!(bench.chat.register(None, registration("Ann")).await, Error::Invalid(_));
}

#[tokio::test]
async fn unknown_users_and_wrong_passwords_are_told_alike() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let bot = v1::CreateBotRequest { username: "robot".into(), ..Default::default() };
    bench.chat.create_bot(&ann, bot).await.expect("made");
    for (name, password) in [("ann", "wrong"), ("bob", "wrong"), ("robot", "wrong")] {
        let refused = bench.chat.login(None, login(name, password)).await;
        assert_error!(refused, Error::Unauthenticated(Unauthenticated::Credentials));
    }
    let response = bench.chat.login(None, login("ann", "correct horse")).await.expect("logged in");
    let caller = bench.chat.authenticate(&response.token).await.expect("authenticated");
    assert_eq!((caller.user, caller.bot, caller.admin), (ann.user, false, false));
}

#[tokio::test]
async fn ended_tokens_are_refused_and_told() {
    let bench = Bench::open().await;
    let first = bench.person("ann").await;
    let response = bench.chat.login(None, login("ann", "correct horse")).await.expect("logged in");
    let second = bench.chat.authenticate(&response.token).await.expect("authenticated");
    let told = Arc::new(Mutex::new(Vec::new()));
    let hook = Arc::clone(&told);
    bench.chat.on_revoked(Box::new(move |revoked| hook.lock().push(*revoked)));

    let request = v1::RevokeSessionRequest { session_id: second.session.get() };
    bench.chat.revoke_session(&first, request).await.expect("revoked");
    assert_eq!(*told.lock(), [Revoked::Login(second.session)]);
    let expired = bench.chat.authenticate(&response.token).await;
    assert_error!(expired, Error::Unauthenticated(Unauthenticated::TokenExpired));
    assert_error!(bench.chat.revalidate(&second).await, Error::Unauthenticated(_));
    let again = bench.chat.revoke_session(&first, request).await;
    assert_error!(again, Error::NotFound(Missing::LoginSession));

    let sessions = bench.chat.list_sessions(&first, v1::ListSessionsRequest {}).await.expect("listed").sessions;
    assert_eq!(
        sessions.iter().map(|session| (session.id, session.current)).collect::<Vec<_>>(),
        [(first.session.get(), true)]
    );
    bench.chat.logout(&first, v1::LogoutRequest {}).await.expect("logged out");
    assert_error!(bench.chat.revalidate(&first).await, Error::Unauthenticated(_));
}

#[tokio::test]
async fn tokens_that_cannot_be_are_refused() {
    let bench = Bench::open().await;
    let response = bench.chat.register(None, registration("ann")).await.expect("registered");
    for bad in ["", "x", &response.token[1..], &response.token[..50], &format!("{}x", response.token)] {
        let refused = bench.chat.authenticate(bad).await;
        assert_error!(refused, Error::Unauthenticated(Unauthenticated::TokenInvalid));
    }
}

#[tokio::test]
async fn a_token_lives_while_it_is_used() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    for _ in 0..4 {
        bench.clock.advance(20 * DAY_MS);
        bench.chat.revalidate(&ann).await.expect("alive");
    }
    bench.clock.advance(31 * DAY_MS);
    let expired = bench.chat.revalidate(&ann).await;
    assert_error!(expired, Error::Unauthenticated(Unauthenticated::TokenExpired));
}

#[tokio::test]
async fn a_rotated_token_goes_on_for_ten_minutes() {
    let bench = Bench::open().await;
    let (ann, bob) = (bench.person("ann").await, bench.person("bob").await);
    let request = v1::CreateBotRequest { username: "robot".into(), ..Default::default() };
    let made = bench.chat.create_bot(&ann, request).await.expect("made");
    let bot = bench.chat.authenticate(&made.token).await.expect("authenticated");
    assert!(bot.bot && bot.expire_ms.is_none());
    let request = v1::RotateBotTokenRequest { bot_id: bot.user.get() };
    assert_error!(bench.chat.rotate_bot_token(&bob, request).await, Error::NotFound(Missing::Bot));
    let fresh = bench.chat.rotate_bot_token(&ann, request).await.expect("rotated").token;

    let old = bench.chat.revalidate(&bot).await.expect("still good");
    assert_eq!(old.expire_ms, Some(super::NOW_MS + 10 * MINUTE_MS));
    bench.clock.advance(11 * MINUTE_MS);
    assert_error!(bench.chat.revalidate(&bot).await, Error::Unauthenticated(Unauthenticated::TokenExpired));
    assert!(bench.chat.authenticate(&fresh).await.expect("good").expire_ms.is_none());
    let bots_bot = v1::CreateBotRequest { username: "robot2".into(), ..Default::default() };
    assert_error!(bench.chat.create_bot(&bot, bots_bot).await, Error::Permission(_));
}

#[tokio::test]
async fn closed_doors_open_to_the_setup_code() {
    let bench = Bench::new(Registration::Closed).await;
    assert_error!(bench.chat.register(None, registration("ann")).await, Error::RegistrationClosed);
    let old = bench.chat.ensure_setup_code().await.expect("made").expect("no administrator yet");
    let code = bench.chat.ensure_setup_code().await.expect("made").expect("no administrator yet");
    let with = |setup_code: &str| v1::RegisterRequest { setup_code: setup_code.into(), ..registration("ann") };
    assert_error!(bench.chat.register(None, with("ghs_wrong")).await, Error::Invalid(_));
    assert_error!(bench.chat.register(None, with(&old)).await, Error::Invalid(_));
    let token = bench.chat.register(None, with(&code)).await.expect("registered").token;
    assert!(bench.chat.authenticate(&token).await.expect("authenticated").admin);
    let twice = v1::RegisterRequest { setup_code: code, ..registration("bob") };
    assert_error!(bench.chat.register(None, twice).await, Error::Invalid(_));
    assert!(bench.chat.ensure_setup_code().await.expect("asked").is_none());
}

#[tokio::test]
async fn an_invite_opens_the_door_and_joins() {
    let bench = Bench::new(Registration::Invite).await;
    let code = bench.chat.ensure_setup_code().await.expect("made").expect("no administrator yet");
    let first = v1::RegisterRequest { setup_code: code, ..registration("ann") };
    let token = bench.chat.register(None, first).await.expect("registered").token;
    let ann = bench.chat.authenticate(&token).await.expect("authenticated");
    let (guild, _) = bench.guild(&ann).await;
    let invite_code = bench.invite(&ann, guild.id(), 1).await;

    assert_error!(bench.chat.register(None, registration("bob")).await, Error::RegistrationClosed);
    let with = |name, code: &str| v1::RegisterRequest { invite_code: code.into(), ..registration(name) };
    assert_error!(bench.chat.register(None, with("bob", "nonsense")).await, Error::NotFound(Missing::Invite));
    let bob = bench.chat.register(None, with("bob", &invite_code)).await.expect("registered");
    assert!(guild.is_member(UserId(bob.user.expect("a user").id)));
    assert_error!(bench.chat.register(None, with("cid", &invite_code)).await, Error::NotFound(Missing::Invite));
}

#[tokio::test]
async fn a_new_profile_is_told_everywhere() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, _) = bench.guild(&ann).await;
    let (of_guild, of_user) = (bench.listen(guild.id()), bench.listen(ann.user));
    let request = v1::UpdateMeRequest { display_name: Some("Ann".into()), ..Default::default() };
    let user = bench.chat.update_me(&ann, request.clone()).await.expect("changed").user.expect("a user");
    assert_eq!(user.display_name, "Ann");
    assert!(
        matches!(of_guild.take().as_slice(), [Payload::MemberUpdated(told)] if told.member.as_ref().and_then(|member| member.user.as_ref()) == Some(&user))
    );
    assert!(matches!(of_user.take().as_slice(), [Payload::UserUpdated(told)] if told.user.as_ref() == Some(&user)));
    assert_eq!(bench.chat.revalidate(&ann).await.expect("good").author.display_name, "Ann");

    bench.chat.update_me(&ann, request).await.expect("the same");
    assert!(of_guild.take().is_empty() && of_user.take().is_empty(), "nothing changed, nothing is told");
    let cleared = v1::UpdateMeRequest { display_name: Some(String::new()), ..Default::default() };
    let user = bench.chat.update_me(&ann, cleared).await.expect("changed").user.expect("a user");
    assert_eq!(user.display_name, "ann");
}

#[tokio::test]
async fn the_demo_is_there_once() {
    let bench = Bench::open().await;
    let first = bench.chat.seed_demo().await.expect("seeded");
    let second = bench.chat.seed_demo().await.expect("seeded");
    assert_eq!((first.guild_id, first.channel_id), (second.guild_id, second.channel_id));
    assert!(first.password.is_some() && second.password.is_none());
    use secrecy::ExposeSecret as _;
    for token in [first.bot_token, second.bot_token] {
        let bot = bench.chat.authenticate(token.expose_secret()).await.expect("good");
        let guild = bench.chat.guild(first.guild_id).await.expect("read").expect("there");
        assert!(guild.may_read(bot.user, first.channel_id));
    }
}

#[tokio::test]
async fn a_hash_of_another_cost_is_made_anew_by_a_login() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let hash = async || bench.chat.profile(ann.user).await.expect("there").password_hash.expect("a hash");
    let made = hash().await;
    // Argon2id of "correct horse" at the least cost.
    let params = argon2::Params::new(8, 1, 1, None).expect("a cost");
    let cheap = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let cheap = cheap.hash_password(b"correct horse").expect("hashed").to_string();
    let set = Write::SetPassword { user: ann.user, old: made, new: cheap.clone() };
    bench.chat.metadata().commit(None, vec![set], Vec::new()).await.expect("written");

    assert_error!(bench.chat.login(None, login("ann", "wrong horse")).await, Error::Unauthenticated(_));
    assert_eq!(hash().await, cheap);
    bench.chat.login(None, login("ann", "correct horse")).await.expect("logged in");
    let anew = hash().await;
    assert!(anew.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{anew}");
    bench.chat.login(None, login("ann", "correct horse")).await.expect("logged in again");
    assert_eq!(hash().await, anew, "once");
}

#[tokio::test]
async fn a_new_password_is_told_to_all_other_sessions() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let hook = Arc::clone(&told);
    bench.chat.on_revoked(Box::new(move |revoked| hook.lock().push(*revoked)));
    let response = bench.chat.login(None, login("ann", "correct horse")).await.expect("logged in");
    let request =
        v1::ChangePasswordRequest { old_password: "correct horse".into(), new_password: "correct donkey".into() };
    bench.chat.change_password(&ann, request.clone()).await.expect("changed");
    assert_eq!(*told.lock(), [Revoked::Logins { user: ann.user, except: Some(ann.session) }]);
    let ended = bench.chat.authenticate(&response.token).await;
    assert_error!(ended, Error::Unauthenticated(Unauthenticated::TokenExpired));
    bench.chat.revalidate(&ann).await.expect("goes on");
    assert_error!(bench.chat.change_password(&ann, request).await, Error::PasswordWrong);
}
