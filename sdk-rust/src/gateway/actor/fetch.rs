//! Holes: what the session did not bring is read from the log by calls of their own, page by page.

use guildhall_proto::ids::StreamKey;
use guildhall_proto::v1::{self, ErrorReason, ResyncReason};
use tokio::task::JoinError;

use super::session::Session;
use crate::backoff::Backoff;
use crate::client::Client;
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::event::{Event, Gap};
use crate::gateway::positions::Fetch;

/// Events of a page: few enough that a program which is behind gets no flood.
const PAGE: i32 = 250;
/// How often the log may have nothing new although the stream is known to be further.
const EMPTY_MAX: u32 = 6;

/// A page of the log, or why there is none.
pub(super) struct Fetched {
    fetch: Fetch,
    /// How many pages in a row brought nothing.
    empty: u32,
    page: Result<v1::ListChangesResponse>,
}

impl Session<'_> {
    /// Reads what is missing, or says that it stays missing if that is too much for the program.
    pub(super) fn catch_up(&mut self, fetch: Fetch) {
        let held = fetch.after;
        let missing = self.core.positions.missing(held.stream);
        tracing::debug!(%held, missing, "stream is behind");
        if self.core.interest.behind_max.is_some_and(|max| missing > max) {
            let gap = self.skip(held.stream, held);
            self.core.feed.push(Event::Gap(gap));
        } else {
            self.fetch(fetch, 0);
        }
    }

    /// Reads a page of the log.
    fn fetch(&mut self, fetch: Fetch, empty: u32) {
        let client = self.core.client.clone();
        self.fetches.spawn(async move {
            let page = Box::pin(read(client, fetch.after, empty)).await;
            Fetched { fetch, empty, page }
        });
    }

    pub(super) fn fetched(&mut self, fetched: Result<Fetched, JoinError>) {
        let Ok(Fetched { fetch, empty, page }) = fetched else {
            // It panicked, or the runtime goes down. The next session reads it again.
            return;
        };
        if !self.core.positions.is_current(&fetch) {
            return;
        }
        match page {
            Ok(page) => self.on_page(&fetch, empty, page.events),
            Err(error) => self.give_up(fetch.after, &error),
        }
    }

    fn on_page(&mut self, fetch: &Fetch, empty: u32, events: Vec<v1::Event>) {
        for event in events.into_iter().filter_map(Event::from_wire) {
            let next = event.cursor().is_some_and(|cursor| self.core.positions.advance(cursor));
            if next {
                self.deliver(event);
            }
        }
        let Some(rest) = self.core.positions.remaining(fetch) else {
            return;
        };
        let nothing = rest.after == fetch.after;
        let empty = if nothing { empty + 1 } else { 0 };
        if empty < EMPTY_MAX {
            self.fetch(rest, empty);
        } else {
            let error = Error::protocol("the log has nothing although the stream goes on");
            self.give_up(fetch.after, &error);
        }
    }

    /// The hole stays, and the program is told.
    fn give_up(&mut self, held: Cursor, error: &Error) {
        tracing::debug!(%held, %error, "a hole stays");
        let stream = held.stream;
        let gap = if is_lost(error) {
            self.forget(stream);
            Gap::new(stream, ResyncReason::AccessLost, None)
        } else {
            self.skip(stream, held)
        };
        self.core.feed.push(Event::Gap(gap));
    }

    fn skip(&mut self, stream: StreamKey, held: Cursor) -> Gap {
        let cursor = self.core.positions.skip(stream);
        let rewound = cursor.is_some_and(|at| held.epoch != 0 && at.epoch != held.epoch);
        let ahead = cursor.is_some_and(|at| held.seq > at.seq);
        let reason = match (rewound, ahead) {
            (true, _) => ResyncReason::EpochChanged,
            (false, true) => ResyncReason::CursorAhead,
            (false, false) => ResyncReason::TooFarBehind,
        };
        Gap::new(stream, reason, cursor)
    }
}

/// Reads on until there is an answer, or a refusal that does not pass. Ends with the session.
async fn read(client: Client, after: Cursor, empty: u32) -> Result<v1::ListChangesResponse> {
    let mut backoff = Backoff::default();
    for _ in 0..empty {
        tokio::time::sleep(backoff.next(None)).await;
    }
    loop {
        let request = v1::ListChangesRequest { cursor: Some(after.into()), page_size: PAGE };
        match client.call(request).raw().await {
            Err(error) if error.is_retryable() => {
                tokio::time::sleep(backoff.next(error.retry_after())).await;
            }
            answer => return answer,
        }
    }
}

fn is_lost(error: &Error) -> bool {
    matches!(
        error.reason(),
        Some(
            ErrorReason::ChannelNotFound
                | ErrorReason::GuildNotFound
                | ErrorReason::UserNotFound
                | ErrorReason::MissingPermission
        )
    )
}
