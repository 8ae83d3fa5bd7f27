//! The twins of `SessionResponse` and `ListenResponse` that carry a frame which is encoded already.
//!
//! A message field and a bytes field with the same tag are the same on the wire, so one encoding of a frame serves every
//! session, whichever way it listens.

use bytes::Bytes;
use guildhall_proto::v1::{self, server_frame::Payload};

pub use crate::fanout::hub::frame as encode;

/// `guildhall.v1.SessionResponse`, with its frame encoded.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SessionResponse {
    /// The encoded `ServerFrame`.
    #[prost(bytes = "bytes", tag = "1")]
    pub frame: Bytes,
}

/// `guildhall.v1.ListenResponse`, with its frame encoded.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ListenResponse {
    /// The encoded `ServerFrame`.
    #[prost(bytes = "bytes", tag = "1")]
    pub frame: Bytes,
}

/// The frame that tells the outcome of a command.
pub fn result(result: v1::CommandResult) -> Bytes {
    encode(Payload::CommandResult(result))
}
