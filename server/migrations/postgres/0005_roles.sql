-- Roles, overwrites, bans and the audit log. Sets of permissions are 64 bits, bit `1 << number of the permission`.

-- Everyone's role has the guild's own id.
CREATE TABLE roles (
    id bigint NOT NULL PRIMARY KEY,
    guild_id bigint NOT NULL,
    name text NOT NULL,
    permissions bigint NOT NULL,
    color bigint NOT NULL,
    hoist boolean NOT NULL,
    mentionable boolean NOT NULL,
    position bigint NOT NULL,
    bot_id bigint,
    create_ms bigint NOT NULL
);

CREATE INDEX roles_guild ON roles (guild_id, position);

-- What members of guilds that are there already may do, with what comes with it: view channels (1), read history (2),
-- send (3), create invites (5), send in threads (9), create threads (10), react (12), attach (13), embed links (14),
-- external emoji (16), change the own nickname (19), connect (25), speak (26).
INSERT INTO roles (id, guild_id, name, permissions, color, hoist, mentionable, position, create_ms)
SELECT id, id, 'everyone', 101283374, 0, FALSE, FALSE, 0, create_ms FROM guilds;

CREATE TABLE member_roles (
    guild_id bigint NOT NULL,
    user_id bigint NOT NULL,
    role_id bigint NOT NULL,
    PRIMARY KEY (guild_id, user_id, role_id)
);

CREATE INDEX member_roles_role ON member_roles (role_id);

ALTER TABLE members ADD COLUMN nickname text NOT NULL DEFAULT '';
ALTER TABLE members ADD COLUMN time_out_ms bigint;

ALTER TABLE channels ADD COLUMN slow_mode_seconds bigint NOT NULL DEFAULT 0;
-- A channel below a category has the category's overwrites until it is given one of its own.
ALTER TABLE channels ADD COLUMN in_step boolean NOT NULL DEFAULT FALSE;
UPDATE channels SET in_step = TRUE WHERE parent_id IS NOT NULL;

-- Of a role (1) or of a member (2).
CREATE TABLE overwrites (
    channel_id bigint NOT NULL,
    kind smallint NOT NULL,
    target_id bigint NOT NULL,
    guild_id bigint NOT NULL,
    allow bigint NOT NULL,
    deny bigint NOT NULL,
    PRIMARY KEY (channel_id, kind, target_id)
);

CREATE INDEX overwrites_guild ON overwrites (guild_id, kind, target_id);

CREATE TABLE bans (
    guild_id bigint NOT NULL,
    user_id bigint NOT NULL,
    actor_id bigint NOT NULL,
    reason text NOT NULL,
    create_ms bigint NOT NULL,
    PRIMARY KEY (guild_id, user_id)
);

-- Written with what it tells of, and never changed.
CREATE TABLE audit (
    guild_id bigint NOT NULL,
    id bigint NOT NULL,
    actor_id bigint NOT NULL,
    action integer NOT NULL,
    target_id bigint NOT NULL,
    reason text NOT NULL,
    changes bytea NOT NULL,
    create_ms bigint NOT NULL,
    PRIMARY KEY (guild_id, id)
);
