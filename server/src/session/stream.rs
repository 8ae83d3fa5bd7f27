//! The response stream of a session: hands out whatever the outbox holds, as fast as the client takes it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;

use super::outbox::Outbox;

/// Encoded `ServerFrame`s, Hello first, Goodbye last. Dropping it is the sign that the client is gone.
pub struct Frames {
    outbox: Arc<Outbox>,
}

impl Frames {
    pub(super) fn new(outbox: Arc<Outbox>) -> Self {
        Self { outbox }
    }
}

impl Stream for Frames {
    type Item = Bytes;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.outbox.poll(context)
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        self.outbox.abandon();
    }
}
