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

/// Two servers, one with many sessions and one with few, on as many connections.
pub(crate) struct Scale {
    many: Side,
    few: Side,
}

impl Figure for Scale {
    const SPECS: &'static [Spec] = &[Spec {
        figure: "10,000 subscribers on 50 connections: server CPU",
        unit: "us/delivery",
        against: "100 subscribers on 50 connections",
        target: Target::RatioAtMost(1.7),
    }];

    async fn prepare(lab: &Lab) -> Result<Self> {
        let receivers = lab.or_quick(RECEIVERS.0, RECEIVERS.1);
        Ok(Self {
            many: Side::server(lab, (CONNECTIONS, receivers / CONNECTIONS)).await?,
            few: Side::server(lab, (CONNECTIONS, FEW / CONNECTIONS)).await?,
        })
    }

    async fn round(&mut self, lab: &Lab) -> Result<Vec<Pair>> {
        let (warm_up, duration) = (Duration::from_secs(1), Duration::from_secs(lab.or_quick(4, 1)));
        let many = self.many.saturate(warm_up, duration).await?;
        let few = self.few.saturate(warm_up, duration).await?;
        Ok(vec![Pair { ours: many.cpu_us, other: few.cpu_us }])
    }
}
