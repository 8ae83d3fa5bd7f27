//! How many messages a second three nodes store: through gRPC, checked, numbered and published, against a writer that has
//! nothing else to do.

use std::marker::PhantomData;
use std::time::Duration;

use anyhow::Result;

use super::engine::Engine;
use crate::crowd::Crowd;
use crate::figure::{Figure, Pair, Spec};
use crate::site::{Cluster, Site};

/// Senders, in full and in short: 16 for each channel, or two.
const SENDERS: (usize, usize) = (1_024, 128);
/// Until the engines are warm; a Cassandra that was just started is slow.
const WARM_UP: (Duration, Duration) = (Duration::from_secs(6), Duration::from_secs(1));

/// The nodes, with all senders attached to them in turn. Everybody waits for one acknowledgement before the next send.
pub(crate) struct Sends<E> {
    crowd: Crowd,
    cluster: Cluster,
    engine: PhantomData<E>,
}

impl<E: Engine> Figure<Site> for Sends<E> {
    const SPECS: &'static [Spec] = E::SENDS;

    async fn prepare(site: &Site) -> Result<Self> {
        let cluster = site.cluster(E::STORE, (0, site.or_quick(SENDERS.0, SENDERS.1))).await?;
        let crowd = Crowd::sessions(&cluster.addrs()?, &cluster.world).await?;
        let warm_up = site.or_quick(WARM_UP.0, WARM_UP.1);
        crowd.send(1, warm_up, &cluster.pids()).await?;
        E::bare_rate(&cluster, E::batch(&cluster).await?, warm_up / 2)?;
        Ok(Self { crowd, cluster, engine: PhantomData })
    }

    async fn round(&mut self, site: &Site) -> Result<Vec<Pair>> {
        let duration = Duration::from_secs(site.or_quick(6, 1));
        let ours = self.crowd.send(1, duration, &self.cluster.pids()).await?;
        let batch = E::batch(&self.cluster).await?;
        let other = E::bare_rate(&self.cluster, batch, duration)?;
        eprintln!(
            "  {:.0} us of the servers' CPU a send; acknowledged after {:.1} ms, p99 {:.1} ms",
            ours.cpu_us,
            ours.latencies.value_at_quantile(0.5) as f64 / 1e3,
            ours.latencies.value_at_quantile(0.99) as f64 / 1e3
        );
        Ok(vec![Pair { ours: ours.rate, other }, Pair { ours: batch as f64, other: batch as f64 }])
    }
}
