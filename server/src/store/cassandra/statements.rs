//! All statements that run while the server does, prepared once.

use scylla::client::session::Session;
use scylla::errors::PrepareError;
use scylla::statement::prepared::PreparedStatement;

use super::Level;

/// The statements, by what they are for.
pub(super) struct Statements {
    /// The compare-and-set: new head, applied, channel, bucket, expected head (nothing: a new bucket).
    pub(super) move_head: PreparedStatement,
    /// A row of the log: channel, bucket, seq, kind, body, secret.
    pub(super) log: PreparedStatement,
    /// The same without a text.
    pub(super) log_bare: PreparedStatement,
    /// Head and applied of a bucket.
    pub(super) head: PreparedStatement,
    /// The same, after what is in flight was finished.
    pub(super) head_serial: PreparedStatement,
    /// Rows after a seq: head, applied, seq, kind, body.
    pub(super) read: PreparedStatement,
    /// The same with texts, from a seq to a seq: seq, kind, body, secret.
    pub(super) read_secrets: PreparedStatement,
    /// When texts were written.
    pub(super) secret_times: PreparedStatement,
    /// Erases a text.
    pub(super) erase_secret: PreparedStatement,
    /// When the head was written.
    pub(super) head_time: PreparedStatement,
    /// Erases the rows of a bucket.
    pub(super) erase_log: PreparedStatement,

    /// A new message.
    pub(super) create: PreparedStatement,
    /// One that was written out before, and whose text is gone from the log.
    pub(super) create_again: PreparedStatement,
    /// An edit.
    pub(super) edit: PreparedStatement,
    /// A deletion.
    pub(super) delete: PreparedStatement,
    /// Messages by id.
    pub(super) by_id: PreparedStatement,
    /// Messages below an id, the newest first.
    pub(super) below: PreparedStatement,
    /// Messages from an id on.
    pub(super) from: PreparedStatement,
    /// Which edits' texts may be in the log.
    pub(super) texts: PreparedStatement,
    /// Those are not any more.
    pub(super) texts_gone: PreparedStatement,
    /// The hint on the newest bucket.
    pub(super) newest: PreparedStatement,
    /// Sets it.
    pub(super) set_newest: PreparedStatement,
    /// Erases the messages of a bucket.
    pub(super) erase_messages: PreparedStatement,

    /// A nonce.
    pub(super) nonce: PreparedStatement,
    /// What nonces stand for.
    pub(super) nonces: PreparedStatement,
    /// Erases the nonces of a slot.
    pub(super) erase_nonces: PreparedStatement,

    /// A channel is to be deleted.
    pub(super) closing: PreparedStatement,
    /// Which are.
    pub(super) all_closing: PreparedStatement,
    /// An attempt has come to its end.
    pub(super) closed: PreparedStatement,
}

/// What a message is read by.
const MESSAGE: &str = "id, made, content, fingerprint, changed, guild_seq, edit_ms, delete_ms";
/// Attempts at deletion are kept for so long: a month.
const CLOSING_TTL_SECONDS: u32 = 30 * 24 * 3_600;

impl Statements {
    /// Prepares all of them.
    pub(super) async fn prepare(session: &Session, keyspace: &str, level: Level) -> Result<Self, PrepareError> {
        let prepare = |text: String| async move { session.prepare(text).await };
        let log = &format!("\"{keyspace}\".log");
        let messages = &format!("\"{keyspace}\".messages");
        let nonces = &format!("\"{keyspace}\".nonces");
        let closing = &format!("\"{keyspace}\".closing");
        let at = "WHERE channel = ? AND bucket = ?";
        let stamped = format!("UPDATE {messages} USING TIMESTAMP ? SET");
        let head = format!("SELECT head, applied FROM {log} {at} LIMIT 1");
        let insert = format!("INSERT INTO {log} (channel, bucket, seq, kind, body");
        let edit = "content = ?, edit_ms = ?, changed = ?, guild_seq = ?, texts = texts + ?";
        let delete = "content = null, fingerprint = null, delete_ms = ?, changed = ?";
        let find = "WHERE channel = ? AND slot = ? AND (author, nonce) IN ?";
        let mut head_serial = prepare(head.clone()).await?;
        head_serial.set_consistency(level.serial_read());
        Ok(Self {
            move_head: prepare(format!("UPDATE {log} SET head = ?, applied = ? {at} IF head = ?")).await?,
            log: prepare(format!("{insert}, secret) VALUES (?, ?, ?, ?, ?, ?)")).await?,
            log_bare: prepare(format!("{insert}) VALUES (?, ?, ?, ?, ?)")).await?,
            head: prepare(head).await?,
            head_serial,
            read: prepare(format!("SELECT head, applied, seq, kind, body FROM {log} {at} AND seq > ? LIMIT ?")).await?,
            read_secrets: prepare(format!(
                "SELECT seq, kind, body, secret FROM {log} {at} AND seq > ? AND seq <= ?"
            ))
            .await?,
            secret_times: prepare(format!("SELECT seq, writetime(secret) FROM {log} {at} AND seq IN ?")).await?,
            erase_secret: prepare(format!("DELETE secret FROM {log} USING TIMESTAMP ? {at} AND seq = ?")).await?,
            head_time: prepare(format!("SELECT writetime(head) FROM {log} {at} LIMIT 1")).await?,
            erase_log: prepare(format!("DELETE FROM {log} USING TIMESTAMP ? {at} AND seq > 0")).await?,
            create: prepare(format!(
                "{stamped} made = ?, content = ?, fingerprint = ? {at} AND id = ?"
            ))
            .await?,
            create_again: prepare(format!("{stamped} made = ? {at} AND id = ?")).await?,
            edit: prepare(format!("{stamped} {edit} {at} AND id = ?")).await?,
            delete: prepare(format!("{stamped} {delete} {at} AND id = ?")).await?,
            by_id: prepare(format!("SELECT {MESSAGE} FROM {messages} {at} AND id IN ?")).await?,
            below: prepare(format!("SELECT {MESSAGE} FROM {messages} {at} AND id < ? ORDER BY id DESC LIMIT ?")).await?,
            from: prepare(format!("SELECT {MESSAGE} FROM {messages} {at} AND id >= ? LIMIT ?")).await?,
            texts: prepare(format!("SELECT id, texts, delete_ms FROM {messages} {at} AND id IN ?")).await?,
            texts_gone: prepare(format!("{stamped} texts = texts - ? {at} AND id = ?")).await?,
            newest: prepare(format!("SELECT newest FROM {messages} WHERE channel = ? AND bucket = 0 LIMIT 1")).await?,
            set_newest: prepare(format!("{stamped} newest = ? WHERE channel = ? AND bucket = 0")).await?,
            erase_messages: prepare(format!("DELETE FROM {messages} USING TIMESTAMP ? {at}")).await?,
            nonce: prepare(format!(
                "UPDATE {nonces} USING TIMESTAMP ? SET seq = ? WHERE channel = ? AND slot = ? AND author = ? AND nonce = ?"
            ))
            .await?,
            nonces: prepare(format!("SELECT author, nonce, seq FROM {nonces} {find}")).await?,
            erase_nonces: prepare(format!("DELETE FROM {nonces} USING TIMESTAMP ? WHERE channel = ? AND slot = ?"))
                .await?,
            closing: prepare(format!(
                "INSERT INTO {closing} (shard, channel, attempt) VALUES (0, ?, ?) USING TTL {CLOSING_TTL_SECONDS}"
            ))
            .await?,
            all_closing: prepare(format!("SELECT channel, attempt FROM {closing} WHERE shard = 0")).await?,
            closed: prepare(format!("DELETE FROM {closing} WHERE shard = 0 AND channel = ? AND attempt = ?")).await?,
        })
    }
}
