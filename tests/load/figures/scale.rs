//! What one delivery costs with a hundred times as many subscribers.

use std::time::Duration;

use anyhow::Result;

use crate::figure::{Figure, Pair, Spec, Target};
use crate::lab::Lab;
use crate::side::Side;

/// Receivers, in full and in short.
pub(crate) const RECEIVERS: (usize, usize) = (10_000, 1_000);
const CONNECTIONS: usize = 50;
const FEW: usize = 100;

/// Servers with many sessions and with few: on as many connections, and with as many on a connection.
pub(crate) struct Scale {
    many: Side,
    few: Side,
    dense: Side,
}

impl Figure for Scale {
    const SPECS: &'static [Spec] = &[
        Spec {
            figure: "10,000 subscribers on 50 connections: server CPU",
            unit: "us/delivery",
            against: "100 subscribers on 50 connections",
            target: Target::RatioAtMost(1.7),
        },
        Spec {
            figure: "  the same, as dense",
            unit: "us/delivery",
            against: "100 subscribers on one connection",
            target: Target::None,
        },
    ];

    async fn prepare(lab: &Lab) -> Result<Self> {
        let receivers = lab.or_quick(RECEIVERS.0, RECEIVERS.1);
        Ok(Self {
            many: Side::server(lab, (CONNECTIONS, receivers / CONNECTIONS)).await?,
            few: Side::server(lab, (CONNECTIONS, FEW / CONNECTIONS)).await?,
            dense: Side::server(lab, (1, FEW)).await?,
        })
    }

    async fn round(&mut self, lab: &Lab) -> Result<Vec<Pair>> {
        let (warm_up, duration) = (Duration::from_secs(1), Duration::from_secs(lab.or_quick(4, 1)));
        let many = self.many.saturate(warm_up, duration).await?;
        let few = self.few.saturate(warm_up, duration).await?;
        let dense = self.dense.saturate(warm_up, duration).await?;
        Ok(vec![Pair { ours: many.cpu_us, other: few.cpu_us }, Pair { ours: many.cpu_us, other: dense.cpu_us }])
    }
}
