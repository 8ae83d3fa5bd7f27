//! Whom users do not want to hear of. Nothing passing (presence, typing) goes between two of whom one has blocked the
//! other, whichever; the blocked one sees what an invisible user shows, and is not told.
//!
//! For the fan-out, each user with a session here has a set of those who are hidden, which all of the user's sessions
//! share and follow: to ask it costs a look into memory. A block is in force here when its call is answered, and on other
//! nodes when they have read its notice. Whoever lets one user reach another (messages to one person, mentions) asks
//! `Chat::relation`.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Weak},
    time::Duration,
};

use guildhall_proto::{
    ids::{StreamKey, UserId},
    v1::{self, event::Payload},
};
use parking_lot::Mutex;
use tokio::{sync::watch, time::sleep};

use super::{
    Caller, Chat,
    commit::Batch,
    error::{Error, Missing, Result},
    events, validate,
};
use crate::store::{self, BlockRow, Commit, Metadata, Write};

/// Users that one user may have blocked.
const BLOCKS_MAX: usize = 1_000;
/// How often a block is decided anew because the user's stream moved meanwhile.
const TRIES_MAX: usize = 8;
/// How long to wait before blocks are read again that could not be read; doubled each time up to the second one.
const REREAD_MIN: Duration = Duration::from_millis(50);
const REREAD_MAX: Duration = Duration::from_secs(2);
/// Users that are held before it is looked for those without a session.
const HELD_MIN: usize = 1_024;

/// What one user has to do with another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relation {
    /// The one does not want to hear of the other.
    pub blocks: bool,
    /// The other does not want to hear of the one, who must not learn it.
    pub is_blocked: bool,
}

/// Who is hidden from a user: whom the user has blocked, and by whom the user is blocked. Of the latter there may be any
/// number, at some 10 bytes each.
pub struct Hidden {
    user: UserId,
    now: watch::Sender<Arc<HashSet<UserId>>>,
    /// Whether it was read. Who reads holds it, so that the last to read is right.
    read: tokio::sync::Mutex<bool>,
}

impl Hidden {
    fn new(user: UserId) -> Self {
        Self { user, now: watch::Sender::default(), read: tokio::sync::Mutex::new(false) }
    }

    /// Whether somebody is hidden from the user.
    pub fn has(&self, other: UserId) -> bool {
        self.now.borrow().contains(&other)
    }

    /// The set as it is now and as it changes.
    pub fn watch(&self) -> watch::Receiver<Arc<HashSet<UserId>>> {
        self.now.subscribe()
    }

    async fn read(&self, metadata: &dyn Metadata, again: bool) -> store::Result<()> {
        let mut read = self.read.lock().await;
        if *read && !again {
            return Ok(());
        }
        let now: HashSet<UserId> = metadata.hidden_from(self.user).await?.into_iter().collect();
        *read = true;
        self.now.send_if_modified(|held| {
            let changed = **held != now;
            if changed {
                *held = Arc::new(now);
            }
            changed
        });
        Ok(())
    }
}

/// The users with sessions on this node.
pub(super) struct Relationships {
    metadata: Arc<dyn Metadata>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    users: HashMap<UserId, Weak<Hidden>>,
    tidy_at: usize,
}

impl Relationships {
    pub(super) fn new(metadata: Arc<dyn Metadata>) -> Self {
        Self { metadata, held: Mutex::default() }
    }

    async fn of(&self, user: UserId) -> store::Result<Arc<Hidden>> {
        // Held first, then read: what changes in between is read again.
        let hidden = self.hold(user);
        hidden.read(&*self.metadata, false).await?;
        Ok(hidden)
    }

    fn hold(&self, user: UserId) -> Arc<Hidden> {
        let mut held = self.held.lock();
        if let Some(hidden) = held.users.get(&user).and_then(Weak::upgrade) {
            return hidden;
        }
        if held.users.len() >= held.tidy_at.max(HELD_MIN) {
            held.users.retain(|_, hidden| hidden.strong_count() > 0);
            held.tidy_at = 2 * held.users.len();
        }
        let hidden = Arc::new(Hidden::new(user));
        held.users.insert(user, Arc::downgrade(&hidden));
        hidden
    }

    /// The blocks of or by a user are other ones now.
    pub(super) async fn changed(&self, user: UserId) -> store::Result<()> {
        let hidden = self.held.lock().users.get(&user).and_then(Weak::upgrade);
        match hidden {
            Some(hidden) => hidden.read(&*self.metadata, true).await,
            None => Ok(()),
        }
    }

    /// Nothing that is held may be true.
    pub(super) async fn all_changed(&self) -> store::Result<()> {
        let users: Vec<UserId> = self.held.lock().users.keys().copied().collect();
        for user in users {
            self.changed(user).await?;
        }
        Ok(())
    }

    /// The same after a commit of this node: a storage that took a block and does not give it back is asked until it does.
    async fn follow(&self, user: UserId) {
        let mut pause = REREAD_MIN;
        while let Err(error) = self.changed(user).await {
            tracing::error!(%user, %error, "the blocks of a user cannot be read");
            sleep(pause).await;
            pause = (pause * 2).min(REREAD_MAX);
        }
    }
}

impl Chat {
    /// Who is hidden from a user, for those who show what is passing.
    pub async fn hidden_from(&self, user: UserId) -> Result<Arc<Hidden>> {
        Ok(self.relationships.of(user).await?)
    }

    /// What one user has to do with another, as the store has it: for whoever lets one reach the other.
    pub async fn relation(&self, one: UserId, other: UserId) -> Result<Relation> {
        let blocks = self.metadata().blocks_between(one, other).await?;
        Ok(Relation {
            blocks: blocks.iter().any(|block| block.user == one),
            is_blocked: blocks.iter().any(|block| block.user == other),
        })
    }

    /// Blocks somebody.
    pub async fn block_user(&self, caller: &Caller, request: v1::BlockUserRequest) -> Result<v1::BlockUserResponse> {
        validate(&request)?;
        let blocked = UserId(request.user_id);
        if blocked == caller.user {
            return Err(Error::field("user_id", "block_user.user_id", "must be somebody else"));
        }
        let there = self.metadata().user(blocked).await?.is_some_and(|user| user.delete_ms.is_none());
        if !there {
            return Err(Error::NotFound(Missing::User));
        }
        let decide = |blocks: &[BlockRow]| {
            if blocks.iter().any(|block| block.blocked == blocked) {
                return Ok(None);
            }
            if blocks.len() >= BLOCKS_MAX {
                return Err(Error::Limit { subject: "user.blocks", max: BLOCKS_MAX });
            }
            let row = BlockRow { user: caller.user, blocked, create_ms: self.clock.now_ms() };
            let told = Payload::UserBlocked(v1::UserBlocked { user_id: blocked.get() });
            Ok(Some((Write::InsertBlock(row), told)))
        };
        self.change_blocks([caller.user, blocked], decide).await?;
        Ok(v1::BlockUserResponse {})
    }

    /// Ends a block.
    pub async fn unblock_user(
        &self,
        caller: &Caller,
        request: v1::UnblockUserRequest,
    ) -> Result<v1::UnblockUserResponse> {
        validate(&request)?;
        let blocked = UserId(request.user_id);
        let decide = |blocks: &[BlockRow]| {
            let there = blocks.iter().any(|block| block.blocked == blocked);
            let told = Payload::UserUnblocked(v1::UserUnblocked { user_id: blocked.get() });
            Ok(there.then_some((Write::DeleteBlock { user: caller.user, blocked }, told)))
        };
        self.change_blocks([caller.user, blocked], decide).await?;
        Ok(v1::UnblockUserResponse {})
    }

    /// Decides on the blocks of the first of two users and writes at exactly these.
    async fn change_blocks(
        &self,
        users: [UserId; 2],
        decide: impl Fn(&[BlockRow]) -> Result<Option<(Write, Payload)>>,
    ) -> Result<()> {
        let user = users[0];
        let stream = StreamKey::user(user);
        for _ in 0..TRIES_MAX {
            // Every block moves the user's stream, so at this head the blocks are these.
            let position = self.metadata().stream_position(stream).await?;
            let head = position.ok_or(Error::NotFound(Missing::User))?.seq;
            let Some((write, told)) = decide(&self.metadata().blocks(user).await?)? else { return Ok(()) };
            let events = vec![events::new_event(user, user, self.clock.now_ms(), told)];
            let batch = Batch { expected: Some((stream, head)), writes: vec![write], events };
            match self.write_block(batch, users).await? {
                Commit::Done(_) => return Ok(()),
                Commit::Moved(_) => {}
                Commit::Taken(taken) => return Err(taken.into()),
            }
        }
        Err(Error::Conflict)
    }

    /// Once begun, this runs to its end whether or not the caller stays: a block that is stored is in force.
    async fn write_block(&self, batch: Batch, users: [UserId; 2]) -> Result<Commit> {
        let (commits, relationships) = (self.commits.clone(), Arc::clone(&self.relationships));
        let task = tokio::spawn(async move {
            let outcome = commits.write(batch, Vec::new(), || {}).await?;
            for user in users {
                relationships.follow(user).await;
            }
            Ok(outcome)
        });
        task.await.map_err(|error| Error::Internal(format!("block task: {error}")))?
    }

    /// Whom the caller has blocked, newest first.
    pub async fn list_blocks(&self, caller: &Caller, request: v1::ListBlocksRequest) -> Result<v1::ListBlocksResponse> {
        validate(&request)?;
        let blocks = self.metadata().blocks(caller.user).await?;
        let ids: Vec<_> = blocks.iter().map(|block| block.blocked).collect();
        let users = self.metadata().users(&ids).await?;
        let users: HashMap<_, _> = users.iter().map(|user| (user.id, events::user(user))).collect();
        let shown = |block: &BlockRow| {
            let user = Some(users.get(&block.blocked)?.clone());
            Some(v1::Block { user, create_time: Some(events::timestamp(block.create_ms)) })
        };
        Ok(v1::ListBlocksResponse { blocks: blocks.iter().filter_map(shown).collect() })
    }
}
