//! Roles, who bears them, and what they have in single channels; bans and the audit log.

use guildhall_proto::ids::{RoleId, UserId};

use super::fixtures::{NOW_MS, channel_of, commit, fresh, guild, member, user};
use crate::store::{
    AuditQuery, AuditRow, BanRow, ChannelRow, Commit, MemberRow, OverwriteRow, RoleRow, Store, Taken, Target, Write,
};

fn role(guild: guildhall_proto::ids::GuildId, position: u32) -> RoleRow {
    RoleRow {
        id: fresh().into(),
        guild,
        name: format!("role {position}"),
        permissions: u64::MAX >> position,
        color: 0xff_ff_ff,
        hoist: position == 1,
        mentionable: position == 2,
        position,
        bot: (position == 2).then_some(UserId(u64::MAX)),
        create_ms: NOW_MS,
    }
}

pub(crate) async fn roles_are_part_of_the_picture(store: Store) {
    let row = guild();
    let (low, high) = (role(row.id, 1), role(row.id, 2));
    let user: UserId = fresh().into();
    let mut borne = vec![low.id, high.id];
    borne.sort_unstable();
    let bearer = MemberRow { roles: borne, nickname: "Nick".into(), time_out_ms: Some(NOW_MS), ..member(row.id, user) };
    let writes = vec![
        Write::InsertGuild(row.clone()),
        Write::InsertRole(high.clone()),
        Write::InsertRole(low.clone()),
        Write::InsertMember(bearer.clone()),
        Write::InsertMember(member(row.id, fresh().into())),
    ];
    commit(&store, writes).await;
    let snapshot = store.metadata.guild(row.id).await.unwrap().unwrap();
    assert_eq!(snapshot.roles, [low.clone(), high.clone()]);
    assert_eq!(snapshot.members[0], bearer);
    assert!(snapshot.members[1].roles.is_empty());
    let again = vec![Write::InsertRole(low)];
    assert_eq!(store.metadata.commit(None, again, Vec::new()).await.unwrap(), Commit::Taken(Taken::Id));
}

pub(crate) async fn roles_change_and_go(store: Store) {
    let row = guild();
    let (low, high) = (role(row.id, 1), role(row.id, 2));
    let user = user();
    let channel = ChannelRow {
        overwrites: vec![OverwriteRow { target: Target::Role(low.id), allow: 1, deny: u64::MAX }],
        ..channel_of(row.id)
    };
    let writes = vec![
        Write::InsertGuild(row.clone()),
        Write::InsertRole(low.clone()),
        Write::InsertRole(high.clone()),
        Write::InsertUser(user.clone()),
        Write::InsertMember(member(row.id, user.id)),
        Write::SetMemberRoles(row.id, user.id, vec![low.id, high.id]),
        Write::InsertChannel(channel),
    ];
    commit(&store, writes).await;
    let changed =
        RoleRow { name: "new".into(), permissions: 6, color: 1, hoist: false, mentionable: true, ..low.clone() };
    let sent = RoleRow { position: 77, ..changed.clone() };
    let places = vec![(low.id, 2), (high.id, 1), (fresh().into(), 9)];
    commit(&store, vec![Write::UpdateRole(sent), Write::SetRolePositions(places)]).await;
    let roles = store.metadata.guild(row.id).await.unwrap().unwrap().roles;
    assert_eq!(roles, [RoleRow { position: 1, ..high.clone() }, RoleRow { position: 2, ..changed }]);
    let page = store.metadata.members(row.id, 0.into(), 10).await.unwrap();
    let mut borne = vec![low.id, high.id];
    borne.sort_unstable();
    assert_eq!(page[0].0.roles, borne);
    commit(&store, vec![Write::DeleteRole(row.id, low.id)]).await;
    let snapshot = store.metadata.guild(row.id).await.unwrap().unwrap();
    assert_eq!(snapshot.members[0].roles, [high.id]);
    assert!(snapshot.channels[0].overwrites.is_empty());
    assert_eq!(snapshot.roles.iter().map(|role| role.id).collect::<Vec<RoleId>>(), [high.id]);
}

pub(crate) async fn channels_have_overwrites(store: Store) {
    let row = guild();
    let (role, user) = (RoleId(u64::MAX), UserId(1));
    let both = |allow, deny| {
        let row = |target| OverwriteRow { target, allow, deny };
        vec![row(Target::Role(role)), row(Target::Member(user))]
    };
    let first = ChannelRow { overwrites: both(u64::MAX, 1), slow_mode_seconds: 21_600, ..channel_of(row.id) };
    let writes = vec![Write::InsertGuild(row.clone()), Write::InsertChannel(first.clone())];
    commit(&store, writes).await;
    assert_eq!(store.metadata.guild(row.id).await.unwrap().unwrap().channels, std::slice::from_ref(&first));
    let mut changed = ChannelRow { overwrites: both(0, u64::MAX), slow_mode_seconds: 0, in_step: true, ..first };
    changed.overwrites.pop();
    commit(&store, vec![Write::UpdateChannel(changed.clone())]).await;
    assert_eq!(store.metadata.guild(row.id).await.unwrap().unwrap().channels, [changed]);
}

pub(crate) async fn whoever_leaves_leaves_nothing_behind(store: Store) {
    let row = guild();
    let role = role(row.id, 1);
    let user: UserId = fresh().into();
    let channel = ChannelRow {
        overwrites: vec![OverwriteRow { target: Target::Member(user), allow: 2, deny: 0 }],
        ..channel_of(row.id)
    };
    let writes = vec![
        Write::InsertGuild(row.clone()),
        Write::InsertRole(role.clone()),
        Write::InsertMember(MemberRow { roles: vec![role.id], ..member(row.id, user) }),
        Write::InsertChannel(channel),
    ];
    commit(&store, writes).await;
    let renamed = MemberRow { nickname: "N".into(), time_out_ms: Some(5), ..member(row.id, user) };
    commit(&store, vec![Write::UpdateMember(renamed.clone())]).await;
    let there = store.metadata.guild(row.id).await.unwrap().unwrap();
    assert_eq!(there.members, [MemberRow { roles: vec![role.id], ..renamed }]);
    let again = vec![Write::DeleteMember(row.id, user), Write::InsertMember(member(row.id, user))];
    commit(&store, again).await;
    let back = store.metadata.guild(row.id).await.unwrap().unwrap();
    assert_eq!(back.members, [member(row.id, user)]);
    assert!(back.channels[0].overwrites.is_empty());
}

pub(crate) async fn a_banned_user_does_not_come_in(store: Store) {
    let row = guild();
    let known = user();
    let ban = |user: UserId, reason: &str| BanRow {
        guild: row.id,
        user,
        actor: UserId(u64::MAX),
        reason: reason.into(),
        create_ms: NOW_MS,
    };
    let unknown: UserId = fresh().into();
    let writes = vec![
        Write::InsertGuild(row.clone()),
        Write::InsertUser(known.clone()),
        Write::InsertBan(ban(known.id, "first")),
        Write::InsertBan(ban(known.id, "second")),
        Write::InsertBan(ban(unknown, "")),
    ];
    commit(&store, writes).await;
    let join = || vec![Write::InsertMember(member(row.id, known.id))];
    assert_eq!(store.metadata.commit(None, join(), Vec::new()).await.unwrap(), Commit::Taken(Taken::Banned));
    let all = store.metadata.bans(row.id, 0.into(), 10).await.unwrap();
    assert_eq!(all, [(ban(known.id, "second"), Some(known.clone())), (ban(unknown, ""), None)]);
    assert_eq!(store.metadata.bans(row.id, known.id, 10).await.unwrap().len(), 1);
    assert_eq!(store.metadata.bans(row.id, 0.into(), 1).await.unwrap().len(), 1);
    assert_eq!(store.metadata.ban(row.id, unknown).await.unwrap(), Some(ban(unknown, "")));
    commit(&store, vec![Write::DeleteBan(row.id, known.id)]).await;
    assert_eq!(store.metadata.ban(row.id, known.id).await.unwrap(), None);
    commit(&store, join()).await;
    let other: UserId = fresh().into();
    commit(&store, vec![Write::SetOwner(row.id, other)]).await;
    assert_eq!(store.metadata.guild(row.id).await.unwrap().unwrap().guild.owner, other);
}

pub(crate) async fn acts_are_written_down(store: Store) {
    let row = guild();
    let act = |id, actor, action, target| AuditRow {
        id,
        guild: row.id,
        actor: UserId(actor),
        action,
        target,
        reason: "because".into(),
        changes: vec![0, 255],
        create_ms: NOW_MS,
    };
    let acts = [act(1, 10, 20, 30), act(2, 11, 20, u64::MAX), act(3, u64::MAX, 21, 30)];
    let writes = acts.iter().cloned().map(Write::InsertAudit);
    commit(&store, [Write::InsertGuild(row.clone())].into_iter().chain(writes).collect()).await;
    let found = async |query: AuditQuery, limit| {
        let rows = store.metadata.audit(row.id, query, limit).await.unwrap();
        assert!(rows.iter().all(|row| acts.contains(row)));
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let all = AuditQuery::default();
    assert_eq!(found(all, 10).await, [3, 2, 1]);
    assert_eq!(found(all, 2).await, [3, 2]);
    assert_eq!(found(AuditQuery { before: Some(3), ..all }, 10).await, [2, 1]);
    assert_eq!(found(AuditQuery { before: Some(u64::MAX), ..all }, 10).await, [3, 2, 1]);
    assert_eq!(found(AuditQuery { actor: Some(UserId(u64::MAX)), ..all }, 10).await, [3]);
    assert_eq!(found(AuditQuery { action: Some(20), ..all }, 10).await, [2, 1]);
    assert_eq!(found(AuditQuery { target: Some(u64::MAX), ..all }, 10).await, [2]);
    let again = vec![Write::InsertAudit(acts[0].clone())];
    assert_eq!(store.metadata.commit(None, again, Vec::new()).await.unwrap(), Commit::Taken(Taken::Id));
}
