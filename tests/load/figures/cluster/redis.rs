//! What a Redis that is gone costs: sends, which do not need it, and deliveries to other nodes, which then come from the
//! log. Measured from the moment at which it dies.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use hdrhistogram::Histogram;

use crate::crowd::Crowd;
use crate::figure::{Figure, Pair, Spec, Target};
use crate::side::Side;
use crate::site::{Cluster, Redis, Site};

const SENDERS: (usize, usize) = (1_024, 128);
const LISTENERS: usize = 20;
const RATE: u32 = 20;
const UP: &str = "with Redis";
/// How long nodes may take to use a Redis that is back.
const BACK_WITHIN: Duration = Duration::from_secs(30);
/// An event that took so long did not come by Redis.
const BY_REDIS: Duration = Duration::from_millis(100);

/// The nodes, their Redis, senders at all nodes, and listeners at another one than the speaker.
pub(crate) struct Down {
    crowd: Crowd,
    side: Side,
    cluster: Cluster,
    redis: Redis,
}

impl Figure<Site> for Down {
    const SPECS: &'static [Spec] = &[
        Spec {
            figure: "Redis down: durable sends, Postgres, 64 channels x 16 senders",
            unit: "sends/s",
            against: UP,
            target: Target::RatioAtLeast(0.8),
        },
        Spec {
            figure: "Redis down: delivery to another node, p99",
            unit: "ms",
            against: UP,
            target: Target::OursAtMost(500.0),
        },
    ];

    async fn prepare(site: &Site) -> Result<Self> {
        let redis = site.redis().await?;
        let cluster = site.cluster_on(&redis, (LISTENERS, site.or_quick(SENDERS.0, SENDERS.1))).await?;
        let crowd = Crowd::sessions(&cluster.addrs()?, &cluster.world).await?;
        let nodes = (cluster.addr(0)?, cluster.addr(1)?);
        let side = Side::between(nodes, (LISTENERS, 1), &cluster.world, cluster.pids()).await?;
        crowd.send(1, site.or_quick(Duration::from_secs(3), Duration::from_secs(1)), &cluster.pids()).await?;
        Ok(Self { crowd, side, cluster, redis })
    }

    async fn round(&mut self, site: &Site) -> Result<Vec<Pair>> {
        let up = self.state(site).await?;
        self.redis.kill();
        let down = self.state(site).await?;
        self.redis.start().await?;
        self.back().await?;
        Ok(vec![Pair { ours: down.0, other: up.0 }, Pair { ours: p99_ms(&down.1), other: p99_ms(&up.1) }])
    }
}

impl Down {
    /// How long deliveries take when idle, then how many sends a second there are.
    async fn state(&self, site: &Site) -> Result<(f64, Histogram<u64>)> {
        let (idle, busy) = (Duration::from_secs(site.or_quick(6, 2)), Duration::from_secs(site.or_quick(5, 1)));
        let latencies = self.side.latencies(RATE, idle).await?;
        let rate = self.crowd.send(1, busy, &self.cluster.pids()).await?.rate;
        self.cluster.settle().await?;
        Ok((rate, latencies))
    }

    /// Waits until events come by Redis again.
    async fn back(&self) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < BACK_WITHIN {
            let taken = self.side.latencies(RATE, Duration::from_secs(1)).await?;
            if u128::from(taken.value_at_quantile(0.5)) < BY_REDIS.as_micros() {
                return Ok(());
            }
        }
        bail!("the nodes do not use the Redis that is back")
    }
}

fn p99_ms(latencies: &Histogram<u64>) -> f64 {
    latencies.value_at_quantile(0.99) as f64 / 1e3
}
