//! The stand-alone proxy: gRPC-web (and gRPC) in, gRPC out, for any upstream. It only parses flags, listens and stops;
//! what it does is in the library.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use guildhall_web_bridge::{Bridge, Origin, Proxy};
use http::Uri;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tracing_subscriber::EnvFilter;

/// How long the header of a request may take, and an idle HTTP/1.1 connection may stay.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long calls may go on once the bridge was told to stop.
const DRAIN: Duration = Duration::from_secs(8);
/// How long to wait after a failed accept: out of file descriptors, the next one fails as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Opens a gRPC server to browsers: gRPC-web in, gRPC out.
#[derive(Parser)]
#[command(version)]
struct Flags {
    /// The gRPC server: http://host:port (HTTP/2 without TLS) or https://host:port.
    #[arg(long, value_name = "URL", env = "GUILDHALL_BRIDGE_UPSTREAM")]
    upstream: Uri,
    /// PEM file with the certificate authority of an https upstream; without it, the well-known ones.
    #[arg(long, value_name = "FILE", env = "GUILDHALL_BRIDGE_UPSTREAM_CA")]
    upstream_ca: Option<PathBuf>,
    /// Where to listen.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7421", env = "GUILDHALL_BRIDGE_LISTEN")]
    listen: SocketAddr,
    /// A web origin that may call, such as https://chat.example.org; repeat or separate by commas for more.
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',', env = "GUILDHALL_BRIDGE_ALLOW_ORIGIN")]
    allow_origin: Vec<Origin>,
    /// HTTP/2 connections to the upstream.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = connections)]
    connections: usize,
}

fn connections(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n @ 1..=256) => Ok(n),
        _ => Err("write a number from 1 to 256".to_owned()),
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let upstream_ca = match &flags.upstream_ca {
        Some(file) => {
            let pem = std::fs::read(file);
            Some(pem.with_context(|| format!("cannot read {}", file.display()))?)
        }
        None => None,
    };
    anyhow::ensure!(
        matches!(flags.upstream.scheme_str(), Some("http" | "https")),
        "--upstream wants http://host:port or https://host:port"
    );
    let proxy = Proxy { upstream: flags.upstream, upstream_ca, connections: flags.connections };
    let bridge = proxy.into_bridge(&flags.allow_origin)?;
    let listener = TcpListener::bind(flags.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", flags.listen))?;
    println!("http://{}", listener.local_addr()?);
    serve(listener, bridge).await
}

/// Accepts until told to stop, then lets calls end for a while.
async fn serve(listener: TcpListener, bridge: Bridge) -> anyhow::Result<()> {
    let connections = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop_signal()?);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => spawn(stream, bridge.clone(), connections.watcher()),
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut stop => break,
        }
    }
    drop(listener);
    tracing::info!("stopping");
    if tokio::time::timeout(DRAIN, connections.shutdown()).await.is_err() {
        tracing::warn!("calls were cut off");
    }
    Ok(())
}

/// Serves one connection; the watcher is what owns the task.
fn spawn(stream: TcpStream, bridge: Bridge, watcher: hyper_util::server::graceful::Watcher) {
    // An error means that the socket is gone already, which serving finds out as well.
    let _ = stream.set_nodelay(true);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(bridge)).into_owned();
    tokio::spawn(async move {
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(error, "connection ended");
        }
    });
}

/// Ends at the first SIGINT or SIGTERM.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    })
}
