-- Ids, epochs and fingerprints are u64 in the code; a column holds the same 64 bits as a signed integer. Times are Unix
-- milliseconds. There are no foreign keys: on the logs they would cost a look-up per message, and everything that
-- refers to something is removed by name in the transaction that removes it.

-- A stream is that of a channel (1), a guild (2) or a user (3). The id leads the key: of a kind there are many. A head
-- changes with every append: half-full pages let the new version of a row lie beside the old one, so that no index has
-- to know of it.
CREATE TABLE streams (
    id bigint NOT NULL,
    kind smallint NOT NULL,
    epoch bigint NOT NULL,
    head bigint NOT NULL DEFAULT 0,
    closed boolean NOT NULL DEFAULT FALSE,
    PRIMARY KEY (id, kind)
) WITH (fillfactor = 50);

-- The channels that were deleted and whose rows are still to be erased.
CREATE INDEX streams_closed ON streams (id) WHERE kind = 1 AND closed;

-- What happened in channels: a message was created (1), edited (2) or deleted (3). The text is not in here.
CREATE TABLE log (
    channel_id bigint NOT NULL,
    seq bigint NOT NULL,
    message_id bigint NOT NULL,
    actor_id bigint NOT NULL,
    time_ms bigint NOT NULL,
    guild_seq bigint NOT NULL,
    kind smallint NOT NULL,
    PRIMARY KEY (channel_id, seq)
);

-- Messages as they are now, without deleted ones: a page is a walk along the primary key, however many were deleted.
CREATE TABLE messages (
    channel_id bigint NOT NULL,
    message_id bigint NOT NULL,
    author_id bigint NOT NULL,
    fingerprint bigint NOT NULL,
    reply_to bigint,
    create_ms bigint NOT NULL,
    edit_ms bigint,
    -- The seq of the guild's stream under which it was written or last edited: whoever shows it must know the rights at
    -- least as of there.
    guild_seq bigint NOT NULL,
    nonce bytea NOT NULL,
    content text NOT NULL,
    PRIMARY KEY (channel_id, message_id)
);

CREATE UNIQUE INDEX messages_nonce ON messages (channel_id, author_id, nonce);

-- What is left of deleted messages: no text and no digest of it, but the nonce, so that a late retry finds the original.
CREATE TABLE tombstones (
    channel_id bigint NOT NULL,
    message_id bigint NOT NULL,
    author_id bigint NOT NULL,
    reply_to bigint,
    create_ms bigint NOT NULL,
    edit_ms bigint,
    delete_ms bigint NOT NULL,
    nonce bytea NOT NULL,
    PRIMARY KEY (channel_id, message_id)
);

CREATE UNIQUE INDEX tombstones_nonce ON tombstones (channel_id, author_id, nonce);

-- The streams of guilds and users.
CREATE TABLE events (
    kind smallint NOT NULL,
    stream_id bigint NOT NULL,
    seq bigint NOT NULL,
    actor_id bigint NOT NULL,
    time_ms bigint NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (kind, stream_id, seq)
);

-- What nodes must drop from their memory: a login ended (1), the tokens of a user end (2), a profile changed (3). `xid`
-- is the transaction that wrote it: transactions end in another order than they begin, and by its number a reader
-- knows which ones it may still have to wait for.
CREATE TABLE notices (
    xid bigint NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    kind smallint NOT NULL,
    subject_id bigint NOT NULL,
    expire_ms bigint NOT NULL,
    written timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (xid, id)
);

-- Texts that are compared are compared byte by byte.
CREATE TABLE users (
    id bigint NOT NULL PRIMARY KEY,
    username text COLLATE "C" NOT NULL UNIQUE,
    display_name text NOT NULL,
    avatar_url text NOT NULL,
    custom_status text NOT NULL,
    password_hash text,
    bot_owner_id bigint,
    admin boolean NOT NULL,
    create_ms bigint NOT NULL
);

CREATE INDEX users_admin ON users (admin) WHERE admin;

-- A person's (1) or a bot's (2) login session.
CREATE TABLE tokens (
    id bigint NOT NULL PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    user_id bigint NOT NULL,
    kind smallint NOT NULL,
    device text NOT NULL,
    create_ms bigint NOT NULL,
    last_used_ms bigint NOT NULL,
    expire_ms bigint
) WITH (fillfactor = 80);

CREATE INDEX tokens_user ON tokens (user_id, create_ms);

CREATE TABLE guilds (
    id bigint NOT NULL PRIMARY KEY,
    name text NOT NULL,
    icon_url text NOT NULL,
    owner_id bigint NOT NULL,
    create_ms bigint NOT NULL
);

CREATE TABLE members (
    guild_id bigint NOT NULL,
    user_id bigint NOT NULL,
    join_ms bigint NOT NULL,
    PRIMARY KEY (guild_id, user_id)
);

CREATE INDEX members_user ON members (user_id, join_ms);

CREATE TABLE channels (
    id bigint NOT NULL PRIMARY KEY,
    guild_id bigint NOT NULL,
    name text NOT NULL,
    kind integer NOT NULL,
    -- 32 bits without a sign do not fit into an integer.
    position bigint NOT NULL,
    parent_id bigint,
    topic text NOT NULL,
    create_ms bigint NOT NULL
);

CREATE INDEX channels_guild ON channels (guild_id, position);
CREATE INDEX channels_parent ON channels (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE invites (
    code text COLLATE "C" NOT NULL PRIMARY KEY,
    guild_id bigint NOT NULL,
    creator_id bigint NOT NULL,
    max_uses bigint NOT NULL,
    uses bigint NOT NULL,
    expire_ms bigint,
    create_ms bigint NOT NULL
);

CREATE INDEX invites_guild ON invites (guild_id, create_ms);

-- The digest of the code that makes an administrator, while it is open: at most one row.
CREATE TABLE setup (
    id smallint NOT NULL PRIMARY KEY CHECK (id = 1),
    digest bytea NOT NULL
);
