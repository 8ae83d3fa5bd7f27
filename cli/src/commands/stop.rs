//! The wish to end, from a terminal or from whoever runs the process. Registered once: a signal that comes between two
//! waits is not lost.

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::{CtrlBreak, CtrlC, ctrl_break, ctrl_c};

use crate::fault::{Fault, Result};

/// Signals from now on.
#[derive(Debug)]
pub(super) struct Stop {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(windows)]
    interrupt: CtrlC,
    #[cfg(windows)]
    terminate: CtrlBreak,
}

impl Stop {
    #[cfg(unix)]
    pub(super) fn new() -> Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(windows)]
    pub(super) fn new() -> Result<Self> {
        Ok(Self { interrupt: ctrl_c()?, terminate: ctrl_break()? })
    }

    /// Waits for a signal, and tells how a command without an end of its own is to end by it: well if it was asked to,
    /// interrupted by Ctrl-C. May be dropped while it waits.
    pub(super) async fn requested(&mut self) -> Result<()> {
        tokio::select! {
            _ = self.terminate.recv() => Ok(()),
            _ = self.interrupt.recv() => Err(Fault::interrupted()),
        }
    }
}
