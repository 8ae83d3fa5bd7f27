-- Who is there, as the nodes say. It is worth nothing without the nodes that said it: a crash may forget it.

CREATE UNLOGGED TABLE presence_nodes (
    node bigint NOT NULL PRIMARY KEY,
    -- By the clock of the database, which is one for all.
    expires timestamptz NOT NULL
);

CREATE UNLOGGED TABLE presences (
    user_id bigint NOT NULL,
    node bigint NOT NULL,
    guilds bigint[] NOT NULL,
    record bytea NOT NULL,
    PRIMARY KEY (user_id, node)
);

CREATE INDEX presences_guilds ON presences USING gin (guilds);
CREATE INDEX presences_node ON presences (node);
