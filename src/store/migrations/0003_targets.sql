-- Which step works on an AWS resource now: containment and its undo take turns, whatever their runs
-- were started for. A row goes with the step's end, at the latest with its run's.
CREATE TABLE targets (
    resource TEXT PRIMARY KEY,
    run TEXT NOT NULL REFERENCES runs (id),
    step TEXT NOT NULL
);
CREATE INDEX targets_run ON targets (run);

-- What an attack sequence named when its run was asked for, as a sorted JSON array: a sequence grows,
-- and what a later version names besides is not answered by that run.
ALTER TABLE runs ADD COLUMN named TEXT;
