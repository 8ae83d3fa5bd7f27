//! Rows and entries for the cases. Every call makes new ids, so that cases of one store cannot meet.

use std::sync::atomic::{AtomicU64, Ordering};

use guildhall_proto::ids::{ChannelId, GuildId, MessageId, StreamKey, StreamKind, UserId};
use uuid::Uuid;

use crate::store::{Append, Body, ChannelRow, Commit, Entry, GuildRow, MemberRow, NewEvent, Store, UserRow, Write};

/// A time that the rows bear.
pub(in crate::store) const NOW_MS: u64 = 1_800_000_000_000;
/// Who writes the messages.
pub(in crate::store) const AUTHOR: u64 = 4_611_686_018_427_387_905;

/// An id that was not there before.
pub(in crate::store) fn fresh() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(7_000_000_000_000_000_000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(in crate::store) fn user() -> UserRow {
    let id = fresh();
    UserRow {
        id: id.into(),
        username: format!("user-{id}"),
        display_name: "Ada".into(),
        avatar_url: String::new(),
        custom_status: String::new(),
        password_hash: Some("$argon2id$".into()),
        bot_owner: None,
        admin: false,
        create_ms: NOW_MS,
        delete_ms: None,
    }
}

pub(in crate::store) fn guild() -> GuildRow {
    GuildRow {
        id: fresh().into(),
        name: "Guild".into(),
        icon_url: String::new(),
        owner: AUTHOR.into(),
        create_ms: NOW_MS,
    }
}

pub(in crate::store) fn channel_of(guild: GuildId) -> ChannelRow {
    ChannelRow {
        id: fresh().into(),
        guild,
        name: "general".into(),
        kind: 1,
        position: 0,
        parent: None,
        topic: String::new(),
        create_ms: NOW_MS,
        overwrites: Vec::new(),
        in_step: false,
        slow_mode_seconds: 0,
    }
}

pub(in crate::store) fn member(guild: GuildId, user: UserId) -> MemberRow {
    MemberRow::new(guild, user, NOW_MS)
}

pub(in crate::store) fn event(stream: StreamKey, payload: &[u8]) -> NewEvent {
    NewEvent { stream, actor: AUTHOR.into(), time_ms: NOW_MS, payload: payload.to_vec() }
}

pub(in crate::store) fn guild_stream(guild: GuildId) -> StreamKey {
    StreamKey { kind: StreamKind::Guild, id: guild.into() }
}

pub(in crate::store) fn user_stream(user: UserId) -> StreamKey {
    StreamKey { kind: StreamKind::User, id: user.into() }
}

/// Commits writes that must succeed.
pub(in crate::store) async fn commit(store: &Store, writes: Vec<Write>) {
    let done = store.metadata.commit(None, writes, Vec::new()).await.unwrap();
    assert_eq!(done, Commit::Done(Vec::new()));
}

/// A new channel in a new guild.
pub(in crate::store) async fn channel(store: &Store) -> ChannelId {
    let guild = guild();
    let channel = channel_of(guild.id);
    let id = channel.id;
    commit(store, vec![Write::InsertGuild(guild), Write::InsertChannel(channel)]).await;
    id
}

/// A new message.
pub(in crate::store) fn create(content: &str) -> Entry {
    create_as(AUTHOR, Uuid::new_v4(), content)
}

/// A new message by this author with this nonce.
pub(in crate::store) fn create_as(author: u64, nonce: Uuid, content: &str) -> Entry {
    let body = Body::Create { nonce, fingerprint: u64::MAX - 1, content: content.into(), reply_to: None };
    entry(author, body)
}

pub(in crate::store) fn edit(message: u64, content: &str) -> Entry {
    entry(AUTHOR, Body::Edit { message: message.into(), content: content.into() })
}

pub(in crate::store) fn delete(message: u64) -> Entry {
    entry(AUTHOR, Body::Delete { message: message.into() })
}

fn entry(actor: u64, body: Body) -> Entry {
    Entry { actor: actor.into(), time_ms: NOW_MS, guild_seq: 3, body }
}

/// Appends all of these, which must succeed; in parts if the engine wants it so.
pub(in crate::store) async fn append(store: &Store, channel: ChannelId, mut head: u64, mut entries: Vec<Entry>) -> u64 {
    while !entries.is_empty() {
        match store.log.append(channel, head, entries.clone()).await.unwrap() {
            Append::Done { taken } => {
                assert!((1..=entries.len()).contains(&taken));
                head += taken as u64;
                entries.drain(..taken);
            }
            other => panic!("not appended: {other:?}"),
        }
    }
    head
}

/// Ids of messages.
pub(in crate::store) fn ids(ids: impl IntoIterator<Item = u64>) -> Vec<MessageId> {
    ids.into_iter().map(MessageId::from).collect()
}
