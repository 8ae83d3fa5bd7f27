//! Nonces: what makes a send safe to repeat.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::cursor::Cursor;
use crate::error::Error;

/// A UUID that names one send. The same author, channel and nonce are stored once, however often they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(Uuid);

impl Nonce {
    /// A new one. It bears its time, so that a server finds what was sent lately in one place (Cassandra: one partition a
    /// channel and day, instead of sixteen).
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::now_v7())
    }

    /// The nonce of the `n`th answer to the event at `cause`.
    ///
    /// It is always the same for the same event, in every process: a program that was killed after it answered and
    /// before it noted that, answers again with the same nonce, and the server stores nothing twice.
    #[must_use]
    pub fn derived(cause: &Cursor, n: u32) -> Self {
        let digest = Sha256::new()
            .chain_update(b"guildhall.v1 reply\0")
            .chain_update(cause.to_string())
            .chain_update(n.to_be_bytes())
            .finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Nonce {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The server's rule: with dashes and nothing around it.
        let uuid = Uuid::parse_str(text).ok().filter(|_| text.len() == 36);
        uuid.map(Self).ok_or_else(|| Error::config("a nonce is a UUID such as 67e55044-10b1-426f-9247-bb680e5fe0c8"))
    }
}

impl From<Uuid> for Nonce {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_proto::ids::{ChannelId, StreamKey};

    fn cursor(seq: u64) -> Cursor {
        Cursor::new(StreamKey::channel(ChannelId(7)), 1, seq)
    }

    #[test]
    fn a_derived_nonce_never_changes() {
        // A bot that is updated between two runs must still find its answers.
        let nonce = Nonce::derived(&cursor(3), 0);
        assert_eq!(nonce.to_string(), "24ab7efd-04b6-86d0-87ad-1f9bc9b26b0b");
    }

    #[test]
    fn every_event_and_every_answer_has_its_own() {
        let nonce = Nonce::derived(&cursor(3), 0);
        assert_ne!(nonce, Nonce::derived(&cursor(4), 0));
        assert_ne!(nonce, Nonce::derived(&cursor(3), 1));
    }

    #[test]
    fn only_the_plain_form_is_read() {
        let nonce = Nonce::random();
        assert_eq!(nonce.to_string().parse::<Nonce>().unwrap(), nonce);
        assert!(format!("{{{nonce}}}").parse::<Nonce>().is_err());
        assert!(nonce.0.simple().to_string().parse::<Nonce>().is_err());
    }
}
