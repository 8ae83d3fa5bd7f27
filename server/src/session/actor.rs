//! The actor of one session: reads frames, waits for commits, refills the outbox from the log, and ends.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use guildhall_proto::{
    ids::{ChannelId, GuildId, StreamKey},
    v1::{self, GoodbyeReason, PresenceStatus, command_result::Outcome},
};
use tokio::{sync::watch, time::Instant};

use super::{
    Broken, Inbound, SENDS_IN_FLIGHT_MAX,
    answers::Answers,
    blocks::Hiding,
    goodbye::Goodbye,
    outbox::Outbox,
    pull::Resuming,
    registry::{Controls, Frameflow, Shared},
    typing::Typing,
};
use crate::{
    chat::{self, Caller},
    fanout::{SubscriberId, Topic},
};

/// How long the answers of commands under way are waited for when a session is ended.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// How long a client may take to take its last frames.
const LAST_FRAMES: Duration = Duration::from_secs(30);

/// A command whose outcome is awaited.
pub(super) type Waiting = futures_util::future::BoxFuture<'static, (u64, Result<Outcome, chat::Error>)>;

/// Whether the session goes on.
pub(super) type Flow = std::ops::ControlFlow<Goodbye>;

pub(super) struct Actor {
    pub(super) id: SubscriberId,
    session_id: String,
    pub(super) caller: Caller,
    pub(super) outbox: Arc<Outbox>,
    pub(super) shared: Arc<Shared>,
    pub(super) answers: Answers,
    pub(super) in_flight: FuturesUnordered<Waiting>,
    /// How the user is to be shown; `None` until the session is identified.
    pub(super) status: Option<PresenceStatus>,
    pub(super) custom_status: String,
    /// The custom status in the user's profile, as of the last look.
    pub(super) profile_status: String,
    /// Topics of the hub that this session listens to.
    pub(super) topics: HashSet<Topic>,
    /// Guilds whose every readable channel is watched.
    pub(super) whole_guilds: HashSet<GuildId>,
    /// Channels that are watched by name, whatever becomes of their guild's subscription.
    pub(super) named: HashSet<ChannelId>,
    /// Channels of whole guilds that are not to be watched.
    pub(super) excluded: HashSet<ChannelId>,
    pub(super) guilds: HashMap<GuildId, Arc<chat::GuildHandle>>,
    pub(super) resuming: Option<Resuming>,
    /// The stream that was last read from the log; streams that are behind take turns.
    pub(super) last_pulled: Option<StreamKey>,
    pub(super) typing: Typing,
    pub(super) hiding: Hiding,
    pub(super) retry_at: Option<Instant>,
    expire_at: Option<Instant>,
    begun: Instant,
    heard: Instant,
}

impl Actor {
    pub(super) fn new(
        id: SubscriberId,
        session_id: String,
        caller: Caller,
        outbox: Arc<Outbox>,
        shared: Arc<Shared>,
    ) -> Self {
        let now = Instant::now();
        let expire_at = caller.expire_ms.map(|expire_ms| moment(&shared, expire_ms));
        Self {
            id,
            session_id,
            caller,
            outbox,
            shared,
            answers: Answers::default(),
            in_flight: FuturesUnordered::new(),
            status: None,
            custom_status: String::new(),
            profile_status: String::new(),
            topics: HashSet::new(),
            whole_guilds: HashSet::new(),
            named: HashSet::new(),
            excluded: HashSet::new(),
            guilds: HashMap::new(),
            resuming: None,
            last_pulled: None,
            typing: Typing::default(),
            hiding: Hiding::default(),
            retry_at: None,
            expire_at,
            begun: now,
            heard: now,
        }
    }

    /// Runs until the client or the server ends it.
    pub(super) async fn run(mut self, mut frames: Frameflow, mut controls: watch::Receiver<Controls>) {
        let outbox = Arc::clone(&self.outbox);
        let goodbye = loop {
            let deadline = self.deadline();
            let reading = self.in_flight.len() < SENDS_IN_FLIGHT_MAX && outbox.listens();
            let flow = tokio::select! {
                biased;
                Ok(()) = controls.changed() => {
                    let controls = *controls.borrow_and_update();
                    self.obey(controls)
                }
                Some((request_id, outcome)) = self.in_flight.next() => {
                    self.tell(request_id, outcome);
                    Flow::Continue(())
                }
                () = outbox.work() => match self.work().await {
                    Some(flow) => flow,
                    None => break None,
                },
                frame = frames.next(), if reading => match frame {
                    Some(Ok(inbound)) => self.hear(inbound).await,
                    Some(Err(Broken::Malformed)) => Flow::Break(Goodbye::new(GoodbyeReason::ProtocolError)),
                    // Whether the client left on purpose is not known: it may still listen.
                    Some(Err(Broken::Disconnected)) | None => {
                        frames = Box::pin(futures_util::stream::pending());
                        Flow::Continue(())
                    }
                },
                () = self.hiding.changed() => self.follow_blocks(),
                () = tokio::time::sleep_until(deadline) => self.tick(),
            };
            if let Flow::Break(goodbye) = flow {
                break Some(goodbye);
            }
        };
        if let Some(goodbye) = goodbye {
            self.outbox.mute();
            self.last_answers().await;
            self.outbox.finish(goodbye.frame());
        }
        drop(self);
        // A client that does not take its last frames must not hold them for ever.
        if tokio::time::timeout(LAST_FRAMES, outbox.gone()).await.is_err() {
            outbox.abandon();
        }
    }

    fn obey(&mut self, controls: Controls) -> Flow {
        if let Some(goodbye) = controls.end {
            return Flow::Break(goodbye);
        }
        if let Some(expire_ms) = controls.expire_ms {
            let at = moment(&self.shared, expire_ms);
            self.expire_at = Some(self.expire_at.map_or(at, |before| before.min(at)));
        }
        Flow::Continue(())
    }

    async fn hear(&mut self, inbound: Inbound) -> Flow {
        self.heard = Instant::now();
        // Boxed: the state of a rare command must not lie in every idle session.
        Box::pin(self.handle(inbound)).await
    }

    /// `None`: the client is gone.
    async fn work(&mut self) -> Option<Flow> {
        let work = self.outbox.take_work(self.last_pulled);
        if work.gone {
            return None;
        }
        Some(Box::pin(self.catch_up(work)).await)
    }

    /// Tells the outcome of a command.
    pub(super) fn tell(&mut self, request_id: u64, outcome: Result<Outcome, chat::Error>) {
        let outcome = outcome.unwrap_or_else(|error| Outcome::Error(crate::error::rpc_status(error)));
        self.answers.tell(&self.outbox, v1::CommandResult { request_id, outcome: Some(outcome) });
    }

    pub(super) fn identified(&self) -> bool {
        self.status.is_some()
    }

    fn deadline(&self) -> Instant {
        let config = &self.shared.config;
        let silence = self.heard + 2 * config.heartbeat;
        let identify = (!self.identified()).then_some(self.begun + config.identify_timeout);
        [identify, self.typing.next_end(), self.retry_at, self.expire_at]
            .into_iter()
            .flatten()
            .fold(silence, Instant::min)
    }

    fn tick(&mut self) -> Flow {
        let now = Instant::now();
        let config = &self.shared.config;
        if !self.identified() && now >= self.begun + config.identify_timeout {
            return Flow::Break(Goodbye::new(GoodbyeReason::IdentifyTimeout));
        }
        if now >= self.heard + 2 * config.heartbeat {
            return Flow::Break(Goodbye::new(GoodbyeReason::HeartbeatTimeout));
        }
        if self.expire_at.is_some_and(|at| now >= at) {
            return Flow::Break(Goodbye::new(GoodbyeReason::AuthExpired));
        }
        if self.retry_at.is_some_and(|at| now >= at) {
            self.retry_at = None;
            self.outbox.nudge();
        }
        self.end_typing(now);
        Flow::Continue(())
    }

    /// Commands under way get their answers before the last frame: whoever reads Goodbye knows what was stored.
    async fn last_answers(&mut self) {
        let answers = async {
            while let Some((request_id, outcome)) = self.in_flight.next().await {
                let outcome = outcome.unwrap_or_else(|error| Outcome::Error(crate::error::rpc_status(error)));
                self.answers.tell(&self.outbox, v1::CommandResult { request_id, outcome: Some(outcome) });
            }
        };
        // Too slow: the client asks again with the same nonce.
        let _ = tokio::time::timeout(LAST_ANSWERS, answers).await;
    }

    pub(super) fn listen(&mut self, topic: Topic) {
        if self.topics.insert(topic) {
            let subscriber = Arc::clone(&self.outbox);
            self.shared.hub.subscribe(topic, self.id, subscriber);
        }
    }

    pub(super) fn ignore(&mut self, topic: Topic) {
        if self.topics.remove(&topic) {
            self.shared.hub.unsubscribe(topic, self.id);
        }
    }

    /// The stream is neither heard nor shown any more.
    pub(super) fn drop_stream(&mut self, stream: StreamKey) {
        self.ignore(Topic::Stream(stream));
        self.outbox.remove(stream);
        if let Some(resuming) = &mut self.resuming {
            resuming.waiting.remove(&stream);
        }
    }
}

/// However the actor ends, nothing of it stays: nobody is told of events any more, and the client is not left waiting.
impl Drop for Actor {
    fn drop(&mut self) {
        self.stop_all_typing();
        self.topics.iter().for_each(|topic| self.shared.hub.unsubscribe(*topic, self.id));
        if self.identified() {
            self.shared.presences.remove(self.caller.user, self.id);
        }
        // After a Goodbye this one is not sent.
        self.outbox.finish(Goodbye::new(GoodbyeReason::Unavailable).frame());
        self.shared.leave(&self.session_id);
    }
}

/// A moment of the wall clock as one of the timer's.
fn moment(shared: &Shared, unix_ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(unix_ms.saturating_sub(shared.chat.clock().now_ms()))
}
