//! The tables as rows of any kind, for moving everything from or into another engine. Over a connection of its own, which
//! keeps other moves away. Names of tables and columns come out of the schema alone.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{AssertSqlSafe, Postgres};
use tokio::time::{Instant, sleep};

use super::codec::{self, Columns};
use super::failure::{self, OpenError};
use super::place::Place;
use crate::store::archive::{Column, Kind, Mark, Row, Table, Tables, Value};
use crate::store::{Error, Result};

/// Arguments of one statement; Postgres takes twice as many.
const ARGUMENTS_MAX: usize = 32_000;
/// What moves of one database hold.
const LOCK: i64 = 0x6775_696c_6468_616c;
/// A node that died is on the list of nodes for so long, and a little.
const PATIENCE: Duration = Duration::from_secs(12);
/// Sessions of a server that is gone end sooner.
const SESSIONS_PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(100);

/// The tables of a database.
pub struct Archive {
    connection: PgConnection,
}

type Query<'a> = sqlx::query::Query<'a, Postgres, PgArguments>;

/// Sessions of servers in this database.
const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'guildhall' AND pid <> pg_backend_pid()";
const HAS_NODES: &str = "SELECT to_regclass('nodes') IS NOT NULL";
const NODES: &str = "SELECT count(*) FROM nodes WHERE expire_time > clock_timestamp()";

impl Archive {
    /// Takes a database for a move. It need not have tables yet; `postgres::open_to_fill` makes them.
    ///
    /// # Errors
    /// A server, or another move, works on it; it cannot be reached.
    pub async fn occupy(url: &str) -> std::result::Result<Self, OpenError> {
        let place = Place::parse(url)?;
        let mut archive = Self { connection: place.patient("guildhall move").await? };
        let failed = |source| OpenError::sqlx(&place.name, source);
        let lock = format!("SELECT pg_try_advisory_lock({LOCK})::int");
        if archive.number(&lock).await.map_err(failed)? == 0 {
            return Err(OpenError::Moving { place: place.name.clone() });
        }
        if archive.is_in_use().await.map_err(failed)? {
            return Err(OpenError::InUse { place: place.name.clone() });
        }
        Ok(archive)
    }

    async fn number(&mut self, select: &str) -> sqlx::Result<i64> {
        let row =
            sqlx::query(AssertSqlSafe(format!("SELECT ({select})::bigint"))).fetch_one(&mut self.connection).await?;
        Columns::of(&row).get()
    }

    /// As far as it can be known: by the sessions that are open, which servers name, and by the list of nodes.
    async fn is_in_use(&mut self) -> sqlx::Result<bool> {
        let begin = Instant::now();
        while self.number(SESSIONS).await? > 0 {
            if begin.elapsed() > SESSIONS_PATIENCE {
                return Ok(true);
            }
            sleep(PAUSE).await;
        }
        if self.number(&format!("SELECT ({HAS_NODES})::int")).await? == 0 {
            return Ok(false);
        }
        while self.number(NODES).await? > 0 {
            if begin.elapsed() > PATIENCE {
                return Ok(true);
            }
            sleep(PAUSE).await;
        }
        Ok(false)
    }

    async fn columns(&mut self, table: &str) -> sqlx::Result<Table> {
        let select = "SELECT a.attname::text, t.typname::text,
                   COALESCE(array_position(i.indkey::smallint[], a.attnum), -1)::bigint
            FROM pg_attribute AS a
            JOIN pg_type AS t ON t.oid = a.atttypid
            LEFT JOIN pg_index AS i ON i.indrelid = a.attrelid AND i.indisprimary
            WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY a.attname::text COLLATE \"C\"";
        let rows = sqlx::query(select).bind(format!("\"{table}\"")).fetch_all(&mut self.connection).await?;
        let (mut columns, mut key) = (Vec::new(), Vec::new());
        for (at, row) in rows.iter().enumerate() {
            let mut row = Columns::of(row);
            let (name, kind): (String, String) = (row.get()?, row.get()?);
            let kind = match kind.as_str() {
                "int2" | "int4" | "int8" => Kind::Number,
                "bool" => Kind::Flag,
                "text" => Kind::Text,
                "bytea" => Kind::Bytes,
                other => return Err(row.wrong(&format!("{table}.{name}: a column of {other} cannot be moved"))),
            };
            let place: i64 = row.get()?;
            if place >= 0 {
                key.push((place, at));
            }
            columns.push(Column { name, kind });
        }
        key.sort_unstable();
        Ok(Table { name: table.to_owned(), columns, key: key.into_iter().map(|(_, at)| at).collect() })
    }

    async fn add_some(&mut self, table: &Table, rows: &[Row]) -> sqlx::Result<()> {
        let names: Vec<String> = table.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
        let width = names.len();
        let row = |number: usize| {
            let arguments: Vec<String> = (1..=width).map(|at| format!("${}", number * width + at)).collect();
            format!("({})", arguments.join(", "))
        };
        let values: Vec<String> = (0..rows.len()).map(row).collect();
        let insert = format!(
            "INSERT INTO \"{}\" ({}) VALUES {} ON CONFLICT DO NOTHING",
            table.name,
            names.join(", "),
            values.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(insert)).persistent(false);
        for row in rows {
            for (value, column) in row.iter().zip(&table.columns) {
                query = bind(query, value, column.kind);
            }
        }
        query.execute(&mut self.connection).await.map(drop)
    }
}

/// Whether the database is being filled from another store.
pub(super) async fn is_half_moved(on: &mut PgConnection) -> sqlx::Result<bool> {
    Ok(sqlx::query("SELECT 1 FROM moves").fetch_optional(on).await?.is_some())
}

#[async_trait]
impl Tables for Archive {
    async fn tables(&mut self, without: &[&str]) -> Result<Vec<Table>> {
        let select = "SELECT c.relname::text FROM pg_class AS c
            WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
            ORDER BY c.relname::text COLLATE \"C\"";
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
        let count = self.number(&format!("SELECT count(*) FROM \"{}\"", table.name)).await.map_err(failure::error)?;
        Ok(count.cast_unsigned())
    }

    async fn rows(&mut self, table: &Table, after: Option<&Row>, limit: usize) -> Result<Vec<Row>> {
        let all: Vec<String> = table.columns.iter().map(selected).collect();
        let key: Vec<String> = table.key.iter().map(|at| ordered(&table.columns[*at])).collect();
        let arguments: Vec<String> = (1..=key.len()).map(|at| format!("${at}")).collect();
        let key = key.join(", ");
        let behind = match after {
            Some(_) => format!("WHERE ({key}) > ({})", arguments.join(", ")),
            None => String::new(),
        };
        let select = format!(
            "SELECT {} FROM \"{}\" {behind} ORDER BY {key} LIMIT {}",
            all.join(", "),
            table.name,
            codec::limit(limit)
        );
        let mut query = sqlx::query(AssertSqlSafe(select));
        for at in table.key.iter().filter(|_| after.is_some()) {
            let value = after.and_then(|row| row.get(*at)).unwrap_or(&Value::None);
            query = bind(query, value, table.columns[*at].kind);
        }
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
            Some(mark) => sqlx::query("INSERT INTO moves (id, picture, keyspace) VALUES (1, $1, $2)")
                .bind(mark.picture.clone())
                .bind(mark.keyspace.clone()),
            None => sqlx::query("DELETE FROM moves"),
        };
        query.execute(&mut self.connection).await.map(drop).map_err(failure::error)
    }
}

/// As it is read.
fn selected(column: &Column) -> String {
    let name = &column.name;
    match column.kind {
        Kind::Number => format!("\"{name}\"::bigint"),
        Kind::Flag => format!("\"{name}\"::int::bigint"),
        Kind::Text | Kind::Bytes => format!("\"{name}\""),
    }
}

/// As it is sorted by: bytes of texts, like everywhere.
fn ordered(column: &Column) -> String {
    let name = &column.name;
    match column.kind {
        Kind::Text => format!("\"{name}\" COLLATE \"C\""),
        Kind::Number | Kind::Flag | Kind::Bytes => format!("\"{name}\""),
    }
}

fn bind<'a>(query: Query<'a>, value: &Value, kind: Kind) -> Query<'a> {
    match (value, kind) {
        (Value::Number(number), Kind::Flag) => query.bind(*number != 0),
        (Value::Number(number), _) => query.bind(*number),
        (Value::Text(text), _) => query.bind(codec::text(text).into_owned()),
        (Value::Bytes(bytes), _) => query.bind(bytes.clone()),
        (Value::None, Kind::Number) => query.bind(None::<i64>),
        (Value::None, Kind::Flag) => query.bind(None::<bool>),
        (Value::None, Kind::Text) => query.bind(None::<String>),
        (Value::None, Kind::Bytes) => query.bind(None::<Vec<u8>>),
    }
}

fn value(columns: &mut Columns<'_>, kind: Kind) -> sqlx::Result<Value> {
    if columns.is_null()? {
        columns.skip(1);
        return Ok(Value::None);
    }
    Ok(match kind {
        Kind::Number | Kind::Flag => Value::Number(columns.get()?),
        Kind::Text => Value::Text(columns.text()?),
        Kind::Bytes => Value::Bytes(columns.get()?),
    })
}
