//! `guild`: communities.

use clap::Subcommand;
use guildhall_proto::v1;

use crate::app::{App, part};
use crate::fault::{Fault, Result};
use crate::input;
use crate::output::Record;

const FIELDS: [&str; 6] = ["id", "name", "owner_id", "member_count", "icon_url", "create_time"];
const COLUMNS: [&str; 4] = ["id", "name", "member_count", "create_time"];

/// Communities.
#[derive(Debug, Subcommand)]
pub(crate) enum Guild {
    /// Make a guild with one channel, `general`; you own it
    Create {
        /// 2 to 100 characters
        name: String,
        /// Address of a picture
        #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
        icon_url: String,
    },
    /// List your guilds
    List,
    /// Show a guild
    Show {
        /// Id or name
        guild: String,
    },
    /// Change name or picture
    Update {
        /// Id or name
        guild: String,
        /// New name
        #[arg(long)]
        name: Option<String>,
        /// New address of a picture; empty removes it
        #[arg(long, value_name = "URL")]
        icon_url: Option<String>,
    },
    /// Delete a guild with its channels and messages
    Delete {
        /// Id or name
        guild: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Give a guild to another member, who must be a person
    Transfer {
        /// Id or name
        guild: String,
        /// Id or user name of the new owner
        user: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Leave a guild
    Leave {
        /// Id or name
        guild: String,
    },
}

impl Guild {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Create { name, icon_url } => {
                let made = app.server().await?.call(v1::CreateGuildRequest { name, icon_url }).await?;
                let fields = FIELDS.map(|field| format!("guild.{field}"));
                let mut fields: Vec<_> = fields.iter().map(String::as_str).collect();
                fields.push("channel_id");
                app.out.show(&Record::new("CreateGuildResponse", &made)?, &fields)
            }
            Self::List => {
                let guilds = app.server().await?.call(v1::ListMyGuildsRequest {}).await?.guilds;
                app.out.list(&Record::all("Guild", &guilds)?, &COLUMNS)
            }
            Self::Show { guild } => {
                let server = app.server().await?;
                let guild_id = server.guild_id(&guild).await?;
                show(app, server.call(v1::GetGuildRequest { guild_id }).await?.guild)
            }
            Self::Update { guild, name, icon_url } => {
                if name.is_none() && icon_url.is_none() {
                    return Err(Fault::usage("nothing to change").remedy("pass --name or --icon-url"));
                }
                let server = app.server().await?;
                let guild_id = server.guild_id(&guild).await?;
                let request = v1::UpdateGuildRequest { guild_id, name, icon_url };
                show(app, server.call(request).await?.guild)
            }
            Self::Delete { guild, yes } => {
                input::confirm(&format!("deleting the guild `{guild}`"), yes)?;
                let server = app.server().await?;
                let guild_id = server.guild_id(&guild).await?;
                server.call(v1::DeleteGuildRequest { guild_id }).await?;
                app.out.note(format!("deleted guild {guild_id}"));
                Ok(())
            }
            Self::Transfer { guild, user, yes } => {
                input::confirm(&format!("giving the guild `{guild}` to {user}"), yes)?;
                let server = app.server().await?;
                let guild_id = server.guild_id(&guild).await?;
                let user_id = server.member_id(guild_id, &user).await?;
                show(app, server.call(v1::TransferGuildRequest { guild_id, user_id }).await?.guild)
            }
            Self::Leave { guild } => {
                let server = app.server().await?;
                let guild_id = server.guild_id(&guild).await?;
                server.call(v1::LeaveGuildRequest { guild_id }).await?;
                app.out.note(format!("left guild {guild_id}"));
                Ok(())
            }
        }
    }
}

fn show(app: &App, guild: Option<v1::Guild>) -> Result<()> {
    app.out.show(&Record::new("Guild", &part(guild)?)?, &FIELDS)
}
