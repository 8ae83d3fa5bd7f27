//! Raw calls and frames, by the generated stubs alone: nothing is checked before it is sent, nothing is repaired.

mod parts;
mod session;

use anyhow::Context;
use guildhall_proto::v1::{
    auth_service_client::AuthServiceClient, channel_service_client::ChannelServiceClient,
    gateway_service_client::GatewayServiceClient, guild_service_client::GuildServiceClient,
    history_service_client::HistoryServiceClient, message_service_client::MessageServiceClient,
    moderation_service_client::ModerationServiceClient, role_service_client::RoleServiceClient,
    user_service_client::UserServiceClient,
};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

pub use parts::{channel_cursor, message_id, nonce, send_command, subscribe};
pub use session::{Frame, Outcome, Session};

/// Bytes of one call that are taken in before the peer has to wait for the reader: the least that HTTP/2 starts with, so
/// that a reader that stops is felt soon.
const STREAM_WINDOW_BYTES: u32 = 65_535;
/// Bytes of a whole connection. From it the HTTP/2 library derives how many small frames may lie unread before it takes
/// the peer for an attacker.
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;

/// A connection and the token of its user.
#[derive(Clone, Debug)]
pub struct Wire {
    url: String,
    channel: Channel,
    bearer: Bearer,
}

/// Puts the token into every call.
#[derive(Clone, Debug)]
pub struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

type Authorized = InterceptedService<Channel, Bearer>;

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// If nobody answers.
    pub async fn connect(url: &str, token: &str) -> anyhow::Result<Self> {
        let endpoint = Endpoint::from_shared(url.to_owned())?
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
        let channel = endpoint.connect().await.context("no connection")?;
        let bearer = Bearer(format!("Bearer {token}").parse()?);
        Ok(Self { url: url.to_owned(), channel, bearer })
    }

    /// The node that it is connected to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens a session, as far as Hello.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn session(&self) -> anyhow::Result<Session> {
        Session::open(self.gateway()).await
    }

    /// Opens a session and identifies it; it watches these channels from now on.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn watching(&self, channels: &[guildhall::ChannelId]) -> anyhow::Result<Session> {
        let mut session = self.session().await?;
        session.identify(subscribe(channels)).await?;
        Ok(session)
    }
}

/// One function for each service.
macro_rules! clients {
    ($($(#[$doc:meta])+ $name:ident: $client:ident;)+) => {
        impl Wire {
            $($(#[$doc])+
            pub fn $name(&self) -> $client<Authorized> {
                $client::with_interceptor(self.channel.clone(), self.bearer.clone())
            })+
        }
    };
}

clients! {
    /// `AuthService`.
    auth: AuthServiceClient;
    /// `ChannelService`.
    channels: ChannelServiceClient;
    /// `GatewayService`.
    gateway: GatewayServiceClient;
    /// `GuildService`.
    guilds: GuildServiceClient;
    /// `HistoryService`.
    history: HistoryServiceClient;
    /// `MessageService`.
    messages: MessageServiceClient;
    /// `ModerationService`.
    moderation: ModerationServiceClient;
    /// `RoleService`.
    roles: RoleServiceClient;
    /// `UserService`.
    users: UserServiceClient;
}
