//! LISTEN and NOTIFY: words between the nodes of one database. They may be lost; nothing may depend on them.

use sqlx::postgres::{PgListener, PgRow};

use super::{
    Postgres, failure,
    link::{Link, Query},
};
use crate::store::Result;

/// The one channel that all nodes listen to.
const CHANNEL: &str = "guildhall";
/// A word longer than this is refused by the server, in bytes.
pub const WORD_MAX: usize = 7_900;

/// Nobody waits for the disk because of a word.
const SEND: &str = "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)";

/// Says and hears words.
#[derive(Clone)]
pub struct Notify(Link);

/// Hears words, over a connection of its own out of the pool.
pub struct Listener(PgListener);

impl Postgres {
    /// The words between the nodes.
    pub fn notify(&self) -> Notify {
        Notify(self.engine.link.clone())
    }
}

impl Notify {
    /// Says a word to all who listen at this moment, this node among them.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn send(&self, word: String) -> Result<()> {
        let send = sqlx::query(SEND).bind(CHANNEL).bind(word);
        run(&self.0, send).await.map(drop)
    }

    /// Begins to listen.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn listen(&self) -> Result<Listener> {
        let mut listener = PgListener::connect_with(self.0.pool()).await.map_err(failure::error)?;
        // Whoever listens must know that something was missed.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await.map_err(failure::error)?;
        Ok(Listener(listener))
    }
}

impl Listener {
    /// The next word; `None`: the connection is gone, and with it words that nobody knows of.
    pub async fn next(&mut self) -> Option<String> {
        match self.0.try_recv().await {
            Ok(word) => word.map(|word| word.payload().to_owned()),
            Err(_) => None,
        }
    }
}

/// Runs one statement, once.
pub(super) async fn run(link: &Link, query: Query) -> Result<Vec<PgRow>> {
    let rows = async { link.lease().await?.fetch(query).await };
    rows.await.map_err(failure::error)
}
