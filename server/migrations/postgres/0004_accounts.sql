-- Deleted accounts stay as tombstones: what they wrote has an author, and their ids do not come back.
ALTER TABLE users ADD COLUMN delete_ms bigint;

CREATE INDEX users_bot_owner ON users (bot_owner_id) WHERE bot_owner_id IS NOT NULL;
CREATE INDEX guilds_owner ON guilds (owner_id);

-- Who does not want to hear of whom.
CREATE TABLE blocks (
    user_id bigint NOT NULL,
    blocked_id bigint NOT NULL,
    create_ms bigint NOT NULL,
    PRIMARY KEY (user_id, blocked_id)
);

CREATE INDEX blocks_blocked ON blocks (blocked_id);

-- The deleted accounts whose messages are still to be erased, and how far that is. `version` counts the changes of a row:
-- whoever works on one notices that somebody else does.
CREATE TABLE erasures (
    user_id bigint NOT NULL PRIMARY KEY,
    version bigint NOT NULL,
    begin_ms bigint NOT NULL,
    round bigint NOT NULL,
    channel_id bigint NOT NULL,
    message_id bigint NOT NULL,
    not_before_ms bigint NOT NULL
);

CREATE INDEX erasures_due ON erasures (not_before_ms);
