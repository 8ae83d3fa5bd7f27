//! The built command line against a real server: what scripts rely on. One test binary, one file for each promise.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod account;
mod call;
mod exec;
mod forward;
mod listen;
mod nouns;
mod rights;
mod send;
mod shell;
mod world;
