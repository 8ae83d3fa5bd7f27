//! A message of the contract as something that can be shown: as protobuf JSON, or field by field as text. Everything is
//! read from the embedded descriptors, so a new field needs no new code here.

use std::sync::LazyLock;

use guildhall_proto::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, EnumDescriptor, Kind, ReflectMessage, SerializeOptions, Value};

use super::plain::printable;
use crate::fault::{Fault, Result};

/// The contract.
pub(crate) fn pool() -> &'static DescriptorPool {
    static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
        DescriptorPool::decode(FILE_DESCRIPTOR_SET)
            .unwrap_or_else(|error| unreachable!("the embedded descriptors are made by the build: {error}"))
    });
    &POOL
}

/// One message of the contract.
#[derive(Clone, Debug)]
pub(crate) struct Record(DynamicMessage);

impl From<DynamicMessage> for Record {
    fn from(message: DynamicMessage) -> Self {
        Self(message)
    }
}

impl Record {
    /// Takes a message by its name in `guildhall.v1`.
    pub(crate) fn new(name: &str, message: &impl Message) -> Result<Self> {
        let descriptor = pool()
            .get_message_by_name(&format!("guildhall.v1.{name}"))
            .ok_or_else(|| Fault::local(format!("no message {name} in the contract")))?;
        let decoded = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice());
        decoded.map(Self).map_err(|error| Fault::local(error.to_string()))
    }

    /// Takes several of one kind.
    pub(crate) fn all<M: Message>(name: &str, messages: &[M]) -> Result<Vec<Self>> {
        messages.iter().map(|message| Self::new(name, message)).collect()
    }

    /// As protobuf JSON on one line: names as in the protos, 64-bit numbers as strings, every field that has no
    /// presence of its own.
    pub(crate) fn json(&self) -> Result<String> {
        let mut bytes = Vec::with_capacity(256);
        self.serialize(&mut serde_json::Serializer::new(&mut bytes))
            .map_err(|error| Fault::local(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| Fault::local(error.to_string()))
    }

    /// The same into any serializer.
    pub(crate) fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let options = SerializeOptions::new().use_proto_field_name(true).skip_default_fields(false);
        self.0.serialize_with_options(serializer, &options)
    }

    /// A field as text for people, by a path such as `user.username`; empty if it is not set.
    pub(crate) fn text(&self, path: &str) -> String {
        let mut message = self.0.clone();
        let mut names = path.split('.').peekable();
        while let Some(name) = names.next() {
            let Some(field) = message.descriptor().get_field_by_name(name) else {
                return String::new();
            };
            if field.supports_presence() && !message.has_field(&field) {
                return String::new();
            }
            let value = message.get_field(&field).into_owned();
            match value {
                Value::Message(inner) if names.peek().is_some() => message = inner,
                value => return text_of(&value, &field.kind()),
            }
        }
        String::new()
    }
}

fn text_of(value: &Value, kind: &Kind) -> String {
    match (value, kind) {
        (Value::String(text), _) => printable(text),
        (Value::Bool(yes), _) => if *yes { "yes" } else { "no" }.to_owned(),
        (Value::EnumNumber(number), Kind::Enum(descriptor)) => enum_text(descriptor, *number),
        // Ids of which 0 means none.
        (Value::U64(0), _) => String::new(),
        (Value::U64(number), _) => number.to_string(),
        (Value::U32(number), _) => number.to_string(),
        (Value::Message(message), _) => message_text(message),
        (other, _) => printable(&other.to_string()),
    }
}

/// A point in time as RFC 3339; anything else as its JSON.
fn message_text(message: &DynamicMessage) -> String {
    let json = serde_json::to_value(message).unwrap_or_default();
    json.as_str().map_or_else(|| printable(&json.to_string()), str::to_owned)
}

/// `text` for CHANNEL_KIND_TEXT: the words that tell a value from the others of its kind.
fn enum_text(descriptor: &EnumDescriptor, number: i32) -> String {
    let zero = descriptor.default_value();
    let prefix = zero.name().trim_end_matches("UNSPECIFIED");
    match descriptor.get_value(number) {
        Some(value) => value.name().trim_start_matches(prefix).to_lowercase(),
        None => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_proto::v1;

    fn channel() -> Record {
        let channel = v1::Channel {
            id: u64::MAX,
            guild_id: 7,
            name: "general".to_owned(),
            kind: v1::ChannelKind::Text.into(),
            topic: "a\u{1b}b".to_owned(),
            create_time: Some(prost_types::Timestamp { seconds: 1_800_000_000, nanos: 5_000_000 }),
            ..v1::Channel::default()
        };
        Record::new("Channel", &channel).unwrap()
    }

    #[test]
    fn json_is_that_of_the_protos() {
        assert_eq!(
            channel().json().unwrap(),
            concat!(
                r#"{"id":"18446744073709551615","guild_id":"7","name":"general","kind":"CHANNEL_KIND_TEXT","#,
                r#""position":0,"parent_id":"0","topic":"a\u001bb","create_time":"2027-01-15T08:00:00.005Z","#,
                r#""overwrites":[],"in_step":false,"slow_mode_seconds":0}"#
            )
        );
    }

    #[test]
    fn fields_are_shown_as_text() {
        let channel = channel();
        assert_eq!(channel.text("id"), u64::MAX.to_string());
        assert_eq!(channel.text("kind"), "text");
        assert_eq!(channel.text("parent_id"), "");
        assert_eq!(channel.text("topic"), "a\\u{1b}b");
        assert_eq!(channel.text("create_time"), "2027-01-15T08:00:00.005Z");
        assert_eq!(channel.text("nothing"), "");
    }

    #[test]
    fn paths_lead_into_messages() {
        let user = v1::User { username: "ada".to_owned(), bot: true, ..v1::User::default() };
        let member =
            Record::new("Member", &v1::Member { guild_id: 1, user: Some(user), ..v1::Member::default() }).unwrap();
        assert_eq!(member.text("user.username"), "ada");
        assert_eq!(member.text("user.bot"), "yes");
        assert_eq!(member.text("join_time"), "");
        assert_eq!(Record::new("Member", &v1::Member::default()).unwrap().text("user.username"), "");
    }
}
