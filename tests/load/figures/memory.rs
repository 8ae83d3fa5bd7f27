//! What an idle session costs in memory: each on its own connection, watching one channel, after some events. A fresh
//! process each round, because memory is not given back.

use std::time::Duration;

use anyhow::Result;

use crate::figure::{Figure, Pair, Spec, Target};
use crate::lab::Lab;
use crate::side::Side;

/// Sessions, in full and in short.
pub(crate) const SESSIONS: (usize, usize) = (10_000, 500);
/// Sessions that are there before it is counted: what comes with the first ones is not theirs.
const FIRST: usize = 50;
/// Events that each session has had before it is idle.
const EVENTS: u32 = 4;
/// How long freed memory may take to go back to the system.
const REST: Duration = Duration::from_secs(11);

/// Nothing is kept between rounds.
pub(crate) struct Memory;

impl Figure for Memory {
    const SPECS: &'static [Spec] = &[Spec {
        figure: "memory of an idle subscribed session, 10,000 of them",
        unit: "KiB",
        against: "tonic server stream of pre-encoded bytes",
        target: Target::OursAtMost(36.0),
    }];

    async fn prepare(_: &Lab) -> Result<Self> {
        Ok(Self)
    }

    async fn round(&mut self, lab: &Lab) -> Result<Vec<Pair>> {
        let sessions = lab.or_quick(SESSIONS.0, SESSIONS.1);
        let few = Side::server(lab, (FIRST, 1)).await?;
        let many = Side::server(lab, (sessions, 1)).await?;
        let ours = growth(&few, &many, lab).await? / (sessions - FIRST) as f64;
        let few_bare = Side::baseline(lab, (FIRST, 1), &few).await?;
        drop((few, many));
        let many_bare = Side::baseline(lab, (sessions, 1), &few_bare).await?;
        let other = growth(&few_bare, &many_bare, lab).await? / (sessions - FIRST) as f64;
        Ok(vec![Pair { ours, other }])
    }
}

/// KiB that the larger one has more than the smaller one.
async fn growth(few: &Side, many: &Side, lab: &Lab) -> Result<f64> {
    for side in [few, many] {
        side.pace(EVENTS, Duration::from_secs(1)).await?;
    }
    tokio::time::sleep(lab.or_quick(REST, Duration::from_secs(1))).await;
    Ok((many.resident()? as f64 - few.resident()? as f64) / 1024.0)
}
