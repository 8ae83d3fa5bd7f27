//! `context`: servers and accounts by name.

use clap::Subcommand;
use serde_json::json;

use crate::app::App;
use crate::contexts::Contexts;
use crate::fault::Result;
use crate::output::line;

/// Servers and accounts by name.
#[derive(Debug, Subcommand)]
pub(crate) enum Context {
    /// List them; a star marks the current one
    List,
    /// Make one the current one
    Use {
        /// Its name
        name: String,
    },
    /// Forget one with its token; the token stays valid, unlike after `guildhall logout`
    Rm {
        /// Its name
        name: String,
    },
}

impl Context {
    pub(crate) fn run(self, app: &App) -> Result<()> {
        let mut contexts = Contexts::load()?;
        match self {
            Self::List => list(app, &contexts),
            Self::Use { name } => {
                contexts.get(&name)?;
                contexts.current = Some(name.clone());
                contexts.save()?;
                app.out.note(format!("context `{name}` is the current one"));
                Ok(())
            }
            Self::Rm { name } => {
                contexts.remove(&name)?;
                app.out.note(format!("context `{name}` is gone"));
                Ok(())
            }
        }
    }
}

fn list(app: &App, contexts: &Contexts) -> Result<()> {
    let rows = contexts.contexts.iter().map(|(name, context)| {
        let current = contexts.current.as_ref() == Some(name);
        json!({
            "name": name,
            "current": current,
            "server": context.server,
            "username": context.username,
            "logged_in": context.token.is_some(),
        })
    });
    for row in rows {
        if app.out.json {
            line(&row.to_string())?;
            continue;
        }
        let star = if row["current"] == true { '*' } else { ' ' };
        let user = row["username"].as_str().unwrap_or("-");
        let state = if row["logged_in"] == true { "" } else { "  (logged out)" };
        let (name, server) = (row["name"].as_str().unwrap_or("-"), row["server"].as_str().unwrap_or("-"));
        line(&format!("{star} {name:<16}  {user:<16}  {server}{state}"))?;
    }
    Ok(())
}
