//! Live sessions: one actor each, between the client's frames and the rest of the server.
//!
//! A session hears the streams of its user and guilds, watches channels, and answers commands. Its outbox merges the
//! hub's events with the log; nothing in here decides who may do what (see `chat`), and nothing in here knows gRPC.

mod actor;
mod answers;
mod blocks;
mod commands;
pub mod frame;
mod goodbye;
mod identify;
mod merge;
mod outbox;
mod pull;
mod registry;
mod stream;
mod subscribe;
#[cfg(test)]
mod tests;
mod typing;
mod watch;

use std::time::Duration;

use guildhall_proto::v1;
use tokio::sync::oneshot;

pub use registry::{PushError, Sessions};
pub use stream::Frames;

/// Streams that one session may watch.
const STREAMS_MAX: usize = 1_000;
/// Sends that one session may have unanswered; further frames are not read until one is answered.
const SENDS_IN_FLIGHT_MAX: usize = 16;
/// The largest frame that a client may send, in bytes.
pub const FRAME_BYTES_MAX: usize = 64 << 10;
/// Events that a client may be behind when it resumes; beyond, loading a page is cheaper than a replay.
const RESUME_EVENTS_MAX: u64 = 1_000;

/// How sessions behave.
#[derive(Clone, Copy, Debug)]
pub struct SessionConfig {
    /// How often clients send a heartbeat. Two missed ones end a session.
    pub heartbeat: Duration,
    /// How long a client may take to identify.
    pub identify_timeout: Duration,
    /// Sessions of one person at once; bots may have twenty times as many.
    pub sessions_per_user_max: usize,
    /// With what the ids of sessions begin, if there are other nodes: by it they know whose a session is.
    pub node: Option<u64>,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(30),
            identify_timeout: Duration::from_secs(10),
            sessions_per_user_max: 20,
            node: None,
        }
    }
}

/// One frame of a client, and who waits for its result beside the downlink.
pub struct Inbound {
    /// The frame.
    pub frame: v1::ClientFrame,
    /// Of a Push: its results are inline.
    pub reply: Option<oneshot::Sender<v1::CommandResult>>,
}

/// Why no more frames come from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The client sent what is not a frame, or one that is too large.
    Malformed,
    /// The connection is gone; nothing can be concluded from it.
    Disconnected,
}
