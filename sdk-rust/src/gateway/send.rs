//! Sending through a gateway: what is sent is kept until it is settled, whatever happens to the connection.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use guildhall_proto::Validate;
use guildhall_proto::ids::{ChannelId, MessageId};
use guildhall_proto::v1::{ErrorReason, SendMessageRequest};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::api::Sent;
use crate::error::{Error, Result};
use crate::event::Durable;
use crate::gateway::Gateway;
use crate::model::Message;
use crate::nonce::Nonce;

/// A message to be sent: `.await` it, or [`enqueue`](Self::enqueue) it.
#[derive(Clone, Debug)]
#[must_use = "a message is sent by awaiting it"]
pub struct Outgoing {
    gateway: Gateway,
    request: SendMessageRequest,
}

impl Outgoing {
    pub(super) fn new(gateway: Gateway, channel: ChannelId, content: String) -> Self {
        let request =
            SendMessageRequest { channel_id: channel.0, content, nonce: Nonce::random().to_string(), reply_to: 0 };
        Self { gateway, request }
    }

    /// The message of the same channel that this one answers.
    pub fn reply_to(mut self, id: MessageId) -> Self {
        self.request.reply_to = id.0;
        self
    }

    /// The nonce; a new one unless set.
    pub fn nonce(mut self, nonce: Nonce) -> Self {
        self.request.nonce = nonce.to_string();
        self
    }

    /// Puts the message into the queue at once. The messages of one channel go out in the order of these calls.
    ///
    /// Limits that it breaks and a queue that is full are told by the receipt.
    pub fn enqueue(self) -> Receipt {
        let slot = self.gateway.shared().slot();
        self.enqueue_in(slot)
    }

    /// Puts the message into the queue, waiting for room if it is full.
    pub async fn enqueue_when_free(self) -> Receipt {
        let slot = self.gateway.shared().slot_when_free().await;
        self.enqueue_in(slot)
    }

    fn enqueue_in(self, slot: Result<OwnedSemaphorePermit>) -> Receipt {
        let nonce = self.request.nonce.clone();
        let shared = self.gateway.shared();
        let valid = self.request.validate().map_err(Error::from);
        let queued = valid.and(slot).and_then(|slot| shared.push(self.request, slot));
        Receipt {
            nonce,
            outcome: match queued {
                Ok(answer) => Outcome::Awaited(answer),
                Err(error) => Outcome::Refused(Some(error)),
            },
            _gateway: self.gateway,
        }
    }
}

impl IntoFuture for Outgoing {
    type Output = Result<Sent>;
    type IntoFuture = Receipt;

    fn into_future(self) -> Receipt {
        self.enqueue()
    }
}

/// The outcome of a queued message, as a future: acknowledged, or refused and why.
///
/// It waits for rate limits as the server says, and the messages of its channel that come after it wait with it. It never
/// ends by a time-out while the message may be stored. It may be dropped; the message is sent all the same, as
/// long as the gateway lives.
///
/// # Errors
///
/// [`Validation`](crate::Kind::Validation), [`QueueFull`](crate::Kind::QueueFull) or [`Storage`](crate::Kind::Storage)
/// if it was not queued; [`Api`](crate::Kind::Api) if the server refused it in a way that does not pass;
/// [`Closed`](crate::Kind::Closed) if the gateway ended first, and
/// [`outcome_unknown`](crate::Error::outcome_unknown) tells whether it may be stored, now or by the next process out of
/// the offline file.
#[derive(Debug)]
#[must_use = "whether a message was stored is told by awaiting its receipt"]
pub struct Receipt {
    nonce: String,
    outcome: Outcome,
    /// As long as somebody waits for it the gateway lives.
    _gateway: Gateway,
}

#[derive(Debug)]
enum Outcome {
    Awaited(oneshot::Receiver<Result<Sent>>),
    Refused(Option<Error>),
}

impl Receipt {
    /// The nonce of the message.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }
}

impl Future for Receipt {
    type Output = Result<Sent>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let lost = || Error::closed("the connection's task is gone", true);
        Poll::Ready(match &mut self.outcome {
            Outcome::Awaited(answer) => ready!(Pin::new(answer).poll(cx)).unwrap_or_else(|_| Err(lost())),
            Outcome::Refused(error) => Err(error.take().unwrap_or_else(lost)),
        })
    }
}

/// An answer to an event: `.await` it. It is stored once, however often the program is killed and started again.
#[derive(Clone, Debug)]
#[must_use = "an answer is sent by awaiting it"]
pub struct Reply {
    outgoing: Outgoing,
    cause: crate::Cursor,
}

/// What came of a [`Reply`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Replied {
    /// It is stored, now or by an earlier run of the program.
    Sent(Sent),
    /// An earlier run of the program answered already, with another text.
    Earlier,
    /// The message was deleted: there is nothing to answer any more.
    Withdrawn,
}

impl Durable<Message> {
    /// Answers this message. The nonce is made out of the event, so a program that was killed after answering and
    /// before its cursor was saved, and therefore sees the event again, does not answer twice.
    pub fn reply(&self, gateway: &Gateway, content: impl Into<String>) -> Reply {
        let outgoing = gateway.send(self.channel_id, content);
        let outgoing = outgoing.reply_to(self.id).nonce(self.reply_nonce());
        let cause = self.cursor;
        Reply { outgoing, cause }
    }
}

impl Reply {
    /// For more than one answer to the same event: which one this is, from 0.
    pub fn nth(mut self, n: u32) -> Self {
        self.outgoing = self.outgoing.nonce(Nonce::derived(&self.cause, n));
        self
    }

    async fn send(self) -> Result<Replied> {
        match self.outgoing.await {
            Ok(sent) => Ok(Replied::Sent(sent)),
            Err(error) => match error.reason() {
                Some(ErrorReason::NonceConflict) => Ok(Replied::Earlier),
                Some(ErrorReason::MessageNotFound) => Ok(Replied::Withdrawn),
                _ => Err(error),
            },
        }
    }
}

impl IntoFuture for Reply {
    type Output = Result<Replied>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
