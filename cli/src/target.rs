//! Names for things: a guild, channel or member by its id or by what people call it.

use guildhall_proto::v1;

use crate::app::{Server, part};
use crate::fault::{Fault, Result};

/// How a channel was named.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ChannelName<'a> {
    Id(u64),
    /// By name, in one guild or in whichever has it.
    Named {
        guild: Option<&'a str>,
        name: &'a str,
    },
}

/// `ID`, `GUILD/NAME`, `#NAME` or `NAME`. A guild may have slashes in its name, a channel may not.
fn read_channel(text: &str) -> ChannelName<'_> {
    if let Some(id) = read_id(text) {
        return ChannelName::Id(id);
    }
    let (guild, name) = match text.rsplit_once('/') {
        Some((guild, name)) => (Some(guild), name),
        None => (None, text),
    };
    let name = name.strip_prefix('#').unwrap_or(name);
    ChannelName::Named { guild, name }
}

fn read_id(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

impl Server {
    /// The id of a guild by id or name.
    pub(crate) async fn guild_id(&self, text: &str) -> Result<u64> {
        if let Some(id) = read_id(text) {
            return Ok(id);
        }
        Ok(self.guild_named(text).await?.id)
    }

    async fn guild_named(&self, name: &str) -> Result<v1::Guild> {
        let guilds = self.call(v1::ListMyGuildsRequest {}).await?.guilds;
        let shown = |guild: &v1::Guild| format!("{} ({})", guild.id, guild.name);
        let fault =
            pick(name, guilds, |guild| guild.name.as_str()).map_err(|found| refuse("guild", name, &found, shown));
        fault.map_err(|fault| fault.remedy("list yours: `guildhall guild list`"))
    }

    /// The id of a channel by id, `GUILD/NAME` or `#NAME`.
    pub(crate) async fn channel_id(&self, text: &str) -> Result<u64> {
        let (guild, name) = match read_channel(text) {
            ChannelName::Id(id) => return Ok(id),
            ChannelName::Named { guild, name } => (guild, name),
        };
        let guilds = match guild {
            Some(guild) => vec![self.guild_or_id(guild).await?],
            None => self.call(v1::ListMyGuildsRequest {}).await?.guilds,
        };
        let mut channels = Vec::new();
        for guild in guilds {
            let listed = self.call(v1::ListChannelsRequest { guild_id: guild.id }).await?.channels;
            channels.extend(listed.into_iter().map(|channel| (guild.name.clone(), channel)));
        }
        let shown = |(guild, channel): &(String, v1::Channel)| format!("{} ({guild}/{})", channel.id, channel.name);
        let picked = pick(name, channels, |(_, channel)| channel.name.as_str());
        let picked = picked.map_err(|found| refuse("channel", text, &found, shown));
        let (_, channel) = picked.map_err(|fault| fault.remedy("use an id from `guildhall channel list GUILD`"))?;
        Ok(channel.id)
    }

    async fn guild_or_id(&self, text: &str) -> Result<v1::Guild> {
        match read_id(text) {
            Some(guild_id) => part(self.call(v1::GetGuildRequest { guild_id }).await?.guild),
            None => self.guild_named(text).await,
        }
    }

    /// The id of a member by id or user name.
    pub(crate) async fn member_id(&self, guild_id: u64, text: &str) -> Result<u64> {
        if let Some(id) = read_id(text) {
            return Ok(id);
        }
        let name = text.strip_prefix('@').unwrap_or(text);
        let members = self.members(guild_id).await?;
        let users = members.into_iter().filter_map(|member| member.user);
        let found = users.into_iter().find(|user| user.username == name);
        found.map(|user| user.id).ok_or_else(|| {
            let fault = Fault::not_found(format!("no member `{text}`"));
            fault.remedy("list them: `guildhall member list GUILD`")
        })
    }

    /// The id of a channel; a bare name is looked for in this guild only.
    pub(crate) async fn channel_id_within(&self, guild_id: u64, text: &str) -> Result<u64> {
        if read_id(text).is_some() || text.contains('/') {
            return self.channel_id(text).await;
        }
        self.channel_id(&format!("{guild_id}/{text}")).await
    }

    /// A role by id or name.
    pub(crate) async fn role(&self, guild_id: u64, text: &str) -> Result<v1::Role> {
        role(&self.roles(guild_id).await?, text).cloned()
    }

    /// The roles of a guild, everyone's first.
    pub(crate) async fn roles(&self, guild_id: u64) -> Result<Vec<v1::Role>> {
        Ok(self.call(v1::ListRolesRequest { guild_id }).await?.roles)
    }

    /// All members of a guild.
    pub(crate) async fn members(&self, guild_id: u64) -> Result<Vec<v1::Member>> {
        let mut members = Vec::new();
        let mut page_token = String::new();
        loop {
            let page_size = MEMBERS_PAGE;
            let request = v1::ListMembersRequest { guild_id, page_size, page_token };
            let page = self.call(request).await?;
            members.extend(page.members);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(members);
            }
        }
    }
}

/// The largest page that the server gives.
const MEMBERS_PAGE: i32 = 1_000;

/// One of these roles by id or name.
pub(crate) fn role<'a>(roles: &'a [v1::Role], text: &str) -> Result<&'a v1::Role> {
    if let Some(role) = read_id(text).and_then(|id| roles.iter().find(|role| role.id == id)) {
        return Ok(role);
    }
    let shown = |role: &&v1::Role| format!("{} ({})", role.id, role.name);
    let name = text.strip_prefix('@').unwrap_or(text);
    let picked = pick(name, roles.iter().collect(), |role: &&v1::Role| role.name.as_str());
    let picked = picked.map_err(|found| refuse("role", text, &found, shown));
    picked.map_err(|fault| fault.remedy("use an id from `guildhall role list GUILD`"))
}

/// What a role is called; its id if it is not among these.
pub(crate) fn role_name(roles: &[v1::Role], id: u64) -> String {
    let found = roles.iter().find(|role| role.id == id);
    found.map_or_else(|| id.to_string(), |role| role.name.clone())
}

/// The only one of a name, or all that have it.
fn pick<T>(name: &str, things: Vec<T>, name_of: impl Fn(&T) -> &str) -> Result<T, Vec<T>> {
    let (mut same, others): (Vec<_>, Vec<_>) = things.into_iter().partition(|thing| name_of(thing) == name);
    if same.is_empty() {
        let folded = name.to_lowercase();
        same = others.into_iter().filter(|thing| name_of(thing).to_lowercase() == folded).collect();
    }
    match same.pop() {
        Some(only) if same.is_empty() => Ok(only),
        Some(last) => {
            same.push(last);
            Err(same)
        }
        None => Err(same),
    }
}

fn refuse<T>(kind: &str, name: &str, found: &[T], shown: impl Fn(&T) -> String) -> Fault {
    if found.is_empty() {
        return Fault::not_found(format!("no {kind} `{name}`"));
    }
    let names: Vec<_> = found.iter().map(shown).collect();
    Fault::usage(format!("`{name}` is the name of several: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_named_in_four_ways() {
        let named = |guild, name| ChannelName::Named { guild, name };
        let cases = [
            ("12", ChannelName::Id(12)),
            ("18446744073709551615", ChannelName::Id(u64::MAX)),
            ("18446744073709551616", named(None, "18446744073709551616")),
            ("#12", named(None, "12")),
            ("+12", named(None, "+12")),
            ("general", named(None, "general")),
            ("#general", named(None, "general")),
            ("Tea room/general", named(Some("Tea room"), "general")),
            ("a/b/#general", named(Some("a/b"), "general")),
            ("7/general", named(Some("7"), "general")),
        ];
        for (text, expected) in cases {
            assert_eq!(read_channel(text), expected, "{text}");
        }
    }

    #[test]
    fn a_name_must_be_the_only_one() {
        let pick = |name, names: &[&'static str]| pick(name, names.to_vec(), |name| name);
        assert_eq!(pick("a", &["a", "b"]), Ok("a"));
        assert_eq!(pick("A", &["a", "b"]), Ok("a"));
        assert_eq!(pick("A", &["a", "A"]), Ok("A"));
        assert_eq!(pick("c", &["a", "b"]), Err(vec![]));
        assert_eq!(pick("a", &["a", "b", "a"]), Err(vec!["a", "a"]));
    }

    #[test]
    fn refusals_tell_the_candidates() {
        let shown = |id: &u32| id.to_string();
        assert_eq!(refuse("guild", "x", &[], shown).exit() as u8, 3);
        let fault = refuse("guild", "x", &[1, 2], shown);
        assert_eq!((fault.exit() as u8, fault.message()), (2, "`x` is the name of several: 1, 2"));
    }
}
