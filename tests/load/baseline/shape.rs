//! What a raw writer of a cluster's engine is told: as many channels, rows and connections as the servers have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::frames;

/// Connections are opened, caches filled.
const WARM_UP: Duration = Duration::from_secs(1);

/// Arguments of a raw writer.
#[derive(Args, Clone, Debug)]
pub(crate) struct Shape {
    /// Connections to the engine
    #[arg(long)]
    pub(super) connections: usize,
    /// Channels, each with a writer that waits for one batch before it sends the next
    #[arg(long)]
    pub(super) channels: i64,
    /// Rows of one batch
    #[arg(long)]
    pub(super) batch: usize,
    /// For how long
    #[arg(long)]
    pub(super) seconds: f64,
}

/// One channel of a raw writer.
pub(super) trait Writer: Send + 'static {
    /// Writes a batch of so many rows behind the last one, and waits until it is durable.
    fn write(&mut self, batch: usize) -> impl Future<Output = Result<()>> + Send;
}

impl Shape {
    /// Has all writers write for a while; returns rows a second.
    pub(super) async fn rate<W: Writer>(&self, writers: impl IntoIterator<Item = W>) -> Result<f64> {
        let written = Arc::new(AtomicU64::new(0));
        let mut running = JoinSet::new();
        for writer in writers {
            running.spawn(run(writer, self.batch, Arc::clone(&written)));
        }
        let measure = async {
            sleep(WARM_UP).await;
            let (begun, before) = (Instant::now(), written.load(Ordering::Relaxed));
            sleep(Duration::from_secs_f64(self.seconds)).await;
            (written.load(Ordering::Relaxed) - before) as f64 / begun.elapsed().as_secs_f64()
        };
        tokio::select! {
            rate = measure => Ok(rate),
            // Writers end only when something is wrong.
            Some(ended) = running.join_next() => ended?.map(|()| f64::NAN),
        }
    }
}

async fn run<W: Writer>(mut writer: W, batch: usize, written: Arc<AtomicU64>) -> Result<()> {
    loop {
        writer.write(batch).await?;
        written.fetch_add(batch as u64, Ordering::Relaxed);
    }
}

/// A row's text.
pub(super) fn text(seq: i64) -> String {
    frames::content(seq.cast_unsigned())
}
