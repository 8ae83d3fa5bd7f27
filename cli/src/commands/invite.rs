//! `invite`: codes that let others join a guild.

use std::time::Duration;

use clap::Subcommand;
use guildhall_proto::v1;

use crate::app::{App, part};
use crate::fault::Result;
use crate::output::Record;
use crate::span;

const FIELDS: [&str; 6] = ["code", "guild_id", "creator_id", "uses", "max_uses", "expire_time"];
const GUILD_FIELDS: [&str; 4] = ["id", "name", "owner_id", "member_count"];

/// Codes that let others join a guild.
#[derive(Debug, Subcommand)]
pub(crate) enum Invite {
    /// Make a code
    Create {
        /// Id or name of the guild
        guild: String,
        /// How often it may be used; 0 = any number
        #[arg(long, value_name = "COUNT", default_value_t = 0)]
        max_uses: u32,
        /// In what time it ends, in seconds or such as 12h or 7d, up to 30d; 0 = never
        #[arg(long, value_name = "TIME", value_parser = span::read, default_value = "0")]
        expires_in: Duration,
    },
    /// List the codes that still work
    List {
        /// Id or name of the guild
        guild: String,
    },
    /// Join the guild of a code
    Accept {
        /// The code
        code: String,
    },
    /// End a code
    Revoke {
        /// The code
        code: String,
    },
}

impl Invite {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let server = app.server().await?;
        match self {
            Self::Create { guild, max_uses, expires_in } => {
                let guild_id = server.guild_id(&guild).await?;
                let request = v1::CreateInviteRequest { guild_id, max_uses, expire_seconds: span::seconds(expires_in) };
                let invite = part(server.call(request).await?.invite)?;
                app.out.show(&Record::new("Invite", &invite)?, &FIELDS)
            }
            Self::List { guild } => {
                let guild_id = server.guild_id(&guild).await?;
                let invites = server.call(v1::ListInvitesRequest { guild_id }).await?.invites;
                app.out.list(&Record::all("Invite", &invites)?, &FIELDS)
            }
            Self::Accept { code } => {
                let guild = part(server.call(v1::AcceptInviteRequest { code }).await?.guild)?;
                app.out.show(&Record::new("Guild", &guild)?, &GUILD_FIELDS)
            }
            Self::Revoke { code } => {
                server.call(v1::RevokeInviteRequest { code }).await?;
                app.out.note("revoked");
                Ok(())
            }
        }
    }
}
