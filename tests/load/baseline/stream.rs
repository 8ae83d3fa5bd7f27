//! A tonic server stream of pre-encoded bytes: the floor under every fan-out.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxFuture;
use tonic::server::{Grpc, ServerStreamingService, StreamingService};
use tonic::{Request, Response, Status, Streaming};

use super::raw::{Out, Raw, Responses, WAITING_MAX, serve as serve_raw};
use super::{PUBLISH, SUBSCRIBE};

#[derive(Clone)]
struct Stream(Arc<State>);

struct State {
    hello: Bytes,
    event: Bytes,
    subscribers: Mutex<Vec<Out>>,
}

/// Serves until it is killed.
pub(super) async fn serve(addr: SocketAddr, hello: Bytes, event: Bytes) -> Result<()> {
    let stream = Stream(Arc::new(State { hello, event, subscribers: Mutex::default() }));
    serve_raw(addr, move |request| {
        let stream = stream.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(Raw);
            match request.uri().path() {
                SUBSCRIBE => grpc.server_streaming(stream, request).await,
                PUBLISH => grpc.streaming(stream, request).await,
                path => Status::unimplemented(path).into_http(),
            }
        })
    })
    .await
}

impl ServerStreamingService<Bytes> for Stream {
    type Response = Bytes;
    type ResponseStream = Responses;
    type Future = BoxFuture<Response<Responses>, Status>;

    fn call(&mut self, _: Request<Bytes>) -> Self::Future {
        let (out, responses) = mpsc::channel(WAITING_MAX);
        let first = out.try_send(Ok(self.0.hello.clone()));
        self.0.subscribers.lock().push(out);
        Box::pin(async move {
            first.map_err(|_| Status::internal("an empty queue is full"))?;
            Ok(Response::new(ReceiverStream::new(responses)))
        })
    }
}

impl StreamingService<Bytes> for Stream {
    type Response = Bytes;
    type ResponseStream = Responses;
    type Future = BoxFuture<Response<Responses>, Status>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let (out, responses) = mpsc::channel(1);
        let state = Arc::clone(&self.0);
        tokio::spawn(async move {
            let mut incoming = request.into_inner();
            while let Some(Ok(_)) = incoming.next().await {
                state.publish();
            }
            drop(out);
        });
        Box::pin(async { Ok(Response::new(ReceiverStream::new(responses))) })
    }
}

impl State {
    /// A full queue loses the event: it would show in the load generator's count.
    fn publish(&self) {
        let send = |out: &mut Out| !matches!(out.try_send(Ok(self.event.clone())), Err(TrySendError::Closed(_)));
        self.subscribers.lock().retain_mut(send);
    }
}
