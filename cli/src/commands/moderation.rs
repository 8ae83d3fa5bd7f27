//! `timeout`, `ban` and `audit`: keeping order, and who did what.

use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use guildhall_proto::v1;

use crate::app::{App, Server};
use crate::fault::{Fault, Result};
use crate::output::{Record, pool};
use crate::span;

const BAN_COLUMNS: [&str; 5] = ["user.id", "user.username", "reason", "actor_id", "create_time"];
const AUDIT_HEAD: [&str; 7] = ["ID", "CREATE TIME", "ACTOR ID", "ACTION", "TARGET ID", "CHANGES", "REASON"];
/// The largest page that the server gives.
const PAGE: i32 = 1_000;

/// Let a member only look on for a time.
#[derive(Args, Debug)]
pub(crate) struct Timeout {
    /// Id or name of the guild
    guild: String,
    /// Id or user name
    user: String,
    /// How long, such as 10m, 2h or 7d; up to 28 days
    #[arg(long = "for", value_name = "TIME", value_parser = span::read, group = "when", required = true)]
    length: Option<Duration>,
    /// Until when, such as 2027-01-15T08:00:00Z
    #[arg(long, value_name = "MOMENT", value_parser = moment, group = "when")]
    until: Option<prost_types::Timestamp>,
    /// End it now
    #[arg(long, group = "when")]
    end: bool,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

fn moment(text: &str) -> Result<prost_types::Timestamp, String> {
    text.parse().map_err(|_| "must be a moment such as 2027-01-15T08:00:00Z".to_owned())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the length counts from when the person said it, not from when it arrives"
)]
fn from_now(length: Duration) -> Result<prost_types::Timestamp> {
    let end = SystemTime::now().checked_add(length).ok_or_else(|| Fault::usage("--for is too long"))?;
    Ok(end.into())
}

impl Timeout {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let server = app.server().await?;
        let guild_id = server.guild_id(&self.guild).await?;
        let user_id = server.member_id(guild_id, &self.user).await?;
        let until_time = match self.length {
            Some(length) => Some(from_now(length)?),
            None => self.until,
        };
        server.call(v1::TimeOutMemberRequest { guild_id, user_id, until_time, reason: self.reason }).await?;
        app.out.note(match until_time {
            Some(until) => format!("{} may only look on until {until}", self.user),
            None => format!("ended the time-out of {}", self.user),
        });
        Ok(())
    }
}

/// Who may not come in.
#[derive(Debug, Subcommand)]
pub(crate) enum Ban {
    /// Ban a user, member or not
    Add {
        /// Id or name of the guild
        guild: String,
        /// Id, or user name of a member
        user: String,
        /// Delete the user's messages of this many last days, 0 to 7
        #[arg(long, value_name = "DAYS", default_value_t = 0)]
        delete_days: u32,
        /// Why, for the audit log
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// End a ban
    Remove {
        /// Id or name of the guild
        guild: String,
        /// Id or user name
        user: String,
        /// Why, for the audit log
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// List who is banned
    List {
        /// Id or name of the guild
        guild: String,
    },
}

impl Ban {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let server = app.server().await?;
        match self {
            Self::Add { guild, user, delete_days, reason } => {
                let guild_id = server.guild_id(&guild).await?;
                let user_id = server.member_id(guild_id, &user).await?;
                let request = v1::BanUserRequest { guild_id, user_id, reason, delete_message_days: delete_days };
                let banned = server.call(request).await?;
                let fields = ["ban.user.id", "ban.user.username", "ban.reason", "deleted_messages"];
                app.out.show(&Record::new("BanUserResponse", &banned)?, &fields)
            }
            Self::Remove { guild, user, reason } => {
                let guild_id = server.guild_id(&guild).await?;
                let user_id = banned_id(&server, guild_id, &user).await?;
                server.call(v1::UnbanUserRequest { guild_id, user_id, reason }).await?;
                app.out.note(format!("{user} may come in again"));
                Ok(())
            }
            Self::List { guild } => {
                let guild_id = server.guild_id(&guild).await?;
                app.out.list(&Record::all("Ban", &bans(&server, guild_id).await?)?, &BAN_COLUMNS)
            }
        }
    }
}

async fn banned_id(server: &Server, guild_id: u64, text: &str) -> Result<u64> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let name = text.strip_prefix('@').unwrap_or(text);
    let users = bans(server, guild_id).await?.into_iter().filter_map(|ban| ban.user);
    let found = users.into_iter().find(|user| user.username == name);
    let missing = || Fault::not_found(format!("no ban of `{text}`")).remedy("list them: `guildhall ban list GUILD`");
    found.map(|user| user.id).ok_or_else(missing)
}

async fn bans(server: &Server, guild_id: u64) -> Result<Vec<v1::Ban>> {
    let mut bans = Vec::new();
    let mut page_token = String::new();
    loop {
        let page = server.call(v1::ListBansRequest { guild_id, page_size: PAGE, page_token }).await?;
        bans.extend(page.bans);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(bans);
        }
    }
}

/// Who did what to a guild, the newest first.
#[derive(Args, Debug)]
pub(crate) struct Audit {
    /// Id or name of the guild
    guild: String,
    /// Only acts of this user, by id or name of a member
    #[arg(long, value_name = "USER")]
    actor: Option<String>,
    /// Only acts of this kind, such as member-ban
    #[arg(long, value_parser = action)]
    action: Option<v1::AuditAction>,
    /// Only acts on this one: id of a channel, role or user, or @USER
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// How many
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

fn action(text: &str) -> Result<v1::AuditAction, String> {
    let name = text.to_uppercase().replace('-', "_");
    let found = v1::AuditAction::from_str_name(&format!("AUDIT_ACTION_{name}"));
    let known = found.filter(|action| *action != v1::AuditAction::Unspecified);
    known.ok_or_else(|| format!("must be one of {}", actions().join(", ")))
}

/// The names of all kinds of acts.
fn actions() -> Vec<String> {
    let kinds = pool().get_enum_by_name("guildhall.v1.AuditAction").into_iter();
    let names = kinds.flat_map(|kind| kind.values().map(|value| value.name().to_owned()).collect::<Vec<_>>());
    names.skip(1).map(|name| name.trim_start_matches("AUDIT_ACTION_").to_lowercase().replace('_', "-")).collect()
}

impl Audit {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let server = app.server().await?;
        let guild_id = server.guild_id(&self.guild).await?;
        let actor_id = match &self.actor {
            Some(actor) => server.member_id(guild_id, actor).await?,
            None => 0,
        };
        let target_id = match &self.target {
            Some(target) => server.member_id(guild_id, target).await?,
            None => 0,
        };
        let mut request = v1::ListAuditLogRequest {
            guild_id,
            actor_id,
            action: self.action.unwrap_or_default().into(),
            target_id,
            ..v1::ListAuditLogRequest::default()
        };
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let mut entries = Vec::new();
        while entries.len() < limit {
            request.page_size = i32::try_from(limit - entries.len()).unwrap_or(PAGE).min(PAGE);
            let page = server.call(request.clone()).await?;
            entries.extend(page.entries);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        let records = Record::all("AuditEntry", &entries)?;
        let rows = records.iter().zip(&entries).map(|(record, entry)| {
            let text = |path| record.text(path);
            let [id, time, actor] = ["id", "create_time", "actor_id"].map(text);
            vec![id, time, actor, text("action"), text("target_id"), changes(entry), entry.reason.clone()]
        });
        app.out.table(&records, &AUDIT_HEAD, rows)
    }
}

fn changes(entry: &v1::AuditEntry) -> String {
    let changes = entry.changes.iter().map(|it| format!("{}: {} -> {}", it.field, it.before, it.after));
    changes.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_are_named_as_people_write_them() {
        assert_eq!(action("member-ban"), Ok(v1::AuditAction::MemberBan));
        assert_eq!(action("MEMBER_TIME_OUT"), Ok(v1::AuditAction::MemberTimeOut));
        assert!(action("unspecified").unwrap_err().contains("guild-update"));
        assert!(actions().iter().all(|name| action(name).is_ok()));
    }

    #[test]
    fn moments_are_rfc_3339() {
        assert_eq!(moment("2027-01-15T08:00:00Z").unwrap().seconds, 1_800_000_000);
        assert!(moment("tomorrow").is_err());
    }
}
