//! Lines become a guild, by the same commits and appends as everything else: it begins a stream of its own, in which it
//! is made, people join it, and nothing else has happened yet. Messages keep their ids, times and nonces.
//!
//! The members come last, so that nobody sees the guild before it is whole. If a line makes no sense, the guild is deleted.

use std::collections::{HashMap, HashSet};
use std::io::BufRead;

use guildhall_proto::{
    ids::{ChannelId, GuildId, MessageId, RoleId, StreamKey, UserId},
    v1::{self, event::Payload},
};

use uuid::Uuid;

use super::lines::{self, Line};
use super::people::People;
use super::{Error, Outcome};
use crate::chat::{events, guilds};
use crate::clock::Clock;
use crate::store::{
    Append, Body, ChannelRow, Commit, Entry, GuildRow, MemberRow, NewEvent, Store, Target, UserRow, Write,
};

/// Entries that are appended at once.
const ENTRIES_MAX: usize = 500;
/// Members that join in one commit.
const MEMBERS_MAX: usize = 200;
/// How often ids are made anew because they are taken.
const TRIES_MAX: u32 = 8;

/// Reads a guild. Ids that are taken here are replaced.
///
/// # Errors
/// With the line that makes no sense; the store fails.
pub async fn import(store: &Store, clock: &Clock, from: &mut (dyn BufRead + Send)) -> Result<Outcome, Error> {
    let mut import = Import {
        store,
        clock,
        number: 0,
        guild: None,
        channels: Vec::new(),
        logs: HashMap::new(),
        members: Vec::new(),
        joined: HashSet::new(),
        people: People::default(),
        made: None,
        entries: 0,
    };
    let read = import.read(from).await;
    if let (Err(_), Some(guild)) = (&read, import.made) {
        // What cannot be taken back is told by the error that led here.
        let _ = store.metadata.commit(None, vec![Write::DeleteGuild(guild)], Vec::new()).await;
    }
    read
}

struct Import<'a> {
    store: &'a Store,
    clock: &'a Clock,
    /// Of the line that is being read.
    number: u64,
    guild: Option<GuildRow>,
    channels: Vec<ChannelRow>,
    /// By the ids in the file.
    logs: HashMap<ChannelId, Log>,
    members: Vec<(MemberRow, UserRow)>,
    joined: HashSet<UserId>,
    people: People,
    made: Option<GuildId>,
    entries: u64,
}

/// A channel that is being written.
struct Log {
    channel: ChannelId,
    head: u64,
    /// As of which rights its entries are: those of the new guild.
    guild_seq: u64,
    waiting: Vec<Entry>,
    /// The nonces among those.
    nonces: HashSet<(UserId, Uuid)>,
    /// Messages that may be edited and deleted.
    live: HashSet<MessageId>,
}

impl Import<'_> {
    async fn read(&mut self, from: &mut (dyn BufRead + Send)) -> Result<Outcome, Error> {
        let mut text = String::new();
        loop {
            text.clear();
            self.number += 1;
            let bytes = from.read_line(&mut text).map_err(|error| self.wrong(error.to_string()))?;
            if bytes == 0 {
                return Err(self.wrong("the file ends without its last line"));
            }
            let line = lines::read(text.trim_end()).map_err(|reason| self.wrong(reason))?;
            if let Line::End(lines) = line {
                return self.finish(lines).await;
            }
            self.line(line).await?;
        }
    }

    fn wrong(&self, reason: impl Into<String>) -> Error {
        Error::Line { number: self.number, reason: reason.into() }
    }

    async fn line(&mut self, line: Line) -> Result<(), Error> {
        match (line, &self.guild) {
            (Line::Guild(row), None) => self.guild = Some(row),
            (Line::Guild(_), Some(_)) => return Err(self.wrong("a second guild")),
            (_, None) => return Err(self.wrong("the first line is no guild")),
            (Line::User(row), _) => {
                let now_ms = self.clock.now_ms();
                let mut new_id = || guildhall_proto::ids::new_id(now_ms, rand::random());
                self.people.meet(self.store, row, &mut new_id).await?;
            }
            (Line::Channel(_), _) if self.made.is_some() => return Err(self.wrong("a channel behind entries")),
            (Line::Channel(row), _) => {
                if self.channels.iter().any(|other| other.id == row.id) {
                    return Err(self.wrong("a second channel of the same id"));
                }
                self.channels.push(row);
            }
            (Line::Member(row), _) => {
                let user = self.people.get(row.user).map_err(|reason| self.wrong(reason))?.clone();
                if !self.joined.insert(user.id) {
                    return Err(self.wrong("the same member twice"));
                }
                self.members.push((row, user));
            }
            (Line::Entry(channel, seq, entry), _) => self.entry(channel, seq, entry).await?,
            (Line::Event | Line::End(_), _) => {}
        }
        Ok(())
    }

    async fn entry(&mut self, channel: ChannelId, seq: u64, mut entry: Entry) -> Result<(), Error> {
        self.make().await?;
        let number = self.number;
        let wrong = |reason: String| Error::Line { number, reason };
        entry.actor = self.people.get(entry.actor).map_err(wrong)?.id;
        let log = self.logs.get_mut(&channel);
        let log = log.ok_or_else(|| wrong(format!("there is no line of a channel {channel}")))?;
        let next = log.head + log.waiting.len() as u64 + 1;
        if seq != next {
            return Err(wrong(format!("entry {seq} of channel {channel}, where {next} has to be")));
        }
        entry.guild_seq = log.guild_seq;
        log.check(&entry, seq).map_err(wrong)?;
        log.waiting.push(entry);
        self.entries += 1;
        if log.waiting.len() >= ENTRIES_MAX { log.write(self.store, number).await } else { Ok(()) }
    }

    /// The guild and its channels, with its owner alone.
    async fn make(&mut self) -> Result<(), Error> {
        if self.made.is_some() {
            return Ok(());
        }
        let Some(mut guild) = self.guild.clone() else { return Ok(()) };
        let is_known = |parent: &ChannelId| self.channels.iter().any(|channel| channel.id == *parent);
        if !self.channels.iter().filter_map(|channel| channel.parent.as_ref()).all(is_known) {
            return Err(self.wrong("a channel above has a parent of which there is no line"));
        }
        let owner = self.people.get(guild.owner).map_err(|reason| self.wrong(reason))?.clone();
        guild.owner = owner.id;
        let mut channels = self.channels.clone();
        for _ in 0..TRIES_MAX {
            let (writes, told) = self.founding(&guild, &channels, &owner);
            match self.store.metadata.commit(None, writes, told).await? {
                Commit::Done(positions) => {
                    let guild_seq = positions.iter().take(positions.len() - 1).map(|at| at.seq).max().unwrap_or(0);
                    let logs = self
                        .channels
                        .iter()
                        .zip(&channels)
                        .map(|(there, here)| (there.id, Log::new(here.id, guild_seq)));
                    self.logs = logs.collect();
                    self.made = Some(guild.id);
                    self.guild = Some(guild);
                    return Ok(());
                }
                Commit::Taken(_) => self.replace_taken(&mut guild, &mut channels).await?,
                Commit::Moved(_) => return Err(Error::Conflict),
            }
        }
        Err(Error::Conflict)
    }

    fn founding(&self, guild: &GuildRow, channels: &[ChannelRow], owner: &UserRow) -> (Vec<Write>, Vec<NewEvent>) {
        let now_ms = self.clock.now_ms();
        let stream = StreamKey::guild(guild.id);
        let event = |stream: StreamKey, payload| events::new_event(stream, owner.id, now_ms, payload);
        let join_ms = self.members.iter().find(|(_, user)| user.id == owner.id).map_or(now_ms, |(row, _)| row.join_ms);
        let member = MemberRow::new(guild.id, owner.id, join_ms);
        let shown = || Some(events::guild(guild, 1));
        let everyone = guilds::everyone(guild);
        let mut told = vec![
            event(stream, Payload::GuildCreated(v1::GuildCreated { guild: shown() })),
            event(stream, Payload::RoleCreated(v1::RoleCreated { role: Some(events::role(&everyone)) })),
            event(stream, Payload::MemberJoined(v1::MemberJoined { member: Some(events::member(&member, owner)) })),
        ];
        let mut writes =
            vec![Write::InsertGuild(guild.clone()), Write::InsertRole(everyone), Write::InsertMember(member)];
        for channel in channels {
            let mut row = ChannelRow { guild: guild.id, ..channel.clone() };
            row.overwrites.iter_mut().for_each(|overwrite| overwrite.target = Target::Role(RoleId(guild.id.get())));
            let payload = v1::ChannelCreated { channel: Some(events::channel(&row)) };
            told.push(event(stream, Payload::ChannelCreated(payload)));
            writes.push(Write::InsertChannel(row));
        }
        told.push(event(owner.id.into(), Payload::GuildJoined(v1::GuildJoined { guild: shown() })));
        (writes, told)
    }

    /// New ids for what is there already. What was deleted here and is still being erased is not seen, so channels that
    /// look free get new ones too when nothing else is to blame.
    async fn replace_taken(&self, guild: &mut GuildRow, channels: &mut [ChannelRow]) -> Result<(), Error> {
        let new_id = || guildhall_proto::ids::new_id(self.clock.now_ms(), rand::random());
        let mut replaced = HashMap::new();
        if self.store.metadata.stream_position(StreamKey::guild(guild.id)).await?.is_some() {
            guild.id = GuildId(new_id());
            replaced.insert(ChannelId(0), ChannelId(0));
        }
        for channel in &mut *channels {
            if self.store.metadata.guild_of(channel.id).await?.is_some() {
                replaced.insert(channel.id, ChannelId(new_id()));
            }
        }
        if replaced.is_empty() {
            replaced = channels.iter().map(|channel| (channel.id, ChannelId(new_id()))).collect();
        }
        for channel in channels {
            channel.id = replaced.get(&channel.id).copied().unwrap_or(channel.id);
            channel.parent = channel.parent.map(|parent| replaced.get(&parent).copied().unwrap_or(parent));
        }
        Ok(())
    }

    async fn finish(&mut self, lines: u64) -> Result<Outcome, Error> {
        if lines != self.number - 1 {
            return Err(self.wrong(format!("{} lines, where {lines} have to be", self.number - 1)));
        }
        if self.guild.is_none() {
            return Err(self.wrong("the first line is no guild"));
        }
        self.make().await?;
        for log in self.logs.values_mut() {
            log.write(self.store, self.number).await?;
        }
        let Some(guild) = self.guild.clone() else { return Err(Error::Conflict) };
        let others: Vec<_> = self.members.iter().filter(|(_, user)| user.id != guild.owner).cloned().collect();
        for some in others.chunks(MEMBERS_MAX) {
            self.join(&guild, some, others.len() + 1).await?;
        }
        Ok(Outcome {
            guild: guild.id,
            channels: self.channels.len() as u64,
            members: others.len() as u64 + 1,
            entries: self.entries,
            placeholders: self.people.placeholders,
        })
    }

    async fn join(&self, guild: &GuildRow, members: &[(MemberRow, UserRow)], count: usize) -> Result<(), Error> {
        let now_ms = self.clock.now_ms();
        let (mut writes, mut told) = (Vec::new(), Vec::new());
        for (row, user) in members {
            let member = MemberRow::new(guild.id, user.id, row.join_ms);
            let joined = v1::MemberJoined { member: Some(events::member(&member, user)) };
            let own = v1::GuildJoined { guild: Some(events::guild(guild, count)) };
            told.push(events::new_event(guild.id, user.id, now_ms, Payload::MemberJoined(joined)));
            told.push(events::new_event(user.id, user.id, now_ms, Payload::GuildJoined(own)));
            writes.push(Write::InsertMember(member));
        }
        match self.store.metadata.commit(None, writes, told).await? {
            Commit::Done(_) => Ok(()),
            Commit::Taken(_) | Commit::Moved(_) => Err(Error::Conflict),
        }
    }
}

impl Log {
    fn new(channel: ChannelId, guild_seq: u64) -> Self {
        let (waiting, nonces, live) = (Vec::new(), HashSet::new(), HashSet::new());
        Self { channel, head: 0, guild_seq, waiting, nonces, live }
    }

    /// What a log never holds: changes of what is not there, and answers to what comes later.
    fn check(&mut self, entry: &Entry, seq: u64) -> Result<(), String> {
        match &entry.body {
            Body::Create { nonce, reply_to, .. } => {
                if !self.nonces.insert((entry.actor, *nonce)) {
                    return Err(format!("the nonce {nonce} was used before"));
                }
                if reply_to.is_some_and(|reply| reply.get() == 0 || reply.get() >= seq) {
                    return Err("`reply_to` is no earlier message".to_owned());
                }
                self.live.insert(MessageId(seq));
            }
            Body::Edit { message, .. } if !self.live.contains(message) => {
                return Err(format!("there is no message {message} to edit"));
            }
            Body::Delete { message } if !self.live.remove(message) => {
                return Err(format!("there is no message {message} to delete"));
            }
            Body::Edit { .. } | Body::Delete { .. } => {}
        }
        Ok(())
    }

    async fn write(&mut self, store: &Store, number: u64) -> Result<(), Error> {
        while !self.waiting.is_empty() {
            match store.log.append(self.channel, self.head, self.waiting.clone()).await? {
                Append::Done { taken } => {
                    self.head += taken as u64;
                    self.waiting.drain(..taken);
                    self.nonces.clear();
                }
                Append::Duplicates(found) => {
                    let behind = self.waiting.len() - found.first().map_or(0, |duplicate| duplicate.index);
                    let reason = format!("a nonce was used before, {behind} entries of its channel up");
                    return Err(Error::Line { number, reason });
                }
                Append::HeadMoved { .. } | Append::Gone | Append::Closed => return Err(Error::Conflict),
            }
        }
        Ok(())
    }
}
