//! `channel`: the places of a guild.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use guildhall_proto::v1;

use crate::app::{App, part};
use crate::fault::{Fault, Result};
use crate::input;
use crate::output::Record;
use crate::span;

const FIELDS: [&str; 10] =
    ["id", "guild_id", "name", "kind", "position", "parent_id", "topic", "slow_mode_seconds", "in_step", "create_time"];
const COLUMNS: [&str; 6] = ["id", "name", "kind", "position", "parent_id", "topic"];

/// The places of a guild.
#[derive(Debug, Subcommand)]
pub(crate) enum Channel {
    /// Make a channel
    Create(Create),
    /// List the channels of a guild, in their order
    List {
        /// Id or name of the guild
        guild: String,
    },
    /// Show a channel
    Show {
        /// Id, GUILD/NAME or #NAME
        channel: String,
    },
    /// Change name, topic, category or slow mode
    Update(Update),
    /// Delete a channel with its messages
    Delete {
        /// Id, GUILD/NAME or #NAME
        channel: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Give all channels of a guild a new order
    Reorder {
        /// Id or name of the guild
        guild: String,
        /// Every channel of the guild exactly once, by id or name, in the new order
        #[arg(required = true)]
        channels: Vec<String>,
    },
}

/// A new channel.
#[derive(Args, Debug)]
pub(crate) struct Create {
    /// Id or name of the guild
    guild: String,
    /// 1 to 100 of a-z 0-9 -
    name: String,
    /// What it is for
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
    /// Category above it, by id or name
    #[arg(long, value_name = "CHANNEL")]
    parent: Option<String>,
    /// Its place, from 0; last unless set
    #[arg(long)]
    position: Option<u32>,
    /// A line about it
    #[arg(long, default_value = "", hide_default_value = true)]
    topic: String,
}

/// A change of a channel.
#[derive(Args, Debug)]
pub(crate) struct Update {
    /// Id, GUILD/NAME or #NAME
    channel: String,
    /// New name
    #[arg(long)]
    name: Option<String>,
    /// New topic; empty removes it
    #[arg(long)]
    topic: Option<String>,
    /// New category, by id or name; `none` takes it out of its category
    #[arg(long, value_name = "CHANNEL")]
    parent: Option<String>,
    /// How long a member waits between two messages, such as 30s or 5m, up to 6h; 0 = not at all
    #[arg(long, value_name = "TIME", value_parser = span::read)]
    slow_mode: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Kind {
    /// Messages
    #[default]
    Text,
    /// Talk
    Voice,
    /// A heading above others
    Category,
}

impl From<Kind> for v1::ChannelKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Voice => Self::Voice,
            Kind::Category => Self::Category,
        }
    }
}

impl Channel {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Create(it) => it.run(app).await,
            Self::List { guild } => {
                let server = app.server().await?;
                let guild_id = server.guild_id(&guild).await?;
                let channels = server.call(v1::ListChannelsRequest { guild_id }).await?.channels;
                app.out.list(&Record::all("Channel", &channels)?, &COLUMNS)
            }
            Self::Show { channel } => {
                let server = app.server().await?;
                let channel_id = server.channel_id(&channel).await?;
                show(app, server.call(v1::GetChannelRequest { channel_id }).await?.channel)
            }
            Self::Update(it) => it.run(app).await,
            Self::Delete { channel, yes } => {
                input::confirm(&format!("deleting the channel `{channel}`"), yes)?;
                let server = app.server().await?;
                let channel_id = server.channel_id(&channel).await?;
                server.call(v1::DeleteChannelRequest { channel_id }).await?;
                app.out.note(format!("deleted channel {channel_id}"));
                Ok(())
            }
            Self::Reorder { guild, channels } => reorder(app, &guild, &channels).await,
        }
    }
}

impl Create {
    async fn run(self, app: &App) -> Result<()> {
        let server = app.server().await?;
        let guild_id = server.guild_id(&self.guild).await?;
        let parent_id = match &self.parent {
            Some(parent) => server.channel_id_within(guild_id, parent).await?,
            None => 0,
        };
        let request = v1::CreateChannelRequest {
            guild_id,
            name: self.name,
            kind: v1::ChannelKind::from(self.kind).into(),
            parent_id,
            position: self.position,
            topic: self.topic,
        };
        show(app, server.call(request).await?.channel)
    }
}

impl Update {
    async fn run(self, app: &App) -> Result<()> {
        let placed = self.parent.is_some() || self.slow_mode.is_some();
        if self.name.is_none() && self.topic.is_none() && !placed {
            return Err(Fault::usage("nothing to change").remedy("pass --name, --topic, --parent or --slow-mode"));
        }
        let server = app.server().await?;
        let channel_id = server.channel_id(&self.channel).await?;
        let parent_id = match self.parent.as_deref() {
            None => None,
            Some("none" | "0") => Some(0),
            Some(parent) => {
                let channel = part(server.call(v1::GetChannelRequest { channel_id }).await?.channel)?;
                Some(server.channel_id_within(channel.guild_id, parent).await?)
            }
        };
        let request = v1::UpdateChannelRequest {
            channel_id,
            name: self.name,
            topic: self.topic,
            parent_id,
            slow_mode_seconds: self.slow_mode.map(span::seconds),
        };
        show(app, server.call(request).await?.channel)
    }
}

async fn reorder(app: &App, guild: &str, channels: &[String]) -> Result<()> {
    let server = app.server().await?;
    let guild_id = server.guild_id(guild).await?;
    let mut channel_ids = Vec::with_capacity(channels.len());
    for channel in channels {
        channel_ids.push(server.channel_id_within(guild_id, channel).await?);
    }
    let request = v1::ReorderChannelsRequest { guild_id, channel_ids };
    let ordered = server.call(request).await?.channels;
    app.out.list(&Record::all("Channel", &ordered)?, &COLUMNS)
}

fn show(app: &App, channel: Option<v1::Channel>) -> Result<()> {
    app.out.show(&Record::new("Channel", &part(channel)?)?, &FIELDS)
}
