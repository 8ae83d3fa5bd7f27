//! How the gateway's connection fares, told to people; and what its end means for the exit code.

use std::time::Duration;

use guildhall::{CloseReason, ConnectionState, Gateway};
use guildhall_proto::v1::GoodbyeReason;
use tokio::sync::watch;

use crate::fault::{Fault, Result};
use crate::output::Output;

/// Between the last event and the word why it was the last.
const CLOSING: Duration = Duration::from_secs(5);

/// What there is to tell of a connection: that it is lost, and that it stands again.
pub(super) struct News {
    state: watch::Receiver<ConnectionState>,
    /// Whether the next connection is worth a word.
    tells_ready: bool,
    tells_lost: bool,
}

impl News {
    /// Of this gateway; with `greet` also that it stands first.
    pub(super) fn new(gateway: &Gateway, greet: bool) -> Self {
        let mut state = gateway.state();
        state.mark_changed();
        Self { state, tells_ready: greet, tells_lost: true }
    }

    /// Waits for the next news. There is none when the gateway has ended. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> String {
        loop {
            if self.state.changed().await.is_err() {
                return std::future::pending().await;
            }
            let text = self.look();
            if let Some(text) = text {
                return text;
            }
        }
    }

    fn look(&mut self) -> Option<String> {
        match &*self.state.borrow_and_update() {
            ConnectionState::Ready if self.tells_ready => {
                (self.tells_ready, self.tells_lost) = (false, true);
                Some("connected".to_owned())
            }
            ConnectionState::Waiting { cause, .. } if self.tells_lost => {
                (self.tells_ready, self.tells_lost) = (true, false);
                Some(format!("not connected ({cause}): trying until the server is there"))
            }
            _ => None,
        }
    }

    /// Tells it all on stderr, beside whatever else is done.
    pub(super) fn tell(mut self, out: Output) {
        tokio::spawn(async move {
            loop {
                out.note(self.next().await);
            }
        });
    }
}

/// Why the gateway ended for good: nothing if that was asked for. Waits a moment for it to have ended.
pub(super) async fn ending(gateway: &Gateway) -> Result<()> {
    let mut state = gateway.state();
    let closed = state.wait_for(|state| state.closed().is_some());
    let reason = match tokio::time::timeout(CLOSING, closed).await {
        Ok(Ok(state)) => state.closed().cloned(),
        _ => None,
    };
    match reason {
        None => Err(Fault::local("the session ended without a word")),
        Some(CloseReason::Requested) => Ok(()),
        Some(CloseReason::Refused(error)) => Err(error.into()),
        Some(CloseReason::Goodbye(GoodbyeReason::AuthExpired)) => Err(Fault::logged_out()),
        Some(reason) => Err(Fault::unavailable(format!("the session ended: {reason}"))),
    }
}
