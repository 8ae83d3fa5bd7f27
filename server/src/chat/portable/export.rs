//! A guild as lines. Each channel is read up to where it was when its turn came, so servers may go on meanwhile.

use std::collections::HashSet;
use std::io::Write;

use guildhall_proto::ids::{ChannelId, GuildId, StreamKey, UserId};
use serde_json::Value;

use super::{Error, Outcome, lines};
use crate::{
    chat::{access::Permissions, views::View},
    store::{ChannelRow, Store},
};

/// Rows that are read at once.
const PAGE_ROWS: usize = 500;

/// Writes a guild. Codes of invites are secrets and are not in it; without its code an invite is nothing.
///
/// # Errors
/// There is no such guild; the store, or the output, fails.
pub async fn export(store: &Store, guild: GuildId, out: &mut (dyn Write + Send)) -> Result<Outcome, Error> {
    let picture = store.metadata.guild(guild).await?.ok_or(Error::NoGuild(guild))?;
    let view = View::new(picture.clone());
    let outcome = Outcome { guild, channels: 0, members: 0, entries: 0, placeholders: 0 };
    let mut export = Export { store, out, lines: 0, told: HashSet::new(), outcome };
    export.line(&lines::guild(&picture.guild))?;
    export.users(&[picture.guild.owner]).await?;
    for channel in &picture.channels {
        export.line(&lines::channel(channel, is_restricted(&view, channel)))?;
        export.outcome.channels += 1;
    }
    export.members(guild).await?;
    export.events(guild).await?;
    for channel in &picture.channels {
        export.entries(channel.id).await?;
    }
    let lines = export.lines;
    export.line(&lines::end(lines))?;
    export.out.flush()?;
    Ok(export.outcome)
}

/// Whether not everybody sees and reads a channel.
fn is_restricted(view: &View, channel: &ChannelRow) -> bool {
    let everyone =
        view.role(view.everyone()).map_or(Permissions::NONE, |role| Permissions::from_bits(role.permissions));
    !view.overwrites(channel).is_empty() || !everyone.has_all(Permissions::TIMED_OUT)
}

struct Export<'a> {
    store: &'a Store,
    out: &'a mut (dyn Write + Send),
    lines: u64,
    /// Users whose lines are out.
    told: HashSet<UserId>,
    outcome: Outcome,
}

impl Export<'_> {
    fn line(&mut self, value: &Value) -> Result<(), Error> {
        self.lines += 1;
        writeln!(self.out, "{value}")?;
        Ok(())
    }

    /// Those of them that were not told yet.
    async fn users(&mut self, ids: &[UserId]) -> Result<(), Error> {
        let fresh: Vec<UserId> = ids.iter().copied().filter(|id| self.told.insert(*id)).collect();
        if fresh.is_empty() {
            return Ok(());
        }
        for row in self.store.metadata.users(&fresh).await? {
            self.line(&lines::user(&row))?;
        }
        Ok(())
    }

    async fn members(&mut self, guild: GuildId) -> Result<(), Error> {
        let mut last = UserId(0);
        loop {
            let page = self.store.metadata.members(guild, last, PAGE_ROWS).await?;
            let Some((end, _)) = page.last() else { return Ok(()) };
            last = end.user;
            for (member, user) in &page {
                if self.told.insert(user.id) {
                    self.line(&lines::user(user))?;
                }
                self.line(&lines::member(member))?;
                self.outcome.members += 1;
            }
        }
    }

    async fn events(&mut self, guild: GuildId) -> Result<(), Error> {
        let mut last = 0;
        loop {
            let page = self.store.metadata.stream_events(StreamKey::guild(guild), last, PAGE_ROWS).await?;
            let Some(end) = page.last() else { return Ok(()) };
            last = end.seq;
            for event in &page {
                self.line(&lines::event(event))?;
            }
        }
    }

    async fn entries(&mut self, channel: ChannelId) -> Result<(), Error> {
        // Deleted since: then it is as empty as it will be.
        let Some(position) = self.store.log.position(channel).await? else { return Ok(()) };
        let mut last = 0;
        while last < position.seq {
            let page = self.store.log.read(channel, last, PAGE_ROWS).await?;
            let Some(end) = page.last() else { return Err(Error::Short(channel)) };
            last = end.seq;
            let actors: Vec<UserId> = page.iter().map(|record| record.actor).collect();
            self.users(&actors).await?;
            for record in &page {
                self.line(&lines::entry(channel, record))?;
                self.outcome.entries += 1;
            }
        }
        Ok(())
    }
}
