//! `member`: who is in a guild.

use clap::Subcommand;
use guildhall_proto::v1;

use crate::app::App;
use crate::fault::Result;
use crate::output::Record;

const COLUMNS: [&str; 5] = ["user.id", "user.username", "user.display_name", "user.bot", "join_time"];

/// Who is in a guild.
#[derive(Debug, Subcommand)]
pub(crate) enum Member {
    /// List the members of a guild
    List {
        /// Id or name of the guild
        guild: String,
    },
    /// Remove somebody from a guild
    Remove {
        /// Id or name of the guild
        guild: String,
        /// Id or user name
        user: String,
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
            Self::Remove { guild, user } => {
                let guild_id = server.guild_id(&guild).await?;
                let user_id = server.member_id(guild_id, &user).await?;
                server.call(v1::RemoveMemberRequest { guild_id, user_id, reason: String::new() }).await?;
                app.out.note(format!("removed {user}"));
                Ok(())
            }
        }
    }
}
