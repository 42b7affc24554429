-- schema.sql: the database of hwnas, version 1. Compiled into the programs; what stands in a file can be read back with `.schema` of
-- the sqlite3 shell, comments included. The only writer is the master, through master/store*.c.
--
-- To change it: 1. leave this file as it is; 2. write the statements that lead to the next version into schema_N.sql (N the new version)
-- and add it to the list in master/store_schema.c; 3. describe the change in docs/SCHEMA.md; 4. keep the test that opens a database of every older version green.

PRAGMA application_id = 1752657505; -- "hwna"

CREATE TABLE master (
    id    INTEGER PRIMARY KEY CHECK (id = 1), -- always 1: the table has one row
    epoch INTEGER NOT NULL CHECK (epoch >= 0) -- how often a master has started on this database; leases name the one that granted them
) STRICT;
INSERT INTO master (id, epoch) VALUES (1, 0);

CREATE TABLE study (
    id               INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused
    name             TEXT NOT NULL UNIQUE,              -- as in the study file
    settings         TEXT NOT NULL,                     -- the complete settings as YAML, defaults included (config_text)
    files            TEXT NOT NULL,                     -- JSON: role -> path and digest of every file the study reads
    state            TEXT NOT NULL CHECK (state IN ('running', 'finished')), -- finished: its budget or its generations are used up
    created_wall_ms  INTEGER NOT NULL,                  -- milliseconds since 1970 UTC; for people only
    finished_wall_ms INTEGER NOT NULL,                  -- likewise; 0: not yet
    seconds          REAL NOT NULL                      -- spent searching, summed over restarts
) STRICT;

-- The architecture-fitness table. A row is written once, when a result is accepted, and never changed; studies share rows by key.
CREATE TABLE evaluation (
    key        TEXT PRIMARY KEY CHECK (length(key) = 64), -- digest of everything the value depends on (docs/ARCHITECTURE.md, Keys)
    kind       TEXT NOT NULL CHECK (kind IN ('rmi', 'measure')), -- scored by a worker, or measured by an agent
    arch       TEXT NOT NULL,                   -- the canonical architecture that was computed
    feasible   INTEGER NOT NULL CHECK (feasible IN (0, 1)), -- 0: it could not be scored or measured, whoever tries
    why_not    TEXT NOT NULL,                   -- the reason in words; empty when feasible
    value      REAL,                            -- rmi: phi, larger is better; measure: latency in ms; NULL when not feasible
    detail     TEXT NOT NULL,                   -- JSON: the whole trace; or raw samples, statistics and conditions
    node       TEXT NOT NULL,                   -- who computed it
    device_key TEXT NOT NULL,                   -- measure: board-processor-runtime-precision it ran on; empty for rmi
    seconds    REAL NOT NULL,                   -- the node's time spent on it
    wall_ms    INTEGER NOT NULL,                -- when the master accepted it, milliseconds since 1970 UTC; for people only
    CHECK (feasible = (value IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- What the search has asked and learnt, one row an ask, in ask order. Told candidates only: what was in flight is asked again.
CREATE TABLE candidate (
    study_id    INTEGER NOT NULL REFERENCES study (id) ON DELETE CASCADE, -- whose
    ask         INTEGER NOT NULL CHECK (ask >= 0), -- its number, from 0 without gaps
    genes       BLOB NOT NULL,                     -- one byte a gene
    arch        TEXT NOT NULL,                     -- the exact architecture in the space's text form
    canonical   TEXT NOT NULL,                     -- its representative among isomorphic ones: what is scored and measured
    fitness_key TEXT NOT NULL CHECK (length(fitness_key) = 64), -- of its fitness; with fitness by RMI, evaluation.key
    cached      INTEGER NOT NULL CHECK (cached IN (0, 1)),  -- 1: that key had been evaluated before in this study
    skipped     INTEGER NOT NULL CHECK (skipped IN (0, 1)), -- 1: ruled out without an evaluation
    connected   INTEGER NOT NULL CHECK (connected IN (0, 1)), -- 0: its output does not depend on its input
    feasible    INTEGER NOT NULL CHECK (feasible IN (0, 1)), -- 0: disconnected, not scored, or a cost is missing
    fitness     REAL NOT NULL,                     -- larger is better; 0 when not feasible
    satisfies   INTEGER NOT NULL CHECK (satisfies IN (0, 1)), -- 1: feasible and within every constraint
    PRIMARY KEY (study_id, ask)
) STRICT, WITHOUT ROWID;

CREATE TABLE candidate_cost (
    study_id INTEGER NOT NULL, -- with ask: whose cost it is
    ask      INTEGER NOT NULL, -- with study_id
    position INTEGER NOT NULL CHECK (position >= 0), -- in the study's list of costs, from 0
    value    REAL,             -- in the unit of the cost's name; NULL: missing
    PRIMARY KEY (study_id, ask, position),
    FOREIGN KEY (study_id, ask) REFERENCES candidate (study_id, ask) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Where a restart goes on from; candidates told later are replayed. One row a study: the newest.
CREATE TABLE snapshot (
    study_id INTEGER PRIMARY KEY REFERENCES study (id) ON DELETE CASCADE, -- whose
    told     INTEGER NOT NULL CHECK (told >= 0), -- candidates it includes: asks 0 to told - 1
    data     BLOB NOT NULL                       -- the state (JSON, study_save)
) STRICT;

-- Who works, or worked, on what.
CREATE TABLE lease (
    id              INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused; with epoch and attempt it is the token of a result
    epoch           INTEGER NOT NULL,                  -- of the master that granted it
    key             TEXT NOT NULL CHECK (length(key) = 64), -- what is to be computed (evaluation.key)
    attempt         INTEGER NOT NULL CHECK (attempt >= 1), -- how many leases of that key there have been, this one included
    node            TEXT NOT NULL,                     -- to whom
    state           TEXT NOT NULL CHECK (state IN ('open', 'done', 'failed', 'lost', 'returned')), -- how it stands or ended
    reason          TEXT NOT NULL,                     -- why it failed or was lost; else empty
    granted_wall_ms INTEGER NOT NULL,                  -- milliseconds since 1970 UTC; for people only
    closed_wall_ms  INTEGER NOT NULL                   -- likewise; 0: open
) STRICT;
CREATE INDEX lease_by_key ON lease (key);
CREATE INDEX lease_open ON lease (id) WHERE state = 'open';

-- Reference bundles by content, so that workers can ask for one after the file it came from has gone.
CREATE TABLE bundle (
    digest TEXT PRIMARY KEY CHECK (length(digest) = 64), -- BLAKE2b-256 of data
    data   BLOB NOT NULL                                 -- the bundle's bytes
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
