//! Postgres: many nodes over one database.

pub mod nodes;
