-- Ids, epochs and fingerprints are u64 in the code; a column holds the same 64 bits as a signed integer. Times are Unix
-- milliseconds. There are no foreign keys: on the logs they would cost a look-up per message, and everything that
-- refers to something is removed by name in the transaction that removes it.

-- A stream is that of a channel (1), a guild (2) or a user (3). The id leads the key: of a kind there are many.
CREATE TABLE streams (
    id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    head INTEGER NOT NULL DEFAULT 0,
    closed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (id, kind)
) STRICT, WITHOUT ROWID;

-- The channels that were deleted and whose rows are still to be erased.
CREATE INDEX streams_closed ON streams (id, kind) WHERE closed = 1;

-- What happened in channels: a message was created (1), edited (2) or deleted (3). The text is not in here.
CREATE TABLE log (
    channel_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    actor_id INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    guild_seq INTEGER NOT NULL,
    PRIMARY KEY (channel_id, seq)
) STRICT, WITHOUT ROWID;

-- Messages as they are now, without deleted ones: a page is a walk along the primary key, however many were deleted.
CREATE TABLE messages (
    channel_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    author_id INTEGER NOT NULL,
    content TEXT NOT NULL,
    nonce BLOB NOT NULL,
    fingerprint INTEGER NOT NULL,
    reply_to INTEGER,
    create_ms INTEGER NOT NULL,
    edit_ms INTEGER,
    PRIMARY KEY (channel_id, message_id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX messages_nonce ON messages (channel_id, author_id, nonce);

-- What is left of deleted messages: no text and no digest of it, but the nonce, so that a late retry finds the original.
CREATE TABLE tombstones (
    channel_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    author_id INTEGER NOT NULL,
    nonce BLOB NOT NULL,
    reply_to INTEGER,
    create_ms INTEGER NOT NULL,
    edit_ms INTEGER,
    delete_ms INTEGER NOT NULL,
    PRIMARY KEY (channel_id, message_id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX tombstones_nonce ON tombstones (channel_id, author_id, nonce);

-- The streams of guilds and users.
CREATE TABLE events (
    kind INTEGER NOT NULL,
    stream_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    actor_id INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (kind, stream_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id INTEGER NOT NULL PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    avatar_url TEXT NOT NULL,
    custom_status TEXT NOT NULL,
    password_hash TEXT,
    bot_owner_id INTEGER,
    admin INTEGER NOT NULL,
    create_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX users_admin ON users (admin) WHERE admin = 1;

-- A person's (1) or a bot's (2) login session.
CREATE TABLE tokens (
    id INTEGER NOT NULL PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    user_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    device TEXT NOT NULL,
    create_ms INTEGER NOT NULL,
    last_used_ms INTEGER NOT NULL,
    expire_ms INTEGER
) STRICT;

CREATE INDEX tokens_user ON tokens (user_id, create_ms);

CREATE TABLE guilds (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    icon_url TEXT NOT NULL,
    owner_id INTEGER NOT NULL,
    create_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE members (
    guild_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    join_ms INTEGER NOT NULL,
    PRIMARY KEY (guild_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX members_user ON members (user_id, join_ms);

CREATE TABLE channels (
    id INTEGER NOT NULL PRIMARY KEY,
    guild_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind INTEGER NOT NULL,
    position INTEGER NOT NULL,
    parent_id INTEGER,
    topic TEXT NOT NULL,
    create_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX channels_guild ON channels (guild_id, position);
CREATE INDEX channels_parent ON channels (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE invites (
    code TEXT NOT NULL PRIMARY KEY,
    guild_id INTEGER NOT NULL,
    creator_id INTEGER NOT NULL,
    max_uses INTEGER NOT NULL,
    uses INTEGER NOT NULL,
    expire_ms INTEGER,
    create_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX invites_guild ON invites (guild_id, create_ms);

-- The digest of the code that makes an administrator, while it is open: at most one row.
CREATE TABLE setup (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    digest BLOB NOT NULL
) STRICT;
