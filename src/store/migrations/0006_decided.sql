-- What people decided on a resource binds the next finding on it, whichever case that is in.

-- What each run has ever held. A hold goes with its undo; that there was something to undo does not.
CREATE TABLE contained (
    resource TEXT NOT NULL,
    run TEXT NOT NULL REFERENCES runs (id),
    PRIMARY KEY (resource, run)
);
INSERT INTO contained (resource, run) SELECT resource, run FROM holds;

-- The runs about a target, also those that are over.
CREATE INDEX runs_target ON runs (target) WHERE target IS NOT NULL;

-- What people said to runs, in its order: the last word on a target counts, and a clock may stand still
-- or go back. Of old questions it is only known when they were asked, and an old yes must not come after
-- a no by mistake. A no of which nobody knows when it was said is left out: it binds.
CREATE TABLE words (
    n BIGINT NOT NULL PRIMARY KEY,
    run TEXT NOT NULL REFERENCES runs (id),
    word TEXT NOT NULL
);
CREATE INDEX words_run ON words (run, word, n);
INSERT INTO words (n, run, word)
SELECT ROW_NUMBER() OVER (ORDER BY said.at, said.rank, said.run), said.run, said.word FROM (
    SELECT requested_at AS at, 0 AS rank, run, 'yes' AS word FROM approvals WHERE state = 'granted'
    UNION ALL
    SELECT ended_at, 1, id, 'no' FROM runs WHERE code = 'E0507' AND ended_at IS NOT NULL
    UNION ALL
    SELECT requested_at, 1, undoes, 'undo' FROM runs WHERE undoes IS NOT NULL
) AS said;

-- Of which severity, in tenths, the people on call are told by a run that only observes a genuine
-- finding; 0: of none. Null: it tells nobody.
ALTER TABLE runs ADD COLUMN told BIGINT;
