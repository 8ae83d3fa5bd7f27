//! The files: where they lie and how they are replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use super::Contexts;
use crate::fault::{Fault, Result};

const FOLDER: &str = "guildhall";

/// `$XDG_CONFIG_HOME/guildhall`, or what the system has for it.
pub(super) fn config_dir() -> Result<PathBuf> {
    Ok(strategy()?.config_dir().join(FOLDER))
}

/// `$XDG_STATE_HOME/guildhall`, or what the system has for it.
pub(crate) fn state_dir() -> Result<PathBuf> {
    let strategy = strategy()?;
    let dir = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
    Ok(dir.join(FOLDER))
}

fn strategy() -> Result<impl etcetera::BaseStrategy> {
    etcetera::choose_base_strategy().map_err(|_| {
        let fault = Fault::local("no home directory");
        fault.remedy("set HOME, or XDG_CONFIG_HOME and XDG_STATE_HOME")
    })
}

pub(super) fn load(path: &Path) -> Result<Contexts> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contexts::default()),
        Err(error) => return Err(Fault::file(path, &error)),
    };
    toml::from_str(&text).map_err(|error| {
        let fault = Fault::local(format!("{}: {}", path.display(), error.message()));
        fault.remedy("mend the file, or remove it and log in again")
    })
}

pub(super) fn save(path: &Path, contexts: &Contexts) -> Result<()> {
    let text = toml::to_string(contexts).map_err(|error| Fault::local(error.to_string()))?;
    replace(path, text.as_bytes(), Durability::Disk, false).map_err(|error| Fault::file(path, &error))
}

/// What a file that was replaced survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The death of the process.
    Process,
    /// A power cut.
    Disk,
}

/// Replaces a file as a whole, readable for its owner only if it is secret. Whoever reads it sees the old or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8], durability: Durability, secret: bool) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let new = PathBuf::from(name);
    let written = create(&new, secret).and_then(|mut file| {
        file.write_all(bytes)?;
        if durability == Durability::Process {
            return Ok(());
        }
        // Without this a power cut may leave an empty file under the new name.
        file.sync_data()
    });
    written.and_then(|()| fs::rename(&new, path)).inspect_err(|_| {
        // The first error is the one to tell.
        let _ = fs::remove_file(&new);
    })
}

#[cfg(unix)]
fn create(path: &Path, secret: bool) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let mode = if secret { 0o600 } else { 0o644 };
    OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path, _secret: bool) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/token");
        replace(&path, b"one", Durability::Disk, true).unwrap();
        replace(&path, b"two", Durability::Process, true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn contexts_come_back_and_rubbish_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        assert_eq!(load(&path).unwrap(), Contexts::default());
        let contexts = Contexts { current: Some("x".to_owned()), ..Contexts::default() };
        save(&path, &contexts).unwrap();
        assert_eq!(load(&path).unwrap(), contexts);
        fs::write(&path, "nonsense").unwrap();
        assert!(load(&path).unwrap_err().message().contains("config.toml"));
    }
}
