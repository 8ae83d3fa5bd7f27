//! What the driver's errors mean to the rooms above, and why a cluster could not be opened.

use scylla::deserialize::DeserializationError;
use scylla::errors::{DbError, ExecutionError, PrepareError, RequestAttemptError, RowsError, WriteType};

use crate::breaker::Verdict;
use crate::store::Error;

/// Why a cluster could not be opened. Every message names the place and, where there is one, the way out.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody answers there, or not yet: to be tried again.
    #[error("no Cassandra node answers at {nodes}")]
    Unreachable {
        /// The contact points.
        nodes: String,
        /// What the driver says.
        #[source]
        source: Source,
    },
    /// The cluster does not know this user, or not with this password, or does not let it do its work.
    #[error("Cassandra at {nodes} refuses the login")]
    Refused {
        /// The contact points.
        nodes: String,
        /// What the driver says.
        #[source]
        source: Source,
    },
    /// What was given is no name of a keyspace.
    #[error("`{keyspace}` is not a keyspace: 1 to 48 letters, digits and underscores")]
    Name {
        /// What was given.
        keyspace: String,
    },
    /// There are no tables (yet).
    #[error("the keyspace {keyspace} has no tables of this server; run `guildhall-server migrate up`")]
    NoSchema {
        /// The keyspace.
        keyspace: String,
    },
    /// The tables are of an earlier version of this program.
    #[error(
        "the keyspace {keyspace} has schema {version}, this program needs {wanted}; run `guildhall-server migrate up`"
    )]
    Older {
        /// The keyspace.
        keyspace: String,
        /// What is there.
        version: i32,
        /// What is wanted.
        wanted: i32,
    },
    /// The tables are of a later version of this program.
    #[error("the keyspace {keyspace} was made by a newer version (schema {version}); start that version")]
    Newer {
        /// The keyspace.
        keyspace: String,
        /// What is there.
        version: i32,
    },
    /// A node acknowledges writes before they are on disk.
    #[error(
        "these Cassandra nodes acknowledge writes that are not on disk yet (`commitlog_sync`): {nodes}; \
         set `commitlog_sync: batch` in their cassandra.yaml, or accept the loss of acknowledged messages"
    )]
    WeakDurability {
        /// Which, each with its setting.
        nodes: String,
    },
    /// The keyspace's copies cannot give the consistency that was asked for.
    #[error("the keyspace {keyspace} cannot serve reads and writes at {consistency}: {reason}")]
    Replication {
        /// The keyspace.
        keyspace: String,
        /// The consistency.
        consistency: &'static str,
        /// Why not.
        reason: String,
    },
    /// The nodes do not agree on their tables.
    #[error("the Cassandra nodes at {nodes} do not agree on one schema ({seen}); wait until all are up, and try again")]
    Disagreement {
        /// The contact points.
        nodes: String,
        /// What each says.
        seen: String,
    },
    /// Everything else.
    #[error("cannot open the keyspace {keyspace}")]
    Database {
        /// The keyspace.
        keyspace: String,
        /// What the driver says.
        #[source]
        source: Source,
    },
}

/// Something that went wrong below.
pub(super) type Source = Box<dyn std::error::Error + Send + Sync>;

/// What a failed statement means above.
pub(super) fn error(source: ExecutionError) -> Error {
    Error::Unavailable(source.into())
}

/// A row cannot be read.
pub(super) fn unreadable(what: impl std::fmt::Display) -> Error {
    Error::Corrupt(what.to_string())
}

/// Rows that are not what was asked for.
pub(super) fn rows(source: RowsError) -> Error {
    unreadable(source)
}

/// A column that is not what it should be.
pub(super) fn column(source: DeserializationError) -> Error {
    unreadable(source)
}

/// Whether the statement itself is at fault, so that to send it again is of no use. Of everything else nobody knows
/// whether it happened.
pub(super) fn is_final(source: &ExecutionError) -> bool {
    match source {
        ExecutionError::BadQuery(_) => true,
        ExecutionError::PrepareError(PrepareError::AllAttemptsFailed { first_attempt }) => is_refused(first_attempt),
        ExecutionError::LastAttemptError(attempt) => is_refused(attempt),
        _ => false,
    }
}

fn is_refused(attempt: &RequestAttemptError) -> bool {
    match attempt {
        RequestAttemptError::SerializationError(_) | RequestAttemptError::CqlRequestSerialization(_) => true,
        RequestAttemptError::DbError(error, _) => matches!(
            error,
            DbError::SyntaxError
                | DbError::Invalid
                | DbError::Unauthorized
                | DbError::AuthenticationError
                | DbError::ConfigError
        ),
        _ => false,
    }
}

/// What the end of a statement says of the cluster; `None`: nothing. A compare-and-set that timed out says that writers
/// race, which is ordinary.
pub(super) fn verdict(source: Option<&ExecutionError>) -> Option<Verdict> {
    let attempt = match source {
        None => return Some(Verdict::Answered),
        Some(ExecutionError::RequestTimeout(_)) => return Some(Verdict::TimedOut),
        Some(ExecutionError::LastAttemptError(attempt)) => attempt,
        Some(ExecutionError::BadQuery(_)) => return None,
        Some(_) => return Some(Verdict::Failed),
    };
    match attempt {
        RequestAttemptError::DbError(DbError::WriteTimeout { write_type: WriteType::Cas, .. }, _) => None,
        RequestAttemptError::DbError(DbError::WriteTimeout { .. } | DbError::ReadTimeout { .. }, _) => {
            Some(Verdict::TimedOut)
        }
        RequestAttemptError::DbError(
            DbError::Unavailable { .. } | DbError::Overloaded | DbError::IsBootstrapping | DbError::ServerError,
            _,
        ) => Some(Verdict::Failed),
        RequestAttemptError::DbError(..) => Some(Verdict::Answered),
        RequestAttemptError::BrokenConnectionError(_) | RequestAttemptError::UnableToAllocStreamId => {
            Some(Verdict::Failed)
        }
        _ => None,
    }
}

/// Whether the keyspace or the table does not exist.
pub(super) fn is_invalid(source: &ExecutionError) -> bool {
    let of = |attempt: &RequestAttemptError| matches!(attempt, RequestAttemptError::DbError(DbError::Invalid, _));
    match source {
        ExecutionError::LastAttemptError(attempt) => of(attempt),
        ExecutionError::PrepareError(PrepareError::AllAttemptsFailed { first_attempt }) => of(first_attempt),
        _ => false,
    }
}

/// Whether it is about who asks. The driver buries the node's word deep in what happened to its connections.
pub(super) fn is_about_login(source: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(source);
    while let Some(error) = next {
        let text = error.to_string();
        if text.contains("uthentication") || text.contains("right to perform") {
            return true;
        }
        next = error.source();
    }
    false
}
