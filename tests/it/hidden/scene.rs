//! A guild with a channel that can be hidden from one member, in several ways.

use guildhall::{ChannelId, ChannelKind};
use guildhall_proto::v1::{self, ChannelKind as Kind, Permission, permission_overwrite::Target};
use guildhall_tests::wire::Wire;
use guildhall_tests::{Deployment, Guild, User};

/// How sight of the channel is lost and gained.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// By an overwrite of the channel for the member alone.
    Overwrite,
    /// By a role that alone may see the channel.
    Role,
    /// By an overwrite of the category that the channel is in step with.
    Category,
}

/// All of them.
pub(super) const WAYS: [Way; 3] = [Way::Overwrite, Way::Role, Way::Category];

/// Ann owns the guild, Bob is the member who sees the channel at first.
pub(super) struct Scene {
    pub(super) deployment: Deployment,
    pub(super) ann: User,
    pub(super) bob: User,
    pub(super) guild: Guild,
    /// The channel that Bob comes to see and not to see.
    pub(super) secret: ChannelId,
    /// What the overwrite that counts is set in.
    place: ChannelId,
    role: u64,
    way: Way,
    owner: Wire,
}

/// The set of these permissions.
pub(super) fn bits(permissions: &[Permission]) -> u64 {
    permissions.iter().fold(0, |bits, permission| bits | 1 << *permission as u64)
}

impl Scene {
    pub(super) async fn new(way: Way) -> Self {
        let deployment = Deployment::start().await;
        let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
        let guild = deployment.guild(&ann, &[&bob]).await;
        let owner = deployment.wire(&ann).await;
        let category = ann.client.channels().create(guild.id, "above", ChannelKind::Category).await.unwrap().id;
        let below = v1::CreateChannelRequest {
            guild_id: guild.id.get(),
            name: "the-secret".into(),
            kind: Kind::Text.into(),
            parent_id: category.get(),
            ..Default::default()
        };
        let made = owner.channels().create_channel(below).await.unwrap().into_inner().channel.unwrap();
        let secret = ChannelId(made.id);
        let place = if matches!(way, Way::Category) { category } else { secret };
        let mut scene = Self { deployment, ann, bob, guild, secret, place, role: 0, way, owner };
        if matches!(way, Way::Role) {
            scene.role = scene.new_role(&[]).await;
            scene.give(scene.role).await;
            scene.overwrite(Target::RoleId(guild.id.get()), &[], &[Permission::ViewChannel]).await;
            scene.overwrite(Target::RoleId(scene.role), &[Permission::ViewChannel], &[]).await;
        }
        scene
    }

    /// From now on Bob does not see the channel.
    pub(super) async fn hide(&self) {
        let hidden = &[Permission::ViewChannel];
        match self.way {
            Way::Overwrite | Way::Category => self.overwrite(Target::UserId(self.bob.id.get()), &[], hidden).await,
            Way::Role => {
                let (guild_id, user_id) = (self.guild.id.get(), self.bob.id.get());
                let request =
                    v1::RemoveMemberRoleRequest { guild_id, user_id, role_id: self.role, reason: String::new() };
                self.owner.roles().remove_member_role(request).await.unwrap();
            }
        }
    }

    /// From now on Bob sees the channel.
    pub(super) async fn show(&self) {
        match self.way {
            Way::Overwrite | Way::Category => self.overwrite(Target::UserId(self.bob.id.get()), &[], &[]).await,
            Way::Role => self.give(self.role).await,
        }
    }

    pub(super) async fn new_role(&self, permissions: &[Permission]) -> u64 {
        let request = v1::CreateRoleRequest {
            guild_id: self.guild.id.get(),
            name: "role".into(),
            permissions: bits(permissions),
            ..Default::default()
        };
        self.owner.roles().create_role(request).await.unwrap().into_inner().role.unwrap().id
    }

    pub(super) async fn give(&self, role_id: u64) {
        let (guild_id, user_id) = (self.guild.id.get(), self.bob.id.get());
        let request = v1::AddMemberRoleRequest { guild_id, user_id, role_id, reason: String::new() };
        self.owner.roles().add_member_role(request).await.unwrap();
    }

    async fn overwrite(&self, target: Target, allow: &[Permission], deny: &[Permission]) {
        let overwrite = v1::PermissionOverwrite { target: Some(target), allow: bits(allow), deny: bits(deny) };
        let channel_id = self.place.get();
        let request = v1::SetOverwriteRequest { channel_id, overwrite: Some(overwrite), reason: String::new() };
        self.owner.roles().set_overwrite(request).await.unwrap();
    }

    /// Ann writes in the channel.
    pub(super) async fn send(&self, content: &str) -> u64 {
        self.ann.client.messages().send(self.secret, content).await.unwrap().message_id.get()
    }
}
