-- The seq of the guild's stream under which a message was written or last edited: whoever shows it must know the rights
-- at least as of there.
ALTER TABLE messages ADD COLUMN guild_seq INTEGER NOT NULL DEFAULT 0;
