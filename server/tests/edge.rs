//! The edge from outside, over bare sockets: what it answers, whom it waits for and for how long, and how it ends.

use std::time::Duration;

use guildhall_server::testing::TestServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const ORIGIN: &str = "https://chat.example.org";

async fn connect(server: &TestServer) -> TcpStream {
    let addr = server.server().local_addr();
    TcpStream::connect(addr).await.expect("a connection")
}

/// Sends bytes and returns all that comes back until the server closes, as text, and how long that took.
async fn exchange(server: &TestServer, bytes: &[u8]) -> (String, Duration) {
    let start = Instant::now();
    let mut stream = connect(server).await;
    stream.write_all(bytes).await.expect("a write");
    let mut answer = Vec::new();
    // A reset is an end as well; what came before it counts.
    let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.expect("the server closes in time");
    (String::from_utf8_lossy(&answer).into_owned(), start.elapsed())
}

async fn http(server: &TestServer, request: &str) -> String {
    let request = request.replace('\n', "\r\n");
    let (answer, _) = exchange(server, request.as_bytes()).await;
    answer
}

async fn get(server: &TestServer, path: &str) -> String {
    http(server, &format!("GET {path} HTTP/1.1\nHost: x\nConnection: close\n\n")).await
}

/// A gRPC-web call with an empty message.
async fn call(server: &TestServer, path: &str, headers: &str) -> String {
    let kind = "content-type: application/grpc-web+proto\nContent-Length: 5";
    http(server, &format!("POST {path} HTTP/1.1\nHost: x\nConnection: close\n{kind}\n{headers}\n\0\0\0\0\0")).await
}

#[tokio::test]
async fn plain_pages_answer() {
    let server = TestServer::start().await;
    assert!(get(&server, "/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(get(&server, "/readyz").await.ends_with("ready\n"));
    assert!(get(&server, "/").await.contains("Guildhall"));
    assert!(get(&server, "/no/such/page").await.starts_with("HTTP/1.1 404"));
    server.shutdown().await;
}

#[tokio::test]
async fn a_failure_over_grpc_web_has_reason_and_request_id() {
    let server = TestServer::start().await;
    let answer = call(&server, "/no.Such/Method", "x-request-id: mine-1\n").await;
    assert!(answer.contains("grpc-status: 12"), "{answer}");
    assert!(answer.contains("x-request-id: mine-1"), "{answer}");
    for method in ["Commit", "Push"] {
        // What nodes say to each other is not said here.
        let answer = call(&server, &format!("/guildhall.internal.v1.NodeService/{method}"), "").await;
        assert!(answer.contains("grpc-status: 12"), "{answer}");
    }
    let answer = call(&server, "/guildhall.v1.UserService/GetMe", "").await;
    assert!(answer.contains("grpc-status: 16"), "{answer}");
    assert!(answer.contains("grpc-status-details-bin: "), "{answer}");
    assert!(!answer.contains("<html"), "{answer}");
    let answer = call(&server, "/grpc.health.v1.Health/Check", "").await;
    assert!(answer.contains("grpc-status:0"), "{answer}");
    server.shutdown().await;
}

#[tokio::test]
async fn only_listed_origins_pass_a_preflight() {
    let builder = TestServer::builder().settings(|settings| {
        settings.allowed_origins = vec![ORIGIN.parse().expect("an origin")];
    });
    let server = builder.start().await;
    let preflight = |origin: &str| {
        format!(
            "OPTIONS /guildhall.v1.AuthService/Login HTTP/1.1\nHost: x\nConnection: close\nOrigin: {origin}\n\
             Access-Control-Request-Method: POST\nAccess-Control-Request-Headers: authorization,x-grpc-web\n\n"
        )
    };
    let answer = http(&server, &preflight(ORIGIN)).await;
    assert!(answer.contains(&format!("access-control-allow-origin: {ORIGIN}")), "{answer}");
    assert!(answer.contains("access-control-max-age: 7200"), "{answer}");
    assert!(!answer.contains("access-control-allow-credentials"), "{answer}");
    let answer = http(&server, &preflight("https://evil.example.org")).await;
    assert!(!answer.contains("access-control-allow-origin"), "{answer}");
    let answer = call(&server, "/grpc.health.v1.Health/Check", &format!("Origin: {ORIGIN}\n")).await;
    assert!(answer.contains("access-control-expose-headers: grpc-status,grpc-message"), "{answer}");
    server.shutdown().await;
}

#[tokio::test]
async fn who_never_begins_is_closed_after_five_seconds() {
    let server = TestServer::start().await;
    let cases: [&[u8]; 5] = [b"", b"P", &PREFACE[..12], &PREFACE[..23], b"GET /healthz HTT"];
    let closed = cases.map(|bytes| exchange(&server, bytes));
    for (answer, after) in futures_util::future::join_all(closed).await {
        assert_eq!(answer, "");
        let after = after.as_millis();
        assert!((4_800..7_000).contains(&after), "closed after {after} ms");
    }
    server.shutdown().await;
}

#[tokio::test]
async fn a_header_bomb_is_refused_and_others_do_not_notice() {
    let server = TestServer::start().await;
    let bomb = format!("GET / HTTP/1.1\nHost: x\nx-a: {}\n\n", "a".repeat(200_000));
    assert!(http(&server, &bomb).await.starts_with("HTTP/1.1 431"));
    assert!(get(&server, "/healthz").await.starts_with("HTTP/1.1 200"));
    server.shutdown().await;
}

#[tokio::test]
async fn one_address_gets_so_many_connections_and_no_more() {
    let builder = TestServer::builder().settings(|settings| settings.max_connections_per_ip = 3);
    let server = builder.start().await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = connect(&server).await;
        // Answered: so it was let in.
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("a write");
        stream.read_u8().await.expect("an answer");
        held.push(stream);
    }
    let refused = connect(&server).await.read_u8().await;
    assert!(refused.is_err(), "a fourth connection was served");
    drop(held.pop());
    let open = async {
        while !get(&server, "/healthz").await.starts_with("HTTP/1.1 200") {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), open).await.expect("the place is given back");
    server.shutdown().await;
}

#[tokio::test]
async fn it_stops_and_comes_back_on_the_same_address() {
    let mut server = TestServer::start().await;
    let url = server.url();
    // Idle connections of both kinds must not hold it up.
    let _silent = connect(&server).await;
    let mut http2 = connect(&server).await;
    http2.write_all(PREFACE).await.expect("a write");
    http2.write_all(b"\0\0\0\x04\0\0\0\0\0").await.expect("a write");
    // The server's own settings: it speaks HTTP/2 with this one, which will not answer when it is told to go.
    http2.read_exact(&mut [0; 9]).await.expect("a frame");
    let start = Instant::now();
    server.restart().await;
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(server.url(), url);
    assert!(get(&server, "/readyz").await.starts_with("HTTP/1.1 200"));
    server.kill().await;
    server.resume().await;
    assert!(get(&server, "/readyz").await.starts_with("HTTP/1.1 200"));
    server.shutdown().await;
}
