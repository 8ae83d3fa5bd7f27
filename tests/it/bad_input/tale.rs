//! What happens to a session that is told something, in words: each result, each Resync, and how it ends.

use bytes::Bytes;
use guildhall_proto::Failure;
use guildhall_proto::v1::{self, client_frame::Command, command_result::Outcome, server_frame::Payload};
use prost::Message;

use super::raw::{RawSession, framed};
use super::scene::{Person, Scene};
use super::words;

/// One thing to say.
pub(super) enum Say {
    /// A command under the next request id.
    Ask(Command),
    /// A command that wants no answer.
    Tell(Command),
    /// A frame as it is.
    Frame(v1::ClientFrame),
    /// Bytes in the place of a `SessionRequest`.
    Bytes(Vec<u8>),
    /// Bytes in the place of gRPC's frame.
    Framed(Bytes),
}

/// A plain beginning.
pub(super) fn identify() -> Say {
    Say::Ask(Command::Identify(v1::Identify::default()))
}

/// The tale of a session of somebody's who says all this without waiting for answers, and then closes it. A session that
/// is still there to be closed "goes on".
pub(super) async fn tale(scene: &Scene, person: &Person, says: Vec<Say>) -> String {
    let mut raw = scene.raw(person).await;
    match raw.session().await {
        Ok(session) => tell(session, says).await,
        Err(refused) => refused,
    }
}

async fn tell(mut session: RawSession, says: Vec<Say>) -> String {
    for (request_id, say) in (1..).zip(says) {
        match say {
            Say::Ask(command) => session.frame(v1::ClientFrame { request_id, command: Some(command) }).await,
            Say::Tell(command) => session.frame(v1::ClientFrame { request_id: 0, command: Some(command) }).await,
            Say::Frame(frame) => session.frame(frame).await,
            Say::Bytes(bytes) => session.bytes(framed(bytes)).await,
            Say::Framed(bytes) => session.bytes(bytes).await,
        }
    }
    let close = Some(Command::Close(v1::Close {}));
    session.frame(v1::ClientFrame { request_id: 0, command: close }).await;
    let mut words = Vec::new();
    while let Some(payload) = session.next().await {
        words.extend(word(payload));
    }
    words.join(", ")
}

fn word(payload: Payload) -> Option<String> {
    Some(match payload {
        Payload::Ready(_) => "Ready".to_owned(),
        Payload::Resync(resync) => words::of_resync(&resync),
        Payload::CommandResult(result) => match result.outcome? {
            Outcome::Error(status) => words::of_failure(&Failure::from_rpc_status(&status)),
            Outcome::SubscriptionsUpdated(updated) => subscriptions(&updated),
            // What was done is told by what it did.
            _ => return None,
        },
        Payload::Goodbye(goodbye) if goodbye.reason() == v1::GoodbyeReason::Closed => "goes on".to_owned(),
        Payload::Goodbye(goodbye) => words::of_goodbye(&goodbye),
        _ => return None,
    })
}

fn subscriptions(updated: &v1::SubscriptionsUpdated) -> String {
    let refused = [&updated.refused_channels, &updated.refused_guilds, &updated.refused_users].map(Vec::len);
    format!("{} watched, {refused:?} refused", updated.cursors.len())
}

/// A field of a message: its number, and the bytes in it.
pub(super) fn field(number: u32, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let mut field = Vec::new();
    // A key and a length are varints, both of them.
    prost::encode_length_delimiter(number as usize * 8 + 2, &mut field).unwrap();
    prost::encode_length_delimiter(bytes.len(), &mut field).unwrap();
    field.extend(bytes);
    field
}

/// `SessionRequest{frame: ClientFrame{request_id, ..}}` with these bytes as the rest of the frame.
pub(super) fn request_with(request_id: u64, rest: impl AsRef<[u8]>) -> Vec<u8> {
    let mut frame = v1::ClientFrame { request_id, command: None }.encode_to_vec();
    frame.extend(rest.as_ref());
    field(1, frame)
}
