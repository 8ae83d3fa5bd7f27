//! The live session: events in, messages out, over as many connections as it takes.
//!
//! One actor owns the connection. Handles talk to it through bounded queues; it alone decides when to connect, what was
//! missed, and when it is over. The parts that can be wrong about order (`positions`, `queue`) are pure.

mod actor;
mod builder;
mod entry;
mod events;
mod handle;
mod interest;
mod keeper;
mod offline;
mod positions;
mod queue;
mod send;
mod shared;
mod state;
mod subscribe;

pub use builder::GatewayBuilder;
pub use events::Events;
pub use handle::Gateway;
pub use send::{Outgoing, Receipt, Replied, Reply};
pub use state::{CloseReason, ConnectionState};
pub use subscribe::{Subscribed, SubscriptionUpdate};
