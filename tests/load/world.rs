//! The accounts, guilds and channels of a run, made through the server's own calls: a hall with one channel and many
//! members, all of them bots with a token of their own, and a yard with many channels and a few senders.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use guildhall_proto::v1::{
    self, auth_service_client::AuthServiceClient, channel_service_client::ChannelServiceClient,
    guild_service_client::GuildServiceClient,
};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

/// Channels of the yard.
pub(crate) const YARD_CHANNELS: usize = 64;
/// Senders of the yard, on one node.
pub(crate) const SENDERS: usize = 128;
/// Accounts that are being made at the same time. All join one guild: more of them only wait for each other.
const CONCURRENT: usize = 16;
/// How often a call is tried whose outcome is not known.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// Who and what there is.
#[derive(Clone, Default)]
pub(crate) struct World {
    /// The token of the owner of everything.
    pub(crate) owner: String,
    /// The hall's channel.
    pub(crate) channel: u64,
    /// The tokens of the hall's members.
    pub(crate) members: Vec<String>,
    /// The yard's channels.
    pub(crate) yard: Vec<u64>,
    /// The tokens of the yard's senders.
    pub(crate) senders: Vec<String>,
}

impl World {
    /// Makes it on a fresh server: so many members of the hall, so many senders of the yard.
    pub(crate) async fn make(addr: SocketAddr, (members, senders): (usize, usize)) -> Result<Self> {
        let channel = Channel::from_shared(format!("http://{addr}"))?.connect().await?;
        let owner = register(&channel).await?;
        let (hall, general) = guild(&channel, &owner, "hall").await?;
        let (yard, _) = guild(&channel, &owner, "yard").await?;
        Ok(Self {
            channel: general,
            members: crowd(&channel, &owner, hall, ("member", members)).await?,
            yard: channels(&channel, &owner, yard).await?,
            senders: crowd(&channel, &owner, yard, ("sender", senders)).await?,
            owner,
        })
    }

    /// The same with fewer channels and senders in the yard.
    pub(crate) fn narrow(&self, channels: usize, senders: usize) -> Self {
        let mut world = self.clone();
        world.yard.truncate(channels);
        world.senders.truncate(senders);
        world
    }
}

async fn register(channel: &Channel) -> Result<String> {
    let request = v1::RegisterRequest {
        username: "owner".to_owned(),
        password: "correct horse battery staple".to_owned(),
        ..v1::RegisterRequest::default()
    };
    Ok(AuthServiceClient::new(channel.clone()).register(request).await?.into_inner().token)
}

async fn guild(channel: &Channel, owner: &str, name: &str) -> Result<(u64, u64)> {
    let request = v1::CreateGuildRequest { name: name.to_owned(), icon_url: String::new() };
    let made = GuildServiceClient::new(channel.clone()).create_guild(by(owner, request)?).await?.into_inner();
    Ok((made.guild.context("no guild")?.id, made.channel_id))
}

async fn channels(channel: &Channel, owner: &str, guild: u64) -> Result<Vec<u64>> {
    let mut client = ChannelServiceClient::new(channel.clone());
    for number in 1..YARD_CHANNELS {
        let request = v1::CreateChannelRequest {
            guild_id: guild,
            name: format!("corner-{number}"),
            kind: v1::ChannelKind::Text.into(),
            ..v1::CreateChannelRequest::default()
        };
        client.create_channel(by(owner, request)?).await?;
    }
    let list = client.list_channels(by(owner, v1::ListChannelsRequest { guild_id: guild })?).await?;
    Ok(list.into_inner().channels.into_iter().map(|channel| channel.id).collect())
}

/// Makes bots and has them join a guild; returns their tokens.
async fn crowd(channel: &Channel, owner: &str, guild: u64, (name, count): (&str, usize)) -> Result<Vec<String>> {
    let invite = v1::CreateInviteRequest { guild_id: guild, ..v1::CreateInviteRequest::default() };
    let invite = GuildServiceClient::new(channel.clone()).create_invite(by(owner, invite)?).await?.into_inner();
    let code = invite.invite.context("no invite")?.code;
    stream::iter(0..count)
        .map(|number| bot(channel, owner, &code, format!("{name}-{number}")))
        .buffered(CONCURRENT)
        .try_collect()
        .await
}

async fn bot(channel: &Channel, owner: &str, code: &str, username: String) -> Result<String> {
    let made = patiently(async |attempt| {
        // It may have been made, although nobody said so: the next one is another.
        let request = v1::CreateBotRequest { username: format!("{username}-{attempt}"), display_name: String::new() };
        AuthServiceClient::new(channel.clone()).create_bot(by(owner, request)?).await
    });
    let token = made.await?.token;
    let join = patiently(async |_| {
        let request = v1::AcceptInviteRequest { code: code.to_owned() };
        GuildServiceClient::new(channel.clone()).accept_invite(by(&token, request)?).await
    });
    join.await?;
    Ok(token)
}

/// Tries again what a busy storage could not do in time.
async fn patiently<T>(call: impl AsyncFn(u32) -> Result<Response<T>, Status>) -> Result<T> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match call(attempt).await {
            Err(status) if status.code() == Code::Unavailable && attempt < ATTEMPTS => tokio::time::sleep(PAUSE).await,
            answer => return Ok(answer?.into_inner()),
        }
    }
}

/// A request of whoever has the token.
fn by<T>(token: &str, message: T) -> Result<Request<T>, Status> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("authorization", format!("Bearer {token}").parse().map_err(|_| Status::internal("a token"))?);
    Ok(request)
}
