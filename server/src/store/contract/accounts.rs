//! Users, tokens, the setup code.

use guildhall_proto::ids::UserId;

use super::fixtures::{NOW_MS, commit, fresh, user};
use crate::store::{Commit, Store, Taken, TokenKind, TokenRow, UserRow, Write};

pub(super) fn token(user: UserId) -> TokenRow {
    let id = fresh();
    let mut digest = [0xff; 32];
    digest[..8].copy_from_slice(&id.to_le_bytes());
    TokenRow {
        id: id.into(),
        digest,
        user,
        kind: TokenKind::Person,
        device: "Firefox".into(),
        create_ms: NOW_MS,
        last_used_ms: NOW_MS,
        expire_ms: Some(NOW_MS + 1_000),
    }
}

pub(crate) async fn users_are_found(store: Store) {
    let person = UserRow { avatar_url: "https://a".into(), custom_status: "away".into(), ..user() };
    let bot = UserRow { password_hash: None, bot_owner: Some(person.id), display_name: "🤖".into(), ..user() };
    commit(&store, vec![Write::InsertUser(person.clone()), Write::InsertUser(bot.clone())]).await;
    let metadata = &store.metadata;
    assert_eq!(metadata.user(person.id).await.unwrap(), Some(person.clone()));
    assert_eq!(metadata.user_by_name(&bot.username).await.unwrap(), Some(bot.clone()));
    assert_eq!(metadata.user(u64::MAX.into()).await.unwrap(), None);
    assert_eq!(metadata.user_by_name("nobody").await.unwrap(), None);
    let mut found = metadata.users(&[bot.id, u64::MAX.into(), person.id, bot.id]).await.unwrap();
    found.sort_by_key(|user| user.id);
    assert_eq!(found, [person, bot]);
    assert!(metadata.users(&[]).await.unwrap().is_empty());
    assert!(!metadata.has_admin().await.unwrap());
    commit(&store, vec![Write::InsertUser(UserRow { admin: true, ..user() })]).await;
    assert!(metadata.has_admin().await.unwrap());
}

pub(crate) async fn user_names_and_ids_are_unique(store: Store) {
    let first = user();
    commit(&store, vec![Write::InsertUser(first.clone())]).await;
    let insert = |user| store.metadata.commit(None, vec![Write::InsertUser(user)], Vec::new());
    let same_name = UserRow { id: fresh().into(), ..first.clone() };
    assert_eq!(insert(same_name).await.unwrap(), Commit::Taken(Taken::Username));
    let same_id = UserRow { username: "another".into(), ..first.clone() };
    assert_eq!(insert(same_id).await.unwrap(), Commit::Taken(Taken::Id));
    assert_eq!(store.metadata.user_by_name("another").await.unwrap(), None);
}

pub(crate) async fn profiles_change_alone(store: Store) {
    let before = user();
    commit(&store, vec![Write::InsertUser(before.clone())]).await;
    let profile = UserRow {
        display_name: "Grace".into(),
        avatar_url: "https://g".into(),
        custom_status: "here".into(),
        ..before.clone()
    };
    let profile = UserRow { username: format!("renamed-{}", before.id), ..profile };
    let sent = UserRow { admin: true, password_hash: None, ..profile.clone() };
    commit(&store, vec![Write::UpdateProfile(sent)]).await;
    assert_eq!(store.metadata.user(before.id).await.unwrap(), Some(profile.clone()));
    assert_eq!(store.metadata.user_by_name(&before.username).await.unwrap(), None);

    let other = user();
    commit(&store, vec![Write::InsertUser(other.clone())]).await;
    let taken = UserRow { username: other.username, display_name: "x".into(), ..profile.clone() };
    let outcome = store.metadata.commit(None, vec![Write::UpdateProfile(taken)], Vec::new()).await.unwrap();
    assert_eq!(outcome, Commit::Taken(Taken::Username));
    assert_eq!(store.metadata.user(before.id).await.unwrap(), Some(profile));
}

pub(crate) async fn tokens_live_and_end(store: Store) {
    let owner = user();
    let first = token(owner.id);
    let second = TokenRow { kind: TokenKind::Bot, create_ms: NOW_MS + 1, expire_ms: None, ..token(owner.id) };
    let writes = vec![
        Write::InsertUser(owner.clone()),
        Write::InsertToken(first.clone()),
        Write::InsertToken(second.clone()),
        Write::InsertToken(token(fresh().into())),
    ];
    commit(&store, writes).await;
    let metadata = &store.metadata;
    assert_eq!(metadata.token(&first.digest).await.unwrap(), Some((first.clone(), owner.clone())));
    assert_eq!(metadata.token(&[0; 32]).await.unwrap(), None);
    assert_eq!(metadata.tokens(owner.id).await.unwrap(), [second.clone(), first.clone()]);
    let twice = TokenRow { id: fresh().into(), ..first.clone() };
    let again = metadata.commit(None, vec![Write::InsertToken(twice)], Vec::new()).await.unwrap();
    assert_eq!(again, Commit::Taken(Taken::Id));

    let touch = Write::TouchToken { id: first.id, last_used_ms: NOW_MS + 5, expire_ms: Some(NOW_MS + 2_000) };
    commit(&store, vec![touch]).await;
    let touched = metadata.token(&first.digest).await.unwrap().unwrap().0;
    assert_eq!((touched.last_used_ms, touched.expire_ms), (NOW_MS + 5, Some(NOW_MS + 2_000)));

    commit(&store, vec![Write::ExpireTokens { user: owner.id, expire_ms: NOW_MS + 1_500 }]).await;
    commit(&store, vec![Write::ExpireTokens { user: owner.id, expire_ms: NOW_MS + 1_800 }]).await;
    let ends: Vec<_> = metadata.tokens(owner.id).await.unwrap().iter().map(|token| token.expire_ms).collect();
    assert_eq!(ends, [Some(NOW_MS + 1_500); 2]);

    commit(&store, vec![Write::DeleteToken { id: first.id, user: fresh().into() }]).await;
    assert_eq!(metadata.tokens(owner.id).await.unwrap().len(), 2);
    commit(&store, vec![Write::DeleteToken { id: first.id, user: owner.id }]).await;
    assert_eq!(metadata.token(&first.digest).await.unwrap(), None);
}

pub(crate) async fn an_ended_token_is_not_revived(store: Store) {
    let owner = user();
    let token = token(owner.id);
    commit(&store, vec![Write::InsertUser(owner.clone()), Write::InsertToken(token.clone())]).await;
    commit(&store, vec![Write::ExpireTokens { user: owner.id, expire_ms: NOW_MS }]).await;
    let touch = Write::TouchToken { id: token.id, last_used_ms: NOW_MS, expire_ms: None };
    commit(&store, vec![touch]).await;
    let now = store.metadata.token(&token.digest).await.unwrap().unwrap().0;
    assert_eq!(now.expire_ms, Some(NOW_MS));
}

pub(crate) async fn the_setup_code_works_once(store: Store) {
    let take = |code| store.metadata.commit(None, vec![Write::UseSetupCode(code)], Vec::new());
    let (right, wrong) = ([1; 32], [2; 32]);
    assert_eq!(take(right).await.unwrap(), Commit::Taken(Taken::SetupCode));
    commit(&store, vec![Write::SetSetupCode(wrong)]).await;
    commit(&store, vec![Write::SetSetupCode(right)]).await;
    assert_eq!(take(wrong).await.unwrap(), Commit::Taken(Taken::SetupCode));
    assert_eq!(take(right).await.unwrap(), Commit::Done(Vec::new()));
    assert_eq!(take(right).await.unwrap(), Commit::Taken(Taken::SetupCode));
}
