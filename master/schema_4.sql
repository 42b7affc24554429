-- schema_4.sql: from version 3 of the database to version 4. Leases take less writing: every evaluation has one, so `lease` is made anew without
-- AUTOINCREMENT (a row is never deleted, so that an id is never used twice all the same), and its index by key holds only those that are asked for by key.

-- Who works, or worked, on what.
CREATE TABLE lease_4 (
    id              INTEGER PRIMARY KEY,               -- never reused; with epoch and attempt it is the token of a result
    epoch           INTEGER NOT NULL,                  -- of the master that granted it
    key             TEXT NOT NULL CHECK (length(key) = 64), -- what is to be computed (evaluation.key)
    attempt         INTEGER NOT NULL CHECK (attempt >= 1), -- how many leases of that key there have been, this one included
    node            TEXT NOT NULL,                     -- to whom
    state           TEXT NOT NULL -- how it stands or ended (for an IN of five SQLite would make a table at every write)
        CHECK (state = 'open' OR state = 'done' OR state = 'failed' OR state = 'lost' OR state = 'returned'),
    reason          TEXT NOT NULL,                     -- why it failed or was lost; else empty
    granted_wall_ms INTEGER NOT NULL,                  -- milliseconds since 1970 UTC; for people only
    closed_wall_ms  INTEGER NOT NULL,                  -- likewise; 0: open
    board           TEXT NOT NULL DEFAULT '',          -- the board of that node; empty for workers
    failure         TEXT NOT NULL DEFAULT ''           -- class of a failure: timeout, crashed, impossible, ...; lost for state lost
) STRICT;
INSERT INTO lease_4 SELECT id, epoch, key, attempt, node, state, reason, granted_wall_ms, closed_wall_ms, board, failure FROM lease;
DROP TABLE lease;
ALTER TABLE lease_4 RENAME TO lease;
CREATE INDEX lease_open ON lease (id) WHERE state = 'open';
CREATE INDEX lease_failed ON lease (key) WHERE state IN ('failed', 'lost');

PRAGMA user_version = 4;
