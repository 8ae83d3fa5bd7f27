//! `block`: users of whom one does not want to hear.

use clap::Subcommand;
use guildhall_proto::v1;

use crate::app::App;
use crate::fault::{Fault, Result};
use crate::output::Record;

const COLUMNS: [&str; 4] = ["user.id", "user.username", "user.display_name", "create_time"];

/// Users of whom one does not want to hear.
#[derive(Debug, Subcommand)]
pub(crate) enum Block {
    /// Block a user: neither sees the presence or the typing of the other any more
    Add {
        /// Id of the user, as `guildhall member list GUILD` shows it
        user: u64,
    },
    /// End a block
    Remove {
        /// Id of the user
        user: u64,
    },
    /// List whom you have blocked, newest first
    List,
}

impl Block {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        if matches!(self, Self::Add { user: 0 } | Self::Remove { user: 0 }) {
            return Err(Fault::usage("a user's id is above 0"));
        }
        let server = app.server().await?;
        match self {
            Self::Add { user: user_id } => {
                server.call(v1::BlockUserRequest { user_id }).await?;
                app.out.note("blocked");
                Ok(())
            }
            Self::Remove { user: user_id } => {
                server.call(v1::UnblockUserRequest { user_id }).await?;
                app.out.note("not blocked any more");
                Ok(())
            }
            Self::List => {
                let blocks = server.call(v1::ListBlocksRequest {}).await?.blocks;
                app.out.list(&Record::all("Block", &blocks)?, &COLUMNS)
            }
        }
    }
}
