//! The proxy itself, between a client and an echo.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{Proxy, Way};
use crate::eventually;

const SHORT: Duration = Duration::from_millis(150);

/// A proxy before a server that sends back what it gets.
async fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    Proxy::start(address).await
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

async fn round_trip(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<Duration> {
    let start = Instant::now();
    stream.write_all(text).await?;
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).await?;
    assert_eq!(answer, text);
    Ok(start.elapsed())
}

#[tokio::test]
async fn it_passes_on_what_comes() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    let text: Vec<u8> = (0..2_000_000u32).map(|number| number as u8).collect();
    let (mut read, mut write) = stream.split();
    let mut answer = vec![0; text.len()];
    let (sent, heard) = tokio::join!(write.write_all(&text), read.read_exact(&mut answer));
    sent.unwrap();
    heard.unwrap();
    assert!(answer == text, "every byte, in order");
    assert_eq!(proxy.connections(), 1);
    // An end on one side becomes an end on the other.
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    eventually("the connection is over", async || (proxy.connections() == 0).then_some(())).await;
}

#[tokio::test]
async fn each_way_has_its_delay_and_keeps_its_order() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    proxy.delay(Way::Up, SHORT, SHORT);
    let took = round_trip(&mut stream, b"there").await.unwrap();
    assert!(took >= SHORT, "{took:?}");
    proxy.delay(Way::Down, SHORT, Duration::ZERO);
    for text in 0..3u8 {
        let took = round_trip(&mut stream, &[text; 100]).await.unwrap();
        assert!(took >= 2 * SHORT, "{took:?}");
    }
    let mut texts: Vec<u8> = Vec::new();
    for text in 0..50 {
        stream.write_all(&[text]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
        texts.push(text);
    }
    let mut answer = [0; 50];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer[..], texts);
}

#[tokio::test]
async fn one_way_is_held_back_and_goes_on() {
    let proxy = echo().await;
    for way in [Way::Up, Way::Down] {
        let mut stream = connect(&proxy).await;
        round_trip(&mut stream, b"before").await.unwrap();
        proxy.hold(way);
        stream.write_all(b"late").await.unwrap();
        let mut answer = [0; 4];
        assert!(timeout(SHORT, stream.read_exact(&mut answer)).await.is_err(), "{way:?}");
        proxy.heal();
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"late");
    }
}

#[tokio::test]
async fn who_connects_during_a_pause_waits() {
    let proxy = echo().await;
    proxy.pause();
    let mut stream = connect(&proxy).await;
    assert!(timeout(SHORT, round_trip(&mut stream, b"hello")).await.is_err());
    proxy.heal();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
}

#[tokio::test]
async fn a_connection_is_cut_after_so_many_bytes() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    proxy.cut_after(Way::Down, 10);
    round_trip(&mut stream, b"1234567").await.unwrap();
    stream.write_all(b"1234567").await.unwrap();
    let mut answer = Vec::new();
    let error = stream.read_to_end(&mut answer).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    // A reset may overtake what was sent before it.
    assert!(answer.len() <= 3, "{answer:?}");
    round_trip(&mut connect(&proxy).await, b"the next one is whole").await.unwrap();
}

#[tokio::test]
async fn connections_are_reset_or_closed_slowly() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    round_trip(&mut stream, b"hello").await.unwrap();
    proxy.reset();
    assert_eq!(stream.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let mut stream = connect(&proxy).await;
    round_trip(&mut stream, b"hello").await.unwrap();
    proxy.close_slowly(SHORT);
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "an orderly end");
    stream.write_all(b"nobody reads this").await.unwrap();
    eventually("the connection is over", async || (proxy.connections() == 0).then_some(())).await;
}

#[tokio::test]
async fn it_refuses_and_takes_connections_again() {
    let mut proxy = echo().await;
    let mut stream = connect(&proxy).await;
    round_trip(&mut stream, b"hello").await.unwrap();
    proxy.refuse().await;
    assert_eq!(stream.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let error = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    proxy.accept().await;
    round_trip(&mut connect(&proxy).await, b"again").await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_shows() {
    let proxy = Proxy::start(format!("127.0.0.1:{}", crate::ports::free_port())).await;
    let mut stream = connect(&proxy).await;
    assert_eq!(stream.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}
