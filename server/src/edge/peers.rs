//! How many connections there are, in all and from each peer. Too many: the new one is closed at once, because to leave
//! it waiting would cost its peer as much and tell it less.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::limits::Peer;

/// The address of the connection that a call came by, in the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// The connections that are open.
#[derive(Clone)]
pub(super) struct Peers(Arc<Shared>);

struct Shared {
    total_max: usize,
    /// 0 = any number.
    per_peer_max: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    total: usize,
    by_peer: HashMap<Peer, usize>,
}

/// Why a connection is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// There are too many in all.
    Total,
    /// There are too many of this peer.
    Peer,
}

/// The place of one open connection; given back when dropped.
pub(super) struct Place {
    peers: Peers,
    peer: Peer,
}

impl Peers {
    pub(super) fn new(total_max: usize, per_peer_max: usize) -> Self {
        Self(Arc::new(Shared { total_max, per_peer_max, open: Mutex::default() }))
    }

    /// A place for a connection from there.
    pub(super) fn admit(&self, addr: SocketAddr) -> Result<Place, Full> {
        let peer = Peer::from(addr.ip());
        let mut open = self.0.open.lock();
        if open.total >= self.0.total_max {
            return Err(Full::Total);
        }
        let of_peer = open.by_peer.entry(peer).or_default();
        if self.0.per_peer_max != 0 && *of_peer >= self.0.per_peer_max {
            return Err(Full::Peer);
        }
        *of_peer += 1;
        open.total += 1;
        Ok(Place { peers: self.clone(), peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.peers.0.open.lock();
        open.total -= 1;
        if let Some(of_peer) = open.by_peer.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                open.by_peer.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn places_are_counted_and_given_back() {
        let peers = Peers::new(3, 2);
        let a1 = peers.admit(addr("10.0.0.1:1")).ok();
        let _a2 = peers.admit(addr("10.0.0.1:2")).ok();
        assert_eq!(peers.admit(addr("10.0.0.1:3")).err(), Some(Full::Peer));
        let _b = peers.admit(addr("[::ffff:10.0.0.2]:1")).ok();
        assert_eq!(peers.admit(addr("10.0.0.3:1")).err(), Some(Full::Total));
        drop(a1);
        assert!(peers.admit(addr("10.0.0.1:4")).is_ok());
        assert_eq!(peers.0.open.lock().total, 2);
    }

    #[test]
    fn a_64_is_one_peer_and_zero_is_no_limit() {
        let peers = Peers::new(100, 1);
        let _one = peers.admit(addr("[2001:db8::1]:1")).ok();
        assert!(peers.admit(addr("[2001:db8::2]:1")).is_err());
        assert!(peers.admit(addr("[2001:db8:0:1::1]:1")).is_ok());
        let peers = Peers::new(100, 0);
        let many: Vec<_> = (1..=50).map(|port| peers.admit(SocketAddr::new([10, 0, 0, 1].into(), port))).collect();
        assert!(many.iter().all(Result::is_ok));
    }
}
