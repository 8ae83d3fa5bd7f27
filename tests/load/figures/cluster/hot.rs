//! One channel to which everybody writes: through three nodes, two of which hand their sends to the third, and through
//! one.

use std::marker::PhantomData;
use std::time::Duration;

use anyhow::Result;

use super::engine::Engine;
use crate::crowd::Crowd;
use crate::figure::{Figure, Pair, Spec};
use crate::site::{Cluster, Site};

const SENDERS: usize = 48;
/// Sends that each sender has under way.
const IN_FLIGHT: usize = 4;

/// The nodes, with senders at all of them, and as many at each.
pub(crate) struct Hot<E> {
    spread: Crowd,
    single: Vec<Crowd>,
    cluster: Cluster,
    engine: PhantomData<E>,
}

impl<E: Engine> Figure<Site> for Hot<E> {
    const SPECS: &'static [Spec] = E::HOT;

    async fn prepare(site: &Site) -> Result<Self> {
        let cluster = site.cluster(E::STORE, (0, SENDERS)).await?;
        let (addrs, world) = (cluster.addrs()?, cluster.world.narrow(1, SENDERS));
        let spread = Crowd::sessions(&addrs, &world).await?;
        let mut single = Vec::new();
        for addr in addrs {
            single.push(Crowd::sessions(&[addr], &world).await?);
        }
        spread.send(IN_FLIGHT, site.or_quick(Duration::from_secs(3), Duration::from_secs(1)), &cluster.pids()).await?;
        Ok(Self { spread, single, cluster, engine: PhantomData })
    }

    async fn round(&mut self, site: &Site) -> Result<Vec<Pair>> {
        let (duration, pids) = (Duration::from_secs(site.or_quick(3, 1)), self.cluster.pids());
        let ours = self.spread.send(IN_FLIGHT, duration, &pids).await?.rate;
        // Which of them owns the channel is not asked: it is the one that is best, or none is.
        let mut other = 0_f64;
        for crowd in &self.single {
            other = other.max(crowd.send(IN_FLIGHT, duration, &pids).await?.rate);
        }
        Ok(vec![Pair { ours, other }])
    }
}
