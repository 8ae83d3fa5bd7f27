//! The Guildhall server as a library: start one, ask for its address, shut it down.
//!
//! The way of one message: frame in (`rpc`, `session`) → who (`edge`) → is it well-formed (`guildhall_proto`) → may they
//! (`chat::access`) → commit (`sequencer`, `store`) → publish (`fanout`) → outbox (`session`) → frame out. Rooms call
//! only downwards; `tests/rooms.rs` holds them to it.

pub mod app;
pub mod breaker;
pub mod chat;
pub mod clock;
pub mod config;
pub mod edge;
pub mod error;
pub mod fanout;
pub mod limits;
pub mod metrics;
pub mod nodes;
pub mod rpc;
pub mod sequencer;
pub mod session;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use app::Server;
pub use config::Settings;
