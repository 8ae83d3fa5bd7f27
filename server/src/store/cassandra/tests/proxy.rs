//! A wire between a server and its Cassandra node that can be cut: what was sent still arrives, the answers do not.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// The wire. Dropped, it is cut for good.
pub(super) struct Proxy {
    pub(super) address: String,
    cuts: watch::Sender<u32>,
    accepting: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Proxy {
    pub(super) async fn to(node: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (cuts, seen) = watch::channel(0);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, node.clone(), seen.clone()));
            }
        });
        Self { address, cuts, accepting }
    }

    /// Cuts all connections. New ones work.
    pub(super) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

async fn connect(client: TcpStream, node: String, mut cuts: watch::Receiver<u32>) {
    cuts.mark_unchanged();
    let Ok(server) = TcpStream::connect(node).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests = tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
    let mut buffer = vec![0; 64 << 10];
    loop {
        tokio::select! {
            biased;
            _ = cuts.changed() => break,
            read = from_server.read(&mut buffer) => match read {
                Ok(count) if count > 0 => {
                    if to_client.write_all(&buffer[..count]).await.is_err() {
                        break;
                    }
                }
                _ => break,
            },
        }
    }
    // Requests go on for a moment.
    sleep(Duration::from_millis(20)).await;
    requests.abort();
}
