-- A move of everything from another store into this one, while it is not done: at most one row. A store that has it is
-- not served.
CREATE TABLE moves (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    -- A digest of the source's streams, by which a move that was broken off knows its source again.
    picture BLOB NOT NULL,
    -- The keyspace that the logs of channels go to; empty: none.
    keyspace TEXT NOT NULL
) STRICT;
