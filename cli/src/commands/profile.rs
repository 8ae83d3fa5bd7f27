//! `account`: names, password, logins, and the end of the account.

use clap::Subcommand;
use guildhall_proto::v1;

use crate::app::{App, part};
use crate::commands::account::{USER_FIELDS, forget};
use crate::fault::{Fault, Result};
use crate::input;
use crate::output::Record;

const SESSION_COLUMNS: [&str; 5] = ["id", "device", "create_time", "last_used_time", "current"];

/// The account that one is logged in to.
#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Change the password; all other logins end
    Password {
        /// Read the old and the new password from the first two lines of stdin
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change the user name or the name to show
    Rename {
        /// New user name: 2 to 32 of a-z 0-9 . - _
        name: Option<String>,
        /// New name to show; an empty one is the user name
        #[arg(long, value_name = "TEXT")]
        display_name: Option<String>,
    },
    /// List the logins, end one, or all but this one
    Sessions {
        /// End this login
        #[arg(long, value_name = "ID", conflicts_with = "revoke_others")]
        revoke: Option<u64>,
        /// End all logins but this one
        #[arg(long)]
        revoke_others: bool,
    },
    /// Delete the account and its bots, for ever
    Delete {
        /// Erase what the account and its bots wrote; else it stays, by "deleted user"
        #[arg(long)]
        delete_messages: bool,
        /// Read the password from the first line of stdin
        #[arg(long)]
        password_stdin: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Account {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Password { password_stdin } => change_password(app, password_stdin).await,
            Self::Rename { name, display_name } => rename(app, name, display_name).await,
            Self::Sessions { revoke, revoke_others } => sessions(app, revoke, revoke_others).await,
            Self::Delete { delete_messages, password_stdin, yes } => {
                input::confirm("deleting the account", yes)?;
                delete(app, delete_messages, password_stdin).await
            }
        }
    }
}

async fn change_password(app: &App, from_stdin: bool) -> Result<()> {
    // A token that comes by stdin comes first.
    let server = app.server().await?;
    let old_password = input::password(from_stdin, false)?;
    let new_password = input::new_password(from_stdin)?;
    server.call(v1::ChangePasswordRequest { old_password, new_password }).await?;
    app.out.note("the password is changed; all other logins have ended");
    Ok(())
}

async fn rename(app: &App, username: Option<String>, display_name: Option<String>) -> Result<()> {
    if username.is_none() && display_name.is_none() {
        return Err(Fault::usage("nothing to change").remedy("pass a user name, or --display-name TEXT"));
    }
    let request = v1::UpdateMeRequest { username, display_name, ..v1::UpdateMeRequest::default() };
    let changed = app.server().await?.call(request).await?;
    app.out.show(&Record::new("User", &part(changed.user)?)?, &USER_FIELDS)
}

async fn sessions(app: &App, revoke: Option<u64>, revoke_others: bool) -> Result<()> {
    let server = app.server().await?;
    if let Some(session_id) = revoke {
        server.call(v1::RevokeSessionRequest { session_id }).await?;
        app.out.note("the login has ended");
        return Ok(());
    }
    if revoke_others {
        server.call(v1::RevokeOtherSessionsRequest {}).await?;
        app.out.note("all other logins have ended");
        return Ok(());
    }
    let sessions = server.call(v1::ListSessionsRequest {}).await?.sessions;
    app.out.list(&Record::all("LoginSession", &sessions)?, &SESSION_COLUMNS)
}

async fn delete(app: &App, delete_messages: bool, from_stdin: bool) -> Result<()> {
    let choice = app.choice()?;
    let (token, source) = app.token(&choice)?.ok_or_else(|| Fault::not_logged_in(&choice.server))?;
    let password = input::password(from_stdin, false)?;
    let server = app.reach(app.stranger(&choice)?.with_token(token)?).await?;
    server.call(v1::DeleteAccountRequest { password, delete_messages }).await?;
    forget(source, &choice)?;
    app.out.note("the account is deleted");
    Ok(())
}
