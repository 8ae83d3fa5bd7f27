//! `bot`: accounts for programs. A bot runs with its token in `GUILDHALL_TOKEN`.

use clap::Subcommand;
use guildhall_proto::v1;

use crate::app::{App, part};
use crate::commands::account::USER_FIELDS;
use crate::fault::{Fault, Result};
use crate::input;
use crate::output::Record;
use crate::rights::{self, Changes};

/// Accounts for programs.
#[derive(Debug, Subcommand)]
pub(crate) enum Bot {
    /// Make a bot that belongs to you; its token is shown this once
    Create {
        /// User name: 2 to 32 of a-z 0-9 . - _
        name: String,
        /// Name to show; the user name unless set
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        display_name: String,
    },
    /// Add a bot of yours to a guild, with a role of its own
    Add {
        /// Id or name of the guild
        guild: String,
        /// Id of the bot
        bot: u64,
        /// What its role gives, such as send-messages,manage-messages
        #[arg(long, value_name = "NAMES", value_parser = rights::changes, default_value = "", hide_default_value = true)]
        permissions: Changes,
        /// Why, for the audit log
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Make a new token for a bot of yours; the old ones stay valid for ten minutes
    Rotate {
        /// Id of the bot
        bot: u64,
    },
    /// List your bots, newest first
    List,
    /// End all tokens of a bot of yours at once
    Revoke {
        /// Id of the bot
        bot: u64,
    },
    /// Delete a bot of yours, for ever
    Delete {
        /// Id of the bot
        bot: u64,
        /// Erase what the bot wrote; else it stays, by "deleted user"
        #[arg(long)]
        delete_messages: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Bot {
    fn id(&self) -> Option<u64> {
        match self {
            Self::Create { .. } | Self::List => None,
            Self::Add { bot, .. } | Self::Rotate { bot } | Self::Revoke { bot } | Self::Delete { bot, .. } => {
                Some(*bot)
            }
        }
    }

    pub(crate) async fn run(self, app: &App) -> Result<()> {
        if self.id() == Some(0) {
            return Err(Fault::usage("a bot's id is above 0"));
        }
        if let Self::Delete { yes, .. } = self {
            input::confirm("deleting a bot", yes)?;
        }
        let server = app.server().await?;
        match self {
            Self::Create { name, display_name } => {
                let request = v1::CreateBotRequest { username: name, display_name };
                let made = server.call(request).await?;
                app.out.note("the token cannot be shown again: keep it, and pass it in GUILDHALL_TOKEN");
                let fields = ["bot.id", "bot.username", "bot.display_name", "token"];
                app.out.show(&Record::new("CreateBotResponse", &made)?, &fields)
            }
            Self::Add { guild, bot, permissions, reason } => {
                let guild_id = server.guild_id(&guild).await?;
                let permissions = permissions.applied(0);
                let request = v1::AddBotRequest { guild_id, bot_id: bot, permissions, reason };
                let member = part(server.call(request).await?.member)?;
                let fields = ["user.id", "user.username", "user.display_name", "join_time"];
                app.out.show(&Record::new("Member", &member)?, &fields)
            }
            Self::Rotate { bot } => {
                let made = server.call(v1::RotateBotTokenRequest { bot_id: bot }).await?;
                app.out.show(&Record::new("RotateBotTokenResponse", &made)?, &["token"])
            }
            Self::List => {
                let bots = server.call(v1::ListBotsRequest {}).await?.bots;
                app.out.list(&Record::all("User", &bots)?, &USER_FIELDS)
            }
            Self::Revoke { bot: bot_id } => {
                server.call(v1::RevokeBotTokensRequest { bot_id }).await?;
                app.out.note("all tokens of the bot have ended; `guildhall bot rotate` makes a new one");
                Ok(())
            }
            Self::Delete { bot: bot_id, delete_messages, .. } => {
                server.call(v1::DeleteBotRequest { bot_id, delete_messages }).await?;
                app.out.note("the bot is deleted");
                Ok(())
            }
        }
    }
}
