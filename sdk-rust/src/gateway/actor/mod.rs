//! The task that owns a gateway's connection: connect, be a session, wait, again, until it is over for good.

mod core;
mod end;
mod fetch;
mod frames;
mod link;
mod pace;
mod results;
mod sending;
mod session;
mod start;

use std::sync::Arc;

use guildhall_proto::v1::GoodbyeReason;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use self::core::Core;
use crate::client::Client;
use crate::cursor::{Cursor, CursorStore};
use crate::event::Event;
use crate::gateway::interest::Interest;
use crate::gateway::keeper;
use crate::gateway::offline::OfflineFile;
use crate::gateway::shared::{Command, Shared};
use crate::gateway::state::{CloseReason, ConnectionState};

/// What an actor begins with.
pub(crate) struct Setup {
    pub(crate) client: Client,
    pub(crate) shared: Arc<Shared>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) feed: mpsc::Sender<Event>,
    pub(crate) interest: Interest,
    /// Positions to go on from; of two of one stream the first counts.
    pub(crate) cursors: Vec<Cursor>,
    pub(crate) store: Arc<dyn CursorStore>,
    pub(crate) file: Option<OfflineFile>,
}

/// Starts the actor. It ends by itself when it is closed, sent away, or when no handle is left.
pub(crate) fn start(setup: Setup) {
    tokio::spawn(run(setup));
}

async fn run(mut setup: Setup) {
    let mut ending = Ending { shared: Arc::clone(&setup.shared), reason: CloseReason::Dropped };
    let keeper = setup.file.take().map(|file| {
        let shared = Arc::clone(&setup.shared);
        AbortOnDropHandle::new(tokio::spawn(keeper::keep(shared, file)))
    });
    let mut core = Core::new(setup);
    ending.reason = Box::pin(core.live()).await;
    // Before the end is told: whoever waits for it may open the same files again.
    drop(core);
    let why = ending.reason.to_string();
    ending.shared.queue(|queue| queue.seal(&why));
    if let Some(keeper) = keeper {
        // It can fail only by a panic or a runtime that goes down; the file is whole in any case.
        let _ = keeper.await;
    }
}

/// Tells the end, also when the task is aborted with its runtime: nobody waits for ever.
struct Ending {
    shared: Arc<Shared>,
    reason: CloseReason,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let why = self.reason.to_string();
        tracing::debug!(%why, "gateway closed");
        self.shared.queue(|queue| queue.close(&why));
        let reason = std::mem::replace(&mut self.reason, CloseReason::Goodbye(GoodbyeReason::Unspecified));
        self.shared.state.send_replace(ConnectionState::Closed(reason));
    }
}
