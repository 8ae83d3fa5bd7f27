//! The gRPC services, one file each: unwrap, call, wrap. No decisions are taken in here.

mod auth;
mod channel;
pub mod codec;
pub mod gateway;
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::large_futures)]
pub(crate) mod generated {
    include!("generated/guildhall.v1.rs");
}
mod guild;
mod history;
mod internal;
mod message;
mod moderation;
mod role;
mod user;

use std::sync::Arc;

use tonic::{Request, Status, service::Routes};

use crate::{
    chat::{Caller, Chat, Error, error::Unauthenticated},
    error::status,
    limits::Peer,
    nodes::{self, Nodes, generated::node_service_server::NodeServiceServer},
    session::{FRAME_BYTES_MAX, Sessions},
};
use gateway::Gateway;
use generated::{
    auth_service_server::AuthServiceServer, channel_service_server::ChannelServiceServer,
    gateway_service_server::GatewayServiceServer, guild_service_server::GuildServiceServer,
    history_service_server::HistoryServiceServer, message_service_server::MessageServiceServer,
    moderation_service_server::ModerationServiceServer, role_service_server::RoleServiceServer,
    user_service_server::UserServiceServer,
};
pub use internal::Reach;

/// The largest request of a unary call, in bytes.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// All services for clients. Who calls must have been found out before a request comes here. `nodes`: the others, if there
/// may be any.
pub fn routes(chat: Arc<Chat>, sessions: Sessions, nodes: Option<Nodes>) -> Routes {
    let mut routes = Routes::builder();
    macro_rules! add {
        ($server:ident, $service:expr, $max:expr) => {
            routes.add_service($server::from_arc($service).max_decoding_message_size($max));
        };
    }
    add!(AuthServiceServer, Arc::new(auth::Auth(Arc::clone(&chat))), REQUEST_BYTES_MAX);
    add!(UserServiceServer, Arc::new(user::Users(Arc::clone(&chat))), REQUEST_BYTES_MAX);
    add!(GuildServiceServer, Arc::new(guild::Guilds(Arc::clone(&chat))), REQUEST_BYTES_MAX);
    add!(ChannelServiceServer, Arc::new(channel::Channels(Arc::clone(&chat))), REQUEST_BYTES_MAX);
    add!(MessageServiceServer, Arc::new(message::Messages(Arc::clone(&chat))), REQUEST_BYTES_MAX);
    add!(RoleServiceServer, Arc::new(role::Roles(Arc::clone(&chat))), REQUEST_BYTES_MAX);
    add!(ModerationServiceServer, Arc::new(moderation::Moderation(Arc::clone(&chat))), REQUEST_BYTES_MAX);
    add!(HistoryServiceServer, Arc::new(history::History(chat)), REQUEST_BYTES_MAX);
    add!(GatewayServiceServer, Gateway::new(sessions, nodes), FRAME_BYTES_MAX);
    routes.routes()
}

/// What other nodes may call. That it is one of them must have been found out before a request comes here.
pub fn node_routes(chat: Arc<Chat>, sessions: Sessions, reach: Reach) -> Routes {
    let service = NodeServiceServer::new(internal::Internal::new(chat, sessions, reach));
    Routes::new(service.max_decoding_message_size(nodes::REQUEST_BYTES_MAX))
}

/// Who calls, as the edge found out. A method that wants a caller and was let through without one refuses.
pub(crate) fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    let caller = request.extensions().get::<Caller>().cloned();
    caller.ok_or_else(|| status(Error::Unauthenticated(Unauthenticated::TokenInvalid)))
}

/// Where a call came from, as the edge saw it.
fn peer<T>(request: &Request<T>) -> Option<Peer> {
    request.extensions().get::<Peer>().copied()
}

/// The caller and the request.
fn parts<T>(request: Request<T>) -> Result<(Caller, T), Status> {
    Ok((caller(&request)?, request.into_inner()))
}
