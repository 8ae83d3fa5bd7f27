//! Who hears what on this node: topics and their subscribers, presence, typing, activity. `relay` joins several nodes.
//!
//! Publishing never waits for anybody: subscribers are handed shared bytes and decide by themselves what to do when they
//! are full. Nothing in here knows who may see what.

pub mod activity;
mod audience;
pub mod hub;
pub mod presence;
pub mod relay;

pub use hub::{Delivery, Hub, Published, Subscriber, SubscriberId, Topic};
pub use presence::{Presences, SessionPresence};
pub use relay::Relay;
