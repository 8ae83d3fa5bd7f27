//! What the handles of a gateway and its actor share. Locks are held for moments and never across a wait.

use std::sync::Arc;

use guildhall_proto::v1::client_frame;
use guildhall_proto::v1::{SendMessageRequest, SendMessageResponse, UpdatePresence, UpdateSubscriptions};
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};

use crate::api::Sent;
use crate::error::{Error, Result};
use crate::gateway::queue::{Key, SendQueue};
use crate::gateway::state::ConnectionState;
use crate::gateway::subscribe::Subscribed;

/// How many commands may wait for the actor. When they are more, whoever adds one waits; typing is dropped.
pub(crate) const COMMANDS_MAX: usize = 64;

/// What a handle asks the actor to do. Sends have a queue of their own.
#[derive(Debug)]
pub(crate) enum Command {
    /// Watch, or stop watching.
    Update(UpdateSubscriptions, oneshot::Sender<Result<Subscribed>>),
    /// Show the user like this.
    Presence(UpdatePresence, oneshot::Sender<Result<()>>),
    /// Say that the user types or stopped.
    Typing(client_frame::Command),
    /// End.
    Close,
}

/// What handles and actor share.
#[derive(Debug)]
pub(crate) struct Shared {
    queue: Mutex<SendQueue>,
    slots: Arc<Semaphore>,
    slots_max: usize,
    /// Told when there is something to send.
    pub(crate) wake: Notify,
    /// Told when there is something to write to the file.
    pub(crate) keep: Notify,
    /// Told when a send was settled.
    settled: Notify,
    pub(crate) state: watch::Sender<ConnectionState>,
}

impl Shared {
    pub(crate) fn new(queue: SendQueue, slots: Arc<Semaphore>, slots_max: usize) -> Self {
        Self {
            queue: Mutex::new(queue),
            slots,
            slots_max,
            wake: Notify::new(),
            keep: Notify::new(),
            settled: Notify::new(),
            state: watch::Sender::new(ConnectionState::Connecting),
        }
    }

    /// A place in the queue, if there is one.
    pub(crate) fn slot(&self) -> Result<OwnedSemaphorePermit> {
        let slot = Arc::clone(&self.slots).try_acquire_owned();
        slot.map_err(|_| Error::queue_full(self.slots_max))
    }

    /// A place in the queue, as soon as there is one.
    pub(crate) async fn slot_when_free(&self) -> Result<OwnedSemaphorePermit> {
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        slot.map_err(|_| Error::queue_full(self.slots_max))
    }

    /// Adds a send.
    pub(crate) fn push(
        &self,
        request: SendMessageRequest,
        slot: OwnedSemaphorePermit,
    ) -> Result<oneshot::Receiver<Result<Sent>>> {
        let answer = self.queue.lock().push(request, slot)?;
        self.wake.notify_one();
        self.keep.notify_one();
        Ok(answer)
    }

    /// Works on the queue. Afterwards everybody who may care looks at it.
    pub(crate) fn queue<T>(&self, work: impl FnOnce(&mut SendQueue) -> T) -> T {
        let done = work(&mut self.queue.lock());
        self.keep.notify_one();
        self.settled.notify_waiters();
        done
    }

    /// Looks at the queue without changing it.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&SendQueue) -> T) -> T {
        look(&self.queue.lock())
    }

    /// Takes work out of the queue, which settles nothing.
    pub(crate) fn take<T>(&self, take: impl FnOnce(&mut SendQueue) -> T) -> T {
        take(&mut self.queue.lock())
    }

    /// The answer to a send that went out as a call of its own.
    pub(crate) fn answer_direct(&self, key: &Key, outcome: Result<SendMessageResponse>) {
        self.queue(|queue| queue.answer_direct(key, outcome));
        self.wake.notify_one();
    }

    /// Waits until every send is settled.
    pub(crate) async fn all_settled(&self) {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            // Registered before looking, so that a change in between is not missed.
            settled.as_mut().enable();
            if self.look(SendQueue::len) == 0 {
                return;
            }
            settled.await;
        }
    }
}
