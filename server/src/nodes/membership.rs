//! Being there: the beat by which the others know of this node, and the look at who else beats.

use std::time::Duration;

use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Nodes;
use crate::store;

/// How often a node says that it is there, and looks who else is. It counts for ten seconds.
const BEAT_EVERY: Duration = Duration::from_secs(2);

/// How many sessions live here, for others to see.
type Load = Box<dyn Fn() -> usize + Send + Sync>;

/// A node among the others, until it leaves. Dropped, it falls silent, and the others notice within ten seconds.
pub struct Membership {
    nodes: Nodes,
    task: JoinHandle<()>,
    /// Ends the task.
    stop: DropGuard,
}

impl Nodes {
    /// Makes this node known to the others, and the others to it. From now on they hand over sends: whoever calls this
    /// answers the calls of nodes already.
    ///
    /// # Errors
    /// The registry does not answer. Once joined, that does no harm: who was there is taken to be there.
    pub async fn join(&self, load: impl Fn() -> usize + Send + Sync + 'static) -> store::Result<Membership> {
        let load: Load = Box::new(load);
        self.beat(&load).await?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(keep_beating(self.clone(), load, stop.clone()));
        tracing::info!(node = %format_args!("{:016x}", self.id()), others = self.peers().len(), "joined");
        Ok(Membership { nodes: self.clone(), task, stop: stop.drop_guard() })
    }

    /// One beat and one look.
    async fn beat(&self, load: &Load) -> store::Result<()> {
        let load = u32::try_from(load()).unwrap_or(u32::MAX);
        self.0.registry.beat(self.0.id, &self.0.address, load).await?;
        let live = self.0.registry.live().await?;
        self.update(live);
        Ok(())
    }
}

impl Membership {
    /// Takes this node off the list, so that the others hand nothing over to it any more; they notice within two seconds,
    /// and until then are still to be answered. What is sent here still goes to whoever owns it.
    pub async fn leave(self) {
        drop(self.stop);
        // It fails only if the beat panicked, which the panic hook has told.
        let _ = self.task.await;
        if let Err(error) = self.nodes.0.registry.leave(self.nodes.id()).await {
            tracing::warn!(%error, "left without a word; the others notice within ten seconds");
        }
    }
}

async fn keep_beating(nodes: Nodes, load: Load, stop: CancellationToken) {
    let mut ticks = interval(BEAT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        // A beat that is cut off may still arrive, but not after the word of leaving: that one waits for this task.
        let beat = tokio::select! {
            _ = ticks.tick() => nodes.beat(&load),
            () = stop.cancelled() => return,
        };
        match beat.await {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(%error, "the registry of nodes does not answer; who was there is taken to be there");
            }
            Err(_) => {}
        }
    }
}
