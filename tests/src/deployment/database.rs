//! A look into the database of a deployment that stores in SQLite: what SQLite itself says of it.

use std::fs;

use rusqlite::Connection;
use tempfile::TempDir;

use super::{Deployment, Kind};

const DATABASE: &str = "guildhall.db";

impl Deployment {
    /// That its database is sound, as far as the engine itself can tell; nothing may be running. Postgres and Cassandra
    /// outlive their clients and are not asked.
    ///
    /// # Panics
    /// If it is not.
    pub fn assert_sound(&self, when: &str) {
        if self.kind() == Kind::Embedded {
            assert_eq!(self.pragma("integrity_check"), ["ok"], "{when}");
            assert_eq!(self.pragma("foreign_key_check"), Vec::<String>::new(), "{when}");
        }
    }

    /// What a pragma answers, line by line. A copy is asked, so that looking changes nothing; while the server writes, a
    /// copy is good for settings only.
    ///
    /// # Panics
    /// If the database cannot be opened.
    pub fn pragma(&self, name: &str) -> Vec<String> {
        let copy = TempDir::with_prefix("guildhall-it-copy-").expect("a temporary directory");
        for file in [DATABASE.to_owned(), format!("{DATABASE}-wal")] {
            let original = self.data_dir().join(&file);
            if original.exists() {
                fs::copy(original, copy.path().join(file)).expect("a copy");
            }
        }
        let connection = Connection::open(copy.path().join(DATABASE)).expect("a database");
        let mut statement = connection.prepare(&format!("PRAGMA {name}")).expect("a pragma");
        let rows = statement.query_map([], |row| row.get::<_, rusqlite::types::Value>(0)).expect("an answer");
        rows.map(|value| match value.expect("a row") {
            rusqlite::types::Value::Text(text) => text,
            other => format!("{other:?}"),
        })
        .collect()
    }
}
