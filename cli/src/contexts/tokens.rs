//! Where tokens lie: the system's keyring, or, where there is none, a file that only its owner may read.
//!
//! A keyring may ask a person, and a machine without one may answer never. So it is asked only where there is a bus to
//! ask it on, in a thread of its own, and not for long.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::file::{Durability, replace, state_dir};
use crate::fault::{Fault, Result};

const SERVICE: &str = "guildhall";
/// A person may have to unlock it; a machine without anybody must not wait for ever.
const PATIENCE: Duration = Duration::from_secs(10);
/// `off` keeps tokens in files.
const SWITCH: &str = "GUILDHALL_KEYRING";

/// Where a token lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    /// In the system's keyring.
    Keyring,
    /// In a file with mode 0600.
    File,
}

/// Keeps a token as safely as this machine can.
pub(super) fn keep(context: &str, token: &str) -> Result<Place> {
    let (name, secret) = (context.to_owned(), token.to_owned());
    let kept = ask_keyring(move || entry(&name)?.set_password(&secret));
    if kept.is_some_and(|outcome| outcome.is_ok()) {
        // An older token must not lie around in a file.
        forget(context, Place::File)?;
        return Ok(Place::Keyring);
    }
    let path = path(context)?;
    replace(&path, token.as_bytes(), Durability::Disk, true).map_err(|error| Fault::file(&path, &error))?;
    Ok(Place::File)
}

/// Reads a token; `None` if it is not there any more.
pub(super) fn read(context: &str, place: Place) -> Result<Option<String>> {
    if place == Place::File {
        return read_file(path(context)?);
    }
    let name = context.to_owned();
    match ask_keyring(move || entry(&name)?.get_password()) {
        Some(Ok(token)) => Ok(Some(token)),
        Some(Err(keyring::Error::NoEntry)) => Ok(None),
        Some(Err(error)) => Err(locked(&error.to_string())),
        None => Err(locked("it does not answer")),
    }
}

/// Forgets a token. That it is not there is fine.
pub(super) fn forget(context: &str, place: Place) -> Result<()> {
    if place == Place::File {
        let path = path(context)?;
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Fault::file(&path, &error)),
            _ => Ok(()),
        };
    }
    let name = context.to_owned();
    match ask_keyring(move || entry(&name)?.delete_credential()) {
        Some(Ok(()) | Err(keyring::Error::NoEntry)) => Ok(()),
        Some(Err(error)) => Err(locked(&error.to_string())),
        None => Err(locked("it does not answer")),
    }
}

fn read_file(path: PathBuf) -> Result<Option<String>> {
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::file(&path, &error)),
    }
}

fn locked(why: &str) -> Fault {
    let fault = Fault::local(format!("the keyring cannot be used: {why}"));
    fault.remedy("set GUILDHALL_TOKEN, or log in again with GUILDHALL_KEYRING=off")
}

fn path(context: &str) -> Result<PathBuf> {
    Ok(state_dir()?.join("tokens").join(context))
}

fn entry(context: &str) -> keyring::Result<keyring::Entry> {
    keyring::Entry::new(SERVICE, context)
}

/// Asks the keyring something; `None` if there is none or it does not answer in time.
fn ask_keyring<T: Send + 'static>(
    ask: impl FnOnce() -> keyring::Result<T> + Send + 'static,
) -> Option<keyring::Result<T>> {
    if !may_have_keyring() {
        return None;
    }
    let (answer, answered) = mpsc::sync_channel(1);
    // If it hangs, so does the thread, until the process ends; nobody waits for it.
    let thread = std::thread::Builder::new().name("keyring".to_owned());
    thread.spawn(move || answer.send(ask())).ok()?;
    answered.recv_timeout(PATIENCE).ok()
}

fn may_have_keyring() -> bool {
    if std::env::var_os(SWITCH).is_some_and(|switch| switch == "off") {
        return false;
    }
    !cfg!(target_os = "linux") || has_bus()
}

fn has_bus() -> bool {
    let named = std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some_and(|address| !address.is_empty());
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    named || runtime.is_some_and(|dir| dir.join("bus").exists())
}
