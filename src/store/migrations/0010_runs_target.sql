-- Only what people decided is looked for among runs that are over. Without the kind in it, this index is
-- taken for the look for a run that blocks another, too: each claim then reads every run there ever was on
-- its target.
DROP INDEX runs_target;
CREATE INDEX runs_target ON runs (target) WHERE kind = 'runbook' AND target IS NOT NULL;
