//! How the gateway's connection fares, told to people; and what its end means for the exit code.

use guildhall::{CloseReason, ConnectionState, Gateway};
use guildhall_proto::v1::GoodbyeReason;

use crate::fault::{Fault, Result};
use crate::output::Output;

/// Tells on stderr when the connection is lost and when it is back.
pub(crate) fn report(out: Output, gateway: &Gateway) {
    let mut state = gateway.state();
    tokio::spawn(async move {
        let mut is_lost = false;
        loop {
            let now = state.borrow_and_update().clone();
            match now {
                ConnectionState::Ready if is_lost => {
                    out.note("connected");
                    is_lost = false;
                }
                ConnectionState::Waiting { cause, .. } if !is_lost => {
                    out.note(format!("not connected ({cause}): trying until the server is there"));
                    is_lost = true;
                }
                ConnectionState::Closed(_) => return,
                _ => {}
            }
            if state.changed().await.is_err() {
                return;
            }
        }
    });
}

/// Why the gateway ended for good: nothing if that was asked for.
pub(crate) fn ending(gateway: &Gateway) -> Result<()> {
    let state = gateway.state().borrow().clone();
    let ConnectionState::Closed(reason) = state else {
        return Ok(());
    };
    match reason {
        CloseReason::Requested => Ok(()),
        CloseReason::Refused(error) => Err(error.into()),
        CloseReason::Goodbye(GoodbyeReason::AuthExpired) => Err(Fault::logged_out()),
        CloseReason::Goodbye(reason) => Err(Fault::unavailable(format!("the server ended the session: {}", words(reason)))),
        _ => Err(Fault::local("the session ended")),
    }
}

fn words(reason: GoodbyeReason) -> String {
    let name = reason.as_str_name();
    name.trim_start_matches("GOODBYE_REASON_").to_lowercase().replace('_', " ")
}
