-- Deleted accounts stay as tombstones: what they wrote has an author, and their ids do not come back.
ALTER TABLE users ADD COLUMN delete_ms INTEGER;

CREATE INDEX users_bot_owner ON users (bot_owner_id) WHERE bot_owner_id IS NOT NULL;
CREATE INDEX guilds_owner ON guilds (owner_id);

-- Who does not want to hear of whom.
CREATE TABLE blocks (
    user_id INTEGER NOT NULL,
    blocked_id INTEGER NOT NULL,
    create_ms INTEGER NOT NULL,
    PRIMARY KEY (user_id, blocked_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX blocks_blocked ON blocks (blocked_id);

-- The deleted accounts whose messages are still to be erased, and how far that is. `version` counts the changes of a row:
-- whoever works on one notices that somebody else does.
CREATE TABLE erasures (
    user_id INTEGER NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    begin_ms INTEGER NOT NULL,
    round INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    not_before_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX erasures_due ON erasures (not_before_ms);
