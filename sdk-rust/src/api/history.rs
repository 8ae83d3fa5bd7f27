//! Reading: messages page by page or as one stream, and the changes of a stream since a cursor.

use std::collections::VecDeque;

use futures_util::stream::{self, Stream};
use guildhall_proto::ids::{ChannelId, MessageId};
use guildhall_proto::v1::list_messages_request::Anchor;
use guildhall_proto::v1::{self, history_service_client::HistoryServiceClient};

use crate::client::{Call, Client, Rpc, rpc};
use crate::cursor::Cursor;
use crate::error::Result;
use crate::event::Event;
use crate::model::{Message, required};

/// Reading; from [`Client::history`]. After a send was acknowledged, every call here shows it.
#[derive(Clone, Debug)]
pub struct History(pub(super) Client);

/// A page of messages, oldest first. Deleted ones are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessagesPage {
    /// The messages, oldest first.
    pub messages: Vec<Message>,
    /// Whether older ones exist.
    pub has_more_before: bool,
    /// Whether newer ones exist.
    pub has_more_after: bool,
    /// The channel's stream as of this page: a gateway that subscribes from here misses nothing.
    pub cursor: Option<Cursor>,
}

/// A page of changes, in order and without a hole.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChangesPage {
    /// The events.
    pub events: Vec<Event>,
    /// The position after them.
    pub cursor: Cursor,
    /// The last event of the stream.
    pub head: u64,
}

impl History {
    /// Messages of a channel: a page by `.await`, or one after the other by [`stream`](Call::stream). The newest unless
    /// an anchor is set.
    pub fn messages(&self, channel: ChannelId) -> Call<v1::ListMessagesRequest> {
        self.0.call(v1::ListMessagesRequest { channel_id: channel.0, ..Default::default() })
    }

    /// One message.
    pub fn message(&self, channel: ChannelId, id: MessageId) -> Call<v1::GetMessageRequest> {
        self.0.call(v1::GetMessageRequest { channel_id: channel.0, message_id: id.0 })
    }

    /// The events of a stream after a cursor: what a gateway would replay.
    pub fn changes(&self, after: Cursor) -> Call<v1::ListChangesRequest> {
        self.0.call(v1::ListChangesRequest { cursor: Some(after.into()), page_size: 0 })
    }
}

impl Call<v1::ListMessagesRequest> {
    /// The messages just before this one.
    pub fn before(mut self, id: MessageId) -> Self {
        self.request.anchor = Some(Anchor::Before(id.0));
        self
    }

    /// The messages just after this one; id 0 = from the beginning.
    pub fn after(mut self, id: MessageId) -> Self {
        self.request.anchor = Some(Anchor::After(id.0));
        self
    }

    /// Half of the page before this message, the message itself, and the rest after it.
    pub fn around(mut self, id: MessageId) -> Self {
        self.request.anchor = Some(Anchor::Around(id.0));
        self
    }

    /// Messages a page: 1 to 100; 50 unless set, more is cut to 100.
    pub fn page_size(mut self, size: u32) -> Self {
        self.request.page_size = i32::try_from(size).unwrap_or(i32::MAX);
        self
    }

    /// Message after message, page after page as they are read. With [`after`](Self::after) from older to newer until
    /// the newest; with [`around`](Self::around) likewise, from the first message of that page on; else from newer to
    /// older until the first. An error ends the stream.
    pub fn stream(self) -> impl Stream<Item = Result<Message>> + Send + 'static {
        let reader = Reader { next: Some(self), page: VecDeque::new() };
        stream::try_unfold(reader, |mut reader| async move {
            let message = reader.message().await?;
            Ok(message.map(|message| (message, reader)))
        })
    }
}

/// Reads a channel page by page.
struct Reader {
    next: Option<Call<v1::ListMessagesRequest>>,
    page: VecDeque<Message>,
}

impl Reader {
    async fn message(&mut self) -> Result<Option<Message>> {
        while self.page.is_empty() {
            let Some(call) = self.next.take() else {
                return Ok(None);
            };
            self.turn(call).await?;
        }
        Ok(self.page.pop_front())
    }

    async fn turn(&mut self, call: Call<v1::ListMessagesRequest>) -> Result<()> {
        let backwards = matches!(call.request().anchor, None | Some(Anchor::Before(_)));
        let page = call.clone().await?;
        let (edge, more) = if backwards {
            (page.messages.first(), page.has_more_before)
        } else {
            (page.messages.last(), page.has_more_after)
        };
        let edge = edge.map(|message| message.id).filter(|_| more);
        self.next = edge.map(|id| if backwards { call.before(id) } else { call.after(id) });
        self.page = page.messages.into();
        if backwards {
            self.page.make_contiguous().reverse();
        }
        Ok(())
    }
}

impl Call<v1::ListChangesRequest> {
    /// Events a page: 1 to 1,000; 100 unless set, more is cut to 1,000.
    pub fn page_size(mut self, size: u32) -> Self {
        self.request.page_size = i32::try_from(size).unwrap_or(i32::MAX);
        self
    }
}

impl Rpc for v1::ListMessagesRequest {
    type Answer = MessagesPage;
    rpc!("HistoryService" "ListMessages", HistoryServiceClient::list_messages -> ListMessagesResponse, repeatable: true);

    fn answer(&self, response: v1::ListMessagesResponse) -> Result<MessagesPage> {
        Ok(MessagesPage {
            messages: response.messages.into_iter().map(Into::into).collect(),
            has_more_before: response.has_more_before,
            has_more_after: response.has_more_after,
            cursor: response.cursor.as_ref().and_then(Cursor::from_wire),
        })
    }
}

impl Rpc for v1::GetMessageRequest {
    type Answer = Message;
    rpc!("HistoryService" "GetMessage", HistoryServiceClient::get_message -> GetMessageResponse, repeatable: true);

    fn answer(&self, response: v1::GetMessageResponse) -> Result<Message> {
        Ok(required(response.message, "message")?.into())
    }
}

impl Rpc for v1::ListChangesRequest {
    type Answer = ChangesPage;
    rpc!("HistoryService" "ListChanges", HistoryServiceClient::list_changes -> ListChangesResponse, repeatable: true);

    fn answer(&self, response: v1::ListChangesResponse) -> Result<ChangesPage> {
        let cursor = response.cursor.as_ref().and_then(Cursor::from_wire);
        let events = response.events.into_iter().filter_map(Event::from_wire);
        Ok(ChangesPage { events: events.collect(), cursor: required(cursor, "cursor")?, head: response.head })
    }
}
