//! Rows about connections: peers that begin badly, flood, or stop. They take their time, so all of them run at once, beside
//! each other and the neighbour.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::http2::{
    Attacker, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, RST_STREAM, WINDOW_UPDATE, frame,
    header,
};
use super::raw::{Raw, prefixed};
use super::scene::Scene;
use super::table::{Row, row};
use super::words;

/// What HTTP/2 begins with.
const WINDOW: u32 = 65_535;
/// The method that is called where it does not matter.
const METHOD: &str = "/guildhall.v1.UserService/GetMe";
/// More frames than any flood may need until it is stopped.
const FLOOD: u32 = 20_000;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = beginnings();
    rows.extend(http1());
    rows.extend(floods());
    rows.extend(bombs());
    rows
}

fn beginnings() -> Vec<Row> {
    let begun = |input: &str, outcome: &str, bytes: &'static [u8]| {
        row(input, outcome, async move |scene| begun_with(&scene, bytes).await)
    };
    let late = "closed without a word in 5 to 8 s";
    let noise: &[u8] = [PREFACE, &[0xFF; 10]].concat().leak();
    vec![
        begun("a connection without a byte", late, b""),
        begun("half a preface", late, &PREFACE[..12]),
        begun("all of a preface but its end", late, &PREFACE[..23]),
        begun("a preface and then noise", "GOAWAY FRAME_SIZE_ERROR in 0 to 3 s", noise),
        // Twenty seconds until it is asked whether it lives, ten to think about it.
        begun("a preface and then silence", "GOAWAY NO_ERROR in 30 to 33 s", PREFACE),
    ]
}

async fn begun_with(scene: &Scene, bytes: &[u8]) -> String {
    let start = Instant::now();
    let mut attacker = Attacker::connect(&scene.deployment, "").await;
    attacker.send(bytes).await;
    let end = attacker.end_within(Duration::from_secs(60)).await;
    format!("{end} {}", words::span(start.elapsed()))
}

fn http1() -> Vec<Row> {
    let asked = |input: &str, outcome: &str, request: &'static str| {
        row(input, outcome, async move |scene| first_line(&scene, request.as_bytes()).await)
    };
    let post = |kind: &str| -> &'static str {
        let text = format!("POST {METHOD} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\ncontent-length: 0\r\n\r\n");
        String::leak(text)
    };
    vec![
        asked("gRPC over HTTP/1.1", "HTTP/1.1 505 HTTP Version Not Supported", post("application/grpc")),
        asked("JSON to a method", "HTTP/1.1 415 Unsupported Media Type", post("application/json")),
        asked(
            "an unknown kind of gRPC-web",
            "HTTP/1.1 415 Unsupported Media Type",
            post("application/grpc-web+thrift"),
        ),
        asked(
            "GET of a method",
            "HTTP/1.1 404 Not Found",
            "GET /guildhall.v1.UserService/GetMe HTTP/1.1\r\nhost: x\r\n\r\n",
        ),
        asked("a line that is no HTTP", "HTTP/1.1 400 Bad Request", "HELLO, IS THERE ANYBODY?\r\n\r\n"),
        row("TLS where there is none", "HTTP/1.1 400 Bad Request", async |scene| {
            first_line(&scene, b"\x16\x03\x01\x00\xA5\x01\x00\x00\xA1\x03\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").await
        }),
        row("HTTP/1.1 headers of 1 MiB", "HTTP/1.1 431 Request Header Fields Too Large", async |scene| {
            let mut request = b"GET / HTTP/1.1\r\nhost: x\r\nbomb: ".to_vec();
            request.resize(1 << 20, b'a');
            first_line(&scene, &request).await
        }),
        row("an unknown method", "UNIMPLEMENTED METHOD_NOT_FOUND", async |scene| {
            let mut raw = scene.raw(&scene.ann).await;
            raw.call("MessageService/Shout", b"", |_| "answered".to_owned()).await
        }),
    ]
}

/// The first line of what comes back.
async fn first_line(scene: &Scene, request: &[u8]) -> String {
    let mut stream = Attacker::connect(&scene.deployment, "").await.stream;
    // What is refused in the middle is not read to its end.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let mut chunk = [0; 1024];
    while !answer.contains(&b'\n') {
        match tokio::time::timeout(Duration::from_secs(15), stream.read(&mut chunk)).await {
            Ok(Ok(count)) if count > 0 => answer.extend(&chunk[..count]),
            _ => return "closed without a word".to_owned(),
        }
    }
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

fn floods() -> Vec<Row> {
    let resets = "GOAWAY ENHANCE_YOUR_CALM too_many_resets";
    let provoked = "GOAWAY ENHANCE_YOUR_CALM too_many_internal_resets";
    vec![
        row("a rapid reset flood", resets, async |scene| {
            flood(&scene, |attacker, stream| {
                let headers = frame(HEADERS, END_HEADERS | END_STREAM, stream, &attacker.call(METHOD));
                // CANCEL.
                [headers, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
            })
            .await
        }),
        row("resets that are provoked by window overflows", provoked, async |scene| {
            flood(&scene, |attacker, stream| {
                let headers = frame(HEADERS, END_HEADERS, stream, &attacker.call(METHOD));
                let most = frame(WINDOW_UPDATE, 0, stream, &i32::MAX.to_be_bytes());
                [headers, most].concat()
            })
            .await
        }),
        row("a flood of empty data", "GOAWAY ENHANCE_YOUR_CALM too_many_data_frames", async |scene| {
            flood(&scene, |attacker, stream| match stream {
                1 => frame(HEADERS, END_HEADERS, 1, &attacker.call(METHOD)),
                _ => frame(DATA, 0, 1, &[]).repeat(10),
            })
            .await
        }),
        row("a flood of pings that reads no answer", "closed by the server", ping_flood),
        row("a client that opens and never reads", "closed by the server", super::stalled::never_reads).leaves_some(),
    ]
}

/// Sends what `next` makes for one stream after the other, until the server has enough of it.
async fn flood(scene: &Scene, next: impl Fn(&Attacker, u32) -> Vec<u8>) -> String {
    let mut attacker = Attacker::begin(&scene.deployment, &scene.ann.user.token, WINDOW).await;
    for number in 0..FLOOD {
        let bytes = next(&attacker, 2 * number + 1);
        if !attacker.send(&bytes).await {
            break;
        }
    }
    attacker.end().await
}

async fn ping_flood(scene: Arc<Scene>) -> String {
    let mut attacker = Attacker::begin(&scene.deployment, &scene.ann.user.token, WINDOW).await;
    let pings = frame(PING, 0, 0, b"answer!!").repeat(1_000);
    let flood = async { while attacker.send(&pings).await {} };
    match tokio::time::timeout(Duration::from_secs(90), flood).await {
        Ok(()) => "closed by the server".to_owned(),
        Err(_) => "open".to_owned(),
    }
}

fn bombs() -> Vec<Row> {
    vec![
        row("a header of 20 KiB", "HTTP 431 Request Header Fields Too Large", async |scene| {
            let mut raw = Raw::connect(&scene.deployment.url(0), Some(&[b'a'; 20 << 10])).await;
            raw.call("UserService/GetMe", b"", |_| "answered".to_owned()).await
        }),
        row("headers that go on for ever", "GOAWAY ENHANCE_YOUR_CALM too_many_continuations", async |scene| {
            let mut attacker = Attacker::begin(&scene.deployment, &scene.ann.user.token, WINDOW).await;
            let headers = frame(HEADERS, END_STREAM, 1, &attacker.call(METHOD));
            attacker.send(&headers).await;
            attacker.send(&frame(CONTINUATION, 0, 1, &header("bomb", &"a".repeat(15 << 10))).repeat(100)).await;
            attacker.end().await
        }),
        row("a gzip bomb by call", "UNIMPLEMENTED METHOD_NOT_FOUND", async |scene| {
            let mut raw = scene.raw(&scene.ann).await;
            raw.call_framed("MessageService/SendMessage", Some("gzip"), gzip_bomb().await, |_| "stored".to_owned())
                .await
        }),
        row("a gzip bomb by session", "UNIMPLEMENTED METHOD_NOT_FOUND", async |scene| {
            let authorization = format!("Bearer {}", scene.ann.user.token);
            let mut raw = Raw::connect(&scene.deployment.url(0), Some(authorization.as_bytes())).await;
            raw.call_framed("GatewayService/Session", Some("gzip"), gzip_bomb().await, |_| "opened".to_owned()).await
        }),
    ]
}

/// 60 MiB of zeros in less than the 64 KiB that a frame may hold.
async fn gzip_bomb() -> bytes::Bytes {
    let mut gzip = tokio::process::Command::new("sh");
    let output = gzip.args(["-c", "head -c 60M /dev/zero | gzip -9"]).output().await.unwrap();
    let bomb = output.stdout;
    assert!((1_000..65_000).contains(&bomb.len()), "`gzip` made {} bytes", bomb.len());
    prefixed(1, u32::try_from(bomb.len()).unwrap(), &bomb)
}
