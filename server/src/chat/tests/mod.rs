//! The chat over the real engine: what is allowed, what follows, what is told.

mod accounts;
mod channels;
mod guilds;
mod hierarchy;
mod limited;
mod messages;
mod portable;
mod relationships;
mod revocation;

use std::sync::Arc;

use guildhall_proto::{
    ids::{ChannelId, GuildId, StreamKey},
    v1::{self, event::Payload},
};
use parking_lot::Mutex;
use prost::Message as _;

use super::{Caller, Chat, Error, GuildHandle, Parts, Policy, Registration};
use crate::{
    clock::Clock,
    fanout::{Delivery, Hub, Published, Subscriber, Topic},
    limits::Mode,
    store::sqlite,
};

/// A moment in the year 2027.
const NOW_MS: u64 = 1_800_000_000_000;

struct Bench {
    chat: Arc<Chat>,
    hub: Arc<Hub>,
    clock: Clock,
    _engine: sqlite::Sqlite,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new(registration: Registration) -> Self {
        Self::with(Policy { registration, rate_limits: Mode::Off }).await
    }

    /// With rate limits.
    async fn limited() -> Self {
        Self::with(Policy { registration: Registration::Open, rate_limits: Mode::On }).await
    }

    async fn with(policy: Policy) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = sqlite::Options { path: folder.path().to_owned(), read_connections: 2 };
        let (store, engine) = sqlite::open(options).await.expect("a store");
        let (hub, clock) = (Arc::new(Hub::default()), Clock::manual(NOW_MS));
        let chat = Chat::new(Parts { store, hub: Arc::clone(&hub), clock: clock.clone(), policy });
        Self { chat, hub, clock, _engine: engine, _folder: folder }
    }

    async fn open() -> Self {
        Self::new(Registration::Open).await
    }

    async fn person(&self, username: &str) -> Caller {
        let response = self.chat.register(None, registration(username)).await.expect("registered");
        self.chat.authenticate(&response.token).await.expect("authenticated")
    }

    /// A guild of the owner, with its first channel.
    async fn guild(&self, owner: &Caller) -> (Arc<GuildHandle>, ChannelId) {
        let request = v1::CreateGuildRequest { name: "guild".into(), ..Default::default() };
        let response = self.chat.create_guild(owner, request).await.expect("made");
        let id = GuildId(response.guild.expect("a guild").id);
        let handle = self.chat.guild(id).await.expect("read").expect("there");
        (handle, ChannelId(response.channel_id))
    }

    async fn invite(&self, inviter: &Caller, guild: GuildId, max_uses: u32) -> String {
        let request = v1::CreateInviteRequest { guild_id: guild.get(), max_uses, expire_seconds: 60 };
        let response = self.chat.create_invite(inviter, request).await.expect("made");
        response.invite.expect("an invite").code
    }

    async fn join(&self, caller: &Caller, code: &str) -> Result<v1::AcceptInviteResponse, Error> {
        self.chat.accept_invite(caller, v1::AcceptInviteRequest { code: code.into() }).await
    }

    /// A member of the guild.
    async fn member(&self, username: &str, owner: &Caller, guild: GuildId) -> Caller {
        let caller = self.person(username).await;
        let code = self.invite(owner, guild, 1).await;
        self.join(&caller, &code).await.expect("joined");
        caller
    }

    /// Everything that is published to a stream from now on.
    fn listen(&self, stream: impl Into<StreamKey>) -> Arc<Heard> {
        let heard = Arc::new(Heard::default());
        self.hub.subscribe(Topic::Stream(stream.into()), 1, Arc::<Heard>::clone(&heard));
        heard
    }
}

/// Keeps the events that were published.
#[derive(Default)]
struct Heard(Mutex<Vec<v1::Event>>);

impl Subscriber for Heard {
    fn events(&self, events: &[Published]) {
        for event in events {
            let frame = v1::ServerFrame::decode(event.frame.clone()).expect("a frame");
            if let Some(v1::server_frame::Payload::Event(event)) = frame.payload {
                self.0.lock().push(event);
            }
        }
    }

    fn deliver(&self, _: &Delivery) {}
}

impl Heard {
    /// What was heard since the last call.
    fn take(&self) -> Vec<Payload> {
        self.0.lock().drain(..).filter_map(|event| event.payload).collect()
    }
}

fn registration(username: &str) -> v1::RegisterRequest {
    v1::RegisterRequest { username: username.into(), password: "correct horse".into(), ..Default::default() }
}

/// The error of a call that must fail.
fn error<T>(result: Result<T, Error>) -> Error {
    result.map(drop).expect_err("must fail")
}

macro_rules! assert_error {
    ($result:expr, $pattern:pat) => {
        let error = $crate::chat::tests::error($result);
        assert!(matches!(error, $pattern), "{error:?}");
    };
}
use assert_error;
