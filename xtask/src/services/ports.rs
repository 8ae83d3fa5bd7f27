//! Ports of services: below the range from which the system takes ports of outgoing connections, and free on every address
//! where they are wanted.

use std::net::{IpAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

const FIRST: u16 = 14_000;
const COUNT: u16 = 6_000;

/// So many ports that nobody listens on, at any of the addresses, and that this process did not hand out before.
pub(super) fn free(addresses: &[IpAddr], count: usize) -> Result<Vec<u16>> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two starters at a time begin at different places.
    let start = (std::process::id().wrapping_mul(397) % u32::from(COUNT)) as u16;
    let candidates = (0..COUNT).map(|_| FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT);
    let is_free = |port: &u16| addresses.iter().all(|address| TcpListener::bind((*address, *port)).is_ok());
    let found: Vec<_> = candidates.filter(is_free).take(count).collect();
    if found.len() < count {
        bail!("no free port from {FIRST} on");
    }
    Ok(found)
}
