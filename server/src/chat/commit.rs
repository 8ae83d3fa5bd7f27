//! From a decision to a change that everybody knows of: commit, follow, publish.
//!
//! Once begun, this runs to its end whether or not the caller stays: a removal that is on disk and not in the picture
//! would let the removed one go on reading. A change that failed is answered at once, and the picture follows beside.

use std::{sync::Arc, time::Duration};

use guildhall_proto::ids::{StreamKey, StreamKind};

use super::{
    Chat,
    access::Permit,
    error::{Error, Missing, Result},
    events,
    views::{GuildHandle, Guilds, Turn, View},
};
use crate::{
    fanout::Hub,
    store::{self, Commit, Metadata, NewEvent, Position, Taken, Write},
};

/// How often a change is decided anew because others were faster, or because a random id was taken.
const TRIES_MAX: usize = 8;
/// How long to wait before a stream is read again that could not be read; doubled each time up to the second one.
const REREAD_MIN: Duration = Duration::from_millis(50);
const REREAD_MAX: Duration = Duration::from_secs(2);

/// Rows and events of one transaction.
#[derive(Default)]
pub(super) struct Batch {
    /// Where this stream's head must be.
    pub(super) expected: Option<(StreamKey, u64)>,
    pub(super) writes: Vec<Write>,
    pub(super) events: Vec<NewEvent>,
}

/// What follows from looking at a guild's picture.
pub(super) enum Decision<T> {
    /// Nothing is to be written.
    Nothing(T),
    /// This is to be written, if the picture is still true then.
    Write(Plan<T>),
}

/// A change that was allowed.
pub(super) struct Plan<T> {
    permit: Permit,
    writes: Vec<Write>,
    events: Vec<NewEvent>,
    answer: T,
}

impl<T> Plan<T> {
    /// Uses a permit up.
    pub(super) fn new(permit: Permit, answer: T) -> Self {
        Self { permit, writes: Vec::new(), events: Vec::new(), answer }
    }

    /// The permit that it uses up.
    pub(super) fn permit(&self) -> &Permit {
        &self.permit
    }

    pub(super) fn write(mut self, write: Write) -> Self {
        self.writes.push(write);
        self
    }

    pub(super) fn writes(mut self, writes: impl IntoIterator<Item = Write>) -> Self {
        self.writes.extend(writes);
        self
    }

    pub(super) fn event(mut self, event: NewEvent) -> Self {
        self.events.push(event);
        self
    }

    pub(super) fn events(mut self, events: impl IntoIterator<Item = NewEvent>) -> Self {
        self.events.extend(events);
        self
    }

    pub(super) fn decided(self) -> Result<Decision<T>> {
        Ok(Decision::Write(self))
    }
}

/// Writes and makes known what was written. A cheap handle.
#[derive(Clone)]
pub(super) struct Commits {
    pub(super) metadata: Arc<dyn Metadata>,
    pub(super) guilds: Arc<Guilds>,
    pub(super) hub: Arc<Hub>,
}

impl Commits {
    /// Writes, lets the pictures of these guilds follow, does `after`, publishes the events of users' streams.
    pub(super) async fn write(
        &self,
        batch: Batch,
        guilds: Vec<Arc<GuildHandle>>,
        after: impl FnOnce() + Send + 'static,
    ) -> Result<Commit> {
        let this = self.clone();
        let task = async move {
            let outcome = this.commit(&batch).await?;
            if let Commit::Done(positions) = &outcome {
                after();
                for handle in &guilds {
                    this.follow(&handle.turn().await).await;
                }
                this.publish(batch, positions);
            }
            Ok(outcome)
        };
        finish(task).await
    }

    /// As `write`, for the one guild whose turn it is; the turn comes back.
    pub(super) async fn write_in(&self, turn: Turn, batch: Batch) -> Result<(Commit, Turn)> {
        let this = self.clone();
        let task = async move {
            let outcome = match this.commit(&batch).await {
                Ok(outcome) => outcome,
                Err(error) => {
                    this.follow_beside(&error, turn);
                    return Err(error);
                }
            };
            match &outcome {
                Commit::Done(positions) => {
                    this.follow(&turn).await;
                    this.publish(batch, positions);
                }
                // Others were faster.
                Commit::Moved(_) => this.guilds.read_on(&turn).await?,
                Commit::Taken(_) => {}
            }
            Ok((outcome, turn))
        };
        finish(task).await
    }

    async fn commit(&self, batch: &Batch) -> store::Result<Commit> {
        self.metadata.commit(batch.expected, batch.writes.clone(), batch.events.clone()).await
    }

    /// Reads on until the picture shows what was committed. A storage that took a write and does not give it back is
    /// asked until it does: the picture must not stay behind.
    async fn follow(&self, turn: &Turn) {
        let mut pause = REREAD_MIN;
        while let Err(error) = self.guilds.read_on(turn).await {
            tracing::error!(guild = %turn.handle().id(), %error, "the stream of a guild cannot be read");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(REREAD_MAX);
        }
    }

    /// A change failed. Unless it was not even tried, it may have happened all the same: the picture follows as soon as it
    /// can, and nobody waits for that.
    fn follow_beside(&self, error: &store::Error, turn: Turn) {
        if error.is_refused() {
            return;
        }
        let (this, handle) = (self.clone(), Arc::clone(turn.handle()));
        tokio::spawn(async move {
            let mut pause = REREAD_MIN;
            while this.guilds.read_on(&handle.turn().await).await.is_err() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(REREAD_MAX);
            }
        });
    }

    /// Guilds' events were published here by those who follow them, and are announced to other nodes; users' streams are
    /// published. Two commits to one user's stream may be published in either order: whoever listens sees the hole and
    /// reads the log.
    fn publish(&self, batch: Batch, positions: &[Position]) {
        for (event, position) in batch.events.into_iter().zip(positions) {
            match event.stream.kind {
                StreamKind::Guild => self.hub.announce(event.stream, position.seq),
                StreamKind::User => self.hub.publish(event.stream, [events::appended(event, *position)]),
                StreamKind::Channel => {}
            }
        }
        if batch.writes.iter().any(is_noticed) {
            self.hub.announce_notices();
        }
    }
}

/// Whether other nodes may hold in memory what this changes; see `Metadata::notices`.
fn is_noticed(write: &Write) -> bool {
    matches!(
        write,
        Write::DeleteToken { .. }
            | Write::ExpireTokens { .. }
            | Write::EndTokens { .. }
            | Write::UpdateProfile(_)
            | Write::EraseUser { .. }
            | Write::InsertBlock(_)
            | Write::DeleteBlock { .. }
    )
}

/// Runs a task to its end, whether or not the caller waits for it.
async fn finish<T: Send + 'static>(task: impl Future<Output = store::Result<T>> + Send + 'static) -> Result<T> {
    let outcome = tokio::spawn(task).await;
    Ok(outcome.map_err(|error| Error::Internal(format!("commit task: {error}")))??)
}

impl Chat {
    /// Decides on a guild's picture and writes at exactly that picture; decides again if it has changed. When this
    /// returns, the picture shows the change.
    pub(super) async fn change<T>(
        &self,
        handle: &Arc<GuildHandle>,
        mut decide: impl FnMut(&View) -> Result<Decision<T>>,
    ) -> Result<T> {
        let mut turn = handle.turn().await;
        let mut fresh = !self.is_among_others();
        for _ in 0..TRIES_MAX {
            let decision = match handle.look(&mut decide) {
                // The picture may be older than what another node has acknowledged.
                Err(_) if !fresh => {
                    fresh = true;
                    self.guilds.read_on(&turn).await?;
                    continue;
                }
                decision => decision?,
            };
            let plan = match decision {
                Decision::Nothing(answer) => return Ok(answer),
                Decision::Write(plan) => plan,
            };
            let expected = Some((StreamKey::guild(plan.permit.guild()), plan.permit.guild_seq()));
            let batch = Batch { expected, writes: plan.writes, events: plan.events };
            let outcome;
            (outcome, turn) = self.commits.write_in(turn, batch).await?;
            match outcome {
                Commit::Done(_) => return Ok(plan.answer),
                Commit::Moved(_) | Commit::Taken(Taken::Id | Taken::Member) => {}
                Commit::Taken(taken) => return Err(taken.into()),
            }
        }
        Err(Error::Conflict)
    }

    /// Writes what depends on no guild's picture, then does `after`. `plan` is asked again when a random id was taken.
    pub(super) async fn create<T>(
        &self,
        mut plan: impl FnMut() -> (Batch, T),
        after: impl FnOnce() + Clone + Send + 'static,
    ) -> Result<T> {
        for _ in 0..TRIES_MAX {
            let (batch, answer) = plan();
            match self.commits.write(batch, Vec::new(), after.clone()).await? {
                Commit::Done(_) => return Ok(answer),
                Commit::Moved(_) | Commit::Taken(Taken::Id) => {}
                Commit::Taken(taken) => return Err(taken.into()),
            }
        }
        Err(Error::Conflict)
    }
}

impl From<Taken> for Error {
    fn from(taken: Taken) -> Self {
        match taken {
            Taken::Username => Self::UsernameTaken,
            Taken::Id | Taken::Member | Taken::Password | Taken::Owner | Taken::Erasure => Self::Conflict,
            // Whoever is banned is not told so: the invite does not work.
            Taken::Invite | Taken::Banned => Self::NotFound(Missing::Invite),
            Taken::SetupCode => {
                Self::field("setup_code", "register.setup_code", "must be the code that this server printed last")
            }
        }
    }
}
