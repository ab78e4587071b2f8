-- In which order things were held and closed, and which run an undo takes back: what an undo and a
-- later version of a finding must compare with.

-- Rises with every hold that is taken; 0: taken before this was written.
ALTER TABLE holds ADD COLUMN taken BIGINT NOT NULL DEFAULT 0;
CREATE INDEX holds_run ON holds (run);

-- When a person last closed the case.
ALTER TABLE cases ADD COLUMN closed_at BIGINT;

-- The run that an undo takes back.
ALTER TABLE runs ADD COLUMN undoes TEXT;
CREATE INDEX runs_undo ON runs (undoes) WHERE undoes IS NOT NULL;
-- One at a time.
CREATE UNIQUE INDEX runs_one_undo ON runs (undoes)
    WHERE undoes IS NOT NULL AND state IN ('queued', 'running', 'parked');

-- The finding that a run answers: the digest of its document.
ALTER TABLE runs ADD COLUMN document TEXT;
