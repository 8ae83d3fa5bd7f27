//! A bidirectional echo whose answers wait for a bare SQLite writer: the floor under every acknowledgement.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxFuture;
use tonic::server::{Grpc, StreamingService};
use tonic::{Request, Response, Status, Streaming};

use super::raw::{Out, Raw, Responses, WAITING_MAX, serve as serve_raw};
use super::rows::Rows;

/// Messages that wait for the writer at most; their streams are not read meanwhile.
const QUEUE_MAX: usize = 4_096;
/// Messages of one transaction at most.
const GROUP_MAX: usize = 2_000;

/// A message to be stored: its channel's place, and where to answer.
type Waiting = (usize, Out);

#[derive(Clone)]
struct Echo {
    streams: Arc<AtomicUsize>,
    writer: mpsc::Sender<Waiting>,
    channels: usize,
}

/// Serves until it is killed.
pub(super) async fn serve(addr: SocketAddr, data: &Path, reply: Bytes) -> Result<()> {
    let rows = Rows::open(data)?;
    let (writer, waiting) = mpsc::channel(QUEUE_MAX);
    let echo = Echo { streams: Arc::default(), writer, channels: rows.channels() };
    std::thread::spawn(move || write(rows, waiting, &reply));
    serve_raw(addr, move |request| {
        let echo = echo.clone();
        Box::pin(async move { Grpc::new(Raw).streaming(echo, request).await })
    })
    .await
}

/// Commits whatever waits, as long as anybody may come.
fn write(mut rows: Rows, mut waiting: mpsc::Receiver<Waiting>, reply: &Bytes) -> Result<()> {
    let mut group = Vec::new();
    while waiting.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
        rows.commit(group.iter().map(|(place, _)| *place))?;
        for (_, out) in group.drain(..) {
            // Gone: it was stored all the same.
            let _ = out.try_send(Ok(reply.clone()));
        }
    }
    Ok(())
}

impl StreamingService<Bytes> for Echo {
    type Response = Bytes;
    type ResponseStream = Responses;
    type Future = BoxFuture<Response<Responses>, Status>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let (out, responses) = mpsc::channel(WAITING_MAX);
        let place = self.streams.fetch_add(1, Ordering::Relaxed) % self.channels;
        let writer = self.writer.clone();
        tokio::spawn(async move {
            let mut incoming = request.into_inner();
            while let Some(Ok(_)) = incoming.next().await {
                if writer.send((place, out.clone())).await.is_err() {
                    return;
                }
            }
        });
        Box::pin(async { Ok(Response::new(ReceiverStream::new(responses))) })
    }
}
