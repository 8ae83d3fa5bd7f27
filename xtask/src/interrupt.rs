//! Ctrl-C and SIGTERM: a task that has started something ends it before it goes, so it asks here instead of dying at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

static CAME: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on a signal is noted and does not end this process.
pub(crate) fn listen() -> Result<()> {
    let flag = CAME.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, flag.clone()).context("cannot listen for signals")?;
    }
    Ok(())
}

/// Whether signals are noted.
pub(crate) fn is_listening() -> bool {
    CAME.get().is_some()
}

/// Whether one came.
pub(crate) fn came() -> bool {
    CAME.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// Fails if one came.
pub(crate) fn check() -> Result<()> {
    if came() {
        bail!("interrupted");
    }
    Ok(())
}
