//! The proxy in front of a bare HTTP/2 server that tells what reached it.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::post;
use guildhall_web_bridge::{Bridge, Proxy};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tower::ServiceExt as _;

const TEXT: &str = "application/grpc-web-text";
/// A frame with an empty message, as it is and as base64.
const FRAME: &[u8] = &[0; 5];
const FRAME_TEXT: &str = "AAAAAAA=";

/// Serves HTTP/2 until the test ends.
async fn upstream(routes: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(routes.clone());
            let http = auto::Builder::new(TokioExecutor::new()).http2_only();
            tokio::spawn(async move { http.serve_connection(TokioIo::new(stream), service).await.is_ok() });
        }
    });
    addr
}

fn bridge(addr: SocketAddr) -> Bridge {
    let upstream = format!("http://{addr}").parse().expect("a URL");
    Proxy { upstream, upstream_ca: None, connections: 2 }.into_bridge(&[]).expect("a bridge")
}

/// Answers as gRPC does, with what came in the message.
async fn tell(headers: HeaderMap, body: Body) -> impl IntoResponse {
    let body = body.collect().await.map(|body| body.to_bytes());
    let told = format!("{:?} {:?}", headers.get(CONTENT_LENGTH), body.as_deref().ok());
    ([("grpc-status", "9".to_owned()), ("grpc-message", told)], ())
}

fn call(kind: &str, body: impl Into<Body>, length: Option<usize>) -> Request<Body> {
    let mut request = Request::post("/any.Service/Method").header(CONTENT_TYPE, kind);
    if let Some(length) = length {
        request = request.header(CONTENT_LENGTH, length);
    }
    request.body(body.into()).expect("a request")
}

fn message(response: &Response<Body>) -> &str {
    response.headers()["grpc-message"].to_str().expect("a text")
}

#[tokio::test]
async fn binary_and_text_reach_the_upstream_alike() {
    let addr = upstream(Router::new().route("/any.Service/Method", post(tell))).await;
    let bridge = bridge(addr);
    let told = format!("None {:?}", Some(FRAME));
    for (kind, body) in [("application/grpc-web+proto", FRAME), (TEXT, FRAME_TEXT.as_bytes())] {
        let request = call(kind, body, Some(body.len()));
        let response = bridge.clone().oneshot(request).await.expect("an answer");
        assert_eq!(message(&response), told, "{kind}");
    }
}

#[tokio::test]
async fn an_upstream_that_is_down_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    drop(listener);
    let response = bridge(addr).oneshot(call("application/grpc-web", FRAME, None)).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["grpc-status"], "14");
}

/// Tells when it is dropped.
struct Told(mpsc::Sender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.try_send(()).expect("the test listens");
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_call_upstream() {
    let (began, mut begins) = mpsc::channel(1);
    let (ended, mut ends) = mpsc::channel(1);
    let endless = move || async move {
        let _told = Told(ended);
        began.send(()).await.expect("the test waits");
        std::future::pending::<()>().await;
    };
    let addr = upstream(Router::new().route("/any.Service/Method", post(endless))).await;
    let task = tokio::spawn(bridge(addr).oneshot(call("application/grpc-web", FRAME, None)));
    begins.recv().await.expect("the call begins");
    task.abort();
    let gone = tokio::time::timeout(Duration::from_secs(5), ends.recv()).await;
    assert_eq!(gone, Ok(Some(())), "the handler still runs");
}
