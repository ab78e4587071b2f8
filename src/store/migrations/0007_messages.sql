-- What people are still to be told. A row is written with what makes it necessary, and goes when its
-- channel took it or it was given up.
CREATE TABLE messages (
    id TEXT NOT NULL PRIMARY KEY,
    case_id TEXT NOT NULL REFERENCES cases (id),
    run TEXT REFERENCES runs (id),
    channel TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- How often it was sent and did not arrive.
    attempts BIGINT NOT NULL,
    -- When it is sent next. Whoever sends it moves this forward first, so that no other one does.
    due_at BIGINT NOT NULL
);
CREATE INDEX messages_due ON messages (due_at);

-- The highest band of severity (0: none) of the findings without a run that people were told of; null:
-- of none.
ALTER TABLE cases ADD COLUMN told BIGINT;
