//! Who may do what to whom, row by row: each a call and what came of it, over the real engine.

use std::sync::Arc;

use guildhall_proto::{
    ids::{ChannelId, UserId},
    v1::{self, Permission, permission_overwrite::Target},
};

use super::{Bench, NOW_MS};
use crate::chat::{Caller, Error, GuildHandle, access::Permissions, events};

/// Ann owns the guild. Below her, by their highest roles: Adam (administrator), Mia (moderator), Bob (helper), and Carol,
/// who has none. Eve is a stranger.
struct Scene {
    bench: Bench,
    guild: Arc<GuildHandle>,
    channel: ChannelId,
    ann: Caller,
    adam: Caller,
    mia: Caller,
    bob: Caller,
    carol: Caller,
    eve: Caller,
    admins: u64,
    mods: u64,
    helpers: u64,
}

type Row = (&'static str, String, &'static str);

const MODERATOR: Permissions = Permissions::of(&[
    Permission::ManageRoles,
    Permission::ManageChannels,
    Permission::KickMembers,
    Permission::BanMembers,
    Permission::TimeOutMembers,
    Permission::ManageNicknames,
]);
const HELPER: Permissions = Permissions::of(&[Permission::ManageNicknames]);
const MANAGE_GUILD: Permissions = Permissions::of(&[Permission::ManageGuild]);
const KICK: Permissions = Permissions::of(&[Permission::KickMembers]);
const SEND: Permissions = Permissions::of(&[Permission::SendMessages]);
const VIEW: Permissions = Permissions::of(&[Permission::ViewChannel]);
const PIN: Permissions = Permissions::of(&[Permission::ManageMessages]);
const OK: &str = "ok";

fn assert_rows(rows: &[Row]) {
    let wrong: Vec<_> = rows.iter().filter(|(_, got, wanted)| got != wanted).collect();
    assert!(wrong.is_empty(), "of {} rows: {wrong:#?}", rows.len());
}

fn verdict<T>(outcome: Result<T, Error>) -> String {
    match outcome {
        Ok(_) => OK.into(),
        Err(Error::Permission(lacking)) => format!("lacks {lacking}"),
        Err(Error::NotFound(missing)) => format!("no {missing:?}"),
        Err(Error::Invalid(_)) => "invalid".into(),
        Err(Error::NotBelow) => "not below".into(),
        Err(Error::RoleFixed) => "fixed".into(),
        Err(Error::OwnerStays) => "owner stays".into(),
        Err(other) => format!("{other:?}"),
    }
}

impl Scene {
    async fn new() -> Self {
        let bench = Bench::open().await;
        let ann = bench.person("ann").await;
        let (guild, channel) = bench.guild(&ann).await;
        let [adam, mia, bob, carol] = ["adam", "mia", "bob", "carol"];
        let adam = bench.member(adam, &ann, guild.id()).await;
        let mia = bench.member(mia, &ann, guild.id()).await;
        let bob = bench.member(bob, &ann, guild.id()).await;
        let carol = bench.member(carol, &ann, guild.id()).await;
        let eve = bench.person("eve").await;
        let mut scene = Self { bench, guild, channel, ann, adam, mia, bob, carol, eve, admins: 0, mods: 0, helpers: 0 };
        let owner = scene.ann.clone();
        // Each new role comes right above everyone's, below those that are there.
        scene.admins = scene.new_role(&owner, Permissions::of(&[Permission::Administrator])).await;
        scene.mods = scene.new_role(&owner, MODERATOR).await;
        scene.helpers = scene.new_role(&owner, HELPER).await;
        let given = [
            scene.give(&owner, &scene.adam, scene.admins).await,
            scene.give(&owner, &scene.mia, scene.mods).await,
            scene.give(&owner, &scene.bob, scene.helpers).await,
        ];
        assert_eq!(given, [OK; 3]);
        scene
    }

    fn id(&self) -> u64 {
        self.guild.id().get()
    }

    async fn new_role(&self, caller: &Caller, permissions: Permissions) -> u64 {
        let request = self.role_request(permissions);
        self.bench.chat.create_role(caller, request).await.expect("made").role.expect("a role").id
    }

    fn role_request(&self, permissions: Permissions) -> v1::CreateRoleRequest {
        v1::CreateRoleRequest {
            guild_id: self.id(),
            name: "role".into(),
            permissions: permissions.bits(),
            ..Default::default()
        }
    }

    async fn create(&self, caller: &Caller, permissions: Permissions) -> String {
        verdict(self.bench.chat.create_role(caller, self.role_request(permissions)).await)
    }

    async fn give(&self, caller: &Caller, to: &Caller, role_id: u64) -> String {
        let request =
            v1::AddMemberRoleRequest { guild_id: self.id(), user_id: to.user.get(), role_id, reason: String::new() };
        verdict(self.bench.chat.add_member_role(caller, request).await)
    }

    async fn take(&self, caller: &Caller, from: &Caller, role_id: u64) -> String {
        let request = v1::RemoveMemberRoleRequest {
            guild_id: self.id(),
            user_id: from.user.get(),
            role_id,
            reason: String::new(),
        };
        verdict(self.bench.chat.remove_member_role(caller, request).await)
    }

    async fn set(&self, caller: &Caller, role_id: u64, permissions: Permissions) -> String {
        let permissions = Some(permissions.bits());
        let request = v1::UpdateRoleRequest { guild_id: self.id(), role_id, permissions, ..Default::default() };
        verdict(self.bench.chat.update_role(caller, request).await)
    }

    async fn rename(&self, caller: &Caller, role_id: u64) -> String {
        let name = Some("another".to_owned());
        let request = v1::UpdateRoleRequest { guild_id: self.id(), role_id, name, ..Default::default() };
        verdict(self.bench.chat.update_role(caller, request).await)
    }

    async fn delete(&self, caller: &Caller, role_id: u64) -> String {
        let request = v1::DeleteRoleRequest { guild_id: self.id(), role_id, reason: String::new() };
        verdict(self.bench.chat.delete_role(caller, request).await)
    }

    async fn order(&self, caller: &Caller, role_ids: &[u64]) -> String {
        let request =
            v1::ReorderRolesRequest { guild_id: self.id(), role_ids: role_ids.to_vec(), reason: String::new() };
        verdict(self.bench.chat.reorder_roles(caller, request).await)
    }

    async fn kick(&self, caller: &Caller, user: UserId) -> String {
        let request = v1::RemoveMemberRequest { guild_id: self.id(), user_id: user.get(), reason: String::new() };
        verdict(self.bench.chat.remove_member(caller, request).await)
    }

    async fn ban(&self, caller: &Caller, user: UserId) -> String {
        let request = v1::BanUserRequest { guild_id: self.id(), user_id: user.get(), ..Default::default() };
        verdict(self.bench.chat.ban_user(caller, request).await)
    }

    async fn unban(&self, caller: &Caller, user: UserId) -> String {
        let request = v1::UnbanUserRequest { guild_id: self.id(), user_id: user.get(), reason: String::new() };
        verdict(self.bench.chat.unban_user(caller, request).await)
    }

    /// For a minute.
    async fn quiet(&self, caller: &Caller, user: UserId) -> String {
        let until_time = Some(events::timestamp(NOW_MS + 60_000));
        let request =
            v1::TimeOutMemberRequest { guild_id: self.id(), user_id: user.get(), until_time, reason: String::new() };
        verdict(self.bench.chat.time_out_member(caller, request).await)
    }

    async fn nick(&self, caller: &Caller, user: UserId) -> String {
        let request = v1::SetNicknameRequest {
            guild_id: self.id(),
            user_id: user.get(),
            nickname: format!("by {}", caller.user),
            reason: String::new(),
        };
        verdict(self.bench.chat.set_nickname(caller, request).await)
    }

    async fn overwrite(&self, caller: &Caller, target: Target, allow: Permissions, deny: Permissions) -> String {
        let overwrite = v1::PermissionOverwrite { target: Some(target), allow: allow.bits(), deny: deny.bits() };
        let request = v1::SetOverwriteRequest {
            channel_id: self.channel.get(),
            overwrite: Some(overwrite),
            reason: String::new(),
        };
        verdict(self.bench.chat.set_overwrite(caller, request).await)
    }

    async fn transfer(&self, caller: &Caller, user: UserId) -> String {
        let request = v1::TransferGuildRequest { guild_id: self.id(), user_id: user.get() };
        verdict(self.bench.chat.transfer_guild(caller, request).await)
    }

    async fn leave(&self, caller: &Caller) -> String {
        verdict(self.bench.chat.leave_guild(caller, v1::LeaveGuildRequest { guild_id: self.id() }).await)
    }

    async fn explain(&self, caller: &Caller, channel_id: u64, user_id: u64) -> String {
        let permission = Permission::SendMessages.into();
        let request = v1::ExplainPermissionRequest { guild_id: self.id(), channel_id, user_id, permission };
        verdict(self.bench.chat.explain_permission(caller, request).await)
    }

    async fn send(&self, caller: &Caller) -> String {
        let nonce = uuid::Uuid::new_v4().to_string();
        let channel_id = self.channel.get();
        let request = v1::SendMessageRequest { channel_id, content: "text".into(), nonce, ..Default::default() };
        verdict(self.bench.chat.send_message(caller, request).await)
    }
}

#[tokio::test]
async fn roles_are_made_and_changed_from_above() {
    let s = Scene::new().await;
    let (ann, adam, mia, bob, carol, eve) = (&s.ann, &s.adam, &s.mia, &s.bob, &s.carol, &s.eve);
    let other = s.bench.guild(eve).await.0.id().get();
    assert_rows(&[
        ("a member makes a role", s.create(carol, VIEW).await, "lacks MANAGE_ROLES"),
        ("a helper makes a role", s.create(bob, VIEW).await, "lacks MANAGE_ROLES"),
        ("a stranger makes a role", s.create(eve, VIEW).await, "no Guild"),
        ("with what one lacks", s.create(mia, MANAGE_GUILD).await, "lacks MANAGE_GUILD"),
        ("an administrator's, by a moderator", s.create(mia, Permissions::ALL).await, "lacks MANAGE_MESSAGES"),
        ("with what one holds", s.create(mia, KICK).await, OK),
        ("by an administrator", s.create(adam, Permissions::ALL).await, OK),
        ("one's own role", s.set(mia, s.mods, MODERATOR.and(MANAGE_GUILD)).await, "not below"),
        ("the name of one's own role", s.rename(mia, s.mods).await, "not below"),
        ("a higher role", s.set(mia, s.admins, VIEW).await, "not below"),
        ("a lower role, with what one lacks", s.set(mia, s.helpers, MANAGE_GUILD).await, "lacks MANAGE_GUILD"),
        ("a lower role, with what one holds", s.set(mia, s.helpers, HELPER.and(KICK)).await, OK),
        ("everyone's, with what one lacks", s.set(mia, s.id(), MANAGE_GUILD).await, "lacks MANAGE_GUILD"),
        ("the name of everyone's", s.rename(ann, s.id()).await, "fixed"),
        ("everyone's, by an administrator", s.set(adam, s.id(), Permissions::MEMBER.and(PIN)).await, OK),
        ("an administrator's own role", s.set(adam, s.admins, VIEW).await, "not below"),
        ("a role of another guild", s.set(ann, other, VIEW).await, "no Role"),
        ("everyone's is deleted", s.delete(ann, s.id()).await, "fixed"),
        ("one's own role is deleted", s.delete(mia, s.mods).await, "not below"),
        ("a higher role is deleted", s.delete(mia, s.admins).await, "not below"),
        ("a role is deleted by a helper", s.delete(bob, s.helpers).await, "lacks MANAGE_ROLES"),
        ("no role is deleted", s.delete(ann, 1).await, "no Role"),
        ("a lower role is deleted", s.delete(mia, s.helpers).await, OK),
        ("the last administrator's role", s.delete(ann, s.admins).await, OK),
    ]);
}

#[tokio::test]
async fn roles_are_given_and_ordered_from_above() {
    let s = Scene::new().await;
    let (ann, adam, mia, bob, carol, eve) = (&s.ann, &s.adam, &s.mia, &s.bob, &s.carol, &s.eve);
    let (admins, mods, helpers) = (s.admins, s.mods, s.helpers);
    let mighty = s.new_role(ann, MANAGE_GUILD).await;
    assert_rows(&[
        ("one's own role is given", s.give(mia, carol, mods).await, "not below"),
        ("a higher role to oneself", s.give(mia, mia, admins).await, "not below"),
        ("a lower role that gives what one lacks", s.give(mia, mia, mighty).await, "lacks MANAGE_GUILD"),
        ("a lower role", s.give(mia, carol, helpers).await, OK),
        ("everyone's", s.give(ann, carol, s.id()).await, "fixed"),
        ("to a stranger", s.give(ann, eve, helpers).await, "no Member"),
        ("by a stranger", s.give(eve, eve, helpers).await, "no Guild"),
        ("by a member", s.give(carol, carol, helpers).await, "lacks MANAGE_ROLES"),
        ("a lower role is taken", s.take(mia, bob, helpers).await, OK),
        ("one's own role is taken from oneself", s.take(mia, mia, mods).await, "not below"),
        ("a higher role is taken", s.take(mia, adam, admins).await, "not below"),
        ("the last administrator's, by himself", s.take(adam, adam, admins).await, "not below"),
        ("oneself above the administrators", s.order(mia, &[mighty, helpers, admins, mods]).await, "not below"),
        ("a role to above oneself", s.order(mia, &[mighty, mods, helpers, admins]).await, "not below"),
        ("those below", s.order(mia, &[helpers, mighty, mods, admins]).await, OK),
        ("an incomplete order", s.order(mia, &[helpers, mods]).await, "invalid"),
        ("by a member", s.order(carol, &[mighty, helpers, mods, admins]).await, "lacks MANAGE_ROLES"),
        ("any order by the owner", s.order(ann, &[admins, mods, helpers, mighty]).await, OK),
        ("who was above is below now", s.kick(adam, mia.user).await, "not below"),
        ("the last administrator is demoted", s.take(ann, adam, admins).await, OK),
    ]);
}

#[tokio::test]
async fn members_are_touched_from_above() {
    let s = Scene::new().await;
    let (ann, adam, mia, bob, carol, eve) = (&s.ann, &s.adam, &s.mia, &s.bob, &s.carol, &s.eve);
    assert_rows(&[
        ("the owner is kicked", s.kick(adam, ann.user).await, "owner stays"),
        ("a higher one is kicked", s.kick(mia, adam.user).await, "not below"),
        ("oneself is kicked", s.kick(mia, mia.user).await, "not below"),
        ("a stranger is kicked", s.kick(mia, eve.user).await, "no Member"),
        ("by a helper", s.kick(bob, carol.user).await, "lacks KICK_MEMBERS"),
        ("the owner is banned", s.ban(adam, ann.user).await, "not below"),
        ("a higher one is banned", s.ban(mia, adam.user).await, "not below"),
        ("oneself is banned", s.ban(ann, ann.user).await, "invalid"),
        ("by a member", s.ban(carol, bob.user).await, "lacks BAN_MEMBERS"),
        ("a stranger is banned", s.ban(mia, eve.user).await, OK),
        ("by a stranger", s.ban(eve, carol.user).await, "no Guild"),
        ("a ban is ended by a member", s.unban(carol, eve.user).await, "lacks BAN_MEMBERS"),
        ("a ban is ended", s.unban(mia, eve.user).await, OK),
        ("a ban that is none", s.unban(mia, eve.user).await, "no Ban"),
        ("the owner is to be quiet", s.quiet(adam, ann.user).await, "not below"),
        ("an administrator is to be quiet", s.quiet(ann, adam.user).await, "not below"),
        ("a higher one is to be quiet", s.quiet(mia, adam.user).await, "not below"),
        ("a stranger is to be quiet", s.quiet(mia, eve.user).await, "no Member"),
        ("by a member", s.quiet(carol, bob.user).await, "lacks TIME_OUT_MEMBERS"),
        ("one's own name", s.nick(carol, carol.user).await, OK),
        ("a lower one's name", s.nick(bob, carol.user).await, OK),
        ("a higher one's name", s.nick(bob, mia.user).await, "not below"),
        ("the owner's name", s.nick(adam, ann.user).await, "not below"),
        ("by a member", s.nick(carol, bob.user).await, "lacks MANAGE_NICKNAMES"),
        ("a lower one is to be quiet", s.quiet(mia, carol.user).await, OK),
        ("the quiet one writes", s.send(carol).await, "lacks SEND_MESSAGES"),
        ("the quiet one's own name", s.nick(carol, carol.user).await, "lacks CHANGE_NICKNAME"),
        ("the moderator is to be quiet", s.quiet(ann, mia.user).await, OK),
        ("a quiet moderator kicks", s.kick(mia, carol.user).await, "lacks KICK_MEMBERS"),
        ("a quiet moderator ends it", s.quiet(mia, mia.user).await, "lacks TIME_OUT_MEMBERS"),
        ("the owner leaves", s.leave(ann).await, "owner stays"),
        ("a lower one is kicked", s.kick(adam, bob.user).await, OK),
    ]);
}

#[tokio::test]
async fn overwrites_and_ownership_follow_the_same_order() {
    let s = Scene::new().await;
    let (ann, adam, mia, bob, carol, eve) = (&s.ann, &s.adam, &s.mia, &s.bob, &s.carol, &s.eve);
    let other = s.bench.guild(eve).await.0.id().get();
    let none = Permissions::NONE;
    let user = |caller: &Caller| Target::UserId(caller.user.get());
    let request = v1::CreateBotRequest { username: "robot".into(), ..Default::default() };
    let bot = UserId(s.bench.chat.create_bot(ann, request).await.expect("made").bot.expect("a bot").id);
    let add = v1::AddBotRequest { guild_id: s.id(), bot_id: bot.get(), ..Default::default() };
    s.bench.chat.add_bot(ann, add).await.expect("added");
    assert_rows(&[
        ("for a role of another guild", s.overwrite(ann, Target::RoleId(other), SEND, none).await, "no Role"),
        ("for a stranger", s.overwrite(ann, user(eve), SEND, none).await, "no Member"),
        ("for a higher role", s.overwrite(mia, Target::RoleId(s.admins), none, SEND).await, "not below"),
        ("for one's own role", s.overwrite(mia, Target::RoleId(s.mods), SEND, none).await, "not below"),
        ("for oneself", s.overwrite(mia, user(mia), SEND, none).await, "not below"),
        ("with what one lacks", s.overwrite(mia, user(bob), PIN, none).await, "lacks MANAGE_MESSAGES"),
        ("what one lacks is taken", s.overwrite(mia, user(bob), none, PIN).await, "lacks MANAGE_MESSAGES"),
        ("both given and taken", s.overwrite(ann, user(bob), SEND, SEND).await, "invalid"),
        ("an administrator's right", s.overwrite(ann, user(bob), Permissions::ALL, none).await, "invalid"),
        ("by a member", s.overwrite(carol, user(bob), none, SEND).await, "lacks MANAGE_ROLES"),
        ("by a stranger", s.overwrite(eve, user(bob), none, SEND).await, "no Channel"),
        ("for a lower one", s.overwrite(mia, user(carol), none, SEND).await, OK),
        ("it holds", s.send(carol).await, "lacks SEND_MESSAGES"),
        ("she leaves", s.leave(carol).await, OK),
        ("and cannot write", s.send(carol).await, "no Channel"),
    ]);
    let code = s.bench.invite(ann, s.guild.id(), 1).await;
    s.bench.join(carol, &code).await.expect("joined");
    let everyone = Target::RoleId(s.id());
    assert_rows(&[
        ("what was set for her before is gone", s.send(carol).await, OK),
        ("the channel is hidden from all", s.overwrite(ann, everyone, none, VIEW).await, OK),
        ("whoever is hidden from does not change it", s.overwrite(mia, everyone, VIEW, none).await, "no Channel"),
        ("a hidden channel is not explained", s.explain(mia, s.channel.get(), 0).await, "no Channel"),
        ("nor is one that is none", s.explain(mia, 1, 0).await, "no Channel"),
        ("an administrator sees it", s.explain(adam, s.channel.get(), carol.user.get()).await, OK),
        ("about others, by a member", s.explain(carol, 0, bob.user.get()).await, "lacks MANAGE_ROLES"),
        ("about oneself", s.explain(carol, 0, 0).await, OK),
        ("by a stranger", s.explain(eve, 0, 0).await, "no Guild"),
        ("to a stranger", s.transfer(ann, eve.user).await, "no Member"),
        ("to a bot", s.transfer(ann, bot).await, "invalid"),
        ("by an administrator", s.transfer(adam, adam.user).await, "lacks OWNER"),
        ("to oneself", s.transfer(ann, ann.user).await, OK),
        ("to a member", s.transfer(ann, mia.user).await, OK),
        ("who was the owner is nobody special", s.kick(ann, bob.user).await, "lacks KICK_MEMBERS"),
        ("and may leave", s.leave(ann).await, OK),
    ]);
}
