-- schema_5.sql: from version 4 of the database to version 5. One-shot nets: an evaluation may be the training of one, or the score of an
-- architecture with its weights, so `evaluation` is made anew for its list of kinds; the weights that a training ended with are kept by key.

-- The architecture-fitness table. A row is written once, when a result is accepted, and never changed; studies share rows by key.
CREATE TABLE evaluation_5 (
    key            TEXT PRIMARY KEY CHECK (length(key) = 64), -- digest of everything the value depends on (docs/ARCHITECTURE.md, Keys)
    kind           TEXT NOT NULL -- rmi, score: an architecture was scored by a worker; train: a one-shot net was trained by one; measure: measured by an agent
        CHECK (kind = 'rmi' OR kind = 'measure' OR kind = 'train' OR kind = 'score'),
    arch           TEXT NOT NULL,                   -- the architecture that was computed: canonical, with score exact; empty for train
    feasible       INTEGER NOT NULL CHECK (feasible IN (0, 1)), -- 0: it could not be scored or measured, whoever tries
    why_not        TEXT NOT NULL,                   -- the reason in words; empty when feasible
    value          REAL,                            -- rmi: phi; measure: latency in ms; train: mean loss; score: accuracy in percent; NULL when not feasible
    detail         TEXT NOT NULL,                   -- JSON: the whole trace; raw samples, statistics and conditions; or what else is known of a one-shot net
    node           TEXT NOT NULL,                   -- who computed it
    device_key     TEXT NOT NULL,                   -- measure: board-processor-runtime-precision it ran on; else empty
    seconds        REAL NOT NULL,                   -- the node's time spent on it
    wall_ms        INTEGER NOT NULL,                -- when the master accepted it, milliseconds since 1970 UTC; for people only
    board          TEXT NOT NULL DEFAULT '',        -- measure: the very board it ran on (board.name); else empty, and before version 3
    failure        TEXT NOT NULL DEFAULT '',        -- class of why_not: unsupported_op, convert_failed, crashes_device; empty when feasible, and unless measured
    queue_seconds  REAL,                            -- from being wanted to being granted; NULL: not known (granted by an earlier start of the master)
    build_seconds  REAL,                            -- of seconds: making the network ready for the board; NULL: before version 3
    run_seconds    REAL,                            -- of seconds: running it; NULL: before version 3
    energy_mj      REAL,                            -- an inference's energy in millijoules; NULL: not measured
    after_canary   INTEGER NOT NULL DEFAULT 0,      -- the board's last good canary (canary.id) when this was accepted; 0: none
    samples_digest TEXT NOT NULL DEFAULT '',        -- of the samples in order; no two results of a board may share it. Empty: too few samples to say
    CHECK (feasible = (value IS NOT NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO evaluation_5
    SELECT key, kind, arch, feasible, why_not, value, detail, node, device_key, seconds, wall_ms, board, failure, queue_seconds, build_seconds,
           run_seconds, energy_mj, after_canary, samples_digest FROM evaluation;
DROP TABLE evaluation;
ALTER TABLE evaluation_5 RENAME TO evaluation;
CREATE INDEX evaluation_by_board ON evaluation (device_key, board, samples_digest) WHERE kind = 'measure';

-- Weights of one-shot nets by what they came of. A row stays when its bytes are dropped: what they were is known by their digest.
CREATE TABLE weights (
    key        TEXT PRIMARY KEY CHECK (length(key) = 64), -- of the training that ended with them (evaluation.key), or of what was made of several
    digest     TEXT NOT NULL CHECK (length(digest) = 64), -- BLAKE2b-256 of data
    size_bytes INTEGER NOT NULL CHECK (size_bytes > 0),   -- of data, also when it was dropped
    data       BLOB                                       -- a safetensors file; NULL: dropped, nothing goes on from them any more
) STRICT;
CREATE INDEX weights_by_digest ON weights (digest);

PRAGMA user_version = 5;
