//! `explain`: why somebody may or may not do something, one line a step.

use clap::Args;
use guildhall::{
    ExplainedStep, Explanation, Permission, PermissionEffect, PermissionRemedyKind, PermissionStepKind, Remedy,
};
use guildhall_proto::v1;

use crate::app::App;
use crate::fault::Result;
use crate::output::{Record, line, printable};
use crate::rights;
use crate::target::role_name;

/// Why somebody may or may not do something.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// Id or name of the guild
    guild: String,
    /// Id or user name; `me` is yourself
    user: String,
    /// Name of the permission, such as send-messages
    #[arg(value_parser = rights::permission)]
    permission: Permission,
    /// Id or #NAME of a channel; the guild itself unless given
    channel: Option<String>,
}

/// What ids of an explanation are called.
struct Names {
    roles: Vec<v1::Role>,
    channels: Vec<v1::Channel>,
}

impl Explain {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let server = app.server().await?;
        let guild_id = server.guild_id(&self.guild).await?;
        let user_id = if self.user == "me" { 0 } else { server.member_id(guild_id, &self.user).await? };
        let channel_id = match &self.channel {
            Some(channel) => server.channel_id_within(guild_id, channel).await?,
            None => 0,
        };
        let permission = self.permission.into();
        let response = server.call(v1::ExplainPermissionRequest { guild_id, channel_id, user_id, permission }).await?;
        if app.out.json {
            return app.out.show(&Record::new("ExplainPermissionResponse", &response)?, &[]);
        }
        let channels = server.call(v1::ListChannelsRequest { guild_id }).await?.channels;
        let names = Names { roles: server.roles(guild_id).await?, channels };
        let explanation = Explanation::from(response);
        let rows = explanation.steps.iter().enumerate().map(|(place, step)| names.row(&explanation, place, step));
        let asked = rights::name(self.permission);
        app.out.table(&[], &["", "STEP", &asked.to_uppercase()], rows)?;
        let place = self.channel.as_deref().map_or_else(String::new, |channel| format!(" in {channel}"));
        let verdict = if explanation.granted { "granted" } else { "denied" };
        line(&printable(&format!("{verdict}: {} to {}{place}", asked, self.user)))?;
        for remedy in &explanation.remedies {
            line(&printable(&format!("  to change that: {}", names.remedy(remedy))))?;
        }
        Ok(())
    }
}

impl Names {
    fn row(&self, explanation: &Explanation, place: usize, step: &ExplainedStep) -> Vec<String> {
        let decisive = explanation.decisive_step.and_then(|it| usize::try_from(it).ok()) == Some(place);
        let effect = match step.effect {
            PermissionEffect::Gives => "gives",
            PermissionEffect::Takes => "takes",
            _ => "-",
        };
        let decided = if decisive { "  <- decides" } else { "" };
        vec![if decisive { ">" } else { "" }.to_owned(), self.step(step), format!("{effect}{decided}")]
    }

    fn step(&self, step: &ExplainedStep) -> String {
        use PermissionStepKind as K;
        let role = || step.role_id.map_or_else(String::new, |id| role_name(&self.roles, id.0));
        match step.kind {
            K::Stranger => "not a member: nothing".to_owned(),
            K::Owner => "owner of the guild: everything".to_owned(),
            K::Everyone => "everyone's role".to_owned(),
            K::Role => format!("role {}", role()),
            K::Administrator => format!("role {} makes an administrator: everything", role()),
            K::NoChannel => "no such channel: nothing".to_owned(),
            K::InStep => {
                let category = step.channel_id.map_or_else(String::new, |id| self.channel(id.0));
                format!("in step with the category {category}: what follows stands there")
            }
            K::EveryoneOverwrite => "overwrite of everyone's role".to_owned(),
            K::RoleOverwrite => format!("overwrite of role {}", role()),
            K::MemberOverwrite => "overwrite of the member".to_owned(),
            K::Hidden => "cannot see the channel: nothing".to_owned(),
            K::TimedOut => {
                let until = step.until.map_or_else(String::new, |until| format!(" until {until}"));
                format!("time-out{until}: only looking on")
            }
            K::Unspecified => "a step that this version does not know".to_owned(),
        }
    }

    fn remedy(&self, remedy: &Remedy) -> String {
        use PermissionRemedyKind as K;
        let name = rights::name(remedy.permission);
        let role = remedy.role_id.map_or_else(String::new, |id| role_name(&self.roles, id.0));
        let place = remedy.channel_id.map_or_else(String::new, |id| format!(" in {}", self.channel(id.0)));
        match remedy.kind {
            K::Join => "the user joins the guild".to_owned(),
            K::GiveToRole => format!("give {name} to role {role}"),
            K::ChangeRoleOverwrite => format!("no longer take {name} from role {role}{place}"),
            K::ChangeMemberOverwrite => format!("no longer take {name} from the member{place}"),
            K::AddMemberOverwrite => format!("give {name} to the member alone{place}"),
            K::EndTimeOut => "end the time-out".to_owned(),
            K::Unspecified => "something that this version does not know".to_owned(),
        }
    }

    fn channel(&self, id: u64) -> String {
        let found = self.channels.iter().find(|channel| channel.id == id);
        found.map_or_else(|| id.to_string(), |channel| format!("#{}", channel.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_remedies_have_the_names_of_roles() {
        let role = v1::Role { id: 7, name: "quiet".to_owned(), ..v1::Role::default() };
        let channel = v1::Channel { id: 9, name: "general".to_owned(), ..v1::Channel::default() };
        let names = Names { roles: vec![role], channels: vec![channel] };
        let step = v1::PermissionStep {
            kind: PermissionStepKind::RoleOverwrite.into(),
            role_id: 7,
            effect: PermissionEffect::Takes.into(),
            ..v1::PermissionStep::default()
        };
        let remedy = v1::PermissionRemedy {
            kind: PermissionRemedyKind::ChangeRoleOverwrite.into(),
            role_id: 7,
            channel_id: 9,
            permission: Permission::SendMessages.into(),
        };
        let (steps, remedies, decisive_step) = (vec![step], vec![remedy], Some(0));
        let response = v1::ExplainPermissionResponse { steps, decisive_step, remedies, ..Default::default() };
        let explanation = Explanation::from(response);
        let row = names.row(&explanation, 0, &explanation.steps[0]);
        assert_eq!(row, [">", "overwrite of role quiet", "takes  <- decides"]);
        let remedy = names.remedy(&explanation.remedies[0]);
        assert_eq!(remedy, "no longer take send-messages from role quiet in #general");
    }
}
