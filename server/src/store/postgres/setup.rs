//! The code that makes the first administrator: its digest, while it is open.

use sqlx::postgres::PgConnection;

use crate::store::Taken;

/// Opens a code; the one before, if any, is closed by that.
pub(super) async fn set(on: &mut PgConnection, digest: &[u8; 32]) -> sqlx::Result<()> {
    let replace = sqlx::query(
        "INSERT INTO setup (id, digest) VALUES (1, $1)
                                ON CONFLICT (id) DO UPDATE SET digest = excluded.digest",
    );
    replace.bind(digest.as_slice()).execute(on).await.map(drop)
}

/// Uses the code up, if it is this one.
pub(super) async fn take(on: &mut PgConnection, digest: &[u8; 32]) -> sqlx::Result<Option<Taken>> {
    let delete = sqlx::query("DELETE FROM setup WHERE digest = $1");
    let deleted = delete.bind(digest.as_slice()).execute(on).await?;
    Ok((deleted.rows_affected() == 0).then_some(Taken::SetupCode))
}
