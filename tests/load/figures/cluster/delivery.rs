//! What it costs that speaker and listeners are at different nodes: time when idle, CPU of all nodes when busy. The nodes
//! change from round to round, so that the owner of the channel is now the one, now the other, now neither.

use std::time::Duration;

use anyhow::Result;

use crate::figure::{Figure, Pair, Spec, Target};
use crate::side::Side;
use crate::site::{Cluster, Site, Store};

/// Listeners when idle.
const FEW: usize = 20;
/// Messages a second when idle.
const RATE: u32 = 20;
/// Listeners when busy, in full and in short.
const MANY: (usize, usize) = (300, 100);
const ONE_NODE: &str = "speaker and listeners at one node";

/// The nodes.
pub(crate) struct Delivery {
    cluster: Cluster,
    round: usize,
}

impl Figure<Site> for Delivery {
    const SPECS: &'static [Spec] = &[
        Spec {
            figure: "delivery across nodes, idle: p50",
            unit: "ms",
            against: ONE_NODE,
            target: Target::AddedAtMost(5.0),
        },
        Spec { figure: "  p99 of it", unit: "ms", against: ONE_NODE, target: Target::AddedAtMost(25.0) },
        Spec {
            figure: "delivery across nodes, saturated, 300 listeners: CPU of all nodes",
            unit: "us/delivery",
            against: ONE_NODE,
            target: Target::RatioAtMost(1.3),
        },
    ];

    async fn prepare(site: &Site) -> Result<Self> {
        let cluster = site.cluster(Store::Postgres, (site.or_quick(MANY.0, MANY.1), 0)).await?;
        Ok(Self { cluster, round: 0 })
    }

    async fn round(&mut self, site: &Site) -> Result<Vec<Pair>> {
        let near = self.cluster.addr(self.round)?;
        let far = self.cluster.addr(self.round + 1)?;
        self.round += 1;
        let idle = Duration::from_secs(site.or_quick(8, 2));
        let mut quantiles = Vec::new();
        for listeners in [far, near] {
            let side = self.side((near, listeners), FEW).await?;
            side.latencies(RATE, Duration::from_secs(1)).await?;
            let taken = side.latencies(RATE, idle).await?;
            quantiles.push([0.5, 0.99].map(|quantile| taken.value_at_quantile(quantile) as f64 / 1e3));
        }
        let (warm_up, busy) = (Duration::from_secs(1), Duration::from_secs(site.or_quick(4, 1)));
        let mut costs = Vec::new();
        for listeners in [far, near] {
            let side = self.side((near, listeners), site.or_quick(MANY.0, MANY.1)).await?;
            costs.push(side.saturate(warm_up, busy).await?.cpu_us);
        }
        let pair = |place: usize| Pair { ours: quantiles[0][place], other: quantiles[1][place] };
        Ok(vec![pair(0), pair(1), Pair { ours: costs[0], other: costs[1] }])
    }
}

impl Delivery {
    async fn side(&self, nodes: (std::net::SocketAddr, std::net::SocketAddr), listeners: usize) -> Result<Side> {
        self.cluster.settle().await?;
        Side::between(nodes, (listeners, 1), &self.cluster.world, self.cluster.pids()).await
    }
}
