//! `overwrite`: what a role or a member has more or less in one channel.

use clap::{Args, Subcommand};
use guildhall_proto::v1;
use guildhall_proto::v1::permission_overwrite::Target;

use crate::app::{App, Server, part};
use crate::fault::Result;
use crate::output::Record;
use crate::rights::{self, Changes};

/// What differs in one channel.
#[derive(Debug, Subcommand)]
pub(crate) enum Overwrite {
    /// List the overwrites of a channel, or those of its category while it is in step with that
    List {
        /// Id, GUILD/NAME or #NAME
        channel: String,
    },
    /// Give and take permissions; those that are not named stay as they are
    Set {
        #[command(flatten)]
        place: Place,
        /// Such as +send-messages,-attach-files; =NAME leaves it to the roles again
        #[arg(value_parser = rights::changes, allow_hyphen_values = true)]
        changes: Changes,
    },
    /// Delete an overwrite
    Delete {
        #[command(flatten)]
        place: Place,
    },
    /// Put a channel in step with its category again
    Sync {
        /// Id, GUILD/NAME or #NAME
        channel: String,
        /// Why, for the audit log
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
    },
}

/// Where, and whose.
#[derive(Args, Debug)]
pub(crate) struct Place {
    /// Id, GUILD/NAME or #NAME of the channel
    channel: String,
    /// A role by id or name, or @USER
    target: String,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

impl Overwrite {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let server = app.server().await?;
        match self {
            Self::List { channel } => {
                let channel_id = server.channel_id(&channel).await?;
                let channel = part(server.call(v1::GetChannelRequest { channel_id }).await?.channel)?;
                list(app, &server, &channel).await
            }
            Self::Set { place, changes } => set(app, &server, place, changes).await,
            Self::Delete { place } => {
                use v1::delete_overwrite_request::Target as Deleted;
                let (channel, target) = place.read(&server).await?;
                let target = match target {
                    Target::RoleId(id) => Deleted::RoleId(id),
                    Target::UserId(id) => Deleted::UserId(id),
                };
                let target = Some(target);
                let request = v1::DeleteOverwriteRequest { channel_id: channel.id, target, reason: place.reason };
                let channel = part(server.call(request).await?.channel)?;
                list(app, &server, &channel).await
            }
            Self::Sync { channel, reason } => {
                let channel_id = server.channel_id(&channel).await?;
                let channel = part(server.call(v1::PutInStepRequest { channel_id, reason }).await?.channel)?;
                list(app, &server, &channel).await
            }
        }
    }
}

impl Place {
    async fn read(&self, server: &Server) -> Result<(v1::Channel, Target)> {
        let channel_id = server.channel_id(&self.channel).await?;
        let channel = part(server.call(v1::GetChannelRequest { channel_id }).await?.channel)?;
        let target = match self.target.strip_prefix('@').filter(|name| *name != "everyone") {
            Some(user) => Target::UserId(server.member_id(channel.guild_id, user).await?),
            None => Target::RoleId(server.role(channel.guild_id, self.target.trim_start_matches('@')).await?.id),
        };
        Ok((channel, target))
    }
}

async fn set(app: &App, server: &Server, place: Place, changes: Changes) -> Result<()> {
    let (channel, target) = place.read(server).await?;
    let standing = in_force(server, &channel).await?;
    let old = standing.iter().find(|overwrite| overwrite.target.as_ref() == Some(&target));
    let old = old.map_or((0, 0), |overwrite| (overwrite.allow, overwrite.deny));
    let (allow, deny) = changes.overwritten(old);
    let overwrite = Some(v1::PermissionOverwrite { allow, deny, target: Some(target) });
    let request = v1::SetOverwriteRequest { channel_id: channel.id, overwrite, reason: place.reason };
    let channel = part(server.call(request).await?.channel)?;
    list(app, server, &channel).await
}

/// The overwrites that count in a channel: its category's while it is in step with that.
async fn in_force(server: &Server, channel: &v1::Channel) -> Result<Vec<v1::PermissionOverwrite>> {
    if !channel.in_step || channel.parent_id == 0 {
        return Ok(channel.overwrites.clone());
    }
    let channel_id = channel.parent_id;
    Ok(part(server.call(v1::GetChannelRequest { channel_id }).await?.channel)?.overwrites)
}

async fn list(app: &App, server: &Server, channel: &v1::Channel) -> Result<()> {
    let overwrites = in_force(server, channel).await?;
    let records = Record::all("PermissionOverwrite", &overwrites)?;
    if app.out.json {
        return app.out.list(&records, &[]);
    }
    if channel.in_step {
        app.out.note("in step with its category: these stand there");
    }
    let roles = server.roles(channel.guild_id).await?;
    let row = |overwrite: &v1::PermissionOverwrite| {
        let (kind, id, name) = match overwrite.target {
            Some(Target::RoleId(id)) => ("role", id, crate::target::role_name(&roles, id)),
            Some(Target::UserId(id)) => ("member", id, String::new()),
            None => ("?", 0, String::new()),
        };
        let mut changes = rights::names(overwrite.allow, "+");
        changes.extend(rights::names(overwrite.deny, "-"));
        vec![kind.to_owned(), id.to_string(), name, changes.join(" ")]
    };
    app.out.table(&records, &["KIND", "ID", "NAME", "PERMISSIONS"], overwrites.iter().map(row))
}
