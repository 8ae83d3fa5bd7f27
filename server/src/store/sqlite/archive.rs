//! The tables as rows of any kind, for moving everything from or into another engine. Over a connection of its own, for
//! nobody else works on the file then. Names of tables and columns come out of the schema alone.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Sqlite};

use super::codec::{self, Columns};
use super::failure::{self, OpenError};
use super::place;
use crate::store::archive::{Column, Kind, Mark, Row, Table, Tables, Value};
use crate::store::{Error, Result};

/// Arguments of one statement; SQLite takes twice as many.
const ARGUMENTS_MAX: usize = 16_000;

/// The tables of a data directory.
pub struct Archive {
    connection: SqliteConnection,
}

type Query<'a> = sqlx::query::Query<'a, Sqlite, SqliteArguments>;

impl Archive {
    /// Of a directory that is open.
    ///
    /// # Errors
    /// The file cannot be opened once more.
    pub async fn open(directory: &Path) -> std::result::Result<Self, OpenError> {
        let connection = place::write_options(directory).connect().await;
        Ok(Self { connection: connection.map_err(|source| OpenError::sqlx(directory, source))? })
    }

    async fn columns(&mut self, table: &str) -> sqlx::Result<Table> {
        let select = sqlx::query("SELECT name, type, pk FROM pragma_table_info(?1) ORDER BY name").bind(table);
        let (mut columns, mut key) = (Vec::new(), Vec::new());
        for (at, row) in select.fetch_all(&mut self.connection).await?.iter().enumerate() {
            let mut row = Columns::of(row);
            let (name, kind): (String, String) = (row.get()?, row.get()?);
            let kind = match kind.as_str() {
                "INTEGER" => Kind::Number,
                "TEXT" => Kind::Text,
                "BLOB" => Kind::Bytes,
                other => return Err(row.wrong(&format!("{table}.{name}: a column of {other} cannot be moved"))),
            };
            let place: i64 = row.get()?;
            if place > 0 {
                key.push((place, at));
            }
            columns.push(Column { name, kind });
        }
        key.sort_unstable();
        Ok(Table { name: table.to_owned(), columns, key: key.into_iter().map(|(_, at)| at).collect() })
    }

    async fn add_some(&mut self, table: &Table, rows: &[Row]) -> sqlx::Result<()> {
        let names = names(table.columns.iter());
        let row = format!("({})", vec!["?"; table.columns.len()].join(", "));
        let values = vec![row; rows.len()].join(", ");
        let insert = format!("INSERT INTO \"{}\" ({names}) VALUES {values} ON CONFLICT DO NOTHING", table.name);
        let query = sqlx::query(AssertSqlSafe(insert)).persistent(false);
        let query = rows.iter().flatten().fold(query, bind);
        query.execute(&mut self.connection).await.map(drop)
    }
}

/// Whether the database is being filled from another store.
pub(super) async fn is_half_moved(on: &mut SqliteConnection) -> sqlx::Result<bool> {
    Ok(sqlx::query("SELECT 1 FROM moves").fetch_optional(on).await?.is_some())
}

/// Refuses a directory without a database, and makes nothing.
///
/// # Errors
/// There is none.
pub fn look_for(directory: &Path) -> std::result::Result<(), OpenError> {
    let missing = || OpenError::Missing { path: PathBuf::from(directory) };
    place::exists(directory).then_some(()).ok_or_else(missing)
}

#[async_trait]
impl Tables for Archive {
    async fn tables(&mut self, without: &[&str]) -> Result<Vec<Table>> {
        let select =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name";
        let rows = sqlx::query(select).fetch_all(&mut self.connection).await.map_err(failure::error)?;
        let mut tables = Vec::new();
        for row in &rows {
            let name: String = Columns::of(row).get().map_err(failure::error)?;
            if !without.contains(&name.as_str()) {
                tables.push(self.columns(&name).await.map_err(failure::error)?);
            }
        }
        Ok(tables)
    }

    async fn count(&mut self, table: &Table) -> Result<u64> {
        let select = format!("SELECT count(*) FROM \"{}\"", table.name);
        let row = sqlx::query(AssertSqlSafe(select)).fetch_one(&mut self.connection).await.map_err(failure::error)?;
        Columns::of(&row).id().map_err(failure::error)
    }

    async fn rows(&mut self, table: &Table, after: Option<&Row>, limit: usize) -> Result<Vec<Row>> {
        let (all, key) = (names(table.columns.iter()), names(table.key.iter().map(|at| &table.columns[*at])));
        let behind = match after {
            Some(_) => format!("WHERE ({key}) > ({})", vec!["?"; table.key.len()].join(", ")),
            None => String::new(),
        };
        let name = &table.name;
        let select = format!("SELECT {all} FROM \"{name}\" {behind} ORDER BY {key} LIMIT {}", codec::limit(limit));
        let query = sqlx::query(AssertSqlSafe(select));
        let last = after.iter().flat_map(|row| table.key.iter().map(|at| &row[*at]));
        let query = last.fold(query, bind);
        let rows = query.fetch_all(&mut self.connection).await.map_err(failure::error)?;
        let read = |row| {
            let mut columns = Columns::of(row);
            table.columns.iter().map(|column| value(&mut columns, column.kind)).collect::<sqlx::Result<Row>>()
        };
        rows.iter().map(read).collect::<sqlx::Result<_>>().map_err(failure::error)
    }

    async fn add(&mut self, table: &Table, rows: &[Row]) -> Result<()> {
        for some in rows.chunks((ARGUMENTS_MAX / table.columns.len().max(1)).max(1)) {
            self.add_some(table, some).await.map_err(failure::error)?;
        }
        Ok(())
    }

    async fn clear(&mut self, table: &Table) -> Result<()> {
        let delete = format!("DELETE FROM \"{}\"", table.name);
        let done = sqlx::query(AssertSqlSafe(delete)).execute(&mut self.connection).await;
        done.map(drop).map_err(failure::error)
    }

    async fn mark(&mut self) -> Result<Option<Mark>> {
        let row = sqlx::query("SELECT picture, keyspace FROM moves").fetch_optional(&mut self.connection).await;
        let Some(row) = row.map_err(failure::error)? else { return Ok(None) };
        let mut columns = Columns::of(&row);
        let read = |columns: &mut Columns<'_>| Ok(Mark { picture: columns.get()?, keyspace: columns.get()? });
        read(&mut columns).map(Some).map_err(|error: sqlx::Error| Error::Corrupt(error.to_string()))
    }

    async fn set_mark(&mut self, mark: Option<&Mark>) -> Result<()> {
        let query = match mark {
            Some(mark) => sqlx::query("INSERT INTO moves (id, picture, keyspace) VALUES (1, ?1, ?2)")
                .bind(mark.picture.clone())
                .bind(mark.keyspace.clone()),
            None => sqlx::query("DELETE FROM moves"),
        };
        query.execute(&mut self.connection).await.map(drop).map_err(failure::error)
    }
}

fn names<'a>(columns: impl Iterator<Item = &'a Column>) -> String {
    columns.map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ")
}

fn bind<'a>(query: Query<'a>, value: &Value) -> Query<'a> {
    match value {
        Value::None => query.bind(None::<i64>),
        Value::Number(number) => query.bind(*number),
        Value::Text(text) => query.bind(text.clone()),
        Value::Bytes(bytes) => query.bind(bytes.clone()),
    }
}

fn value(columns: &mut Columns<'_>, kind: Kind) -> sqlx::Result<Value> {
    if columns.is_null()? {
        columns.skip(1);
        return Ok(Value::None);
    }
    Ok(match kind {
        Kind::Number | Kind::Flag => Value::Number(columns.get()?),
        Kind::Text => Value::Text(columns.get()?),
        Kind::Bytes => Value::Bytes(columns.get()?),
    })
}
