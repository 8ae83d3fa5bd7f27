//! Where a service lies: a directory for this run, or one that stays.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// How long what the services hold is wanted.
#[derive(Clone, Debug)]
pub(crate) enum Keep {
    /// Until they are ended. Durability against a power cut costs time and is wanted by some tests only.
    Scratch {
        /// Whether a power cut is to lose nothing that was acknowledged.
        durable: bool,
    },
    /// For good, below this directory.
    Data(PathBuf),
}

impl Keep {
    pub(super) fn is_for_good(&self) -> bool {
        matches!(self, Self::Data(_))
    }

    pub(super) fn is_durable(&self) -> bool {
        matches!(self, Self::Data(_) | Self::Scratch { durable: true })
    }

    /// The directory of one process; everybody may pass through it, since a service may run as another user.
    pub(super) fn directory(&self, name: &str) -> Result<PathBuf> {
        match self {
            Self::Data(below) => {
                let dir = below.join(name);
                fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
                Ok(dir)
            }
            Self::Scratch { .. } => scratch(name),
        }
    }
}

/// A new directory for temporary files.
fn scratch(name: &str) -> Result<PathBuf> {
    for number in 0..1000 {
        let dir = std::env::temp_dir().join(format!("guildhall-{name}-{}-{number}", std::process::id()));
        match fs::create_dir(&dir) {
            Ok(()) => {
                fs::set_permissions(&dir, fs::Permissions::from_mode(0o755))?;
                return Ok(dir);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot make {}", dir.display())),
        }
    }
    bail!("no name is left for a temporary directory of {name}")
}

/// Fails unless every user can reach a directory.
pub(super) fn reachable_by_all(dir: &Path) -> Result<()> {
    for above in dir.ancestors() {
        let mode = fs::metadata(above)?.permissions().mode();
        ensure!(
            mode & 0o001 != 0,
            "{} cannot be entered by the user `postgres`, and Postgres refuses to run as root: \
             work as another user, or from a directory that all may enter",
            above.display()
        );
    }
    Ok(())
}
