//! The socket that new connections come in by.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::connection::{Host, Site};
use super::files;
use super::peers::{PeerAddr, Peers};
use super::tls::{self, TlsError};
use crate::config::Settings;

/// Connections that wait to be accepted; the kernel turns more away.
const BACKLOG: u32 = 4096;
/// Bytes that the kernel holds for a reader that does not read. Its own default lets that grow to megabytes each.
const SEND_BUFFER_BYTES: u32 = 32 * 1024;
/// Connections of other nodes, which have one each, or of operators.
const SIDE_CONNECTIONS_MAX: usize = 256;
/// How long to wait after a failed accept. Out of file descriptors, the next one fails as well, and a loop without a pause
/// takes a whole core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bound socket.
pub struct Listener {
    socket: TcpListener,
    local_addr: SocketAddr,
    tls: Option<TlsAcceptor>,
    peers: Peers,
}

/// Why it cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be bound.
    #[error("cannot listen on {addr}: {source}")]
    Address {
        /// Which.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Listener {
    /// Binds the address of the settings. Connections wait in the kernel until they are accepted.
    ///
    /// # Errors
    /// If the address cannot be bound, or the certificate cannot be used.
    pub fn bind(settings: &Settings) -> Result<Self, BindError> {
        let tls = match (&settings.tls_cert, &settings.tls_key) {
            (Some(cert), Some(key)) => Some(TlsAcceptor::from(Arc::new(tls::load(cert, key)?))),
            _ => None,
        };
        let room = files::connections_max();
        let total = match settings.max_connections {
            0 => room,
            asked => asked.min(room),
        };
        Self::open(settings.listen, tls, Peers::new(total, settings.max_connections_per_ip))
    }

    /// Binds an address for other nodes, or for operators.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub fn bind_beside(addr: SocketAddr) -> Result<Self, BindError> {
        Self::open(addr, None, Peers::new(SIDE_CONNECTIONS_MAX, 0))
    }

    fn open(addr: SocketAddr, tls: Option<TlsAcceptor>, peers: Peers) -> Result<Self, BindError> {
        let bound = open(addr).and_then(|socket| Ok((socket.local_addr()?, socket)));
        let (local_addr, socket) = bound.map_err(|source| BindError::Address { addr, source })?;
        Ok(Self { socket, local_addr, tls, peers })
    }

    /// The address, with the port that was found if any was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Accepts until the host stops.
    pub(super) async fn accept_all<S: Site>(self, host: Host<S>) {
        loop {
            tokio::select! {
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, addr)) => self.admit(stream, addr, &host),
                    Err(error) => {
                        tracing::warn!(%error, "accept failed");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                () = host.stopped() => return,
            }
        }
    }

    fn admit<S: Site>(&self, stream: TcpStream, addr: SocketAddr, host: &Host<S>) {
        let place = match self.peers.admit(addr) {
            Ok(place) => place,
            Err(full) => {
                tracing::debug!(?full, "connection refused");
                return;
            }
        };
        // Small events must not wait for acknowledgements. It fails only on a socket that is gone.
        let _ = stream.set_nodelay(true);
        host.spawn(stream, PeerAddr(addr), place, self.tls.clone());
    }
}

fn open(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = match addr {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // So that a restart need not wait until the kernel has forgotten the old connections.
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit it.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}
