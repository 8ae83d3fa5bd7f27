//! One side of a comparison of fan-outs: a process, its audience and its speaker, and the two ways to drive them.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;

use crate::audience::{Audience, Beginning, Speaker};
use crate::child::{Child, cpu_of};
use crate::lab::Lab;
use crate::world::World;

/// Messages under way in a closed loop.
const WINDOW: usize = 16;

/// One side.
pub(crate) struct Side {
    pub(crate) audience: Audience,
    speaker: Rc<Speaker>,
    /// Whose CPU time is taken.
    pids: Vec<u32>,
    /// The one process, if it is the side's own.
    child: Option<Child>,
}

/// What was measured of one side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    /// Deliveries a second.
    pub(crate) rate: f64,
    /// CPU time of the server for one delivery, in microseconds.
    pub(crate) cpu_us: f64,
}

impl Side {
    /// The server, with sessions that watch one channel.
    pub(crate) async fn server(lab: &Lab, shape: (usize, usize)) -> Result<Self> {
        let child = lab.server(&lab.copy_of_template()?).await?;
        let (addr, world) = (child.addr(), &lab.world);
        let side = Self::between((addr, addr), shape, world, vec![child.pid()]).await?;
        Ok(Self { child: Some(child), ..side })
    }

    /// Nodes that run: one speaks at the first address, sessions watch at the second one.
    pub(crate) async fn between(
        (near, far): (SocketAddr, SocketAddr),
        shape: (usize, usize),
        world: &World,
        pids: Vec<u32>,
    ) -> Result<Self> {
        let audience = Audience::open(far, shape, &Beginning::session(world.channel), &world.members).await?;
        let speaker = Speaker::session(near, &audience.tally, world.channel, &world.owner).await?;
        let side = Self { audience, speaker: Rc::new(speaker), pids, child: None };
        side.speak();
        side.audience.tally.heard_all().await?;
        Ok(side)
    }

    /// The baseline, with the frames that `other` was heard to send.
    pub(crate) async fn baseline(lab: &Lab, shape: (usize, usize), other: &Self) -> Result<Self> {
        let samples = other.audience.samples();
        let child = lab.stream(&samples.hello(), &samples.event()).await?;
        let audience = Audience::open(child.addr(), shape, &Beginning::bare(), &[]).await?;
        let speaker = Speaker::bare(child.addr(), &audience.tally).await?;
        Ok(Self { audience, speaker: Rc::new(speaker), pids: vec![child.pid()], child: Some(child) })
    }

    /// Memory of its process, in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        self.child.as_ref().context("this side has several processes")?.resident()
    }

    fn cpu(&self) -> Result<Duration> {
        cpu_of(&self.pids)
    }

    fn speak(&self) {
        self.audience.tally.send();
        self.speaker.speak();
    }

    /// As fast as it goes: a new message whenever one has been heard by everybody.
    pub(crate) async fn saturate(&self, warm_up: Duration, duration: Duration) -> Result<Flow> {
        let tally = &self.audience.tally;
        let (speaker, counting) = (Rc::clone(&self.speaker), Rc::downgrade(tally));
        tally.on_complete(Some(Rc::new(move || {
            if let Some(tally) = counting.upgrade() {
                tally.send();
                speaker.speak();
            }
        })));
        (0..WINDOW).for_each(|_| self.speak());
        tokio::time::sleep(warm_up).await;
        let (begun, cpu, delivered) = (Instant::now(), self.cpu()?, tally.delivered());
        tokio::time::sleep(duration).await;
        let flow = self.flow(begun, cpu, delivered)?;
        tally.on_complete(None);
        tally.heard_all().await?;
        Ok(flow)
    }

    /// Messages at a fixed rate, however fast they are heard.
    pub(crate) async fn pace(&self, per_second: u32, duration: Duration) -> Result<Flow> {
        let tally = &self.audience.tally;
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
        let (begun, cpu, delivered) = (Instant::now(), self.cpu()?, tally.delivered());
        while begun.elapsed() < duration {
            ticks.tick().await;
            self.speak();
        }
        tally.heard_all().await?;
        self.flow(begun, cpu, delivered)
    }

    /// The same; returns how long deliveries took.
    pub(crate) async fn latencies(&self, per_second: u32, duration: Duration) -> Result<Histogram<u64>> {
        self.audience.tally.latencies()?;
        self.pace(per_second, duration).await?;
        let taken = self.audience.tally.latencies()?;
        taken.ok_or_else(|| anyhow::anyhow!("no latencies were taken"))
    }

    fn flow(&self, begun: Instant, cpu: Duration, delivered: u64) -> Result<Flow> {
        self.audience.tally.check()?;
        let deliveries = (self.audience.tally.delivered() - delivered) as f64;
        let cpu = self.cpu()?.saturating_sub(cpu);
        Ok(Flow { rate: deliveries / begun.elapsed().as_secs_f64(), cpu_us: cpu.as_secs_f64() * 1e6 / deliveries })
    }
}
