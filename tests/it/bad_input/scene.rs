//! Where the bad input goes: a server, people, channels, and short ways to say something to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use guildhall::{ChannelId, ChannelKind, GuildId};
use guildhall_proto::v1::{self, client_frame::Command};
use guildhall_tests::deployment::Builder;
use guildhall_tests::wire::{Wire, nonce, send_command};
use guildhall_tests::{Deployment, Guild, User};

use super::neighbour::Neighbour;
use super::raw::Raw;
use super::words;

/// Somebody with a connection.
pub(super) struct Person {
    pub(super) user: User,
    pub(super) wire: Wire,
}

/// One server and who is on it.
pub(super) struct Scene {
    pub(super) deployment: Deployment,
    /// Owns the guild.
    pub(super) ann: Person,
    /// A member.
    pub(super) bob: Person,
    /// No member; owns a guild of her own.
    pub(super) cleo: Person,
    pub(super) guild: Guild,
    /// The channel that the neighbour watches: the guild's first.
    pub(super) watched: ChannelId,
    /// A channel for what a row has to prepare.
    pub(super) side: ChannelId,
    /// A channel of 120 messages that nobody writes to.
    pub(super) long: ChannelId,
    pub(super) elsewhere: Guild,
    names: AtomicUsize,
}

impl Scene {
    /// A server with everybody on it, and the neighbour's session.
    pub(super) async fn begin(builder: Builder) -> (Arc<Self>, Neighbour) {
        let deployment = builder.start().await;
        let ann = person(&deployment, "ann").await;
        let bob = person(&deployment, "bob").await;
        let cleo = person(&deployment, "cleo").await;
        let nora = person(&deployment, "nora").await;
        let guild = deployment.guild(&ann.user, &[&bob.user, &nora.user]).await;
        let elsewhere = deployment.guild(&cleo.user, &[]).await;
        let channels = ann.user.client.channels();
        let side = channels.create(guild.id, "side", ChannelKind::Text).await.unwrap().id;
        let long = channels.create(guild.id, "long", ChannelKind::Text).await.unwrap().id;
        fill(&ann.wire, long).await;
        let neighbour = Neighbour::begin(&nora.wire, guild.channel).await.unwrap();
        let watched = guild.channel;
        let names = AtomicUsize::new(0);
        (Arc::new(Self { deployment, ann, bob, cleo, guild, watched, side, long, elsewhere, names }), neighbour)
    }

    /// Somebody new.
    pub(super) async fn stranger(&self) -> Person {
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        person(&self.deployment, &format!("stranger{number}")).await
    }

    /// A new guild of somebody new.
    pub(super) async fn other_guild(&self) -> (Person, Guild) {
        let owner = self.stranger().await;
        let guild = self.deployment.guild(&owner.user, &[]).await;
        (owner, guild)
    }

    /// A channel of the guild of this kind.
    pub(super) async fn channel(&self, name: &str, kind: ChannelKind) -> ChannelId {
        self.ann.user.client.channels().create(self.guild.id, name, kind).await.unwrap().id
    }

    /// A message of ann's in a channel.
    pub(super) async fn message(&self, channel: ChannelId) -> u64 {
        self.ann.user.client.messages().send(channel, "a message").await.unwrap().message_id.get()
    }

    /// A message of ann's in a channel that was deleted again.
    pub(super) async fn deleted(&self, channel: ChannelId) -> u64 {
        let id = self.message(channel).await;
        self.ann.user.client.messages().delete(channel, id.into()).await.unwrap();
        id
    }

    /// Bytes as somebody, unchecked, to the node that they are at.
    pub(super) async fn raw(&self, person: &Person) -> Raw {
        Raw::connect(person.wire.url(), Some(format!("Bearer {}", person.user.token).as_bytes())).await
    }

    /// How far a channel is.
    pub(super) async fn head(&self, channel: ChannelId) -> u64 {
        let page = self.ann.user.client.history().messages(channel).await.unwrap();
        page.cursor.map_or(0, |cursor| cursor.seq)
    }

    /// The id of the guild, as it is on the wire.
    pub(super) fn guild_id(&self) -> u64 {
        GuildId::get(self.guild.id)
    }
}

async fn fill(wire: &Wire, channel: ChannelId) {
    let mut session = wire.watching(&[]).await.unwrap();
    let sends = (0..120).map(|number| send_command(channel, &number.to_string(), &nonce()));
    assert!(session.pipeline(sends.collect()).await.unwrap().iter().all(Result::is_ok));
}

/// Somebody of this name.
pub(super) async fn person(deployment: &Deployment, name: &str) -> Person {
    let user = deployment.user(name).await;
    let wire = deployment.wire(&user).await;
    Person { user, wire }
}

/// A message with a new nonce.
pub(super) fn message(channel: ChannelId, content: impl Into<String>) -> v1::SendMessageRequest {
    let content = content.into();
    v1::SendMessageRequest { channel_id: channel.get(), content, nonce: nonce(), reply_to: 0 }
}

impl Person {
    /// Sends a message, by call and then by frame: both have to end alike. A message that was stored is not sent twice.
    pub(super) async fn send(&self, request: v1::SendMessageRequest) -> String {
        let answer = self.wire.messages().send_message(request.clone()).await;
        if answer.is_ok() {
            return words::of_call(answer, |sent| if sent.duplicate { "duplicate".into() } else { "stored".into() });
        }
        let by_call = words::of_call(answer, |_| String::new());
        self.same(by_call, Command::SendMessage(request)).await
    }

    /// Edits likewise.
    pub(super) async fn edit(&self, request: v1::EditMessageRequest) -> String {
        let answer = self.wire.messages().edit_message(request.clone()).await;
        if answer.is_ok() {
            return "edited".to_owned();
        }
        let by_call = words::of_call(answer, |_| String::new());
        self.same(by_call, Command::EditMessage(request)).await
    }

    /// Deletes likewise.
    pub(super) async fn delete(&self, channel: ChannelId, message_id: u64) -> String {
        let request = v1::DeleteMessageRequest { channel_id: channel.get(), message_id };
        let answer = self.wire.messages().delete_message(request).await;
        if answer.is_ok() {
            return "deleted".to_owned();
        }
        let by_call = words::of_call(answer, |_| String::new());
        self.same(by_call, Command::DeleteMessage(request)).await
    }

    async fn same(&self, by_call: String, command: Command) -> String {
        let mut session = self.wire.watching(&[]).await.unwrap();
        let by_frame = match session.call(command).await.unwrap() {
            Ok(outcome) => format!("{outcome:?}"),
            Err(failure) => words::of_failure(&failure),
        };
        if by_frame == by_call { by_call } else { format!("by call: {by_call}; by frame: {by_frame}") }
    }
}
