//! The SDK's files: one process at a time, readable by their owner only, replaced as a whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Holds a file for this process until dropped. The lock lies in a file of its own beside the other one, because that
/// one is replaced by renaming; it is let go by the system when the process dies.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    pub(crate) fn take(path: &Path) -> Result<Self> {
        let name = beside(path, ".lock");
        let file = private(OpenOptions::new().write(true).create(true).truncate(false), &name);
        let file = file.map_err(|error| Error::storage(name.display(), error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                let error = io::Error::new(io::ErrorKind::WouldBlock, "in use by another process");
                Err(Error::storage(path.display(), error))
            }
            Err(TryLockError::Error(error)) => Err(Error::storage(name.display(), error)),
        }
    }
}

/// Replaces a file as a whole: whoever reads it sees the old bytes or the new ones.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = beside(path, ".new");
    let mut file = private(OpenOptions::new().write(true).create(true).truncate(true), &new)?;
    file.write_all(bytes)?;
    // Without this a power cut may leave an empty file under the old name.
    file.sync_data()?;
    fs::rename(&new, path)?;
    sync_folder(path)
}

/// Opens a file for adding to it; makes it if there is none.
pub(crate) fn open_append(path: &Path) -> io::Result<File> {
    let file = private(OpenOptions::new().append(true).create(true), path)?;
    sync_folder(path)?;
    Ok(file)
}

/// What a file holds; nothing if there is none.
pub(crate) fn read_or_empty(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read,
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// What people write to each other is nobody else's business.
fn private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// A new name is on disk only when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}
