-- The number of the error that a run ended with; null where it ended well or is not over.
ALTER TABLE runs ADD COLUMN code TEXT;
UPDATE runs SET code = 'E0512' WHERE state = 'halted' AND summary LIKE 'E0512:%';
UPDATE runs SET code = 'E0513' WHERE state = 'succeeded' AND summary LIKE 'not needed: %';

-- Whether what a run was asked for is genuine as far as anybody can tell: until then it answers for no
-- other finding. Before this was written, a run answered for others from its start.
ALTER TABLE runs ADD COLUMN confirmed BIGINT NOT NULL DEFAULT 1;

-- When it ended; null where it is not over, or ended before this was written. It answers for nothing
-- that was seen later.
ALTER TABLE runs ADD COLUMN ended_at BIGINT;

-- When a look last verified a containment of it: what was seen later goes on in spite of it, also while
-- the run still waits for evidence.
ALTER TABLE runs ADD COLUMN looked_at BIGINT;

-- Whether an undo gave back anything of it, also one that did not come to its end.
ALTER TABLE runs ADD COLUMN lifted BIGINT NOT NULL DEFAULT 0;

-- What is written to find out whether the disk has room again; its one row means nothing.
CREATE TABLE probes (padding TEXT NOT NULL);
