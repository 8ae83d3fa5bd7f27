//! How far `send --lines` is, for a person at a terminal.

use std::io::{self, IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::Output;

/// A bar if the length of the input is known, else a counter; nothing without a terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(out: Output) -> Self {
        if out.quiet || out.json || !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = match input_bytes() {
            Some(bytes) => ProgressBar::new(bytes).with_style(style("{bar:30} {percent:>3} %  {msg}  {eta} left")),
            None => ProgressBar::new_spinner().with_style(style("{spinner} {msg}  {elapsed}")),
        };
        Self(bar)
    }

    /// Some input is done with.
    pub(super) fn advance(&self, bytes: u64, sent: u64) {
        self.0.inc(bytes);
        if !self.0.is_hidden() {
            self.0.set_message(format!("{sent} sent"));
        }
    }

    /// Says something beside the bar.
    pub(super) fn say(&self, text: &str) {
        // Nobody is left to be told that stderr is closed.
        self.0.suspend(|| {
            let _ = writeln!(io::stderr().lock(), "{text}");
        });
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// How long stdin is, if it is a file.
#[cfg(unix)]
fn input_bytes() -> Option<u64> {
    use std::os::fd::AsFd as _;

    let input = io::stdin().as_fd().try_clone_to_owned().ok()?;
    let metadata = std::fs::File::from(input).metadata().ok()?;
    Some(metadata.len()).filter(|_| metadata.is_file())
}

#[cfg(not(unix))]
fn input_bytes() -> Option<u64> {
    None
}
