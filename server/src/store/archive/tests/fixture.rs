//! A store with something of everything in it.

use guildhall_proto::ids::{ChannelId, UserId};
use uuid::Uuid;

use crate::store::contract::{
    AUTHOR, NOW_MS, append, channel_of, commit, create, create_as, delete, edit, event, fresh, guild, guild_stream,
    member, user, user_stream,
};
use crate::store::{Commit, InviteRow, Store, TokenKind, TokenRow, Write};

/// What is in it.
pub(in crate::store) struct Filled {
    /// A channel with many messages.
    pub(in crate::store) long: ChannelId,
    /// Its head.
    pub(in crate::store) head: u64,
    /// All channels, the empty one too.
    channels: Vec<ChannelId>,
    /// A channel that was deleted.
    deleted: ChannelId,
    /// Somebody with odd characters in the name.
    odd: UserId,
    /// The digest of that one's token.
    digest: [u8; 32],
    /// The nonce of a message that was deleted.
    nonce: Uuid,
}

/// Messages in the longest channel.
const MANY: usize = 3_000;

/// Fills a store.
pub(in crate::store) async fn fill(store: &Store) -> Filled {
    let mut odd = user();
    odd.display_name = "a\0b\u{1}c\u{1}0\u{10ffff}".to_owned();
    let guild = guild();
    let rows = [channel_of(guild.id), channel_of(guild.id), channel_of(guild.id), channel_of(guild.id)];
    let [long, short, empty, deleted] = rows.each_ref().map(|row| row.id);
    let digest: [u8; 32] = std::array::from_fn(|at| (fresh() >> (at % 8)) as u8);
    let (odd_id, guild_id) = (odd.id, guild.id);
    let mut writes = vec![
        Write::InsertUser(odd),
        Write::InsertUser(user()),
        Write::InsertToken(token(odd_id, digest)),
        Write::InsertGuild(guild),
        Write::InsertMember(member(guild_id, odd_id)),
        Write::InsertInvite(invite(guild_id)),
        Write::SetSetupCode([7; 32]),
    ];
    writes.extend(rows.map(Write::InsertChannel));
    commit(store, writes).await;
    let events = vec![event(guild_stream(guild_id), &[0, 1, 255]), event(user_stream(odd_id), b"x")];
    let done = store.metadata.commit(None, Vec::new(), events).await.unwrap();
    assert!(matches!(done, Commit::Done(positions) if positions.len() == 2));
    let nonce = Uuid::now_v7();
    let entries = vec![
        create("one"),
        create_as(AUTHOR, nonce, "secret"),
        edit(2, "secret still"),
        create("\u{1}0 as it is"),
        edit(4, "\u{1}1 as it is"),
        edit(4, "last \u{1f980}"),
        delete(2),
    ];
    append(store, short, 0, entries).await;
    let head = append(store, long, 0, (0..MANY).map(|number| create(&format!("text {number}"))).collect()).await;
    let head = append(store, long, head, vec![edit(5, "five"), delete(6), create("after"), edit(5, "fünf")]).await;
    append(store, deleted, 0, (0..50).map(|_| create("gone")).collect()).await;
    commit(store, vec![Write::DeleteChannel(deleted)]).await;
    Filled { long, head, channels: vec![long, short, empty], deleted, odd: odd_id, digest, nonce }
}

fn token(user: UserId, digest: [u8; 32]) -> TokenRow {
    TokenRow {
        id: fresh().into(),
        digest,
        user,
        kind: TokenKind::Person,
        device: "a\u{1} device".to_owned(),
        create_ms: NOW_MS,
        last_used_ms: NOW_MS,
        expire_ms: None,
    }
}

fn invite(guild: guildhall_proto::ids::GuildId) -> InviteRow {
    InviteRow {
        code: format!("code{}", fresh()),
        guild,
        creator: AUTHOR.into(),
        max_uses: 3,
        uses: 1,
        expire_ms: Some(NOW_MS),
        create_ms: NOW_MS,
    }
}

impl Filled {
    /// Looks at both stores through the doors that a server uses.
    pub(in crate::store) async fn assert_same(&self, from: &Store, to: &Store) {
        for channel in &self.channels {
            assert_eq!(to.log.position(*channel).await.unwrap(), from.log.position(*channel).await.unwrap());
            let all = to.log.read(*channel, 0, usize::MAX).await.unwrap();
            assert_eq!(all, from.log.read(*channel, 0, usize::MAX).await.unwrap());
        }
        assert_eq!(to.log.position(self.deleted).await.unwrap(), None);
        let short = self.channels[1];
        let sent = to.log.sent(short, AUTHOR.into(), self.nonce).await.unwrap();
        assert_eq!(sent, from.log.sent(short, AUTHOR.into(), self.nonce).await.unwrap());
        assert_eq!(sent.map(|sent| (sent.message.get(), sent.fingerprint)), Some((2, None)));
        assert_eq!(to.metadata.user(self.odd).await.unwrap(), from.metadata.user(self.odd).await.unwrap());
        let (token, user) = to.metadata.token(&self.digest).await.unwrap().unwrap();
        assert_eq!((user.id, token.device.as_str()), (self.odd, "a\u{1} device"));
        let stream = user_stream(self.odd);
        let position = to.metadata.stream_position(stream).await.unwrap();
        assert_eq!(position, from.metadata.stream_position(stream).await.unwrap());
        assert_eq!(position.map(|position| position.seq), Some(1));
        let events = to.metadata.stream_events(stream, 0, 10).await.unwrap();
        assert_eq!(events, from.metadata.stream_events(stream, 0, 10).await.unwrap());
    }
}
