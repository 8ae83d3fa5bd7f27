//! A line: written, and read with words for whatever is wrong with it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use guildhall_proto::{
    ids::{ChannelId, GuildId, MessageId, RoleId, UserId},
    v1::Permission,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::{access::Permissions, validate};
use super::VERSION;
use crate::store::{
    Body, Change, ChannelRow, Entry, EventRow, GuildRow, MemberRow, OverwriteRow, Record, Target, UserRow,
};

/// Nobody sees the channel. The role becomes everyone's when the guild has its id.
pub(super) const HIDDEN: OverwriteRow = OverwriteRow {
    target: Target::Role(RoleId(0)),
    allow: 0,
    deny: Permissions::of(&[Permission::ViewChannel]).bits(),
};

/// What a line says.
pub(super) enum Line {
    Guild(GuildRow),
    User(UserRow),
    Channel(ChannelRow),
    Member(MemberRow),
    /// Something that happened in the guild. It is for the reader's archive: an import makes events of its own.
    Event,
    /// An entry of a channel, and its seq.
    Entry(ChannelId, u64, Entry),
    /// So many lines were before this one.
    End(u64),
}

pub(super) fn guild(row: &GuildRow) -> Value {
    json!({"kind": "guild", "version": VERSION, "id": id(row.id), "name": row.name, "icon_url": row.icon_url,
           "owner_id": id(row.owner), "create_ms": row.create_ms})
}

/// The public profile only: no password, no status of an administrator.
pub(super) fn user(row: &UserRow) -> Value {
    json!({"kind": "user", "id": id(row.id), "username": row.username, "display_name": row.display_name,
           "avatar_url": row.avatar_url, "bot": row.bot_owner.is_some(), "create_ms": row.create_ms})
}

/// `restricted`: not everybody sees and reads it. Roles are not carried over, so an import shows it to nobody but the
/// owner, until rights are given anew.
pub(super) fn channel(row: &ChannelRow, restricted: bool) -> Value {
    json!({"kind": "channel", "id": id(row.id), "name": row.name, "channel_kind": row.kind, "position": row.position,
           "parent_id": row.parent.map(id), "topic": row.topic, "create_ms": row.create_ms,
           "slow_mode_seconds": row.slow_mode_seconds, "restricted": restricted})
}

pub(super) fn member(row: &MemberRow) -> Value {
    json!({"kind": "member", "user_id": id(row.user), "join_ms": row.join_ms})
}

/// The payload is a `guildhall.v1.Event`.
pub(super) fn event(row: &EventRow) -> Value {
    json!({"kind": "event", "seq": row.seq, "actor_id": id(row.actor), "time_ms": row.time_ms,
           "payload": STANDARD.encode(&row.payload)})
}

pub(super) fn entry(channel: ChannelId, record: &Record) -> Value {
    let mut line = json!({"kind": "entry", "channel_id": id(channel), "seq": record.seq, "actor_id": id(record.actor),
                          "time_ms": record.time_ms});
    let (what, about) = match &record.change {
        Change::Created(row) => (
            "create",
            json!({"nonce": row.nonce.to_string(), "fingerprint": row.fingerprint.map(|print| print.to_string()),
                   "content": row.content, "reply_to": row.reply_to.map(MessageId::get)}),
        ),
        Change::Edited(row) => ("edit", json!({"message_id": row.id.get(), "content": row.content})),
        Change::Deleted(message) => ("delete", json!({"message_id": message.get()})),
    };
    line[what] = about;
    line
}

pub(super) fn end(lines: u64) -> Value {
    json!({"kind": "end", "lines": lines})
}

fn id(id: impl Into<u64>) -> String {
    id.into().to_string()
}

/// Reads a line. Of what guild members and channels are, is the reader's to say.
pub(super) fn read(text: &str) -> Result<Line, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
    let Value::Object(object) = &value else { return Err("no JSON object".to_owned()) };
    let line = Fields(object);
    match line.text("kind")?.as_str() {
        "guild" => match line.number("version")? {
            VERSION => Ok(Line::Guild(guild_row(&line)?)),
            other => Err(format!("version {other} of the format is not known, only {VERSION}")),
        },
        "user" => Ok(Line::User(user_row(&line)?)),
        "channel" => Ok(Line::Channel(channel_row(&line)?)),
        "member" => {
            let (user, join_ms) = (UserId(line.id("user_id")?), line.number("join_ms")?);
            Ok(Line::Member(MemberRow::new(GuildId(0), user, join_ms)))
        }
        "event" => Ok(Line::Event),
        "entry" => Ok(Line::Entry(ChannelId(line.id("channel_id")?), line.number("seq")?, read_entry(&line)?)),
        "end" => Ok(Line::End(line.number("lines")?)),
        other => Err(format!("`{other}` is no kind of line")),
    }
}

fn guild_row(line: &Fields<'_>) -> Result<GuildRow, String> {
    let row = GuildRow {
        id: GuildId(line.id("id")?),
        name: line.text("name")?,
        icon_url: line.text("icon_url")?,
        owner: UserId(line.id("owner_id")?),
        create_ms: line.number("create_ms")?,
    };
    let rules = guildhall_proto::v1::CreateGuildRequest { name: row.name.clone(), icon_url: row.icon_url.clone() };
    validate(&rules).map_err(|error| error.to_string())?;
    Ok(row)
}

fn user_row(line: &Fields<'_>) -> Result<UserRow, String> {
    let row = UserRow {
        id: UserId(line.id("id")?),
        username: line.text("username")?,
        display_name: line.text("display_name")?,
        avatar_url: line.text("avatar_url")?,
        custom_status: String::new(),
        password_hash: None,
        bot_owner: None,
        admin: false,
        create_ms: line.number("create_ms")?,
        delete_ms: None,
    };
    let rules = guildhall_proto::v1::CreateBotRequest {
        username: row.username.clone(),
        display_name: row.display_name.clone(),
    };
    validate(&rules).map_err(|error| error.to_string())?;
    Ok(row)
}

fn channel_row(line: &Fields<'_>) -> Result<ChannelRow, String> {
    let parent = match line.0.get("parent_id") {
        None | Some(Value::Null) => None,
        Some(_) => Some(ChannelId(line.id("parent_id")?)),
    };
    let row = ChannelRow {
        id: ChannelId(line.id("id")?),
        guild: GuildId(0),
        name: line.text("name")?,
        kind: line.small("channel_kind")?,
        position: line.small("position")?,
        parent,
        topic: line.text("topic")?,
        create_ms: line.number("create_ms")?,
        overwrites: if line.flag("restricted")? { vec![HIDDEN] } else { Vec::new() },
        in_step: false,
        slow_mode_seconds: line.small("slow_mode_seconds")?,
    };
    let rules = guildhall_proto::v1::CreateChannelRequest {
        guild_id: 1,
        name: row.name.clone(),
        kind: row.kind,
        parent_id: 0,
        position: Some(row.position),
        topic: row.topic.clone(),
    };
    validate(&rules).map_err(|error| error.to_string())?;
    Ok(row)
}

fn read_entry(line: &Fields<'_>) -> Result<Entry, String> {
    let about = |name: &str| line.0.get(name).and_then(Value::as_object).map(Fields);
    let body = match (about("create"), about("edit"), about("delete")) {
        (Some(create), None, None) => read_create(&create)?,
        (None, Some(edit), None) => Body::Edit { message: edit.number("message_id")?.into(), content: edit.content()? },
        (None, None, Some(delete)) => Body::Delete { message: delete.number("message_id")?.into() },
        _ => return Err("an entry has one of `create`, `edit`, `delete`".to_owned()),
    };
    Ok(Entry { actor: UserId(line.id("actor_id")?), time_ms: line.number("time_ms")?, guild_seq: 0, body })
}

fn read_create(create: &Fields<'_>) -> Result<Body, String> {
    let nonce = create.text("nonce")?;
    let fingerprint = match create.0.get("fingerprint") {
        None | Some(Value::Null) => 0,
        Some(_) => create.id("fingerprint")?,
    };
    let reply_to = match create.0.get("reply_to") {
        None | Some(Value::Null) => None,
        Some(_) => Some(create.number("reply_to")?.into()),
    };
    Ok(Body::Create {
        nonce: Uuid::parse_str(&nonce).map_err(|_| format!("`nonce`: `{nonce}` is no UUID"))?,
        fingerprint,
        content: create.content()?,
        reply_to,
    })
}

/// The fields of an object.
struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn text(&self, name: &str) -> Result<String, String> {
        match self.0.get(name) {
            Some(Value::String(text)) if !text.contains('\0') => Ok(text.clone()),
            _ => Err(format!("`{name}` is no text without NUL")),
        }
    }

    /// Ordered numbers: 63 bits is what every engine holds.
    fn number(&self, name: &str) -> Result<u64, String> {
        let number = self.0.get(name).and_then(Value::as_u64).filter(|number| i64::try_from(*number).is_ok());
        number.ok_or_else(|| format!("`{name}` is no whole number from 0 to 2^63 - 1"))
    }

    fn flag(&self, name: &str) -> Result<bool, String> {
        self.0.get(name).and_then(Value::as_bool).ok_or_else(|| format!("`{name}` is neither true nor false"))
    }

    fn small<T: TryFrom<u64>>(&self, name: &str) -> Result<T, String> {
        T::try_from(self.number(name)?).map_err(|_| format!("`{name}` is too large"))
    }

    fn id(&self, name: &str) -> Result<u64, String> {
        let id = self.text(name)?.parse().ok().filter(|id| *id != 0);
        id.ok_or_else(|| format!("`{name}` is no id: a text of digits"))
    }

    /// The text of a message: by the rules of a send, or empty, as it is when the message was deleted.
    fn content(&self) -> Result<String, String> {
        let content = self.text("content")?;
        let rules = guildhall_proto::v1::SendMessageRequest {
            channel_id: 1,
            content: content.clone(),
            nonce: Uuid::nil().to_string(),
            reply_to: 0,
        };
        match content.is_empty() {
            true => Ok(content),
            false => validate(&rules).map(|()| content).map_err(|error| error.to_string()),
        }
    }
}
