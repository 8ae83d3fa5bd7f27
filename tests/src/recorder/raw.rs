//! A writer without an SDK: it comes back the moment that the server does, and repeats what it knows no outcome of.

use std::collections::VecDeque;
use std::time::Duration;

use guildhall::ChannelId;

use super::Ledger;
use crate::wire::{Session, Wire, message_id, nonce, send_command};

/// Sends that are not acknowledged yet.
const UNDER_WAY: usize = 32;
/// How soon a server that is not there is tried again.
const AGAIN: Duration = Duration::from_millis(10);

/// A message of which no outcome is known.
#[derive(Clone, Debug)]
struct Open {
    nonce: String,
    content: String,
}

impl Ledger {
    /// Sends as fast as it goes, over as many sessions as it takes, until the texts are over and all are acknowledged.
    ///
    /// # Panics
    /// If one is refused for good.
    pub async fn write_raw(&self, url: &str, token: &str, channel: ChannelId, mut texts: impl Iterator<Item = String>) {
        let mut open = VecDeque::new();
        loop {
            let Ok(mut session) = connect(url, token).await else {
                tokio::time::sleep(AGAIN).await;
                continue;
            };
            if self.over_one_session(&mut session, channel, &mut open, &mut texts).await.is_ok() {
                return;
            }
        }
    }

    /// What is open already goes first, in its order.
    async fn over_one_session(
        &self,
        session: &mut Session,
        channel: ChannelId,
        open: &mut VecDeque<Open>,
        texts: &mut impl Iterator<Item = String>,
    ) -> anyhow::Result<()> {
        let mut again = open.clone();
        let mut under_way = VecDeque::new();
        loop {
            while under_way.len() < UNDER_WAY {
                let Some(next) = again.pop_front().or_else(|| self.next(open, texts)) else { break };
                under_way.push_back(session.send(send_command(channel, &next.content, &next.nonce)).await?);
            }
            let Some(request) = under_way.pop_front() else { return Ok(()) };
            let outcome = session.outcome(request).await?;
            if outcome.as_ref().is_err_and(guildhall_proto::Failure::is_retryable) {
                anyhow::bail!("to be repeated: {outcome:?}");
            }
            // Outcomes are waited for in the order of the sends, so this is that of the first open one.
            let settled = open.pop_front().expect("what was sent is open");
            self.acknowledges(settled.nonce, message_id(&outcome));
        }
    }

    fn next(&self, open: &mut VecDeque<Open>, texts: &mut impl Iterator<Item = String>) -> Option<Open> {
        let next = Open { nonce: nonce(), content: texts.next()? };
        self.sends(&next.nonce, &next.content);
        open.push_back(next.clone());
        Some(next)
    }
}

async fn connect(url: &str, token: &str) -> anyhow::Result<Session> {
    Wire::connect(url, token).await?.watching(&[]).await
}
