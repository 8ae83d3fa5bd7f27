//! One live session, frame by frame.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, bail};
use guildhall_proto::v1::{self, client_frame::Command, command_result, server_frame::Payload};
use guildhall_proto::{Failure, ids::StreamKey};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use super::Bearer;
use crate::eventually::PATIENCE;

/// What a frame of the server carries.
pub type Frame = Payload;
/// What came of a command.
pub type Outcome = Result<command_result::Outcome, Failure>;

type Client = v1::gateway_service_client::GatewayServiceClient<InterceptedService<Channel, Bearer>>;

/// Frames that wait to be sent; a test that sends more waits.
const UPLINK_MAX: usize = 1024;

/// A live session. Dropped, it breaks off without a word.
#[derive(Debug)]
pub struct Session {
    up: mpsc::Sender<v1::SessionRequest>,
    down: Streaming<v1::SessionResponse>,
    /// Frames that came while another one was waited for.
    kept: VecDeque<Payload>,
    last_request: u64,
    /// What the server began with.
    pub hello: v1::Hello,
}

impl Session {
    pub(super) async fn open(mut client: Client) -> anyhow::Result<Self> {
        let (up, frames) = mpsc::channel(UPLINK_MAX);
        let down = client.session(ReceiverStream::new(frames)).await?.into_inner();
        let hello = v1::Hello::default();
        let mut session = Self { up, down, kept: VecDeque::new(), last_request: 0, hello };
        match session.frame().await? {
            Payload::Hello(hello) => session.hello = hello,
            other => bail!("the first frame is {other:?}"),
        }
        Ok(session)
    }

    /// Identifies, and returns Ready.
    ///
    /// # Errors
    /// If Ready does not come.
    pub async fn identify(&mut self, subscriptions: v1::UpdateSubscriptions) -> anyhow::Result<v1::Ready> {
        let subscriptions = Some(subscriptions);
        self.tell(Command::Identify(v1::Identify { subscriptions, ..Default::default() })).await?;
        self.ready().await
    }

    /// Waits for Ready.
    ///
    /// # Errors
    /// If it does not come.
    pub async fn ready(&mut self) -> anyhow::Result<v1::Ready> {
        self.wait("Ready", |frame| match frame {
            Payload::Ready(ready) => Some(ready.clone()),
            _ => None,
        })
        .await
    }

    /// Resumes from cursors, and returns Ready; what was missed comes after it.
    ///
    /// # Errors
    /// If Ready does not come.
    pub async fn resume(&mut self, cursors: Vec<v1::Cursor>) -> anyhow::Result<v1::Ready> {
        self.tell(Command::Resume(v1::Resume { cursors, ..Default::default() })).await?;
        self.ready().await
    }

    /// Sends a command without asking for its result.
    ///
    /// # Errors
    /// If the session is over.
    pub async fn tell(&mut self, command: Command) -> anyhow::Result<()> {
        self.frame_out(v1::ClientFrame { request_id: 0, command: Some(command) }).await
    }

    /// Sends a command with the next request id, and returns that id.
    ///
    /// # Errors
    /// If the session is over.
    pub async fn send(&mut self, command: Command) -> anyhow::Result<u64> {
        self.last_request += 1;
        let request_id = self.last_request;
        self.frame_out(v1::ClientFrame { request_id, command: Some(command) }).await?;
        Ok(request_id)
    }

    /// Sends any frame.
    ///
    /// # Errors
    /// If the session is over.
    pub async fn frame_out(&mut self, frame: v1::ClientFrame) -> anyhow::Result<()> {
        let request = v1::SessionRequest { frame: Some(frame) };
        self.up.send(request).await.context("the session takes no more frames")
    }

    /// Sends a command and waits for what comes of it.
    ///
    /// # Errors
    /// If the session ends before.
    pub async fn call(&mut self, command: Command) -> anyhow::Result<Outcome> {
        let request_id = self.send(command).await?;
        self.outcome(request_id).await
    }

    /// Waits for what comes of a command.
    ///
    /// # Errors
    /// If the session ends before.
    pub async fn outcome(&mut self, request_id: u64) -> anyhow::Result<Outcome> {
        let outcome = self
            .wait("CommandResult", |frame| match frame {
                Payload::CommandResult(result) if result.request_id == request_id => Some(result.outcome.clone()),
                _ => None,
            })
            .await?;
        to_outcome(outcome)
    }

    /// Sends commands one behind the other without waiting for any, reading all the while; returns what came of them,
    /// in their order.
    ///
    /// # Errors
    /// If the session ends before.
    pub async fn pipeline(&mut self, commands: Vec<Command>) -> anyhow::Result<Vec<Outcome>> {
        let first = self.last_request + 1;
        let mut outcomes: Vec<Option<Outcome>> = commands.iter().map(|_| None).collect();
        let mut missing = outcomes.len();
        let mut commands = commands.into_iter().peekable();
        while missing > 0 {
            let up = self.up.clone();
            tokio::select! {
                room = up.reserve(), if commands.peek().is_some() => {
                    self.last_request += 1;
                    let frame = v1::ClientFrame { request_id: self.last_request, command: commands.next() };
                    room.context("the session takes no more frames")?.send(v1::SessionRequest { frame: Some(frame) });
                }
                frame = self.receive() => match frame?.context("the stream has ended")? {
                    Payload::CommandResult(result) if result.request_id >= first => {
                        let place = usize::try_from(result.request_id - first)?;
                        outcomes[place] = Some(to_outcome(result.outcome)?);
                        missing -= 1;
                    }
                    other => self.kept.push_back(other),
                },
            }
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    /// Says that the client lives and waits for the answer: everything that was under way before it has come then.
    ///
    /// # Errors
    /// If the session ends before.
    pub async fn heartbeat(&mut self, cursors: Vec<v1::Cursor>) -> anyhow::Result<v1::HeartbeatAck> {
        self.tell(Command::Heartbeat(v1::Heartbeat { cursors })).await?;
        self.wait("HeartbeatAck", |frame| match frame {
            Payload::HeartbeatAck(ack) => Some(ack.clone()),
            _ => None,
        })
        .await
    }

    /// Forgets the frames that came while others were waited for.
    pub fn forget(&mut self) {
        self.kept.clear();
    }

    /// The next frame, in the order in which they came.
    ///
    /// # Errors
    /// If the session ends, or nothing comes for long.
    pub async fn frame(&mut self) -> anyhow::Result<Payload> {
        match self.kept.pop_front() {
            Some(frame) => Ok(frame),
            None => self.receive().await?.context("the stream has ended"),
        }
    }

    /// The next frame if one comes within a time.
    ///
    /// # Errors
    /// If the session ends.
    pub async fn frame_within(&mut self, time: Duration) -> anyhow::Result<Option<Payload>> {
        tokio::time::timeout(time, self.frame()).await.ok().transpose()
    }

    /// Every frame that comes within a time, except Activity, which may come whenever a channel of one's guilds moves.
    ///
    /// # Errors
    /// If the session ends.
    pub async fn frames_for(&mut self, time: Duration) -> anyhow::Result<Vec<Payload>> {
        let end = tokio::time::Instant::now() + time;
        let mut frames = Vec::new();
        while let Ok(frame) = tokio::time::timeout_at(end, self.frame()).await {
            frames.push(frame?);
        }
        frames.retain(|frame| !matches!(frame, Payload::Activity(_)));
        Ok(frames)
    }

    /// Waits for a frame, keeping those that come before it.
    ///
    /// # Errors
    /// If the session ends, or nothing comes for long.
    pub async fn wait<T>(&mut self, what: &str, want: impl Fn(&Payload) -> Option<T>) -> anyhow::Result<T> {
        let found = self.kept.iter().enumerate().find_map(|(place, frame)| want(frame).map(|found| (place, found)));
        if let Some((place, found)) = found {
            self.kept.remove(place);
            return Ok(found);
        }
        loop {
            let frame = self.receive().await.with_context(|| format!("waiting for {what}"))?;
            let frame = frame.with_context(|| format!("the stream ended while {what} was waited for"))?;
            if let Some(found) = want(&frame) {
                return Ok(found);
            }
            self.kept.push_back(frame);
        }
    }

    /// The next durable event of a stream.
    ///
    /// # Errors
    /// If the session ends, or nothing comes for long.
    pub async fn event(&mut self, stream: impl Into<StreamKey>) -> anyhow::Result<v1::Event> {
        let stream = v1::Stream::from(stream.into());
        self.wait("an event", |frame| match frame {
            Payload::Event(event) if event.stream == Some(stream) => Some(event.clone()),
            _ => None,
        })
        .await
    }

    /// Waits for Goodbye, and for the end of the stream after it.
    ///
    /// # Errors
    /// If it does not come.
    pub async fn goodbye(&mut self) -> anyhow::Result<v1::Goodbye> {
        let goodbye = self
            .wait("Goodbye", |frame| match frame {
                Payload::Goodbye(goodbye) => Some(*goodbye),
                _ => None,
            })
            .await?;
        match self.receive().await {
            Ok(Some(frame)) => bail!("after Goodbye came {frame:?}"),
            Ok(None) | Err(_) => Ok(goodbye),
        }
    }

    async fn receive(&mut self) -> anyhow::Result<Option<Payload>> {
        let response = tokio::time::timeout(PATIENCE, self.down.message()).await.context("nothing came")??;
        let Some(response) = response else { return Ok(None) };
        let payload = response.frame.and_then(|frame| frame.payload);
        Ok(Some(payload.context("a frame without content")?))
    }
}

fn to_outcome(outcome: Option<command_result::Outcome>) -> anyhow::Result<Outcome> {
    Ok(match outcome {
        Some(command_result::Outcome::Error(status)) => Err(Failure::from_rpc_status(&status)),
        Some(other) => Ok(other),
        None => bail!("a result without outcome"),
    })
}
