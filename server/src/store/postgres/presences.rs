//! Who is there, as each node says it. A node's rows count for as long as it says that it lives.

use guildhall_proto::ids::{GuildId, UserId};

use super::{Postgres, codec, failure, link::Link, notify::run};
use crate::store::Result;

/// How one node shows one user; what it says is none of this room's business.
#[derive(Clone, Debug)]
pub struct PresenceRow {
    /// The node.
    pub node: u64,
    /// The user.
    pub user: UserId,
    /// Where the user is shown.
    pub guilds: Vec<GuildId>,
    /// What the node says.
    pub record: Vec<u8>,
}

/// The rows of all nodes.
#[derive(Clone)]
pub struct Presences(Link);

/// Whether the node was known to live before. The inner query sees the row as it was.
const BEAT: &str = "
INSERT INTO presence_nodes (node, expires) VALUES ($1, now() + $2 * interval '1 second')
ON CONFLICT (node) DO UPDATE SET expires = excluded.expires
RETURNING coalesce((SELECT p.expires > now() FROM presence_nodes AS p WHERE p.node = $1), false)";

/// A node whose beat is late may come back, and believes that its rows are there.
const PRUNE: &str = "
WITH dead AS (DELETE FROM presence_nodes WHERE expires < now() RETURNING node)
DELETE FROM presences WHERE node IN (SELECT node FROM dead)
                         OR NOT EXISTS (SELECT FROM presence_nodes AS n WHERE n.node = presences.node)";

const WRITE: &str = "
INSERT INTO presences (user_id, node, guilds, record)
SELECT j.user_id, j.node, j.guilds::bigint[], j.record
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bytea[]) AS j (user_id, node, guilds, record)
ON CONFLICT (user_id, node) DO UPDATE SET guilds = excluded.guilds, record = excluded.record";

const IN_GUILD: &str = "
SELECT p.record FROM presences AS p JOIN presence_nodes AS n USING (node)
WHERE n.expires > now() AND p.guilds @> ARRAY[$1::bigint]";

const OF_USER: &str = "
SELECT p.record FROM presences AS p JOIN presence_nodes AS n USING (node) WHERE n.expires > now() AND p.user_id = $1";

impl Postgres {
    /// Who is there.
    pub fn presences(&self) -> Presences {
        Presences(self.engine.link.clone())
    }
}

impl Presences {
    /// A node lives for some seconds more. `false`: it had been forgotten, with all its rows.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn beat(&self, node: u64, life_s: u32) -> Result<bool> {
        let beat = sqlx::query(BEAT).bind(codec::id(node)).bind(f64::from(life_s));
        let rows = run(&self.0, beat).await?;
        let known = rows.first().map(|row| codec::Columns::of(row).get()).transpose().map_err(failure::error)?;
        run(&self.0, sqlx::query(PRUNE)).await?;
        Ok(known.unwrap_or(false))
    }

    /// Writes rows, in place of older ones.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn write(&self, rows: &[PresenceRow]) -> Result<()> {
        let users: Vec<i64> = rows.iter().map(|row| codec::id(row.user)).collect();
        let nodes: Vec<i64> = rows.iter().map(|row| codec::id(row.node)).collect();
        let guilds: Vec<String> = rows.iter().map(|row| array(&row.guilds)).collect();
        let records: Vec<Vec<u8>> = rows.iter().map(|row| row.record.clone()).collect();
        let write = sqlx::query(WRITE).bind(users).bind(nodes).bind(guilds).bind(records);
        run(&self.0, write).await.map(drop)
    }

    /// Takes a node's rows of users away.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn delete(&self, node: u64, users: &[UserId]) -> Result<()> {
        let delete = sqlx::query("DELETE FROM presences WHERE node = $1 AND user_id = ANY($2)");
        let delete = delete.bind(codec::id(node)).bind(codec::ids(users));
        run(&self.0, delete).await.map(drop)
    }

    /// What living nodes say of a guild's members.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn in_guild(&self, guild: GuildId) -> Result<Vec<Vec<u8>>> {
        self.records(IN_GUILD, codec::id(guild)).await
    }

    /// What living nodes say of a user.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn of_user(&self, user: UserId) -> Result<Vec<Vec<u8>>> {
        self.records(OF_USER, codec::id(user)).await
    }

    /// A node ends.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn leave(&self, node: u64) -> Result<()> {
        let leave = "WITH gone AS (DELETE FROM presence_nodes WHERE node = $1) DELETE FROM presences WHERE node = $1";
        run(&self.0, sqlx::query(leave).bind(codec::id(node))).await.map(drop)
    }

    async fn records(&self, select: &'static str, id: i64) -> Result<Vec<Vec<u8>>> {
        let rows = self.0.rows(|| sqlx::query(select).bind(id)).await.map_err(failure::error)?;
        rows.iter().map(|row| codec::Columns::of(row).get().map_err(failure::error)).collect()
    }
}

/// An array as Postgres writes it: those of different lengths cannot go in one.
fn array(guilds: &[GuildId]) -> String {
    let ids: Vec<String> = guilds.iter().map(|guild| codec::id(*guild).to_string()).collect();
    format!("{{{}}}", ids.join(","))
}
