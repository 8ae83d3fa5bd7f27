//! A URL for each event: signed, repeated until it is taken, in order.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{World, eventually};

/// A request that was posted.
#[derive(Clone, Debug)]
struct Posted {
    head: HashMap<String, String>,
    body: String,
}

/// Answers the posts with these codes, then with 204.
async fn receiver(codes: &'static [u16]) -> (String, Arc<Mutex<Vec<Posted>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let posted = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&posted);
    tokio::spawn(async move {
        let mut codes = codes.iter();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = read(&mut stream).await;
            seen.lock().push(request);
            let code = codes.next().unwrap_or(&204);
            let answer = format!("HTTP/1.1 {code} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, posted)
}

async fn read(stream: &mut TcpStream) -> Posted {
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let fields = head.lines().filter_map(|line| line.split_once(": "));
        let head: HashMap<_, _> = fields.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        if body.len() == head["content-length"].parse::<usize>().unwrap() {
            return Posted { body: body.to_owned(), head };
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_posted_until_it_is_taken() {
    let world = World::with_ada().await;
    std::fs::write(world.path("secret"), "very secret\n").unwrap();
    // Unavailable, then taken; refused for good; taken.
    let (url, posted) = receiver(&[503, 200, 400]).await;
    let args = ["--own", "--count", "3", "--forward-to", &url, "--secret-file", "secret"];
    let mut listener = world.listen(&args).await;
    for text in ["one", "two ✋", "three"] {
        world.ok(&["send", "#general", text]).await;
    }
    let told = listener.says("passed over").await;
    assert!(told.contains("the receiver answered 400"), "{told}");
    assert_eq!(listener.exit().await, 0);

    let posted = posted.lock().clone();
    let text = |post: &Posted| {
        let event: Value = serde_json::from_str(&post.body).unwrap();
        event["message_created"]["message"]["content"].as_str().unwrap().to_owned()
    };
    assert_eq!(posted.iter().map(text).collect::<Vec<_>>(), ["one", "one", "two ✋", "three"]);
    assert_eq!(posted[0].body, posted[1].body);
    assert_eq!(posted[0].head["x-guildhall-delivery"], posted[1].head["x-guildhall-delivery"]);
    assert_eq!(posted[0].head["x-guildhall-event"], "message_created");
    assert_eq!(posted[0].head["content-type"], "application/json");
    for post in &posted {
        assert_eq!(post.head["x-guildhall-signature"], signature(&post.body));
    }
}

fn signature(body: &str) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};

    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"very secret").unwrap();
    mac.update(body.as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_away_gets_everything_later() {
    let world = World::with_ada().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let url = format!("http://{address}/hook");
    let args = ["--own", "--channel", "#general", "--resume-file", "resume", "--forward-to", &url];
    let listener = world.listen(&args).await;
    world.ok(&["send", "#general", "kept"]).await;
    assert_eq!(listener.end("TERM").await.1, 0);

    let (url, posted) = receiver(&[]).await;
    let args = ["--own", "--channel", "#general", "--resume-file", "resume", "--forward-to", &url];
    let listener = world.listen(&args).await;
    eventually("it is posted", async || !posted.lock().is_empty()).await;
    listener.end("TERM").await;
    assert!(posted.lock()[0].body.contains("kept"));
    assert_eq!(world.fails(&["listen", "--forward-to", "ftp://x"]).await.0, 2);
}
