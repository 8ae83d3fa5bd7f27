//! `role`: named sets of permissions, and who bears them.

use clap::{Args, Subcommand};
use guildhall_proto::v1;

use crate::app::{App, Server, part};
use crate::fault::{Fault, Result};
use crate::output::Record;
use crate::rights::{self, Changes};

/// Named sets of permissions.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// List the roles of a guild, the lowest first
    List {
        /// Id or name of the guild
        guild: String,
    },
    /// Make a role, right above everyone's
    Create(Create),
    /// Change a role; of everyone's, the permissions alone
    Update(Update),
    /// Delete a role: its bearers and all channels lose it
    Delete {
        /// Id or name of the guild
        guild: String,
        /// Id or name of the role
        role: String,
        /// Why, for the audit log
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Give all roles but everyone's a new order
    Order {
        /// Id or name of the guild
        guild: String,
        /// Every role but everyone's exactly once, by id or name, the lowest first
        #[arg(required = true)]
        roles: Vec<String>,
        /// Why, for the audit log
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Give a member a role
    Give(Bearer),
    /// Take a role from a member
    Take(Bearer),
}

/// A new role.
#[derive(Args, Debug)]
pub(crate) struct Create {
    /// Id or name of the guild
    guild: String,
    /// 1 to 100 characters
    name: String,
    /// What it gives, such as kick-members,ban-members; `guildhall role list` shows names
    #[arg(long, value_name = "NAMES", value_parser = rights::changes, default_value = "", hide_default_value = true)]
    permissions: Changes,
    /// Colour, RRGGBB
    #[arg(long, value_name = "RRGGBB", value_parser = rgb, default_value = "0", hide_default_value = true)]
    rgb: u32,
    /// Show its bearers as a group of their own
    #[arg(long)]
    hoist: bool,
    /// Let everybody mention it
    #[arg(long)]
    mentionable: bool,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

/// A change of a role.
#[derive(Args, Debug)]
pub(crate) struct Update {
    /// Id or name of the guild
    guild: String,
    /// Id or name of the role
    role: String,
    /// New name
    #[arg(long)]
    name: Option<String>,
    /// What it gives more and less, such as +ban-members,-kick-members
    #[arg(long, value_name = "CHANGES", value_parser = rights::changes, allow_hyphen_values = true)]
    permissions: Option<Changes>,
    /// Colour, RRGGBB; 0 = none
    #[arg(long, value_name = "RRGGBB", value_parser = rgb)]
    rgb: Option<u32>,
    /// Whether its bearers are shown as a group of their own
    #[arg(long, value_name = "true|false")]
    hoist: Option<bool>,
    /// Whether everybody may mention it
    #[arg(long, value_name = "true|false")]
    mentionable: Option<bool>,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

/// A role and a member.
#[derive(Args, Debug)]
pub(crate) struct Bearer {
    /// Id or name of the guild
    guild: String,
    /// Id or name of the role
    role: String,
    /// Id or user name of the member
    user: String,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

fn rgb(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let value = u32::from_str_radix(digits, 16).ok().filter(|value| *value <= 0xff_ff_ff);
    value.ok_or_else(|| "must be RRGGBB, such as 33aa66".to_owned())
}

impl Role {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let server = app.server().await?;
        match self {
            Self::List { guild } => {
                let guild_id = server.guild_id(&guild).await?;
                list(app, &server.roles(guild_id).await?)
            }
            Self::Create(it) => it.run(app, &server).await,
            Self::Update(it) => it.run(app, &server).await,
            Self::Delete { guild, role, reason } => {
                let guild_id = server.guild_id(&guild).await?;
                let role_id = server.role(guild_id, &role).await?.id;
                server.call(v1::DeleteRoleRequest { guild_id, role_id, reason }).await?;
                app.out.note(format!("deleted role {role_id}"));
                Ok(())
            }
            Self::Order { guild, roles, reason } => {
                let guild_id = server.guild_id(&guild).await?;
                let known = server.roles(guild_id).await?;
                let ids = roles.iter().map(|text| Ok(crate::target::role(&known, text)?.id));
                let role_ids = ids.collect::<Result<_>>()?;
                let request = v1::ReorderRolesRequest { guild_id, role_ids, reason };
                list(app, &server.call(request).await?.roles)
            }
            Self::Give(it) => {
                let (guild_id, role_id, user_id) = it.ids(&server).await?;
                let request = v1::AddMemberRoleRequest { guild_id, user_id, role_id, reason: it.reason };
                server.call(request).await?;
                app.out.note(format!("gave {} to {}", it.role, it.user));
                Ok(())
            }
            Self::Take(it) => {
                let (guild_id, role_id, user_id) = it.ids(&server).await?;
                let request = v1::RemoveMemberRoleRequest { guild_id, user_id, role_id, reason: it.reason };
                server.call(request).await?;
                app.out.note(format!("took {} from {}", it.role, it.user));
                Ok(())
            }
        }
    }
}

impl Create {
    async fn run(self, app: &App, server: &Server) -> Result<()> {
        let request = v1::CreateRoleRequest {
            guild_id: server.guild_id(&self.guild).await?,
            name: self.name,
            permissions: self.permissions.applied(0),
            color: self.rgb,
            hoist: self.hoist,
            mentionable: self.mentionable,
            reason: self.reason,
        };
        let role = part(server.call(request).await?.role)?;
        list(app, &[role])
    }
}

impl Update {
    async fn run(self, app: &App, server: &Server) -> Result<()> {
        let flags = self.hoist.is_none() && self.mentionable.is_none();
        if self.name.is_none() && self.permissions.is_none() && self.rgb.is_none() && flags {
            let fault = Fault::usage("nothing to change");
            return Err(fault.remedy("pass --name, --permissions, --rgb, --hoist or --mentionable"));
        }
        let guild_id = server.guild_id(&self.guild).await?;
        let old = server.role(guild_id, &self.role).await?;
        let request = v1::UpdateRoleRequest {
            guild_id,
            role_id: old.id,
            name: self.name,
            permissions: self.permissions.map(|changes| changes.applied(old.permissions)),
            color: self.rgb,
            hoist: self.hoist,
            mentionable: self.mentionable,
            reason: self.reason,
        };
        let role = part(server.call(request).await?.role)?;
        list(app, &[role])
    }
}

impl Bearer {
    async fn ids(&self, server: &Server) -> Result<(u64, u64, u64)> {
        let guild_id = server.guild_id(&self.guild).await?;
        let role_id = server.role(guild_id, &self.role).await?.id;
        Ok((guild_id, role_id, server.member_id(guild_id, &self.user).await?))
    }
}

fn list(app: &App, roles: &[v1::Role]) -> Result<()> {
    let row = |role: &v1::Role| {
        let color = if role.color == 0 { String::new() } else { format!("{:06x}", role.color) };
        let permissions = rights::names(role.permissions, "").join(" ");
        vec![role.id.to_string(), role.position.to_string(), role.name.clone(), color, permissions]
    };
    let head = ["ID", "POSITION", "NAME", "COLOR", "PERMISSIONS"];
    app.out.table(&Record::all("Role", roles)?, &head, roles.iter().map(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_read() {
        assert_eq!(rgb("#33aa66"), Ok(0x33_aa_66));
        assert_eq!(rgb("0"), Ok(0));
        assert!(rgb("1000000").is_err());
        assert!(rgb("red").is_err());
    }
}
