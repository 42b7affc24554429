-- schema_2.sql: from version 1 of the database (schema.sql) to version 2. Candidates are told in an order of their own: `candidate` is made
-- anew, and with it `candidate_cost`, which refers to it. A search method may have an answer of its own.

-- What the search has asked and learnt, one row an ask. Told candidates only: what was in flight is asked again.
CREATE TABLE candidate_2 (
    study_id    INTEGER NOT NULL REFERENCES study (id) ON DELETE CASCADE, -- whose
    ask         INTEGER NOT NULL CHECK (ask >= 0), -- its number, from 0; without gaps once nothing is in flight
    told        INTEGER NOT NULL CHECK (told >= 0), -- its number in the order of the tells, from 0 without gaps; ask with mode generations
    genes       BLOB NOT NULL,                     -- one byte a gene
    arch        TEXT NOT NULL,                     -- the exact architecture in the space's text form
    canonical   TEXT NOT NULL,                     -- its representative among isomorphic ones: what is scored and measured
    fitness_key TEXT NOT NULL CHECK (length(fitness_key) = 64), -- of its fitness; with fitness by RMI, evaluation.key
    cached      INTEGER NOT NULL CHECK (cached IN (0, 1)),  -- 1: that key had been asked for before in this study
    skipped     INTEGER NOT NULL CHECK (skipped IN (0, 1)), -- 1: ruled out without an evaluation
    connected   INTEGER NOT NULL CHECK (connected IN (0, 1)), -- 0: its output does not depend on its input
    feasible    INTEGER NOT NULL CHECK (feasible IN (0, 1)), -- 0: disconnected, not scored, or a cost is missing
    fitness     REAL NOT NULL,                     -- larger is better; 0 when not feasible
    satisfies   INTEGER NOT NULL CHECK (satisfies IN (0, 1)), -- 1: feasible and within every constraint
    PRIMARY KEY (study_id, ask),
    UNIQUE (study_id, told)
) STRICT, WITHOUT ROWID;
INSERT INTO candidate_2
    SELECT study_id, ask, ask, genes, arch, canonical, fitness_key, cached, skipped, connected, feasible, fitness, satisfies FROM candidate;

CREATE TABLE candidate_cost_2 (
    study_id INTEGER NOT NULL, -- with ask: whose cost it is
    ask      INTEGER NOT NULL, -- with study_id
    position INTEGER NOT NULL CHECK (position >= 0), -- in the study's list of costs, from 0
    value    REAL,             -- in the unit of the cost's name; NULL: missing
    PRIMARY KEY (study_id, ask, position),
    FOREIGN KEY (study_id, ask) REFERENCES candidate_2 (study_id, ask) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
INSERT INTO candidate_cost_2 SELECT study_id, ask, position, value FROM candidate_cost;

DROP TABLE candidate_cost;
DROP TABLE candidate;
ALTER TABLE candidate_2 RENAME TO candidate; -- and what refers to it
ALTER TABLE candidate_cost_2 RENAME TO candidate_cost;

ALTER TABLE study ADD COLUMN answer TEXT -- the method's own answer, an exact architecture, where that is not its best candidate
    CHECK (answer <> '');

PRAGMA user_version = 2;
