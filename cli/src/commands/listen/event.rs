//! An event in the forms in which it is handed on: JSON, text, and variables for a program.

use guildhall::{ChannelState, Cursor, Event, Nonce, StreamKey};
use guildhall_proto::v1;
use guildhall_proto::v1::event::Payload;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::Format;
use crate::commands::history::{content_line, text_line};
use crate::fault::{Fault, Result};
use crate::output::Record;

/// Something that happened.
#[derive(Clone, Debug, Default)]
pub(super) struct Happening {
    /// Its kind.
    pub(super) name: &'static str,
    /// The stream it stands in, if it stands in one.
    pub(super) stream: Option<v1::Stream>,
    /// Its position.
    pub(super) cursor: Option<Cursor>,
    /// A durable event as the wire has it.
    pub(super) wire: Option<v1::Event>,
    /// Who we are, as the beginning of a session tells.
    pub(super) me: Option<u64>,
    /// What there is to say of an event that is not durable.
    pub(super) passing: Value,
    pub(super) reply_nonce: Option<Nonce>,
}

/// A durable event as JSON: the one of the protos with its kind in front and its resume token behind.
#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    #[serde(flatten, serialize_with = "as_in_protos")]
    record: &'a Record,
    #[serde(skip_serializing_if = "Option::is_none")]
    resume_token: Option<String>,
}

fn as_in_protos<S: Serializer>(record: &&Record, serializer: S) -> Result<S::Ok, S::Error> {
    record.serialize(serializer)
}

impl Happening {
    pub(super) fn new(event: Event) -> Self {
        let wire = event.to_wire();
        let stream = match &event {
            Event::Gap(gap) => Some(gap.stream.into()),
            _ => wire.as_ref().and_then(|wire| wire.stream),
        };
        let me = match &event {
            Event::Ready(ready) => Some(ready.me.id.0),
            _ => None,
        };
        Self {
            name: event.name(),
            stream,
            cursor: event.cursor(),
            me,
            passing: passing(&event),
            reply_nonce: event.reply_nonce(),
            wire,
        }
    }

    /// One line of JSON, without its line break.
    pub(super) fn json(&self) -> Result<String> {
        let resume_token = self.cursor.map(|cursor| cursor.to_string());
        let Some(wire) = &self.wire else {
            let mut json = json!({"event": self.name, self.name: self.passing});
            if let Some(token) = resume_token {
                json["resume_token"] = token.into();
            }
            return Ok(json.to_string());
        };
        let record = Record::new("Event", wire)?;
        let line = Line { event: self.name, record: &record, resume_token };
        serde_json::to_string(&line).map_err(|error| Fault::local(error.to_string()))
    }

    /// The line of a format; `None` if it has nothing to say in it.
    pub(super) fn line(&self, format: Format) -> Result<Option<String>> {
        Ok(match format {
            Format::Json => Some(self.json()?),
            Format::Text => Some(self.text()),
            Format::Content => self.new_message().map(content_line),
        })
    }

    fn text(&self) -> String {
        let stream = self.stream.and_then(|stream| StreamKey::try_from(stream).ok());
        let stream = stream.map_or_else(String::new, |stream| format!("{stream}  "));
        if let Some(message) = self.new_message() {
            return format!("{stream}{}", text_line(message));
        }
        let Some(wire) = &self.wire else {
            return format!("{stream}{}  {}", self.name, self.passing);
        };
        let time = wire.create_time.map_or_else(String::new, |time| time.to_string());
        format!("{stream}{}  {time}  {} by {}", wire.seq, self.name, wire.actor_id)
    }

    /// A message that is there; a deleted one has nothing to show.
    fn new_message(&self) -> Option<&v1::Message> {
        let Some(Payload::MessageCreated(created)) = self.payload() else {
            return None;
        };
        created.message.as_ref().filter(|message| message.delete_time.is_none())
    }

    fn message(&self) -> Option<&v1::Message> {
        match self.payload()? {
            Payload::MessageCreated(created) => created.message.as_ref(),
            Payload::MessageUpdated(updated) => updated.message.as_ref(),
            _ => None,
        }
    }

    fn payload(&self) -> Option<&Payload> {
        self.wire.as_ref()?.payload.as_ref()
    }

    /// What a program finds in its environment. A variable without a value is left out, so none is stale.
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        let mut found = vec![("GUILDHALL_EVENT", self.name.to_owned())];
        let mut add = |name, value: Option<String>| found.extend(value.map(|value| (name, value)));
        add("GUILDHALL_RESUME_TOKEN", self.cursor.map(|cursor| cursor.to_string()));
        add("GUILDHALL_REPLY_NONCE", self.reply_nonce.map(|nonce| nonce.to_string()));
        let message = self.message();
        let author = message.and_then(|message| message.author.as_ref());
        add("GUILDHALL_GUILD_ID", self.id_of(v1::StreamKind::Guild).or(message.map(|it| it.guild_id.to_string())));
        add("GUILDHALL_CHANNEL_ID", self.id_of(v1::StreamKind::Channel));
        add("GUILDHALL_MESSAGE_ID", self.message_id().map(|id| id.to_string()));
        add("GUILDHALL_AUTHOR", author.map(|author| author.username.clone()));
        add("GUILDHALL_AUTHOR_ID", author.map(|author| author.id.to_string()));
        add("GUILDHALL_CONTENT", message.map(|message| message.content.clone()));
        found
    }

    fn id_of(&self, kind: v1::StreamKind) -> Option<String> {
        let stream = self.stream.filter(|stream| stream.kind == i32::from(kind));
        stream.map(|stream| stream.id.to_string())
    }

    fn message_id(&self) -> Option<u64> {
        match self.payload()? {
            Payload::MessageDeleted(deleted) => Some(deleted.message_id),
            _ => self.message().map(|message| message.id),
        }
    }
}

/// Every variable that [`Happening::variables`] may set.
pub(super) const VARIABLES: [&str; 9] = [
    "GUILDHALL_EVENT",
    "GUILDHALL_RESUME_TOKEN",
    "GUILDHALL_REPLY_NONCE",
    "GUILDHALL_GUILD_ID",
    "GUILDHALL_CHANNEL_ID",
    "GUILDHALL_MESSAGE_ID",
    "GUILDHALL_AUTHOR",
    "GUILDHALL_AUTHOR_ID",
    "GUILDHALL_CONTENT",
];

/// What there is to say of an event that is not durable, in the form the protos would give it.
fn passing(event: &Event) -> Value {
    match event {
        Event::TypingStarted(typing) | Event::TypingStopped(typing) => {
            json!({"channel_id": typing.channel_id.to_string(), "user_id": typing.user_id.to_string()})
        }
        Event::Presence(presence) => json!({
            "user_id": presence.user_id.to_string(),
            "status": presence.status.as_str_name(),
            "custom_status": presence.custom_status,
        }),
        Event::Activity(activity) => {
            let channels: Vec<_> = activity.channels.iter().map(channel_activity).collect();
            json!({"guild_id": activity.guild_id.to_string(), "channels": channels})
        }
        Event::Gap(gap) => json!({
            "stream": {"kind": v1::Stream::from(gap.stream).kind().as_str_name(), "id": gap.stream.id.to_string()},
            "reason": gap.reason.as_str_name(),
        }),
        _ => Value::Null,
    }
}

fn channel_activity(channel: &ChannelState) -> Value {
    json!({"channel_id": channel.channel_id.to_string(), "seq": channel.seq.to_string()})
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
