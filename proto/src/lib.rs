//! The language that Guildhall's server, SDK and tools share: the messages and client stubs, the limits of every
//! request with their checks, typed ids, tokens, and the reasons of failures.
//!
//! Nothing in here talks, stores, waits or reads a clock.

pub mod error;
pub mod ids;
pub mod token;
pub mod validate;

/// Messages and client stubs, generated from `proto/guildhall/v1`.
///
/// The generated code is checked in; `cargo xtask gen` makes it anew.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::large_futures)]
pub mod v1 {
    include!("generated/guildhall.v1.rs");
}

/// What `cargo xtask gen` makes beside the messages.
mod generated {
    mod redact;
    #[allow(clippy::all)]
    mod validate;
}

/// The compiled protos with everything that they import: for reflection, and for those who know only JSON.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/descriptor.bin");

pub use error::Failure;
pub use validate::{Validate, Violation, Violations};
