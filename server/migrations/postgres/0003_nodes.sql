-- The processes that share this database. Times are this server's: the clocks of nodes do not matter. To lose the table's
-- content in a crash of the server costs nothing, because every node writes its row again within two seconds.
CREATE UNLOGGED TABLE nodes (
    id bigint NOT NULL PRIMARY KEY,
    address text NOT NULL,
    start_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    load bigint NOT NULL,
    expire_time timestamptz NOT NULL
);
