//! People with accounts at the real server.

use guildhall::{ChannelId, Client, UserId};
use guildhall_server::testing::TestServer;

pub(crate) const PASSWORD: &str = "correct horse";

/// Somebody with an account.
pub(crate) struct Person {
    pub(crate) client: Client,
    pub(crate) id: UserId,
}

impl Person {
    pub(crate) async fn register(server: &TestServer, name: &str) -> Self {
        let client = Client::builder(server.url()).build().unwrap();
        let login = client.auth().register(name, PASSWORD).await.unwrap();
        Self { client: client.with_token(login.token).unwrap(), id: login.user.id }
    }

    /// A guild of theirs: its first channel.
    pub(crate) async fn hall(&self) -> ChannelId {
        self.client.guilds().create("Hall").await.unwrap().channel_id
    }

    /// Makes somebody else a member of a channel's guild.
    pub(crate) async fn invite(&self, channel: ChannelId, other: &Self) {
        let guild = self.client.channel(channel).get().await.unwrap().guild_id;
        let invite = self.client.guild(guild).create_invite().await.unwrap();
        other.client.guilds().accept_invite(invite.code).await.unwrap();
    }
}
