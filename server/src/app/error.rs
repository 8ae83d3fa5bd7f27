//! Why a server does not start: the cause on one line, and what to do about it.

use std::io::ErrorKind;

use crate::chat;
use crate::edge::{BindError, ReflectionError};
use crate::fanout::relay::redis::BadAddress;
use crate::store::cassandra;
use crate::store::postgres;
use crate::store::sqlite::OpenError;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings contradict each other.
    #[error("{}", .0.join("; "))]
    Settings(Vec<String>),
    /// It cannot listen.
    #[error(transparent)]
    Listen(#[from] BindError),
    /// The data cannot be used.
    #[error(transparent)]
    Data(#[from] OpenError),
    /// The database that nodes share cannot be used.
    #[error("store: {0}")]
    Postgres(#[source] postgres::OpenError),
    /// The cluster that holds the logs of channels cannot be used.
    #[error("messages: {0}")]
    Cassandra(#[source] cassandra::OpenError),
    /// The bus between nodes has no address that can be read.
    #[error("relay: {0}")]
    Relay(#[source] BadAddress),
    /// The data was opened, and then something failed.
    #[error("the first words with the database failed: {0}")]
    Chat(#[from] chat::Error),
    /// Reflection was asked for and cannot be served.
    #[error(transparent)]
    Reflection(#[from] ReflectionError),
}

impl StartError {
    /// Whether a service does not answer: trying again may help.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Postgres(postgres::OpenError::Unreachable { .. })
                | Self::Cassandra(cassandra::OpenError::Unreachable { .. })
        )
    }

    /// What to do about it, where that is known.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Listen(BindError::Address { source, .. }) => match source.kind() {
                ErrorKind::AddrInUse => Some("another program listens there; stop it, or choose another --listen"),
                ErrorKind::PermissionDenied => Some("ports below 1024 are for root; choose another --listen"),
                ErrorKind::AddrNotAvailable => Some("this machine has no such address; choose another --listen"),
                _ => None,
            },
            Self::Listen(BindError::Tls(_)) => Some("look at --tls-cert and --tls-key: PEM files that belong together"),
            Self::Data(OpenError::Locked { .. }) => Some("stop the other server, or choose another --data-dir"),
            Self::Data(OpenError::ReadOnly { .. }) => {
                Some("make it writable for this user, or choose another --data-dir")
            }
            Self::Data(OpenError::Full { .. }) => Some("make room, or choose another --data-dir"),
            Self::Data(OpenError::Corrupt { .. }) => Some("restore a backup; keep the damaged files until then"),
            Self::Postgres(postgres::OpenError::Unreachable { .. }) => {
                Some("start it, or correct the address in the setting `store`")
            }
            Self::Cassandra(cassandra::OpenError::Unreachable { .. }) => {
                Some("start it, or correct the addresses in the setting `messages`")
            }
            Self::Cassandra(cassandra::OpenError::WeakDurability { .. }) => {
                Some("to accept it all the same, set accept_weak_durability = true")
            }
            Self::Postgres(postgres::OpenError::Address(_)) => Some("correct the setting `store`"),
            Self::Data(OpenError::HalfMoved { .. }) | Self::Postgres(postgres::OpenError::HalfMoved { .. }) => {
                Some("run the same `guildhall-server migrate-store` again to its end, or make the target anew")
            }
            Self::Data(OpenError::Missing { .. }) => Some("look at --from and --data-dir"),
            Self::Postgres(postgres::OpenError::InUse { .. }) => {
                Some("stop all servers on it; a node that died counts for ten seconds more")
            }
            Self::Postgres(postgres::OpenError::Moving { .. }) => Some("wait until it is done"),
            Self::Data(OpenError::Directory { .. }) => Some("choose another --data-dir"),
            _ => None,
        }
    }

    /// The cause with its own causes, on one line, and what to do about it on the next.
    pub fn explain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(inner) = cause {
            let inner_text = inner.to_string();
            // Some errors say their cause themselves.
            if !text.ends_with(&inner_text) {
                text = format!("{text}: {inner_text}");
            }
            cause = inner.source();
        }
        match self.remedy() {
            Some(remedy) => format!("{text}\n{remedy}"),
            None => text,
        }
    }
}
