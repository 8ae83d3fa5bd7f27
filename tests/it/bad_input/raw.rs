//! Bytes in the place of messages: what no generated stub would send. A gRPC client of a hundred lines that checks nothing.

use std::convert::Infallible;

use bytes::{Buf, Bytes, BytesMut};
use guildhall_proto::v1::{self, server_frame::Payload};
use guildhall_tests::eventually::PATIENCE;
use http::header::{AUTHORIZATION, CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::Status;

use super::words;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A connection.
pub(super) struct Raw {
    requests: SendRequest<Body>,
    url: String,
    authorization: Option<HeaderValue>,
}

/// A session on it.
pub(super) struct RawSession {
    up: mpsc::Sender<Bytes>,
    down: Incoming,
    arrived: BytesMut,
}

/// A message in gRPC's frame: not compressed, its length, itself.
pub(super) fn framed(message: impl AsRef<[u8]>) -> Bytes {
    let message = message.as_ref();
    prefixed(0, u32::try_from(message.len()).unwrap(), message)
}

/// A message in a frame that may lie about it.
pub(super) fn prefixed(flag: u8, length: u32, message: &[u8]) -> Bytes {
    let mut bytes = vec![flag];
    bytes.extend(length.to_be_bytes());
    bytes.extend(message);
    bytes.into()
}

impl Raw {
    pub(super) async fn connect(url: &str, authorization: Option<&[u8]>) -> Self {
        let url = url.to_owned();
        let address = url.strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let (requests, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        // It ends with the connection.
        tokio::spawn(async { drop(connection.await) });
        let authorization = authorization.map(|value| HeaderValue::from_bytes(value).unwrap());
        Self { requests, url, authorization }
    }

    /// Calls a method with these bytes as its message.
    pub(super) async fn call(
        &mut self,
        method: &str,
        message: impl AsRef<[u8]>,
        done: impl FnOnce(Bytes) -> String,
    ) -> String {
        self.call_framed(method, None, framed(message), done).await
    }

    /// Calls a method with these bytes as its whole body.
    pub(super) async fn call_framed(
        &mut self,
        method: &str,
        encoding: Option<&'static str>,
        body: Bytes,
        done: impl FnOnce(Bytes) -> String,
    ) -> String {
        let response = self.request(method, encoding, Full::new(body).boxed_unsync()).await;
        let (http, headers) = (response.status(), response.headers().clone());
        let collected = response.into_body().collect().await.unwrap();
        let trailers = collected.trailers().cloned().unwrap_or_default();
        match status(&headers).or_else(|| status(&trailers)) {
            Some(status) if status.code() != tonic::Code::Ok => words::of_status(&status),
            Some(_) => done(collected.to_bytes().split_off(5)),
            None => format!("HTTP {http}"),
        }
    }

    /// Opens a session; a refused one is told as it was refused.
    pub(super) async fn session(&mut self) -> Result<RawSession, String> {
        let (up, frames) = mpsc::channel(64);
        let frames = ReceiverStream::new(frames).map(|bytes| Ok(Frame::data(bytes)));
        let body = StreamBody::new(frames).boxed_unsync();
        let response = self.request("GatewayService/Session", None, body).await;
        match status(response.headers()) {
            Some(status) => Err(words::of_status(&status)),
            None => Ok(RawSession { up, down: response.into_body(), arrived: BytesMut::new() }),
        }
    }

    async fn request(&mut self, method: &str, encoding: Option<&'static str>, body: Body) -> Response<Incoming> {
        let mut request = Request::post(format!("{}/guildhall.v1.{method}", self.url));
        let headers = request.headers_mut().unwrap();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.extend(self.authorization.clone().map(|value| (AUTHORIZATION, value)));
        let encoding = encoding.map(|name| (HeaderName::from_static("grpc-encoding"), HeaderValue::from_static(name)));
        headers.extend(encoding);
        self.requests.ready().await.unwrap();
        self.requests.send_request(request.body(body).unwrap()).await.unwrap()
    }
}

fn status(headers: &HeaderMap) -> Option<Status> {
    Status::from_header_map(headers)
}

impl RawSession {
    /// Sends bytes as they are. A session that has ended takes no more, which is seen by what it said.
    pub(super) async fn bytes(&self, bytes: Bytes) {
        let _ = self.up.send(bytes).await;
    }

    /// Sends a well-formed frame.
    pub(super) async fn frame(&self, frame: v1::ClientFrame) {
        self.bytes(framed(v1::SessionRequest { frame: Some(frame) }.encode_to_vec())).await;
    }

    /// The next frame of the server; `None`: the stream has ended.
    pub(super) async fn next(&mut self) -> Option<Payload> {
        let next = tokio::time::timeout(PATIENCE, self.read());
        next.await.expect("the session says something or ends")
    }

    async fn read(&mut self) -> Option<Payload> {
        loop {
            if let Some(length) = self.arrived.get(1..5) {
                let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
                if self.arrived.len() >= 5 + length {
                    self.arrived.advance(5);
                    let message = self.arrived.split_to(length);
                    let response = v1::SessionResponse::decode(message).expect("a frame of the server");
                    return response.frame?.payload;
                }
            }
            let data = self.down.frame().await?.ok()?.into_data().ok()?;
            self.arrived.extend(data);
        }
    }
}
