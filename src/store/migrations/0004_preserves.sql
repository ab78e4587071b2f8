-- Whether a parked run waits for nothing but evidence: it holds up no other run on its target.
ALTER TABLE runs ADD COLUMN preserves BIGINT NOT NULL DEFAULT 0;
