-- schema_3.sql: from version 2 of the database to version 3. Boards have names, a past and a state; what a board measured can be found and
-- withdrawn; failures have classes; waiting, building and running are timed apart.

ALTER TABLE evaluation ADD COLUMN board TEXT NOT NULL DEFAULT ''; -- measure: the very board it ran on (board.name); empty for rmi, and before version 3
ALTER TABLE evaluation ADD COLUMN failure TEXT NOT NULL DEFAULT ''; -- class of why_not: unsupported_op, convert_failed, crashes_device; empty when feasible, and for rmi
ALTER TABLE evaluation ADD COLUMN queue_seconds REAL; -- from being wanted to being granted; NULL: not known (granted by an earlier start of the master)
ALTER TABLE evaluation ADD COLUMN build_seconds REAL; -- of seconds: making the network ready for the board; NULL: before version 3
ALTER TABLE evaluation ADD COLUMN run_seconds REAL; -- of seconds: running it; NULL: before version 3
ALTER TABLE evaluation ADD COLUMN energy_mj REAL; -- an inference's energy in millijoules; NULL: not measured
ALTER TABLE evaluation ADD COLUMN after_canary INTEGER NOT NULL DEFAULT 0; -- the board's last good canary (canary.id) when this was accepted; 0: none
ALTER TABLE evaluation ADD COLUMN samples_digest TEXT NOT NULL DEFAULT ''; -- of the samples in order; no two results of a board may share it. Empty: too few samples to say
CREATE INDEX evaluation_by_board ON evaluation (device_key, board, samples_digest) WHERE kind = 'measure';

ALTER TABLE lease ADD COLUMN board TEXT NOT NULL DEFAULT ''; -- the board of that node; empty for workers
ALTER TABLE lease ADD COLUMN failure TEXT NOT NULL DEFAULT ''; -- class of a failure: timeout, crashed, impossible, ...; lost for state lost

-- Every board that was ever connected: one physical or simulated thing.
CREATE TABLE board (
    device_key       TEXT NOT NULL CHECK (device_key <> ''), -- board-processor-runtime-precision; several boards may share one, and with it measurements
    name             TEXT NOT NULL CHECK (name <> ''), -- of this very one
    state            TEXT NOT NULL CHECK (state IN ('trusted', 'quarantined')), -- quarantined: it measures nothing but canaries
    reason           TEXT NOT NULL, -- why it is quarantined; empty when it is trusted
    held             INTEGER NOT NULL CHECK (held IN (0, 1)), -- 1: quarantined by a person; no canary lifts it
    since_wall_ms    INTEGER NOT NULL, -- in this state since, milliseconds since 1970 UTC; for people only
    strikes          INTEGER NOT NULL CHECK (strikes >= 0), -- results that could not be believed, since the last good canary
    first_canary     INTEGER NOT NULL, -- canaries of a smaller id belong to a level it had before a person accepted another
    runner           TEXT NOT NULL, -- what it was last measured with: builtin, command, simulated
    node             TEXT NOT NULL, -- the agent it last came with
    conditions       TEXT NOT NULL, -- as that agent described them
    seen_wall_ms     INTEGER NOT NULL, -- when, milliseconds since 1970 UTC
    deterministic    INTEGER NOT NULL CHECK (deterministic IN (0, 1)), -- 1: it calculates latency, so that equal samples are honest
    peak_macs_per_s  REAL NOT NULL, -- what its hardware can do at the most; 0: unknown
    peak_bytes_per_s REAL NOT NULL, -- likewise
    PRIMARY KEY (device_key, name)
) STRICT, WITHOUT ROWID;

-- Measurements of the one fixed network that a board is held against its own past with. Kept when the board is forgotten.
CREATE TABLE canary (
    id             INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order they were accepted
    device_key     TEXT NOT NULL, -- with board: whose
    board          TEXT NOT NULL, -- board.name
    verdict        TEXT NOT NULL CHECK (verdict IN ('good', 'doubtful', 'off')), -- as it was judged then (master/trust.h)
    latency_ms     REAL, -- NULL: it could not be measured
    expected_ms    REAL, -- what the board's past had led to expect; NULL: nothing
    sentence       TEXT NOT NULL, -- the verdict in words
    detail         TEXT NOT NULL, -- JSON: raw samples, statistics and conditions
    samples_digest TEXT NOT NULL, -- as in evaluation
    node           TEXT NOT NULL, -- the agent
    seconds        REAL NOT NULL, -- the agent's time spent on it
    wall_ms        INTEGER NOT NULL -- when the master accepted it, milliseconds since 1970 UTC; for people only
) STRICT;
CREATE INDEX canary_by_board ON canary (device_key, board, id);

-- Rows that were taken out of evaluation because their board is not believed any more. Measured data is never deleted.
CREATE TABLE withdrawn (
    id                INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order they were taken out
    withdrawn_wall_ms INTEGER NOT NULL, -- when, milliseconds since 1970 UTC; for people only
    withdrawn_because TEXT NOT NULL, -- the reason that was given
    key               TEXT NOT NULL, -- this and the rest: as in evaluation
    kind              TEXT NOT NULL, -- as in evaluation
    arch              TEXT NOT NULL, -- as in evaluation
    feasible          INTEGER NOT NULL, -- as in evaluation
    why_not           TEXT NOT NULL, -- as in evaluation
    value             REAL, -- as in evaluation
    detail            TEXT NOT NULL, -- as in evaluation
    node              TEXT NOT NULL, -- as in evaluation
    device_key        TEXT NOT NULL, -- as in evaluation
    seconds           REAL NOT NULL, -- as in evaluation
    wall_ms           INTEGER NOT NULL, -- as in evaluation
    board             TEXT NOT NULL, -- as in evaluation
    failure           TEXT NOT NULL, -- as in evaluation
    queue_seconds     REAL, -- as in evaluation
    build_seconds     REAL, -- as in evaluation
    run_seconds       REAL, -- as in evaluation
    energy_mj         REAL, -- as in evaluation
    after_canary      INTEGER NOT NULL, -- as in evaluation
    samples_digest    TEXT NOT NULL -- as in evaluation
) STRICT;
CREATE INDEX withdrawn_by_board ON withdrawn (device_key, board, samples_digest);

PRAGMA user_version = 3;
