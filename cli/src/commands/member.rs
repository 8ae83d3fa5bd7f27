//! `member`: who is in a guild.

use clap::Subcommand;
use guildhall_proto::v1;

use crate::app::{App, Server, part};
use crate::fault::Result;
use crate::output::{Record, line, printable};
use crate::target::role_name;

const COLUMNS: [&str; 6] = ["user.id", "user.username", "user.display_name", "nickname", "user.bot", "join_time"];
const FIELDS: [&str; 7] =
    ["user.id", "user.username", "user.display_name", "nickname", "user.bot", "join_time", "time_out_until_time"];

/// Who is in a guild.
#[derive(Debug, Subcommand)]
pub(crate) enum Member {
    /// List the members of a guild
    List {
        /// Id or name of the guild
        guild: String,
    },
    /// Show a member
    Show {
        /// Id or name of the guild
        guild: String,
        /// Id or user name
        user: String,
    },
    /// Change a nickname, yours or that of a member below you
    Nick {
        /// Id or name of the guild
        guild: String,
        /// Id or user name
        user: String,
        /// Up to 32 characters; none unless given
        #[arg(default_value = "", hide_default_value = true)]
        nickname: String,
        /// Why, for the audit log
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Remove somebody from a guild
    #[command(visible_alias = "kick")]
    Remove {
        /// Id or name of the guild
        guild: String,
        /// Id or user name
        user: String,
        /// Why, for the audit log
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
    },
}

impl Member {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let server = app.server().await?;
        match self {
            Self::List { guild } => {
                let guild_id = server.guild_id(&guild).await?;
                let members = server.members(guild_id).await?;
                app.out.list(&Record::all("Member", &members)?, &COLUMNS)
            }
            Self::Show { guild, user } => {
                let guild_id = server.guild_id(&guild).await?;
                let user_id = server.member_id(guild_id, &user).await?;
                let member = part(server.call(v1::GetMemberRequest { guild_id, user_id }).await?.member)?;
                show(app, &server, &member).await
            }
            Self::Nick { guild, user, nickname, reason } => {
                let guild_id = server.guild_id(&guild).await?;
                let user_id = server.member_id(guild_id, &user).await?;
                server.call(v1::SetNicknameRequest { guild_id, user_id, nickname, reason }).await?;
                app.out.note(format!("changed the nickname of {user}"));
                Ok(())
            }
            Self::Remove { guild, user, reason } => {
                let guild_id = server.guild_id(&guild).await?;
                let user_id = server.member_id(guild_id, &user).await?;
                server.call(v1::RemoveMemberRequest { guild_id, user_id, reason }).await?;
                app.out.note(format!("removed {user}"));
                Ok(())
            }
        }
    }
}

/// The fields, and the roles by name.
async fn show(app: &App, server: &Server, member: &v1::Member) -> Result<()> {
    app.out.show(&Record::new("Member", member)?, &FIELDS)?;
    if app.out.json || member.role_ids.is_empty() {
        return Ok(());
    }
    let roles = server.roles(member.guild_id).await?;
    let names: Vec<_> = member.role_ids.iter().map(|id| role_name(&roles, *id)).collect();
    line(&printable(&format!("roles: {}", names.join(", "))))
}
