//! People of a deployment and their guilds. Each name is registered once: hashing a password is meant to be slow.

use guildhall::{ChannelId, Client, GuildId, UserId};

use super::Deployment;
use crate::wire::Wire;

/// The password of everybody whom `Deployment::user` makes.
pub const PASSWORD: &str = "correct horse battery";

/// Somebody with an account.
#[derive(Clone, Debug)]
pub struct User {
    /// The unique name.
    pub name: String,
    /// The id.
    pub id: UserId,
    /// A token of theirs.
    pub token: String,
    /// A client with that token.
    pub client: Client,
}

/// A guild with one channel.
#[derive(Clone, Copy, Debug)]
pub struct Guild {
    /// Its id.
    pub id: GuildId,
    /// Its first channel.
    pub channel: ChannelId,
}

impl Deployment {
    /// Somebody of this name, with an account and logged in.
    pub async fn user(&self, name: &str) -> User {
        let mut users = self.users.lock().await;
        if let Some(user) = users.get(name) {
            return user.clone();
        }
        let nobody = self.client(None);
        let login = nobody.auth().register(name, PASSWORD).await.expect("an account");
        let token = login.token.expose().to_owned();
        let client = self.client(Some(&token));
        let user = User { name: name.to_owned(), id: login.user.id, token, client };
        users.insert(name.to_owned(), user.clone());
        user
    }

    /// So many people, called `prefix0`, `prefix1` and so on.
    pub async fn users(&self, prefix: &str, count: usize) -> Vec<User> {
        let mut users = Vec::with_capacity(count);
        for number in 0..count {
            users.push(self.user(&format!("{prefix}{number}")).await);
        }
        users
    }

    /// Logs somebody in once more: another token, as on another device.
    pub async fn login(&self, user: &User) -> User {
        let login = self.client(None).auth().login(&user.name, PASSWORD).await.expect("a login");
        let token = login.token.expose().to_owned();
        let client = self.client(Some(&token));
        User { token, client, ..user.clone() }
    }

    /// A client with a connection of its own, at the next node in turn.
    pub fn client(&self, token: Option<&str>) -> Client {
        let builder = Client::builder(self.next_url());
        let builder = match token {
            Some(token) => builder.token(token),
            None => builder,
        };
        builder.build().expect("a client")
    }

    /// Somebody's raw frames and calls, unchecked, over a connection of their own, at the next node in turn.
    pub async fn wire(&self, user: &User) -> Wire {
        Wire::connect(&self.next_url(), &user.token).await.expect("a connection")
    }

    /// A guild of `owner` with these members beside.
    pub async fn guild(&self, owner: &User, members: &[&User]) -> Guild {
        let new = owner.client.guilds().create("a guild").await.expect("a guild");
        let guild = Guild { id: new.guild.id, channel: new.channel_id };
        for member in members {
            self.join(guild, owner, member).await;
        }
        guild
    }

    /// Somebody joins a guild.
    pub async fn join(&self, guild: Guild, owner: &User, member: &User) {
        let invite = owner.client.guilds().create_invite(guild.id).max_uses(1).await.expect("an invite");
        member.client.guilds().accept_invite(&invite.code).await.expect("a membership");
    }
}
