//! What SQLite's errors mean to the rooms above, and why a database could not be opened.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::migrate::MigrateError;

use crate::store::Error;

const SQLITE_READONLY: i32 = 8;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_CONSTRAINT: i32 = 19;
const SQLITE_NOTADB: i32 = 26;

/// Why a database could not be opened. Every message names the place and, where there is one, the way out.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory cannot be made or entered.
    #[error("cannot use the data directory {}", path.display())]
    Directory {
        /// Where.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The data directory, or a file in it, cannot be written.
    #[error("the data directory {} is read-only", path.display())]
    ReadOnly {
        /// Where.
        path: PathBuf,
    },
    /// There is no room.
    #[error("the disk of the data directory {} is full", path.display())]
    Full {
        /// Where.
        path: PathBuf,
    },
    /// Another process works on this data.
    #[error("the data directory {} is in use by another process", path.display())]
    Locked {
        /// Where.
        path: PathBuf,
    },
    /// The data is of a later version of this program.
    #[error("the data in {} was written by a newer version (schema {version}); start that version", path.display())]
    Newer {
        /// Where.
        path: PathBuf,
        /// The schema's version.
        version: i64,
    },
    /// A move of another store into this one was not brought to its end.
    #[error("a move into {} was not brought to its end", path.display())]
    HalfMoved {
        /// Where.
        path: PathBuf,
    },
    /// There is no database that could be read.
    #[error("there is no database in {}", path.display())]
    Missing {
        /// Where.
        path: PathBuf,
    },
    /// The file is no database, or it is damaged.
    #[error("the database in {} is damaged: {reason}", path.display())]
    Corrupt {
        /// Where.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// Everything else.
    #[error("cannot open the database in {}", path.display())]
    Database {
        /// Where.
        path: PathBuf,
        /// What the driver says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OpenError {
    /// What a file operation in the data directory failed of.
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::Directory { path, source },
        }
    }

    /// What a statement at start failed of.
    pub(super) fn sqlx(path: &Path, source: sqlx::Error) -> Self {
        let path = path.to_owned();
        match code(&source) {
            Some(SQLITE_READONLY) => Self::ReadOnly { path },
            Some(SQLITE_FULL) => Self::Full { path },
            Some(SQLITE_CORRUPT | SQLITE_NOTADB) => Self::Corrupt { path, reason: source.to_string() },
            _ => Self::Database { path, source: source.into() },
        }
    }

    /// What a migration failed of.
    pub(super) fn migrate(path: &Path, source: MigrateError) -> Self {
        match source {
            MigrateError::VersionMissing(version) => Self::Newer { path: path.to_owned(), version },
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => Self::sqlx(path, source),
            other => Self::Database { path: path.to_owned(), source: other.into() },
        }
    }
}

/// What a failed statement means above.
pub(super) fn error(source: sqlx::Error) -> Error {
    shared(&Arc::new(source))
}

/// The same, when several wait for the one statement.
pub(super) fn shared(source: &Arc<sqlx::Error>) -> Error {
    match code(source) {
        Some(SQLITE_FULL) => Error::Full,
        Some(SQLITE_CORRUPT | SQLITE_NOTADB | SQLITE_CONSTRAINT) => Error::Corrupt(source.to_string()),
        None if matches!(**source, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => {
            Error::Corrupt(source.to_string())
        }
        _ => Error::Unavailable(Box::new(Arc::clone(source))),
    }
}

/// The engine was closed, or its writer died.
pub(super) fn closed() -> Error {
    Error::Unavailable("the database is closed".into())
}

/// Whether the disk is full.
pub(super) fn is_full(source: &sqlx::Error) -> bool {
    code(source) == Some(SQLITE_FULL)
}

/// Whether the statement broke a rule of the schema: then it was the statement's fault, not the disk's.
pub(super) fn is_constraint(source: &sqlx::Error) -> bool {
    code(source) == Some(SQLITE_CONSTRAINT)
}

/// SQLite's primary result code.
fn code(source: &sqlx::Error) -> Option<i32> {
    let extended: i32 = source.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}
