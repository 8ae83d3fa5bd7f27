//! One session: a loop that never waits for anything but its next reason to act.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use guildhall_proto::ids::{ChannelId, GuildId, StreamKey};
use guildhall_proto::v1::{self, SessionRequest, SessionResponse, client_frame};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::core::{Core, Update};
use super::end::{End, Next};
use super::fetch::Fetched;
use super::link::Link;
use crate::error::Result;
use crate::gateway::shared::Command;
use crate::gateway::state::CloseReason;

/// The heartbeat of a server that does not tell its own.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// How long the server may take to say goodbye.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// A session under way.
pub(super) struct Session<'a> {
    pub(super) core: &'a mut Core,
    pub(super) link: Link,
    pub(super) stage: Stage,
    /// Frames that the connection has not taken yet.
    pub(super) frames: VecDeque<v1::ClientFrame>,
    pub(super) pending: HashMap<u64, Pending>,
    pub(super) last_id: u64,
    pub(super) fetches: JoinSet<Fetched>,
    /// The channels of each guild, as the session began.
    pub(super) channels: Vec<(GuildId, ChannelId)>,
    /// The user's guilds, as the session began.
    pub(super) joined: Vec<u64>,
    /// Streams that were behind at the last heartbeat, and the head that they had to reach.
    pub(super) suspects: HashMap<StreamKey, u64>,
    /// How many heartbeats were sent.
    pub(super) beats: usize,
    /// Since when the program is so far behind that nothing is read.
    pub(super) blocked_since: Option<Instant>,
    /// When the program last caught up.
    pub(super) unblocked_at: Option<Instant>,
    pub(super) leaving: Option<Leaving>,
    heartbeat: Duration,
    heartbeat_at: Instant,
    pub(super) last_frame: Instant,
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Identify was sent; Ready is to come.
    Identifying,
    /// Resume was sent; Ready and Resumed are to come.
    Resuming,
    /// Identified; what is to be watched is being subscribed to.
    Subscribing,
    /// Everything stands.
    Live,
}

/// A command that waits for its result.
#[derive(Debug)]
pub(super) enum Pending {
    /// Identify or Resume.
    Start,
    /// An update of the session's own.
    Initial(v1::UpdateSubscriptions),
    /// An update that somebody waits for.
    Asked(Update),
    /// A presence that somebody waits for.
    Presence(Option<oneshot::Sender<Result<()>>>),
}

/// Why the loop goes round.
enum Reason {
    /// A handle asks for something, or no handle is left.
    Command(Option<Command>),
    /// It is time for something.
    Alarm,
    /// A page of the log came.
    Fetched(Result<Fetched, JoinError>),
    /// The server sent a frame, or the stream ended.
    Frame(Result<Option<SessionResponse>, Status>),
    /// A queue moved on.
    Progress,
}

/// The session is to end on purpose.
pub(super) struct Leaving {
    reason: CloseReason,
    until: Instant,
    said: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(core: &'a mut Core, link: Link) -> Self {
        let told = link.hello.heartbeat_interval;
        let told = told.and_then(|interval| Duration::try_from(interval).ok());
        let heartbeat = told.filter(|interval| !interval.is_zero()).unwrap_or(HEARTBEAT);
        let now = Instant::now();
        // The first one after a random part, so that clients who came together do not beat together.
        let heartbeat_at = now + heartbeat.mul_f64(rand::random());
        Self {
            core,
            link,
            stage: Stage::Identifying,
            frames: VecDeque::new(),
            pending: HashMap::new(),
            last_id: 0,
            fetches: JoinSet::new(),
            channels: Vec::new(),
            joined: Vec::new(),
            suspects: HashMap::new(),
            beats: 0,
            blocked_since: None,
            unblocked_at: None,
            leaving: None,
            heartbeat,
            heartbeat_at,
            last_frame: now,
        }
    }

    /// Until the session ends.
    pub(super) async fn run(mut self) -> End {
        self.core.positions.detach_all();
        self.begin();
        let end = loop {
            self.watch_blocking();
            self.send_what_is_due();
            if let Some(end) = self.step().await {
                break end;
            }
        };
        self.hand_back();
        self.told_to_leave(end)
    }

    async fn step(&mut self) -> Option<End> {
        match self.reason_to_act().await {
            Reason::Command(command) => self.obey(command),
            Reason::Alarm => return self.alarm(),
            Reason::Fetched(fetched) => self.fetched(fetched),
            Reason::Frame(frame) => {
                self.last_frame = Instant::now();
                return self.frame(frame);
            }
            Reason::Progress => {}
        }
        None
    }

    async fn reason_to_act(&mut self) -> Reason {
        let full = self.core.feed.is_blocked();
        let blocked = self.is_blocked();
        let alarm = self.next_alarm();
        // In this order: what the program and the clock want is little and must not drown in what the server sends.
        tokio::select! {
            biased;
            command = self.core.commands.recv(), if self.leaving.is_none() => Reason::Command(command),
            () = self.core.shared.wake.notified() => Reason::Progress,
            () = sleep_until(alarm) => Reason::Alarm,
            Ok(room) = self.link.out.reserve(), if !self.frames.is_empty() => {
                let frame = self.frames.pop_front();
                room.send(SessionRequest { frame });
                Reason::Progress
            }
            () = self.core.feed.drain(), if full => Reason::Progress,
            Some(fetched) = self.fetches.join_next(), if !full => Reason::Fetched(fetched),
            frame = self.link.inbound.message(), if !blocked => Reason::Frame(frame),
        }
    }

    /// When something is to be done even if nothing happens.
    fn next_alarm(&self) -> Instant {
        let leave = self.leaving.as_ref().map(|leaving| leaving.until);
        let alarms = [Some(self.heartbeat_at), self.silent_at(), leave, self.send_alarm()];
        let first = alarms.into_iter().flatten().min();
        first.unwrap_or(self.heartbeat_at)
    }

    /// When the connection counts as dead: after two intervals in which nothing came, unless nothing was read.
    fn silent_at(&self) -> Option<Instant> {
        let reading = self.blocked_since.is_none();
        reading.then(|| self.last_frame + 2 * self.heartbeat)
    }

    fn alarm(&mut self) -> Option<End> {
        let now = Instant::now();
        if self.silent_at().is_some_and(|at| at <= now) {
            return Some(End::lost("the server fell silent"));
        }
        if self.leaving.as_ref().is_some_and(|leaving| leaving.until <= now) {
            return Some(End::lost("the server does not say goodbye"));
        }
        if self.heartbeat_at <= now {
            self.heartbeat_at = now + self.heartbeat;
            self.beat();
        }
        None
    }

    fn obey(&mut self, command: Option<Command>) {
        match command {
            Some(Command::Update(update, reply)) if self.stage == Stage::Live => {
                self.update((update, reply));
            }
            Some(Command::Update(update, reply)) => self.core.put_off((update, reply)),
            Some(Command::Presence(presence, reply)) => {
                self.core.note_presence(&presence);
                let command = client_frame::Command::UpdatePresence(presence);
                self.command(command, Pending::Presence(Some(reply)));
            }
            Some(Command::Typing(command)) => {
                if self.stage == Stage::Live && self.has_room() {
                    self.frames.push_back(v1::ClientFrame { request_id: 0, command: Some(command) });
                }
            }
            Some(Command::Close) => self.leave(CloseReason::Requested),
            None => self.leave(CloseReason::Dropped),
        }
    }

    fn leave(&mut self, reason: CloseReason) {
        let until = Instant::now() + LEAVE_TIMEOUT;
        self.leaving = Some(Leaving { reason, until, said: false });
    }

    /// Says Close once the sends that are on their way are answered.
    pub(super) fn say_close(&mut self, in_flight: usize) {
        if let Some(leaving) = self.leaving.as_mut().filter(|leaving| !leaving.said && in_flight == 0) {
            leaving.said = true;
            self.frames.push_back(v1::ClientFrame {
                request_id: 0,
                command: Some(client_frame::Command::Close(v1::Close {})),
            });
        }
    }

    /// Puts a command on its way.
    pub(super) fn command(&mut self, command: client_frame::Command, pending: Pending) {
        self.last_id += 1;
        let request_id = self.last_id;
        self.pending.insert(request_id, pending);
        self.frames.push_back(v1::ClientFrame { request_id, command: Some(command) });
    }

    /// What was not answered is asked again in the next session.
    fn hand_back(&mut self) {
        for (_, pending) in self.pending.drain() {
            match pending {
                Pending::Asked(update) => self.core.put_off(update),
                Pending::Presence(Some(reply)) => {
                    // It is noted. Whoever does not wait any more has given the answer up.
                    let _ = reply.send(Ok(()));
                }
                Pending::Start | Pending::Initial(_) | Pending::Presence(None) => {}
            }
        }
    }

    /// However the session ended: if it was to end, that is why.
    fn told_to_leave(&mut self, end: End) -> End {
        match self.leaving.take() {
            Some(leaving) => End { next: Next::Stop(leaving.reason), ..end },
            None => end,
        }
    }
}
