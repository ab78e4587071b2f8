-- What nobody but the sender of a finding makes necessary: a finding without a run, and the end of a run
-- that only observed, or that GuardDuty never confirmed. Of these a few are sent one by one, and all
-- others together.
ALTER TABLE messages ADD COLUMN gathered BIGINT NOT NULL DEFAULT 0;
-- With which others it is sent as one message, as that message's id. Null: with none so far.
ALTER TABLE messages ADD COLUMN batch TEXT;
UPDATE messages SET gathered = 1 WHERE case_id IS NOT NULL AND (run IS NULL OR run IN (
    SELECT id FROM runs WHERE kind = 'runbook' AND requested_by = 'service'
    AND (mode = 'observe' OR confirmed = 0)));
-- All else is sent before them.
DROP INDEX messages_due;
DROP INDEX messages_of_runs;
CREATE INDEX messages_due ON messages (gathered, due_at);
CREATE INDEX messages_batch ON messages (batch, due_at) WHERE batch IS NOT NULL;
