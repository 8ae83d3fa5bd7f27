//! A Postgres server for unit tests: the one that `TEST_PG_URL` names, else a private one, started once per test process
//! and ended with it.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use uuid::Uuid;

/// Runs until its standard input ends, and that is held by the test process alone: however it dies, the server does.
/// Postgres refuses root; then it runs as its own user.
const SCRIPT: &str = r#"
set -e
B=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
D=$(mktemp -d /tmp/guildhall-pg.XXXXXX)
trap : INT TERM HUP
trap 'rm -rf "$D"' EXIT
AS=
if [ "$(id -u)" = 0 ]; then AS="setpriv --reuid=postgres --regid=postgres --init-groups"; chown postgres "$D"; fi
$AS "$B/initdb" -D "$D/data" -U app -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
$AS "$B/postgres" -D "$D/data" -h 127.0.0.1 -p "$1" -k '' -c shared_buffers=32MB -c max_connections=100 -c fsync=off \
    -c autovacuum_naptime=1 >"$D/log" 2>&1 </dev/null &
P=$!
for i in $(seq 500); do "$B/pg_isready" -q -h 127.0.0.1 -p "$1" && break; sleep 0.02; done
echo ready
cat >/dev/null || :
kill -QUIT $P
wait $P || :
"#;

struct Server {
    url: String,
    /// Its input ends with this process.
    _script: Option<Child>,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| match std::env::var("TEST_PG_URL") {
    Ok(url) if !url.is_empty() => Server { url, _script: None },
    _ => start(),
});

fn start() -> Server {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let mut script = Command::new("sh")
        .args(["-c", SCRIPT, "sh", &port])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut said = String::new();
    let output = script.stdout.take().expect("its output");
    BufReader::new(output).read_line(&mut said).expect("a word from it");
    assert_eq!(said.trim(), "ready", "no Postgres: install it, or name one by TEST_PG_URL");
    Server { url: format!("postgres://app@127.0.0.1:{port}/postgres"), _script: Some(script) }
}

/// The server's address; its user may make databases.
pub(crate) fn url() -> &'static str {
    &SERVER.url
}

/// A new, empty database: its address.
pub(crate) async fn database() -> String {
    database_with("ENCODING 'UTF8'").await
}

/// The same, with other properties.
pub(crate) async fn database_with(properties: &str) -> String {
    let name = format!("t_{}", Uuid::new_v4().simple());
    let mut server = connect(url()).await;
    let create = format!("CREATE DATABASE {name} TEMPLATE template0 {properties}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut server).await.unwrap();
    server.close().await.unwrap();
    let (before, after) = url().split_once("://").unwrap();
    let (host, _) = after.split_once('/').unwrap_or((after, ""));
    format!("{before}://{host}/{name}")
}

/// A connection of its own.
pub(crate) async fn connect(url: &str) -> PgConnection {
    url.parse::<PgConnectOptions>().unwrap().connect().await.unwrap()
}
