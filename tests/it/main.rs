//! Black-box tests: one file for each promise of the design, and for each thing that a session can do. All of them ask a
//! deployment, never the server's code.

// A test says what it expects; that a helper of it fails loudly is the point.
#![allow(clippy::unwrap_used)]

mod accounts;
mod activity;
mod attach_race;
mod bad_input;
mod blocks;
mod bots;
mod channels;
mod crash;
mod data;
mod drain;
mod durable_ack;
mod embedded_only;
mod erasures;
mod exactly_once;
mod faults;
mod foreign;
mod guilds;
mod health;
mod hidden;
mod invites;
mod limits;
mod logins;
mod moved;
mod one_order;
mod pause;
mod presence;
mod push;
mod read_your_writes;
mod resume;
mod resync;
mod revocation;
mod revocation_races;
mod rules;
mod sender_order;
mod slow_reader;
mod text;
mod typing;
mod whole_guild;
