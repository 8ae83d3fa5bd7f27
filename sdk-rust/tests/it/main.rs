//! Tests of the SDK from outside: against a server that follows a script, and against the real one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod people;
mod scripted;
mod support;

mod against_server;
mod calls;
mod files;
mod holes;
mod limited;
mod reconnecting;
mod sending;
mod slow_program;
mod subscribing;
