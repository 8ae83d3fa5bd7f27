//! Users, tokens, guilds, channels, members, roles, bans and invites, with the streams of guilds and users.
//!
//! Every change is one `commit`: rows and events in one transaction, under a compare-and-set on the head of at most one
//! stream. That head is the version of all rights in a guild, so a decision taken at it holds when the change lands.

use async_trait::async_trait;
use guildhall_proto::ids::{ChannelId, GuildId, LoginSessionId, RoleId, StreamKey, UserId};

use super::{
    AuditQuery, AuditRow, BanRow, BlockRow, ChannelRow, ErasureRow, GuildRow, GuildSnapshot, InviteRow, MemberRow,
    Position, Result, RoleRow, TokenRow, UserRow,
};

/// One row to be written.
#[derive(Clone, Debug)]
pub enum Write {
    /// A new user, with a stream.
    InsertUser(UserRow),
    /// A user's profile (user name, display name, avatar, custom status). `Taken::Username` if another one has the name.
    UpdateProfile(UserRow),
    /// Writes nothing. `Taken::Password` if the user is deleted or has another password by now; nobody changes that before
    /// this commit is done.
    RequireUser {
        /// Who.
        user: UserId,
        /// The hash of the password; `None` for bots.
        password_hash: Option<String>,
    },
    /// A new password. `Taken::Password` if the user has another one than `old` by now.
    SetPassword {
        /// Whose.
        user: UserId,
        /// The hash so far.
        old: String,
        /// The new hash.
        new: String,
    },
    /// A user goes, and leaves a tombstone: names, picture, status and password are erased, the stream is closed, blocks of
    /// and by the user go. `Taken::Owner` if the user owns guilds. Memberships and tokens are not touched.
    EraseUser {
        /// Who.
        user: UserId,
        /// Unix milliseconds.
        delete_ms: u64,
    },
    /// A block; one that is there already stays.
    InsertBlock(BlockRow),
    /// A block goes.
    DeleteBlock {
        /// Whose.
        user: UserId,
        /// Of whom.
        blocked: UserId,
    },
    /// The messages of a deleted account are to be erased.
    InsertErasure(ErasureRow),
    /// An erasure is further: the row with its version, which becomes one more. `Taken::Erasure` if it has another one.
    MoveErasure(ErasureRow),
    /// An erasure is done.
    DeleteErasure(UserId),
    /// A new token.
    InsertToken(TokenRow),
    /// Last use and end of a token.
    TouchToken {
        /// Which.
        id: LoginSessionId,
        /// Unix milliseconds.
        last_used_ms: u64,
        /// Unix milliseconds.
        expire_ms: Option<u64>,
    },
    /// All tokens of a user end at this moment, unless they end before.
    ExpireTokens {
        /// Whose.
        user: UserId,
        /// Unix milliseconds.
        expire_ms: u64,
    },
    /// All tokens of a user but one end now, and are remembered as ended. After a `SetPassword` or an `EraseUser` those are
    /// among them that others make at the same time with a `RequireUser`.
    EndTokens {
        /// Whose.
        user: UserId,
        /// The one that goes on.
        except: Option<LoginSessionId>,
    },
    /// A token ends now.
    DeleteToken {
        /// Which.
        id: LoginSessionId,
        /// Whose.
        user: UserId,
    },
    /// The digest of the code that makes an administrator; replaces any earlier one.
    SetSetupCode([u8; 32]),
    /// Uses the setup code up. `Taken::SetupCode` if it is not this one, or none is open.
    UseSetupCode([u8; 32]),
    /// A new guild, with a stream.
    InsertGuild(GuildRow),
    /// A guild's name and icon.
    UpdateGuild(GuildRow),
    /// A guild's owner.
    SetOwner(GuildId, UserId),
    /// A guild goes, with its members, channels (as `DeleteChannel`), roles, bans, invites and its audit log. Its stream
    /// can still be read.
    DeleteGuild(GuildId),
    /// A new member. `Taken::Banned` if the user is banned.
    InsertMember(MemberRow),
    /// A member's nickname and time-out.
    UpdateMember(MemberRow),
    /// All roles of a member.
    SetMemberRoles(GuildId, UserId, Vec<RoleId>),
    /// A member goes, with the member's roles and overwrites.
    DeleteMember(GuildId, UserId),
    /// A new role.
    InsertRole(RoleRow),
    /// A role's name, permissions, color and how it is shown.
    UpdateRole(RoleRow),
    /// A role goes, with its overwrites, and from all members.
    DeleteRole(GuildId, RoleId),
    /// The rank of each role.
    SetRolePositions(Vec<(RoleId, u32)>),
    /// A ban; replaces an earlier one of the same user.
    InsertBan(BanRow),
    /// A ban ends.
    DeleteBan(GuildId, UserId),
    /// An act is written down.
    InsertAudit(AuditRow),
    /// A new channel, with a log.
    InsertChannel(ChannelRow),
    /// A channel's name, topic, parent, slow mode and overwrites.
    UpdateChannel(ChannelRow),
    /// A channel goes. Its log is closed at once; its messages are erased soon after, in small steps.
    DeleteChannel(ChannelId),
    /// The place of each channel.
    SetPositions(Vec<(ChannelId, u32)>),
    /// A new invite.
    InsertInvite(InviteRow),
    /// Uses an invite once. `Taken::Invite` if it does not exist, ended before `now_ms`, or is used up.
    UseInvite {
        /// Which.
        code: String,
        /// Unix milliseconds.
        now_ms: u64,
    },
    /// An invite goes.
    DeleteInvite(String),
}

/// An event of a guild's or user's stream, to be appended.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The stream; a guild or a user.
    pub stream: StreamKey,
    /// Who does it.
    pub actor: UserId,
    /// Unix milliseconds.
    pub time_ms: u64,
    /// The encoded payload.
    pub payload: Vec<u8>,
}

/// An event of a guild's or user's stream, as it stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Its position.
    pub seq: u64,
    /// Who did it.
    pub actor: UserId,
    /// Unix milliseconds.
    pub time_ms: u64,
    /// The encoded payload.
    pub payload: Vec<u8>,
}

/// Something that must be unique or unused, and is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A user name.
    Username,
    /// A primary key: make a new random id and try again.
    Id,
    /// The member is one already.
    Member,
    /// The user is banned from the guild.
    Banned,
    /// The invite does not work (any more).
    Invite,
    /// The setup code is wrong or used.
    SetupCode,
    /// The user was deleted, or the password is another one.
    Password,
    /// The user owns guilds.
    Owner,
    /// Somebody else works on the erasure.
    Erasure,
}

/// What became of a commit.
#[derive(Debug, PartialEq, Eq)]
pub enum Commit {
    /// All is durable. The positions of the events, in their order.
    Done(Vec<Position>),
    /// Nothing was written: the stream's head is not where it was expected. `None`: the stream does not exist.
    Moved(Option<u64>),
    /// Nothing was written: a condition of a row does not hold.
    Taken(Taken),
}

/// Something that other nodes may hold in memory and that is not true any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A login session ended.
    LoginEnded(LoginSessionId),
    /// All tokens that a user has at this moment end then.
    TokensExpire {
        /// Whose.
        user: UserId,
        /// Unix milliseconds.
        expire_ms: u64,
    },
    /// A user's profile changed.
    ProfileChanged(UserId),
    /// A user blocked others, or was blocked, or not any more.
    BlocksChanged(UserId),
}

/// Everything but the logs of channels.
#[async_trait]
pub trait Metadata: Send + Sync + 'static {
    /// Does all writes in their order and appends all events, or nothing. Durable on return. With `expected`, only if
    /// that stream's head is there.
    async fn commit(
        &self,
        expected: Option<(StreamKey, u64)>,
        writes: Vec<Write>,
        events: Vec<NewEvent>,
    ) -> Result<Commit>;

    /// A user.
    async fn user(&self, id: UserId) -> Result<Option<UserRow>>;
    /// A user by the unique name.
    async fn user_by_name(&self, username: &str) -> Result<Option<UserRow>>;
    /// Users by id; unknown ones are left out. Any order.
    async fn users(&self, ids: &[UserId]) -> Result<Vec<UserRow>>;
    /// The bots of a user, newest first, without deleted ones.
    async fn bots_of(&self, owner: UserId) -> Result<Vec<UserRow>>;
    /// Whether a user who administers the server exists.
    async fn has_admin(&self) -> Result<bool>;

    /// Whom a user has blocked, newest first.
    async fn blocks(&self, user: UserId) -> Result<Vec<BlockRow>>;
    /// Whom a user has blocked, and who has blocked the user. Any order; some may be named twice.
    async fn hidden_from(&self, user: UserId) -> Result<Vec<UserId>>;
    /// The blocks of two users of each other: none, one or both.
    async fn blocks_between(&self, one: UserId, other: UserId) -> Result<Vec<BlockRow>>;
    /// The erasures that anybody may go on with at this moment, up to `limit`, those that wait longest first.
    async fn erasures(&self, now_ms: u64, limit: usize) -> Result<Vec<ErasureRow>>;

    /// A token by its digest, with its user.
    async fn token(&self, digest: &[u8; 32]) -> Result<Option<(TokenRow, UserRow)>>;
    /// The tokens of a user, newest first.
    async fn tokens(&self, user: UserId) -> Result<Vec<TokenRow>>;

    /// A guild; `None`: it does not exist (any more). One snapshot.
    async fn guild(&self, id: GuildId) -> Result<Option<GuildSnapshot>>;
    /// The guilds of a user, oldest membership first.
    async fn guilds_of(&self, user: UserId) -> Result<Vec<GuildId>>;
    /// The guilds that a user owns, by id.
    async fn guilds_owned(&self, user: UserId) -> Result<Vec<GuildId>>;
    /// What a session begins with: a user, how far the user's stream is, and the guilds, as `user`, `stream_position` and
    /// `guilds_of` have them, the position not newer than the rest.
    async fn beginning(&self, id: UserId) -> Result<Option<(UserRow, Position, Vec<GuildId>)>> {
        let Some(position) = self.stream_position(StreamKey::user(id)).await? else { return Ok(None) };
        let Some(user) = self.user(id).await? else { return Ok(None) };
        Ok(Some((user, position, self.guilds_of(id).await?)))
    }
    /// The guild of a channel; `None`: no such channel (any more).
    async fn guild_of(&self, channel: ChannelId) -> Result<Option<GuildId>>;
    /// Up to `limit` members with ids above `after`, by id.
    async fn members(&self, guild: GuildId, after: UserId, limit: usize) -> Result<Vec<(MemberRow, UserRow)>>;

    /// A ban.
    async fn ban(&self, guild: GuildId, user: UserId) -> Result<Option<BanRow>>;
    /// Up to `limit` bans of users with ids above `after`, by id, with the users that are known.
    async fn bans(&self, guild: GuildId, after: UserId, limit: usize) -> Result<Vec<(BanRow, Option<UserRow>)>>;
    /// Up to `limit` acts, the newest first.
    async fn audit(&self, guild: GuildId, query: AuditQuery, limit: usize) -> Result<Vec<AuditRow>>;

    /// An invite.
    async fn invite(&self, code: &str) -> Result<Option<InviteRow>>;
    /// The invites of a guild, newest first.
    async fn invites(&self, guild: GuildId) -> Result<Vec<InviteRow>>;

    /// How far a guild's or user's stream is; `None`: no such stream.
    async fn stream_position(&self, stream: StreamKey) -> Result<Option<Position>>;
    /// How far several guilds' and users' streams are, in their order.
    async fn stream_positions(&self, streams: &[StreamKey]) -> Result<Vec<Option<Position>>>;
    /// Up to `limit` events after `after`, in order, without a hole.
    async fn stream_events(&self, stream: StreamKey, after: u64, limit: usize) -> Result<Vec<EventRow>>;

    /// What nodes must forget, after a watermark, with the next watermark; 0 gives the present one and nothing else. No
    /// notice is missed by a reader that goes on from the last watermark within some minutes; one may come more than
    /// once. A process alone knows what it changed itself, so an engine for one process has none.
    async fn notices(&self, _after: u64) -> Result<(u64, Vec<Notice>)> {
        Ok((0, Vec::new()))
    }
}
