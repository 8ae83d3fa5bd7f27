//! The task that keeps the file of unsettled sends in step with the queue.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::error::Error;
use crate::gateway::offline::OfflineFile;
use crate::gateway::queue::{FileBatch, SendQueue};
use crate::gateway::shared::Shared;

/// Writes what the file does not know until the gateway has ended. Whatever comes together while a write is under way
/// shares the next one.
pub(crate) async fn keep(shared: Arc<Shared>, file: OfflineFile) {
    let mut file = Some(file);
    loop {
        let (batch, sealed) = shared.take(|queue| (queue.take_file_batch(), queue.is_sealed()));
        if batch.sends.is_empty() && batch.settled.is_empty() {
            if sealed {
                return;
            }
            shared.keep.notified().await;
            continue;
        }
        let Some(owned) = file.take() else { return };
        file = write(&shared, owned, batch).await;
        shared.wake.notify_one();
    }
}

async fn write(shared: &Shared, mut file: OfflineFile, batch: FileBatch) -> Option<OfflineFile> {
    let written = spawn_blocking(move || {
        let outcome = file.write(&batch);
        (file, batch, outcome)
    });
    let Ok((file, batch, outcome)) = written.await else {
        // The runtime is going down.
        shared.queue(|queue: &mut SendQueue| queue.close("the runtime is going down"));
        return None;
    };
    let outcome = outcome.map_err(|error| {
        tracing::warn!(%error, "unsettled sends not written");
        Error::storage("the offline file", error)
    });
    shared.queue(|queue| queue.kept(&batch.sends, outcome));
    Some(file)
}
