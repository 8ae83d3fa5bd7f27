//! The log of the process: one line an event, on stderr, with the id of the call that it belongs to.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::{LogFormat, Settings};

/// Begins to log as the settings say. Once in a process.
///
/// # Errors
/// If the filter cannot be read.
pub(super) fn start(settings: &Settings) -> Result<(), ParseError> {
    let filter: EnvFilter = settings.log.parse()?;
    let terminal = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let json = match settings.log_format {
        LogFormat::Auto => !terminal,
        LogFormat::Pretty => false,
        LogFormat::Json => true,
    };
    match json {
        true => log.json().flatten_event(true).with_span_list(false).init(),
        false => log.with_ansi(terminal).init(),
    }
    hush_panics();
    Ok(())
}

/// The same for a command that is run by hand: what is worth a warning only, unless the settings say otherwise.
///
/// # Errors
/// If the filter cannot be read.
pub(super) fn start_for_tool(settings: &Settings) -> Result<(), ParseError> {
    let log = if settings.log == Settings::default().log { "warn".to_owned() } else { settings.log.clone() };
    start(&Settings { log, ..settings.clone() })
}

/// A panic's own words may quote what it worked on, which is somebody's message: only the place is logged.
fn hush_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panic");
    }));
}
