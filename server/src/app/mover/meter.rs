//! How far a move is: a bar on a terminal, else a line now and then. On stderr, so that stdout has the report alone.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, interval};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::store::archive::Gauge;

/// How often a bar is drawn.
const DRAW: Duration = Duration::from_millis(200);
/// How often a line is written where nobody looks.
const LINE: Duration = Duration::from_secs(5);
const BAR_CELLS: usize = 30;

/// Shows a gauge until it is stopped or dropped.
pub(super) struct Meter {
    task: JoinHandle<()>,
    stop: DropGuard,
}

impl Meter {
    /// Begins.
    pub(super) fn start(gauge: Arc<Gauge>) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let terminal = std::io::stderr().is_terminal();
        let task = tokio::spawn(async move {
            let mut ticks = interval(if terminal { DRAW } else { LINE });
            let mut shown = Shown { terminal, step: "", since: Instant::now() };
            while stopped.run_until_cancelled(ticks.tick()).await.is_some() {
                shown.show(&gauge);
            }
            if terminal {
                say("\n");
            }
        });
        Self { task, stop: stop.drop_guard() }
    }

    /// Ends.
    pub(super) async fn stop(self) {
        drop(self.stop);
        // It fails only if it panicked, which the panic hook has told.
        let _ = self.task.await;
    }
}

struct Shown {
    terminal: bool,
    step: &'static str,
    since: Instant,
}

impl Shown {
    fn show(&mut self, gauge: &Gauge) {
        let (step, done, total) = gauge.read();
        if step != self.step {
            if self.terminal && !self.step.is_empty() {
                say("\n");
            }
            (self.step, self.since) = (step, Instant::now());
        }
        let line = line(step, done, total, self.since.elapsed());
        match self.terminal {
            true => say(&format!("\r\x1b[K{}{line}", bar(done, total))),
            false => say(&format!("{line}\n")),
        }
    }
}

fn line(step: &str, done: u64, total: u64, elapsed: Duration) -> String {
    let rate = done.checked_div(elapsed.as_secs()).unwrap_or(done);
    match total {
        0 => format!("{step}: {done} rows"),
        _ => format!("{step}: {done} of {total} ({} %), {rate} a second", done.min(total) * 100 / total),
    }
}

fn bar(done: u64, total: u64) -> String {
    if total == 0 {
        return String::new();
    }
    let full = usize::try_from(done.min(total) * BAR_CELLS as u64 / total).unwrap_or(BAR_CELLS);
    format!("[{}{}] ", "#".repeat(full), ".".repeat(BAR_CELLS - full))
}

/// A closed stderr is no reason to stop.
fn say(text: &str) {
    let mut stderr = std::io::stderr();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_how_far_it_is() {
        assert_eq!(line("moving", 50, 200, Duration::from_secs(5)), "moving: 50 of 200 (25 %), 10 a second");
        assert_eq!(line("looking", 7, 0, Duration::ZERO), "looking: 7 rows");
        assert_eq!(bar(1, 2).matches('#').count(), BAR_CELLS / 2);
        // What is found in the target from an earlier try may be more than what was counted.
        assert_eq!(bar(3, 2).matches('#').count(), BAR_CELLS);
    }
}
