//! Notices: none is missed, whatever order transactions end in.

use sqlx::Connection;

use super::{fresh, number, open_at};
use crate::store::postgres::notices;
use crate::store::{Commit, Notice, Store, Taken, TokenKind, TokenRow, UserRow, Write, testing_postgres};

fn user(id: u64) -> UserRow {
    UserRow {
        id: id.into(),
        username: format!("user-{id}"),
        display_name: "Ada".into(),
        avatar_url: String::new(),
        custom_status: String::new(),
        password_hash: None,
        bot_owner: None,
        admin: false,
        create_ms: 0,
        delete_ms: None,
    }
}

fn token(id: u64, user: u64) -> TokenRow {
    TokenRow {
        id: id.into(),
        digest: [u8::try_from(id).unwrap(); 32],
        user: user.into(),
        kind: TokenKind::Person,
        device: String::new(),
        create_ms: 0,
        last_used_ms: 0,
        expire_ms: None,
    }
}

async fn commit(store: &Store, writes: Vec<Write>) -> Commit {
    store.metadata.commit(None, writes, Vec::new()).await.unwrap()
}

#[tokio::test]
async fn what_must_be_forgotten_is_told() {
    let (store, _postgres) = fresh().await;
    let insert = vec![Write::InsertUser(user(1)), Write::InsertToken(token(2, 1)), Write::InsertToken(token(3, 1))];
    commit(&store, insert).await;
    commit(&store, vec![Write::UpdateProfile(user(1))]).await;
    let (watermark, before) = store.metadata.notices(0).await.unwrap();
    assert!(watermark > 0);
    assert_eq!(before, []);
    commit(&store, vec![Write::UpdateProfile(user(1))]).await;
    commit(&store, vec![Write::DeleteToken { id: 2.into(), user: 1.into() }]).await;
    commit(&store, vec![Write::ExpireTokens { user: 1.into(), expire_ms: 77 }]).await;
    // Neither a token of somebody else, nor what is not committed, nor a mere use.
    commit(&store, vec![Write::DeleteToken { id: 3.into(), user: 9.into() }]).await;
    let taken = commit(&store, vec![Write::UpdateProfile(user(1)), Write::InsertUser(user(1))]).await;
    assert_eq!(taken, Commit::Taken(Taken::Username));
    commit(&store, vec![Write::TouchToken { id: 3.into(), last_used_ms: 1, expire_ms: None }]).await;
    let (next, notices) = store.metadata.notices(watermark).await.unwrap();
    let told = [
        Notice::ProfileChanged(1.into()),
        Notice::LoginEnded(2.into()),
        Notice::TokensExpire { user: 1.into(), expire_ms: 77 },
    ];
    assert!(notices.ends_with(&told), "{notices:?}");
    // What another database of the same server does may hold the watermark back: then some are told again.
    let again = &notices[..notices.len() - told.len()];
    assert!(again.iter().all(|notice| *notice == Notice::ProfileChanged(1.into())), "{notices:?}");
    assert!(next >= watermark);
}

#[tokio::test]
async fn a_transaction_that_is_held_open_hides_nothing_and_delays_nobody() {
    let url = testing_postgres::database().await;
    let (store, _postgres) = open_at(&url).await;
    commit(&store, vec![Write::InsertUser(user(1))]).await;
    let (watermark, _) = store.metadata.notices(0).await.unwrap();
    let mut slow = testing_postgres::connect(&url).await;
    let mut transaction = slow.begin().await.unwrap();
    notices::insert(&mut transaction, Notice::LoginEnded(5.into())).await.unwrap();
    // Later begun, sooner done: seen at once.
    commit(&store, vec![Write::UpdateProfile(user(1))]).await;
    let (held, notices) = store.metadata.notices(watermark).await.unwrap();
    assert_eq!(notices, [Notice::ProfileChanged(1.into())]);
    let (held, _) = store.metadata.notices(held).await.unwrap();
    transaction.commit().await.unwrap();
    let (_, notices) = store.metadata.notices(held).await.unwrap();
    assert!(notices.contains(&Notice::LoginEnded(5.into())), "{notices:?}");
    slow.close().await.unwrap();
}

#[tokio::test]
async fn a_watermark_of_another_life_is_no_obstacle() {
    let (store, _postgres) = fresh().await;
    commit(&store, vec![Write::InsertUser(user(1)), Write::UpdateProfile(user(1))]).await;
    let (next, _) = store.metadata.notices(u64::MAX).await.unwrap();
    assert!(next < u64::MAX / 2);
}

#[tokio::test]
async fn old_notices_are_dropped() {
    let (store, postgres) = fresh().await;
    commit(&store, vec![Write::InsertUser(user(1)), Write::UpdateProfile(user(1))]).await;
    let age = "UPDATE notices SET written = now() - interval '1 hour'";
    sqlx::query(age).execute(postgres.pool()).await.unwrap();
    commit(&store, vec![Write::UpdateProfile(user(1))]).await;
    notices::prune(&postgres.engine.link).await.unwrap();
    assert_eq!(number(&postgres, "SELECT count(*) FROM notices").await, 1);
}
