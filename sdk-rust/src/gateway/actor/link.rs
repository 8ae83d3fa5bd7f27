//! One connection: a stream each way, and the server's Hello.

use std::time::Duration;

use guildhall_proto::v1::gateway_service_client::GatewayServiceClient;
use guildhall_proto::v1::server_frame::Payload;
use guildhall_proto::v1::{Hello, SessionRequest, SessionResponse};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::end::End;
use crate::client::{Client, DECODE_BYTES_MAX};
use crate::error::Error;

/// Frames between the actor and the connection. When they are more the actor keeps them, and sends nothing new.
const OUT_MAX: usize = 16;
/// How long it may take from the first packet to Hello.
const OPEN_TIMEOUT: Duration = Duration::from_secs(20);

/// A connection whose server said Hello.
pub(super) struct Link {
    pub(super) out: mpsc::Sender<SessionRequest>,
    pub(super) inbound: Streaming<SessionResponse>,
    pub(super) hello: Hello,
}

/// Connects, with a connection of its own.
pub(super) async fn open(client: &Client) -> Result<Link, End> {
    let opened = tokio::time::timeout(OPEN_TIMEOUT, greet(client)).await;
    opened.unwrap_or_else(|_| Err(End::lost("the server says nothing")))
}

async fn greet(client: &Client) -> Result<Link, End> {
    let grpc = client.connect().await.map_err(End::failed)?;
    let (out, frames) = mpsc::channel(OUT_MAX);
    let mut stub = GatewayServiceClient::new(grpc).max_decoding_message_size(DECODE_BYTES_MAX);
    let response = stub.session(ReceiverStream::new(frames)).await;
    let mut inbound = response.map_err(failed)?.into_inner();
    let first = inbound.message().await.map_err(failed)?;
    let payload = first.and_then(|first| first.frame).and_then(|frame| frame.payload);
    match payload {
        Some(Payload::Hello(hello)) => Ok(Link { out, inbound, hello }),
        Some(Payload::Goodbye(goodbye)) => Err(End::goodbye(&goodbye)),
        _ => Err(End::lost("the server did not say hello")),
    }
}

/// What a failed stream means.
pub(super) fn failed(status: tonic::Status) -> End {
    End::failed(Error::from(status))
}
