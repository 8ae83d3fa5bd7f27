//! A node dies with all its sessions: how long until every one of them has resumed at the two others, which know nothing
//! of them. Clients come back at once, some dozens at a time.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::Result;

use super::super::resume::{cursors, open};
use crate::audience::SESSION;
use crate::figure::{Figure, Pair, Spec, Target};
use crate::frames::{self, Kind};
use crate::site::{Cluster, Site, Store};

const SESSIONS: (usize, usize) = (2_000, 200);

/// The nodes.
pub(crate) struct Takeover {
    cluster: Cluster,
    sessions: usize,
    round: usize,
}

impl Figure<Site> for Takeover {
    const SPECS: &'static [Spec] = &[Spec {
        figure: "a node dies: until its 2,000 sessions have resumed elsewhere",
        unit: "s",
        against: "as many that resume there while nobody is dead",
        target: Target::OursAtMost(5.0),
    }];

    async fn prepare(site: &Site) -> Result<Self> {
        let sessions = site.or_quick(SESSIONS.0, SESSIONS.1);
        let cluster = site.cluster(Store::Postgres, (sessions, 0)).await?;
        Ok(Self { cluster, sessions, round: 0 })
    }

    async fn round(&mut self, _: &Site) -> Result<Vec<Pair>> {
        let (nodes, dying) = (self.cluster.nodes(), self.round % self.cluster.nodes());
        self.round += 1;
        let members = &self.cluster.world.members;
        let identify = |number: usize| (SESSION, members.get(number).map(String::as_str), frames::identify(), false);
        let home = [self.cluster.addr(dying)?];
        let (opened, running) = open(&home, self.sessions, identify, Kind::Ready).await?;
        let mut readies = opened.readies();
        let held = (0..self.sessions).map(|number| cursors(&readies.remove(&number).unwrap_or_default()));
        let held = held.collect::<Result<Vec<_>>>()?;
        let others = [self.cluster.addr((dying + 1) % nodes)?, self.cluster.addr((dying + 2) % nodes)?];
        self.cluster.settle().await?;
        let other = self.resumed(&others, &held).await?;
        self.cluster.settle().await?;
        self.cluster.kill(dying);
        let died = Instant::now();
        drop(running);
        self.resumed(&others, &held).await?;
        let ours = died.elapsed().as_secs_f64();
        self.cluster.restart(dying).await;
        self.cluster.settle().await?;
        Ok(vec![Pair { ours, other }])
    }
}

impl Takeover {
    /// How long it takes, in seconds, until all have resumed. They leave again.
    async fn resumed(&self, addrs: &[SocketAddr], held: &[Vec<guildhall_proto::v1::Cursor>]) -> Result<f64> {
        let members = &self.cluster.world.members;
        let begin = |number: usize| {
            let first = frames::resume(held[number].clone());
            (SESSION, members.get(number).map(String::as_str), first, false)
        };
        let begun = Instant::now();
        open(addrs, self.sessions, begin, Kind::Resumed).await?;
        Ok(begun.elapsed().as_secs_f64())
    }
}
