//! Whether those who read notice those who do not: 900 sessions' latencies, while 100 others have stopped reading and
//! while they read.

use std::time::Duration;

use anyhow::Result;

use crate::figure::{Figure, Pair, Spec, Target};
use crate::lab::Lab;
use crate::side::Side;

/// Receivers, in full and in short.
pub(crate) const RECEIVERS: (usize, usize) = (1_000, 200);
/// One in so many stops reading.
const STALLED: usize = 10;
/// Messages a second: some two fifths of what one core can do.
const RATE: u32 = 100;

/// A server with all its sessions.
pub(crate) struct Stalled {
    side: Side,
    stalled: usize,
}

impl Figure for Stalled {
    const SPECS: &'static [Spec] = &[
        Spec {
            figure: "others' p99 latency with 10 % stalled readers",
            unit: "ms",
            against: "with none",
            target: Target::RatioAtMost(1.3),
        },
        Spec { figure: "  p50 of it", unit: "ms", against: "with none", target: Target::None },
    ];

    async fn prepare(lab: &Lab) -> Result<Self> {
        let receivers = lab.or_quick(RECEIVERS.0, RECEIVERS.1);
        let side = Side::server(lab, (receivers, 1)).await?;
        let stalled = receivers / STALLED;
        side.audience.tally.excuse(stalled);
        Ok(Self { side, stalled })
    }

    async fn round(&mut self, lab: &Lab) -> Result<Vec<Pair>> {
        let (fill, duration) = (Duration::from_secs(lab.or_quick(3, 1)), Duration::from_secs(lab.or_quick(8, 2)));
        let reading = self.side.latencies(RATE, duration).await?;
        self.side.audience.stall(self.stalled, true);
        // Until nothing more fits between the server and those who do not read.
        self.side.saturate(Duration::ZERO, fill).await?;
        let stalled = self.side.latencies(RATE, duration).await?;
        self.side.audience.stall(self.stalled, false);
        self.side.audience.tally.heard_by_all().await?;
        let at = |quantile| Pair {
            ours: stalled.value_at_quantile(quantile) as f64 / 1e3,
            other: reading.value_at_quantile(quantile) as f64 / 1e3,
        };
        Ok(vec![at(0.99), at(0.5)])
    }
}
