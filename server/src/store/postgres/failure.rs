//! What Postgres's errors mean to the rooms above, and why a database could not be opened.

use std::io;

use sqlx::migrate::MigrateError;

use crate::breaker::Refused;
use crate::store::Error;

const DISK_FULL: &str = "53100";
const READ_ONLY: &str = "25006";
const SERIALIZATION: &str = "40001";
const DEADLOCK: &str = "40P01";
const NO_SUCH_TRANSACTION: &str = "22023";
/// The server ends, ended, or is not there yet; a session was ended.
const SHUTDOWN: &str = "57P0";
const CONNECTION: &str = "08";
const TOO_MANY: &str = "53300";
/// A value that no column holds; a row that breaks a rule.
const WRONG: [&str; 2] = ["22", "23"];
const DAMAGED: [&str; 2] = ["XX001", "XX002"];

/// Why a database could not be opened. Every message names the place, never the password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address cannot be read.
    #[error("the address of the database cannot be read")]
    Address(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nobody answers, or the server says that it cannot now. Trying again may help.
    #[error("the database at {place} does not answer")]
    Unreachable {
        /// Where.
        place: String,
        /// What the driver says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The data is of a later version of this program.
    #[error("the data at {place} was written by a newer version (schema {version}); start that version")]
    Newer {
        /// Where.
        place: String,
        /// The schema's version.
        version: i64,
    },
    /// A move of another store into this one was not brought to its end.
    #[error("a move into the database at {place} was not brought to its end")]
    HalfMoved {
        /// Where.
        place: String,
    },
    /// A server works on it.
    #[error("a server is running on the database at {place}")]
    InUse {
        /// Where.
        place: String,
    },
    /// It is being moved, or filled.
    #[error("another move is running on the database at {place}")]
    Moving {
        /// Where.
        place: String,
    },
    /// The database does not hold every text.
    #[error("the database at {place} is encoded in {encoding}; make one with ENCODING 'UTF8'")]
    Encoding {
        /// Where.
        place: String,
        /// In what.
        encoding: String,
    },
    /// The server is too old.
    #[error("the server at {place} is version {version}; 13 is the oldest that will do")]
    Version {
        /// Where.
        place: String,
        /// Which it is.
        version: String,
    },
    /// Everything else: a wrong password, no such database, no right to make tables.
    #[error("cannot open the database at {place}")]
    Database {
        /// Where.
        place: String,
        /// What the driver says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OpenError {
    /// What connecting or a statement at start failed of.
    pub(super) fn sqlx(place: &str, source: sqlx::Error) -> Self {
        let place = place.to_owned();
        if is_not_now(&source) {
            Self::Unreachable { place, source: source.into() }
        } else {
            Self::Database { place, source: source.into() }
        }
    }

    /// What a migration failed of.
    pub(super) fn migrate(place: &str, source: MigrateError) -> Self {
        match source {
            MigrateError::VersionMissing(version) => Self::Newer { place: place.to_owned(), version },
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => Self::sqlx(place, source),
            other => Self::Database { place: place.to_owned(), source: other.into() },
        }
    }
}

/// What a failed statement means above.
pub(super) fn error(source: sqlx::Error) -> Error {
    match code(&source).as_deref() {
        Some(DISK_FULL) => Error::Full,
        Some(code) if WRONG.iter().any(|class| code.starts_with(class)) || DAMAGED.contains(&code) => {
            Error::Corrupt(source.to_string())
        }
        None if matches!(source, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => {
            Error::Corrupt(source.to_string())
        }
        None if let sqlx::Error::AnyDriverError(refused) = source => Error::Unavailable(refused),
        _ => Error::Unavailable(source.into()),
    }
}

/// The statement was sent and no answer came: it may have happened, may yet happen, or not.
pub(super) fn is_in_doubt(source: &sqlx::Error) -> bool {
    match code(source) {
        // A session that is ended while its commit waits for a standby has committed.
        Some(code) => code.starts_with(SHUTDOWN) || code.starts_with(CONNECTION),
        None => matches!(source, sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed),
    }
}

/// Two transactions stood in each other's way, and this one was undone: nothing is wrong with it.
pub(super) fn is_collision(source: &sqlx::Error) -> bool {
    matches!(code(source).as_deref(), Some(SERIALIZATION | DEADLOCK))
}

/// The server does not know the transaction that it is asked about: its beginning was lost with a crash.
pub(super) fn is_unknown_transaction(source: &sqlx::Error) -> bool {
    code(source).as_deref() == Some(NO_SUCH_TRANSACTION)
}

/// The server refused the statement, and the connection is as good as before. It is not if it leads to a server that
/// only reads: a standby, or what was the primary before.
pub(super) fn is_of_the_statement(source: &sqlx::Error) -> bool {
    code(source).is_some_and(|code| code != READ_ONLY) && !is_in_doubt(source)
}

/// Whether no answer came within the time that it is given.
pub(super) fn is_timed_out(source: &sqlx::Error) -> bool {
    matches!(source, sqlx::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}

/// Whether the server is a standby, or was the primary before.
pub(super) fn is_read_only(source: &sqlx::Error) -> bool {
    code(source).as_deref() == Some(READ_ONLY)
}

/// It was not sent.
pub(super) fn refused(refused: Refused) -> sqlx::Error {
    sqlx::Error::AnyDriverError(refused.into())
}

/// Whether the same may work a little later.
pub(super) fn is_not_now(source: &sqlx::Error) -> bool {
    let later = match code(source).as_deref() {
        Some(code) => [TOO_MANY, READ_ONLY].contains(&code),
        None => matches!(source, sqlx::Error::PoolTimedOut),
    };
    later || is_in_doubt(source) || is_collision(source)
}

/// No answer within the time that it is given.
pub(super) fn timed_out() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "no answer from the database"))
}

fn code(source: &sqlx::Error) -> Option<String> {
    Some(source.as_database_error()?.code()?.into_owned())
}
