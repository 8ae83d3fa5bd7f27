//! What a client asks of its session, frame by frame.

use std::sync::Arc;

use guildhall_proto::{
    Validate,
    ids::{ChannelId, StreamKey},
    v1::{self, GoodbyeReason, PresenceStatus, client_frame::Command, command_result::Outcome, server_frame},
};

use super::{
    Inbound,
    actor::{Actor, Flow},
    answers::Seen,
    frame,
    goodbye::Goodbye,
};
use crate::{
    chat::{self, Error},
    fanout::SessionPresence,
};

impl Actor {
    pub(super) async fn handle(&mut self, inbound: Inbound) -> Flow {
        let Inbound { frame: v1::ClientFrame { request_id, command }, reply } = inbound;
        match self.answers.expect(request_id, reply) {
            Seen::New => {}
            Seen::Before => return Flow::Continue(()),
            Seen::Stale(reply) => {
                self.refuse_stale(request_id, reply);
                return Flow::Continue(());
            }
        }
        let Some(command) = command else {
            self.tell(request_id, Err(Error::UnknownCommand));
            return Flow::Continue(());
        };
        if !self.identified() && !matches!(command, Command::Identify(_) | Command::Resume(_) | Command::Close(_)) {
            self.tell(request_id, Err(Error::NotIdentified));
            return Flow::Break(Goodbye::new(GoodbyeReason::NotIdentified));
        }
        self.dispatch(request_id, command).await
    }

    async fn dispatch(&mut self, request_id: u64, command: Command) -> Flow {
        match command {
            Command::Identify(identify) => self.begin(request_id, identify.into()).await,
            Command::Resume(resume) => self.begin(request_id, resume.into()).await,
            Command::Heartbeat(heartbeat) => self.heartbeat(request_id, heartbeat).await,
            Command::UpdateSubscriptions(update) => self.update_subscriptions(request_id, update).await,
            Command::UpdatePresence(presence) => self.update_presence(request_id, presence),
            Command::StartTyping(typing) => self.typing_starts(request_id, typing).await,
            Command::StopTyping(typing) => self.typing_stops(request_id, typing),
            Command::Close(_) => {
                self.done(request_id);
                Flow::Break(Goodbye::new(GoodbyeReason::Closed))
            }
            Command::SendMessage(request) => self.send_message(request_id, request).await,
            Command::EditMessage(request) => self.edit_message(request_id, request).await,
            Command::DeleteMessage(request) => self.delete_message(request_id, request).await,
        }
    }

    pub(super) fn done(&mut self, request_id: u64) {
        self.tell(request_id, Ok(Outcome::Done(v1::Done {})));
    }

    /// Tells the violations of a command, if it has any.
    pub(super) fn valid(&mut self, request_id: u64, command: &impl Validate) -> bool {
        let Err(violations) = command.validate() else { return true };
        self.tell(request_id, Err(Error::from(violations)));
        false
    }

    fn refuse_stale(&mut self, request_id: u64, reply: super::answers::Reply) {
        let error = Error::field("request_id", "request_id.rising", "must be higher than all before it");
        let outcome = Some(Outcome::Error(crate::error::rpc_status(error)));
        let result = v1::CommandResult { request_id, outcome };
        match reply {
            Some(reply) => drop(reply.send(result)),
            None => self.outbox.push(frame::result(result)),
        }
    }

    async fn heartbeat(&mut self, request_id: u64, heartbeat: v1::Heartbeat) -> Flow {
        if !self.valid(request_id, &heartbeat) {
            return Flow::Continue(());
        }
        let moved = heartbeat.cursors.into_iter().filter_map(|cursor| {
            let stream = StreamKey::try_from(cursor.stream?).ok()?;
            let head = self.outbox.head(stream).filter(|head| *head > cursor.seq)?;
            Some(v1::Cursor { seq: head, ..cursor })
        });
        let ack = v1::HeartbeatAck { heads: moved.collect() };
        self.outbox.push(frame::encode(server_frame::Payload::HeartbeatAck(ack)));
        self.done(request_id);
        self.revalidate().await
    }

    /// Whether the token is still good. A storage that does not answer ends nobody's session.
    pub(super) async fn revalidate(&mut self) -> Flow {
        match self.shared.chat.revalidate(&self.caller).await {
            Err(Error::Unauthenticated(_)) => Flow::Break(Goodbye::new(GoodbyeReason::AuthExpired)),
            Ok(_) | Err(_) => Flow::Continue(()),
        }
    }

    fn update_presence(&mut self, request_id: u64, update: v1::UpdatePresence) -> Flow {
        if self.valid(request_id, &update) {
            self.status = Some(update.status());
            if let Some(custom_status) = update.custom_status {
                self.custom_status = custom_status;
            }
            if self.status == Some(PresenceStatus::Invisible) {
                self.stop_all_typing();
            }
            self.show_presence();
            self.done(request_id);
        }
        Flow::Continue(())
    }

    pub(super) fn show_presence(&self) {
        let Some(status) = self.status else { return };
        let presence = SessionPresence { status, custom_status: self.custom_status.clone() };
        let guilds = self.guilds.keys().copied().collect();
        self.shared.presences.set(self.caller.user, self.id, presence, guilds);
    }

    async fn typing_starts(&mut self, request_id: u64, typing: v1::StartTyping) -> Flow {
        if !self.valid(request_id, &typing) {
            return Flow::Continue(());
        }
        let channel = ChannelId::from(typing.channel_id);
        match self.shared.chat.typing_in(&self.caller, channel).await {
            Ok(guild) => {
                if self.shared.chat.may_show_typing(&self.caller).await {
                    self.start_typing(channel, guild);
                }
                self.done(request_id);
            }
            Err(error) => self.tell(request_id, Err(error)),
        }
        Flow::Continue(())
    }

    fn typing_stops(&mut self, request_id: u64, typing: v1::StopTyping) -> Flow {
        if self.valid(request_id, &typing) {
            self.stop_typing(ChannelId::from(typing.channel_id));
            self.done(request_id);
        }
        Flow::Continue(())
    }

    async fn send_message(&mut self, request_id: u64, request: v1::SendMessageRequest) -> Flow {
        let chat = Arc::clone(&self.shared.chat);
        let channel = ChannelId::from(request.channel_id);
        match chat.submit_send(&self.caller, request).await {
            Ok(pending) => {
                self.forget_typing(channel);
                self.await_outcome(request_id, async { pending.wait().await.map(Outcome::SendMessage) });
            }
            Err(error) => self.tell(request_id, Err(error)),
        }
        Flow::Continue(())
    }

    async fn edit_message(&mut self, request_id: u64, request: v1::EditMessageRequest) -> Flow {
        let chat = Arc::clone(&self.shared.chat);
        match chat.submit_edit(&self.caller, request).await {
            Ok(pending) => self.await_outcome(request_id, async { pending.wait().await.map(Outcome::EditMessage) }),
            Err(error) => self.tell(request_id, Err(error)),
        }
        Flow::Continue(())
    }

    async fn delete_message(&mut self, request_id: u64, request: v1::DeleteMessageRequest) -> Flow {
        let chat = Arc::clone(&self.shared.chat);
        match chat.submit_delete(&self.caller, request).await {
            Ok(pending) => {
                self.await_outcome(request_id, async move { pending.wait(&chat).await.map(Outcome::DeleteMessage) })
            }
            Err(error) => self.tell(request_id, Err(error)),
        }
        Flow::Continue(())
    }

    /// The command has its place in the channel's queue; its outcome is told when it is there.
    fn await_outcome(
        &mut self,
        request_id: u64,
        outcome: impl Future<Output = Result<Outcome, chat::Error>> + Send + 'static,
    ) {
        self.in_flight.push(Box::pin(async move { (request_id, outcome.await) }));
    }
}
