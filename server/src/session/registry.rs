//! The live sessions of this node: who they are, how to reach them, how to end them.

use std::{
    collections::{HashMap, hash_map::Entry},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use guildhall_proto::{
    ids::{LoginSessionId, UserId},
    v1::{self, GoodbyeReason},
};
use parking_lot::Mutex;
use rand::RngExt;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};

use super::{Broken, Frames, Inbound, SessionConfig, actor::Actor, goodbye::Goodbye, identify::hello, outbox::Outbox};
use crate::{
    chat::{Caller, Chat, Revoked},
    fanout::{Hub, Presences, SubscriberId},
    metrics::METRICS,
};

/// Pushed frames that wait for a session's actor; further Pushes wait for room. They are boxed: a channel has room for
/// some from the start, and most sessions never see a Push.
const PUSHED_MAX: usize = 32 * PUSHES_MAX;
/// A bot may have this many times the sessions of a person: it serves many guilds from many processes.
const BOT_SESSIONS_FACTOR: usize = 20;
/// The spread of the clients that come back after they were told to go.
const DRAIN_SPREAD: Duration = Duration::from_secs(2);

/// The frames of a client, until it breaks off.
pub(super) type Frameflow = Pin<Box<dyn Stream<Item = Result<Inbound, Broken>> + Send>>;

/// What the server tells a session from outside.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Controls {
    /// End now.
    pub(super) end: Option<Goodbye>,
    /// The token ends then, in Unix milliseconds; so does the session.
    pub(super) expire_ms: Option<u64>,
}

/// Pushes of one session that are answered at a time: the one under way, and the same again from a client that gave up
/// waiting for it. Their frames always find room.
const PUSHES_MAX: usize = 2;

/// Why a Push was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushError {
    /// No such session, not the caller's, or it ended before all results were there.
    NotFound,
    /// The session has not answered earlier ones.
    Busy,
}

/// The sessions of this node. A cheap handle.
#[derive(Clone)]
pub struct Sessions {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) chat: Arc<Chat>,
    pub(super) hub: Arc<Hub>,
    pub(super) presences: Arc<Presences>,
    pub(super) config: SessionConfig,
    live: Mutex<Live>,
    last_id: AtomicU64,
    ended: Notify,
}

#[derive(Default)]
struct Live {
    handles: HashMap<String, Handle>,
    per_user: HashMap<UserId, usize>,
    draining: bool,
    /// Why no session is to be here, though the server stays.
    away: bool,
}

struct Handle {
    user: UserId,
    login: LoginSessionId,
    pushed: mpsc::Sender<Box<Inbound>>,
    controls: watch::Sender<Controls>,
    pushes: Arc<Semaphore>,
    outbox: Arc<Outbox>,
}

impl Handle {
    /// Its token has ended: it ends at once, whatever the actor is waiting for.
    fn end(&self) {
        self.outbox.mute();
        let goodbye = Goodbye::new(GoodbyeReason::AuthExpired);
        self.controls.send_modify(|controls| controls.end = Some(goodbye));
    }
}

impl Sessions {
    /// No session is there yet.
    pub fn new(config: SessionConfig, chat: Arc<Chat>, hub: Arc<Hub>) -> Self {
        let shared = Arc::new(Shared {
            presences: Arc::new(Presences::new(Arc::clone(&hub))),
            chat,
            hub,
            config,
            live: Mutex::default(),
            last_id: AtomicU64::new(0),
            ended: Notify::new(),
        });
        let weak = Arc::downgrade(&shared);
        shared.chat.on_revoked(Box::new(move |revoked| {
            if let Some(shared) = weak.upgrade() {
                shared.end_revoked(revoked);
            }
        }));
        Self { shared }
    }

    /// Begins a session; its first frame, Hello, is there at once. `start`: what a browser says by `Listen`.
    pub fn open<S>(&self, caller: Caller, start: Option<v1::client_frame::Command>, frames: S) -> Frames
    where
        S: Stream<Item = Result<v1::ClientFrame, Broken>> + Send + 'static,
    {
        let outbox = Outbox::new(caller.user);
        let session_id = new_id(self.shared.config.node);
        outbox.push(hello(&session_id, &self.shared.config));
        let (pushed, from_pushes) = mpsc::channel(PUSHED_MAX);
        let (control, controls) = watch::channel(Controls::default());
        let handle = Handle {
            user: caller.user,
            login: caller.session,
            pushed,
            controls: control,
            pushes: Arc::new(Semaphore::new(PUSHES_MAX)),
            outbox: Arc::clone(&outbox),
        };
        if let Err(goodbye) = self.shared.admit(&caller, session_id.clone(), handle) {
            outbox.finish(goodbye.frame());
            return Frames::new(outbox);
        }
        let id: SubscriberId = self.shared.last_id.fetch_add(1, Ordering::Relaxed);
        let actor = Actor::new(id, session_id, caller, Arc::clone(&outbox), Arc::clone(&self.shared));
        let frames = flow(start, frames, from_pushes);
        tokio::spawn(actor.run(frames, controls));
        Frames::new(outbox)
    }

    /// Hands frames of a browser to its session, in order; returns the results of those that want one.
    ///
    /// # Errors
    /// `NotFound` unless the session is the caller's and lives until all results are there. `Busy`: nothing was done.
    pub async fn push(&self, caller: &Caller, push: v1::PushRequest) -> Result<Vec<v1::CommandResult>, PushError> {
        let (pushed, pushes) = {
            let live = self.shared.live.lock();
            let handle = live.handles.get(&push.session_id).filter(|handle| handle.user == caller.user);
            let handle = handle.ok_or(PushError::NotFound)?;
            (handle.pushed.clone(), Arc::clone(&handle.pushes))
        };
        let _turn = pushes.try_acquire().map_err(|_| PushError::Busy)?;
        let mut waiting = Vec::with_capacity(push.frames.len());
        for frame in push.frames {
            let (reply, result) = oneshot::channel();
            let reply = (frame.request_id > 0).then_some(reply);
            if reply.is_some() {
                waiting.push(result);
            }
            pushed.send(Box::new(Inbound { frame, reply })).await.map_err(|_| PushError::NotFound)?;
        }
        let mut results = Vec::with_capacity(waiting.len());
        for result in waiting {
            results.push(result.await.map_err(|_| PushError::NotFound)?);
        }
        Ok(results)
    }

    /// Tells every session to come back elsewhere, or here later, and waits until all have ended. New ones are told
    /// the same at once.
    pub async fn drain(&self) {
        let controls: Vec<_> = {
            let mut live = self.shared.live.lock();
            live.draining = true;
            live.handles.values().map(|handle| handle.controls.clone()).collect()
        };
        for control in controls {
            control.send_modify(|controls| controls.end = Some(draining()));
        }
        loop {
            let ended = self.shared.ended.notified();
            if self.shared.live.lock().handles.is_empty() {
                return;
            }
            ended.await;
        }
    }

    /// Tells every session to go on at another node, and those that come the same, until `welcome`. What they are waiting
    /// for is answered first, as at every end.
    pub fn send_away(&self) {
        let controls: Vec<_> = {
            let mut live = self.shared.live.lock();
            live.away = true;
            live.handles.values().map(|handle| handle.controls.clone()).collect()
        };
        for control in controls {
            control.send_modify(|controls| controls.end = Some(unavailable()));
        }
    }

    /// Sessions may be here again.
    pub fn welcome(&self) {
        self.shared.live.lock().away = false;
    }

    /// Whether sessions may begin here.
    pub fn are_welcome(&self) -> bool {
        let live = self.shared.live.lock();
        !live.draining && !live.away
    }

    /// How many sessions read some stream from the log at their pace. Looks at each.
    pub fn count_behind(&self) -> usize {
        let outboxes: Vec<_> =
            self.shared.live.lock().handles.values().map(|handle| Arc::clone(&handle.outbox)).collect();
        outboxes.iter().filter(|outbox| outbox.is_behind()).count()
    }

    /// Who is shown to be there; for the relay.
    pub fn presences(&self) -> Arc<Presences> {
        Arc::clone(&self.shared.presences)
    }

    /// How many sessions live.
    pub fn count(&self) -> usize {
        self.shared.live.lock().handles.len()
    }
}

impl Shared {
    fn admit(&self, caller: &Caller, session_id: String, handle: Handle) -> Result<(), Goodbye> {
        let factor = if caller.bot { BOT_SESSIONS_FACTOR } else { 1 };
        let mut live = self.live.lock();
        if live.draining {
            return Err(draining());
        }
        if live.away {
            return Err(unavailable());
        }
        let count = live.per_user.entry(caller.user).or_default();
        if *count >= self.config.sessions_per_user_max.saturating_mul(factor) {
            return Err(Goodbye::new(GoodbyeReason::TooManySessions));
        }
        *count += 1;
        live.handles.insert(session_id, handle);
        METRICS.sessions.inc();
        Ok(())
    }

    pub(super) fn leave(&self, session_id: &str) {
        let mut live = self.live.lock();
        let handle = live.handles.remove(session_id);
        if handle.is_some() {
            METRICS.sessions.dec();
        }
        if let Some(handle) = handle
            && let Entry::Occupied(mut count) = live.per_user.entry(handle.user)
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        drop(live);
        self.ended.notify_waiters();
    }

    fn end_revoked(&self, revoked: &Revoked) {
        let live = self.live.lock();
        match *revoked {
            Revoked::Login(login) => {
                live.handles.values().filter(|handle| handle.login == login).for_each(Handle::end);
            }
            Revoked::Logins { user, except } => {
                let ended = |handle: &&Handle| handle.user == user && Some(handle.login) != except;
                live.handles.values().filter(ended).for_each(Handle::end);
            }
            Revoked::Bot { user, expire_ms } => {
                for handle in live.handles.values().filter(|handle| handle.user == user) {
                    handle.controls.send_modify(|controls| controls.expire_ms = Some(expire_ms));
                }
            }
        }
    }
}

fn draining() -> Goodbye {
    later(GoodbyeReason::Draining)
}

fn unavailable() -> Goodbye {
    later(GoodbyeReason::Unavailable)
}

/// They do not all come back at once.
fn later(reason: GoodbyeReason) -> Goodbye {
    let spread_ms = u64::try_from(DRAIN_SPREAD.as_millis()).unwrap_or(u64::MAX);
    let delay = Duration::from_millis(rand::rng().random_range(spread_ms / 10..=spread_ms));
    Goodbye::after(reason, delay)
}

/// 32 hexadecimal digits, of which those of the node come first.
fn new_id(node: Option<u64>) -> String {
    let mut random = rand::rng();
    format!("{:016x}{:016x}", node.unwrap_or_else(|| random.random()), random.random::<u64>())
}

/// What a client says by its own stream, and by Push.
fn flow<S>(start: Option<v1::client_frame::Command>, frames: S, pushed: mpsc::Receiver<Box<Inbound>>) -> Frameflow
where
    S: Stream<Item = Result<v1::ClientFrame, Broken>> + Send + 'static,
{
    let first = start.map(|command| v1::ClientFrame { request_id: 0, command: Some(command) });
    let first = futures_util::stream::iter(first.map(|frame| Ok(Inbound { frame, reply: None })));
    let own = frames.map(|frame| frame.map(|frame| Inbound { frame, reply: None }));
    let pushed = futures_util::stream::unfold(pushed, |mut pushed| async {
        pushed.recv().await.map(|inbound| (Ok(*inbound), pushed))
    });
    Box::pin(first.chain(futures_util::stream::select(own, pushed)))
}
