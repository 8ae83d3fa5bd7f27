//! Fan-out to 1,000 sessions, each on its own connection: as fast as it goes, and at the pace of a busy room.

use std::time::Duration;

use anyhow::Result;

use crate::figure::{Figure, Pair, Spec, Target};
use crate::lab::Lab;
use crate::side::Side;

/// Receivers, in full and in short.
pub(crate) const RECEIVERS: (usize, usize) = (1_000, 200);
/// Messages a second of a busy room.
const SPARSE: u32 = 5;
const STREAM: &str = "tonic server stream of pre-encoded bytes";

/// Both sides, with all their connections open for the whole run.
pub(crate) struct Fanout {
    ours: Side,
    bare: Side,
}

impl Figure for Fanout {
    const SPECS: &'static [Spec] = &[
        Spec {
            figure: "fan-out, saturated, 1,000 connections",
            unit: "deliveries/s",
            against: STREAM,
            target: Target::RatioAtLeast(0.80),
        },
        Spec { figure: "  server CPU of it", unit: "us/delivery", against: STREAM, target: Target::None },
        Spec {
            figure: "fan-out, sparse, 5 messages/s x 1,000: server CPU",
            unit: "us/delivery",
            against: STREAM,
            target: Target::RatioAtMost(1.25),
        },
    ];

    async fn prepare(lab: &Lab) -> Result<Self> {
        let shape = (lab.or_quick(RECEIVERS.0, RECEIVERS.1), 1);
        let ours = Side::server(lab, shape).await?;
        let bare = Side::baseline(lab, shape, &ours).await?;
        Ok(Self { ours, bare })
    }

    async fn round(&mut self, lab: &Lab) -> Result<Vec<Pair>> {
        let warm_up = Duration::from_secs(1);
        let saturated = Duration::from_secs(lab.or_quick(4, 1));
        let sparse = Duration::from_secs(lab.or_quick(8, 2));
        let ours = self.ours.saturate(warm_up, saturated).await?;
        let bare = self.bare.saturate(warm_up, saturated).await?;
        let ours_sparse = self.ours.pace(SPARSE, sparse).await?;
        let bare_sparse = self.bare.pace(SPARSE, sparse).await?;
        Ok(vec![
            Pair { ours: ours.rate, other: bare.rate },
            Pair { ours: ours.cpu_us, other: bare.cpu_us },
            Pair { ours: ours_sparse.cpu_us, other: bare_sparse.cpu_us },
        ])
    }
}
