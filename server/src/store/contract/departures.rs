//! Passwords that change, tokens that end together, users who go; their bots, blocks and erasures.

use guildhall_proto::ids::{ChannelId, LoginSessionId, MessageId};

use super::accounts::token;
use super::fixtures::{NOW_MS, commit, event, fresh, guild, user, user_stream};
use crate::store::{BlockRow, Commit, ErasureRow, GuildRow, Store, Taken, UserRow, Write};

async fn outcome(store: &Store, write: Write) -> Commit {
    store.metadata.commit(None, vec![write], Vec::new()).await.unwrap()
}

pub(crate) async fn passwords_change_from_what_they_are(store: Store) {
    let user = user();
    let (id, old) = (user.id, user.password_hash.clone().unwrap());
    commit(&store, vec![Write::InsertUser(user)]).await;
    let set = |old: &str, new: &str| Write::SetPassword { user: id, old: old.into(), new: new.into() };
    let require = |hash: Option<&str>| Write::RequireUser { user: id, password_hash: hash.map(Into::into) };
    let refused = Commit::Taken(Taken::Password);
    commit(&store, vec![require(Some(&old))]).await;
    commit(&store, vec![set(&old, "new")]).await;
    assert_eq!(store.metadata.user(id).await.unwrap().unwrap().password_hash.as_deref(), Some("new"));
    assert_eq!(outcome(&store, set(&old, "other")).await, refused);
    assert_eq!(outcome(&store, require(Some(&old))).await, refused);
    assert_eq!(outcome(&store, require(None)).await, refused);
    commit(&store, vec![require(Some("new"))]).await;
    let unknown = Write::RequireUser { user: fresh().into(), password_hash: None };
    assert_eq!(outcome(&store, unknown).await, refused);
}

/// Logins and a change of the password at once: no token is left that the old password made after the change, and none
/// that it made before but the one that is kept.
pub(crate) async fn a_login_waits_for_no_password_of_yesterday(store: Store) {
    for _ in 0..8 {
        let user = user();
        let (id, old) = (user.id, user.password_hash.clone().unwrap());
        let kept = token(id);
        let keep = kept.id;
        commit(&store, vec![Write::InsertUser(user), Write::InsertToken(kept)]).await;
        let logins = (0..4).map(|_| {
            let (metadata, old) = (store.metadata.clone(), old.clone());
            tokio::spawn(async move {
                let require = Write::RequireUser { user: id, password_hash: Some(old) };
                metadata.commit(None, vec![require, Write::InsertToken(token(id))], Vec::new()).await.unwrap()
            })
        });
        let logins: Vec<_> = logins.collect();
        let change = vec![
            Write::SetPassword { user: id, old, new: "new".into() },
            Write::EndTokens { user: id, except: Some(keep) },
        ];
        commit(&store, change).await;
        for login in logins {
            let ended = login.await.unwrap();
            assert!(matches!(ended, Commit::Done(_) | Commit::Taken(Taken::Password)), "{ended:?}");
        }
        let tokens = store.metadata.tokens(id).await.unwrap();
        let live: Vec<_> = tokens.iter().filter(|token| token.expire_ms != Some(0)).map(|token| token.id).collect();
        assert_eq!(live, [keep]);
    }
}

pub(crate) async fn all_tokens_but_one_end(store: Store) {
    let (one, other) = (user(), user());
    let tokens = [token(one.id), token(one.id), token(one.id), token(other.id)];
    let users = vec![Write::InsertUser(one.clone()), Write::InsertUser(other.clone())];
    commit(&store, users).await;
    commit(&store, tokens.iter().cloned().map(Write::InsertToken).collect()).await;
    let ends = async || {
        let mut ends = Vec::new();
        for token in &tokens {
            ends.push(store.metadata.token(&token.digest).await.unwrap().unwrap().0.expire_ms == Some(0));
        }
        ends
    };
    commit(&store, vec![Write::EndTokens { user: one.id, except: Some(tokens[1].id) }]).await;
    assert_eq!(ends().await, [true, false, true, false]);
    // A use that was under way revives none of them.
    let touch = Write::TouchToken { id: tokens[0].id, last_used_ms: NOW_MS, expire_ms: Some(NOW_MS + 9) };
    commit(&store, vec![touch]).await;
    commit(&store, vec![Write::EndTokens { user: one.id, except: None }]).await;
    commit(&store, vec![Write::EndTokens { user: fresh().into(), except: Some(LoginSessionId(1)) }]).await;
    assert_eq!(ends().await, [true, true, true, false]);
}

pub(crate) async fn a_user_is_erased(store: Store) {
    let (gone, friend) = (UserRow { admin: true, custom_status: "here".into(), ..user() }, user());
    let stream = user_stream(gone.id);
    let login = token(gone.id);
    let digest = login.digest;
    let writes = vec![
        Write::InsertUser(gone.clone()),
        Write::InsertUser(friend.clone()),
        Write::InsertToken(login),
        Write::InsertBlock(BlockRow { user: gone.id, blocked: friend.id, create_ms: NOW_MS }),
        Write::InsertBlock(BlockRow { user: friend.id, blocked: gone.id, create_ms: NOW_MS }),
    ];
    store.metadata.commit(None, writes, vec![event(stream, b"joined")]).await.unwrap();
    let erase = Write::EraseUser { user: gone.id, delete_ms: NOW_MS + 1 };
    commit(&store, vec![erase.clone(), Write::EndTokens { user: gone.id, except: None }]).await;

    let metadata = &store.metadata;
    let left = metadata.user(gone.id).await.unwrap().unwrap();
    assert_eq!((left.delete_ms, left.create_ms, left.admin), (Some(NOW_MS + 1), gone.create_ms, false));
    assert_eq!((left.password_hash, left.custom_status, left.avatar_url), (None, String::new(), String::new()));
    assert_eq!(left.display_name, "Deleted user");
    assert_eq!(left.username, format!("deleted#{}", gone.id));
    assert!(!metadata.has_admin().await.unwrap());
    assert!(metadata.blocks(friend.id).await.unwrap().is_empty());
    assert!(metadata.hidden_from(gone.id).await.unwrap().is_empty());
    let (token, _) = metadata.token(&digest).await.unwrap().unwrap();
    assert_eq!((token.device, token.expire_ms), (String::new(), Some(0)));

    // Nothing happens to whoever is gone, but what happened is still to be read.
    assert_eq!(metadata.stream_position(stream).await.unwrap(), None);
    assert_eq!(metadata.stream_events(stream, 0, 10).await.unwrap().len(), 1);
    let late = metadata.commit(None, Vec::new(), vec![event(stream, b"late")]).await.unwrap();
    assert_eq!(late, Commit::Moved(None));
    assert_eq!(outcome(&store, erase).await, Commit::Taken(Taken::Password));
    let require = Write::RequireUser { user: gone.id, password_hash: None };
    assert_eq!(outcome(&store, require).await, Commit::Taken(Taken::Password));
    // The name is free.
    commit(&store, vec![Write::InsertUser(UserRow { id: fresh().into(), ..gone })]).await;
}

pub(crate) async fn owners_are_not_erased(store: Store) {
    let owner = user();
    let owned = GuildRow { owner: owner.id, ..guild() };
    let id = owned.id;
    let writes = vec![Write::InsertUser(owner.clone()), Write::InsertGuild(owned), Write::InsertGuild(guild())];
    commit(&store, writes).await;
    assert_eq!(store.metadata.guilds_owned(owner.id).await.unwrap(), [id]);
    let erase = Write::EraseUser { user: owner.id, delete_ms: NOW_MS };
    assert_eq!(outcome(&store, erase.clone()).await, Commit::Taken(Taken::Owner));
    assert_eq!(store.metadata.user(owner.id).await.unwrap(), Some(owner.clone()));
    commit(&store, vec![Write::DeleteGuild(id), erase]).await;
    assert!(store.metadata.guilds_owned(owner.id).await.unwrap().is_empty());
}

pub(crate) async fn bots_are_listed(store: Store) {
    let owner = user();
    let bot = |create_ms| UserRow { bot_owner: Some(owner.id), password_hash: None, create_ms, ..user() };
    let (old, new, gone) = (bot(NOW_MS), bot(NOW_MS + 1), bot(NOW_MS + 2));
    let strange = UserRow { bot_owner: Some(fresh().into()), ..user() };
    let all = [&owner, &old, &new, &gone, &strange];
    commit(&store, all.into_iter().cloned().map(Write::InsertUser).collect()).await;
    commit(&store, vec![Write::EraseUser { user: gone.id, delete_ms: NOW_MS + 3 }]).await;
    assert_eq!(store.metadata.bots_of(owner.id).await.unwrap(), [new, old]);
    assert!(store.metadata.bots_of(strange.id).await.unwrap().is_empty());
}

pub(crate) async fn blocks_come_and_go(store: Store) {
    let [one, two, three] = [fresh(), fresh(), fresh()].map(Into::into);
    let block = |user, blocked, create_ms| BlockRow { user, blocked, create_ms };
    let (first, second, back) = (block(one, two, NOW_MS), block(one, three, NOW_MS + 1), block(two, one, NOW_MS));
    commit(&store, vec![Write::InsertBlock(first), Write::InsertBlock(second), Write::InsertBlock(back)]).await;
    // One that is there already stays as it is.
    commit(&store, vec![Write::InsertBlock(block(one, two, NOW_MS + 9))]).await;
    let metadata = &store.metadata;
    assert_eq!(metadata.blocks(one).await.unwrap(), [second, first]);
    let mut hidden = metadata.hidden_from(one).await.unwrap();
    hidden.sort_unstable();
    hidden.dedup();
    assert_eq!(hidden, [two, three]);
    assert_eq!(metadata.hidden_from(three).await.unwrap(), [one]);
    assert_eq!(metadata.blocks_between(one, two).await.unwrap(), [first, back]);
    assert_eq!(metadata.blocks_between(three, one).await.unwrap(), [second]);
    assert!(metadata.blocks_between(two, three).await.unwrap().is_empty());
    let end = Write::DeleteBlock { user: one, blocked: two };
    commit(&store, vec![end.clone(), end]).await;
    assert_eq!(metadata.blocks(one).await.unwrap(), [second]);
    assert_eq!(metadata.blocks_between(one, two).await.unwrap(), [back]);
}

pub(crate) async fn erasures_go_on_where_they_were(store: Store) {
    let row = |not_before_ms| ErasureRow {
        user: fresh().into(),
        version: 1,
        begin_ms: NOW_MS,
        round: 0,
        channel: ChannelId(0),
        message: MessageId(0),
        not_before_ms,
    };
    let (late, early) = (row(NOW_MS + 5), row(NOW_MS));
    commit(&store, vec![Write::InsertErasure(late), Write::InsertErasure(early)]).await;
    assert_eq!(outcome(&store, Write::InsertErasure(early)).await, Commit::Taken(Taken::Erasure));
    let metadata = &store.metadata;
    assert_eq!(metadata.erasures(NOW_MS, 10).await.unwrap(), [early]);
    assert_eq!(metadata.erasures(NOW_MS + 5, 10).await.unwrap(), [early, late]);
    assert_eq!(metadata.erasures(NOW_MS + 5, 1).await.unwrap(), [early]);
    let further = ErasureRow {
        round: 1,
        channel: ChannelId(u64::MAX),
        message: MessageId(77),
        not_before_ms: NOW_MS + 9,
        ..early
    };
    commit(&store, vec![Write::MoveErasure(further)]).await;
    let moved = ErasureRow { version: 2, ..further };
    assert_eq!(metadata.erasures(NOW_MS + 9, 10).await.unwrap(), [late, moved]);
    // Whoever did not see that writes nothing.
    assert_eq!(outcome(&store, Write::MoveErasure(early)).await, Commit::Taken(Taken::Erasure));
    commit(&store, vec![Write::DeleteErasure(early.user)]).await;
    assert_eq!(metadata.erasures(NOW_MS + 9, 10).await.unwrap(), [late]);
    assert_eq!(outcome(&store, Write::MoveErasure(moved)).await, Commit::Taken(Taken::Erasure));
}
