//! How many files, and so connections, the process may have open.

use rustix::process::{Resource, getrlimit, setrlimit};

/// File descriptors that are not for connections: the database, its readers, the log, and those of libraries.
const RESERVE: u64 = 128;

/// Raises the soft limit of open files to the hard one. Shells start with 1,024, which is for programs that use `select`;
/// this one does not. A refusal is no fault: the limit of connections follows whatever the limit is.
pub fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "open files stay limited as they are");
    }
}

/// The number of connections that the limit of open files leaves room for.
pub(super) fn connections_max() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files.saturating_sub(RESERVE).max(1)).unwrap_or(usize::MAX)
}
