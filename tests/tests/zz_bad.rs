#![allow(clippy::unwrap_used)]
#[path = "../it/bad_input/mod.rs"]
mod bad_input;
#[path = "../it/foreign.rs"]
mod foreign;
