//! Invites.

use guildhall_proto::ids::GuildId;

use super::fixtures::{AUTHOR, NOW_MS, commit, fresh};
use crate::store::{Commit, InviteRow, Store, Taken, Write};

pub(super) fn invite(guild: GuildId) -> InviteRow {
    InviteRow {
        code: format!("code-{}", fresh()),
        guild,
        creator: AUTHOR.into(),
        max_uses: 0,
        uses: 0,
        expire_ms: None,
        create_ms: NOW_MS,
    }
}

pub(crate) async fn invites_are_used_up(store: Store) {
    let guild = fresh().into();
    let endless = invite(guild);
    let twice = InviteRow { max_uses: 2, ..invite(guild) };
    let until = InviteRow { expire_ms: Some(NOW_MS), ..invite(guild) };
    commit(&store, [&endless, &twice, &until].map(|invite| Write::InsertInvite(invite.clone())).to_vec()).await;
    let take = |invite: &InviteRow, now_ms| {
        let writes = vec![Write::UseInvite { code: invite.code.clone(), now_ms }];
        store.metadata.commit(None, writes, Vec::new())
    };
    let (done, taken) = (Commit::Done(Vec::new()), Commit::Taken(Taken::Invite));
    for _ in 0..3 {
        assert_eq!(take(&endless, u64::MAX).await.unwrap(), done);
    }
    assert_eq!(take(&twice, NOW_MS).await.unwrap(), done);
    assert_eq!(take(&twice, NOW_MS).await.unwrap(), done);
    assert_eq!(take(&twice, NOW_MS).await.unwrap(), taken);
    assert_eq!(take(&until, NOW_MS - 1).await.unwrap(), done);
    assert_eq!(take(&until, NOW_MS + 1).await.unwrap(), taken);
    assert_eq!(take(&invite(guild), NOW_MS).await.unwrap(), taken);
    assert_eq!(store.metadata.invite(&endless.code).await.unwrap(), Some(InviteRow { uses: 3, ..endless }));
}

pub(crate) async fn invites_are_listed_and_deleted(store: Store) {
    let guild = fresh().into();
    let old = invite(guild);
    let new = InviteRow { create_ms: NOW_MS + 1, max_uses: u32::MAX, expire_ms: Some(NOW_MS), ..invite(guild) };
    let other = invite(fresh().into());
    commit(&store, [&old, &new, &other].map(|invite| Write::InsertInvite(invite.clone())).to_vec()).await;
    assert_eq!(store.metadata.invites(guild).await.unwrap(), [new.clone(), old.clone()]);
    let again = store.metadata.commit(None, vec![Write::InsertInvite(old.clone())], Vec::new()).await.unwrap();
    assert_eq!(again, Commit::Taken(Taken::Id));
    commit(&store, vec![Write::DeleteInvite(new.code.clone())]).await;
    assert_eq!(store.metadata.invite(&new.code).await.unwrap(), None);
    assert_eq!(store.metadata.invites(guild).await.unwrap(), [old]);
}
