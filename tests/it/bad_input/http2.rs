//! HTTP/2 by hand, frame by frame: what no library would send.

use std::net::SocketAddr;
use std::time::Duration;

use guildhall_tests::Deployment;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long an answer may take that should come at once.
const SOON: Duration = Duration::from_secs(15);

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// One frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header that no table remembers.
pub(super) fn header(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        length(&mut bytes, text.len());
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// A number with a prefix of seven bits, as HPACK writes lengths.
fn length(bytes: &mut Vec<u8>, length: usize) {
    if length < 127 {
        bytes.push(u8::try_from(length).unwrap());
        return;
    }
    bytes.push(127);
    // The rest is a varint, like those of protobuf.
    prost::encode_length_delimiter(length - 127, bytes).unwrap();
}

/// A peer that does as it likes.
pub(super) struct Attacker {
    pub(super) stream: TcpStream,
    token: String,
}

impl Attacker {
    /// Only the connection. The kernel takes little for it, so that the server feels soon what is not read.
    pub(super) async fn connect(deployment: &Deployment, token: &str) -> Self {
        let address: SocketAddr = deployment.url(0).strip_prefix("http://").unwrap().parse().unwrap();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 << 10).unwrap();
        let stream = socket.connect(address).await.unwrap();
        Self { stream, token: token.to_owned() }
    }

    /// The connection with HTTP/2 begun, and this initial window for streams.
    pub(super) async fn begin(deployment: &Deployment, token: &str, window: u32) -> Self {
        let mut attacker = Self::connect(deployment, token).await;
        let mut settings = vec![0, 4];
        settings.extend(window.to_be_bytes());
        attacker.send(PREFACE).await;
        attacker.send(&frame(SETTINGS, 0, 0, &settings)).await;
        attacker
    }

    /// Sends bytes. A connection that was closed takes none, which is seen when it is read.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// The headers of a call.
    pub(super) fn call(&self, path: &str) -> Vec<u8> {
        [
            header(":method", "POST"),
            header(":scheme", "http"),
            header(":path", path),
            header(":authority", "localhost"),
            header("content-type", "application/grpc"),
            header("te", "trailers"),
            header("authorization", &format!("Bearer {}", self.token)),
        ]
        .concat()
    }

    /// How the connection ends: with GOAWAY and its cause, or without a word. Answers before that are passed over.
    pub(super) async fn end(&mut self) -> String {
        self.end_within(SOON).await
    }

    pub(super) async fn end_within(&mut self, time: Duration) -> String {
        match tokio::time::timeout(time, self.read_end()).await {
            Ok(end) => end,
            Err(_) => format!("open after {time:?}"),
        }
    }

    async fn read_end(&mut self) -> String {
        let mut end = "closed without a word".to_owned();
        while let Some((kind, flags, payload)) = self.read().await {
            match kind {
                SETTINGS if flags & ACK == 0 => drop(self.send(&frame(SETTINGS, ACK, 0, &[])).await),
                GOAWAY => end = goaway(&payload),
                _ => {}
            }
        }
        end
    }

    /// The next frame; `None`: the connection has ended.
    async fn read(&mut self) -> Option<(u8, u8, Vec<u8>)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some((head[3], head[4], payload))
    }
}

fn goaway(payload: &[u8]) -> String {
    let code = payload.get(4..8).map_or(0, |code| u32::from_be_bytes(code.try_into().unwrap()));
    let name = match code {
        0 => "NO_ERROR",
        1 => "PROTOCOL_ERROR",
        3 => "FLOW_CONTROL_ERROR",
        6 => "FRAME_SIZE_ERROR",
        9 => "COMPRESSION_ERROR",
        11 => "ENHANCE_YOUR_CALM",
        _ => return format!("GOAWAY {code}"),
    };
    let cause = String::from_utf8_lossy(payload.get(8..).unwrap_or_default()).into_owned();
    format!("GOAWAY {name} {cause}").trim_end().to_owned()
}
