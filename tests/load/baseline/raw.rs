//! A tonic service of bytes: no message is encoded or decoded.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::Result;
use bytes::{Buf as _, BufMut as _, Bytes};
use http::{Request, Response};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::Service;
use tonic::server::NamedService;

/// Messages that a stream may have waiting: more than any benchmark keeps under way.
pub(super) const WAITING_MAX: usize = 64;

/// What all streams of responses are.
pub(super) type Responses = ReceiverStream<Result<Bytes, Status>>;
/// Where they come from.
pub(super) type Out = mpsc::Sender<Result<Bytes, Status>>;
/// How a call is answered.
pub(super) type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// Bytes in, bytes out.
#[derive(Clone, Copy, Default)]
pub(super) struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// The service `bench.Bare`, whose calls all go to one function.
#[derive(Clone)]
pub(super) struct Bare<F>(pub(super) F);

impl<F> NamedService for Bare<F> {
    const NAME: &'static str = "bench.Bare";
}

impl<F: FnMut(Request<Body>) -> Answer> Service<Request<Body>> for Bare<F> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = (self.0)(request);
        Box::pin(async { Ok(answer.await) })
    }
}

/// Serves it as tonic does by itself.
pub(super) async fn serve<F>(addr: SocketAddr, answer: F) -> Result<()>
where
    F: FnMut(Request<Body>) -> Answer + Clone + Send + Sync + 'static,
{
    tonic::transport::Server::builder().tcp_nodelay(true).add_service(Bare(answer)).serve(addr).await?;
    Ok(())
}
