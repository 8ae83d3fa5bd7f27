-- Roles, overwrites, bans and the audit log. Sets of permissions are 64 bits, bit `1 << number of the permission`.

-- Everyone's role has the guild's own id.
CREATE TABLE roles (
    id INTEGER NOT NULL PRIMARY KEY,
    guild_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    permissions INTEGER NOT NULL,
    color INTEGER NOT NULL,
    hoist INTEGER NOT NULL,
    mentionable INTEGER NOT NULL,
    position INTEGER NOT NULL,
    bot_id INTEGER,
    create_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX roles_guild ON roles (guild_id, position);

-- What members of guilds that are there already may do, with what comes with it: view channels (1), read history (2),
-- send (3), create invites (5), send in threads (9), create threads (10), react (12), attach (13), embed links (14),
-- external emoji (16), change the own nickname (19), connect (25), speak (26).
INSERT INTO roles (id, guild_id, name, permissions, color, hoist, mentionable, position, create_ms)
SELECT id, id, 'everyone', 101283374, 0, 0, 0, 0, create_ms FROM guilds;

CREATE TABLE member_roles (
    guild_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    role_id INTEGER NOT NULL,
    PRIMARY KEY (guild_id, user_id, role_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX member_roles_role ON member_roles (role_id);

ALTER TABLE members ADD COLUMN nickname TEXT NOT NULL DEFAULT '';
ALTER TABLE members ADD COLUMN time_out_ms INTEGER;

ALTER TABLE channels ADD COLUMN slow_mode_seconds INTEGER NOT NULL DEFAULT 0;
-- A channel below a category has the category's overwrites until it is given one of its own.
ALTER TABLE channels ADD COLUMN in_step INTEGER NOT NULL DEFAULT 0;
UPDATE channels SET in_step = 1 WHERE parent_id IS NOT NULL;

-- Of a role (1) or of a member (2).
CREATE TABLE overwrites (
    channel_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    target_id INTEGER NOT NULL,
    guild_id INTEGER NOT NULL,
    allow INTEGER NOT NULL,
    deny INTEGER NOT NULL,
    PRIMARY KEY (channel_id, kind, target_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX overwrites_guild ON overwrites (guild_id, kind, target_id);

CREATE TABLE bans (
    guild_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    actor_id INTEGER NOT NULL,
    reason TEXT NOT NULL,
    create_ms INTEGER NOT NULL,
    PRIMARY KEY (guild_id, user_id)
) STRICT, WITHOUT ROWID;

-- Written with what it tells of, and never changed.
CREATE TABLE audit (
    guild_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    actor_id INTEGER NOT NULL,
    action INTEGER NOT NULL,
    target_id INTEGER NOT NULL,
    reason TEXT NOT NULL,
    changes BLOB NOT NULL,
    create_ms INTEGER NOT NULL,
    PRIMARY KEY (guild_id, id)
) STRICT, WITHOUT ROWID;
