//! Reading: pages of messages, and streams from a cursor.

use std::sync::Arc;

use guildhall_proto::{
    ids::{ChannelId, MessageId, StreamKey, StreamKind, UserId},
    v1::{self, list_messages_request::Anchor as Asked},
};
use prost::Message as _;

use super::{
    Caller, Chat,
    access::{Action, Who, authorize},
    error::{Error, Missing, Result},
    events::{self, Place},
    pages, validate,
    views::{GuildHandle, View},
};
use crate::store::{Anchor, MessageRow, Position, Record};

const PAGE_DEFAULT: usize = 50;
const PAGE_MAX: usize = 100;
const CHANGES_DEFAULT: usize = 100;
const CHANGES_MAX: usize = 1_000;
/// A page of changes ends here: clients take 4 MiB at most, and long messages would exceed it.
const CHANGES_BYTES_MAX: usize = 2 * 1_024 * 1_024;

impl Chat {
    /// A page of messages, oldest first, without deleted ones.
    pub async fn list_messages(
        &self,
        caller: &Caller,
        request: v1::ListMessagesRequest,
    ) -> Result<v1::ListMessagesResponse> {
        validate(&request)?;
        let handle = self.channel_guild(request.channel_id).await?;
        let place = Place { guild: handle.id(), channel: ChannelId(request.channel_id) };
        self.decide(&handle, readable(caller.user, place.channel)).await?;
        let anchor = match request.anchor {
            None => Anchor::Newest,
            Some(Asked::Before(id)) => Anchor::Before(MessageId(id)),
            Some(Asked::After(id)) => Anchor::After(MessageId(id)),
            Some(Asked::Around(id)) => Anchor::Around(MessageId(id)),
        };
        let limit = pages::size(request.page_size, PAGE_DEFAULT, PAGE_MAX);
        let page = self.store.log.page(place.channel, anchor, limit).await?;
        let page = page.ok_or(Error::NotFound(Missing::Channel))?;
        self.know_rights(&handle, page.messages.iter().map(|row| row.guild_seq)).await?;
        let messages = self.shown(place, &page.messages).await?;
        // A removal in between wins.
        handle.look(readable(caller.user, place.channel))?;
        Ok(v1::ListMessagesResponse {
            messages,
            has_more_before: page.more_before,
            has_more_after: page.more_after,
            cursor: Some(events::cursor(place.channel.into(), page.position)),
        })
    }

    /// One message.
    pub async fn get_message(&self, caller: &Caller, request: v1::GetMessageRequest) -> Result<v1::GetMessageResponse> {
        validate(&request)?;
        let handle = self.channel_guild(request.channel_id).await?;
        let place = Place { guild: handle.id(), channel: ChannelId(request.channel_id) };
        self.decide(&handle, readable(caller.user, place.channel)).await?;
        let mut rows = self.store.log.messages(place.channel, &[MessageId(request.message_id)]).await?;
        rows.retain(|row| row.delete_ms.is_none());
        self.know_rights(&handle, rows.iter().map(|row| row.guild_seq)).await?;
        let message = self.shown(place, &rows).await?.pop();
        handle.look(readable(caller.user, place.channel))?;
        Ok(v1::GetMessageResponse { message: Some(message.ok_or(Error::NotFound(Missing::Message))?) })
    }

    /// What was allowed at a version of the rights that this node has not seen is shown only once it has: another node
    /// may have taken them away.
    async fn know_rights(&self, handle: &Arc<GuildHandle>, stamps: impl Iterator<Item = u64>) -> Result<()> {
        match stamps.max() {
            Some(newest) if newest > handle.position().seq => self.follow(handle).await,
            _ => Ok(()),
        }
    }

    async fn shown(&self, place: Place, rows: &[MessageRow]) -> Result<Vec<v1::Message>> {
        let ids: Vec<_> = rows.iter().map(|row| row.author).collect();
        let authors = self.people.authors(&ids).await?;
        Ok(rows.iter().filter_map(|row| Some(events::message(place, row, authors.get(&row.author)?))).collect())
    }

    /// The events of a stream after a cursor.
    pub async fn list_changes(
        &self,
        caller: &Caller,
        request: v1::ListChangesRequest,
    ) -> Result<v1::ListChangesResponse> {
        validate(&request)?;
        let cursor = request.cursor.unwrap_or_default();
        let stream = cursor.stream.and_then(|stream| StreamKey::try_from(stream).ok());
        let stream = stream.ok_or_else(|| Error::field("cursor.stream.kind", "enum.defined_only", "must be known"))?;
        self.may_follow(caller, stream).await?;
        let head = self.position(stream).await?.ok_or(hidden(stream.kind))?;
        let other_epoch = cursor.epoch != 0 && cursor.epoch != head.epoch;
        if other_epoch || cursor.seq > head.seq {
            return Err(Error::Cursor(head));
        }
        let limit = pages::size(request.page_size, CHANGES_DEFAULT, CHANGES_MAX);
        let mut events = self.read_stream(stream, cursor.seq, limit).await?;
        cut(&mut events);
        let handle = self.stream_guild(caller, stream).await?;
        if let Some(handle) = &handle {
            let own = !stream.is_channel();
            let stamps = events.iter().map(|event| if own { event.seq } else { event.guild_seq });
            self.know_rights(handle, stamps).await?;
        }
        // A removal in between wins.
        self.may_follow(caller, stream).await?;
        if let Some(handle) = handle.filter(|_| !stream.is_channel()) {
            for event in &mut events {
                if let Some(instead) = handle.shown_instead(caller.user, event) {
                    *event = instead;
                }
            }
        }
        let seq = events.last().map_or(cursor.seq, |event| event.seq);
        Ok(v1::ListChangesResponse {
            events,
            cursor: Some(events::cursor(stream, Position { seq, ..head })),
            head: head.seq.max(seq),
        })
    }

    /// The guild whose rights a stream depends on.
    async fn stream_guild(&self, caller: &Caller, stream: StreamKey) -> Result<Option<Arc<GuildHandle>>> {
        Ok(match stream.kind {
            StreamKind::Channel => Some(self.channel_guild(stream.id).await?),
            StreamKind::Guild => Some(self.my_guild(caller, stream.id).await?),
            StreamKind::User => None,
        })
    }

    /// Whether the caller may hear a stream: one's own, those of one's guilds, those of the channels one may read. The
    /// same answer for replay and live.
    pub async fn may_follow(&self, caller: &Caller, stream: StreamKey) -> Result<()> {
        match stream.kind {
            StreamKind::Channel => {
                let handle = self.channel_guild(stream.id).await?;
                self.decide(&handle, readable(caller.user, ChannelId(stream.id))).await
            }
            StreamKind::Guild => self.my_guild(caller, stream.id).await.map(drop),
            StreamKind::User if stream.id == caller.user.get() => Ok(()),
            StreamKind::User => Err(hidden(StreamKind::User)),
        }
    }

    /// Up to `limit` events after `after`, in order, without a hole. It does not ask who reads: the caller has done so,
    /// and does so again afterwards (`may_follow`), because rights may have changed meanwhile.
    pub async fn read_stream(&self, stream: StreamKey, after: u64, limit: usize) -> Result<Vec<v1::Event>> {
        let Some(Position { epoch, .. }) = self.position(stream).await? else { return Ok(Vec::new()) };
        if stream.kind == StreamKind::Channel {
            return self.read_channel(ChannelId(stream.id), epoch, after, limit).await;
        }
        let rows = self.metadata().stream_events(stream, after, limit).await?;
        Ok(rows.into_iter().map(|row| events::stream_event(stream, epoch, row)).collect())
    }

    async fn read_channel(&self, channel: ChannelId, epoch: u64, after: u64, limit: usize) -> Result<Vec<v1::Event>> {
        let Some(handle) = self.guilds.of_channel(channel).await? else { return Ok(Vec::new()) };
        let place = Place { guild: handle.id(), channel };
        let records = self.store.log.read(channel, after, limit).await?;
        let actors: Vec<_> = records.iter().map(|record: &Record| record.actor).collect();
        let authors = self.people.authors(&actors).await?;
        let shown = records.iter().filter_map(|record| {
            let author = authors.get(&record.actor)?;
            Some(events::channel_event(place, epoch, record, author))
        });
        Ok(shown.collect())
    }

    /// How far a stream is; `None`: no such stream (any more).
    pub async fn position(&self, stream: StreamKey) -> Result<Option<Position>> {
        Ok(match stream.kind {
            StreamKind::Channel => self.store.log.position(ChannelId(stream.id)).await?,
            StreamKind::Guild | StreamKind::User => self.metadata().stream_position(stream).await?,
        })
    }

    /// How far several channels are, in their order.
    pub async fn positions(&self, channels: &[ChannelId]) -> Result<Vec<Option<Position>>> {
        Ok(self.store.log.positions(channels).await?)
    }
}

fn readable(user: UserId, channel: ChannelId) -> impl Fn(&View) -> Result<()> {
    move |view| Ok(authorize(view, Who::looking(user), Action::ReadHistory(channel)).map(drop)?)
}

fn hidden(kind: StreamKind) -> Error {
    Error::NotFound(match kind {
        StreamKind::Channel => Missing::Channel,
        StreamKind::Guild => Missing::Guild,
        StreamKind::User => Missing::User,
    })
}

/// Ends a page of events before it is too large to be taken; at least one stays.
fn cut(events: &mut Vec<v1::Event>) {
    let mut bytes = 0;
    let fits = events.iter().take_while(|event| {
        bytes += event.encoded_len();
        bytes <= CHANGES_BYTES_MAX
    });
    let fits = fits.count().max(1);
    events.truncate(fits);
}
