//! Guilds, channels, members; and what is gone when they are.

use guildhall_proto::ids::{GuildId, UserId};

use super::fixtures::{
    NOW_MS, append, channel_of, commit, create, event, fresh, guild, guild_stream, member, user, user_stream,
};
use super::invites::invite;
use crate::store::{Anchor, Append, Body, ChannelRow, Commit, GuildRow, MemberRow, Store, Taken, Write};

pub(crate) async fn a_session_begins_with_one_look(store: Store) {
    let (user, one, two) = (user(), guild(), guild());
    let (stream, id) = (user_stream(user.id), user.id);
    let join = |guild: GuildId, join_ms| Write::InsertMember(MemberRow::new(guild, id, join_ms));
    let writes =
        vec![Write::InsertUser(user.clone()), Write::InsertGuild(one.clone()), Write::InsertGuild(two.clone())];
    store.metadata.commit(None, writes, Vec::new()).await.unwrap();
    let (found, at, guilds) = store.metadata.beginning(id).await.unwrap().unwrap();
    assert_eq!((found, guilds), (user.clone(), Vec::new()));
    assert_eq!(at.seq, 0);
    let joins = vec![join(one.id, NOW_MS + 1), join(two.id, NOW_MS)];
    store.metadata.commit(None, joins, vec![event(stream, b"joined")]).await.unwrap();
    let (found, at, guilds) = store.metadata.beginning(id).await.unwrap().unwrap();
    assert_eq!((found, guilds), (user, vec![two.id, one.id]));
    assert_eq!(at.seq, 1);
    assert_eq!(store.metadata.stream_position(stream).await.unwrap(), Some(at));
    assert!(store.metadata.beginning(fresh().into()).await.unwrap().is_none());
}

pub(crate) async fn a_guild_is_one_picture(store: Store) {
    let row = guild();
    let first = ChannelRow { position: 1, topic: "talk".into(), ..channel_of(row.id) };
    let second = ChannelRow { position: 0, parent: Some(first.id), kind: 3, ..channel_of(row.id) };
    let members = [member(row.id, fresh().into()), member(row.id, fresh().into())];
    let writes = vec![
        Write::InsertGuild(row.clone()),
        Write::InsertChannel(first.clone()),
        Write::InsertChannel(second.clone()),
        Write::InsertChannel(channel_of(fresh().into())),
        Write::InsertMember(members[1].clone()),
        Write::InsertMember(members[0].clone()),
    ];
    let events = vec![event(guild_stream(row.id), b"made")];
    let Commit::Done(positions) = store.metadata.commit(None, writes, events).await.unwrap() else {
        panic!("not made")
    };
    let snapshot = store.metadata.guild(row.id).await.unwrap().unwrap();
    assert_eq!(snapshot.guild, row);
    assert_eq!(positions, [snapshot.position]);
    assert_eq!(snapshot.members, members);
    assert_eq!(snapshot.channels, [second, first.clone()]);
    assert_eq!(store.metadata.guild_of(first.id).await.unwrap(), Some(row.id));
    assert!(store.metadata.guild(u64::MAX.into()).await.unwrap().is_none());
    assert_eq!(store.metadata.guild_of(u64::MAX.into()).await.unwrap(), None);
}

pub(crate) async fn guilds_and_channels_change(store: Store) {
    let row = guild();
    let (first, second) = (channel_of(row.id), channel_of(row.id));
    let writes = [Write::InsertGuild(row.clone())].into_iter();
    let channels = [first.clone(), second.clone()].map(Write::InsertChannel);
    commit(&store, writes.chain(channels).collect()).await;
    let renamed = GuildRow { name: "New".into(), icon_url: "https://i".into(), ..row.clone() };
    let changed =
        ChannelRow { name: "renamed".into(), topic: "new topic".into(), parent: Some(second.id), ..first.clone() };
    let sent = ChannelRow { position: 77, kind: 9, ..changed.clone() };
    let places = vec![(second.id, 0), (first.id, u32::MAX), (fresh().into(), 4)];
    let writes = vec![
        Write::UpdateGuild(GuildRow { owner: fresh().into(), ..renamed.clone() }),
        Write::UpdateChannel(sent),
        Write::SetPositions(places),
    ];
    commit(&store, writes).await;
    let snapshot = store.metadata.guild(row.id).await.unwrap().unwrap();
    assert_eq!(snapshot.guild, renamed);
    assert_eq!(snapshot.channels, [second.clone(), ChannelRow { position: u32::MAX, ..changed }]);
    // Under a category that is gone is under none.
    commit(&store, vec![Write::DeleteChannel(second.id)]).await;
    assert_eq!(store.metadata.guild(row.id).await.unwrap().unwrap().channels[0].parent, None);
}

pub(crate) async fn ids_are_unique(store: Store) {
    let row = guild();
    let channel = channel_of(row.id);
    commit(&store, vec![Write::InsertGuild(row.clone()), Write::InsertChannel(channel.clone())]).await;
    for again in [Write::InsertGuild(row), Write::InsertChannel(channel)] {
        let answer = store.metadata.commit(None, vec![again], Vec::new()).await.unwrap();
        assert_eq!(answer, Commit::Taken(Taken::Id));
    }
}

pub(crate) async fn members_come_and_go(store: Store) {
    let (first, second) = (guild(), guild());
    let user: UserId = fresh().into();
    let early = MemberRow { join_ms: NOW_MS - 1, ..member(second.id, user) };
    let writes = vec![
        Write::InsertGuild(first.clone()),
        Write::InsertGuild(second.clone()),
        Write::InsertMember(member(first.id, user)),
        Write::InsertMember(early.clone()),
    ];
    commit(&store, writes).await;
    assert_eq!(store.metadata.guilds_of(user).await.unwrap(), [second.id, first.id]);
    let again = vec![Write::InsertMember(early)];
    assert_eq!(store.metadata.commit(None, again, Vec::new()).await.unwrap(), Commit::Taken(Taken::Member));
    commit(&store, vec![Write::DeleteMember(second.id, user)]).await;
    assert_eq!(store.metadata.guilds_of(user).await.unwrap(), [first.id]);
    assert!(store.metadata.guild(second.id).await.unwrap().unwrap().members.is_empty());
}

pub(crate) async fn members_come_in_pages(store: Store) {
    let row = guild();
    let users: Vec<_> = (0..5).map(|_| user()).collect();
    let mut writes = vec![Write::InsertGuild(row.clone())];
    for user in users.iter().rev() {
        writes.extend([Write::InsertUser(user.clone()), Write::InsertMember(member(row.id, user.id))]);
    }
    commit(&store, writes).await;
    let page = async |after: UserId, limit| {
        let page = store.metadata.members(row.id, after, limit).await.unwrap();
        assert!(page.iter().all(|(member, user)| member.user == user.id && member.guild == row.id));
        page.into_iter().map(|(_, user)| user).collect::<Vec<_>>()
    };
    assert_eq!(page(0.into(), 2).await, users[..2]);
    assert_eq!(page(users[1].id, 2).await, users[2..4]);
    assert_eq!(page(users[3].id, 2).await, users[4..]);
    assert!(page(users[4].id, 2).await.is_empty());
    assert!(page(u64::MAX.into(), 2).await.is_empty());
    assert_eq!(page(0.into(), usize::MAX).await, users);
}

/// Everything that could be asked about a channel answers as if it had never been.
async fn assert_gone(store: &Store, channel: guildhall_proto::ids::ChannelId) {
    assert_eq!(store.metadata.guild_of(channel).await.unwrap(), None);
    assert_eq!(store.log.position(channel).await.unwrap(), None);
    assert_eq!(store.log.positions(&[channel]).await.unwrap(), [None]);
    assert_eq!(store.log.page(channel, Anchor::Newest, 10).await.unwrap(), None);
    assert!(store.log.read(channel, 0, 10).await.unwrap().is_empty());
    assert!(store.log.messages(channel, &[1.into()]).await.unwrap().is_empty());
    assert_eq!(store.log.append(channel, 2, vec![create("late")]).await.unwrap(), Append::Closed);
    assert_eq!(store.log.append(channel, 0, vec![create("late")]).await.unwrap(), Append::Closed);
}

pub(crate) async fn a_deleted_channel_is_gone_at_once(store: Store) {
    let row = guild();
    let (gone, kept) = (channel_of(row.id), channel_of(row.id));
    let channels = [gone.clone(), kept.clone()].map(Write::InsertChannel);
    commit(&store, [Write::InsertGuild(row.clone())].into_iter().chain(channels).collect()).await;
    let entries = vec![create("a"), create("b")];
    append(&store, gone.id, 0, entries.clone()).await;
    append(&store, kept.id, 0, vec![create("a")]).await;
    commit(&store, vec![Write::DeleteChannel(gone.id)]).await;
    assert_gone(&store, gone.id).await;
    // A retry of what was sent is no reason to answer from the grave.
    let Body::Create { nonce, .. } = entries[0].body else { panic!("not a message") };
    assert_eq!(store.log.sent(gone.id, entries[0].actor, nonce).await.unwrap(), None);
    assert_eq!(store.log.append(gone.id, 2, entries).await.unwrap(), Append::Closed);
    assert_eq!(store.metadata.guild(row.id).await.unwrap().unwrap().channels, std::slice::from_ref(&kept));
    assert_eq!(store.log.position(kept.id).await.unwrap().unwrap().seq, 1);
}

pub(crate) async fn a_deleted_guild_is_gone_at_once(store: Store) {
    let row = guild();
    let (channel, user) = (channel_of(row.id), UserId::from(fresh()));
    let invite = invite(row.id);
    let writes = vec![
        Write::InsertGuild(row.clone()),
        Write::InsertChannel(channel.clone()),
        Write::InsertMember(member(row.id, user)),
        Write::InsertInvite(invite.clone()),
    ];
    commit(&store, writes).await;
    append(&store, channel.id, 0, vec![create("a"), create("b")]).await;
    let stream = guild_stream(row.id);
    let gone = vec![event(stream, b"gone")];
    let answer = store.metadata.commit(Some((stream, 0)), vec![Write::DeleteGuild(row.id)], gone).await.unwrap();
    assert!(matches!(answer, Commit::Done(positions) if positions[0].seq == 1));
    assert!(store.metadata.guild(row.id).await.unwrap().is_none());
    assert!(store.metadata.guilds_of(user).await.unwrap().is_empty());
    assert_eq!(store.metadata.invite(&invite.code).await.unwrap(), None);
    assert_gone(&store, channel.id).await;
    // Its last word can still be read.
    assert_eq!(store.metadata.stream_position(stream).await.unwrap().unwrap().seq, 1);
    assert_eq!(store.metadata.stream_events(stream, 0, 10).await.unwrap()[0].payload, b"gone");
}
