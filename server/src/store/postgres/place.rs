//! The server: its address, what every session of ours is set to, and the schema.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};
use tokio::time::timeout;

use super::codec::Columns;
use super::failure::{self, OpenError};
use super::{Options, archive};

/// The schema, one file per version.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a piece of work waits for a connection; then it is refused as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the first connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection lives: after a change of the primary, none leads to the old one for longer.
const LIFETIME: Duration = Duration::from_secs(30 * 60);
/// How long one that nobody uses lives.
const IDLE: Duration = Duration::from_secs(10 * 60);
/// How many prepared statements a connection keeps; there are fewer.
const STATEMENTS_MAX: usize = 256;
/// `server_version_num` of the oldest server that knows transactions by 64 bits.
const OLDEST: i64 = 130_000;

/// What each session is set to, whatever the server, the database or the role say.
const SESSION: [(&str, &str); 16] = [
    // Nothing is acknowledged that a crash can undo.
    ("synchronous_commit", "on"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "off"),
    ("statement_timeout", "5s"),
    // A node that is stopped in the middle of a transaction, or vanishes, does not hold its locks for long.
    ("idle_in_transaction_session_timeout", "5s"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "3"),
    ("tcp_keepalives_count", "3"),
    // Every statement goes by key. A plan is made once per connection, without looking at the arguments, and must not
    // depend on how small a table was when it was made.
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("enable_material", "off"),
    ("jit", "off"),
    ("timezone", "UTC"),
];

/// An address that was read, and how it is named to people.
pub(super) struct Place {
    connect: PgConnectOptions,
    /// Host, port and database; no password.
    pub(super) name: String,
}

impl Place {
    /// Reads an address.
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        let connect: PgConnectOptions = url.parse().map_err(|source: sqlx::Error| OpenError::Address(source.into()))?;
        let database = connect.get_database().unwrap_or_else(|| connect.get_username());
        let name = format!("{}:{}/{database}", connect.get_host(), connect.get_port());
        let connect = connect
            .application_name("guildhall")
            .options(SESSION)
            .statement_cache_capacity(STATEMENTS_MAX)
            .disable_statement_logging();
        Ok(Self { connect, name })
    }

    /// Looks at the server and brings the schema to this version, or refuses a newer one. Of several nodes that do so
    /// at once, one works and the others wait. Unless `half_moved` are wanted, those are refused.
    pub(super) async fn migrate(&self, half_moved: bool) -> Result<(), OpenError> {
        let mut connection = self.patient("guildhall").await?;
        let mut result = self.migrate_on(&mut connection).await;
        if result.is_ok() && !half_moved {
            result = match archive::is_half_moved(&mut connection).await {
                Ok(false) => Ok(()),
                Ok(true) => Err(OpenError::HalfMoved { place: self.name.clone() }),
                Err(source) => Err(OpenError::sqlx(&self.name, source)),
            };
        }
        let _ = connection.close().await;
        result
    }

    /// A connection by itself, on which a statement may take as long as it takes.
    pub(super) async fn patient(&self, application: &str) -> Result<PgConnection, OpenError> {
        // The last of two wins.
        let patient = self.connect.clone().application_name(application).options([
            ("statement_timeout", "0"),
            ("idle_in_transaction_session_timeout", "0"),
            ("plan_cache_mode", "auto"),
        ]);
        let connected = timeout(CONNECT_TIMEOUT, patient.connect()).await;
        let connected = connected.unwrap_or_else(|_| Err(failure::timed_out()));
        connected.map_err(|source| OpenError::sqlx(&self.name, source))
    }

    async fn migrate_on(&self, on: &mut PgConnection) -> Result<(), OpenError> {
        let look = "SELECT current_setting('server_encoding'), current_setting('server_version'),
                           current_setting('server_version_num')::bigint";
        let sqlx = |source| OpenError::sqlx(&self.name, source);
        let row = sqlx::query(look).fetch_one(&mut *on).await.map_err(sqlx)?;
        let mut columns = Columns::of(&row);
        let encoding: String = columns.get().map_err(sqlx)?;
        let version: String = columns.get().map_err(sqlx)?;
        let number: i64 = columns.get().map_err(sqlx)?;
        if encoding != "UTF8" {
            return Err(OpenError::Encoding { place: self.name.clone(), encoding });
        }
        if number < OLDEST {
            return Err(OpenError::Version { place: self.name.clone(), version });
        }
        MIGRATIONS.run_direct(None, on, false).await.map_err(|source| OpenError::migrate(&self.name, source))
    }

    /// The connections.
    pub(super) async fn pool(self, options: &Options) -> Result<PgPool, OpenError> {
        PgPoolOptions::new()
            .min_connections(1)
            .max_connections(options.max_connections.max(2))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(IDLE)
            .max_lifetime(LIFETIME)
            // A dead one is found out by using it, which costs no round trip.
            .test_before_acquire(false)
            .connect_with(self.connect)
            .await
            .map_err(|source| OpenError::sqlx(&self.name, source))
    }
}
